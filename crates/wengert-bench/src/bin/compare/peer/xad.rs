//! xad-rs: its tape, used again, behind a number type as generic code wants it.

use std::num::FpCategory;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Rem, Sub, SubAssign};

use num_traits::{Float, Num, NumCast, One, ToPrimitive, Zero};
use wengert_bench::objectives::{BundleAdjustment, Objective, reprojection_error};
use xad_rs::math::ad;
use xad_rs::ops::{compute_gradient_rev_with, compute_jacobian_rev_with};
use xad_rs::{AReal, Tape};

pub(super) struct Reused(Tape<f64>);

impl Reused {
    pub(super) fn new() -> Self {
        Self(Tape::new(true))
    }

    pub(super) fn gradient<O: Objective>(&mut self, objective: &O, x: &[f64]) -> Vec<f64> {
        let evaluate = |x: &[AReal<f64>]| objective.evaluate(&active(x)).0;
        compute_gradient_rev_with(&mut self.0, x, evaluate).1
    }

    pub(super) fn jacobian(&mut self, bundle: &BundleAdjustment, i: usize, rows: &mut [f64]) {
        let errors = |x: &[AReal<f64>]| {
            reprojection_error(&active(x), bundle.feature(i))
                .map(|error| error.0)
                .to_vec()
        };
        let jacobian = compute_jacobian_rev_with(&mut self.0, &bundle.inputs(i), errors);
        rows.iter_mut().zip(&jacobian).for_each(|(to, &x)| *to = x);
    }
}

fn active(x: &[AReal<f64>]) -> Vec<Active> {
    x.iter().map(|&x| Active(x)).collect()
}

/// A number of xad-rs's, which has no `Float` itself.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Active(AReal<f64>);

macro_rules! operators {
    ($($trait:ident $method:ident $with:ty, $operand:expr;)*) => {$(
        impl $trait<$with> for Active {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: $with) -> Self {
                Self(self.0.$method($operand(other)))
            }
        }
    )*};
}
fn inner(x: Active) -> AReal<f64> {
    x.0
}
fn number(x: f64) -> f64 {
    x
}
operators! {
    Add add Active, inner; Sub sub Active, inner; Mul mul Active, inner; Div div Active, inner;
    Add add f64, number; Sub sub f64, number; Mul mul f64, number; Div div f64, number;
}
impl AddAssign for Active {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}
impl SubAssign for Active {
    #[inline(always)]
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}
impl Neg for Active {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}
impl Rem for Active {
    type Output = Self;
    fn rem(self, _: Self) -> Self {
        lacking("%")
    }
}
impl Zero for Active {
    fn zero() -> Self {
        Self(AReal::new(0.0))
    }
    fn is_zero(&self) -> bool {
        self.0.value() == 0.0
    }
}
impl One for Active {
    fn one() -> Self {
        Self(AReal::new(1.0))
    }
}
impl Num for Active {
    type FromStrRadixErr = num_traits::ParseFloatError;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        f64::from_str_radix(text, radix).map(|x| Self(AReal::new(x)))
    }
}
impl ToPrimitive for Active {
    fn to_i64(&self) -> Option<i64> {
        self.0.value().to_i64()
    }
    fn to_u64(&self) -> Option<u64> {
        self.0.value().to_u64()
    }
    fn to_f64(&self) -> Option<f64> {
        Some(self.0.value())
    }
}
impl NumCast for Active {
    #[inline(always)]
    fn from<N: ToPrimitive>(n: N) -> Option<Self> {
        n.to_f64().map(|x| Self(AReal::new(x)))
    }
}

fn lacking<R>(name: &str) -> R {
    panic!("xad-rs has no {name}, and no function here needs it")
}

macro_rules! functions {
    (
        recorded: $($recorded:ident)*;
        of_two: $($of_two:ident)*;
        constants: $($constant:ident)*;
        questions: $($question:ident)*;
        lacking: $($lacking:ident($($other:ident)?))*;
    ) => {
        impl Float for Active {
            $(#[inline(always)] fn $recorded(self) -> Self { Self(ad::$recorded(&self.0)) })*
            $(#[inline(always)] fn $of_two(self, other: Self) -> Self { Self(ad::$of_two(&self.0, &other.0)) })*
            $(fn $constant() -> Self { Self(AReal::new(<f64 as Float>::$constant())) })*
            $(fn $question(self) -> bool { self.0.value().$question() })*
            $(fn $lacking(self $(, $other: Self)?) -> Self {
                $(let _ = $other;)?
                lacking(stringify!($lacking))
            })*
            #[inline(always)]
            fn recip(self) -> Self {
                Self(1.0 / self.0)
            }
            #[inline(always)]
            fn powi(self, n: i32) -> Self {
                Self(ad::powi(&self.0, n))
            }
            #[inline(always)]
            fn powf(self, n: Self) -> Self {
                Self(ad::pow(&self.0, &n.0))
            }
            fn mul_add(self, a: Self, b: Self) -> Self {
                self * a + b
            }
            #[inline(always)]
            fn sin_cos(self) -> (Self, Self) {
                (self.sin(), self.cos())
            }
            fn classify(self) -> FpCategory {
                self.0.value().classify()
            }
            fn integer_decode(self) -> (u64, i16, i8) {
                Float::integer_decode(self.0.value())
            }
        }
    };
}
functions! {
    recorded: sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2
        ln log2 log10 ln_1p exp_m1 sqrt cbrt abs;
    of_two: atan2 hypot max min;
    constants: nan infinity neg_infinity neg_zero min_value min_positive_value max_value;
    questions: is_nan is_infinite is_finite is_normal is_sign_positive is_sign_negative;
    lacking: floor() ceil() round() trunc() fract() signum() log(base) abs_sub(other);
}
