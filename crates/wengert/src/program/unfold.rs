//! Regions that were not kept on the list, recorded again for a program to hold their operations.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;

use rustc_hash::FxBuildHasher;

use crate::checkpoint::Region;
use crate::error::Error;
use crate::list::List;
use crate::program::build::{Need, depends};
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
    pub(super) fn of(list: &'static List<f64>, inputs: &[u32]) -> Result<Self, Error> {
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
    fn regions_since(
        &self,
        list: &List<f64>,
        seen: usize,
        inputs: &[u32],
    ) -> Vec<(u32, Rc<Region<f64>>)> {
        let state = list.state();
        let is_region = |op: &_| matches!(op, TensorOp::Checkpoint(_));
        if !state.aux[seen..].iter().any(|aux| is_region(&aux.op)) {
            return Vec::new();
        }
        let count = list.len();
        let needs = depends(&list.nodes(count), &state, inputs, &self.order(count));
        let regions = state.aux[seen..].iter().filter_map(|aux| match &aux.op {
            TensorOp::Checkpoint(output) if output.index == 0 => Some((aux.node, &output.region)),
            _ => None,
        });
        regions
            .filter(|(id, _)| needs[*id as usize] != Need::Not)
            .map(|(id, region)| (id, region.clone()))
            .collect()
    }

    /// The nodes below `count`, and those of their regions, in an order in which operands come first.
    pub(super) fn order(&self, count: u32) -> Vec<u32> {
        let recorded_again = self.regions.values().map(|range| range.start).min();
        let mut order = Vec::with_capacity(count as usize);
        self.walk(0..recorded_again.unwrap_or(count).min(count), &mut order);
        order
    }

    fn walk(&self, nodes: Range<u32>, order: &mut Vec<u32>) {
        let mut from = nodes.start;
        for (&id, region) in self.regions.range(nodes.clone()) {
            order.extend(from..id);
            self.walk(region.clone(), order);
            from = id;
        }
        order.extend(from..nodes.end);
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
