//! The operators of both handles: every form, with numbers on either side.
//!
//! A number beside a handle has the type of the tape: a literal then needs no suffix, on a tape
//! of `f32` as on one of `f64`.

use std::ops::{
    Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, RemAssign, Sub, SubAssign,
};

use crate::num::Arg;
use crate::real::Real;
use crate::rules::elementwise::table;
use crate::rules::expand::Elementwise;
use crate::tensor::Tensor;
use crate::var::Var;

/// A handle beside a number, so that one macro writes the operators of both.
trait Operand<T: Real>: Sized {
    fn with_constant<E: Elementwise<2, 0>>(x: Self, c: T) -> Self;
    fn after_constant<E: Elementwise<2, 0>>(c: T, y: Self) -> Self;
}

impl<T: Real> Operand<T> for Var<T> {
    #[inline(always)]
    #[track_caller]
    fn with_constant<E: Elementwise<2, 0>>(x: Self, c: T) -> Self {
        crate::var::with_constant::<T, E>(x, c)
    }
    #[inline(always)]
    #[track_caller]
    fn after_constant<E: Elementwise<2, 0>>(c: T, y: Self) -> Self {
        crate::var::after_constant::<T, E>(c, y)
    }
}

impl<T: Real> Operand<T> for Tensor<T> {
    #[track_caller]
    fn with_constant<E: Elementwise<2, 0>>(x: Self, c: T) -> Self {
        record_pair::<T, E>(x, c)
    }
    #[track_caller]
    fn after_constant<E: Elementwise<2, 0>>(c: T, y: Self) -> Self {
        record_pair::<T, E>(c, y)
    }
}

/// A binary operation on a tensor and a tensor, a scalar or a number.
#[track_caller]
fn record_pair<T: Real, E: Elementwise<2, 0>>(
    x: impl Into<Arg<Tensor<T>>>,
    y: impl Into<Arg<Tensor<T>>>,
) -> Tensor<T> {
    let inputs = [x.into(), y.into()];
    crate::error::or_panic(crate::tensor::record_elementwise(E::OP, &inputs, &[]))
}

impl<T: Real> Var<T> {
    /// A binary operation with a constant on the left.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn left_constant<E: Elementwise<2, 0>>(c: f64, right: Self) -> Self {
        crate::var::after_constant::<T, E>(T::of(c), right)
    }
}

impl<T: Real> Tensor<T> {
    /// A binary operation with a constant on the left.
    #[track_caller]
    pub(crate) fn left_constant<E: Elementwise<2, 0>>(c: f64, right: Self) -> Self {
        record_pair::<T, E>(T::of(c), right)
    }
}

/// `left op right` in all four forms of owned and borrowed.
macro_rules! binary {
    ($left:ident $right:ident -> $out:ident by $record:path, $trait:ident $method:ident) => {
        impl<T: Real> $trait<$right<T>> for $left<T> {
            type Output = $out<T>;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: $right<T>) -> $out<T> {
                $record(self, other)
            }
        }
        impl<T: Real> $trait<&$right<T>> for $left<T> {
            type Output = $out<T>;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: &$right<T>) -> $out<T> {
                $record(self, *other)
            }
        }
        impl<T: Real> $trait<$right<T>> for &$left<T> {
            type Output = $out<T>;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: $right<T>) -> $out<T> {
                $record(*self, other)
            }
        }
        impl<T: Real> $trait<&$right<T>> for &$left<T> {
            type Output = $out<T>;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: &$right<T>) -> $out<T> {
                $record(*self, *other)
            }
        }
    };
}

/// `handle op number` and `handle op= number`.
macro_rules! number_right {
    ($handle:ident, $trait:ident $method:ident $assign:ident $assign_method:ident) => {
        impl<T: Real> $trait<T> for $handle<T> {
            type Output = $handle<T>;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: T) -> $handle<T> {
                <$handle<T> as Operand<T>>::with_constant::<table::$method>(self, other)
            }
        }
        impl<T: Real> $trait<T> for &$handle<T> {
            type Output = $handle<T>;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: T) -> $handle<T> {
                <$handle<T> as Operand<T>>::with_constant::<table::$method>(*self, other)
            }
        }
        impl<T: Real> $assign<T> for $handle<T> {
            #[inline(always)]
            #[track_caller]
            fn $assign_method(&mut self, other: T) {
                *self = <$handle<T> as Operand<T>>::with_constant::<table::$method>(*self, other);
            }
        }
    };
}

/// `number op handle`, for each type of number.
macro_rules! number_left {
    ($handle:ident $number:ty, $trait:ident $method:ident) => {
        impl $trait<$handle<$number>> for $number {
            type Output = $handle<$number>;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: $handle<$number>) -> $handle<$number> {
                <$handle<$number> as Operand<$number>>::after_constant::<table::$method>(
                    self, other,
                )
            }
        }
        impl $trait<&$handle<$number>> for $number {
            type Output = $handle<$number>;
            #[inline(always)]
            #[track_caller]
            fn $method(self, other: &$handle<$number>) -> $handle<$number> {
                <$handle<$number> as Operand<$number>>::after_constant::<table::$method>(
                    self, *other,
                )
            }
        }
    };
}

macro_rules! assign_handle {
    ($left:ident $right:ident, $trait:ident $method:ident) => {
        impl<T: Real> $trait<$right<T>> for $left<T> {
            #[inline(always)]
            #[track_caller]
            fn $method(&mut self, other: $right<T>) {
                *self = assign_handle!(@ $trait)(*self, other);
            }
        }
        impl<T: Real> $trait<&$right<T>> for $left<T> {
            #[inline(always)]
            #[track_caller]
            fn $method(&mut self, other: &$right<T>) {
                *self = assign_handle!(@ $trait)(*self, *other);
            }
        }
    };
    (@ AddAssign) => { Add::add };
    (@ SubAssign) => { Sub::sub };
    (@ MulAssign) => { Mul::mul };
    (@ DivAssign) => { Div::div };
    (@ RemAssign) => { Rem::rem };
}

macro_rules! operators {
    ($($trait:ident $method:ident $assign:ident $assign_method:ident),*) => {$(
        binary!(Var Var -> Var by crate::var::binary::<T, table::$method>, $trait $method);
        binary!(Tensor Tensor -> Tensor by record_pair::<T, table::$method>, $trait $method);
        binary!(Tensor Var -> Tensor by record_pair::<T, table::$method>, $trait $method);
        binary!(Var Tensor -> Tensor by record_pair::<T, table::$method>, $trait $method);
        number_right!(Var, $trait $method $assign $assign_method);
        number_right!(Tensor, $trait $method $assign $assign_method);
        number_left!(Var f64, $trait $method);
        number_left!(Var f32, $trait $method);
        number_left!(Tensor f64, $trait $method);
        number_left!(Tensor f32, $trait $method);
        assign_handle!(Var Var, $assign $assign_method);
        assign_handle!(Tensor Tensor, $assign $assign_method);
        assign_handle!(Tensor Var, $assign $assign_method);
    )*};
}

operators!(
    Add add AddAssign add_assign,
    Sub sub SubAssign sub_assign,
    Mul mul MulAssign mul_assign,
    Div div DivAssign div_assign,
    Rem rem RemAssign rem_assign
);

impl<T: Real> Neg for Var<T> {
    type Output = Var<T>;
    #[inline(always)]
    #[track_caller]
    fn neg(self) -> Var<T> {
        crate::var::unary::<T, table::neg>(self)
    }
}

impl<T: Real> Neg for &Var<T> {
    type Output = Var<T>;
    #[inline(always)]
    #[track_caller]
    fn neg(self) -> Var<T> {
        -*self
    }
}

impl<T: Real> Neg for Tensor<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn neg(self) -> Tensor<T> {
        crate::tensor::record_slices(table::neg::OP, &[self], &[])
    }
}

impl<T: Real> Neg for &Tensor<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn neg(self) -> Tensor<T> {
        -*self
    }
}

impl<T: Real> std::iter::Product for Var<T> {
    #[track_caller]
    fn product<I: Iterator<Item = Self>>(mut factors: I) -> Self {
        let Some(first) = factors.next() else {
            return Var::constant(T::one());
        };
        factors.fold(first, |product, factor| product * factor)
    }
}

impl<'a, T: Real> std::iter::Product<&'a Var<T>> for Var<T> {
    #[track_caller]
    fn product<I: Iterator<Item = &'a Self>>(factors: I) -> Self {
        factors.copied().product()
    }
}
