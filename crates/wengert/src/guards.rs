//! What was asked about values while recording: a branch of the user's code follows from each answer.
//!
//! A comparison of scalars gives a plain `bool`, and the list does not say what was done with it. So each
//! is noted beside the list, and a [`Program`](crate::Program) asks it again.

use std::cmp::Ordering;
use std::num::FpCategory;
use std::panic::Location;

use crate::list::List;
use crate::real::Real;
use crate::var::Var;

/// One side of a question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side<T> {
    Node(u32),
    Number(T),
}

/// A question about one or two numbers, with the answer that it had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Asked {
    Less(bool),
    AtMost(bool),
    Equal(bool),
    Order(Option<Ordering>),
    Nan(bool),
    Finite(bool),
    Infinite(bool),
    Category(FpCategory),
    Negative(bool),
    /// The whole number that it was rounded to, towards zero.
    Whole,
    /// One that cannot be asked again.
    Other,
}

impl Asked {
    /// Whether the answer is the same at `x` and `y`; for [`Asked::Whole`], `y` is the number at recording.
    pub(crate) fn holds<T: Real>(self, x: T, y: T) -> bool {
        match self {
            Asked::Less(was) => (x < y) == was,
            Asked::AtMost(was) => (x <= y) == was,
            Asked::Equal(was) => (x == y) == was,
            Asked::Order(was) => x.partial_cmp(&y) == was,
            Asked::Nan(was) => x.is_nan() == was,
            Asked::Finite(was) => x.is_finite() == was,
            Asked::Infinite(was) => x.is_infinite() == was,
            Asked::Category(was) => x.classify() == was,
            Asked::Negative(was) => x.is_sign_negative() == was,
            Asked::Whole => x.trunc() == y.trunc() || (x.is_nan() && y.is_nan()),
            Asked::Other => false,
        }
    }

    /// A name for files: the question and its answer.
    #[cfg(feature = "serde")]
    pub(crate) fn name(self) -> &'static str {
        let named = NAMES.iter().find(|(asked, _)| *asked == self);
        named.map_or("other", |(_, name)| name)
    }

    #[cfg(feature = "serde")]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let named = NAMES.iter().find(|(_, own)| *own == name);
        named.map(|(asked, _)| *asked)
    }

    /// What is no longer so, of `x` and `y`.
    pub(crate) fn words(self, x: &str, y: &str) -> String {
        let (statement, was) = match self {
            Asked::Less(was) => (format!("{x} < {y}"), was),
            Asked::AtMost(was) => (format!("{x} <= {y}"), was),
            Asked::Equal(was) => (format!("{x} == {y}"), was),
            Asked::Nan(was) => (format!("{x} is NaN"), was),
            Asked::Finite(was) => (format!("{x} is finite"), was),
            Asked::Infinite(was) => (format!("{x} is infinite"), was),
            Asked::Negative(was) => (format!("{x} has a minus sign"), was),
            Asked::Order(_) => return format!("{x} and {y} were in another order"),
            Asked::Category(_) => return format!("{x} was another kind of number"),
            Asked::Whole => return format!("{x} as a whole number was that of {y}"),
            Asked::Other => return format!("a question about {x}"),
        };
        format!(
            "{statement} was {was} when it was recorded and is {} here",
            !was
        )
    }
}

#[cfg(feature = "serde")]
const NAMES: &[(Asked, &str)] = &[
    (Asked::Less(true), "less"),
    (Asked::Less(false), "not less"),
    (Asked::AtMost(true), "at most"),
    (Asked::AtMost(false), "not at most"),
    (Asked::Equal(true), "equal"),
    (Asked::Equal(false), "not equal"),
    (Asked::Order(Some(Ordering::Less)), "ordered less"),
    (Asked::Order(Some(Ordering::Equal)), "ordered equal"),
    (Asked::Order(Some(Ordering::Greater)), "ordered greater"),
    (Asked::Order(None), "not ordered"),
    (Asked::Nan(true), "nan"),
    (Asked::Nan(false), "not nan"),
    (Asked::Finite(true), "finite"),
    (Asked::Finite(false), "not finite"),
    (Asked::Infinite(true), "infinite"),
    (Asked::Infinite(false), "not infinite"),
    (Asked::Category(FpCategory::Nan), "category nan"),
    (Asked::Category(FpCategory::Infinite), "category infinite"),
    (Asked::Category(FpCategory::Zero), "category zero"),
    (Asked::Category(FpCategory::Subnormal), "category subnormal"),
    (Asked::Category(FpCategory::Normal), "category normal"),
    (Asked::Negative(true), "negative"),
    (Asked::Negative(false), "not negative"),
    (Asked::Whole, "whole"),
];

/// A question that was asked while recording.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard<T> {
    pub(crate) sides: [Side<T>; 2],
    pub(crate) asked: Asked,
    pub(crate) line: &'static Location<'static>,
}

/// Something that can be compared: a scalar of a tape, or a number.
pub(crate) trait Compared<T: Real>: Copy {
    fn number(self) -> T;
    fn list(self) -> Option<&'static List<T>>;
    fn side(self) -> Side<T>;
}

impl<T: Real> Compared<T> for T {
    #[inline(always)]
    fn number(self) -> T {
        self
    }
    #[inline(always)]
    fn list(self) -> Option<&'static List<T>> {
        None
    }
    #[inline(always)]
    fn side(self) -> Side<T> {
        Side::Number(self)
    }
}

impl<T: Real> Compared<T> for Var<T> {
    #[inline(always)]
    #[track_caller]
    fn number(self) -> T {
        self.value()
    }
    #[inline(always)]
    fn list(self) -> Option<&'static List<T>> {
        (!self.is_constant()).then_some(self.list())
    }
    #[inline(always)]
    fn side(self) -> Side<T> {
        if self.is_constant() {
            Side::Number(self.value())
        } else {
            Side::Node(self.id())
        }
    }
}

/// Answers a question about two numbers, and notes it beside the list of the first that has one.
#[inline]
#[track_caller]
pub(crate) fn ask<T: Real, A>(
    x: impl Compared<T>,
    y: impl Compared<T>,
    answer: impl FnOnce(T, T) -> A,
    asked: impl FnOnce(&A) -> Asked,
) -> A {
    let answer = answer(x.number(), y.number());
    let (left, right) = (x.list(), y.list());
    if let Some(list) = left.or(right) {
        let on_list = |side: Side<T>, number: T, own: Option<&'static List<T>>| match own {
            Some(own) if std::ptr::eq(own, list) => side,
            _ => Side::Number(number),
        };
        note(
            list,
            [
                on_list(x.side(), x.number(), left),
                on_list(y.side(), y.number(), right),
            ],
            asked(&answer),
        );
    }
    answer
}

/// Answers a question about one number.
#[inline]
#[track_caller]
pub(crate) fn ask_one<T: Real, A>(
    x: Var<T>,
    answer: impl FnOnce(T) -> A,
    asked: impl FnOnce(&A) -> Asked,
) -> A {
    ask(x, x.value(), |x, _| answer(x), asked)
}

#[track_caller]
fn note<T: Real>(list: &'static List<T>, sides: [Side<T>; 2], asked: Asked) {
    let line = Location::caller();
    list.state_mut().guards.push(Guard { sides, asked, line });
}
