//! Sums of numbers and of products of two, at one input.

use crate::num::N;
use crate::program::lanes::{Few, LANES};
use crate::rules::elementwise::Num;

/// A term of a sum: the number in a slot or the product of two, added or subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// The first factor's slot; the highest bit says that the term is subtracted.
    first: u32,
    /// The second factor's slot, or [`ALONE`].
    second: u32,
}

const MINUS: u32 = 1 << 31;
const ALONE: u32 = u32::MAX;

impl Term {
    pub(super) fn new(first: u32, second: Option<u32>, minus: bool) -> Self {
        Self {
            first: first | if minus { MINUS } else { 0 },
            second: second.unwrap_or(ALONE),
        }
    }

    #[inline(always)]
    pub(super) fn first(self) -> usize {
        (self.first & !MINUS) as usize
    }

    #[inline(always)]
    pub(super) fn second(self) -> Option<usize> {
        (self.second != ALONE).then_some(self.second as usize)
    }

    #[inline(always)]
    pub(super) fn minus(self) -> bool {
        self.first & MINUS != 0
    }

    /// The slots of the factors.
    pub(super) fn slots(self) -> impl Iterator<Item = usize> {
        std::iter::once(self.first()).chain(self.second())
    }

    #[inline(always)]
    fn signed(self, x: f64) -> f64 {
        if self.minus() { -x } else { x }
    }
}

/// Some sums: where the terms of each stand, the terms of all, and everything's values.
#[derive(Clone, Copy)]
pub(super) struct Sums<'a> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) terms: &'a [Term],
    pub(super) values: &'a [f64],
}

impl<'a> Sums<'a> {
    #[inline(always)]
    fn terms_of(&self, args: &[u32; 3]) -> &'a [Term] {
        &self.terms[args[0] as usize..args[1] as usize]
    }

    pub(super) fn forward(self, out: &mut [f64]) {
        for (z, args) in out.iter_mut().zip(self.args) {
            // The negative zero gives the first term back, whatever it is.
            let mut sum = -0.0;
            for &term in self.terms_of(args) {
                let x = self.values[term.first()];
                let x = match term.second() {
                    Some(second) => x * self.values[second],
                    None => x,
                };
                sum += term.signed(x);
            }
            *z = sum;
        }
    }

    #[inline(always)]
    pub(super) fn tangents<T: Along>(self, before: &[T], out: &mut [T]) {
        for (z, args) in out.iter_mut().zip(self.args) {
            let mut sum = T::ZERO;
            for &term in self.terms_of(args) {
                let first = term.first();
                let tangent = match term.second() {
                    None => before[first],
                    Some(second) => {
                        let mut product = T::ZERO;
                        product.add(before[first], self.values[second]);
                        product.add(before[second], self.values[first]);
                        product
                    }
                };
                sum.add(tangent, term.signed(1.0));
            }
            *z = sum;
        }
    }

    pub(super) fn adjoints(self, before: &mut [f64], own: &[f64]) {
        for (&g, args) in own.iter().zip(self.args) {
            // An adjoint of zero absorbs even an infinite partial.
            if g == 0.0 {
                continue;
            }
            for &term in self.terms_of(args) {
                let (first, g) = (term.first(), term.signed(g));
                match term.second() {
                    None => before[first] += g,
                    Some(second) => {
                        before[first] += g * self.values[second];
                        before[second] += g * self.values[first];
                    }
                }
            }
        }
    }

    /// Adjoints, and their tangents along directions.
    #[inline(always)]
    pub(super) fn second_adjoints<T: Along>(
        self,
        tangents: &[T],
        adjoints: &mut [f64],
        seconds: &mut [T],
        own: &[f64],
        own_seconds: &[T],
    ) {
        for ((&g, &g_tangent), args) in own.iter().zip(own_seconds).zip(self.args) {
            if g == 0.0 && g_tangent.is_zero() {
                continue;
            }
            for &term in self.terms_of(args) {
                let (first, sign) = (term.first(), term.signed(1.0));
                let Some(second) = term.second() else {
                    adjoints[first] += sign * g;
                    seconds[first].add(g_tangent, sign);
                    continue;
                };
                for (slot, other) in [(first, second), (second, first)] {
                    // As the list's own recorded sweeps: what is zero absorbs what is not finite.
                    if g != 0.0 {
                        adjoints[slot] += sign * g * self.values[other];
                        seconds[slot].add(tangents[other], sign * g);
                    }
                    seconds[slot].add(g_tangent, sign * self.values[other]);
                }
            }
        }
    }
}

/// A number along one direction or along several.
pub(super) trait Along: Copy {
    const ZERO: Self;
    fn is_zero(&self) -> bool;
    /// Adds a tangent times a partial, as [`Num::passed_on`] does.
    fn add(&mut self, tangent: Self, partial: f64);
}

impl Along for f64 {
    const ZERO: Self = 0.0;
    #[inline(always)]
    fn is_zero(&self) -> bool {
        *self == 0.0
    }
    #[inline(always)]
    fn add(&mut self, tangent: Self, partial: f64) {
        *self += N(tangent).passed_on(N(partial)).0;
    }
}

impl Along for Few {
    const ZERO: Self = [0.0; LANES];
    #[inline(always)]
    fn is_zero(&self) -> bool {
        self.iter().all(|x| *x == 0.0)
    }
    #[inline(always)]
    fn add(&mut self, tangent: Self, partial: f64) {
        for (sum, t) in self.iter_mut().zip(&tangent) {
            *sum += N(*t).passed_on(N(partial)).0;
        }
    }
}
