//! Shapes and products: the same elements in another order, and matrices multiplied.

use smallvec::SmallVec;

use crate::error::{Error, Shapes};
use crate::real::Real;
use crate::rules::structural::{BroadcastTo, Matmul, Permute, Reshape, Slice, SliceAxis};
use crate::tensor::{Shape, Tensor, record};
use crate::tensor_ops::fallible;
use crate::var::Var;

fallible! {
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
        let mut shape = self.shape();
        if axis > shape.len() {
            return Err(Error::Axis { op: "unsqueeze", axis: axis as isize, shape });
        }
        shape.insert(axis, 1);
        self.try_reshape(&shape)
    }

    /// Without axis `axis`, which has length 1.
    squeeze(self, axis: usize) -> Tensor<T> {
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
        self.try_same_tape("matmul", other)?;
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
        self.try_same_tape("dot", other)?;
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
        self.try_same_tape("outer", other)?;
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
