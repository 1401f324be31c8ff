//! The loops over a block, for any rule.

use pulp::{Arch, Simd, WithSimd};

use crate::num::N;
use crate::program::lanes::{Few, LANES, SHARED, add};
use crate::rules::expand::{Elementwise, Visitor};

/// A loop over blocks of numbers, for any rule.
pub(in crate::program) trait Kernel {
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self);
}

/// Runs a kernel with the widest registers that the processor has.
pub(in crate::program) struct Dispatch<K> {
    pub(in crate::program) arch: Arch,
    pub(in crate::program) kernel: K,
}

impl<K: Kernel> Visitor for Dispatch<K> {
    type Output = ();
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        self.arch.dispatch(Vectorised::<K, E, A, P> {
            kernel: self.kernel,
            rule: std::marker::PhantomData,
        });
    }
}

struct Vectorised<K, E, const A: usize, const P: usize> {
    kernel: K,
    rule: std::marker::PhantomData<E>,
}

impl<K: Kernel, E: Elementwise<A, P>, const A: usize, const P: usize> WithSimd
    for Vectorised<K, E, A, P>
{
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.kernel.run::<E, A, P>();
    }
}

/// The numbers of an argument at the points of a block, few at a time; the same few again and again if they
/// are shared.
#[derive(Clone, Copy)]
struct Operand<'a> {
    numbers: &'a [Few],
    step: usize,
}

impl<'a> Operand<'a> {
    #[inline(always)]
    fn new(slot: u32, shared: &[f64], values: &'a [f64], width: usize, room: &'a mut Few) -> Self {
        if slot & SHARED == 0 {
            let numbers = values[slot as usize * width..][..width].as_chunks().0;
            return Self { numbers, step: 1 };
        }
        *room = [shared[(slot & !SHARED) as usize]; LANES];
        Self {
            numbers: std::slice::from_ref(room),
            step: 0,
        }
    }

    #[inline(always)]
    fn few(&self, at: usize) -> Few {
        self.numbers[at * self.step]
    }
}

// The loops below fill arrays by hand: `array::from_fn` is not inlined into code for wider registers than the
// crate is compiled for, and then nothing is vectorised.

#[inline(always)]
fn operands<'a, const A: usize>(
    args: &[u32; 3],
    shared: &[f64],
    values: &'a [f64],
    width: usize,
    rooms: &'a mut [Few; A],
) -> [Operand<'a>; A] {
    let mut operands = [Operand {
        numbers: &[],
        step: 0,
    }; A];
    for ((operand, &slot), room) in operands.iter_mut().zip(args).zip(rooms) {
        *operand = Operand::new(slot, shared, values, width, room);
    }
    operands
}

#[inline(always)]
fn params<const A: usize, const P: usize>(args: &[u32; 3], shared: &[f64]) -> [f64; P] {
    let mut params = [0.0; P];
    for (param, &slot) in params.iter_mut().zip(&args[A..]) {
        *param = shared[(slot & !SHARED) as usize];
    }
    params
}

/// The inputs of a rule at one of a few points.
#[inline(always)]
fn at_point<const A: usize>(x: &[Few; A], i: usize) -> [N<f64>; A] {
    let mut at = [N(0.0); A];
    for (at, x) in at.iter_mut().zip(x) {
        *at = N(x[i]);
    }
    at
}

pub(super) struct Forward<'a> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) shared: &'a [f64],
    pub(super) before: &'a [f64],
    pub(super) out: &'a mut [f64],
    pub(super) width: usize,
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let mut rooms = [[0.0; LANES]; A];
        for (z, args) in self.out.chunks_exact_mut(self.width).zip(self.args) {
            let p = params::<A, P>(args, self.shared);
            let operands = operands(args, self.shared, self.before, self.width, &mut rooms);
            for (few, z) in z.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let mut x = [[0.0; LANES]; A];
                for (x, operand) in x.iter_mut().zip(&operands) {
                    *x = operand.few(few);
                }
                for (i, z) in z.iter_mut().enumerate() {
                    *z = E::value(at_point(&x, i), p).0;
                }
            }
        }
    }
}

pub(super) struct Reverse<'a> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) firsts: &'a [u8],
    pub(super) shared: &'a [f64],
    pub(super) values: &'a [f64],
    pub(super) z: &'a [f64],
    pub(super) before: &'a mut [f64],
    pub(super) own: &'a [f64],
    pub(super) sums: &'a mut [Few],
    pub(super) width: usize,
}

impl Kernel for Reverse<'_> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let mut rooms = [[0.0; LANES]; A];
        let per_slot = self.width / LANES;
        let before = self.before.as_chunks_mut::<LANES>().0;
        let own = self.own.chunks_exact(self.width);
        let blocks = own.zip(self.z.chunks_exact(self.width)).zip(self.args);
        for (((g, z), args), firsts) in blocks.zip(self.firsts) {
            let p = params::<A, P>(args, self.shared);
            let operands = operands(args, self.shared, self.values, self.width, &mut rooms);
            let (g, z) = (g.as_chunks::<LANES>().0, z.as_chunks::<LANES>().0);
            let mut totals = [[0.0; LANES]; A];
            for (few, (g, z)) in g.iter().zip(z).enumerate() {
                let mut x = [[0.0; LANES]; A];
                for (x, operand) in x.iter_mut().zip(&operands) {
                    *x = operand.few(few);
                }
                let mut terms = [[0.0; LANES]; A];
                for i in 0..LANES {
                    let partials = E::partials(at_point(&x, i), p, N(z[i]));
                    for (terms, N(partial)) in terms.iter_mut().zip(partials) {
                        // An adjoint of zero absorbs even an infinite partial.
                        terms[i] = if g[i] == 0.0 { 0.0 } else { g[i] * partial };
                    }
                }
                for (k, (terms, &slot)) in terms.iter().zip(args).enumerate() {
                    if slot & SHARED != 0 {
                        add(&mut totals[k], terms);
                    } else {
                        let adjoints = &mut before[slot as usize * per_slot + few];
                        if firsts & 1 << k != 0 {
                            *adjoints = *terms;
                        } else {
                            add(adjoints, terms);
                        }
                    }
                }
            }
            for (total, &slot) in totals.iter().zip(args) {
                if slot & SHARED != 0
                    && let Some(sums) = self.sums.get_mut((slot & !SHARED) as usize)
                {
                    add(sums, total);
                }
            }
        }
    }
}
