//! The two number types a tape can hold, and what the engine asks of them.

use std::fmt::{Debug, Display, LowerExp};
use std::sync::Mutex;

use num_traits::{Float, FloatConst, FromPrimitive};

use smallvec::SmallVec;

use crate::error::Error;
use crate::list::List;
use crate::program::compiled::Compiled;
use crate::rules::structural::TensorOp;
use crate::special;
use crate::sweep;
use crate::sweep_numeric::Numbers;
use crate::sweep_recorded::Recorded;

/// A floating-point number that a tape can hold: `f32` or `f64`.
///
/// The trait is sealed. It says what [`num_traits::Float`] leaves out: conversion to and from
/// `f64` and the special functions.
///
/// ```
/// use wengert::Real;
///
/// fn half<T: Real>(x: T) -> T {
///     x * T::of(0.5)
/// }
/// assert_eq!(half(3.0_f32), 1.5);
/// ```
pub trait Real:
    Float
    + FloatConst
    + FromPrimitive
    + Default
    + Debug
    + Display
    + LowerExp
    + std::iter::Sum
    + std::ops::AddAssign
    + std::ops::MulAssign
    + Send
    + Sync
    + ndarray::ScalarOperand
    + sealed::Pooled
    + Compiled
    + 'static
{
    /// The name of the type, for messages: `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// The number nearest to `x`.
    fn of(x: f64) -> Self;
    /// The same number as an `f64`.
    fn as_f64(self) -> f64;
    /// The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to `self`.
    fn erf(self) -> Self;
    /// The complementary error function, 1 - erf, accurate where erf is near 1.
    fn erfc(self) -> Self;
    /// The logarithm of the absolute value of the gamma function.
    fn lgamma(self) -> Self;
    /// The polygamma function of order `n`, the (n+1)-th derivative of ln Gamma; order 0 is digamma.
    fn polygamma(self, n: u32) -> Self;
}

// The traits can be named nowhere, so nobody else implements them or needs their private types.
#[allow(private_interfaces, reason = "sealed")]
pub(crate) mod sealed {
    use super::*;

    /// What stands once in this crate for each type of number.
    ///
    /// The statics cannot be generic. The sweeps and the kernels could, but then every crate that
    /// uses them would compile the whole table of rules again.
    pub trait Pooled: Sized {
        #[doc(hidden)]
        fn pool() -> &'static Mutex<Vec<&'static List<Self>>>
        where
            Self: Real;
        #[doc(hidden)]
        fn constants() -> &'static List<Self>
        where
            Self: Real;
        #[doc(hidden)]
        fn product(to: &mut [Self], factors: [&[Self]; 2], shape: [usize; 3], transpose: [bool; 2]);
        #[doc(hidden)]
        #[track_caller]
        fn try_record(
            list: &'static List<Self>,
            op: TensorOp<Self>,
            operands: SmallVec<[u32; 3]>,
        ) -> Result<u32, Error>
        where
            Self: Real;
        #[doc(hidden)]
        fn reverse_numbers(sweep: &mut Numbers<Self>, root: u32, end: u32) -> Result<(), Error>
        where
            Self: Real;
        #[doc(hidden)]
        fn forward_numbers(sweep: &mut Numbers<Self>, start: u32, last: u32) -> Result<(), Error>
        where
            Self: Real;
        #[doc(hidden)]
        fn reverse_recorded(sweep: &mut Recorded<Self>, root: u32, end: u32) -> Result<(), Error>
        where
            Self: Real;
        #[doc(hidden)]
        fn forward_recorded(sweep: &mut Recorded<Self>, start: u32, last: u32) -> Result<(), Error>
        where
            Self: Real;
    }
}

macro_rules! real {
    ($t:ty, $name:literal, $erf:path, $erfc:path, $lgamma:path) => {
        #[allow(private_interfaces, reason = "sealed")]
        impl sealed::Pooled for $t {
            fn pool() -> &'static Mutex<Vec<&'static List<Self>>> {
                static POOL: Mutex<Vec<&'static List<$t>>> = Mutex::new(Vec::new());
                &POOL
            }
            fn constants() -> &'static List<Self> {
                static CONSTANTS: List<$t> = List::of_constants();
                &CONSTANTS
            }
            fn product(
                to: &mut [Self],
                factors: [&[Self]; 2],
                shape: [usize; 3],
                transpose: [bool; 2],
            ) {
                crate::rules::structural::product(to, factors, shape, transpose);
            }
            #[track_caller]
            fn try_record(
                list: &'static List<Self>,
                op: TensorOp<Self>,
                operands: SmallVec<[u32; 3]>,
            ) -> Result<u32, Error> {
                list.try_record(op, operands)
            }
            fn reverse_numbers(
                numbers: &mut Numbers<Self>,
                root: u32,
                end: u32,
            ) -> Result<(), Error> {
                sweep::reverse(numbers.list, numbers, root, end)
            }
            fn forward_numbers(
                numbers: &mut Numbers<Self>,
                start: u32,
                last: u32,
            ) -> Result<(), Error> {
                numbers.sort_seeds();
                sweep::forward(numbers.list, numbers, start, last)
            }
            fn reverse_recorded(
                recorded: &mut Recorded<Self>,
                root: u32,
                end: u32,
            ) -> Result<(), Error> {
                sweep::reverse(recorded.list, recorded, root, end)
            }
            fn forward_recorded(
                recorded: &mut Recorded<Self>,
                start: u32,
                last: u32,
            ) -> Result<(), Error> {
                sweep::forward(recorded.list, recorded, start, last)
            }
        }

        impl Real for $t {
            const NAME: &'static str = $name;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn as_f64(self) -> f64 {
                self.into()
            }
            fn erf(self) -> Self {
                $erf(self)
            }
            fn erfc(self) -> Self {
                $erfc(self)
            }
            fn lgamma(self) -> Self {
                $lgamma(self)
            }
            fn polygamma(self, n: u32) -> Self {
                special::polygamma(n, self.into()) as $t
            }
        }
    };
}

real!(f64, "f64", libm::erf, libm::erfc, libm::lgamma);
real!(f32, "f32", libm::erff, libm::erfcf, libm::lgammaf);
