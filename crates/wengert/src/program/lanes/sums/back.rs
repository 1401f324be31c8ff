//! Adjoints from a sum to its terms.

use pulp::{Simd, WithSimd};

use super::*;

pub(super) struct Reverse<'a, T: Real, const C: usize> {
    pub(super) sums: PointSums<'a, T, C>,
    pub(super) outputs: usize,
    pub(super) before: [&'a mut [T]; C],
    pub(super) own: [&'a [T]; C],
    pub(super) totals: [&'a mut [T::Few]; C],
    /// By what derivatives are sought.
    pub(super) by: Movers,
}

impl<T: Real, const C: usize> WithSimd for Reverse<'_, T, C> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let sums = self.sums;
        let each = sums.width / T::in_register::<S>();
        let mut values: [&[T::Numbers<S>]; C] = [&[]; C];
        for (registers, values) in values.iter_mut().zip(sums.values) {
            *registers = T::registers::<S>(values);
        }
        let mut back = Back {
            simd,
            sums,
            values,
            adjoints: self.before.map(
                #[inline(always)]
                |before| T::registers_mut::<S>(before),
            ),
            totals: self.totals.map(
                #[inline(always)]
                |totals| T::registers_mut::<S>(T::flat_mut(totals)),
            ),
            each,
            outputs: self.outputs as u32,
            by: self.by,
        };
        let own = self.own.map(
            #[inline(always)]
            |own| T::registers::<S>(own),
        );
        for (k, args) in sums.args.iter().enumerate() {
            let terms = sums.terms_of(args);
            for output in 0..back.outputs {
                let mut at = 0;
                while at + TOGETHER <= each {
                    back.pull::<TOGETHER>(terms, own, k as u32, output, at);
                    at += TOGETHER;
                }
                for at in at..each {
                    back.pull::<1>(terms, own, k as u32, output, at);
                }
            }
        }
    }
}

struct Back<'a, S: Simd, T: Real, const C: usize> {
    simd: S,
    sums: PointSums<'a, T, C>,
    values: [&'a [T::Numbers<S>]; C],
    adjoints: [&'a mut [T::Numbers<S>]; C],
    totals: [&'a mut [T::Numbers<S>]; C],
    each: usize,
    outputs: u32,
    by: Movers,
}

impl<S: Simd, T: Real, const C: usize> Back<'_, S, T, C> {
    /// Passes an output's adjoints of sum `k` on to its terms, at some of the points.
    #[inline(always)]
    fn pull<const R: usize>(
        &mut self,
        terms: &[PointTerm],
        own: [&[T::Numbers<S>]; C],
        k: u32,
        output: u32,
        at: usize,
    ) {
        let simd = self.simd;
        let mut g = [[T::splat(simd, T::zero()); R]; C];
        for (g, own) in g.iter_mut().zip(own) {
            *g = *registers::<S, T, R>(own, k * self.outputs + output, self.each, at);
        }
        let none = T::splat(simd, T::zero());
        let mut zero = [T::equals(simd, none, none); R];
        for (zero, &g) in zero.iter_mut().zip(&g[0]) {
            *zero = T::equals(simd, g, none);
        }
        let (sought, outputs) = (self.by, self.outputs);
        let moved = |movers: Movers| movers & sought != 0;
        for term in terms {
            match *term {
                PointTerm::Own {
                    slot,
                    minus,
                    target,
                } => {
                    if moved(target.movers) {
                        self.add::<R>(
                            slot * outputs + output,
                            target.is_first,
                            minus,
                            at,
                            #[inline(always)]
                            |r| [g[0][r], g[C - 1][r]],
                        );
                    }
                }
                PointTerm::Scaled {
                    slot,
                    by,
                    minus,
                    targets: [own, scale],
                } => {
                    if moved(own.movers) {
                        let scale = self.sums.shared(simd, by, false);
                        self.add::<R>(
                            slot * outputs + output,
                            own.is_first,
                            minus,
                            at,
                            #[inline(always)]
                            |r| pair(times::<S, T, C>(simd, part(&g, r), zero[r], scale)),
                        );
                    }
                    if moved(scale.movers) {
                        let x = self.numbers::<R>(slot, at);
                        self.total::<R>(
                            by,
                            minus,
                            at,
                            #[inline(always)]
                            |r| pair(times::<S, T, C>(simd, part(&g, r), zero[r], part(&x, r))),
                        );
                    }
                }
                PointTerm::Product {
                    slots,
                    minus,
                    targets,
                } => {
                    let [x, y] = slots.map(
                        #[inline(always)]
                        |slot| self.numbers::<R>(slot, at),
                    );
                    for (k, other) in [(0, &y), (1, &x)] {
                        if moved(targets[k].movers) {
                            self.add::<R>(
                                slots[k] * outputs + output,
                                targets[k].is_first,
                                minus,
                                at,
                                #[inline(always)]
                                |r| {
                                    pair(times::<S, T, C>(
                                        simd,
                                        part(&g, r),
                                        zero[r],
                                        part(other, r),
                                    ))
                                },
                            );
                        }
                    }
                }
                PointTerm::Shared {
                    slot,
                    minus,
                    movers,
                } => {
                    if moved(movers) {
                        self.total::<R>(
                            slot,
                            minus,
                            at,
                            #[inline(always)]
                            |r| [g[0][r], g[C - 1][r]],
                        );
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn numbers<const R: usize>(&self, slot: u32, at: usize) -> [[T::Numbers<S>; R]; C] {
        let mut numbers = [[T::splat(self.simd, T::zero()); R]; C];
        for (numbers, values) in numbers.iter_mut().zip(self.values) {
            *numbers = *registers::<S, T, R>(values, slot, self.each, at);
        }
        numbers
    }

    /// Adds to a block of adjoints, or writes it.
    #[inline(always)]
    fn add<const R: usize>(
        &mut self,
        block: u32,
        is_first: bool,
        minus: bool,
        at: usize,
        term: impl Fn(usize) -> [T::Numbers<S>; 2],
    ) {
        let simd = self.simd;
        let from = block as usize * self.each + at;
        let sign = T::splat(simd, signed(T::zero(), minus));
        let mut terms = [[T::splat(simd, T::zero()); R]; C];
        for r in 0..R {
            let term = term(r);
            for (terms, term) in terms.iter_mut().zip(term) {
                terms[r] = T::xor(simd, term, sign);
            }
        }
        for (adjoints, terms) in self.adjoints.iter_mut().zip(&terms) {
            let adjoints: &mut [T::Numbers<S>; R] = adjoints[from..]
                .first_chunk_mut()
                .expect("a block is a whole number of registers");
            if is_first {
                *adjoints = *terms;
                continue;
            }
            for (adjoint, term) in adjoints.iter_mut().zip(terms) {
                *adjoint = T::plus(simd, *adjoint, *term);
            }
        }
    }

    /// Adds to the total of a shared number. Partial sums stay apart by the points' places.
    #[inline(always)]
    fn total<const R: usize>(
        &mut self,
        slot: u32,
        minus: bool,
        at: usize,
        term: impl Fn(usize) -> [T::Numbers<S>; 2],
    ) {
        let each = T::LANES / T::in_register::<S>();
        let place = (slot & !SHARED) as usize * each + at % each;
        let mut sums = [T::splat(self.simd, T::zero()); C];
        for r in 0..R {
            let terms = term(r);
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum = T::plus(self.simd, *sum, term);
            }
        }
        for (c, sum) in sums.into_iter().enumerate() {
            let sum = negated::<S, T>(self.simd, sum, minus);
            let total = &mut self.totals[c][place];
            *total = T::plus(self.simd, *total, sum);
        }
    }
}
