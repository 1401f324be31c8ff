//! The two number types side by side, in the processor's widest registers.

use std::fmt::Debug;
use std::ops::{Index, IndexMut};

use pulp::Simd;

use crate::program::sums::Along;

/// A number type of which the widest registers hold [`Wide::LANES`].
#[doc(hidden)]
pub trait Wide: Copy + 'static {
    /// So many numbers side by side.
    type Few: Along<Self>
        + Debug
        + Index<usize, Output = Self>
        + IndexMut<usize>
        + AsRef<[Self]>
        + AsMut<[Self]>
        + Send
        + Sync;
    /// A register.
    type Numbers<S: Simd>: Copy;
    /// A yes or no for each number of a register.
    type Mask<S: Simd>: Copy;

    const LANES: usize;
    const ZEROS: Self::Few;

    /// How many numbers a register holds.
    fn in_register<S: Simd>() -> usize {
        size_of::<Self::Numbers<S>>() / size_of::<Self>()
    }

    fn few(numbers: &[Self]) -> &[Self::Few];
    fn few_mut(numbers: &mut [Self]) -> &mut [Self::Few];
    fn flat(few: &[Self::Few]) -> &[Self];
    fn flat_mut(few: &mut [Self::Few]) -> &mut [Self];

    fn registers<S: Simd>(numbers: &[Self]) -> &[Self::Numbers<S>];
    fn registers_mut<S: Simd>(numbers: &mut [Self]) -> &mut [Self::Numbers<S>];
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Numbers<S>;
    fn plus<S: Simd>(simd: S, x: Self::Numbers<S>, y: Self::Numbers<S>) -> Self::Numbers<S>;
    fn times<S: Simd>(simd: S, x: Self::Numbers<S>, y: Self::Numbers<S>) -> Self::Numbers<S>;
    fn negative<S: Simd>(simd: S, x: Self::Numbers<S>) -> Self::Numbers<S>;
    fn xor<S: Simd>(simd: S, x: Self::Numbers<S>, y: Self::Numbers<S>) -> Self::Numbers<S>;
    fn equals<S: Simd>(simd: S, x: Self::Numbers<S>, y: Self::Numbers<S>) -> Self::Mask<S>;
    fn select<S: Simd>(
        simd: S,
        mask: Self::Mask<S>,
        yes: Self::Numbers<S>,
        no: Self::Numbers<S>,
    ) -> Self::Numbers<S>;
}

macro_rules! wide {
    ($t:ident, $lanes:literal, $numbers:ident, $mask:ident, $registers:ident, $registers_mut:ident,
     $splat:ident, $add:ident, $mul:ident, $neg:ident, $xor:ident, $equal:ident, $select:ident) => {
        impl Wide for $t {
            type Few = [$t; $lanes];
            type Numbers<S: Simd> = S::$numbers;
            type Mask<S: Simd> = S::$mask;

            const LANES: usize = $lanes;
            const ZEROS: Self::Few = [0.0; $lanes];

            #[inline(always)]
            fn few(numbers: &[Self]) -> &[Self::Few] {
                numbers.as_chunks().0
            }
            #[inline(always)]
            fn few_mut(numbers: &mut [Self]) -> &mut [Self::Few] {
                numbers.as_chunks_mut().0
            }
            #[inline(always)]
            fn flat(few: &[Self::Few]) -> &[Self] {
                few.as_flattened()
            }
            #[inline(always)]
            fn flat_mut(few: &mut [Self::Few]) -> &mut [Self] {
                few.as_flattened_mut()
            }
            #[inline(always)]
            fn registers<S: Simd>(numbers: &[Self]) -> &[S::$numbers] {
                S::$registers(numbers).0
            }
            #[inline(always)]
            fn registers_mut<S: Simd>(numbers: &mut [Self]) -> &mut [S::$numbers] {
                S::$registers_mut(numbers).0
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$numbers {
                simd.$splat(x)
            }
            #[inline(always)]
            fn plus<S: Simd>(simd: S, x: S::$numbers, y: S::$numbers) -> S::$numbers {
                simd.$add(x, y)
            }
            #[inline(always)]
            fn times<S: Simd>(simd: S, x: S::$numbers, y: S::$numbers) -> S::$numbers {
                simd.$mul(x, y)
            }
            #[inline(always)]
            fn negative<S: Simd>(simd: S, x: S::$numbers) -> S::$numbers {
                simd.$neg(x)
            }
            #[inline(always)]
            fn xor<S: Simd>(simd: S, x: S::$numbers, y: S::$numbers) -> S::$numbers {
                simd.$xor(x, y)
            }
            #[inline(always)]
            fn equals<S: Simd>(simd: S, x: S::$numbers, y: S::$numbers) -> S::$mask {
                simd.$equal(x, y)
            }
            #[inline(always)]
            fn select<S: Simd>(
                simd: S,
                mask: S::$mask,
                yes: S::$numbers,
                no: S::$numbers,
            ) -> S::$numbers {
                simd.$select(mask, yes, no)
            }
        }
    };
}

wide!(
    f64,
    8,
    f64s,
    m64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    splat_f64s,
    add_f64s,
    mul_f64s,
    neg_f64s,
    xor_f64s,
    equal_f64s,
    select_f64s
);
wide!(
    f32,
    16,
    f32s,
    m32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    splat_f32s,
    add_f32s,
    mul_f32s,
    neg_f32s,
    xor_f32s,
    equal_f32s,
    select_f32s
);
