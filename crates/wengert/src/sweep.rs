//! The two sweeps over the list: backwards for adjoints, forwards for tangents.
//!
//! Each walks the list once. What it computes with is an [`Algebra`]: plain numbers
//! ([`Numbers`](crate::sweep_numeric::Numbers)), or recorded handles
//! ([`Recorded`](crate::sweep_recorded::Recorded)), whose results are on the tape and can be
//! differentiated again.

use std::rc::Rc;

use smallvec::SmallVec;

use crate::checkpoint::Region;
use crate::error::Error;
use crate::list::List;
use crate::real::Real;
use crate::rules::custom::Custom;
use crate::rules::structural::{Array, TensorOp};

/// What a sweep computes with, and where it keeps what it has computed for each node.
pub(crate) trait Algebra<T: Real> {
    type Value: Array<T>;

    /// The value of a node.
    fn primal(&self, id: u32) -> Self::Value;
    /// The adjoint or tangent that has come to a node, if any.
    fn get(&self, id: u32) -> Option<Self::Value>;
    /// Adds what a node contributes to its only operand's adjoint, in place, if there is a way that is cheaper than
    /// [`Algebra::add`]; says whether it did.
    fn add_in_place(&mut self, _node: &TensorNode<T>, _g: &Self::Value) -> bool {
        false
    }
    /// Adds to a node's adjoint or tangent; the contribution has the node's shape.
    fn add(&mut self, id: u32, contribution: Self::Value);
    /// Whether anybody wants this node's adjoint.
    fn wants(&self, id: u32) -> bool;
    /// The chain rule for the scalar nodes `low..high`, from the last to the first.
    fn pull_back_scalars(&mut self, low: u32, high: u32) -> Result<(), Error>;
    /// The chain rule for the scalar nodes `low..high`, from the first to the last.
    fn push_forward_scalars(&mut self, low: u32, high: u32);
    /// The contributions of a custom operation to each of its inputs.
    fn pull_back_custom(
        &mut self,
        custom: &Custom<T>,
        node: &TensorNode<T>,
        g: Self::Value,
    ) -> Result<Vec<Self::Value>, Error>;
    /// The tangent of a custom operation's output.
    fn push_forward_custom(
        &mut self,
        custom: &Custom<T>,
        node: &TensorNode<T>,
        tangents: &[Option<Self::Value>],
    ) -> Result<Self::Value, Error>;
    /// Carries the adjoints of a region's nodes, of which `id` is the first, to what the region has read.
    fn pull_back_checkpoint(&mut self, region: &Region<T>, id: u32) -> Result<(), Error>;
    /// Carries tangents through a region to its nodes, of which `id` is the first.
    fn push_forward_checkpoint(&mut self, region: &Region<T>, id: u32) -> Result<(), Error>;
    /// Whether the node's tangent was given, zero or not.
    fn is_seeded(&self, id: u32) -> bool;
    /// A look at a contribution while the watch is on.
    fn inspect(&self, _from: &TensorNode<T>, _contribution: &Self::Value) -> Result<(), Error> {
        Ok(())
    }
}

/// A copy of what a sweep needs of a tensor node: the tape may grow while its rule runs.
pub(crate) struct TensorNode<T: Real> {
    pub(crate) id: u32,
    pub(crate) op: TensorOp<T>,
    pub(crate) operands: SmallVec<[u32; 3]>,
}

/// A stretch of the list that is treated in one way.
enum Stretch<T: Real> {
    /// Recorded without gradients, or a further node of a region: nothing passes.
    Stopped,
    Scalars,
    Tensor(TensorNode<T>),
    /// The first node of a region.
    Checkpoint(Rc<Region<T>>),
}

/// Carries adjoints from `root` down to node `end`: each node that has an adjoint passes it to its operands.
pub(crate) fn reverse<T: Real, A: Algebra<T>>(
    list: &'static List<T>,
    algebra: &mut A,
    root: u32,
    end: u32,
) -> Result<(), Error> {
    let guard = list.sweep_guard();
    let mut high = root + 1;
    while high > end {
        let (low, stretch) = last_stretch(list, high);
        match stretch {
            Stretch::Stopped => {}
            Stretch::Scalars => algebra.pull_back_scalars(low.max(end), high)?,
            Stretch::Tensor(node) => {
                if !matches!(node.op, TensorOp::Leaf)
                    && let Some(g) = algebra.get(node.id)
                    && !algebra.add_in_place(&node, &g)
                {
                    for (parent, contribution) in pull_back(algebra, &node, g)? {
                        algebra.inspect(&node, &contribution)?;
                        // Case 2 of the chain rule: the sum over all consumers of a node.
                        algebra.add(parent, contribution.sum_to(&list.shape_of(parent)));
                    }
                }
            }
            Stretch::Checkpoint(region) => algebra.pull_back_checkpoint(&region, low)?,
        }
        guard.check();
        high = low;
    }
    Ok(())
}

/// Carries tangents from node `start` up to node `last`.
pub(crate) fn forward<T: Real, A: Algebra<T>>(
    list: &'static List<T>,
    algebra: &mut A,
    start: u32,
    last: u32,
) -> Result<(), Error> {
    let guard = list.sweep_guard();
    let mut low = start;
    while low <= last {
        let (high, stretch) = first_stretch(list, low);
        match stretch {
            Stretch::Stopped => {}
            Stretch::Scalars => algebra.push_forward_scalars(low, high.min(last + 1)),
            Stretch::Tensor(node) => {
                let tangents: Vec<_> = node.operands.iter().map(|&id| algebra.get(id)).collect();
                // A node that was seeded keeps its seed.
                if !algebra.is_seeded(node.id) && tangents.iter().any(Option::is_some) {
                    let tangent = push_forward(algebra, &node, &tangents)?;
                    algebra.add(node.id, tangent.broadcast_to(&list.shape_of(node.id)));
                }
            }
            Stretch::Checkpoint(region) => algebra.push_forward_checkpoint(&region, low)?,
        }
        guard.check();
        low = high;
    }
    Ok(())
}

/// Who gets what.
type Contributions<V> = SmallVec<[(u32, V); 2]>;

/// What a tensor node contributes to the adjoints of those operands that somebody wants.
fn pull_back<T: Real, A: Algebra<T>>(
    algebra: &mut A,
    node: &TensorNode<T>,
    g: A::Value,
) -> Result<Contributions<A::Value>, Error> {
    if let TensorOp::Custom(custom) = &node.op {
        let contributions = algebra.pull_back_custom(custom, node, g)?;
        return Ok(node
            .operands
            .iter()
            .copied()
            .zip(contributions)
            .filter(|&(id, _)| algebra.wants(id))
            .collect());
    }
    let inputs: SmallVec<[A::Value; 3]> =
        node.operands.iter().map(|&id| algebra.primal(id)).collect();
    let output = algebra.primal(node.id);
    Ok(node
        .operands
        .iter()
        .enumerate()
        .filter(|&(_, &id)| algebra.wants(id))
        .map(|(k, &id)| (id, node.op.pull_back(k, &g, &inputs, &output)))
        .collect())
}

fn push_forward<T: Real, A: Algebra<T>>(
    algebra: &mut A,
    node: &TensorNode<T>,
    tangents: &[Option<A::Value>],
) -> Result<A::Value, Error> {
    if let TensorOp::Custom(custom) = &node.op {
        return algebra.push_forward_custom(custom, node, tangents);
    }
    let inputs: SmallVec<[A::Value; 3]> =
        node.operands.iter().map(|&id| algebra.primal(id)).collect();
    Ok(node
        .op
        .push_forward(&inputs, &algebra.primal(node.id), tangents))
}

/// The stretch that ends before `high`, and where it starts.
fn last_stretch<T: Real>(list: &List<T>, high: u32) -> (u32, Stretch<T>) {
    let state = list.state();
    if let Some((start, _)) = state.stopped_range(high - 1) {
        return (start, Stretch::Stopped);
    }
    let tensors = state.aux.partition_point(|aux| aux.node < high);
    let stopped = state.stopped.partition_point(|&(start, _)| start < high);
    let stop_end = stopped.checked_sub(1).map_or(0, |i| state.stopped[i].1);
    match tensors.checked_sub(1).map(|i| &state.aux[i]) {
        Some(aux) if aux.node == high - 1 => (aux.node, stretch_of(aux)),
        Some(aux) => (stop_end.max(aux.node + 1), Stretch::Scalars),
        None => (stop_end, Stretch::Scalars),
    }
}

/// The stretch that starts at `low`, and where the next one starts.
fn first_stretch<T: Real>(list: &List<T>, low: u32) -> (u32, Stretch<T>) {
    let state = list.state();
    if let Some((_, end)) = state.stopped_range(low) {
        return (end, Stretch::Stopped);
    }
    let next_tensor = state.aux.partition_point(|aux| aux.node < low);
    let next_stop = state.stopped.partition_point(|&(start, _)| start < low);
    let stop_start = state
        .stopped
        .get(next_stop)
        .map_or(u32::MAX, |&(start, _)| start);
    match state.aux.get(next_tensor) {
        Some(aux) if aux.node == low => (low + 1, stretch_of(aux)),
        Some(aux) => (stop_start.min(aux.node), Stretch::Scalars),
        None => (stop_start, Stretch::Scalars),
    }
}

fn stretch_of<T: Real>(aux: &crate::list::Aux<T>) -> Stretch<T> {
    match &aux.op {
        TensorOp::Checkpoint(output) if output.index == 0 => {
            Stretch::Checkpoint(output.region.clone())
        }
        TensorOp::Checkpoint(_) => Stretch::Stopped,
        _ => Stretch::Tensor(TensorNode {
            id: aux.node,
            op: aux.op.clone(),
            operands: aux.operands.clone(),
        }),
    }
}
