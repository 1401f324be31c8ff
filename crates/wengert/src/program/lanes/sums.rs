//! Sums over a block: a register for each few points, which holds the sum while its terms go by.

use pulp::{Arch, Simd, WithSimd};

use crate::program::lanes::{Few, LANES, SHARED};

/// A term of a sum at the points of a block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Term {
    /// A number of the point's; whether its adjoint is a first contribution.
    Own {
        slot: u32,
        minus: bool,
        is_first: bool,
    },
    /// A number of the point's times a shared one.
    Scaled {
        slot: u32,
        by: u32,
        minus: bool,
        is_first: bool,
    },
    /// Two numbers of the point's.
    Product {
        slots: [u32; 2],
        minus: bool,
        firsts: [bool; 2],
    },
    /// A shared number.
    Shared { slot: u32, minus: bool },
}

impl Term {
    /// Notes which contributions to adjoints are the first that come.
    pub(super) fn find_firsts(&mut self, mut ask: impl FnMut(u32) -> bool) {
        match self {
            Term::Own { slot, is_first, .. } | Term::Scaled { slot, is_first, .. } => {
                *is_first = ask(*slot);
            }
            Term::Product { slots, firsts, .. } => *firsts = slots.map(ask),
            Term::Shared { .. } => {}
        }
    }
}

/// Registers that go together, so that a term is looked at once for all of them.
const TOGETHER: usize = 4;

fn signed(x: f64, minus: bool) -> f64 {
    if minus { -x } else { x }
}

/// The terms of each sum, and what they are made of.
#[derive(Clone, Copy)]
pub(super) struct Sums<'a> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) terms: &'a [Term],
    pub(super) shared: &'a [f64],
    pub(super) values: &'a [f64],
    pub(super) width: usize,
}

impl<'a> Sums<'a> {
    fn terms_of(&self, args: &[u32; 3]) -> &'a [Term] {
        &self.terms[args[0] as usize..args[1] as usize]
    }

    #[inline(always)]
    fn shared(&self, slot: u32, minus: bool) -> f64 {
        signed(self.shared[(slot & !SHARED) as usize], minus)
    }

    pub(super) fn forward(self, arch: Arch, out: &mut [f64]) {
        arch.dispatch(Forward { sums: self, out });
    }

    pub(super) fn reverse(self, arch: Arch, before: &mut [f64], own: &[f64], totals: &mut [Few]) {
        arch.dispatch(Reverse {
            sums: self,
            before,
            own,
            totals,
        });
    }
}

/// The registers of a slot, `R` of them from one on.
#[inline(always)]
fn registers<S: Simd, const R: usize>(
    numbers: &[S::f64s],
    slot: u32,
    each: usize,
    at: usize,
) -> &[S::f64s; R] {
    numbers[slot as usize * each + at..]
        .first_chunk()
        .expect("a block is a whole number of registers")
}

#[inline(always)]
fn registers_mut<S: Simd, const R: usize>(
    numbers: &mut [S::f64s],
    slot: u32,
    each: usize,
    at: usize,
) -> &mut [S::f64s; R] {
    numbers[slot as usize * each + at..]
        .first_chunk_mut()
        .expect("a block is a whole number of registers")
}

struct Forward<'a> {
    sums: Sums<'a>,
    out: &'a mut [f64],
}

impl WithSimd for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums, out } = self;
        let each = sums.width / S::F64_LANES;
        let values = S::as_simd_f64s(sums.values).0;
        for (out, args) in out.chunks_exact_mut(sums.width).zip(sums.args) {
            let out = S::as_mut_simd_f64s(out).0;
            let terms = sums.terms_of(args);
            let mut at = 0;
            while at + TOGETHER <= each {
                let sum = add_up::<S, TOGETHER>(simd, sums, terms, values, each, at);
                out[at..][..TOGETHER].copy_from_slice(&sum);
                at += TOGETHER;
            }
            for at in at..each {
                [out[at]] = add_up::<S, 1>(simd, sums, terms, values, each, at);
            }
        }
    }
}

#[inline(always)]
fn add_up<S: Simd, const R: usize>(
    simd: S,
    sums: Sums<'_>,
    terms: &[Term],
    values: &[S::f64s],
    each: usize,
    at: usize,
) -> [S::f64s; R] {
    // The negative zero gives the first term back, whatever it is.
    let mut sum = [simd.splat_f64s(-0.0); R];
    for term in terms {
        match *term {
            Term::Own { slot, minus, .. } => {
                let x = registers::<S, R>(values, slot, each, at);
                for r in 0..R {
                    sum[r] = if minus {
                        simd.sub_f64s(sum[r], x[r])
                    } else {
                        simd.add_f64s(sum[r], x[r])
                    };
                }
            }
            Term::Scaled {
                slot, by, minus, ..
            } => {
                let x = registers::<S, R>(values, slot, each, at);
                let by = simd.splat_f64s(sums.shared(by, minus));
                for r in 0..R {
                    sum[r] = simd.add_f64s(sum[r], simd.mul_f64s(x[r], by));
                }
            }
            Term::Product { slots, minus, .. } => {
                let [x, y] = slots.map(|slot| registers::<S, R>(values, slot, each, at));
                for r in 0..R {
                    let product = simd.mul_f64s(x[r], y[r]);
                    sum[r] = if minus {
                        simd.sub_f64s(sum[r], product)
                    } else {
                        simd.add_f64s(sum[r], product)
                    };
                }
            }
            Term::Shared { slot, minus } => {
                let x = simd.splat_f64s(sums.shared(slot, minus));
                for r in 0..R {
                    sum[r] = simd.add_f64s(sum[r], x);
                }
            }
        }
    }
    sum
}

struct Reverse<'a> {
    sums: Sums<'a>,
    before: &'a mut [f64],
    own: &'a [f64],
    totals: &'a mut [Few],
}

impl WithSimd for Reverse<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            sums,
            before,
            own,
            totals,
        } = self;
        let each = sums.width / S::F64_LANES;
        let values = S::as_simd_f64s(sums.values).0;
        let totals = S::as_mut_simd_f64s(totals.as_flattened_mut()).0;
        let mut back = Back {
            simd,
            sums,
            values,
            adjoints: S::as_mut_simd_f64s(before).0,
            totals,
            each,
        };
        for (own, args) in own.chunks_exact(sums.width).zip(sums.args) {
            let own = S::as_simd_f64s(own).0;
            let terms = sums.terms_of(args);
            let mut at = 0;
            while at + TOGETHER <= each {
                back.pull::<TOGETHER>(terms, own, at);
                at += TOGETHER;
            }
            for at in at..each {
                back.pull::<1>(terms, own, at);
            }
        }
    }
}

struct Back<'a, S: Simd> {
    simd: S,
    sums: Sums<'a>,
    values: &'a [S::f64s],
    adjoints: &'a mut [S::f64s],
    totals: &'a mut [S::f64s],
    each: usize,
}

impl<S: Simd> Back<'_, S> {
    /// Passes the adjoints of a sum on to its terms, at some of the points.
    #[inline(always)]
    fn pull<const R: usize>(&mut self, terms: &[Term], own: &[S::f64s], at: usize) {
        let simd = self.simd;
        let g: &[S::f64s; R] = registers::<S, R>(own, 0, 0, at);
        let zero = simd.splat_f64s(0.0);
        let mut absorbs = [simd.equal_f64s(zero, zero); R];
        for r in 0..R {
            absorbs[r] = simd.equal_f64s(g[r], zero);
        }
        // An adjoint of zero absorbs even an infinite partial.
        let times = |r: usize, partial: S::f64s| {
            simd.select_f64s(absorbs[r], zero, simd.mul_f64s(g[r], partial))
        };
        for term in terms {
            match *term {
                Term::Own {
                    slot,
                    minus,
                    is_first,
                } => {
                    let one = simd.splat_f64s(signed(1.0, minus));
                    let mut terms = [zero; R];
                    for r in 0..R {
                        terms[r] = simd.mul_f64s(g[r], one);
                    }
                    self.add(slot, is_first, terms, at);
                }
                Term::Scaled {
                    slot,
                    by,
                    minus,
                    is_first,
                } => {
                    let scale = simd.splat_f64s(self.sums.shared(by, minus));
                    let mut terms = [zero; R];
                    for r in 0..R {
                        terms[r] = times(r, scale);
                    }
                    self.add(slot, is_first, terms, at);
                    let x = *registers::<S, R>(self.values, slot, self.each, at);
                    self.total(by, minus, at, |r| times(r, x[r]), R);
                }
                Term::Product {
                    slots,
                    minus,
                    firsts,
                } => {
                    let one = simd.splat_f64s(signed(1.0, minus));
                    let numbers =
                        slots.map(|slot| *registers::<S, R>(self.values, slot, self.each, at));
                    for (k, other) in [(0, 1), (1, 0)] {
                        let mut terms = [zero; R];
                        for r in 0..R {
                            terms[r] = simd.mul_f64s(one, times(r, numbers[other][r]));
                        }
                        self.add(slots[k], firsts[k], terms, at);
                    }
                }
                Term::Shared { slot, minus } => self.total(slot, minus, at, |r| g[r], R),
            }
        }
    }

    #[inline(always)]
    fn add<const R: usize>(&mut self, slot: u32, is_first: bool, terms: [S::f64s; R], at: usize) {
        let adjoints = registers_mut::<S, R>(self.adjoints, slot, self.each, at);
        if is_first {
            *adjoints = terms;
        } else {
            for r in 0..R {
                adjoints[r] = self.simd.add_f64s(adjoints[r], terms[r]);
            }
        }
    }

    /// Adds to the total of a shared number, if anybody asks for it. Partial sums stay apart by the points' places.
    #[inline(always)]
    fn total(
        &mut self,
        slot: u32,
        minus: bool,
        at: usize,
        term: impl Fn(usize) -> S::f64s,
        count: usize,
    ) {
        let each = LANES / S::F64_LANES;
        let slot = (slot & !SHARED) as usize;
        let Some(total) = self.totals.get_mut(slot * each + at % each) else {
            return;
        };
        let mut sum = self.simd.splat_f64s(0.0);
        for r in 0..count {
            sum = self.simd.add_f64s(sum, term(r));
        }
        *total = if minus {
            self.simd.sub_f64s(*total, sum)
        } else {
            self.simd.add_f64s(*total, sum)
        };
    }
}
