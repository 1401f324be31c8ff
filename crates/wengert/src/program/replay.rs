//! The loops over a run of instructions, at one input.

use crate::num::{Dual, N};
use crate::rules::elementwise::Num;
use crate::rules::expand::{Elementwise, Visitor};
use crate::rules::structural::map::absorb;

// By loops, for `array::from_fn` is not inlined where code is compiled for wider registers.

#[inline(always)]
pub(super) fn inputs<const A: usize>(args: &[u32; 3], values: &[f64]) -> [N<f64>; A] {
    let mut x = [N(0.0); A];
    for (x, &slot) in x.iter_mut().zip(args) {
        *x = N(values[slot as usize]);
    }
    x
}

#[inline(always)]
pub(super) fn params<const A: usize, const P: usize>(args: &[u32; 3], values: &[f64]) -> [f64; P] {
    let mut params = [0.0; P];
    for (param, &slot) in params.iter_mut().zip(&args[A..]) {
        *param = values[slot as usize];
    }
    params
}

pub(super) struct Forward<'a> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) before: &'a [f64],
    pub(super) out: &'a mut [f64],
}

impl Visitor for Forward<'_> {
    type Output = ();
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        for (z, args) in self.out.iter_mut().zip(self.args) {
            *z = E::value(
                inputs::<A>(args, self.before),
                params::<A, P>(args, self.before),
            )
            .0;
        }
    }
}

pub(super) struct Tangents<'a> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) values: &'a [f64],
    pub(super) at: usize,
    pub(super) before: &'a [f64],
    pub(super) out: &'a mut [f64],
}

impl Visitor for Tangents<'_> {
    type Output = ();
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let z = &self.values[self.at..];
        for ((tangent, args), &z) in self.out.iter_mut().zip(self.args).zip(z) {
            let x = inputs::<A>(args, self.values);
            let partials = E::partials(x, params::<A, P>(args, self.values), N(z));
            *tangent = 0.0;
            for (k, N(partial)) in partials.into_iter().enumerate() {
                // Beyond a zero partial lies a branch that was not chosen.
                if partial != 0.0 {
                    *tangent += absorb(self.before[args[k] as usize], partial);
                }
            }
        }
    }
}

pub(super) struct Adjoints<'a> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) values: &'a [f64],
    pub(super) at: usize,
    pub(super) before: &'a mut [f64],
    pub(super) own: &'a [f64],
}

impl Visitor for Adjoints<'_> {
    type Output = ();
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let z = &self.values[self.at..];
        for ((&g, args), &z) in self.own.iter().zip(self.args).zip(z) {
            // An adjoint of zero absorbs even an infinite partial.
            if g == 0.0 {
                continue;
            }
            let x = inputs::<A>(args, self.values);
            let partials = E::partials(x, params::<A, P>(args, self.values), N(z));
            for (k, N(partial)) in partials.into_iter().enumerate() {
                self.before[args[k] as usize] += g * partial;
            }
        }
    }
}

pub(super) struct SecondAdjoints<'a> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) values: &'a [f64],
    pub(super) tangents: &'a [f64],
    pub(super) at: usize,
    pub(super) before: [&'a mut [f64]; 2],
    pub(super) own: [&'a [f64]; 2],
}

impl Visitor for SecondAdjoints<'_> {
    type Output = ();
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let [adjoints, seconds] = self.before;
        let [own, own_second] = self.own;
        for (i, args) in self.args.iter().enumerate() {
            let g = Dual {
                value: N(own[i]),
                tangent: N(own_second[i]),
            };
            if g.value == 0.0 && g.tangent == 0.0 {
                continue;
            }
            let dual = |slot: usize| Dual {
                value: N(self.values[slot]),
                tangent: N(self.tangents[slot]),
            };
            let x = std::array::from_fn(|k| dual(args[k] as usize));
            let p = params::<A, P>(args, self.values);
            let partials: [Dual<N<f64>>; A] = E::partials(x, p, dual(self.at + i));
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
