//! Operations on tensors that are not elementwise, and the frame that runs them all.
//!
//! A rule is written once, in terms of [`Array`]: on plain arrays it gives numbers, on recorded
//! tensors it gives nodes that can be differentiated again.

mod extreme;
mod index;
mod join;
mod layout;
pub(crate) mod map;
mod matmul;
mod reduce;
mod softmax;

use std::fmt;

use smallvec::SmallVec;

use crate::checkpoint::Output;
use crate::error::{Error, or_panic};
use crate::real::Real;
use crate::rules::Op;
use crate::rules::custom::Custom;
use crate::tensor::{Shape, Tensor};

pub(crate) use extreme::{Extreme, Norm};
pub(crate) use index::{CumSum, Gather, IndexAdd, IndexSelect, ScatterAdd};
pub(crate) use join::{Concat, Stack};
pub(crate) use layout::{BroadcastTo, Permute, Place, Reshape, Slice, SliceAxis, check_axes};
pub(crate) use map::Map;
pub(crate) use matmul::{CleanRegisters, Matmul, product};
pub(crate) use reduce::{Sum, reduced};
pub(crate) use softmax::{LogSoftmax, LogSumExp, Softmax};

/// Axes of a tensor.
pub(crate) type Axes = SmallVec<[usize; 4]>;

/// Numbers in C order and their shape.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) shape: &'a [usize],
}

/// Which way a derivative goes through a rule.
///
/// Either way, what comes from where nothing depends is nothing: a zero adjoint in reverse, and
/// forwards a zero tangent or a zero partial, beyond which lies a branch that was not chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Reverse,
    Forward,
}

/// What a rule is written in: a plain array, or a recorded tensor.
pub(crate) trait Array<T: Real>: Clone {
    fn shape(&self) -> Shape;
    /// The operation on these inputs, whose shapes fit.
    fn apply(op: TensorOp<T>, inputs: &[&Self]) -> Self;
    /// Every element `c`, in the given shape.
    fn full(&self, shape: &[usize], c: f64) -> Self;
    /// Adjoint or tangent `g` times the partial of an elementwise operation in input `k`.
    fn chain(map: &Map, k: usize, g: &Self, inputs: &[Self], output: &Self, way: Way) -> Self;

    fn binary(&self, op: Op, other: &Self) -> Self {
        Self::apply(Map::of(op).into(), &[self, other])
    }
    fn add(&self, other: &Self) -> Self {
        self.binary(Op::add, other)
    }
    fn sum_axes(&self, axes: Axes, keep: bool) -> Self {
        if axes.is_empty() {
            return self.clone();
        }
        Self::apply(Sum { axes, keep }.into(), &[self])
    }
    fn reshape(&self, shape: &[usize]) -> Self {
        if self.shape().as_slice() == shape {
            return self.clone();
        }
        Self::apply(Reshape { to: shape.into() }.into(), &[self])
    }
    fn broadcast_to(&self, shape: &[usize]) -> Self {
        if self.shape().as_slice() == shape {
            return self.clone();
        }
        Self::apply(BroadcastTo { to: shape.into() }.into(), &[self])
    }
    fn matmul(&self, transpose_self: bool, other: &Self, transpose_other: bool) -> Self {
        let op = Matmul {
            transpose: [transpose_self, transpose_other],
        };
        Self::apply(op.into(), &[self, other])
    }
    /// Undoes broadcasting: sums over the axes along which `shape` was repeated.
    fn sum_to(&self, shape: &[usize]) -> Self {
        let from = self.shape();
        if from.as_slice() == shape {
            return self.clone();
        }
        let lead = from.len() - shape.len();
        let axes = (0..from.len())
            .filter(|&axis| axis < lead || (shape[axis - lead] == 1 && from[axis] != 1))
            .collect();
        self.sum_axes(axes, true).reshape(shape)
    }
}

/// A rule: the shape and the value of the result, and its two derivatives.
pub(crate) trait Structural<T: Real>: Clone + Into<TensorOp<T>> {
    const NAME: &'static str;
    /// The shape of the result, or why there is none.
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error>;
    /// Writes the whole result; `inputs` have passed [`Structural::shape`].
    fn evaluate(&self, inputs: &[View<'_, T>], shape: &[usize], to: &mut [T]);
    /// The contribution of the adjoint `g` of the output to the adjoint of input `k`.
    fn pull_back<A: Array<T>>(&self, k: usize, g: &A, inputs: &[A], output: &A) -> A;
    /// Adds the contribution of the adjoint `g` to the only input's adjoint, which `sum` hands out; false if it has not.
    ///
    /// For an operation that takes a few elements of many: [`Structural::pull_back`] would make
    /// an array of zeros as large as the input for each use of it.
    fn pull_back_into<'a>(
        &self,
        _g: View<'_, T>,
        _shape: &[usize],
        _sum: impl FnOnce() -> &'a mut [T],
    ) -> bool {
        false
    }
    /// The output's tangent, from the inputs' tangents; at least one is there.
    fn push_forward<A: Array<T>>(&self, inputs: &[A], output: &A, tangents: &[Option<A>]) -> A;
    /// Inputs on which the rule is checked.
    fn samples() -> Vec<Sample<T>>;
}

/// An operation of tensors with shapes of inputs, on which its rule is checked.
///
/// ```
/// use wengert::{Tape, Tensor, rules};
///
/// let tape = Tape::new();
/// for sample in rules::samples() {
///     let inputs: Vec<Tensor> = sample
///         .shapes
///         .iter()
///         .map(|shape| tape.tensor_from(shape, vec![0.5; shape.iter().product()]))
///         .collect();
///     sample.record(&inputs);
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sample<T: Real = f64> {
    op: TensorOp<T>,
    /// The shape of each input.
    pub shapes: Vec<Vec<usize>>,
}

impl<T: Real> Sample<T> {
    /// The operation's name.
    pub fn name(&self) -> &'static str {
        self.op.name()
    }

    /// Records the operation on inputs of the sample's shapes.
    ///
    /// # Panics
    ///
    /// If the shapes do not fit, or a handle is stale or foreign.
    #[track_caller]
    pub fn record(&self, inputs: &[Tensor<T>]) -> Tensor<T> {
        or_panic(crate::tensor::record(self.op.clone(), inputs))
    }
}

pub(crate) fn sample<T: Real>(op: impl Into<TensorOp<T>>, shapes: &[&[usize]]) -> Sample<T> {
    Sample {
        op: op.into(),
        shapes: shapes.iter().map(|&s| s.to_vec()).collect(),
    }
}

/// Declares the operations of tensors: each a type with a rule and a check.
macro_rules! structural {
    ($($name:ident),* $(,)?) => {
        /// An operation of the tape's tensors, with its attributes.
        #[derive(Clone, Debug)]
        pub(crate) enum TensorOp<T: Real> {
            /// An input: nothing made it.
            Leaf,
            /// An elementwise operation of the table.
            Map(Map),
            /// An operation of the user's.
            Custom(Custom<T>),
            /// What a region gave that is not kept on the list.
            Checkpoint(Output<T>),
            $($name($name),)*
        }

        $(
            impl<T: Real> From<$name> for TensorOp<T> {
                fn from(op: $name) -> Self {
                    TensorOp::$name(op)
                }
            }
        )*

        impl<T: Real> TensorOp<T> {
            pub(crate) fn name(&self) -> &'static str {
                match self {
                    TensorOp::Leaf => "leaf",
                    TensorOp::Map(map) => map.op.name(),
                    TensorOp::Custom(custom) => custom.name(),
                    TensorOp::Checkpoint(_) => "checkpoint",
                    $(TensorOp::$name(_) => <$name as Structural<T>>::NAME,)*
                }
            }
            pub(crate) fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
                match self {
                    TensorOp::Leaf | TensorOp::Checkpoint(_) => unreachable!("{} is not evaluated", self.name()),
                    TensorOp::Map(map) => map.shape(inputs),
                    TensorOp::Custom(custom) => Ok(custom.shape()),
                    $(TensorOp::$name(op) => Structural::<T>::shape(op, inputs),)*
                }
            }
            pub(crate) fn evaluate(&self, inputs: &[View<'_, T>], shape: &[usize], to: &mut [T]) {
                // An empty result may have lengths that nobody could count through.
                if to.is_empty() {
                    return;
                }
                match self {
                    TensorOp::Leaf | TensorOp::Checkpoint(_) => unreachable!("{} is not evaluated", self.name()),
                    TensorOp::Map(map) => map.evaluate(inputs, shape, to),
                    TensorOp::Custom(custom) => custom.evaluate(to),
                    $(TensorOp::$name(op) => op.evaluate(inputs, shape, to),)*
                }
            }
            pub(crate) fn pull_back<A: Array<T>>(&self, k: usize, g: &A, inputs: &[A], output: &A) -> A {
                match self {
                    TensorOp::Map(map) => A::chain(map, k, g, inputs, output, Way::Reverse),
                    TensorOp::Leaf | TensorOp::Custom(_) | TensorOp::Checkpoint(_) => unreachable!("the sweeps treat {} themselves", self.name()),
                    $(TensorOp::$name(op) => op.pull_back(k, g, inputs, output),)*
                }
            }
            pub(crate) fn pull_back_into<'a>(&self, g: View<'_, T>, shape: &[usize], sum: impl FnOnce() -> &'a mut [T]) -> bool {
                match self {
                    TensorOp::Leaf | TensorOp::Map(_) | TensorOp::Custom(_) | TensorOp::Checkpoint(_) => false,
                    $(TensorOp::$name(op) => op.pull_back_into(g, shape, sum),)*
                }
            }
            pub(crate) fn push_forward<A: Array<T>>(&self, inputs: &[A], output: &A, tangents: &[Option<A>]) -> A {
                match self {
                    TensorOp::Map(map) => sum_of_terms(tangents, |k, t| A::chain(map, k, t, inputs, output, Way::Forward)),
                    TensorOp::Leaf | TensorOp::Custom(_) | TensorOp::Checkpoint(_) => unreachable!("the sweeps treat {} themselves", self.name()),
                    $(TensorOp::$name(op) => op.push_forward(inputs, output, tangents),)*
                }
            }
        }

        /// The samples of every operation of tensors, on which its rule is checked.
        pub fn samples<T: Real>() -> Vec<Sample<T>> {
            let mut all = Vec::new();
            $(all.extend(<$name as Structural<T>>::samples());)*
            all
        }
    };
}

structural!(
    Sum,
    BroadcastTo,
    Reshape,
    Permute,
    Slice,
    Place,
    Concat,
    Stack,
    Matmul,
    IndexSelect,
    IndexAdd,
    Gather,
    ScatterAdd,
    CumSum,
    Extreme,
    Norm,
    Softmax,
    LogSoftmax,
    LogSumExp,
);

impl<T: Real> fmt::Display for TensorOp<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TensorOp::Custom(custom) => f.write_str(custom.op.name()),
            _ => f.write_str(self.name()),
        }
    }
}

impl<T: Real> From<Map> for TensorOp<T> {
    fn from(map: Map) -> Self {
        TensorOp::Map(map)
    }
}

/// The sum over the inputs that have a tangent.
pub(crate) fn sum_of_terms<T: Real, A: Array<T>>(
    tangents: &[Option<A>],
    term: impl Fn(usize, &A) -> A,
) -> A {
    let mut terms = tangents
        .iter()
        .enumerate()
        .filter_map(|(k, tangent)| tangent.as_ref().map(|t| term(k, t)));
    let first = terms.next().expect("at least one tangent");
    terms.fold(first, |sum, t| sum.add(&t))
}

/// The rest of a rule whose operation is linear in its one input: the tangent goes the way of the value.
macro_rules! linear {
    () => {
        fn push_forward<A: Array<T>>(&self, _: &[A], _: &A, tangents: &[Option<A>]) -> A {
            let tangent = tangents[0]
                .as_ref()
                .expect("the only input has the tangent");
            A::apply(self.clone().into(), &[tangent])
        }
    };
}
pub(crate) use linear;

/// Whether an array may have this shape: as in ndarray, the lengths that are not 0 must have a product
/// that fits, so that strides do.
pub(crate) fn is_countable(shape: &[usize]) -> bool {
    let mut lengths = shape.iter().filter(|&&n| n != 0);
    let product = lengths.try_fold(1_usize, |product, &n| product.checked_mul(n));
    product.is_some_and(|product| isize::try_from(product).is_ok())
}

/// The number of elements.
pub(crate) fn volume(shape: &[usize]) -> usize {
    // A product too large to count is too large to hold; a length of 0 still makes it 0.
    shape
        .iter()
        .fold(1, |product: usize, &n| product.saturating_mul(n))
}

/// Strides of a C-ordered array.
pub(crate) fn strides(shape: &[usize]) -> Axes {
    let mut strides: Axes = SmallVec::from_elem(1, shape.len());
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Every index of `shape` in C order, with the offset that `steps` gives it from `start`.
pub(crate) fn for_each_offset(
    shape: &[usize],
    steps: &[isize],
    start: isize,
    mut f: impl FnMut(usize, usize),
) {
    let total = volume(shape);
    let mut counters: Axes = SmallVec::from_elem(0, shape.len());
    let mut offset = start;
    for i in 0..total {
        f(i, offset as usize);
        for axis in (0..shape.len()).rev() {
            counters[axis] += 1;
            if counters[axis] < shape[axis] {
                offset += steps[axis];
                break;
            }
            counters[axis] = 0;
            offset -= (shape[axis] as isize - 1) * steps[axis];
        }
    }
}
