//! The rest of what std's floats can do, under std's names.

use std::fmt;

use crate::guards::{Asked, ask_one};
use crate::num::Arg;
use crate::real::Real;
use crate::rules::elementwise::table;
use crate::var::{Var, record, unary};

impl<T: Real> Var<T> {
    /// The larger one, ignoring a NaN; equal ones share the derivative.
    ///
    /// [`Var::maximum`] is the same, but for a NaN, which it passes on.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.var(-2.0);
    /// assert_eq!(x.max(0.0).backward()[x], 0.0);
    /// ```
    #[track_caller]
    pub fn max(self, other: impl Into<Arg<Self>>) -> Self {
        record::<T, table::max, _, _>([Arg::Value(self), other.into()], [])
    }

    /// The smaller one, ignoring a NaN; equal ones share the derivative.
    ///
    /// [`Var::minimum`] is the same, but for a NaN, which it passes on.
    #[track_caller]
    pub fn min(self, other: impl Into<Arg<Self>>) -> Self {
        record::<T, table::min, _, _>([Arg::Value(self), other.into()], [])
    }

    /// 1 with the sign of this number, also at 0, or NaN; [`Var::sign`] is 0 at 0. Its derivative is 0.
    #[track_caller]
    pub fn signum(self) -> Self {
        unary::<T, table::signum>(self)
    }

    /// The logarithm to a base, log(x) = ln(x) / ln(base).
    #[track_caller]
    pub fn log(self, base: impl Into<Arg<Self>>) -> Self {
        match base.into() {
            Arg::Value(base) => self.ln() / base.ln(),
            Arg::Constant(base) => self.ln() / T::of(base).ln(),
        }
    }

    /// Sine and cosine.
    #[track_caller]
    pub fn sin_cos(self) -> (Self, Self) {
        (self.sin(), self.cos())
    }

    /// An angle in degrees from one in radians.
    #[track_caller]
    pub fn to_degrees(self) -> Self {
        self * T::one().to_degrees()
    }

    /// An angle in radians from one in degrees.
    #[track_caller]
    pub fn to_radians(self) -> Self {
        self * T::one().to_radians()
    }

    /// Whether the value is a NaN.
    #[track_caller]
    pub fn is_nan(self) -> bool {
        ask_one(self, T::is_nan, |&was| Asked::Nan(was))
    }

    /// Whether the value is neither infinite nor a NaN.
    #[track_caller]
    pub fn is_finite(self) -> bool {
        ask_one(self, T::is_finite, |&was| Asked::Finite(was))
    }

    /// Whether the value is an infinity of either sign.
    #[track_caller]
    pub fn is_infinite(self) -> bool {
        ask_one(self, T::is_infinite, |&was| Asked::Infinite(was))
    }
}

impl<T: Real> fmt::LowerExp for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dead() {
            Some(_) => fmt::Display::fmt(self, f),
            None => fmt::LowerExp::fmt(&self.value(), f),
        }
    }
}
