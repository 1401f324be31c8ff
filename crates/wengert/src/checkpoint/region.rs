//! What stands on the list for a region: how to record it again, and what it gave.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::digest::{Bounds, Digest, digest};
use super::revolve::{Move, Schedule};
use super::state::{Snapshot, State};
use super::steps::{Loop, STRETCH, Visitor, check_own, of_its_type};
use crate::error::Error;
use crate::guards::Side;
use crate::list::List;
use crate::real::Real;
use crate::rules::structural::TensorOp;
use crate::tensor::Tensor;
use crate::var::Var;

/// A region that was recorded and taken back.
pub(crate) struct Region<T: Real> {
    pub(super) walk: Loop<T>,
    pub(super) start: Rc<Snapshot<T>>,
    /// How many steps are turned back at once.
    pub(super) group: usize,
    /// States that the first run has kept for the first way back.
    pub(super) later: RefCell<Vec<Rc<Snapshot<T>>>>,
    pub(super) end: State<T>,
    digest: Digest,
}

/// What is noted of the first run.
#[derive(Default)]
struct Seen {
    digest: Digest,
    /// The nodes from before the region that it has used.
    reads: HashSet<u32, FxBuildHasher>,
    /// Whether it has compared scalars.
    asks: bool,
}

impl<T: Real> Visitor<T> for Seen {
    fn step(&mut self, list: &List<T>, bounds: Bounds, asked: usize) {
        let step = digest(list, bounds, |id| {
            self.reads.insert(id);
        });
        self.digest.add(step);
        for guard in &list.state().guards[asked..] {
            self.asks = true;
            let outside = guard.sides.iter().filter_map(|side| match side {
                Side::Node(id) if *id < bounds.outside => Some(*id),
                _ => None,
            });
            self.reads.extend(outside);
        }
    }
}

/// One scalar that a region gave: its first node stands for the region, the others point to it.
#[derive(Clone)]
pub(crate) struct Output<T: Real> {
    pub(crate) region: Rc<Region<T>>,
    pub(crate) index: usize,
}

impl<T: Real> fmt::Debug for Output<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("op", &self.region.walk.op)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl<T: Real> Region<T> {
    /// Runs a loop and puts its last state on the list; `context` moves on.
    #[track_caller]
    pub(super) fn record<C: Clone + 'static>(
        list: &'static List<T>,
        walk: Loop<T>,
        start: &[Var<T>],
        context: &mut C,
    ) -> Result<Vec<Var<T>>, Error> {
        let (end, after) = Self::run(list, walk, start, Box::new(context.clone()))?;
        *context = of_its_type(after.downcast_ref::<C>()).clone();
        Ok(end)
    }

    /// The last state, as nodes of the list, and the context after it.
    #[track_caller]
    fn run(
        list: &'static List<T>,
        walk: Loop<T>,
        start: &[Var<T>],
        context: Box<dyn Any>,
    ) -> Result<(Vec<Var<T>>, Box<dyn Any>), Error> {
        check_own(walk.op, list, start)?;
        if walk.steps == 0 {
            return Ok((start.to_vec(), context));
        }
        let start = Snapshot {
            at: 0,
            state: State::of(start, list.len()),
            context,
        };
        let mut seen = Seen::default();
        let mut now = walk.stretch(list, walk.copy(&start), walk.steps, STRETCH, &mut seen)?;
        let group = now.at;
        let mut schedule = Schedule::new(vec![0], walk.steps, walk.states, group);
        let mut later = Vec::new();
        while let Some(Move::Keep(at)) = schedule.next() {
            now = walk.advance(list, now, at, &mut seen)?;
            later.push(Rc::new(walk.copy(&now)));
        }
        let end = walk.advance(list, now, walk.steps, &mut seen)?;
        let region = Rc::new(Self {
            walk,
            start: Rc::new(start),
            group,
            later: RefCell::new(later),
            end: end.state,
            digest: seen.digest,
        });
        Ok((region.put(list, seen)?, end.context))
    }

    /// Appends a node for each scalar of its own. If there is none, but a comparison decided what was given, then a node
    /// that stands for the comparison.
    #[track_caller]
    fn put(self: &Rc<Self>, list: &'static List<T>, seen: Seen) -> Result<Vec<Var<T>>, Error> {
        let attempt = list.attempt();
        let first = list.len();
        let mut operands: SmallVec<[u32; 3]> = seen.reads.into_iter().collect();
        operands.sort_unstable();
        let mut own = Vec::new();
        for (index, (_, number)) in self.end.own().enumerate() {
            let before = std::mem::replace(&mut operands, SmallVec::from_slice(&[first]));
            own.push(self.put_one(list, index, before, &[], number)?.item());
        }
        if own.is_empty() && seen.asks {
            self.put_one(list, 0, operands, &[0], T::zero())?;
        }
        let mut own = own.into_iter();
        let vars = self.end.vars(list, |_| own.next().expect("one for each"));
        attempt.settle(Ok(vars))
    }

    #[track_caller]
    fn put_one(
        self: &Rc<Self>,
        list: &'static List<T>,
        index: usize,
        operands: SmallVec<[u32; 3]>,
        shape: &[usize],
        number: T,
    ) -> Result<Tensor<T>, Error> {
        let region = self.clone();
        let op = TensorOp::Checkpoint(Output { region, index });
        list.append(op, operands, shape.into(), true, |to| to.fill(number))
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Refuses a second recording whose digest is another.
    pub(super) fn check_digest(&self, again: Digest) -> Result<(), Error> {
        match again == self.digest {
            true => Ok(()),
            false => Err(self.walk.not_the_same("recorded other operations than")),
        }
    }

    /// Records all of the region at the end of the list, to stay there, and gives the scalars that its nodes stand for.
    #[track_caller]
    pub(crate) fn record_again(&self, list: &'static List<T>) -> Result<Vec<Var<T>>, Error> {
        let outside = list.len();
        let mut context = self.walk.copy(&self.start).context;
        let mut state = self.start.state.record(list);
        let mut sum = Digest::default();
        for step in 0..self.walk.steps {
            let start = list.len();
            state = self.walk.step(list, step, &state, &mut *context)?;
            sum.add(digest(list, Bounds { outside, start }, |_| {}));
        }
        self.walk.compare(&self.end, &State::of(&state, outside))?;
        self.check_digest(sum)?;
        Ok(self.end.own().map(|(i, _)| state[i]).collect())
    }
}
