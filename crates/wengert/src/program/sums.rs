//! Sums of numbers and of products of two, at one input.

use crate::num::N;
use crate::real::Real;
use crate::rules::elementwise::Num;
use crate::rules::structural::map::absorb;

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
    fn signed<T: Real>(self, x: T) -> T {
        if self.minus() { -x } else { x }
    }
}

/// Some sums: where the terms of each stand, the terms of all, and everything's values.
#[derive(Clone, Copy)]
pub(super) struct Sums<'a, T> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) terms: &'a [Term],
    pub(super) values: &'a [T],
}

impl<'a, T: Real> Sums<'a, T> {
    #[inline(always)]
    fn terms_of(&self, args: &[u32; 3]) -> &'a [Term] {
        &self.terms[args[0] as usize..args[1] as usize]
    }

    pub(super) fn forward(self, out: &mut [T]) {
        for (z, args) in out.iter_mut().zip(self.args) {
            // The negative zero gives the first term back, whatever it is.
            let mut sum = -T::zero();
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
    pub(super) fn tangents<V: Along<T>>(self, before: &[V], out: &mut [V]) {
        for (z, args) in out.iter_mut().zip(self.args) {
            let mut sum = V::none();
            for &term in self.terms_of(args) {
                let first = term.first();
                let tangent = match term.second() {
                    None => before[first],
                    Some(second) => {
                        let mut product = V::none();
                        product.add_product(before[first], self.values[second]);
                        product.add_product(before[second], self.values[first]);
                        product
                    }
                };
                sum.add_product(tangent, term.signed(T::one()));
            }
            *z = sum;
        }
    }

    #[inline(always)]
    pub(super) fn adjoints<V: Along<T>>(self, before: &mut [V], own: &[V]) {
        for (&g, args) in own.iter().zip(self.args) {
            // An adjoint of zero absorbs even an infinite partial.
            if g.is_none() {
                continue;
            }
            for &term in self.terms_of(args) {
                let first = term.first();
                let g = if term.minus() { g.negated() } else { g };
                match term.second() {
                    None => before[first].add_adjoint(g, T::one()),
                    Some(second) => {
                        before[first].add_adjoint(g, self.values[second]);
                        before[second].add_adjoint(g, self.values[first]);
                    }
                }
            }
        }
    }

    /// Adjoints, and their tangents along directions.
    #[inline(always)]
    pub(super) fn second_adjoints<V: Along<T>>(
        self,
        tangents: &[V],
        adjoints: &mut [T],
        seconds: &mut [V],
        own: &[T],
        own_seconds: &[V],
    ) {
        for ((&g, &g_tangent), args) in own.iter().zip(own_seconds).zip(self.args) {
            if g == T::zero() && g_tangent.is_none() {
                continue;
            }
            for &term in self.terms_of(args) {
                let (first, sign) = (term.first(), term.signed(T::one()));
                let Some(second) = term.second() else {
                    adjoints[first] += sign * g;
                    seconds[first].add_product(g_tangent, sign);
                    continue;
                };
                for (slot, other) in [(first, second), (second, first)] {
                    // As the list's own recorded sweeps: what is zero absorbs what is not finite.
                    if g != T::zero() {
                        adjoints[slot] += sign * g * self.values[other];
                        seconds[slot].add_product(tangents[other], sign * g);
                    }
                    seconds[slot].add_product(g_tangent, sign * self.values[other]);
                }
            }
        }
    }
}

/// A number along one direction or along several.
pub trait Along<T>: Copy {
    fn none() -> Self;
    fn is_none(&self) -> bool;
    fn negated(self) -> Self;
    /// Adds a tangent times a partial, as [`Num::passed_on`] does.
    fn add_product(&mut self, tangent: Self, partial: T);
    /// Adds an adjoint times a partial. The caller has skipped an adjoint that [`Along::is_none`]; one of several that is zero absorbs the partial.
    fn add_adjoint(&mut self, g: Self, partial: T);
}

impl<T: Real> Along<T> for T {
    #[inline(always)]
    fn none() -> Self {
        T::zero()
    }
    #[inline(always)]
    fn is_none(&self) -> bool {
        *self == T::zero()
    }
    #[inline(always)]
    fn negated(self) -> Self {
        -self
    }
    #[inline(always)]
    fn add_product(&mut self, tangent: Self, partial: T) {
        *self += N(tangent).passed_on(N(partial)).0;
    }
    #[inline(always)]
    fn add_adjoint(&mut self, g: Self, partial: T) {
        *self += g * partial;
    }
}

impl<T: Real, const K: usize> Along<T> for [T; K] {
    #[inline(always)]
    fn none() -> Self {
        [T::zero(); K]
    }
    #[inline(always)]
    fn is_none(&self) -> bool {
        self.iter().all(|x| *x == T::zero())
    }
    #[inline(always)]
    fn negated(mut self) -> Self {
        for x in &mut self {
            *x = -*x;
        }
        self
    }
    #[inline(always)]
    fn add_product(&mut self, tangent: Self, partial: T) {
        for (sum, t) in self.iter_mut().zip(&tangent) {
            *sum += N(*t).passed_on(N(partial)).0;
        }
    }
    #[inline(always)]
    fn add_adjoint(&mut self, g: Self, partial: T) {
        for (sum, g) in self.iter_mut().zip(&g) {
            *sum += absorb(*g, partial);
        }
    }
}
