//! Some points at a time.

use pulp::Arch;

use crate::error::Error;
use crate::program::lanes::kernels::{Dispatch, Forward, Reverse};
use crate::program::lanes::sums::Sums;
use crate::program::lanes::{Few, Lanes, SHARED};
use crate::program::replay::branch_changed;
use crate::program::{Kind, Run};

/// The sum in a fixed order that has no long chain.
pub(super) fn pairwise(x: &[f64]) -> f64 {
    match x {
        [] => 0.0,
        [x] => *x,
        _ => {
            let (low, high) = x.split_at(x.len() / 2);
            pairwise(low) + pairwise(high)
        }
    }
}

/// The numbers of some points: one after another for each slot.
pub(super) struct Block<'a> {
    pub(super) lanes: &'a Lanes,
    shared: &'a [f64],
    arch: Arch,
    pub(super) width: usize,
    /// Points in use; the others repeat the last one.
    points: usize,
    /// The first point, for messages.
    start: usize,
    values: Vec<f64>,
    adjoints: Vec<f64>,
    /// Adjoints of what is shared, in partial sums; empty if nobody asks for them.
    pub(super) sums: Vec<Few>,
}

impl<'a> Block<'a> {
    pub(super) fn new(lanes: &'a Lanes, shared: &'a [f64]) -> Self {
        let width = lanes.width();
        Self {
            lanes,
            shared,
            arch: Arch::new(),
            width,
            points: 0,
            start: 0,
            values: vec![0.0; (lanes.inputs + lanes.args.len()) * width],
            adjoints: Vec::new(),
            sums: Vec::new(),
        }
    }

    pub(super) fn load(&mut self, columns: &[&[f64]], start: usize, points: usize) {
        (self.start, self.points) = (start, points);
        for (to, column) in self.values.chunks_exact_mut(self.width).zip(columns) {
            let from = &column[start..start + points];
            to[..points].copy_from_slice(from);
            to[points..].fill(from[points - 1]);
        }
    }

    pub(super) fn number(&self, slot: u32, point: usize) -> f64 {
        if slot & SHARED != 0 {
            self.shared[(slot & !SHARED) as usize]
        } else {
            self.values[slot as usize * self.width + point]
        }
    }

    pub(super) fn sum_of(&self, slot: u32) -> f64 {
        if slot & SHARED != 0 {
            return self.number(slot, 0) * self.points as f64;
        }
        pairwise(&self.values[slot as usize * self.width..][..self.points])
    }

    fn args_of(&self, run: &Run) -> &'a [[u32; 3]] {
        &self.lanes.args[run.start as usize..run.end as usize]
    }

    fn at(&self, run: &Run) -> usize {
        (self.lanes.inputs + run.start as usize) * self.width
    }

    pub(super) fn forward(&mut self) -> Result<(), Error> {
        for run in &self.lanes.runs {
            let (args, at) = (self.args_of(run), self.at(run));
            let (before, out) = self.values.split_at_mut(at);
            let (shared, out) = (self.shared, &mut out[..args.len() * self.width]);
            match run.kind {
                Kind::Rule(op) => op.visit(Dispatch {
                    arch: self.arch,
                    kernel: Forward {
                        args,
                        shared,
                        before,
                        out,
                        width: self.width,
                    },
                }),
                Kind::Sum => Sums {
                    args,
                    terms: &self.lanes.terms,
                    shared,
                    values: before,
                    width: self.width,
                }
                .forward(self.arch, out),
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

    /// Adjoint 1 for an output at each point, and 0 for everything else.
    pub(super) fn seed(&mut self, output: usize) {
        self.adjoints.resize(self.values.len(), 0.0);
        let outputs = self
            .lanes
            .outputs
            .iter()
            .filter(|&&slot| slot & SHARED == 0);
        for &slot in self.lanes.untouched.iter().chain(outputs) {
            self.adjoints[slot as usize * self.width..][..self.width].fill(0.0);
        }
        let slot = self.lanes.outputs[output];
        if slot & SHARED == 0 {
            self.adjoints[slot as usize * self.width..][..self.points].fill(1.0);
        } else if let Some(sums) = self.sums.get_mut((slot & !SHARED) as usize) {
            sums[0] += self.points as f64;
        }
    }

    pub(super) fn reverse(&mut self) {
        for run in self.lanes.runs.iter().rev().filter(|run| !run.stopped) {
            let (args, at) = (self.args_of(run), self.at(run));
            let (before, own) = self.adjoints.split_at_mut(at);
            let own = &own[..args.len() * self.width];
            let (shared, values) = (self.shared, &self.values);
            match run.kind {
                Kind::Rule(op) => op.visit(Dispatch {
                    arch: self.arch,
                    kernel: Reverse {
                        args,
                        firsts: &self.lanes.firsts[run.start as usize..run.end as usize],
                        shared,
                        values,
                        z: &values[at..][..args.len() * self.width],
                        before,
                        own,
                        sums: &mut self.sums,
                        width: self.width,
                    },
                }),
                Kind::Sum => Sums {
                    args,
                    terms: &self.lanes.terms,
                    shared,
                    values,
                    width: self.width,
                }
                .reverse(self.arch, before, own, &mut self.sums),
            }
        }
    }

    /// Writes the adjoints of the points' inputs: `stride` numbers on for each point.
    pub(super) fn write_gradients(&self, rows: &mut [f64], stride: usize) {
        let inputs = self.lanes.inputs;
        for point in 0..self.points {
            let row = rows.get_mut(point * stride..).unwrap_or_default();
            for (entry, adjoints) in row[..inputs]
                .iter_mut()
                .zip(self.adjoints.chunks_exact(self.width))
            {
                *entry = adjoints[point];
            }
        }
    }
}
