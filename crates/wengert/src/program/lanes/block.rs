//! Some points at a time.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Mutex;

use pulp::Arch;

use crate::error::Error;
use crate::num::{LeftOps, N};
use crate::program::code::branch_changed;
use crate::program::lanes::aligned::Aligned;
use crate::program::lanes::kernels::{Carried, Dispatch, Forward, Reverse, Tangents};
use crate::program::lanes::sums::PointSums;
use crate::program::lanes::{BY_OWN, BY_SHARED, Few, LANES, Lanes, Movers, PointRun, SHARED};
use crate::program::{Kind, Run};

/// The sum in a fixed order that has no long chain.
pub(super) fn pairwise(x: &[f64]) -> f64 {
    match x {
        [] => 0.0,
        [x] => *x,
        // As below, without a call for each number.
        [a, b, c, d, e, f, g, h] => ((a + b) + (c + d)) + ((e + f) + (g + h)),
        _ => {
            let (low, high) = x.split_at(x.len() / 2);
            pairwise(low) + pairwise(high)
        }
    }
}

/// A block's memory.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    values: Aligned,
    tangents: Aligned,
    /// Adjoints, and their tangents.
    adjoints: [Aligned; 2],
    totals: [Aligned; 2],
}

/// The numbers of some points: one after another for each slot.
pub(super) struct Block<'a> {
    pub(super) lanes: &'a Lanes,
    /// What the points share: values, and tangents.
    shared: [&'a [f64]; 2],
    arch: Arch,
    pub(super) width: usize,
    /// Points in use; the others repeat the last one.
    points: usize,
    /// The first point, for messages.
    start: usize,
    scratch: Scratch,
}

impl<'a> Block<'a> {
    pub(super) fn new(lanes: &'a Lanes, shared: [&'a [f64]; 2]) -> Self {
        let width = lanes.width();
        let mut scratch = lanes.scratches.take();
        let numbers = (lanes.inputs + lanes.args.len()) * width;
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

    pub(super) fn load(&mut self, columns: &[&[f64]], start: usize, points: usize) {
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

    pub(super) fn number(&self, slot: u32, point: usize) -> f64 {
        if slot & SHARED != 0 {
            self.shared[0][(slot & !SHARED) as usize]
        } else {
            self.scratch.values[slot as usize * self.width + point]
        }
    }

    pub(super) fn sum_of(&self, slot: u32) -> f64 {
        if slot & SHARED != 0 {
            return self.number(slot, 0) * self.points as f64;
        }
        pairwise(&self.scratch.values[slot as usize * self.width..][..self.points])
    }

    pub(super) fn forward(&mut self) -> Result<(), Error> {
        let width = self.width;
        // Runs of one operation that follow each other, as in a chain of products, cost one dispatch.
        let chained = |a: &PointRun, b: &PointRun| {
            a.run.kind == b.run.kind && matches!(a.run.kind, Kind::Rule(_))
        };
        for runs in self.lanes.runs.chunk_by(chained) {
            let run = Run {
                end: runs[runs.len() - 1].run.end,
                ..runs[0].run
            };
            let (args, shared) = (self.lanes.args_of(&run), self.shared[0]);
            let at = self.lanes.slot_of(&run) * width;
            match run.kind {
                Kind::Rule(op) => op.visit(Dispatch {
                    arch: self.arch,
                    kernel: Forward {
                        args,
                        shared,
                        values: &mut self.scratch.values,
                        at,
                        width,
                    },
                }),
                Kind::Sum => {
                    let (before, out) = self.scratch.values.split_at_mut(at);
                    PointSums {
                        args,
                        terms: &self.lanes.terms,
                        shared: [shared],
                        values: [before],
                        width,
                    }
                    .forward(self.arch, &mut out[..args.len() * width]);
                }
            }
        }
        for guard in &self.lanes.guards {
            for point in 0..self.points {
                let [x, y] = guard.sides.map(|slot| self.number(slot, point));
                if !guard.asked.holds(x, y) {
                    return Err(branch_changed(guard, x, y, Some(self.start + point)));
                }
            }
        }
        Ok(())
    }

    /// Tangents along the direction whose tangents the shared numbers have; those of the points' inputs are zero.
    pub(super) fn push_forward(&mut self) {
        let width = self.width;
        let Scratch {
            values, tangents, ..
        } = &mut self.scratch;
        tangents.resize(values.len());
        tangents[..self.lanes.inputs * width].fill(0.0);
        for PointRun { run, .. } in &self.lanes.runs {
            let args = self.lanes.args_of(run);
            let at = self.lanes.slot_of(run) * width;
            let (before, out) = tangents.split_at_mut(at);
            let out = &mut out[..args.len() * width];
            if run.stopped {
                out.fill(0.0);
                continue;
            }
            match run.kind {
                Kind::Rule(op) => op.visit(Dispatch {
                    arch: self.arch,
                    kernel: Tangents {
                        args,
                        shared: self.shared,
                        values,
                        z: &values[at..],
                        before,
                        out,
                        width,
                    },
                }),
                Kind::Sum => PointSums {
                    args,
                    terms: &self.lanes.terms,
                    shared: self.shared,
                    values: [&values[..at], before],
                    width,
                }
                .forward(self.arch, out),
            }
        }
    }

    /// Zero for what points share, of each of `sweeps` sweeps: adjoints, and with `orders` of 2 their tangents.
    pub(super) fn clear_totals(&mut self, sweeps: usize, orders: usize) {
        for (order, totals) in self.scratch.totals.iter_mut().enumerate() {
            let sweeps = if order < orders { sweeps } else { 0 };
            totals.resize(sweeps * self.shared[0].len() * LANES);
            totals.fill(0.0);
        }
    }

    /// The totals of what the points share, of all sweeps; and their tangents.
    pub(super) fn totals(&self) -> [Vec<f64>; 2] {
        let all = |totals: &Aligned| {
            totals
                .as_chunks::<LANES>()
                .0
                .iter()
                .map(|few| pairwise(few))
                .collect()
        };
        self.scratch.totals.each_ref().map(all)
    }

    /// The adjoints of some outputs' values at each point, with `C` of 2 their tangents too.
    ///
    /// Those by shared inputs are of one output, and added to its totals.
    pub(super) fn reverse<R: Carried<C>, const C: usize>(
        &mut self,
        outputs: Range<usize>,
        by: Movers,
    ) where
        f64: LeftOps<R>,
    {
        let width = self.width;
        self.seed(outputs.clone(), by, C);
        let sweep = outputs.start;
        let outputs = outputs.len();
        let Scratch {
            values,
            tangents,
            adjoints,
            totals,
        } = &mut self.scratch;
        let values = first::<_, C>([&values[..], &tangents[..]]);
        let shared = first::<_, C>(self.shared);
        let count = self.shared[0].len();
        let mut totals = first_mut::<C>(totals).map(|totals| match by {
            BY_SHARED => &mut totals.as_chunks_mut().0[sweep * count..][..count],
            _ => &mut [][..],
        });
        let mut adjoints = first_mut::<C>(adjoints);
        let runs = self.lanes.runs.iter().rev();
        for PointRun { run, .. } in runs.filter(|run| !run.run.stopped && run.movers & by != 0) {
            let range = run.start as usize..run.end as usize;
            let args = self.lanes.args_of(run);
            let at = self.lanes.slot_of(run) * width;
            let mut own: [&[f64]; C] = [&[]; C];
            let mut halves = adjoints.iter_mut().zip(&mut own);
            let before = std::array::from_fn(|_| {
                let (adjoints, own) = halves.next().expect("as many as there are parts");
                let (before, rest) = adjoints.split_at_mut(outputs * at);
                *own = &rest[..outputs * args.len() * width];
                before
            });
            let totals = totals.each_mut().map(|totals| &mut **totals);
            match run.kind {
                Kind::Rule(op) => op.visit(Dispatch {
                    arch: self.arch,
                    kernel: Reverse {
                        args,
                        targets: &self.lanes.targets[range],
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
                }),
                Kind::Sum => PointSums {
                    args,
                    terms: &self.lanes.terms,
                    shared,
                    values,
                    width,
                }
                .reverse(self.arch, outputs, before, own, totals, by),
            }
        }
    }

    /// Adjoint 1 for each output of its own value at each point, and 0 for everything else that no contribution comes to first.
    fn seed(&mut self, outputs: Range<usize>, by: Movers, parts: usize) {
        let slots = self.lanes.inputs + self.lanes.args.len();
        let of_slot = outputs.len() * self.width;
        let own = self
            .lanes
            .outputs
            .iter()
            .filter(|&&slot| slot & SHARED == 0);
        for adjoints in &mut self.scratch.adjoints[..parts] {
            adjoints.resize(slots * of_slot);
            for &slot in self.lanes.untouched.iter().chain(own.clone()) {
                adjoints[slot as usize * of_slot..][..of_slot].fill(0.0);
            }
        }
        for (k, output) in outputs.enumerate() {
            let slot = self.lanes.outputs[output];
            if slot & SHARED == 0 {
                let block = slot as usize * of_slot + k * self.width;
                self.scratch.adjoints[0][block..][..self.points].fill(1.0);
            } else if by == BY_SHARED {
                let place = output * self.shared[0].len() + (slot & !SHARED) as usize;
                self.scratch.totals[0][place * LANES] += self.points as f64;
            }
        }
    }

    /// Writes the outputs' values, those of a point after those of another.
    pub(super) fn write_values(&self, rows: &mut [f64]) {
        let outputs = &self.lanes.outputs;
        for (row, point) in rows.chunks_exact_mut(outputs.len().max(1)).zip(0..) {
            for (value, &slot) in row.iter_mut().zip(outputs) {
                *value = self.number(slot, point);
            }
        }
    }

    /// Writes the derivatives of each output by each of the points' inputs but data, those of a point after those of another.
    pub(super) fn write_jacobians(&mut self, matrices: &mut [f64]) {
        if matrices.is_empty() {
            return;
        }
        let (outputs, inputs) = (self.lanes.outputs.len(), self.lanes.sought());
        let together = self.lanes.outputs_together();
        for first in (0..outputs).step_by(together) {
            let group = first..outputs.min(first + together);
            self.reverse::<N<f64>, 1>(group.clone(), BY_OWN);
            let adjoints = &self.scratch.adjoints[0];
            let of_slot = group.len() * self.width;
            let stride = outputs * inputs;
            // The numbers of a few points at a time, of which each column has a cache line.
            for (few, matrices) in matrices.chunks_mut(LANES * stride).enumerate() {
                for (k, output) in group.clone().enumerate() {
                    let column = |input: usize| -> &Few {
                        let line = (input * of_slot + k * self.width) / LANES + few;
                        &adjoints.as_chunks().0[line]
                    };
                    let at = output * inputs;
                    let mut input = 0;
                    while input + TOGETHER <= inputs {
                        let mut columns = [column(input); TOGETHER];
                        for (j, of) in columns.iter_mut().enumerate() {
                            *of = column(input + j);
                        }
                        interleave(columns, matrices, stride, at + input);
                        input += TOGETHER;
                    }
                    for input in input..inputs {
                        interleave([column(input)], matrices, stride, at + input);
                    }
                }
            }
        }
    }
}

/// Columns that are written together.
const TOGETHER: usize = 4;

/// Writes columns side by side, from place `at` of each point's numbers on.
#[inline(always)]
fn interleave<const N: usize>(columns: [&Few; N], to: &mut [f64], stride: usize, at: usize) {
    for (row, point) in to.chunks_exact_mut(stride).zip(0..LANES) {
        // By a loop: `array::map` is not inlined here.
        for (entry, column) in row[at..][..N].iter_mut().zip(columns) {
            *entry = column[point];
        }
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        self.lanes.scratches.give(std::mem::take(&mut self.scratch));
    }
}

/// The first `C` of two.
fn first<X: Copy, const C: usize>(both: [X; 2]) -> [X; C] {
    std::array::from_fn(|c| both[c])
}

fn first_mut<const C: usize>(both: &mut [Aligned; 2]) -> [&mut [f64]; C] {
    let mut parts = both.iter_mut();
    std::array::from_fn(|_| &mut parts.next().expect("at most two parts")[..])
}

/// Memory of blocks that nobody uses now.
#[derive(Debug, Default)]
pub(super) struct Scratches(Mutex<Vec<Scratch>>);

impl Scratches {
    fn take(&self) -> Scratch {
        self.0.lock().expect(LOCK).pop().unwrap_or_default()
    }

    fn give(&self, scratch: Scratch) {
        self.0.lock().expect(LOCK).push(scratch);
    }
}

const LOCK: &str = "nobody panics who holds the lock";

impl Clone for Scratches {
    fn clone(&self) -> Self {
        Self::default()
    }
}
