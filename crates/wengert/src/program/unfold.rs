//! Regions that were not kept on the list, recorded again for a program to hold their operations.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;

use rustc_hash::FxBuildHasher;

use crate::checkpoint::Region;
use crate::error::Error;
use crate::list::{List, State};
use crate::real::Real;
use crate::rules::structural::TensorOp;

/// The nodes of a list with those of its regions in their places.
#[derive(Default)]
pub(super) struct Unfolded {
    /// Where each region was recorded again, by its first node.
    regions: BTreeMap<u32, Range<u32>>,
    again: HashMap<u32, u32, FxBuildHasher>,
}

impl Unfolded {
    /// Records again, at the end of the list, each region that depends on the inputs, and those inside them.
    pub(super) fn of<T: Real>(list: &'static List<T>, inputs: &[u32]) -> Result<Self, Error> {
        let mut unfolded = Self::default();
        let mut seen = 0;
        loop {
            let found = unfolded.regions_since(list, seen, inputs);
            seen = list.state().aux.len();
            if found.is_empty() {
                return Ok(unfolded);
            }
            for (id, region) in found {
                let start = list.len();
                let outputs = region.record_again(list)?;
                let end = list.len();
                let mut state = list.state_mut();
                if state.stopped_range(id).is_some() {
                    state.stop(start, end);
                }
                unfolded.regions.insert(id, start..end);
                let outputs = outputs.iter().map(|output| output.id());
                unfolded.again.extend((id..).zip(outputs));
            }
        }
    }

    /// The regions among the tensors from `seen` on that depend on the inputs.
    fn regions_since<T: Real>(
        &self,
        list: &List<T>,
        seen: usize,
        inputs: &[u32],
    ) -> Vec<(u32, Rc<Region<T>>)> {
        let state = list.state();
        let is_region = |op: &_| matches!(op, TensorOp::Checkpoint(_));
        if !state.aux[seen..].iter().any(|aux| is_region(&aux.op)) {
            return Vec::new();
        }
        let depends = self.depends(list, &state, inputs);
        let regions = state.aux[seen..].iter().filter_map(|aux| match &aux.op {
            TensorOp::Checkpoint(output) if output.index == 0 => Some((aux.node, &output.region)),
            _ => None,
        });
        regions
            .filter(|(id, _)| depends[*id as usize])
            .map(|(id, region)| (id, region.clone()))
            .collect()
    }

    /// Which nodes depend on the inputs.
    fn depends<T: Real>(&self, list: &List<T>, state: &State<T>, inputs: &[u32]) -> Vec<bool> {
        let count = list.len();
        let nodes = list.nodes(count);
        let mut depends = vec![false; count as usize];
        for &input in inputs {
            depends[input as usize] = true;
        }
        for id in self.order(count).into_iter().flatten() {
            // A place that is none points at the node itself, whose own entry does not change.
            let mut operands = state.operands_of(id, nodes.get(id));
            depends[id as usize] |= operands.any(|operand| depends[operand as usize]);
        }
        depends
    }

    /// The nodes below `count`, and those of their regions, in an order in which operands come first.
    pub(super) fn order(&self, count: u32) -> Vec<Range<u32>> {
        let recorded_again = self.regions.values().map(|range| range.start).min();
        let mut order = Vec::new();
        self.walk(0..recorded_again.unwrap_or(count).min(count), &mut order);
        order
    }

    fn walk(&self, nodes: Range<u32>, order: &mut Vec<Range<u32>>) {
        let mut from = nodes.start;
        for (&id, region) in self.regions.range(nodes.clone()) {
            order.push(from..id);
            self.walk(region.clone(), order);
            from = id;
        }
        order.push(from..nodes.end);
    }

    /// The node that a region's node was recorded as again.
    pub(super) fn again(&self, id: u32) -> Option<u32> {
        self.again.get(&id).copied()
    }

    /// Whether there is no region.
    pub(super) fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }
}
