//! Some points at a time.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::Arch;

use crate::error::Error;
use crate::num::LeftOps;
use crate::program::code::branch_changed;
use crate::program::dispatch::Run as _;
use crate::program::lanes::aligned::Aligned;
use crate::program::lanes::kernels::{Carried, Forward, Reverse, Tangents};
use crate::program::lanes::scratch::Scratch;
use crate::program::lanes::split::PointRun;
use crate::program::lanes::sums::PointSums;
use crate::program::lanes::{BY_OWN, BY_SHARED, Lanes, Movers, SHARED};
use crate::program::pool::Lent;
use crate::program::{Kind, Run};
use crate::real::Real;

/// The sum in a fixed order that has no long chain.
pub(super) fn pairwise<T: Real>(x: &[T]) -> T {
    match x {
        [] => T::zero(),
        [x] => *x,
        // As below, without a call for each number.
        &[a, b, c, d, e, f, g, h] => ((a + b) + (c + d)) + ((e + f) + (g + h)),
        _ => {
            let (low, high) = x.split_at(x.len() / 2);
            pairwise(low) + pairwise(high)
        }
    }
}

fn as_number<T: Real>(points: usize) -> T {
    T::of(points as f64)
}

/// Of which outputs derivatives are sought, and by what.
#[derive(Clone)]
pub(crate) enum Sought {
    /// By the shared inputs: of one output, to whose totals they are added.
    Shared(usize),
    /// By a point's own.
    Own(Range<usize>),
}

impl Sought {
    fn by(&self) -> Movers {
        match self {
            Sought::Shared(_) => BY_SHARED,
            Sought::Own(_) => BY_OWN,
        }
    }

    fn outputs(&self) -> Range<usize> {
        match self {
            Sought::Shared(output) => *output..output + 1,
            Sought::Own(outputs) => outputs.clone(),
        }
    }
}

/// The numbers of some points: one after another for each slot.
pub(crate) struct Block<'a, T: Real> {
    pub(super) lanes: &'a Lanes<T>,
    /// What the points share: values, and tangents.
    shared: [&'a [T]; 2],
    arch: Arch,
    pub(super) width: usize,
    /// Points in use; the others repeat the last one.
    points: usize,
    /// The first point, for messages.
    start: usize,
    pub(super) scratch: Lent<'a, Scratch<T>>,
}

impl<'a, T: Real> Block<'a, T> {
    pub(super) fn new(lanes: &'a Lanes<T>, shared: [&'a [T]; 2]) -> Self {
        let width = lanes.width();
        let mut scratch = lanes.scratches.lend(Scratch::default);
        let numbers = lanes.split.slots() * width;
        scratch.values.resize(numbers);
        Self {
            lanes,
            shared,
            arch: Arch::new(),
            width,
            points: 0,
            start: 0,
            scratch,
        }
    }

    pub(super) fn load(&mut self, columns: &[&[T]], start: usize, points: usize) {
        (self.start, self.points) = (start, points);
        for (to, column) in self
            .scratch
            .values
            .chunks_exact_mut(self.width)
            .zip(columns)
        {
            let from = &column[start..start + points];
            to[..points].copy_from_slice(from);
            to[points..].fill(from[points - 1]);
        }
    }

    pub(super) fn number(&self, slot: u32, point: usize) -> T {
        if slot & SHARED != 0 {
            self.shared[0][(slot & !SHARED) as usize]
        } else {
            self.scratch.values[slot as usize * self.width + point]
        }
    }

    pub(super) fn sum_of(&self, slot: u32) -> T {
        if slot & SHARED != 0 {
            return self.number(slot, 0) * as_number(self.points);
        }
        pairwise(&self.scratch.values[slot as usize * self.width..][..self.points])
    }

    /// Runs every instruction at the block's points, and asks every question again.
    pub(super) fn forward(&mut self) -> Result<(), Error> {
        T::run_block(self)
    }

    /// Writes the outputs' values, those of a point after those of another.
    pub(super) fn write_values(&self, rows: &mut [T]) {
        T::write_values(self, rows);
    }

    /// Writes the derivatives of each output by each of the points' inputs but data, those of a point after those of another.
    pub(super) fn write_jacobians(&mut self, matrices: &mut [T]) {
        T::write_jacobians(self, matrices);
    }

    /// Tangents along the direction whose tangents the shared numbers have; those of the points' inputs are zero.
    pub(super) fn push_forward(&mut self) {
        T::push_block(self);
    }

    /// Zero for what points share, of each of `sweeps` sweeps: adjoints, and with `orders` of 2 their tangents.
    pub(super) fn clear_totals(&mut self, sweeps: usize, orders: usize) {
        for (order, totals) in self.scratch.totals.iter_mut().enumerate() {
            let sweeps = if order < orders { sweeps } else { 0 };
            totals.resize(sweeps * self.shared[0].len() * T::LANES);
            totals.fill(T::zero());
        }
    }

    /// Adds the totals of what the points share, of all sweeps, and their tangents.
    pub(super) fn add_totals(&self, to: &mut [Vec<f64>; 2]) {
        for (to, totals) in to.iter_mut().zip(&self.scratch.totals) {
            let totals = T::few(totals);
            for (sum, few) in to.iter_mut().zip(totals) {
                *sum += pairwise(few.as_ref()).as_f64();
            }
        }
    }

    /// The adjoints of some outputs' values at each point.
    pub(super) fn pull_back(&mut self, sought: Sought) {
        self.seed(&sought, 1);
        T::pull_block(self, sought);
    }

    /// The adjoints of an output's values at each point, and their tangents.
    pub(super) fn pull_back_twice(&mut self, sought: Sought) {
        self.seed(&sought, 2);
        T::pull_block_twice(self, sought);
    }

    /// Adjoint 1 for each output of its own value at each point, and 0 for everything else that no contribution comes to first.
    fn seed(&mut self, sought: &Sought, parts: usize) {
        let outputs = sought.outputs();
        let of_slot = outputs.len() * self.width;
        let own = self
            .lanes
            .split
            .outputs
            .iter()
            .filter(|&&slot| slot & SHARED == 0);
        for adjoints in &mut self.scratch.adjoints[..parts] {
            adjoints.resize(self.lanes.split.slots() * of_slot);
            for &slot in self.lanes.split.untouched.iter().chain(own.clone()) {
                adjoints[slot as usize * of_slot..][..of_slot].fill(T::zero());
            }
        }
        for (k, output) in outputs.enumerate() {
            let slot = self.lanes.split.outputs[output];
            if slot & SHARED == 0 {
                let block = slot as usize * of_slot + k * self.width;
                self.scratch.adjoints[0][block..][..self.points].fill(T::one());
            } else if matches!(sought, Sought::Shared(_)) {
                let place = output * self.shared[0].len() + (slot & !SHARED) as usize;
                self.scratch.totals[0][place * T::LANES] += as_number(self.points);
            }
        }
    }
}

/// See [`Block::forward`].
pub(crate) fn run<T: Real>(block: &mut Block<'_, T>) -> Result<(), Error> {
    let width = block.width;
    // Runs of one operation that follow each other, as in a chain of products, cost one dispatch.
    let chained = |a: &PointRun, b: &PointRun| {
        a.run.kind == b.run.kind && matches!(a.run.kind, Kind::Rule(_))
    };
    for runs in block.lanes.split.runs.chunk_by(chained) {
        let run = Run {
            end: runs[runs.len() - 1].run.end,
            ..runs[0].run
        };
        let (args, shared) = (block.lanes.split.args_of(&run), block.shared[0]);
        let at = block.lanes.split.slot_of(&run) * width;
        match run.kind {
            Kind::Rule(op) => block.arch.rule(
                op,
                Forward {
                    args,
                    shared,
                    values: &mut block.scratch.values,
                    at,
                    width,
                },
            ),
            Kind::Sum => {
                let (before, out) = block.scratch.values.split_at_mut(at);
                PointSums {
                    args,
                    terms: &block.lanes.split.terms,
                    shared: [shared],
                    values: [before],
                    width,
                }
                .forward(block.arch, &mut out[..args.len() * width]);
            }
        }
    }
    for guard in &block.lanes.split.guards {
        for point in 0..block.points {
            let [x, y] = guard.sides.map(|slot| block.number(slot, point));
            if !guard.asked.holds(x, y) {
                return Err(branch_changed(guard, x, y, Some(block.start + point)));
            }
        }
    }
    Ok(())
}

/// See [`Block::push_forward`].
pub(crate) fn push<T: Real>(block: &mut Block<'_, T>) {
    let width = block.width;
    let Scratch {
        values, tangents, ..
    } = &mut *block.scratch;
    tangents.resize(values.len());
    tangents[..block.lanes.split.inputs * width].fill(T::zero());
    for PointRun { run, .. } in &block.lanes.split.runs {
        let args = block.lanes.split.args_of(run);
        let at = block.lanes.split.slot_of(run) * width;
        let (before, out) = tangents.split_at_mut(at);
        let out = &mut out[..args.len() * width];
        if run.stopped {
            out.fill(T::zero());
            continue;
        }
        match run.kind {
            Kind::Rule(op) => block.arch.rule(
                op,
                Tangents {
                    args,
                    shared: block.shared,
                    values,
                    z: &values[at..],
                    before,
                    out,
                    width,
                },
            ),
            Kind::Sum => PointSums {
                args,
                terms: &block.lanes.split.terms,
                shared: block.shared,
                values: [&values[..at], before],
                width,
            }
            .forward(block.arch, out),
        }
    }
}

/// See [`Block::pull_back`]; with `C` of 2, [`Block::pull_back_twice`].
pub(crate) fn pull<T: Real, R: Carried<T, C>, const C: usize>(
    block: &mut Block<'_, T>,
    sought: Sought,
) where
    f64: LeftOps<R>,
{
    let width = block.width;
    let (by, outputs) = (sought.by(), sought.outputs().len());
    let Scratch {
        values,
        tangents,
        adjoints,
        totals,
    } = &mut *block.scratch;
    let values = first::<_, C>([&values[..], &tangents[..]]);
    let shared = first::<_, C>(block.shared);
    let count = block.shared[0].len();
    let mut totals = first_mut::<T, C>(totals).map(|totals| match sought {
        Sought::Shared(output) => &mut T::few_mut(totals)[output * count..][..count],
        Sought::Own(_) => &mut [][..],
    });
    let mut adjoints = first_mut::<T, C>(adjoints);
    let runs = block.lanes.split.runs.iter().rev();
    for PointRun { run, .. } in runs.filter(|run| !run.run.stopped && run.movers & by != 0) {
        let range = run.start as usize..run.end as usize;
        let args = block.lanes.split.args_of(run);
        let at = block.lanes.split.slot_of(run) * width;
        let mut own: [&[T]; C] = [&[]; C];
        let mut halves = adjoints.iter_mut().zip(&mut own);
        let before = std::array::from_fn(|_| {
            let (adjoints, own) = halves.next().expect("as many as there are parts");
            let (before, rest) = adjoints.split_at_mut(outputs * at);
            *own = &rest[..outputs * args.len() * width];
            before
        });
        let totals = totals.each_mut().map(|totals| &mut **totals);
        match run.kind {
            Kind::Rule(op) => block.arch.rule(
                op,
                Reverse {
                    args,
                    targets: &block.lanes.split.targets[range],
                    by,
                    shared,
                    values,
                    at,
                    outputs,
                    before,
                    own,
                    totals,
                    width,
                    carried: PhantomData::<R>,
                },
            ),
            Kind::Sum => PointSums {
                args,
                terms: &block.lanes.split.terms,
                shared,
                values,
                width,
            }
            .reverse(block.arch, outputs, before, own, totals, by),
        }
    }
}

/// The first `C` of two.
fn first<X: Copy, const C: usize>(both: [X; 2]) -> [X; C] {
    std::array::from_fn(|c| both[c])
}

fn first_mut<T: Real, const C: usize>(both: &mut [Aligned<T>; 2]) -> [&mut [T]; C] {
    let mut parts = both.iter_mut();
    std::array::from_fn(|_| &mut parts.next().expect("at most two parts")[..])
}
