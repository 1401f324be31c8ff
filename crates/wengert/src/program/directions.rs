//! Derivatives along several directions at a time: the numbers of the directions side by side.

use pulp::{Arch, Simd, WithSimd};

use crate::num::{Dual, N};
use crate::program::lanes::kernels::{Dispatch, Kernel};
use crate::program::lanes::{Few, LANES};
use crate::program::replay::{inputs, params};
use crate::program::sums::Sums;
use crate::program::{Code, Kind};
use crate::rules::elementwise::Num;
use crate::rules::expand::Elementwise;

/// How many directions go together.
pub(super) const DIRECTIONS: usize = LANES;

/// Memory for derivatives along some directions.
#[derive(Debug, Default)]
pub(super) struct Directions {
    tangents: Vec<Few>,
    adjoints: Vec<f64>,
    seconds: Vec<Few>,
}

impl Directions {
    /// For each slot its tangents along the directions that `seed` plants among those of the inputs.
    pub(super) fn tangents(
        &mut self,
        code: &Code,
        values: &[f64],
        seed: impl FnOnce(&mut [Few]),
    ) -> &[Few] {
        let arch = Arch::new();
        self.tangents.clear();
        self.tangents.resize(code.slots(), [0.0; LANES]);
        seed(&mut self.tangents[..code.inputs]);
        for run in code.runs.iter().filter(|run| !run.stopped) {
            let (args, at) = (code.args_of(run), code.slot_of(run));
            let (before, out) = self.tangents.split_at_mut(at);
            let out = &mut out[..args.len()];
            match run.kind {
                Kind::Rule(op) => op.visit(Dispatch {
                    arch,
                    kernel: Tangents {
                        args,
                        values,
                        z: &values[at..],
                        before,
                        out,
                    },
                }),
                Kind::Sum => arch.dispatch(SumTangents {
                    sums: code.sums_of(run, values),
                    before,
                    out,
                }),
            }
        }
        &self.tangents
    }

    /// For each input, the products' entries: those of the Hessian of `output` with the directions that
    /// `seed` plants among the inputs' tangents.
    pub(super) fn products(
        &mut self,
        code: &Code,
        values: &[f64],
        output: usize,
        seed: impl FnOnce(&mut [Few]),
    ) -> &[Few] {
        let arch = Arch::new();
        self.tangents(code, values, seed);
        self.adjoints.clear();
        self.adjoints.resize(code.slots(), 0.0);
        self.adjoints[output] = 1.0;
        self.seconds.clear();
        self.seconds.resize(code.slots(), [0.0; LANES]);
        for run in code.runs.iter().rev().filter(|run| !run.stopped) {
            let (args, at) = (code.args_of(run), code.slot_of(run));
            let (before, own) = self.adjoints.split_at_mut(at);
            let (seconds_before, own_seconds) = self.seconds.split_at_mut(at);
            let (own, own_seconds) = (&own[..args.len()], &own_seconds[..args.len()]);
            let tangents = &self.tangents;
            match run.kind {
                Kind::Rule(op) => op.visit(Dispatch {
                    arch,
                    kernel: Seconds {
                        args,
                        values,
                        tangents,
                        at,
                        adjoints: before,
                        seconds: seconds_before,
                        own,
                        own_seconds,
                    },
                }),
                Kind::Sum => arch.dispatch(SumSeconds {
                    sums: code.sums_of(run, values),
                    tangents,
                    adjoints: before,
                    seconds: seconds_before,
                    own,
                    own_seconds,
                }),
            }
        }
        &self.seconds[..code.inputs]
    }
}

// No closures here: what calls them is not inlined into code for wider registers than the crate is compiled for.

struct SumTangents<'a> {
    sums: Sums<'a>,
    before: &'a [Few],
    out: &'a mut [Few],
}

impl WithSimd for SumTangents<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.sums.tangents(self.before, self.out);
    }
}

struct SumSeconds<'a> {
    sums: Sums<'a>,
    tangents: &'a [Few],
    adjoints: &'a mut [f64],
    seconds: &'a mut [Few],
    own: &'a [f64],
    own_seconds: &'a [Few],
}

impl WithSimd for SumSeconds<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.sums.second_adjoints(
            self.tangents,
            self.adjoints,
            self.seconds,
            self.own,
            self.own_seconds,
        );
    }
}

struct Tangents<'a> {
    args: &'a [[u32; 3]],
    values: &'a [f64],
    z: &'a [f64],
    before: &'a [Few],
    out: &'a mut [Few],
}

impl Kernel for Tangents<'_> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        for ((out, args), &z) in self.out.iter_mut().zip(self.args).zip(self.z) {
            let x = inputs::<A>(args, self.values);
            let partials = E::partials(x, params::<A, P>(args, self.values), N(z));
            let mut sum = [0.0; LANES];
            for (N(partial), &slot) in partials.into_iter().zip(args) {
                // Beyond a zero partial lies a branch that was not chosen.
                if partial == 0.0 {
                    continue;
                }
                for (sum, &t) in sum.iter_mut().zip(&self.before[slot as usize]) {
                    *sum += if t == 0.0 { 0.0 } else { t * partial };
                }
            }
            *out = sum;
        }
    }
}

struct Seconds<'a> {
    args: &'a [[u32; 3]],
    values: &'a [f64],
    tangents: &'a [Few],
    at: usize,
    adjoints: &'a mut [f64],
    seconds: &'a mut [Few],
    own: &'a [f64],
    own_seconds: &'a [Few],
}

impl Kernel for Seconds<'_> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        for (i, args) in self.args.iter().enumerate() {
            let (g, gs) = (self.own[i], &self.own_seconds[i]);
            let p = params::<A, P>(args, self.values);
            let x = inputs::<A>(args, self.values);
            let z = N(self.values[self.at + i]);
            let of_z = &self.tangents[self.at + i];
            let mut along = [[0.0; LANES]; A];
            for (along, &slot) in along.iter_mut().zip(args) {
                *along = self.tangents[slot as usize];
            }
            let mut terms = [[0.0; LANES]; A];
            for lane in 0..LANES {
                let mut duals = [Dual {
                    value: z,
                    tangent: z,
                }; A];
                for ((dual, &value), along) in duals.iter_mut().zip(&x).zip(&along) {
                    *dual = Dual {
                        value,
                        tangent: N(along[lane]),
                    };
                }
                let z = Dual {
                    value: z,
                    tangent: N(of_z[lane]),
                };
                let partials: [Dual<N<f64>>; A] = E::partials(duals, p, z);
                for (terms, partial) in terms.iter_mut().zip(partials) {
                    // As the list's own recorded sweeps: what is zero absorbs what is not finite.
                    let bend = partial.tangent.passed_on(N(g));
                    terms[lane] = (bend + N(gs[lane]).passed_on(partial.value)).0;
                }
            }
            for (terms, &slot) in terms.iter().zip(args) {
                for (sum, term) in self.seconds[slot as usize].iter_mut().zip(terms) {
                    *sum += term;
                }
            }
            if g != 0.0 {
                for (N(partial), &slot) in E::partials(x, p, z).into_iter().zip(args) {
                    self.adjoints[slot as usize] += g * partial;
                }
            }
        }
    }
}
