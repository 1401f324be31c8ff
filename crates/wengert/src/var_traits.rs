//! Comparisons, and the traits of `num_traits`: code written for `T: Float` differentiates unchanged.
//!
//! Comparisons look at values, so a branch on a [`Var`] is Rust's own `if`. What a trait makes
//! without an input (`T::zero()`, `T::from(2.0)`, `T::PI()`) is a [`Var::constant`]: no node.

use std::cmp::Ordering;
use std::num::FpCategory;

use num_traits::float::FloatCore;
use num_traits::{
    Bounded, Euclid, Float, FloatConst, FromPrimitive, Inv, MulAdd, MulAddAssign, Num, NumCast,
    One, Pow, Signed, ToPrimitive, Zero,
};

use crate::guards::{Asked, Compared, ask, ask_one};
use crate::real::Real;
use crate::var::Var;

/// The comparisons by hand: the trait's own would point a panic at the standard library.
macro_rules! ordered {
    ($other:ty) => {
        #[inline]
        #[track_caller]
        fn partial_cmp(&self, other: &$other) -> Option<Ordering> {
            order(*self, *other)
        }
        #[inline]
        #[track_caller]
        fn lt(&self, other: &$other) -> bool {
            less(*self, *other)
        }
        #[inline]
        #[track_caller]
        fn le(&self, other: &$other) -> bool {
            at_most(*self, *other)
        }
        #[inline]
        #[track_caller]
        fn gt(&self, other: &$other) -> bool {
            less(*other, *self)
        }
        #[inline]
        #[track_caller]
        fn ge(&self, other: &$other) -> bool {
            at_most(*other, *self)
        }
    };
}

macro_rules! questions_of_two {
    ($($name:ident($x:ident, $y:ident) -> $answer:ty = $asked:ident($expression:expr);)*) => {$(
        #[inline]
        #[track_caller]
        fn $name<T: Real>(x: impl Compared<T>, y: impl Compared<T>) -> $answer {
            ask(x, y, |$x: T, $y: T| $expression, |&was| Asked::$asked(was))
        }
    )*};
}

questions_of_two! {
    order(x, y) -> Option<Ordering> = Order(x.partial_cmp(&y));
    less(x, y) -> bool = Less(x < y);
    at_most(x, y) -> bool = AtMost(x <= y);
    equal(x, y) -> bool = Equal(x == y);
}

impl<T: Real> PartialEq for Var<T> {
    /// Whether the values are equal.
    ///
    /// # Panics
    ///
    /// If a handle is stale.
    #[inline]
    #[track_caller]
    fn eq(&self, other: &Self) -> bool {
        equal(*self, *other)
    }
}

impl<T: Real> PartialOrd for Var<T> {
    ordered!(Self);
}

impl<T: Real> PartialEq<T> for Var<T> {
    #[inline]
    #[track_caller]
    fn eq(&self, other: &T) -> bool {
        equal(*self, *other)
    }
}

impl<T: Real> PartialOrd<T> for Var<T> {
    ordered!(T);
}

macro_rules! compared_with {
    ($($number:ty),*) => {$(
        impl PartialEq<Var<$number>> for $number {
            #[inline]
            #[track_caller]
            fn eq(&self, other: &Var<$number>) -> bool {
                equal(*self, *other)
            }
        }
        impl PartialOrd<Var<$number>> for $number {
            ordered!(Var<$number>);
        }
    )*};
}

compared_with!(f32, f64);

impl<T: Real> Zero for Var<T> {
    #[inline]
    fn zero() -> Self {
        Var::constant(T::zero())
    }
    #[inline]
    #[track_caller]
    fn is_zero(&self) -> bool {
        equal(*self, T::zero())
    }
}

impl<T: Real> One for Var<T> {
    #[inline]
    fn one() -> Self {
        Var::constant(T::one())
    }
}

impl<T: Real> Num for Var<T> {
    type FromStrRadixErr = T::FromStrRadixErr;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        T::from_str_radix(text, radix).map(Var::constant)
    }
}

impl<T: Real> Bounded for Var<T> {
    fn min_value() -> Self {
        Var::constant(<T as Float>::min_value())
    }
    fn max_value() -> Self {
        Var::constant(<T as Float>::max_value())
    }
}

impl<T: Real> NumCast for Var<T> {
    #[inline]
    fn from<N: ToPrimitive>(number: N) -> Option<Self> {
        <T as NumCast>::from(number).map(Var::constant)
    }
}

/// Conversions of the value, which leave the tape: no derivative passes.
macro_rules! to_primitive {
    ($($name:ident -> $number:ty),*) => {
        impl<T: Real> ToPrimitive for Var<T> {
            $(
                #[inline]
                #[track_caller]
                fn $name(&self) -> Option<$number> {
                    ask_one(*self, |x| x.$name(), |_| Asked::Whole)
                }
            )*
            #[inline]
            #[track_caller]
            fn to_f32(&self) -> Option<f32> {
                self.value().to_f32()
            }
            #[inline]
            #[track_caller]
            fn to_f64(&self) -> Option<f64> {
                self.value().to_f64()
            }
        }
    };
}

to_primitive!(
    to_isize -> isize, to_i8 -> i8, to_i16 -> i16, to_i32 -> i32, to_i64 -> i64, to_i128 -> i128,
    to_usize -> usize, to_u8 -> u8, to_u16 -> u16, to_u32 -> u32, to_u64 -> u64, to_u128 -> u128
);

macro_rules! from_primitive {
    ($($name:ident($number:ty)),*) => {
        impl<T: Real> FromPrimitive for Var<T> {
            $(
                #[inline]
                fn $name(number: $number) -> Option<Self> {
                    T::$name(number).map(Var::constant)
                }
            )*
        }
    };
}

from_primitive!(
    from_isize(isize),
    from_i8(i8),
    from_i16(i16),
    from_i32(i32),
    from_i64(i64),
    from_i128(i128),
    from_usize(usize),
    from_u8(u8),
    from_u16(u16),
    from_u32(u32),
    from_u64(u64),
    from_u128(u128),
    from_f32(f32),
    from_f64(f64)
);

impl<T: Real> Signed for Var<T> {
    #[inline]
    #[track_caller]
    fn abs(&self) -> Self {
        Var::abs(*self)
    }
    #[inline]
    #[track_caller]
    fn abs_sub(&self, other: &Self) -> Self {
        Float::abs_sub(*self, *other)
    }
    #[inline]
    #[track_caller]
    fn signum(&self) -> Self {
        Float::signum(*self)
    }
    #[inline]
    #[track_caller]
    fn is_positive(&self) -> bool {
        ask_one(*self, T::is_sign_positive, |&was| Asked::Negative(!was))
    }
    #[inline]
    #[track_caller]
    fn is_negative(&self) -> bool {
        ask_one(*self, T::is_sign_negative, |&was| Asked::Negative(was))
    }
}

macro_rules! float_constants {
    ($($name:ident),*) => {
        #[allow(non_snake_case, reason = "the trait's own names")]
        impl<T: Real> FloatConst for Var<T> {
            $(
                #[inline]
                fn $name() -> Self {
                    Var::constant(T::$name())
                }
            )*
        }
    };
}

float_constants!(
    E,
    FRAC_1_PI,
    FRAC_1_SQRT_2,
    FRAC_2_PI,
    FRAC_2_SQRT_PI,
    FRAC_PI_2,
    FRAC_PI_3,
    FRAC_PI_4,
    FRAC_PI_6,
    FRAC_PI_8,
    LN_10,
    LN_2,
    LOG10_2,
    LOG10_E,
    LOG2_10,
    LOG2_E,
    PI,
    SQRT_2,
    TAU
);

macro_rules! limits {
    ($($name:ident),*) => {$(
        #[inline]
        fn $name() -> Self {
            Var::constant(<T as Float>::$name())
        }
    )*};
}

macro_rules! questions {
    () => {
        questions!(
            is_nan -> bool: |&was| Asked::Nan(was),
            is_infinite -> bool: |&was| Asked::Infinite(was),
            is_finite -> bool: |&was| Asked::Finite(was),
            is_sign_positive -> bool: |&was: &bool| Asked::Negative(!was),
            is_sign_negative -> bool: |&was| Asked::Negative(was),
            classify -> FpCategory: |&was| Asked::Category(was),
            is_normal -> bool: |_| Asked::Other,
            is_subnormal -> bool: |_| Asked::Other,
            integer_decode -> (u64, i16, i8): |_| Asked::Other
        );
    };
    ($($name:ident -> $answer:ty: $asked:expr),*) => {$(
        #[inline]
        #[track_caller]
        fn $name(self) -> $answer {
            ask_one(self, Float::$name, $asked)
        }
    )*};
}

macro_rules! operations {
    ($($name:ident($($other:ident),*)),*) => {$(
        #[inline]
        #[track_caller]
        fn $name(self $(, $other: Self)*) -> Self {
            Var::$name(self $(, $other)*)
        }
    )*};
}

/// Every method has the value that it has for numbers, and the derivative of the table's operation.
impl<T: Real> Float for Var<T> {
    limits!(
        nan,
        infinity,
        neg_infinity,
        neg_zero,
        min_value,
        min_positive_value,
        epsilon,
        max_value
    );
    questions!();
    operations!(
        floor(),
        ceil(),
        round(),
        trunc(),
        fract(),
        abs(),
        recip(),
        sqrt(),
        cbrt(),
        exp(),
        exp2(),
        exp_m1(),
        ln(),
        ln_1p(),
        log2(),
        log10(),
        sin(),
        cos(),
        tan(),
        asin(),
        acos(),
        atan(),
        sinh(),
        cosh(),
        tanh(),
        asinh(),
        acosh(),
        atanh(),
        mul_add(a, b),
        hypot(other),
        atan2(other),
        copysign(sign)
    );

    #[inline]
    #[track_caller]
    fn signum(self) -> Self {
        Var::signum(self)
    }
    #[inline]
    #[track_caller]
    fn powi(self, n: i32) -> Self {
        Var::powi(self, n)
    }
    #[inline]
    #[track_caller]
    fn powf(self, n: Self) -> Self {
        if n.is_constant() {
            // Without the logarithm that the partial by the exponent needs.
            self.powf(n.value().as_f64())
        } else {
            self.pow(n)
        }
    }
    #[inline]
    #[track_caller]
    fn log(self, base: Self) -> Self {
        Var::log(self, base)
    }
    #[inline]
    #[track_caller]
    fn to_degrees(self) -> Self {
        Var::to_degrees(self)
    }
    #[inline]
    #[track_caller]
    fn to_radians(self) -> Self {
        Var::to_radians(self)
    }
    /// The larger one, ignoring a NaN; equal ones share the derivative.
    #[inline]
    #[track_caller]
    fn max(self, other: Self) -> Self {
        Var::max(self, other)
    }
    /// The smaller one, ignoring a NaN; equal ones share the derivative.
    #[inline]
    #[track_caller]
    fn min(self, other: Self) -> Self {
        Var::min(self, other)
    }
    /// The bound itself where it cuts off, so that the derivative goes there.
    #[inline]
    #[track_caller]
    fn clamp(self, min: Self, max: Self) -> Self {
        assert!(
            min <= max,
            "clamp: the lower bound {min} must not exceed the upper bound {max}"
        );
        if self < min {
            min
        } else if self > max {
            max
        } else {
            self
        }
    }
    /// The positive part of the difference.
    #[inline]
    #[track_caller]
    fn abs_sub(self, other: Self) -> Self {
        if self == other {
            // The difference of equal infinities would be NaN.
            return Var::constant(T::zero());
        }
        (self - other).relu()
    }
    #[inline]
    #[track_caller]
    fn sin_cos(self) -> (Self, Self) {
        Var::sin_cos(self)
    }
}

macro_rules! as_float {
    ($($name:ident($($other:ident: $number:ty),*)),*) => {$(
        #[inline]
        #[track_caller]
        fn $name(self $(, $other: $number)*) -> Self {
            Float::$name(self $(, $other)*)
        }
    )*};
}

impl<T: Real> FloatCore for Var<T> {
    limits!(
        nan,
        infinity,
        neg_infinity,
        neg_zero,
        min_value,
        min_positive_value,
        epsilon,
        max_value
    );
    questions!();
    as_float!(
        floor(), ceil(), round(), trunc(), fract(), abs(), signum(), recip(), to_degrees(),
        to_radians(), powi(n: i32), min(other: Self), max(other: Self),
        clamp(min: Self, max: Self)
    );
}

impl<T: Real> Inv for Var<T> {
    type Output = Self;
    #[inline]
    #[track_caller]
    fn inv(self) -> Self {
        self.recip()
    }
}

impl<T: Real> Pow<Var<T>> for Var<T> {
    type Output = Self;
    #[inline]
    #[track_caller]
    fn pow(self, exponent: Self) -> Self {
        Float::powf(self, exponent)
    }
}

impl<T: Real> Pow<T> for Var<T> {
    type Output = Self;
    #[inline]
    #[track_caller]
    fn pow(self, exponent: T) -> Self {
        self.powf(exponent.as_f64())
    }
}

impl<T: Real> Pow<i32> for Var<T> {
    type Output = Self;
    #[inline]
    #[track_caller]
    fn pow(self, exponent: i32) -> Self {
        Float::powi(self, exponent)
    }
}

impl<T: Real> MulAdd for Var<T> {
    type Output = Self;
    #[inline]
    #[track_caller]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Var::mul_add(self, a, b)
    }
}

impl<T: Real> MulAddAssign for Var<T> {
    #[inline]
    #[track_caller]
    fn mul_add_assign(&mut self, a: Self, b: Self) {
        *self = Var::mul_add(*self, a, b);
    }
}

impl<T: Real> Euclid for Var<T> {
    #[track_caller]
    fn div_euclid(&self, v: &Self) -> Self {
        let quotient = (*self / *v).trunc();
        if *self % *v < T::zero() {
            if *v > T::zero() {
                quotient - T::one()
            } else {
                quotient + T::one()
            }
        } else {
            quotient
        }
    }
    #[track_caller]
    fn rem_euclid(&self, v: &Self) -> Self {
        let remainder = *self % *v;
        if remainder < T::zero() {
            remainder + v.abs()
        } else {
            remainder
        }
    }
}
