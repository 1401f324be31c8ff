//! From one declaration of an elementwise rule to all that follows from it.

use std::ops::Range;

use crate::num::{Dual, LeftOps, N};
use crate::real::Real;
use crate::rules::Op;
use crate::rules::elementwise::Num;
use crate::tensor::Tensor;
use crate::var::Var;

/// A rule of the table: `A` differentiable inputs, `P` parameters.
pub(crate) trait Elementwise<const A: usize, const P: usize> {
    const OP: Op;
    fn value<T: Real>(x: [N<T>; A], p: [f64; P]) -> N<T>;
    fn partials<R: Num>(x: [R; A], p: [f64; P], z: R) -> [R; A]
    where
        f64: LeftOps<R>;
}

/// Something to do with a rule that is known only at run time.
pub(crate) trait Visitor {
    type Output;
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) -> Self::Output;
}

/// How many inputs and parameters an operation has.
pub(crate) struct Arity;

impl Visitor for Arity {
    type Output = (usize, usize);
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) -> Self::Output {
        (A, P)
    }
}

/// A number with tangents along three directions, for derivatives up to the third.
pub type Dual3 = Dual<Dual<Dual<N<f64>>>>;

/// One row of the table of elementwise operations, for documentation and for checking.
///
/// ```
/// let tanh = wengert::rules::OPS.iter().find(|op| op.name == "tanh").unwrap();
/// assert_eq!(tanh.inputs.len(), 1);
/// let z = (tanh.value)(&[0.3], &[]);
/// assert_eq!((tanh.partials)(&[0.3], &[], z).len(), 1);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct OpInfo {
    /// The opcode.
    pub op: Op,
    /// The name; that of the method on [`Var`] and [`Tensor`], unless it is internal.
    pub name: &'static str,
    /// What it is, with its first-order expansion.
    pub docs: &'static str,
    /// Whether only the partials of other operations use it; it is then no method of the handles.
    pub internal: bool,
    /// Names of the differentiable inputs, and the range in which each is sampled for the check.
    pub inputs: &'static [(&'static str, Range<f64>)],
    /// Names of the parameters, and the value at which each is checked.
    pub params: &'static [(&'static str, f64)],
    /// Kinks and edges: where, and what the rule does there.
    pub kinks: &'static [(&'static str, &'static str)],
    /// The value at plain numbers: inputs, then parameters.
    pub value: fn(&[f64], &[f64]) -> f64,
    /// The partials at plain numbers: inputs, parameters, value.
    pub partials: fn(&[f64], &[f64], f64) -> Vec<f64>,
    /// The value and its derivatives of order 1 to 3, by duals in duals.
    pub duals: fn(&[Dual3], &[f64]) -> Dual3,
    /// The value in single precision.
    pub value_f32: fn(&[f32], &[f64]) -> f32,
    /// The partials in single precision.
    pub partials_f32: fn(&[f32], &[f64], f32) -> Vec<f32>,
    /// Records the operation on scalars.
    pub record: fn(&[Var], &[f64]) -> Var,
    /// Records the operation on scalars in single precision.
    pub record_f32: fn(&[Var<f32>], &[f64]) -> Var<f32>,
    /// Records the operation on tensors.
    pub record_tensor: fn(&[Tensor], &[f64]) -> Tensor,
    /// Records the operation on tensors in single precision.
    pub record_tensor_f32: fn(&[Tensor<f32>], &[f64]) -> Tensor<f32>,
}

pub(crate) fn value_at<T: Real, E: Elementwise<A, P>, const A: usize, const P: usize>(
    x: &[T],
    p: &[f64],
) -> T {
    E::value(
        std::array::from_fn(|i| N(x[i])),
        std::array::from_fn(|i| p[i]),
    )
    .0
}

pub(crate) fn partials_at<T: Real, E: Elementwise<A, P>, const A: usize, const P: usize>(
    x: &[T],
    p: &[f64],
    z: T,
) -> Vec<T> {
    let x = std::array::from_fn(|i| N(x[i]));
    E::partials(x, std::array::from_fn(|i| p[i]), N(z))
        .map(|partial| partial.0)
        .to_vec()
}

pub(crate) const fn count(names: &[&str]) -> usize {
    names.len()
}

/// The tangent of an output: the sum of partials times tangents of inputs.
#[inline]
pub(crate) fn push_forward<R: Num, const A: usize>(inputs: [Dual<R>; A], partials: [R; A]) -> R {
    let mut terms = inputs
        .iter()
        .zip(partials)
        .map(|(input, partial)| input.tangent.passed_on(partial));
    let first = terms.next().expect("a rule has an input");
    terms.fold(first, |sum, term| sum + term)
}

/// Declares the table. A row that only other rows need is `(internal)`: it is no method of the handles.
/// Each row reads
///
/// ```text
/// /// What it is.
/// ///
/// /// Its first-order expansion.
/// name(x in lo..hi, y in lo..hi; parameter = default) z {
///     value: expression in numbers,
///     partials: [one for each input, in inputs, parameters and z],
///     kinks: ["where" => "what happens there", ..],
/// }
/// ```
macro_rules! elementwise {
    ($(
        $(#[doc = $doc:literal])*
        $(($internal:ident))? $name:ident ( $x0:ident in $r0:expr $(, $x:ident in $r:expr)* $(; $($p:ident = $d:expr),+)? ) $z:ident {
            value: $value:expr,
            partials: $partials:expr,
            kinks: [$($place:literal => $what:literal),* $(,)?] $(,)?
        }
    )*) => {
        /// The opcode of an elementwise operation, or of a node that is none.
        #[allow(non_camel_case_types, reason = "an operation is named like its method")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Op {
            /// An input: nothing made it.
            leaf,
            /// The first two operands of the operation with three that follows.
            pair,
            /// A node whose operation stands in the table of tensors.
            aux,
            /// The sum of many scalars.
            sum,
            /// The sum of many products of two scalars.
            dot,
            $($(#[doc = $doc])* $name,)*
        }

        const CODES: &[Op] = &[Op::leaf, Op::pair, Op::aux, Op::sum, Op::dot, $(Op::$name),*];

        impl Op {
            /// The operation's name.
            pub const fn name(self) -> &'static str {
                match self {
                    Op::leaf => "leaf",
                    Op::pair => "pair",
                    Op::aux => "tensor",
                    Op::sum => "sum",
                    Op::dot => "dot",
                    $(Op::$name => stringify!($name),)*
                }
            }

            /// How many inputs and parameters an operation of the table has.
            #[inline]
            pub(crate) fn arity(self) -> (usize, usize) {
                self.visit($crate::rules::expand::Arity)
            }

            #[inline]
            pub(crate) fn from_code(code: u8) -> Op {
                CODES[code as usize]
            }

            /// Calls the visitor with the operation's rule.
            #[inline]
            pub(crate) fn visit<V: $crate::rules::expand::Visitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Op::$name => visitor.visit::<
                        table::$name,
                        { $crate::rules::expand::count(&[stringify!($x0) $(, stringify!($x))*]) },
                        { $crate::rules::expand::count(&[$($(stringify!($p)),+)?]) },
                    >(),)*
                    Op::leaf | Op::pair | Op::aux | Op::sum | Op::dot => unreachable!("{} has no rule", self.name()),
                }
            }
        }

        /// What a rule may say: arithmetic, literals, and every operation of the table.
        ///
        /// Implemented by plain numbers ([`N`](crate::num::N)), [`Dual`](crate::num::Dual), and
        /// recorded handles ([`Rec`](crate::num::Rec)): a partial that is
        /// written once can be a number, a tangent, or a part of the tape that can be
        /// differentiated again.
        ///
        /// Sealed.
        pub trait Num: $crate::num::Arithmetic + $crate::num::Sealed {
            /// A constant in the form of `self`.
            fn lit(self, c: f64) -> Self;
            /// This tangent times a partial: what the sweeps pass on. Zero absorbs even what is infinite: a direction
            /// that does not move an operand, and a branch that was not chosen.
            fn passed_on(self, partial: Self) -> Self;
            $(
                $(#[doc = $doc])*
                fn $name(self $(, $x: impl Into<$crate::num::Arg<Self>>)* $($(, $p: f64)+)?) -> Self;
            )*
        }

        /// The rules, each a type of its own.
        #[allow(non_camel_case_types, reason = "an operation is named like its method")]
        pub(crate) mod table {
            $(pub(crate) struct $name;)*
        }

        $(
            impl $crate::rules::expand::Elementwise<
                { $crate::rules::expand::count(&[stringify!($x0) $(, stringify!($x))*]) },
                { $crate::rules::expand::count(&[$($(stringify!($p)),+)?]) },
            > for table::$name {
                const OP: Op = Op::$name;
                #[inline]
                #[allow(unused_variables, reason = "a rule may not need all that it is given")]
                fn value<T: $crate::real::Real>(
                    [$x0 $(, $x)*]: [$crate::num::N<T>; { $crate::rules::expand::count(&[stringify!($x0) $(, stringify!($x))*]) }],
                    [$($($p),+)?]: [f64; { $crate::rules::expand::count(&[$($(stringify!($p)),+)?]) }],
                ) -> $crate::num::N<T> {
                    $value
                }
                #[inline]
                #[allow(unused_variables, reason = "a rule may not need all that it is given")]
                fn partials<R: Num>(
                    [$x0 $(, $x)*]: [R; { $crate::rules::expand::count(&[stringify!($x0) $(, stringify!($x))*]) }],
                    [$($($p),+)?]: [f64; { $crate::rules::expand::count(&[$($(stringify!($p)),+)?]) }],
                    $z: R,
                ) -> [R; { $crate::rules::expand::count(&[stringify!($x0) $(, stringify!($x))*]) }]
                where
                    f64: $crate::num::LeftOps<R>,
                {
                    $partials
                }
            }
        )*

        impl<T: $crate::real::Real> Num for $crate::num::N<T> {
            #[inline]
            fn lit(self, c: f64) -> Self {
                $crate::num::N(T::of(c))
            }
            #[inline(always)]
            fn passed_on(self, partial: Self) -> Self {
                let zero = T::zero();
                $crate::num::N(if self.0 == zero || partial.0 == zero { zero } else { self.0 * partial.0 })
            }
            $(
                #[inline]
                fn $name(self $(, $x: impl Into<$crate::num::Arg<Self>>)* $($(, $p: f64)+)?) -> Self {
                    <table::$name as $crate::rules::expand::Elementwise<_, _>>::value(
                        [self $(, $x.into().or_lit(self))*], [$($($p),+)?])
                }
            )*
        }

        impl<R: Num> Num for $crate::num::Dual<R> where f64: $crate::num::LeftOps<R> {
            #[inline]
            fn lit(self, c: f64) -> Self {
                Self { value: self.value.lit(c), tangent: self.value.lit(0.0) }
            }
            #[inline(always)]
            fn passed_on(self, partial: Self) -> Self {
                Self {
                    value: self.value.passed_on(partial.value),
                    tangent: self.tangent.passed_on(partial.value) + self.value.passed_on(partial.tangent),
                }
            }
            $(
                #[inline]
                fn $name(self $(, $x: impl Into<$crate::num::Arg<Self>>)* $($(, $p: f64)+)?) -> Self {
                    let inputs = [self $(, $x.into().or_lit(self))*];
                    let [$x0 $(, $x)*] = inputs.map(|input| input.value);
                    let value = <R as Num>::$name($x0 $(, $x)* $($(, $p)+)?);
                    let partials = <table::$name as $crate::rules::expand::Elementwise<_, _>>::partials(
                        [$x0 $(, $x)*], [$($($p),+)?], value);
                    $crate::num::Dual { value, tangent: $crate::rules::expand::push_forward(inputs, partials) }
                }
            )*
        }

        impl<T: $crate::real::Real> Num for $crate::num::Rec<$crate::var::Var<T>> {
            #[inline]
            fn lit(self, c: f64) -> Self {
                $crate::num::Rec($crate::var::Var::constant(T::of(c)))
            }
            #[track_caller]
            fn passed_on(self, partial: Self) -> Self {
                self.absorb_mul(partial)
            }
            $(
                #[inline]
                #[track_caller]
                fn $name(self $(, $x: impl Into<$crate::num::Arg<Self>>)* $($(, $p: f64)+)?) -> Self {
                    $crate::num::Rec($crate::var::record::<T, table::$name, _, _>(
                        [$crate::num::Arg::Value(self.0) $(, $x.into().bare())*], [$($($p),+)?]))
                }
            )*
        }

        impl<T: $crate::real::Real> Num for $crate::num::Rec<$crate::tensor::Tensor<T>> {
            #[track_caller]
            fn lit(self, c: f64) -> Self {
                $crate::num::Rec(self.0.constant_like(c))
            }
            #[track_caller]
            fn passed_on(self, partial: Self) -> Self {
                self.absorb_mul(partial)
            }
            $(
                #[track_caller]
                fn $name(self $(, $x: impl Into<$crate::num::Arg<Self>>)* $($(, $p: f64)+)?) -> Self {
                    $crate::num::Rec($crate::error::or_panic($crate::tensor::record_elementwise(
                        Op::$name,
                        &[$crate::num::Arg::Value(self.0) $(, $x.into().bare())*],
                        &[$($($p),+)?],
                    )))
                }
            )*
        }

        /// Every elementwise operation, in the order of the table.
        pub static OPS: &[$crate::rules::OpInfo] = &[$(
            $crate::rules::OpInfo {
                op: Op::$name,
                name: stringify!($name),
                docs: concat!($($doc, "\n"),*),
                internal: !concat!("", $(stringify!($internal))?).is_empty(),
                inputs: &[(stringify!($x0), $r0) $(, (stringify!($x), $r))*],
                params: &[$($((stringify!($p), $d)),+)?],
                kinks: &[$(($place, $what)),*],
                value: $crate::rules::expand::value_at::<f64, table::$name, _, _>,
                duals: |x, p| {
                    let [$x0 $(, $x)*] = *x else { panic!("{}: as many inputs as the operation has", stringify!($name)) };
                    let [$($($p),+)?] = *p else { panic!("{}: as many parameters as the operation has", stringify!($name)) };
                    $crate::num::Num::$name($x0 $(, $x)* $($(, $p)+)?)
                },
                partials: $crate::rules::expand::partials_at::<f64, table::$name, _, _>,
                value_f32: $crate::rules::expand::value_at::<f32, table::$name, _, _>,
                partials_f32: $crate::rules::expand::partials_at::<f32, table::$name, _, _>,
                record: |x, p| $crate::var::record_slices::<f64, table::$name, _, _>(x, p),
                record_f32: |x, p| $crate::var::record_slices::<f32, table::$name, _, _>(x, p),
                record_tensor: |x, p| $crate::tensor::record_slices(Op::$name, x, p),
                record_tensor_f32: |x, p| $crate::tensor::record_slices(Op::$name, x, p),
            },
        )*];

        $($crate::rules::expand::methods! { $(($internal))? $name ($($x),*) ($($($p),+)?) $(#[doc = $doc])* })*
    };
}
pub(crate) use elementwise;

/// The inherent methods of the handles, so that nobody needs to import `Num`. Operators have
/// their own spelling, and comparisons of scalars are plain `bool`s.
macro_rules! methods {
    (neg $($rest:tt)*) => {};
    ((internal) $($rest:tt)*) => {};
    (add $($rest:tt)*) => { $crate::rules::expand::tensor_try! { add (other) () } };
    (sub $($rest:tt)*) => { $crate::rules::expand::tensor_try! { sub (other) () } };
    (mul $($rest:tt)*) => { $crate::rules::expand::tensor_try! { mul (other) () } };
    (div $($rest:tt)*) => { $crate::rules::expand::tensor_try! { div (other) () } };
    (rem $($rest:tt)*) => { $crate::rules::expand::tensor_try! { rem (other) () } };
    (powi () (n) $(#[doc = $doc:literal])*) => {
        impl<T: $crate::real::Real> $crate::var::Var<T> {
            $(#[doc = $doc])*
            #[inline(always)]
            #[track_caller]
            pub fn powi(self, n: i32) -> Self {
                // The node keeps the exponent as a number of the tape's own type.
                assert!(
                    T::of(n.into()).as_f64() == f64::from(n),
                    "powi: the exponent {n} is not an {}; split the power",
                    T::NAME
                );
                $crate::var::record::<T, table::powi, _, _>(
                    [$crate::num::Arg::Value(self)], [n.into()])
            }
        }
        impl<T: $crate::real::Real> $crate::tensor::Tensor<T> {
            $(#[doc = $doc])*
            ///
            /// Element by element.
            #[track_caller]
            pub fn powi(self, n: i32) -> Self {
                assert!(
                    T::of(n.into()).as_f64() == f64::from(n),
                    "powi: the exponent {n} is not an {}; split the power",
                    T::NAME
                );
                $crate::error::or_panic($crate::tensor::record_elementwise(
                    Op::powi, &[$crate::num::Arg::Value(self)], &[n.into()]))
            }
        }
    };
    (select $($rest:tt)*) => { $crate::rules::expand::tensor_methods! { select $($rest)* } };
    (gt $($rest:tt)*) => { $crate::rules::expand::tensor_methods! { gt $($rest)* } };
    (ge $($rest:tt)*) => { $crate::rules::expand::tensor_methods! { ge $($rest)* } };
    (lt $($rest:tt)*) => { $crate::rules::expand::tensor_methods! { lt $($rest)* } };
    (le $($rest:tt)*) => { $crate::rules::expand::tensor_methods! { le $($rest)* } };
    (eq $($rest:tt)*) => { $crate::rules::expand::tensor_methods! { eq $($rest)* } };
    (ne $($rest:tt)*) => { $crate::rules::expand::tensor_methods! { ne $($rest)* } };
    ($name:ident ($($x:ident),*) ($($p:ident),*) $(#[doc = $doc:literal])*) => {
        impl<T: $crate::real::Real> $crate::var::Var<T> {
            $(#[doc = $doc])*
            #[inline(always)]
            #[track_caller]
            pub fn $name(self $(, $x: impl Into<$crate::num::Arg<Self>>)* $(, $p: f64)*) -> Self {
                $crate::var::record::<T, table::$name, _, _>(
                    [$crate::num::Arg::Value(self) $(, $x.into())*], [$($p),*])
            }
        }
        $crate::rules::expand::tensor_methods! { $name ($($x),*) ($($p),*) $(#[doc = $doc])* }
    };
}
pub(crate) use methods;

macro_rules! tensor_methods {
    ($name:ident ($($x:ident),*) ($($p:ident),*) $(#[doc = $doc:literal])*) => {
        impl<T: $crate::real::Real> $crate::tensor::Tensor<T> {
            $(#[doc = $doc])*
            ///
            /// Element by element; shapes broadcast.
            #[track_caller]
            pub fn $name(self $(, $x: impl Into<$crate::num::Arg<Self>>)* $(, $p: f64)*) -> Self {
                $crate::error::or_panic($crate::tensor::record_elementwise(
                    Op::$name, &[$crate::num::Arg::Value(self) $(, $x.into())*], &[$($p),*]))
            }
        }
        $crate::rules::expand::tensor_try! { $name ($($x),*) ($($p),*) }
    };
}
pub(crate) use tensor_methods;

/// The `try_` form of every operation whose shapes can clash.
macro_rules! tensor_try {
    ($name:ident () ($($p:ident),*)) => {};
    ($name:ident ($($x:ident),+) ($($p:ident),*)) => {
        pastey::paste! {
            impl<T: $crate::real::Real> $crate::tensor::Tensor<T> {
                #[doc = concat!("`", stringify!($name), "`, or why not.")]
                ///
                /// # Errors
                ///
                /// If the shapes do not broadcast, or a handle is stale or foreign.
                #[track_caller]
                pub fn [<try_ $name>](
                    self $(, $x: impl Into<$crate::num::Arg<Self>>)+ $(, $p: f64)*
                ) -> Result<Self, $crate::Error> {
                    $crate::tensor::record_elementwise(
                        Op::$name, &[$crate::num::Arg::Value(self) $(, $x.into())+], &[$($p),*])
                }
            }
        }
    };
}
pub(crate) use tensor_try;
