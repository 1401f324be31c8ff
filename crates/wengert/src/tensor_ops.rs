//! The methods of tensors that are not elementwise.

use smallvec::SmallVec;

use crate::error::{Error, Shapes};
use crate::real::Real;
use crate::rules::structural::{
    BroadcastTo, Concat, Matmul, Permute, Reshape, Slice, SliceAxis, Stack, Sum,
};
use crate::tensor::{Shape, Tensor, record};
use crate::var::Var;

/// Both forms of a method that can fail: `name` panics at the caller's line, `try_name` returns the error.
macro_rules! fallible {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident ( $self:ident $(, $arg:ident : $ty:ty)* ) -> $out:ty $body:block
    )*) => {
        pastey::paste! {
            impl<T: Real> Tensor<T> {
                $(
                    $(#[doc = $doc])*
                    ///
                    /// # Panics
                    ///
                    #[doc = concat!("As [`Tensor::try_", stringify!($name), "`] fails.")]
                    #[track_caller]
                    pub fn $name($self $(, $arg: $ty)*) -> $out {
                        $crate::error::or_panic($self.[<try_ $name>]($($arg),*))
                    }

                    $(#[doc = $doc])*
                    ///
                    /// # Errors
                    ///
                    /// If the shapes do not fit, an axis or an index is out of range, a handle is
                    /// stale or foreign, or the tape is full.
                    #[track_caller]
                    pub fn [<try_ $name>]($self $(, $arg: $ty)*) -> Result<$out, $crate::Error> {
                        $self.try_check(stringify!($name))?;
                        // Several nodes or none.
                        $self.list.attempt().settle($self.[<$name _in_steps>]($($arg),*))
                    }

                    #[track_caller]
                    fn [<$name _in_steps>]($self $(, $arg: $ty)*) -> Result<$out, $crate::Error> $body
                )*
            }
        }
    };
}

fallible! {
    /// The sum of all elements.
    sum(self) -> Var<T> {
        self.try_check("sum")?;
        let axes = (0..self.rank()).collect();
        record(Sum { axes, keep: false }.into(), &[self])?.try_item()
    }

    /// The sums over `axes`, which stay with length 1 if `keep`; no axes leave the tensor as it is.
    sum_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        record(Sum { axes: axes.into(), keep }.into(), &[self])
    }

    /// The mean of all elements.
    mean(self) -> Var<T> {
        self.try_check("mean")?;
        let count = self.len();
        refuse_empty("mean", count)?;
        Ok(self.try_sum()? / T::of(count as f64))
    }

    /// The means over `axes`, which stay with length 1 if `keep`.
    mean_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        let sums = self.try_sum_axes(axes, keep)?;
        let shape = self.shape();
        let count: usize = axes.iter().map(|&axis| shape[axis]).product();
        refuse_empty("mean_axes", count)?;
        sums.try_div(T::of(count as f64))
    }

    /// The same elements, in C order, in another shape of the same volume.
    reshape(self, shape: &[usize]) -> Tensor<T> {
        record(Reshape { to: shape.into() }.into(), &[self])
    }

    /// Repeated along axes of length 1 and new leading axes to fill `shape`.
    broadcast_to(self, shape: &[usize]) -> Tensor<T> {
        record(BroadcastTo { to: shape.into() }.into(), &[self])
    }

    /// Axes in another order: axis `i` of the result is axis `axes[i]` of this tensor.
    permute(self, axes: &[usize]) -> Tensor<T> {
        record(Permute { axes: axes.into() }.into(), &[self])
    }

    /// The transpose: the last two axes exchanged.
    t(self) -> Tensor<T> {
        self.try_check("t")?;
        let rank = self.rank();
        if rank < 2 {
            return Err(Error::Shape {
                op: "t",
                detail: "a transpose needs two axes; unsqueeze a vector first".to_owned(),
                shapes: Shapes(vec![self.shape()]),
            });
        }
        let mut axes: Shape = (0..rank).collect();
        axes.swap(rank - 2, rank - 1);
        self.try_permute(&axes)
    }

    /// With a new axis of length 1 at place `axis`.
    unsqueeze(self, axis: usize) -> Tensor<T> {
        self.try_check("unsqueeze")?;
        let mut shape = self.shape();
        if axis > shape.len() {
            return Err(Error::Axis { op: "unsqueeze", axis: axis as isize, shape });
        }
        shape.insert(axis, 1);
        self.try_reshape(&shape)
    }

    /// Without axis `axis`, which has length 1.
    squeeze(self, axis: usize) -> Tensor<T> {
        self.try_check("squeeze")?;
        let mut shape = self.shape();
        match shape.get(axis) {
            None => Err(Error::Axis { op: "squeeze", axis: axis as isize, shape }),
            Some(1) => {
                shape.remove(axis);
                self.try_reshape(&shape)
            }
            Some(_) => Err(Error::Shape {
                op: "squeeze",
                detail: format!("axis {axis} does not have length 1; sum over it or index it"),
                shapes: Shapes(vec![shape]),
            }),
        }
    }

    /// The element at an index, one number for each axis.
    get(self, index: &[usize]) -> Var<T> {
        self.try_check("get")?;
        let shape = self.shape();
        if index.len() != shape.len() {
            return Err(Error::Shape {
                op: "get",
                detail: format!("an index of {} numbers for a tensor of rank {}", index.len(), shape.len()),
                shapes: Shapes(vec![shape]),
            });
        }
        for (axis, (&i, &length)) in index.iter().zip(&shape).enumerate() {
            if i >= length {
                return Err(Error::Index { op: "get", index: i as isize, axis, length });
            }
        }
        let axes: SmallVec<[SliceAxis; 2]> = index
            .iter()
            .map(|&start| SliceAxis { start, step: 1, length: 1 })
            .collect();
        record(Slice { axes }.into(), &[self])?.try_reshape(&[])?.try_item()
    }

    /// The matrix product; vectors and batches as in NumPy.
    ///
    /// `[n, k] x [k, m]` gives `[n, m]`; a vector on the left is a row, on the right a column, and
    /// the axis that it gained is dropped again; leading axes are batches and broadcast.
    matmul(self, other: Tensor<T>) -> Tensor<T> {
        self.try_check("matmul")?;
        other.try_check("matmul")?;
        let (row, column) = (self.rank() == 1, other.rank() == 1);
        let a = if row { self.try_unsqueeze(0)? } else { self };
        let b = if column { other.try_unsqueeze(1)? } else { other };
        let product = record(Matmul { transpose: [false, false] }.into(), &[a, b])?;
        let mut shape = product.shape();
        if column {
            shape.pop();
        }
        if row {
            shape.remove(shape.len() - if column { 1 } else { 2 });
        }
        if row || column { product.try_reshape(&shape) } else { Ok(product) }
    }

    /// The inner product of two vectors of the same length.
    dot(self, other: Tensor<T>) -> Var<T> {
        self.try_check("dot")?;
        other.try_check("dot")?;
        if self.rank() != 1 || other.shape() != self.shape() {
            return Err(Error::Shape {
                op: "dot",
                detail: "both factors must be vectors of one length; use matmul for matrices".to_owned(),
                shapes: Shapes(vec![self.shape(), other.shape()]),
            });
        }
        self.try_mul(other)?.try_sum()
    }

    /// The outer product of two vectors: `[n]` and `[m]` give `[n, m]`.
    outer(self, other: Tensor<T>) -> Tensor<T> {
        self.try_check("outer")?;
        other.try_check("outer")?;
        if self.rank() != 1 || other.rank() != 1 {
            return Err(Error::Shape {
                op: "outer",
                detail: "both factors must be vectors; reshape them first".to_owned(),
                shapes: Shapes(vec![self.shape(), other.shape()]),
            });
        }
        self.try_unsqueeze(1)?.try_mul(other)
    }
}

pub(crate) fn refuse_empty(op: &'static str, count: usize) -> Result<(), Error> {
    if count == 0 {
        return Err(Error::Empty {
            op,
            detail: "there is no element; give at least one along the reduced axes".to_owned(),
        });
    }
    Ok(())
}

impl<T: Real> Tensor<T> {
    /// Scalars as a vector of the same tape.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.var(2.0);
    /// let v = wengert::Tensor::stack(&[x, x * x]);
    /// assert_eq!(v.sum().backward()[x], 5.0);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Tensor::try_stack`] fails.
    #[track_caller]
    pub fn stack(scalars: &[Var<T>]) -> Tensor<T> {
        crate::error::or_panic(Self::try_stack(scalars))
    }

    /// Scalars as a vector of the same tape.
    ///
    /// # Errors
    ///
    /// If there is none, or one is a constant, stale or foreign.
    #[track_caller]
    pub fn try_stack(scalars: &[Var<T>]) -> Result<Tensor<T>, Error> {
        let Some(anchor) = scalars.iter().find(|scalar| !scalar.is_constant()) else {
            refuse_nothing("stack", scalars)?;
            return Err(Error::Constant {
                op: "stack",
                kind: "Var",
            });
        };
        anchor.try_check("stack")?;
        let attempt = anchor.list.attempt();
        let tensors = scalars
            .iter()
            .map(|scalar| {
                if scalar.is_constant() {
                    return anchor.list.try_leaf(&[], false, |to| to[0] = scalar.raw());
                }
                scalar.try_check("stack")?;
                Ok(Tensor::new(scalar.list, scalar.generation, scalar.id))
            })
            .collect::<Result<Vec<_>, _>>()?;
        attempt.settle(Self::try_stack_tensors(&tensors, 0))
    }

    /// Tensors of one shape, one after another along a new axis.
    ///
    /// # Panics
    ///
    /// As [`Tensor::try_stack_tensors`] fails.
    #[track_caller]
    pub fn stack_tensors(tensors: &[Tensor<T>], axis: usize) -> Tensor<T> {
        crate::error::or_panic(Self::try_stack_tensors(tensors, axis))
    }

    /// Tensors of one shape, one after another along a new axis.
    ///
    /// # Errors
    ///
    /// If there is none, shapes differ, the axis is out of range, or a handle is stale or foreign.
    #[track_caller]
    pub fn try_stack_tensors(tensors: &[Tensor<T>], axis: usize) -> Result<Tensor<T>, Error> {
        refuse_nothing("stack", tensors)?;
        record(Stack { axis }.into(), tensors)
    }

    /// Tensors one after another along an axis that they have.
    ///
    /// # Panics
    ///
    /// As [`Tensor::try_concat`] fails.
    #[track_caller]
    pub fn concat(tensors: &[Tensor<T>], axis: usize) -> Tensor<T> {
        crate::error::or_panic(Self::try_concat(tensors, axis))
    }

    /// Tensors one after another along an axis that they have.
    ///
    /// # Errors
    ///
    /// If there is none, the other axes differ, the axis is out of range, or a handle is stale or foreign.
    #[track_caller]
    pub fn try_concat(tensors: &[Tensor<T>], axis: usize) -> Result<Tensor<T>, Error> {
        refuse_nothing("concat", tensors)?;
        record(Concat { axis }.into(), tensors)
    }
}

fn refuse_nothing<H>(op: &'static str, handles: &[H]) -> Result<(), Error> {
    if handles.is_empty() {
        return Err(Error::Empty {
            op,
            detail: "there is nothing to join; give at least one tensor".to_owned(),
        });
    }
    Ok(())
}
