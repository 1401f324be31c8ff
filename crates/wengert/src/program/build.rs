//! From a list to instructions: only what is needed, each thing once, constants computed.

use std::ops::Range;

use crate::error::Error;
use crate::guards::{Asked, Side};
use crate::list::{List, Node, Nodes, State, Term};
use crate::program::instructions::{Builder, Place};
use crate::program::schedule::schedule;
use crate::program::unfold::Unfolded;
use crate::program::{Code, MAX_SLOTS, Question, too_large};
use crate::real::Real;
use crate::rules::Op;

/// What was recorded between the inputs and the outputs: code, and its constants.
pub(crate) fn build<T: Real>(
    list: &'static List<T>,
    inputs: &[u32],
    outputs: &[Side<T>],
) -> Result<(Code, Vec<T>), Error> {
    let _taken_back = list.attempt();
    let unfolded = Unfolded::of(list, inputs)?;
    let state = list.state();
    let asked = state.guards.iter().flat_map(|guard| &guard.sides);
    let roots = asked.chain(outputs).filter_map(|side| match side {
        Side::Node(id) => Some(*id),
        Side::Number(_) => None,
    });
    let count = match unfolded.is_empty() {
        true => roots.clone().max().map_or(0, |last| last + 1),
        false => list.len(),
    };
    let mut walk = Walk {
        nodes: &list.nodes(count),
        state: &state,
        order: unfolded.order(count),
        unfolded,
        places: vec![None; count as usize],
        builder: Builder::for_at_most(0),
    };
    for (k, &id) in inputs.iter().enumerate() {
        if let Some(place) = walk.places.get_mut(id as usize) {
            *place = Some(Place::input(k));
        }
    }
    // What was recorded before every input is constant.
    let first = inputs.iter().copied().min().unwrap_or(count);
    for stretch in &mut walk.order {
        stretch.start = stretch.start.max(first);
    }
    let needed = walk.needed(roots);
    walk.emit(&needed)?;
    drop(needed);
    let outputs: Vec<Place> = outputs.iter().map(|&side| walk.place_of(side)).collect();
    let questions = walk.questions()?;
    let (constants, instructions) = walk.builder.finish();
    let (inputs, count) = (inputs.len(), constants.len());
    let code = schedule(inputs, count, instructions, &outputs, questions);
    Ok((code, constants))
}

/// A walk through what was recorded.
struct Walk<'a, T: Real> {
    nodes: &'a Nodes<'a, T>,
    state: &'a State<T>,
    /// The nodes, operands first.
    order: Vec<Range<u32>>,
    unfolded: Unfolded,
    /// What has become of each node; of one that does not depend on the inputs, nothing or a constant.
    places: Vec<Option<Place>>,
    builder: Builder<T>,
}

impl<T: Real> Walk<'_, T> {
    /// Which nodes are needed for the roots.
    fn needed(&mut self, roots: impl Iterator<Item = u32>) -> Vec<bool> {
        let mut needed = vec![false; self.places.len()];
        for root in roots {
            needed[root as usize] = true;
        }
        let mut count = 0;
        for id in self.order.iter().cloned().rev().flat_map(Range::rev) {
            // What an input was made of is not needed for it.
            if !needed[id as usize] || self.places[id as usize].is_some() {
                continue;
            }
            count += 1;
            if let Some(again) = self.unfolded.again(id) {
                needed[again as usize] = true;
                continue;
            }
            let node = self.nodes.get(id);
            match node.op() {
                Op::leaf => {}
                Op::aux | Op::sum | Op::dot => {
                    for operand in self.state.operands_of(id, node) {
                        needed[operand as usize] = true;
                    }
                }
                _ => {
                    needed[node.operand(0) as usize] = true;
                    needed[node.operand(1) as usize] = true;
                }
            }
        }
        self.builder = Builder::for_at_most(count);
        needed
    }

    /// Finds the places of what is needed and depends on the inputs.
    fn emit(&mut self, needed: &[bool]) -> Result<(), Error> {
        let order = std::mem::take(&mut self.order);
        for id in order.into_iter().flatten() {
            if !needed[id as usize] || self.places[id as usize].is_some() {
                continue;
            }
            self.places[id as usize] = match self.unfolded.again(id) {
                Some(again) => self.places[again as usize],
                None => self.place(id)?,
            };
        }
        Ok(())
    }

    /// The place of an operation, if it depends on the inputs.
    #[inline]
    fn place(&mut self, id: u32) -> Result<Option<Place>, Error> {
        let nodes = self.nodes;
        let node = nodes.get(id);
        let op = node.op();
        match op {
            // A pair is half of an operation with three operands, and no operation itself.
            Op::leaf | Op::pair => return Ok(None),
            Op::aux => return self.check_tensor(id).map(|()| None),
            Op::sum | Op::dot => return self.place_of_many(id, op),
            _ => {}
        }
        let (inputs, params) = op.arity();
        let count = inputs + params;
        // An operation with three places keeps the first two in the pair before it.
        let own = if count == 3 { node.operand(0) } else { id };
        let pair = nodes.get(own);
        let depends = |node: &Node<T>, slot| self.depends(node.operand(slot));
        if !(depends(pair, 0) || depends(pair, 1) || depends(node, 1)) {
            return Ok(None);
        }
        self.check_room(count)?;
        let mut arg = |k: usize, own: u32, node: &Node<T>, slot: usize| match node.operand(slot) {
            _ if k >= count => Place::PAD,
            operand if operand == own => self.builder.constant(node.partials[slot]),
            operand => self.place_of(Side::Node(operand)),
        };
        let args = [
            arg(0, own, pair, 0),
            arg(1, own, pair, 1),
            arg(2, id, node, 1),
        ];
        let stopped = self.state.stopped_range(id).is_some();
        Ok(Some(self.builder.emit(op, args, count, stopped)))
    }

    fn place_of_many(&mut self, id: u32, op: Op) -> Result<Option<Place>, Error> {
        let state = self.state;
        let terms = state.many.terms_of(id);
        if !terms.iter().any(|term| self.depends(term.operand)) {
            return Ok(None);
        }
        self.check_room(terms.len())?;
        let place = |(k, term): (usize, &Term<T>)| match term.operand {
            own if own != id => self.place_of(Side::Node(own)),
            _ if op == Op::sum => self.builder.constant(term.partial),
            // The partial with respect to the other factor is this one.
            _ => self.builder.constant(terms[k ^ 1].partial),
        };
        let args: Vec<Place> = terms.iter().enumerate().map(place).collect();
        let stopped = self.state.stopped_range(id).is_some();
        Ok(Some(self.builder.emit_many(op, &args, stopped)))
    }

    /// Whether a node depends on the inputs; one that is still without a place does not.
    #[inline]
    fn depends(&self, id: u32) -> bool {
        self.places[id as usize].is_some_and(|place| !place.is_constant())
    }

    /// The place of a side of a question, or of an output; what has none is a constant.
    #[inline]
    fn place_of(&mut self, side: Side<T>) -> Place {
        match side {
            Side::Number(number) => self.builder.constant(number),
            Side::Node(id) => match self.places[id as usize] {
                Some(place) => place,
                None => {
                    let place = self.builder.constant(self.nodes.get(id).value);
                    self.places[id as usize] = Some(place);
                    place
                }
            },
        }
    }

    /// An operation on many becomes at most two instructions for each of its places.
    #[inline]
    fn check_room(&self, places: usize) -> Result<(), Error> {
        match self.builder.numbers() + 2 * places < MAX_SLOTS as usize {
            true => Ok(()),
            false => Err(too_large("freeze")),
        }
    }

    #[cold]
    fn check_tensor(&self, id: u32) -> Result<(), Error> {
        let node = self.nodes.get(id);
        let mut operands = self.state.operands_of(id, node);
        match self.state.aux_of(node) {
            Some(aux) if operands.any(|operand| self.depends(operand)) => Err(Error::Argument {
                op: "freeze",
                detail: format!(
                    "node {id}, {}, is an operation on tensors; a program holds operations on scalars, and no custom operations, answers of `implicit` or sums over points: take derivatives through those on a tape",
                    aux.op
                ),
            }),
            _ => Ok(()),
        }
    }

    /// The questions whose answers may change.
    fn questions(&mut self) -> Result<Vec<Question>, Error> {
        let mut questions = Vec::new();
        for guard in &self.state.guards {
            let sides = guard.sides.map(|side| self.place_of(side));
            if sides.iter().all(|side| side.is_constant()) {
                continue;
            }
            if guard.asked == Asked::Other {
                return Err(Error::Argument {
                    op: "freeze",
                    detail: format!(
                        "the question that {} asks about a value cannot be asked again in a replay; compare with <, <= or ==",
                        guard.line
                    ),
                });
            }
            questions.push(Question {
                sides,
                nodes: guard.sides.map(|side| match side {
                    Side::Node(id) => Some(id),
                    Side::Number(_) => None,
                }),
                asked: guard.asked,
                line: guard.line,
            });
        }
        Ok(questions)
    }
}
