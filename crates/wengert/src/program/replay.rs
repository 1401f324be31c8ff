//! The loops over a run of instructions, at one input.

use pulp::{Simd, WithSimd};

use crate::num::{Dual, N};
use crate::program::code::{Code, Kind};
use crate::program::dispatch::{Baseline, Kernel, Run};
use crate::program::sums::{Along, Sums};
use crate::real::Real;
use crate::rules::elementwise::Num;
use crate::rules::expand::Elementwise;
use crate::rules::structural::map::absorb;

/// The value of every slot, from those of the inputs and constants.
pub(super) fn run<T: Real>(code: &Code, values: &mut [T]) {
    for run in &code.runs {
        let (args, at) = (code.args_of(run), code.slot_of(run));
        let (before, rest) = values.split_at_mut(at);
        let out = &mut rest[..args.len()];
        match run.kind {
            Kind::Rule(op) => Baseline.rule(op, Forward { args, before, out }),
            Kind::Sum => code.sums_of(run, before).forward(out),
        }
    }
}

/// The tangent of every slot, or several of each side by side, from those of the inputs.
#[inline(always)]
pub(super) fn push<T: Real, V: Along<T>>(
    code: &Code,
    values: &[T],
    tangents: &mut [V],
    with: impl Run,
) {
    for run in code.runs.iter().filter(|run| !run.stopped) {
        let (args, at) = (code.args_of(run), code.slot_of(run));
        let (before, rest) = tangents.split_at_mut(at);
        let (z, out) = (&values[at..], &mut rest[..args.len()]);
        match run.kind {
            Kind::Rule(op) => with.rule(
                op,
                Tangents {
                    args,
                    values,
                    z,
                    before,
                    out,
                },
            ),
            Kind::Sum => {
                let sums = code.sums_of(run, values);
                with.other(PushSums { sums, before, out });
            }
        }
    }
}

/// The adjoint of every slot, or several of each side by side, from those of the outputs.
#[inline(always)]
pub(super) fn pull<T: Real, V: Along<T>>(
    code: &Code,
    values: &[T],
    adjoints: &mut [V],
    with: impl Run,
) {
    for run in code.runs.iter().rev().filter(|run| !run.stopped) {
        let (args, at) = (code.args_of(run), code.slot_of(run));
        let (before, rest) = adjoints.split_at_mut(at);
        let (z, own) = (&values[at..], &rest[..args.len()]);
        match run.kind {
            Kind::Rule(op) => with.rule(
                op,
                Adjoints {
                    args,
                    values,
                    z,
                    before,
                    own,
                },
            ),
            Kind::Sum => {
                let sums = code.sums_of(run, values);
                with.other(PullSums { sums, before, own });
            }
        }
    }
}

/// The adjoint of every slot and its tangent, from those of the outputs and from the tangents of the slots.
pub(super) fn pull_twice<T: Real>(
    code: &Code,
    values: &[T],
    tangents: &[T],
    (adjoints, seconds): (&mut [T], &mut [T]),
) {
    for run in code.runs.iter().rev().filter(|run| !run.stopped) {
        let (args, at) = (code.args_of(run), code.slot_of(run));
        let (before, rest) = adjoints.split_at_mut(at);
        let (second_before, second_rest) = seconds.split_at_mut(at);
        let (own, own_second) = (&rest[..args.len()], &second_rest[..args.len()]);
        match run.kind {
            Kind::Rule(op) => Baseline.rule(
                op,
                SecondAdjoints {
                    args,
                    values,
                    tangents,
                    at,
                    before: [before, second_before],
                    own: [own, own_second],
                },
            ),
            Kind::Sum => {
                let sums = code.sums_of(run, values);
                sums.second_adjoints(tangents, before, second_before, own, own_second);
            }
        }
    }
}

// By loops, for `array::from_fn` is not inlined where code is compiled for wider registers.

#[inline(always)]
pub(super) fn inputs<T: Real, const A: usize>(args: &[u32; 3], values: &[T]) -> [N<T>; A] {
    let mut x = [N(T::zero()); A];
    for (x, &slot) in x.iter_mut().zip(args) {
        *x = N(values[slot as usize]);
    }
    x
}

#[inline(always)]
pub(super) fn params<T: Real, const A: usize, const P: usize>(
    args: &[u32; 3],
    values: &[T],
) -> [f64; P] {
    let mut params = [0.0; P];
    for (param, &slot) in params.iter_mut().zip(&args[A..]) {
        *param = values[slot as usize].as_f64();
    }
    params
}

struct Forward<'a, T> {
    args: &'a [[u32; 3]],
    before: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Forward<'_, T> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        for (z, args) in self.out.iter_mut().zip(self.args) {
            *z = E::value(
                inputs::<T, A>(args, self.before),
                params::<T, A, P>(args, self.before),
            )
            .0;
        }
    }
}

struct Tangents<'a, T, V> {
    args: &'a [[u32; 3]],
    values: &'a [T],
    z: &'a [T],
    before: &'a [V],
    out: &'a mut [V],
}

impl<T: Real, V: Along<T>> Kernel for Tangents<'_, T, V> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        for ((tangent, args), &z) in self.out.iter_mut().zip(self.args).zip(self.z) {
            let x = inputs::<T, A>(args, self.values);
            let partials = E::partials(x, params::<T, A, P>(args, self.values), N(z));
            let mut sum = V::none();
            for (k, N(partial)) in partials.into_iter().enumerate() {
                // Beyond a zero partial lies a branch that was not chosen.
                if partial != T::zero() {
                    sum.add_product(self.before[args[k] as usize], partial);
                }
            }
            *tangent = sum;
        }
    }
}

struct PushSums<'a, T, V> {
    sums: Sums<'a, T>,
    before: &'a [V],
    out: &'a mut [V],
}

impl<T: Real, V: Along<T>> WithSimd for PushSums<'_, T, V> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.sums.tangents(self.before, self.out);
    }
}

struct Adjoints<'a, T, V> {
    args: &'a [[u32; 3]],
    values: &'a [T],
    z: &'a [T],
    before: &'a mut [V],
    own: &'a [V],
}

impl<T: Real, V: Along<T>> Kernel for Adjoints<'_, T, V> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        for ((&g, args), &z) in self.own.iter().zip(self.args).zip(self.z) {
            // An adjoint of zero absorbs even an infinite partial.
            if g.is_none() {
                continue;
            }
            let x = inputs::<T, A>(args, self.values);
            let partials = E::partials(x, params::<T, A, P>(args, self.values), N(z));
            for (k, N(partial)) in partials.into_iter().enumerate() {
                self.before[args[k] as usize].add_adjoint(g, partial);
            }
        }
    }
}

struct PullSums<'a, T, V> {
    sums: Sums<'a, T>,
    before: &'a mut [V],
    own: &'a [V],
}

impl<T: Real, V: Along<T>> WithSimd for PullSums<'_, T, V> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.sums.adjoints(self.before, self.own);
    }
}

struct SecondAdjoints<'a, T> {
    args: &'a [[u32; 3]],
    values: &'a [T],
    tangents: &'a [T],
    at: usize,
    before: [&'a mut [T]; 2],
    own: [&'a [T]; 2],
}

impl<T: Real> Kernel for SecondAdjoints<'_, T> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let [adjoints, seconds] = self.before;
        let [own, own_second] = self.own;
        for (i, args) in self.args.iter().enumerate() {
            let g = Dual {
                value: N(own[i]),
                tangent: N(own_second[i]),
            };
            if own[i] == T::zero() && own_second[i] == T::zero() {
                continue;
            }
            let dual = |slot: usize| Dual {
                value: N(self.values[slot]),
                tangent: N(self.tangents[slot]),
            };
            let x = std::array::from_fn(|k| dual(args[k] as usize));
            let p = params::<T, A, P>(args, self.values);
            let partials: [Dual<N<T>>; A] = E::partials(x, p, dual(self.at + i));
            for (k, partial) in partials.into_iter().enumerate() {
                let slot = args[k] as usize;
                // As the list's own recorded sweeps: what is zero absorbs what is not finite.
                adjoints[slot] += absorb(g.value.0, partial.value.0);
                let bend = partial.tangent.passed_on(g.value);
                seconds[slot] += (bend + g.tangent.passed_on(partial.value)).0;
            }
        }
    }
}
