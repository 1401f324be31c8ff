//! Derivatives through a region: it is recorded again at the end of the list, swept, and, by a sweep in numbers, taken
//! back.

use std::rc::Rc;

use super::digest::{Bounds, Digest, digest};
use super::region::Region;
use super::revolve::{Move, Schedule};
use super::state::State;
use super::steps::{STRETCH, Stretch, Visitor};
use crate::error::Error;
use crate::list::List;
use crate::real::Real;
use crate::sweep;
use crate::sweep::Algebra as _;
use crate::sweep_numeric::Numbers;
use crate::sweep_recorded::Recorded;

/// Steps that grow may take more than was foreseen, but not more than this.
const TOO_LARGE: usize = 8 * STRETCH;

/// The way back through a loop, as far as it has been gone.
struct Back<'a, T: Real> {
    region: &'a Region<T>,
    numbers: &'a mut Numbers<T>,
    /// The adjoints of the state after the steps to be turned next; what is no node of its own has none here.
    adjoints: Vec<T>,
    /// That state, as the steps after it saw it; at first, what the loop gave.
    state: Option<State<T>>,
    /// The steps from this one on have been turned.
    left: usize,
    digest: Digest,
    /// Of the steps that are being turned.
    of_stretch: Digest,
}

impl<T: Real> Visitor<T> for Back<'_, T> {
    fn step(&mut self, list: &List<T>, bounds: Bounds, _: usize) {
        self.of_stretch.add(digest(list, bounds, |_| {}));
    }

    /// Carries the adjoints back through the stretch, if it reaches as far as it should.
    fn stretch(&mut self, stretch: &Stretch<'_, T>) -> Result<(), Error> {
        if stretch.end < self.left {
            return Ok(());
        }
        let (list, numbers) = (self.numbers.list, &mut *self.numbers);
        let first = self.state.as_ref().unwrap_or(&self.region.end);
        self.region.walk.compare(first, stretch.after)?;
        self.digest.add(self.of_stretch);

        numbers.extend();
        for (i, _) in first.own() {
            numbers.scalars[stretch.next[i].id() as usize] += self.adjoints[i];
        }
        if list.len() > stretch.position.nodes {
            sweep::reverse(list, numbers, list.len() - 1, stretch.position.nodes)?;
        }
        self.adjoints.clear();
        self.adjoints.resize(stretch.given.len(), T::zero());
        for (i, _) in stretch.before.own() {
            self.adjoints[i] = numbers.scalars[stretch.given[i].id() as usize];
        }
        self.state = Some(stretch.before.clone());
        numbers.retract(stretch.position);
        Ok(())
    }
}

/// The way forward through a loop.
struct Forward<'a, T: Real> {
    numbers: &'a mut Numbers<T>,
    /// The tangents of the state; what is no node of its own has none here.
    tangents: Vec<T>,
    digest: Digest,
}

impl<T: Real> Visitor<T> for Forward<'_, T> {
    fn step(&mut self, list: &List<T>, bounds: Bounds, _: usize) {
        self.digest.add(digest(list, bounds, |_| {}));
    }

    fn stretch(&mut self, stretch: &Stretch<'_, T>) -> Result<(), Error> {
        let (list, numbers) = (self.numbers.list, &mut *self.numbers);
        numbers.extend();
        let mut start = stretch.position.nodes;
        for (i, _) in stretch.before.own() {
            numbers.scalars[stretch.given[i].id() as usize] = self.tangents[i];
            start += 1;
        }
        if list.len() > start {
            sweep::forward(list, numbers, start, list.len() - 1)?;
        }
        self.tangents.resize(stretch.next.len(), T::zero());
        for (i, _) in stretch.after.own() {
            self.tangents[i] = numbers.scalars[stretch.next[i].id() as usize];
        }
        numbers.retract(stretch.position);
        Ok(())
    }
}

impl<T: Real> Region<T> {
    /// Carries the adjoints of the nodes from `id` on, which stand for the region, to what it has read.
    pub(crate) fn pull_back(&self, numbers: &mut Numbers<T>, id: u32) -> Result<(), Error> {
        numbers.extend();
        let mut adjoints = vec![T::zero(); self.end.len()];
        for (node, (i, _)) in (id as usize..).zip(self.end.own()) {
            adjoints[i] = numbers.scalars[node];
        }
        if adjoints.iter().all(|g| *g == T::zero()) {
            return Ok(());
        }
        let (list, walk) = (numbers.list, &self.walk);
        let mut back = Back {
            region: self,
            numbers,
            adjoints,
            state: None,
            left: walk.steps,
            digest: Digest::default(),
            of_stretch: Digest::default(),
        };
        let mut kept = vec![self.start.clone()];
        kept.append(&mut self.later.take());
        let steps = kept.iter().map(|snapshot| snapshot.at).collect();
        let mut schedule = Schedule::new(steps, walk.steps, walk.states, self.group);
        while let Some(next) = schedule.next() {
            let newest = kept.last().expect("the start is kept");
            match next {
                Move::Keep(at) => {
                    let there = walk.advance(list, walk.copy(newest), at, &mut ())?;
                    kept.push(Rc::new(there));
                }
                Move::Turn(at) => {
                    let there = walk.advance(list, walk.copy(newest), at, &mut ())?;
                    back.of_stretch = Digest::default();
                    let end = walk
                        .stretch(list, there, back.left, TOO_LARGE, &mut back)?
                        .at;
                    if end < back.left {
                        schedule.smaller();
                    } else {
                        back.left = at;
                        schedule.turned(at);
                    }
                }
                Move::Drop => {
                    kept.pop();
                }
            }
        }
        self.check_digest(back.digest)
    }

    /// Carries the tangents of what the region has read to the nodes from `id` on, which stand for it.
    pub(crate) fn push_forward(&self, numbers: &mut Numbers<T>, id: u32) -> Result<(), Error> {
        let (list, walk) = (numbers.list, &self.walk);
        let mut forward = Forward {
            numbers,
            tangents: Vec::new(),
            digest: Digest::default(),
        };
        let there = walk.advance(list, walk.copy(&self.start), walk.steps, &mut forward)?;
        walk.compare(&self.end, &there.state)?;
        self.check_digest(forward.digest)?;
        let tangents = forward.tangents;
        for (node, (i, _)) in (id..).zip(self.end.own()) {
            // A node that was seeded keeps its seed.
            if !numbers.is_seeded(node) {
                numbers.scalars[node as usize] = tangents[i];
            }
        }
        Ok(())
    }

    /// [`Region::pull_back`] in handles: what it records stays on the list.
    pub(crate) fn pull_back_recorded(&self, sweep: &mut Recorded<T>, id: u32) -> Result<(), Error> {
        let nodes = id..id + self.end.own().count() as u32;
        if nodes.clone().all(|node| sweep.value(node).is_none()) {
            return Ok(());
        }
        let list = sweep.list;
        let start = list.len();
        let outputs = self.record_again(list)?;
        let end = list.len();
        sweep.extend(end);
        for (node, output) in nodes.zip(outputs) {
            if let Some(adjoint) = sweep.value(node) {
                sweep.seed(output.id(), adjoint);
            }
        }
        match end > start {
            true => T::reverse_recorded(sweep, end - 1, start),
            false => Ok(()),
        }
    }

    /// [`Region::push_forward`] in handles: what it records stays on the list.
    pub(crate) fn push_forward_recorded(
        &self,
        sweep: &mut Recorded<T>,
        id: u32,
    ) -> Result<(), Error> {
        let list = sweep.list;
        let start = list.len();
        let outputs = self.record_again(list)?;
        let end = list.len();
        sweep.extend(end);
        if end > start {
            T::forward_recorded(sweep, start, end - 1)?;
        }
        for (node, output) in (id..).zip(outputs) {
            if let Some(tangent) = sweep.value(output.id())
                && !sweep.is_seeded(node)
            {
                sweep.seed(node, tangent);
            }
        }
        Ok(())
    }
}
