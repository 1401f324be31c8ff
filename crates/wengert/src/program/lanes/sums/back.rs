//! Adjoints from a sum to its terms.

use pulp::{Simd, WithSimd};

use super::*;

pub(super) struct Reverse<'a, const C: usize> {
    pub(super) sums: PointSums<'a, C>,
    pub(super) outputs: usize,
    pub(super) before: [&'a mut [f64]; C],
    pub(super) own: [&'a [f64]; C],
    pub(super) totals: [&'a mut [Few]; C],
    /// By what derivatives are sought.
    pub(super) by: Movers,
}

impl<const C: usize> WithSimd for Reverse<'_, C> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let sums = self.sums;
        let each = sums.width / S::F64_LANES;
        let mut values: [&[S::f64s]; C] = [&[]; C];
        for (registers, values) in values.iter_mut().zip(sums.values) {
            *registers = S::as_simd_f64s(values).0;
        }
        let mut back = Back {
            simd,
            sums,
            values,
            adjoints: self.before.map(
                #[inline(always)]
                |before| S::as_mut_simd_f64s(before).0,
            ),
            totals: self.totals.map(
                #[inline(always)]
                |totals| S::as_mut_simd_f64s(totals.as_flattened_mut()).0,
            ),
            each,
            outputs: self.outputs as u32,
            by: self.by,
        };
        let own = self.own.map(
            #[inline(always)]
            |own| S::as_simd_f64s(own).0,
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

struct Back<'a, S: Simd, const C: usize> {
    simd: S,
    sums: PointSums<'a, C>,
    values: [&'a [S::f64s]; C],
    adjoints: [&'a mut [S::f64s]; C],
    totals: [&'a mut [S::f64s]; C],
    each: usize,
    outputs: u32,
    by: Movers,
}

impl<S: Simd, const C: usize> Back<'_, S, C> {
    /// Passes an output's adjoints of sum `k` on to its terms, at some of the points.
    #[inline(always)]
    fn pull<const R: usize>(
        &mut self,
        terms: &[PointTerm],
        own: [&[S::f64s]; C],
        k: u32,
        output: u32,
        at: usize,
    ) {
        let simd = self.simd;
        let mut g = [[simd.splat_f64s(0.0); R]; C];
        for (g, own) in g.iter_mut().zip(own) {
            *g = *registers::<S, R>(own, k * self.outputs + output, self.each, at);
        }
        let zero = simd.splat_f64s(0.0);
        let mut nonzero = [simd.not_m64s(simd.equal_f64s(zero, zero)); R];
        for (nonzero, &g) in nonzero.iter_mut().zip(&g[0]) {
            *nonzero = simd.not_m64s(simd.equal_f64s(g, zero));
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
                            |r| pair(times(simd, part(&g, r), nonzero[r], scale)),
                        );
                    }
                    if moved(scale.movers) {
                        let x = self.numbers::<R>(slot, at);
                        self.total::<R>(
                            by,
                            minus,
                            at,
                            #[inline(always)]
                            |r| pair(times(simd, part(&g, r), nonzero[r], part(&x, r))),
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
                                |r| pair(times(simd, part(&g, r), nonzero[r], part(other, r))),
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
    fn numbers<const R: usize>(&self, slot: u32, at: usize) -> [[S::f64s; R]; C] {
        let mut numbers = [[self.simd.splat_f64s(0.0); R]; C];
        for (numbers, values) in numbers.iter_mut().zip(self.values) {
            *numbers = *registers::<S, R>(values, slot, self.each, at);
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
        term: impl Fn(usize) -> [S::f64s; 2],
    ) {
        let simd = self.simd;
        let from = block as usize * self.each + at;
        let sign = simd.splat_f64s(signed(0.0, minus));
        let mut terms = [[simd.splat_f64s(0.0); R]; C];
        for r in 0..R {
            let term = term(r);
            for (terms, term) in terms.iter_mut().zip(term) {
                terms[r] = simd.xor_f64s(term, sign);
            }
        }
        for (adjoints, terms) in self.adjoints.iter_mut().zip(&terms) {
            let adjoints: &mut [S::f64s; R] = adjoints[from..]
                .first_chunk_mut()
                .expect("a block is a whole number of registers");
            if is_first {
                *adjoints = *terms;
                continue;
            }
            for (adjoint, term) in adjoints.iter_mut().zip(terms) {
                *adjoint = simd.add_f64s(*adjoint, *term);
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
        term: impl Fn(usize) -> [S::f64s; 2],
    ) {
        let each = LANES / S::F64_LANES;
        let place = (slot & !SHARED) as usize * each + at % each;
        let mut sums = [self.simd.splat_f64s(0.0); C];
        for r in 0..R {
            let terms = term(r);
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum = self.simd.add_f64s(*sum, term);
            }
        }
        for (c, sum) in sums.into_iter().enumerate() {
            let sum = negated(self.simd, sum, minus);
            let total = &mut self.totals[c][place];
            *total = self.simd.add_f64s(*total, sum);
        }
    }
}
