//! The loops over a block, for any rule.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};

use crate::num::{Dual, LeftOps, N};
use crate::program::lanes::{Few, LANES, Movers, SHARED, Target, add};
use crate::rules::elementwise::Num;
use crate::rules::expand::{Elementwise, Visitor};
use crate::rules::structural::map::absorb;

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
    const NONE: Self = Self {
        numbers: &[],
        step: 0,
    };

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
    let mut operands = [Operand::NONE; A];
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

#[inline(always)]
fn at_few<const A: usize>(operands: &[Operand<'_>; A], few: usize) -> [Few; A] {
    let mut x = [[0.0; LANES]; A];
    for (x, operand) in x.iter_mut().zip(operands) {
        *x = operand.few(few);
    }
    x
}

#[inline(always)]
fn at_lane<const C: usize>(numbers: &[Few; C], i: usize) -> [f64; C] {
    let mut at = [0.0; C];
    for (at, few) in at.iter_mut().zip(numbers) {
        *at = few[i];
    }
    at
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
    pub(super) values: &'a mut [f64],
    /// Where the results begin among the values. An instruction may need those before its own.
    pub(super) at: usize,
    pub(super) width: usize,
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let mut rooms = [[0.0; LANES]; A];
        for (k, args) in self.args.iter().enumerate() {
            let (before, rest) = self.values.split_at_mut(self.at + k * self.width);
            let z = &mut rest[..self.width];
            let p = params::<A, P>(args, self.shared);
            let operands = operands(args, self.shared, before, self.width, &mut rooms);
            for (few, z) in z.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let x = at_few(&operands, few);
                for (i, z) in z.iter_mut().enumerate() {
                    *z = E::value(at_point(&x, i), p).0;
                }
            }
        }
    }
}

/// What a sweep carries for each number: its value, or its value and its tangent.
pub(super) trait Carried<const C: usize>: Num
where
    f64: LeftOps<Self>,
{
    fn of(parts: [f64; C]) -> Self;
    fn parts(self) -> [f64; C];
    /// An adjoint times a partial; what is zero absorbs even what is infinite.
    fn absorbing(adjoint: [f64; C], partial: Self) -> [f64; C];
}

impl Carried<1> for N<f64> {
    #[inline(always)]
    fn of([x]: [f64; 1]) -> Self {
        N(x)
    }
    #[inline(always)]
    fn parts(self) -> [f64; 1] {
        [self.0]
    }
    #[inline(always)]
    fn absorbing([g]: [f64; 1], partial: Self) -> [f64; 1] {
        [absorb(g, partial.0)]
    }
}

impl Carried<2> for Dual<N<f64>> {
    #[inline(always)]
    fn of([value, tangent]: [f64; 2]) -> Self {
        Self {
            value: N(value),
            tangent: N(tangent),
        }
    }
    #[inline(always)]
    fn parts(self) -> [f64; 2] {
        [self.value.0, self.tangent.0]
    }
    #[inline(always)]
    fn absorbing([g, tangent]: [f64; 2], partial: Self) -> [f64; 2] {
        [
            absorb(g, partial.value.0),
            (partial.tangent.passed_on(N(g)) + N(tangent).passed_on(partial.value)).0,
        ]
    }
}

/// Tangents of results.
pub(super) struct Tangents<'a> {
    pub(super) args: &'a [[u32; 3]],
    /// Values, and tangents.
    pub(super) shared: [&'a [f64]; 2],
    pub(super) values: &'a [f64],
    pub(super) z: &'a [f64],
    pub(super) before: &'a [f64],
    pub(super) out: &'a mut [f64],
    pub(super) width: usize,
}

impl Kernel for Tangents<'_> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let mut rooms = [[[0.0; LANES]; A]; 2];
        let [room, tangents_room] = &mut rooms;
        let blocks = self.out.chunks_exact_mut(self.width);
        let blocks = blocks.zip(self.z.chunks_exact(self.width)).zip(self.args);
        for ((out, z), args) in blocks {
            let [shared, shared_tangents] = self.shared;
            let p = params::<A, P>(args, shared);
            let values = operands(args, shared, self.values, self.width, room);
            let tangents = operands(
                args,
                shared_tangents,
                self.before,
                self.width,
                tangents_room,
            );
            let (out, z) = (out.as_chunks_mut::<LANES>().0, z.as_chunks::<LANES>().0);
            for (few, (out, z)) in out.iter_mut().zip(z).enumerate() {
                let (x, t) = (at_few(&values, few), at_few(&tangents, few));
                for i in 0..LANES {
                    let partials = E::partials(at_point(&x, i), p, N(z[i]));
                    out[i] = 0.0;
                    for (N(partial), t) in partials.into_iter().zip(&t) {
                        // Beyond a zero partial lies a branch that was not chosen.
                        let tangent = if partial == 0.0 { 0.0 } else { t[i] };
                        out[i] += absorb(tangent, partial);
                    }
                }
            }
        }
    }
}

/// Adjoints of what results were made of; and their tangents, if the numbers carry such.
pub(super) struct Reverse<'a, R, const C: usize> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) targets: &'a [[Target; 3]],
    /// By what derivatives are sought.
    pub(super) by: Movers,
    pub(super) shared: [&'a [f64]; C],
    pub(super) values: [&'a [f64]; C],
    /// Where the results begin among the values.
    pub(super) at: usize,
    /// How many outputs there are derivatives of: each slot has as many blocks of adjoints.
    pub(super) outputs: usize,
    pub(super) before: [&'a mut [f64]; C],
    pub(super) own: [&'a [f64]; C],
    /// Of the only output.
    pub(super) totals: [&'a mut [Few]; C],
    pub(super) width: usize,
    pub(super) carried: PhantomData<R>,
}

impl<R: Carried<C>, const C: usize> Kernel for Reverse<'_, R, C>
where
    f64: LeftOps<R>,
{
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(mut self) {
        let mut rooms = [[[0.0; LANES]; A]; C];
        let per_slot = self.width / LANES;
        for (at, (args, targets)) in self.args.iter().zip(self.targets).enumerate() {
            let p = params::<A, P>(args, self.shared[0]);
            let mut numbers = [[Operand::NONE; A]; C];
            for (((numbers, room), shared), values) in numbers
                .iter_mut()
                .zip(&mut rooms)
                .zip(self.shared)
                .zip(self.values)
            {
                *numbers = operands(args, shared, values, self.width, room);
            }
            let mut totals = [[[0.0; LANES]; A]; C];
            for few in 0..per_slot {
                let mut x = [[[0.0; LANES]; A]; C];
                let mut z = [[0.0; LANES]; C];
                for c in 0..C {
                    x[c] = at_few(&numbers[c], few);
                    z[c] = self.values[c][self.at..].as_chunks().0[at * per_slot + few];
                }
                let mut partials = [[[0.0; LANES]; C]; A];
                for i in 0..LANES {
                    let mut inputs = [R::of(at_lane(&z, i)); A];
                    for (k, input) in inputs.iter_mut().enumerate() {
                        let mut parts = [0.0; C];
                        for (part, x) in parts.iter_mut().zip(&x) {
                            *part = x[k][i];
                        }
                        *input = R::of(parts);
                    }
                    let found = E::partials(inputs, p, R::of(at_lane(&z, i)));
                    for (partials, partial) in partials.iter_mut().zip(found) {
                        for (partials, part) in partials.iter_mut().zip(partial.parts()) {
                            partials[i] = part;
                        }
                    }
                }
                for output in 0..self.outputs {
                    let mut g = [[0.0; LANES]; C];
                    for (g, own) in g.iter_mut().zip(self.own) {
                        *g = own.as_chunks().0[(at * self.outputs + output) * per_slot + few];
                    }
                    for (k, partial) in partials.iter().enumerate() {
                        if targets[k].movers & self.by == 0 {
                            continue;
                        }
                        let mut terms = [[0.0; LANES]; C];
                        for i in 0..LANES {
                            let partial = R::of(at_lane(partial, i));
                            let product = R::absorbing(at_lane(&g, i), partial);
                            for (terms, part) in terms.iter_mut().zip(product) {
                                terms[i] = part;
                            }
                        }
                        let slot = args[k];
                        for c in 0..C {
                            if slot & SHARED != 0 {
                                add(&mut totals[c][k], &terms[c]);
                                continue;
                            }
                            let place = (slot as usize * self.outputs + output) * per_slot + few;
                            let adjoints = &mut self.before[c].as_chunks_mut().0[place];
                            if targets[k].is_first {
                                *adjoints = terms[c];
                            } else {
                                add(adjoints, &terms[c]);
                            }
                        }
                    }
                }
            }
            for (found, all) in totals.iter().zip(&mut self.totals) {
                for (k, (found, &slot)) in found.iter().zip(args).enumerate() {
                    if slot & SHARED != 0 && targets[k].movers & self.by != 0 {
                        add(&mut all[(slot & !SHARED) as usize], found);
                    }
                }
            }
        }
    }
}
