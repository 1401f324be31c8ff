//! Second derivatives along several directions at a time, as many as the widest registers hold: the numbers of the directions side by side.

use pulp::{Arch, Simd, WithSimd};

use crate::num::{Dual, N};
use crate::program::dispatch::{Kernel, Run as _};
use crate::program::replay::{inputs, params};
use crate::program::sums::{Along as _, Sums};
use crate::program::{Code, Kind};
use crate::real::Real;
use crate::rules::elementwise::Num;
use crate::rules::expand::Elementwise;

/// The adjoints of all slots, and their tangents along some directions, from those of the outputs.
pub(super) fn pull_twice<T: Real>(
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
            Kind::Rule(op) => arch.rule(
                op,
                Seconds {
                    args,
                    values,
                    tangents,
                    at,
                    adjoints: before,
                    seconds: seconds_before,
                    own,
                    own_seconds,
                },
            ),
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
            if g == T::zero() && gs.is_none() {
                continue;
            }
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
