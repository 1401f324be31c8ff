//! What a rule may say: numbers, duals and recorded handles under one trait.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use crate::real::Real;
use crate::tensor::Tensor;
use crate::var::Var;

pub use crate::rules::elementwise::Num;

/// An operand of a rule: something of the rule's own type, or a plain constant.
#[derive(Clone, Copy, Debug)]
pub enum Arg<R> {
    /// A value that carries derivatives.
    Value(R),
    /// A constant; it never becomes a node.
    Constant(f64),
}

impl<R: Num> From<R> for Arg<R> {
    #[inline(always)]
    fn from(value: R) -> Self {
        Arg::Value(value)
    }
}

impl<R: Num> From<f64> for Arg<R> {
    #[inline(always)]
    fn from(constant: f64) -> Self {
        Arg::Constant(constant)
    }
}

impl<T: Real> From<Var<T>> for Arg<Var<T>> {
    #[inline(always)]
    fn from(var: Var<T>) -> Self {
        if var.is_constant() {
            Arg::Constant(var.value().as_f64())
        } else {
            Arg::Value(var)
        }
    }
}

impl<T: Real> From<T> for Arg<Var<T>> {
    #[inline(always)]
    fn from(constant: T) -> Self {
        Arg::Constant(constant.as_f64())
    }
}

impl<T: Real> From<Tensor<T>> for Arg<Tensor<T>> {
    #[inline]
    fn from(tensor: Tensor<T>) -> Self {
        Arg::Value(tensor)
    }
}

impl<T: Real> From<T> for Arg<Tensor<T>> {
    #[inline]
    fn from(constant: T) -> Self {
        Arg::Constant(constant.as_f64())
    }
}

impl<T: Real> From<Var<T>> for Arg<Tensor<T>> {
    /// A scalar beside a tensor: a constant stays one, a node takes part as rank 0.
    #[inline]
    #[track_caller]
    fn from(var: Var<T>) -> Self {
        if var.is_constant() {
            Arg::Constant(var.value().as_f64())
        } else {
            Arg::Value(Tensor::from(var))
        }
    }
}

impl<R: Num> Arg<R> {
    /// The operand itself, or the constant in the form of `like`.
    #[inline(always)]
    pub(crate) fn or_lit(self, like: R) -> R {
        match self {
            Arg::Value(value) => value,
            Arg::Constant(c) => like.lit(c),
        }
    }
}

/// Keeps [`Num`] to this crate: it grows with the table.
pub trait Sealed {}
impl<T: Real> Sealed for N<T> {}
impl<R: Num> Sealed for Dual<R> {}
impl<H> Sealed for Rec<H> {}

/// Arithmetic with an `f64` on the left, `2.0 * x`: a bound that every generic rule carries.
pub trait LeftOps<R>:
    Add<R, Output = R> + Sub<R, Output = R> + Mul<R, Output = R> + Div<R, Output = R>
{
}

impl<R> LeftOps<R> for f64 where
    f64: Add<R, Output = R> + Sub<R, Output = R> + Mul<R, Output = R> + Div<R, Output = R>
{
}

/// Arithmetic among themselves and with an `f64` on the right.
pub trait Arithmetic:
    Copy
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
}

impl<R> Arithmetic for R where
    R: Copy
        + Neg<Output = R>
        + Add<Output = R>
        + Sub<Output = R>
        + Mul<Output = R>
        + Div<Output = R>
        + Add<f64, Output = R>
        + Sub<f64, Output = R>
        + Mul<f64, Output = R>
        + Div<f64, Output = R>
{
}

/// A plain number in a rule: `f32` or `f64` with literals on either side.
///
/// Its inherent methods are the primitives of std and libm; the methods of [`Num`] are the ops
/// of the table. A rule's `value` builds the second from the first.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
#[repr(transparent)]
pub struct N<T>(pub T);

impl<T: Real> PartialEq<f64> for N<T> {
    #[inline(always)]
    fn eq(&self, other: &f64) -> bool {
        self.0 == T::of(*other)
    }
}

impl<T: Real> PartialOrd<f64> for N<T> {
    #[inline(always)]
    fn partial_cmp(&self, other: &f64) -> Option<std::cmp::Ordering> {
        self.0.partial_cmp(&T::of(*other))
    }
}

macro_rules! number_operators {
    ($($trait:ident $method:ident $op:tt),*) => {$(
        impl<T: Real> $trait for N<T> {
            type Output = N<T>;
            #[inline(always)]
            fn $method(self, other: N<T>) -> N<T> {
                N(self.0 $op other.0)
            }
        }
        impl<T: Real> $trait<f64> for N<T> {
            type Output = N<T>;
            #[inline(always)]
            fn $method(self, other: f64) -> N<T> {
                N(self.0 $op T::of(other))
            }
        }
        impl<T: Real> $trait<N<T>> for f64 {
            type Output = N<T>;
            #[inline(always)]
            fn $method(self, other: N<T>) -> N<T> {
                N(T::of(self) $op other.0)
            }
        }
    )*};
}

number_operators!(Add add +, Sub sub -, Mul mul *, Div div /, Rem rem %);

impl<T: Real> Neg for N<T> {
    type Output = N<T>;
    #[inline(always)]
    fn neg(self) -> N<T> {
        N(-self.0)
    }
}

macro_rules! primitives {
    ($($name:ident),*) => {
        $(#[doc = concat!("`", stringify!($name), "` of std or libm.")]
        #[inline(always)]
        pub fn $name(self) -> Self {
            N(self.0.$name())
        })*
    };
}

impl<T: Real> N<T> {
    primitives!(
        abs, sqrt, cbrt, exp, exp2, exp_m1, ln, log2, log10, ln_1p, sin, cos, tan, asin, acos,
        atan, sinh, cosh, tanh, asinh, acosh, atanh, floor, ceil, round, trunc, fract, recip,
        signum, erf, erfc, lgamma
    );

    /// A constant of the same type.
    #[inline(always)]
    pub fn lit(self, c: f64) -> Self {
        N(T::of(c))
    }
    /// Whether this is a NaN.
    #[inline(always)]
    pub fn is_nan(self) -> bool {
        self.0.is_nan()
    }
    /// Whether this is neither infinite nor a NaN.
    #[inline(always)]
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }
    /// Whether this is an infinity of either sign.
    #[inline(always)]
    pub fn is_infinite(self) -> bool {
        self.0.is_infinite()
    }
    /// Whether the sign bit is set.
    #[inline(always)]
    pub fn is_sign_negative(self) -> bool {
        self.0.is_sign_negative()
    }
    /// `self` to the power `y`, as std's `powf`.
    #[inline(always)]
    pub fn powf(self, y: N<T>) -> Self {
        N(self.0.powf(y.0))
    }
    /// `self` to the whole power `n`, as std's `powi`.
    #[inline(always)]
    pub fn powi(self, n: i32) -> Self {
        N(self.0.powi(n))
    }
    /// The angle of the point (`x`, `self`), as std's `atan2`.
    #[inline(always)]
    pub fn atan2(self, x: N<T>) -> Self {
        N(self.0.atan2(x.0))
    }
    /// The length of (`self`, `y`) without overflow, as std's `hypot`.
    #[inline(always)]
    pub fn hypot(self, y: N<T>) -> Self {
        N(self.0.hypot(y.0))
    }
    /// The larger one, ignoring a NaN, as std's `max`.
    #[inline(always)]
    pub fn max(self, y: N<T>) -> Self {
        N(self.0.max(y.0))
    }
    /// The smaller one, ignoring a NaN, as std's `min`.
    #[inline(always)]
    pub fn min(self, y: N<T>) -> Self {
        N(self.0.min(y.0))
    }
    /// The size of `self` with the sign of `y`, as std's `copysign`.
    #[inline(always)]
    pub fn copysign(self, y: N<T>) -> Self {
        N(self.0.copysign(y.0))
    }
    /// `self * a + b` rounded once, as std's `mul_add`.
    #[inline(always)]
    pub fn mul_add(self, a: N<T>, b: N<T>) -> Self {
        N(Float::mul_add(self.0, a.0, b.0))
    }
    /// The polygamma function of order `n`.
    #[inline]
    pub fn polygamma(self, n: u32) -> Self {
        N(self.0.polygamma(n))
    }
}

use num_traits::Float;

/// A recorded handle in a rule: a scalar or a tensor, with `f64` literals on either side.
///
/// The handles themselves take literals of their own type only, so that `2.0 * x` has one meaning
/// on a tape of `f32` too; a rule says `2.0` for both.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Rec<H>(pub H);

macro_rules! recorded_operators {
    ($handle:ident: $($trait:ident $method:ident),*) => {$(
        impl<T: Real> $trait for Rec<$handle<T>> {
            type Output = Self;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: Self) -> Self {
                Num::$method(self, other)
            }
        }
        impl<T: Real> $trait<f64> for Rec<$handle<T>> {
            type Output = Self;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: f64) -> Self {
                Num::$method(self, other)
            }
        }
        impl<T: Real> $trait<Rec<$handle<T>>> for f64 {
            type Output = Rec<$handle<T>>;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: Rec<$handle<T>>) -> Rec<$handle<T>> {
                Rec($handle::left_constant::<crate::rules::elementwise::table::$method>(self, other.0))
            }
        }
    )*};
}

recorded_operators!(Var: Add add, Sub sub, Mul mul, Div div);
recorded_operators!(Tensor: Add add, Sub sub, Mul mul, Div div);

impl<T: Real> Neg for Rec<Var<T>> {
    type Output = Self;
    #[inline(always)]
    #[track_caller]
    fn neg(self) -> Self {
        Num::neg(self)
    }
}

impl<T: Real> Neg for Rec<Tensor<T>> {
    type Output = Self;
    #[track_caller]
    fn neg(self) -> Self {
        Num::neg(self)
    }
}

impl<H> Arg<Rec<H>> {
    /// Without the wrapper.
    #[inline(always)]
    pub(crate) fn bare(self) -> Arg<H> {
        match self {
            Arg::Value(Rec(handle)) => Arg::Value(handle),
            Arg::Constant(c) => Arg::Constant(c),
        }
    }
}

/// A number with a tangent beside it: forward mode, nestable to any order.
///
/// `Dual { value, tangent }` stands for value + tangent * epsilon with epsilon^2 = 0.
///
/// ```
/// use wengert::num::{Dual, Num, N};
///
/// let x = Dual { value: N(3.0), tangent: N(1.0) };
/// let y = x * x + x.sin();
/// assert_eq!(y.tangent.0, 6.0 + 3.0_f64.cos());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual<R> {
    /// The primal.
    pub value: R,
    /// The derivative along the seeded direction.
    pub tangent: R,
}

// The product and quotient rules stand here and not in terms of the table, so that arithmetic needs
// nothing of `R` but its own: `f64: Add<Dual<R>>` must not ask for `f64: Add<R>`, or inference
// of `2.0 * x` would never end.

impl<R: Num> Add for Dual<R> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self {
            value: self.value + other.value,
            tangent: self.tangent + other.tangent,
        }
    }
}

impl<R: Num> Sub for Dual<R> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self {
            value: self.value - other.value,
            tangent: self.tangent - other.tangent,
        }
    }
}

impl<R: Num> Mul for Dual<R> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self {
            value: self.value * other.value,
            tangent: self.tangent.passed_on(other.value) + other.tangent.passed_on(self.value),
        }
    }
}

impl<R: Num> Div for Dual<R> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self {
            value,
            tangent: self.tangent.passed_on(self.value.lit(1.0) / other.value)
                - other.tangent.passed_on(value / other.value),
        }
    }
}

impl<R: Num> Neg for Dual<R> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self {
            value: -self.value,
            tangent: -self.tangent,
        }
    }
}

macro_rules! dual_with_literal {
    ($($trait:ident $method:ident),*) => {$(
        impl<R: Num> $trait<f64> for Dual<R> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: f64) -> Self {
                $trait::$method(self, self.constant(other))
            }
        }
        impl<R: Num> $trait<Dual<R>> for f64 {
            type Output = Dual<R>;
            #[inline(always)]
            fn $method(self, other: Dual<R>) -> Dual<R> {
                $trait::$method(other.constant(self), other)
            }
        }
    )*};
}

dual_with_literal!(Add add, Sub sub, Mul mul, Div div);

impl<R: Num> Dual<R> {
    fn constant(self, c: f64) -> Self {
        Self {
            value: self.value.lit(c),
            tangent: self.value.lit(0.0),
        }
    }
}
