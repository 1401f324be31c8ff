//! Derivatives along several directions at a time, as many as [`Wide::LANES`]: the numbers of the directions side by side.

use pulp::{Arch, Simd, WithSimd};

use crate::num::{Dual, N};
use crate::program::lanes::kernels::{Dispatch, Kernel};
use crate::program::replay::{inputs, params};
use crate::program::sums::{Along as _, Sums};
use crate::program::{Code, Kind};
use crate::real::Real;
use crate::rules::elementwise::Num;
use crate::rules::expand::Elementwise;
use crate::rules::structural::map::absorb;

/// Memory for derivatives along some directions.
#[derive(Debug)]
pub(crate) struct Directions<T: Real> {
    tangents: Vec<T::Few>,
    adjoints: Vec<T>,
    /// The adjoints' tangents; or several adjoints.
    seconds: Vec<T::Few>,
}

impl<T: Real> Default for Directions<T> {
    fn default() -> Self {
        Self {
            tangents: Vec::new(),
            adjoints: Vec::new(),
            seconds: Vec::new(),
        }
    }
}

impl<T: Real> Directions<T> {
    /// For each slot its tangents along the directions that `seed` plants among those of the inputs.
    pub(super) fn tangents(
        &mut self,
        code: &Code,
        values: &[T],
        seed: impl FnOnce(&mut [T::Few]),
    ) -> &[T::Few] {
        self.tangents.clear();
        self.tangents.resize(code.slots(), T::ZEROS);
        seed(&mut self.tangents[..code.inputs]);
        T::push_directions(code, values, &mut self.tangents);
        &self.tangents
    }

    /// The adjoints of the inputs, in several sweeps at once, for those of the outputs that `seed` plants among all slots'.
    pub(super) fn adjoints(
        &mut self,
        code: &Code,
        values: &[T],
        seed: impl FnOnce(&mut [T::Few]),
    ) -> &[T::Few] {
        self.seconds.clear();
        self.seconds.resize(code.slots(), T::ZEROS);
        seed(&mut self.seconds);
        T::pull_several(code, values, &mut self.seconds);
        &self.seconds[..code.inputs]
    }

    /// For each input, the products' entries: those of the Hessian of `output` with the directions that
    /// `seed` plants among the inputs' tangents.
    pub(super) fn products(
        &mut self,
        code: &Code,
        values: &[T],
        output: usize,
        seed: impl FnOnce(&mut [T::Few]),
    ) -> &[T::Few] {
        self.tangents(code, values, seed);
        self.adjoints.clear();
        self.adjoints.resize(code.slots(), T::zero());
        self.adjoints[output] = T::one();
        self.seconds.clear();
        self.seconds.resize(code.slots(), T::ZEROS);
        let adjoints = (&mut self.adjoints[..], &mut self.seconds[..]);
        T::pull_directions(code, values, &self.tangents, adjoints);
        &self.seconds[..code.inputs]
    }
}

/// The tangents of all slots along some directions, from those of the inputs.
pub(super) fn push<T: Real>(code: &Code, values: &[T], tangents: &mut [T::Few]) {
    let arch = Arch::new();
    for run in code.runs.iter().filter(|run| !run.stopped) {
        let (args, at) = (code.args_of(run), code.slot_of(run));
        let (before, out) = tangents.split_at_mut(at);
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
}

/// Several adjoints of all slots, from those of the outputs.
pub(super) fn pull_several<T: Real>(code: &Code, values: &[T], adjoints: &mut [T::Few]) {
    let arch = Arch::new();
    for run in code.runs.iter().rev().filter(|run| !run.stopped) {
        let (args, at) = (code.args_of(run), code.slot_of(run));
        let (before, own) = adjoints.split_at_mut(at);
        let own = &own[..args.len()];
        match run.kind {
            Kind::Rule(op) => op.visit(Dispatch {
                arch,
                kernel: Adjoints {
                    args,
                    values,
                    at,
                    before,
                    own,
                },
            }),
            Kind::Sum => arch.dispatch(SumAdjoints {
                sums: code.sums_of(run, values),
                before,
                own,
            }),
        }
    }
}

/// The adjoints of all slots, and their tangents along some directions, from those of the outputs.
pub(super) fn pull<T: Real>(
    code: &Code,
    values: &[T],
    tangents: &[T::Few],
    (adjoints, seconds): (&mut [T], &mut [T::Few]),
) {
    let arch = Arch::new();
    for run in code.runs.iter().rev().filter(|run| !run.stopped) {
        let (args, at) = (code.args_of(run), code.slot_of(run));
        let (before, own) = adjoints.split_at_mut(at);
        let (seconds_before, own_seconds) = seconds.split_at_mut(at);
        let (own, own_seconds) = (&own[..args.len()], &own_seconds[..args.len()]);
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
}

// No closures here: what calls them is not inlined into code for wider registers than the crate is compiled for.

struct SumTangents<'a, T: Real> {
    sums: Sums<'a, T>,
    before: &'a [T::Few],
    out: &'a mut [T::Few],
}

impl<T: Real> WithSimd for SumTangents<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.sums.tangents(self.before, self.out);
    }
}

struct SumAdjoints<'a, T: Real> {
    sums: Sums<'a, T>,
    before: &'a mut [T::Few],
    own: &'a [T::Few],
}

impl<T: Real> WithSimd for SumAdjoints<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.sums.adjoints(self.before, self.own);
    }
}

struct SumSeconds<'a, T: Real> {
    sums: Sums<'a, T>,
    tangents: &'a [T::Few],
    adjoints: &'a mut [T],
    seconds: &'a mut [T::Few],
    own: &'a [T],
    own_seconds: &'a [T::Few],
}

impl<T: Real> WithSimd for SumSeconds<'_, T> {
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

struct Tangents<'a, T: Real> {
    args: &'a [[u32; 3]],
    values: &'a [T],
    z: &'a [T],
    before: &'a [T::Few],
    out: &'a mut [T::Few],
}

impl<T: Real> Kernel for Tangents<'_, T> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        for ((out, args), &z) in self.out.iter_mut().zip(self.args).zip(self.z) {
            let x = inputs::<T, A>(args, self.values);
            let partials = E::partials(x, params::<T, A, P>(args, self.values), N(z));
            let mut sum = T::ZEROS;
            for (N(partial), &slot) in partials.into_iter().zip(args) {
                // Beyond a zero partial lies a branch that was not chosen.
                if partial == T::zero() {
                    continue;
                }
                let before = self.before[slot as usize].as_ref();
                for (sum, &t) in sum.as_mut().iter_mut().zip(before) {
                    *sum += absorb(t, partial);
                }
            }
            *out = sum;
        }
    }
}

struct Adjoints<'a, T: Real> {
    args: &'a [[u32; 3]],
    values: &'a [T],
    at: usize,
    before: &'a mut [T::Few],
    own: &'a [T::Few],
}

impl<T: Real> Kernel for Adjoints<'_, T> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let z = &self.values[self.at..];
        for ((g, args), &z) in self.own.iter().zip(self.args).zip(z) {
            if g.is_none() {
                continue;
            }
            let x = inputs::<T, A>(args, self.values);
            let partials = E::partials(x, params::<T, A, P>(args, self.values), N(z));
            for (N(partial), &slot) in partials.into_iter().zip(args) {
                self.before[slot as usize].add_adjoint(*g, partial);
            }
        }
    }
}

struct Seconds<'a, T: Real> {
    args: &'a [[u32; 3]],
    values: &'a [T],
    tangents: &'a [T::Few],
    at: usize,
    adjoints: &'a mut [T],
    seconds: &'a mut [T::Few],
    own: &'a [T],
    own_seconds: &'a [T::Few],
}

impl<T: Real> Kernel for Seconds<'_, T> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        for (i, args) in self.args.iter().enumerate() {
            let (g, gs) = (self.own[i], &self.own_seconds[i]);
            let p = params::<T, A, P>(args, self.values);
            let x = inputs::<T, A>(args, self.values);
            let z = N(self.values[self.at + i]);
            let of_z = &self.tangents[self.at + i];
            let mut along = [T::ZEROS; A];
            for (along, &slot) in along.iter_mut().zip(args) {
                *along = self.tangents[slot as usize];
            }
            let mut terms = [T::ZEROS; A];
            for lane in 0..T::LANES {
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
                let partials: [Dual<N<T>>; A] = E::partials(duals, p, z);
                for (terms, partial) in terms.iter_mut().zip(partials) {
                    // As the list's own recorded sweeps: what is zero absorbs what is not finite.
                    let bend = partial.tangent.passed_on(N(g));
                    terms[lane] = (bend + N(gs[lane]).passed_on(partial.value)).0;
                }
            }
            for (terms, &slot) in terms.iter().zip(args) {
                let sums = self.seconds[slot as usize].as_mut();
                for (sum, &term) in sums.iter_mut().zip(terms.as_ref()) {
                    *sum += term;
                }
            }
            if g != T::zero() {
                for (N(partial), &slot) in E::partials(x, p, z).into_iter().zip(args) {
                    self.adjoints[slot as usize] += g * partial;
                }
            }
        }
    }
}
