//! Sweeps in plain numbers.
//!
//! The loops over scalar nodes are the engine's innermost. They index with checks: without them
//! the sweep took the same time (see `docs/performance.md`).

use smallvec::SmallVec;

use crate::checkpoint::Region;
use crate::error::Error;
use crate::list::{List, Position, Term};
use crate::numeric::Numeric;
use crate::real::Real;
use crate::rules::Op;
use crate::rules::custom::Custom;
use crate::rules::structural::{Array, map::absorb};
use crate::sweep::{Algebra, TensorNode};
use crate::tensor::Tensor;

/// Adjoints or tangents as numbers: one for each scalar node, an array for each tensor.
pub(crate) struct Numbers<T: Real> {
    pub(crate) list: &'static List<T>,
    pub(crate) scalars: Vec<T>,
    pub(crate) tensors: Vec<Option<Numeric<T>>>,
    /// Nodes whose tangents were given; only the forward sweep asks.
    seeded: SmallVec<[u32; 2]>,
    watch: bool,
}

impl<T: Real> Numbers<T> {
    /// Zeros for the nodes up to and with `last`.
    pub(crate) fn new(list: &'static List<T>, last: u32) -> Self {
        let count = last as usize + 1;
        let mut scalars = list.state_mut().buffers.take(count);
        scalars.fill(T::zero());
        let mut tensors = std::mem::take(&mut list.state_mut().adjoints);
        tensors.resize_with(
            list.state().aux.partition_point(|aux| aux.node <= last),
            || None,
        );
        Self {
            list,
            scalars,
            tensors,
            seeded: SmallVec::new(),
            watch: list.is_watched(),
        }
    }

    /// Zeros for the nodes that were recorded since.
    pub(crate) fn extend(&mut self) {
        self.scalars.resize(self.list.len() as usize, T::zero());
        let tensors = self.list.state().aux.len();
        self.tensors.resize_with(tensors, || None);
    }

    /// Forgets the nodes from `position` on, which are about to be taken back.
    pub(crate) fn retract(&mut self, position: Position) {
        self.scalars.truncate(position.nodes as usize);
        self.tensors.truncate(position.aux);
    }

    pub(crate) fn seed_scalar(&mut self, id: u32, value: T) {
        self.scalars[id as usize] += value;
        self.seeded.push(id);
    }

    pub(crate) fn seed_tensor(&mut self, id: u32, numbers: &[T]) {
        let shape = self.list.shape_of(id);
        self.add(
            id,
            Numeric::filled(self.list, &shape, |to| to.copy_from_slice(numbers)),
        );
        self.seeded.push(id);
    }

    /// Puts the seeds in order, for the forward sweep to find them.
    pub(crate) fn sort_seeds(&mut self) {
        self.seeded.sort_unstable();
    }

    /// The slow twin of the reverse loop: it looks at every contribution.
    fn pull_back_watched(&mut self, low: u32, high: u32) -> Result<(), Error> {
        for id in (low..high).rev() {
            let g = self.scalars[id as usize];
            if g == T::zero() {
                continue;
            }
            let node = self.list.node(id);
            let slots = [0, 1].map(|slot| Term {
                operand: node.operand(slot),
                partial: node.partials[slot],
            });
            let state = self.list.state();
            let many = state.many.terms_of_node(id, &node).iter().rev();
            let mut bad = None;
            for term in slots.iter().chain(many).filter(|term| term.operand != id) {
                let contribution = g * term.partial;
                if !contribution.is_finite() {
                    bad = Some(contribution);
                    break;
                }
                self.scalars[term.operand as usize] += contribution;
            }
            drop(state);
            if let Some(contribution) = bad {
                return Err(self
                    .list
                    .non_finite_backward(id, node.op().name(), contribution));
            }
        }
        Ok(())
    }

    /// Runs a user's rule on the tape itself and takes back what it recorded.
    fn on_scratch<R>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let _taken_back = self.list.attempt();
        run(self)
    }

    fn record_constant(&self, array: &Numeric<T>) -> Result<Tensor<T>, Error> {
        self.list
            .try_leaf(&array.shape(), true, |to| to.copy_from_slice(array.data()))
    }

    fn read(&self, tensor: &Tensor<T>) -> Numeric<T> {
        self.list.with_view(tensor.id, |view| {
            Numeric::filled(self.list, view.shape, |to| to.copy_from_slice(view.data))
        })
    }

    fn handle(&self, id: u32) -> Tensor<T> {
        Tensor::new(self.list, self.list.generation(), id)
    }
}

impl<T: Real> Algebra<T> for Numbers<T> {
    type Value = Numeric<T>;

    fn primal(&self, id: u32) -> Numeric<T> {
        Numeric::primal(self.list, id)
    }

    fn get(&self, id: u32) -> Option<Numeric<T>> {
        if let Some(index) = self.list.aux_index(id)
            && !self.list.state().aux[index].shape.is_empty()
        {
            return self.tensors[index].clone();
        }
        let number = self.scalars[id as usize];
        (number != T::zero()).then(|| Numeric::filled(self.list, &[], |to| to[0] = number))
    }

    fn add_in_place(&mut self, node: &TensorNode<T>, g: &Numeric<T>) -> bool {
        let [operand] = node.operands[..] else {
            return false;
        };
        let index = match self.list.aux_index(operand) {
            Some(index) if self.wants(operand) && !self.watch => index,
            _ => return false,
        };
        let shape = self.list.shape_of(operand);
        // A tensor of rank 0 has its adjoint among the scalars.
        if shape.is_empty() {
            return false;
        }
        let (list, sum) = (self.list, &mut self.tensors[index]);
        let zeros = || Numeric::filled(list, &shape, |to| to.fill(T::zero()));
        node.op.pull_back_into(g.view(), &shape, || {
            sum.get_or_insert_with(zeros).data_mut()
        })
    }

    fn add(&mut self, id: u32, contribution: Numeric<T>) {
        if contribution.shape().is_empty() {
            self.scalars[id as usize] += contribution.data()[0];
            return;
        }
        let index = self
            .list
            .aux_index(id)
            .expect("a node with a shape is a tensor");
        match &mut self.tensors[index] {
            Some(sum) => sum.accumulate(&contribution),
            // The nodes of a region go away before the adjoints below them do.
            empty => *empty = Some(contribution.into_owned()),
        }
    }

    fn wants(&self, id: u32) -> bool {
        self.list.is_differentiable(id)
    }

    /// The chain rule and nothing else: no dispatch, no look at the opcode.
    fn pull_back_scalars(&mut self, low: u32, high: u32) -> Result<(), Error> {
        if self.watch {
            return self.pull_back_watched(low, high);
        }
        let adjoint = &mut self.scalars[..high as usize];
        let state = self.list.state();
        let mut many = state.many.between(low, high).peekable();
        let mut end = high;
        while end > low {
            if let Some((id, terms)) = many.next_if(|&(id, _)| id + 1 == end) {
                end = id;
                let g = adjoint[id as usize];
                if g == T::zero() {
                    continue;
                }
                for term in terms.iter().rev() {
                    adjoint[term.operand as usize] += g * term.partial;
                }
                // A constant stands there with the node itself.
                adjoint[id as usize] = g;
                continue;
            }
            let low = many.peek().map_or(low, |&(id, _)| id + 1);
            let run = self.list.last_run(low, end);
            let start = end - run.len() as u32;
            for (id, node) in (start as usize..end as usize).zip(run).rev() {
                let g = adjoint[id];
                // An adjoint of zero absorbs even an infinite partial.
                if g == T::zero() {
                    continue;
                }
                adjoint[node.operand(0) as usize] += g * node.partials[0];
                adjoint[node.operand(1) as usize] += g * node.partials[1];
                // A slot without an operand points at the node itself.
                adjoint[id] = g;
            }
            end = start;
        }
        Ok(())
    }

    fn push_forward_scalars(&mut self, low: u32, high: u32) {
        let mut next_seed = self.seeded.partition_point(|&id| id < low);
        for id in low..high {
            if self.seeded.get(next_seed) == Some(&id) {
                while self.seeded.get(next_seed) == Some(&id) {
                    next_seed += 1;
                }
                continue;
            }
            let node = self.list.node(id);
            let mut tangent = T::zero();
            let mut pass = |operand: u32, partial: T| {
                if operand != id && partial != T::zero() {
                    tangent += absorb(self.scalars[operand as usize], partial);
                }
            };
            for slot in [0, 1] {
                pass(node.operand(slot), node.partials[slot]);
            }
            if matches!(node.op(), Op::sum | Op::dot) {
                for term in self.list.state().many.terms_of(id) {
                    pass(term.operand, term.partial);
                }
            }
            self.scalars[id as usize] = tangent;
        }
    }

    fn pull_back_custom(
        &mut self,
        custom: &Custom<T>,
        node: &TensorNode<T>,
        g: Numeric<T>,
    ) -> Result<Vec<Numeric<T>>, Error> {
        self.on_scratch(|numbers| {
            let g = numbers.record_constant(&g)?;
            let inputs: Vec<_> = node.operands.iter().map(|&id| numbers.handle(id)).collect();
            let cotangents = custom.pull_back(g, &inputs, numbers.handle(node.id))?;
            Ok(cotangents
                .iter()
                .map(|cotangent| numbers.read(cotangent))
                .collect())
        })
    }

    fn push_forward_custom(
        &mut self,
        custom: &Custom<T>,
        node: &TensorNode<T>,
        tangents: &[Option<Numeric<T>>],
    ) -> Result<Numeric<T>, Error> {
        self.on_scratch(|numbers| {
            let inputs: Vec<_> = node.operands.iter().map(|&id| numbers.handle(id)).collect();
            let tangents = tangents
                .iter()
                .zip(&inputs)
                .map(|(tangent, input)| match tangent {
                    Some(tangent) => numbers.record_constant(tangent),
                    None => Ok(input.full(&input.shape(), 0.0)),
                })
                .collect::<Result<Vec<_>, _>>()?;
            let tangent = custom.push_forward(&tangents, &inputs, numbers.handle(node.id))?;
            Ok(numbers.read(&tangent))
        })
    }

    fn pull_back_checkpoint(&mut self, region: &Region<T>, id: u32) -> Result<(), Error> {
        region.pull_back(self, id)
    }

    fn push_forward_checkpoint(&mut self, region: &Region<T>, id: u32) -> Result<(), Error> {
        let index = self.list.aux_index(id).expect("a region has an entry");
        let reads = self.list.state().aux[index].operands.clone();
        match reads.iter().any(|&read| self.get(read).is_some()) {
            true => region.push_forward(self, id),
            false => Ok(()),
        }
    }

    fn is_seeded(&self, id: u32) -> bool {
        self.seeded.binary_search(&id).is_ok()
    }

    fn inspect(&self, from: &TensorNode<T>, contribution: &Numeric<T>) -> Result<(), Error> {
        if !self.watch {
            return Ok(());
        }
        match contribution.data().iter().find(|x| !x.is_finite()) {
            Some(&x) => Err(self.list.non_finite_backward(from.id, from.op.name(), x)),
            None => Ok(()),
        }
    }
}
