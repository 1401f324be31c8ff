//! Sums over a block of points: a register for each few points, which holds the sum while its terms go by.

mod back;

use pulp::{Arch, Simd, WithSimd};

use crate::program::lanes::{Movers, SHARED, Target};
use crate::real::Real;
use back::Reverse;

/// A term of a sum at the points of a block.
#[derive(Clone, Copy, Debug)]
pub(super) enum PointTerm {
    /// A number of the point's.
    Own {
        slot: u32,
        minus: bool,
        target: Target,
    },
    /// A number of the point's times a shared one.
    Scaled {
        slot: u32,
        by: u32,
        minus: bool,
        targets: [Target; 2],
    },
    /// Two numbers of the point's.
    Product {
        slots: [u32; 2],
        minus: bool,
        targets: [Target; 2],
    },
    /// A shared number.
    Shared {
        slot: u32,
        minus: bool,
        movers: Movers,
    },
}

impl PointTerm {
    /// Notes which contributions to adjoints are the first that come.
    pub(super) fn find_firsts(&mut self, mut ask: impl FnMut(u32) -> bool) {
        match self {
            PointTerm::Own { slot, target, .. } => target.is_first = ask(*slot),
            PointTerm::Scaled { slot, targets, .. } => targets[0].is_first = ask(*slot),
            PointTerm::Product { slots, targets, .. } => {
                for (target, slot) in targets.iter_mut().zip(slots) {
                    target.is_first = ask(*slot);
                }
            }
            PointTerm::Shared { .. } => {}
        }
    }
}

/// Registers that go together, so that a term is looked at once for all of them.
const TOGETHER: usize = 4;

#[inline(always)]
fn signed<T: Real>(x: T, minus: bool) -> T {
    if minus { -x } else { x }
}

/// The terms of each sum, and what they are made of: values, or values and tangents.
#[derive(Clone, Copy)]
pub(super) struct PointSums<'a, T, const C: usize> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) terms: &'a [PointTerm],
    pub(super) shared: [&'a [T]; C],
    pub(super) values: [&'a [T]; C],
    pub(super) width: usize,
}

impl<'a, T: Real, const C: usize> PointSums<'a, T, C> {
    fn terms_of(&self, args: &[u32; 3]) -> &'a [PointTerm] {
        &self.terms[args[0] as usize..args[1] as usize]
    }

    /// A shared number in every place of a register; or its tangent.
    #[inline(always)]
    fn shared<S: Simd>(&self, simd: S, slot: u32, minus: bool) -> [T::Numbers<S>; C] {
        let mut numbers = [T::splat(simd, T::zero()); C];
        for (number, shared) in numbers.iter_mut().zip(self.shared) {
            *number = T::splat(simd, signed(shared[(slot & !SHARED) as usize], minus));
        }
        numbers
    }

    /// Values; or tangents, of which `out` has those of the sums.
    pub(super) fn forward(self, arch: Arch, out: &mut [T]) {
        arch.dispatch(Forward { sums: self, out });
    }

    /// Adjoints of the terms, for some outputs, of which each slot has as many blocks of adjoints.
    pub(super) fn reverse(
        self,
        arch: Arch,
        outputs: usize,
        before: [&mut [T]; C],
        own: [&[T]; C],
        totals: [&mut [T::Few]; C],
        by: Movers,
    ) {
        arch.dispatch(Reverse {
            sums: self,
            outputs,
            before,
            own,
            totals,
            by,
        });
    }
}

/// `R` registers of a slot, from one on.
#[inline(always)]
fn registers<S: Simd, T: Real, const R: usize>(
    numbers: &[T::Numbers<S>],
    slot: u32,
    each: usize,
    at: usize,
) -> &[T::Numbers<S>; R] {
    numbers[slot as usize * each + at..]
        .first_chunk()
        .expect("a block is a whole number of registers")
}

/// The register, with the other sign if the term is subtracted.
#[inline(always)]
fn negated<S: Simd, T: Real>(simd: S, x: T::Numbers<S>, minus: bool) -> T::Numbers<S> {
    if minus { T::negative(simd, x) } else { x }
}

/// An adjoint times a partial, both with their tangents; where the adjoint is zero it absorbs the partial.
#[inline(always)]
fn times<S: Simd, T: Real, const C: usize>(
    simd: S,
    g: [T::Numbers<S>; C],
    zero: T::Mask<S>,
    partial: [T::Numbers<S>; C],
) -> [T::Numbers<S>; C] {
    let value = T::times(simd, g[0], partial[0]);
    let mut product = [T::select(simd, zero, T::splat(simd, T::zero()), value); C];
    for c in 1..C {
        let bend = passed_on::<S, T>(simd, partial[c], g[0]);
        product[c] = T::plus(simd, bend, passed_on::<S, T>(simd, g[c], partial[0]));
    }
    product
}

/// The product of `x` and `partial`, in which an `x` of zero absorbs even what is infinite.
#[inline(always)]
fn absorbing<S: Simd, T: Real>(simd: S, x: T::Numbers<S>, partial: T::Numbers<S>) -> T::Numbers<S> {
    let zero = T::splat(simd, T::zero());
    T::select(
        simd,
        T::equals(simd, x, zero),
        zero,
        T::times(simd, x, partial),
    )
}

/// The product of a tangent and a partial, each of which absorbs the other if it is zero.
#[inline(always)]
fn passed_on<S: Simd, T: Real>(
    simd: S,
    tangent: T::Numbers<S>,
    partial: T::Numbers<S>,
) -> T::Numbers<S> {
    let zero = T::splat(simd, T::zero());
    let product = absorbing::<S, T>(simd, tangent, partial);
    T::select(simd, T::equals(simd, partial, zero), zero, product)
}

struct Forward<'a, T, const C: usize> {
    sums: PointSums<'a, T, C>,
    out: &'a mut [T],
}

impl<T: Real, const C: usize> WithSimd for Forward<'_, T, C> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums, out } = self;
        let each = sums.width / T::in_register::<S>();
        let mut values: [&[T::Numbers<S>]; C] = [&[]; C];
        for (registers, values) in values.iter_mut().zip(sums.values) {
            *registers = T::registers::<S>(values);
        }
        for (out, args) in out.chunks_exact_mut(sums.width).zip(sums.args) {
            let out = T::registers_mut::<S>(out);
            let terms = sums.terms_of(args);
            let mut at = 0;
            while at + TOGETHER <= each {
                let sum = add_up::<S, T, C, TOGETHER>(simd, &sums, terms, &values, each, at);
                out[at..][..TOGETHER].copy_from_slice(&sum);
                at += TOGETHER;
            }
            for (at, out) in out.iter_mut().enumerate().skip(at) {
                [*out] = add_up::<S, T, C, 1>(simd, &sums, terms, &values, each, at);
            }
        }
    }
}

/// The values of a sum at some points; or its tangents, if tangents are there.
#[inline(always)]
fn add_up<S: Simd, T: Real, const C: usize, const R: usize>(
    simd: S,
    sums: &PointSums<'_, T, C>,
    terms: &[PointTerm],
    values: &[&[T::Numbers<S>]; C],
    each: usize,
    at: usize,
) -> [T::Numbers<S>; R] {
    // The last: the value of a value, the tangent of a pair.
    let last = C - 1;
    // The negative zero gives the first term back, whatever it is.
    let mut sum = [T::splat(simd, if C == 1 { -T::zero() } else { T::zero() }); R];
    for term in terms {
        match *term {
            PointTerm::Own { slot, minus, .. } => {
                let x = registers::<S, T, R>(values[last], slot, each, at);
                for r in 0..R {
                    sum[r] = T::plus(simd, sum[r], negated::<S, T>(simd, x[r], minus));
                }
            }
            PointTerm::Scaled {
                slot, by, minus, ..
            } => {
                let scale = sums.shared(simd, by, minus);
                let (x, last_x) = (
                    registers::<S, T, R>(values[0], slot, each, at),
                    registers::<S, T, R>(values[last], slot, each, at),
                );
                for r in 0..R {
                    let product = if C == 1 {
                        T::times(simd, x[r], scale[0])
                    } else {
                        T::plus(
                            simd,
                            passed_on::<S, T>(simd, last_x[r], scale[0]),
                            passed_on::<S, T>(simd, scale[last], x[r]),
                        )
                    };
                    sum[r] = T::plus(simd, sum[r], product);
                }
            }
            PointTerm::Product { slots, minus, .. } => {
                let [x, y] = slots.map(
                    #[inline(always)]
                    |slot| registers::<S, T, R>(values[0], slot, each, at),
                );
                let [last_x, last_y] = slots.map(
                    #[inline(always)]
                    |slot| registers::<S, T, R>(values[last], slot, each, at),
                );
                for r in 0..R {
                    let product = if C == 1 {
                        T::times(simd, x[r], y[r])
                    } else {
                        T::plus(
                            simd,
                            passed_on::<S, T>(simd, last_x[r], y[r]),
                            passed_on::<S, T>(simd, last_y[r], x[r]),
                        )
                    };
                    sum[r] = T::plus(simd, sum[r], negated::<S, T>(simd, product, minus));
                }
            }
            PointTerm::Shared { slot, minus, .. } => {
                let x = sums.shared(simd, slot, minus);
                for sum in &mut sum {
                    *sum = T::plus(simd, *sum, x[last]);
                }
            }
        }
    }
    sum
}

/// One of `R` registers of each part.
#[inline(always)]
fn part<X: Copy, const R: usize, const C: usize>(numbers: &[[X; R]; C], r: usize) -> [X; C] {
    let mut part = [numbers[0][r]; C];
    for (part, numbers) in part.iter_mut().zip(numbers) {
        *part = numbers[r];
    }
    part
}

/// The value and the tangent; the value twice, if there is no tangent.
#[inline(always)]
fn pair<X: Copy, const C: usize>(parts: [X; C]) -> [X; 2] {
    [parts[0], parts[C - 1]]
}
