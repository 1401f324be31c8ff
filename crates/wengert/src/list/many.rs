//! Sums and dot products of many scalars: one node each, whose terms stand in a table beside the list.

use super::*;

/// One operand of many, and the partial with respect to it.
///
/// A constant's operand is the node itself, as in a node's own slots. Of a sum, its partial is the constant. Of a
/// dot product, the factors stand side by side, and the partial with respect to each is the other's value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term<T> {
    pub(crate) operand: u32,
    pub(crate) partial: T,
}

impl<T> Term<T> {
    /// Stands for the node itself until the node has a place.
    pub(crate) const OWN: u32 = u32::MAX;
}

/// The terms of all nodes that have many.
#[derive(Debug)]
pub(crate) struct Many<T> {
    /// In order: the node, and where its terms end.
    nodes: Vec<(u32, u32)>,
    terms: Vec<Term<T>>,
    /// An empty list, whose memory the next operation uses.
    room: Vec<Term<T>>,
}

impl<T: Real> Many<T> {
    pub(super) const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            terms: Vec::new(),
            room: Vec::new(),
        }
    }

    /// The terms of a node; none, if it is none of many.
    pub(crate) fn terms_of(&self, id: u32) -> &[Term<T>] {
        match self.nodes.binary_search_by_key(&id, |&(node, _)| node) {
            Ok(place) => self.terms_at(place),
            Err(_) => &[],
        }
    }

    /// [`Many::terms_of`] for a node that is at hand.
    pub(crate) fn terms_of_node(&self, id: u32, node: &Node<T>) -> &[Term<T>] {
        match node.op() {
            Op::sum | Op::dot => self.terms_of(id),
            _ => &[],
        }
    }

    fn terms_at(&self, place: usize) -> &[Term<T>] {
        let start = place
            .checked_sub(1)
            .map_or(0, |before| self.nodes[before].1);
        &self.terms[start as usize..self.nodes[place].1 as usize]
    }

    /// Those from node `low` on and before node `high`, from the last to the first.
    pub(crate) fn between(&self, low: u32, high: u32) -> impl Iterator<Item = (u32, &[Term<T>])> {
        let place = |id: u32| self.nodes.partition_point(|&(node, _)| node < id);
        (place(low)..place(high))
            .rev()
            .map(|place| (self.nodes[place].0, self.terms_at(place)))
    }

    pub(crate) fn take_room(&mut self) -> Vec<Term<T>> {
        std::mem::take(&mut self.room)
    }

    pub(super) fn truncate(&mut self, nodes: u32) {
        let kept = self.nodes.partition_point(|&(node, _)| node < nodes);
        self.nodes.truncate(kept);
        let end = self.nodes.last().map_or(0, |&(_, end)| end);
        self.terms.truncate(end as usize);
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.nodes[..]) + size_of_val(&self.terms[..])
    }
}

impl<T: Real> List<T> {
    /// Appends the node of an operation on many.
    #[track_caller]
    pub(crate) fn try_push_many(
        &self,
        op: Op,
        value: T,
        mut terms: Vec<Term<T>>,
    ) -> Result<u32, Error> {
        let id = self.len.get();
        if id == self.limit.get() {
            let operands = terms.iter().map(|term| term.operand);
            let operands: Vec<u32> = operands.filter(|&id| id != Term::<T>::OWN).collect();
            self.make_room(op.name(), value, &operands)?;
        }
        let mut state = self.state.borrow_mut();
        let Ok(end) = u32::try_from(state.many.terms.len() + terms.len()) else {
            return Err(Error::Full {
                op: op.name(),
                nodes: id,
            });
        };
        let own = |term: &Term<T>| match term.operand {
            Term::<T>::OWN => Term {
                operand: id,
                ..*term
            },
            _ => *term,
        };
        state.many.terms.extend(terms.iter().map(own));
        state.many.nodes.push((id, end));
        terms.clear();
        state.many.room = terms;
        drop(state);
        // SAFETY: `len` never passes `limit`, and where they were equal there is room now.
        unsafe { self.write(Node::new(op, value, [T::zero(); 2], [id; 2])) };
        Ok(id)
    }
}
