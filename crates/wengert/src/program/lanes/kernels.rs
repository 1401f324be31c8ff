//! The loops over a block, for any rule.

use std::marker::PhantomData;

use crate::num::{Dual, LeftOps, N};
use crate::program::dispatch::Kernel;
use crate::program::lanes::{Movers, SHARED, Target, add};
use crate::real::Real;
use crate::rules::elementwise::Num;
use crate::rules::expand::Elementwise;
use crate::rules::structural::map::absorb;

/// The numbers of an argument at the points of a block, few at a time; the same few again and again if they
/// are shared.
#[derive(Clone, Copy)]
struct Operand<'a, T: Real> {
    numbers: &'a [T::Few],
    step: usize,
}

impl<'a, T: Real> Operand<'a, T> {
    const NONE: Self = Self {
        numbers: &[],
        step: 0,
    };

    #[inline(always)]
    fn new(slot: u32, shared: &[T], values: &'a [T], width: usize, room: &'a mut T::Few) -> Self {
        if slot & SHARED == 0 {
            let numbers = T::few(&values[slot as usize * width..][..width]);
            return Self { numbers, step: 1 };
        }
        room.as_mut().fill(shared[(slot & !SHARED) as usize]);
        Self {
            numbers: std::slice::from_ref(room),
            step: 0,
        }
    }

    #[inline(always)]
    fn few(&self, at: usize) -> T::Few {
        self.numbers[at * self.step]
    }
}

// The loops below fill arrays by hand: `array::from_fn` is not inlined into code for wider registers than the
// crate is compiled for, and then nothing is vectorised.

#[inline(always)]
fn operands<'a, T: Real, const A: usize>(
    args: &[u32; 3],
    shared: &[T],
    values: &'a [T],
    width: usize,
    rooms: &'a mut [T::Few; A],
) -> [Operand<'a, T>; A] {
    let mut operands = [Operand::NONE; A];
    for ((operand, &slot), room) in operands.iter_mut().zip(args).zip(rooms) {
        *operand = Operand::new(slot, shared, values, width, room);
    }
    operands
}

#[inline(always)]
fn params<T: Real, const A: usize, const P: usize>(args: &[u32; 3], shared: &[T]) -> [f64; P] {
    let mut params = [0.0; P];
    for (param, &slot) in params.iter_mut().zip(&args[A..]) {
        *param = shared[(slot & !SHARED) as usize].as_f64();
    }
    params
}

#[inline(always)]
fn at_few<T: Real, const A: usize>(operands: &[Operand<'_, T>; A], few: usize) -> [T::Few; A] {
    let mut x = [T::ZEROS; A];
    for (x, operand) in x.iter_mut().zip(operands) {
        *x = operand.few(few);
    }
    x
}

#[inline(always)]
fn at_lane<T: Real, const C: usize>(numbers: &[T::Few; C], i: usize) -> [T; C] {
    let mut at = [T::zero(); C];
    for (at, few) in at.iter_mut().zip(numbers) {
        *at = few[i];
    }
    at
}

/// The inputs of a rule at one of a few points.
#[inline(always)]
fn at_point<T: Real, const A: usize>(x: &[T::Few; A], i: usize) -> [N<T>; A] {
    let mut at = [N(T::zero()); A];
    for (at, x) in at.iter_mut().zip(x) {
        *at = N(x[i]);
    }
    at
}

pub(super) struct Forward<'a, T> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) shared: &'a [T],
    pub(super) values: &'a mut [T],
    /// Where the results begin among the values. An instruction may need those before its own.
    pub(super) at: usize,
    pub(super) width: usize,
}

impl<T: Real> Kernel for Forward<'_, T> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let mut rooms = [T::ZEROS; A];
        for (k, args) in self.args.iter().enumerate() {
            let (before, rest) = self.values.split_at_mut(self.at + k * self.width);
            let z = &mut rest[..self.width];
            let p = params::<T, A, P>(args, self.shared);
            let operands = operands(args, self.shared, before, self.width, &mut rooms);
            for (few, z) in T::few_mut(z).iter_mut().enumerate() {
                let x = at_few(&operands, few);
                for i in 0..T::LANES {
                    z[i] = E::value(at_point::<T, A>(&x, i), p).0;
                }
            }
        }
    }
}

/// What a sweep carries for each number: its value, or its value and its tangent.
pub(in crate::program) trait Carried<T: Real, const C: usize>: Num
where
    f64: LeftOps<Self>,
{
    fn of(parts: [T; C]) -> Self;
    fn parts(self) -> [T; C];
    /// An adjoint times a partial; what is zero absorbs even what is infinite.
    fn absorbing(adjoint: [T; C], partial: Self) -> [T; C];
}

impl<T: Real> Carried<T, 1> for N<T> {
    #[inline(always)]
    fn of([x]: [T; 1]) -> Self {
        N(x)
    }
    #[inline(always)]
    fn parts(self) -> [T; 1] {
        [self.0]
    }
    #[inline(always)]
    fn absorbing([g]: [T; 1], partial: Self) -> [T; 1] {
        [absorb(g, partial.0)]
    }
}

impl<T: Real> Carried<T, 2> for Dual<N<T>> {
    #[inline(always)]
    fn of([value, tangent]: [T; 2]) -> Self {
        Self {
            value: N(value),
            tangent: N(tangent),
        }
    }
    #[inline(always)]
    fn parts(self) -> [T; 2] {
        [self.value.0, self.tangent.0]
    }
    #[inline(always)]
    fn absorbing([g, tangent]: [T; 2], partial: Self) -> [T; 2] {
        [
            absorb(g, partial.value.0),
            (partial.tangent.passed_on(N(g)) + N(tangent).passed_on(partial.value)).0,
        ]
    }
}

/// Tangents of results.
pub(super) struct Tangents<'a, T> {
    pub(super) args: &'a [[u32; 3]],
    /// Values, and tangents.
    pub(super) shared: [&'a [T]; 2],
    pub(super) values: &'a [T],
    pub(super) z: &'a [T],
    pub(super) before: &'a [T],
    pub(super) out: &'a mut [T],
    pub(super) width: usize,
}

impl<T: Real> Kernel for Tangents<'_, T> {
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let mut rooms = [[T::ZEROS; A]; 2];
        let [room, tangents_room] = &mut rooms;
        let blocks = self.out.chunks_exact_mut(self.width);
        let blocks = blocks.zip(self.z.chunks_exact(self.width)).zip(self.args);
        for ((out, z), args) in blocks {
            let [shared, shared_tangents] = self.shared;
            let p = params::<T, A, P>(args, shared);
            let values = operands(args, shared, self.values, self.width, room);
            let tangents = operands(
                args,
                shared_tangents,
                self.before,
                self.width,
                tangents_room,
            );
            let (out, z) = (T::few_mut(out), T::few(z));
            for (few, (out, z)) in out.iter_mut().zip(z).enumerate() {
                let (x, t) = (at_few(&values, few), at_few(&tangents, few));
                for i in 0..T::LANES {
                    let partials = E::partials(at_point::<T, A>(&x, i), p, N(z[i]));
                    out[i] = T::zero();
                    for (N(partial), t) in partials.into_iter().zip(&t) {
                        // Beyond a zero partial lies a branch that was not chosen.
                        let tangent = if partial == T::zero() {
                            T::zero()
                        } else {
                            t[i]
                        };
                        out[i] += absorb(tangent, partial);
                    }
                }
            }
        }
    }
}

/// Adjoints of what results were made of; and their tangents, if the numbers carry such.
pub(super) struct Reverse<'a, T: Real, R, const C: usize> {
    pub(super) args: &'a [[u32; 3]],
    pub(super) targets: &'a [[Target; 3]],
    /// By what derivatives are sought.
    pub(super) by: Movers,
    pub(super) shared: [&'a [T]; C],
    pub(super) values: [&'a [T]; C],
    /// Where the results begin among the values.
    pub(super) at: usize,
    /// How many outputs there are derivatives of: each slot has as many blocks of adjoints.
    pub(super) outputs: usize,
    pub(super) before: [&'a mut [T]; C],
    pub(super) own: [&'a [T]; C],
    /// Of the only output, if shared inputs are what derivatives are sought by; else none.
    pub(super) totals: [&'a mut [T::Few]; C],
    pub(super) width: usize,
    pub(super) carried: PhantomData<R>,
}

impl<T: Real, R: Carried<T, C>, const C: usize> Kernel for Reverse<'_, T, R, C>
where
    f64: LeftOps<R>,
{
    #[inline(always)]
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(mut self) {
        let mut rooms = [[T::ZEROS; A]; C];
        let per_slot = self.width / T::LANES;
        for (at, (args, targets)) in self.args.iter().zip(self.targets).enumerate() {
            let p = params::<T, A, P>(args, self.shared[0]);
            let mut numbers = [[Operand::NONE; A]; C];
            for (((numbers, room), shared), values) in numbers
                .iter_mut()
                .zip(&mut rooms)
                .zip(self.shared)
                .zip(self.values)
            {
                *numbers = operands(args, shared, values, self.width, room);
            }
            let mut totals = [[T::ZEROS; A]; C];
            for few in 0..per_slot {
                let mut x = [[T::ZEROS; A]; C];
                let mut z = [T::ZEROS; C];
                for c in 0..C {
                    x[c] = at_few(&numbers[c], few);
                    z[c] = T::few(&self.values[c][self.at..])[at * per_slot + few];
                }
                let mut partials = [[T::ZEROS; C]; A];
                for i in 0..T::LANES {
                    let mut inputs = [R::of(at_lane::<T, C>(&z, i)); A];
                    for (k, input) in inputs.iter_mut().enumerate() {
                        let mut parts = [T::zero(); C];
                        for (part, x) in parts.iter_mut().zip(&x) {
                            *part = x[k][i];
                        }
                        *input = R::of(parts);
                    }
                    let found = E::partials(inputs, p, R::of(at_lane::<T, C>(&z, i)));
                    for (partials, partial) in partials.iter_mut().zip(found) {
                        for (partials, part) in partials.iter_mut().zip(partial.parts()) {
                            partials[i] = part;
                        }
                    }
                }
                for output in 0..self.outputs {
                    let mut g = [T::ZEROS; C];
                    for (g, own) in g.iter_mut().zip(self.own) {
                        *g = T::few(own)[(at * self.outputs + output) * per_slot + few];
                    }
                    for (k, partial) in partials.iter().enumerate() {
                        if targets[k].movers & self.by == 0 {
                            continue;
                        }
                        let mut terms = [T::ZEROS; C];
                        for i in 0..T::LANES {
                            let partial = R::of(at_lane::<T, C>(partial, i));
                            let product = R::absorbing(at_lane::<T, C>(&g, i), partial);
                            for (terms, part) in terms.iter_mut().zip(product) {
                                terms[i] = part;
                            }
                        }
                        let slot = args[k];
                        for c in 0..C {
                            if slot & SHARED != 0 {
                                add::<T>(&mut totals[c][k], &terms[c]);
                                continue;
                            }
                            let place = (slot as usize * self.outputs + output) * per_slot + few;
                            let adjoints = &mut T::few_mut(self.before[c])[place];
                            if targets[k].is_first {
                                *adjoints = terms[c];
                            } else {
                                add::<T>(adjoints, &terms[c]);
                            }
                        }
                    }
                }
            }
            for (found, all) in totals.iter().zip(&mut self.totals) {
                for (k, (found, &slot)) in found.iter().zip(args).enumerate() {
                    if slot & SHARED != 0 && targets[k].movers & self.by != 0 {
                        add::<T>(&mut all[(slot & !SHARED) as usize], found);
                    }
                }
            }
        }
    }
}
