//! Parts of a tensor: by ranges, by lists of indices, by diagonals.

use ndarray::{ArrayView, Dimension, SliceInfoElem};
use smallvec::SmallVec;

use crate::error::{Error, Shapes};
use crate::num::Arg;
use crate::real::Real;
use crate::rules::Op;
use crate::rules::structural::{
    CumSum, Gather, IndexAdd, IndexSelect, Place, ScatterAdd, Slice, SliceAxis, check_axes,
};
use crate::tensor::{Shape, Tensor, record, record_elementwise};
use crate::tensor_ops::fallible;
use crate::var::Var;

/// One axis as a whole.
fn whole(length: usize) -> SliceAxis {
    SliceAxis {
        start: 0,
        step: 1,
        length,
    }
}

/// What a range of ndarray's takes of an axis: from `start` up to `end`, every `step`-th, and from
/// the other end if `step` is negative.
fn range(
    axis: usize,
    length: usize,
    start: isize,
    end: Option<isize>,
    step: isize,
) -> Result<SliceAxis, Error> {
    let op = "slice";
    if step == 0 {
        return Err(Error::Argument {
            op,
            detail: format!(
                "the step along axis {axis} is 0; steps forward are positive, backward negative"
            ),
        });
    }
    let place = |i: isize| {
        let from_start = if i < 0 { i + length as isize } else { i };
        if from_start < 0 || from_start > length as isize {
            return Err(Error::Index {
                op,
                index: i,
                axis,
                length,
            });
        }
        Ok(from_start as usize)
    };
    let (start, end) = (place(start)?, end.map_or(Ok(length), place)?);
    if end <= start {
        return Ok(whole(0));
    }
    Ok(SliceAxis {
        start: if step > 0 { start } else { end - 1 },
        step,
        length: (end - start).div_ceil(step.unsigned_abs()),
    })
}

fn needs_rank<T: Real>(op: &'static str, tensor: Tensor<T>, rank: usize) -> Result<(), Error> {
    if tensor.rank() < rank {
        return Err(Error::Shape {
            op,
            detail: format!("the tensor needs {rank} axes or more; reshape it first"),
            shapes: Shapes(vec![tensor.shape()]),
        });
    }
    Ok(())
}

impl<T: Real> Tensor<T> {
    /// The elements of the last two axes for which `keep(row, column)`; zeros elsewhere.
    #[track_caller]
    fn try_masked(
        self,
        op: &'static str,
        keep: impl Fn(isize, isize) -> bool,
    ) -> Result<Self, Error> {
        needs_rank(op, self, 2)?;
        let shape = self.shape();
        let matrix = &shape[shape.len() - 2..];
        let columns = matrix[1].max(1);
        let mask = self.try_constant(matrix, |to| {
            for (i, x) in to.iter_mut().enumerate() {
                let kept = keep((i / columns) as isize, (i % columns) as isize);
                *x = if kept { T::one() } else { T::zero() };
            }
        })?;
        mask.try_select(self, T::zero())
    }
}

fallible! {
    /// A part of the tensor, written with [`ndarray::s!`]: ranges, steps, single indices and new axes.
    ///
    /// Negative indices count from the end; a negative step runs the range backwards; a single
    /// index drops its axis.
    ///
    /// ```
    /// use ndarray::{array, s};
    ///
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.slice(s![.., ..;-2]).value(), array![[3.0, 1.0], [6.0, 4.0]].into_dyn());
    /// assert_eq!(x.slice(s![-1, 1..]).value(), array![5.0, 6.0].into_dyn());
    /// ```
    slice(self, ranges: impl AsRef<[SliceInfoElem]>) -> Tensor<T> {
        let ranges = ranges.as_ref();
        let shape = self.shape();
        let named = ranges.iter().filter(|range| !matches!(range, SliceInfoElem::NewAxis)).count();
        if named != shape.len() {
            return Err(Error::Shape {
                op: "slice",
                detail: format!("{named} ranges for a tensor of rank {}; write .. for a whole axis", shape.len()),
                shapes: Shapes(vec![shape]),
            });
        }
        let mut axes: SmallVec<[SliceAxis; 2]> = SmallVec::new();
        let mut kept = Shape::new();
        for &elem in ranges {
            let axis = axes.len();
            match elem {
                SliceInfoElem::NewAxis => kept.push(1),
                SliceInfoElem::Slice { start, end, step } => {
                    let part = range(axis, shape[axis], start, end, step)?;
                    kept.push(part.length);
                    axes.push(part);
                }
                SliceInfoElem::Index(index) => {
                    let length = shape[axis];
                    let start = if index < 0 { index + length as isize } else { index };
                    if start < 0 || start >= length as isize {
                        return Err(Error::Index { op: "slice", index, axis, length });
                    }
                    axes.push(SliceAxis { start: start as usize, step: 1, length: 1 });
                }
            }
        }
        let part = record(Slice { axes }.into(), &[self])?;
        if part.shape() == kept { Ok(part) } else { part.try_reshape(&kept) }
    }

    /// The elements in reverse order along `axes`.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![1.0, 2.0, 3.0]);
    /// assert_eq!(x.flip(&[0]).value(), ndarray::array![3.0, 2.0, 1.0].into_dyn());
    /// ```
    flip(self, axes: &[usize]) -> Tensor<T> {
        let shape = self.shape();
        check_axes("flip", axes, &shape)?;
        let axes = shape
            .iter()
            .enumerate()
            .map(|(axis, &length)| match axes.contains(&axis) {
                true => SliceAxis { start: length.saturating_sub(1), step: -1, length },
                false => whole(length),
            })
            .collect();
        record(Slice { axes }.into(), &[self])
    }

    /// Parts one after another along `axis`, of the given lengths, which add up to the axis's.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![1.0, 2.0, 3.0]);
    /// let parts = x.split(0, &[1, 2]);
    /// assert_eq!(parts[1].value(), ndarray::array![2.0, 3.0].into_dyn());
    /// ```
    split(self, axis: usize, lengths: &[usize]) -> Vec<Tensor<T>> {
        let shape = self.shape();
        check_axes("split", &[axis], &shape)?;
        let total = lengths.iter().try_fold(0_usize, |sum, &n| sum.checked_add(n));
        if total != Some(shape[axis]) {
            return Err(Error::Argument {
                op: "split",
                detail: format!("lengths {lengths:?} must add up to {}, the length of axis {axis}", shape[axis]),
            });
        }
        let mut start = 0;
        lengths
            .iter()
            .map(|&length| {
                let mut axes: SmallVec<[SliceAxis; 2]> = shape.iter().map(|&n| whole(n)).collect();
                axes[axis] = SliceAxis { start, step: 1, length };
                start += length;
                record(Slice { axes }.into(), &[self])
            })
            .collect()
    }

    /// With `before[i]` more elements at the start and `after[i]` at the end of axis `i`, all equal to `value`.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![1.0, 2.0]);
    /// assert_eq!(x.pad(&[1], &[2], 9.0).value(), ndarray::array![9.0, 1.0, 2.0, 9.0, 9.0].into_dyn());
    /// ```
    pad(self, before: &[usize], after: &[usize], value: T) -> Tensor<T> {
        let shape = self.shape();
        if before.len() != shape.len() || after.len() != shape.len() {
            return Err(Error::Shape {
                op: "pad",
                detail: format!(
                    "{} paddings before and {} after for a tensor of rank {}; give one for each axis",
                    before.len(), after.len(), shape.len()
                ),
                shapes: Shapes(vec![shape]),
            });
        }
        let padded = || {
            let mut into = Shape::new();
            for (axis, &n) in shape.iter().enumerate() {
                into.push(before[axis].checked_add(n)?.checked_add(after[axis])?);
            }
            let volume = into.iter().try_fold(1_usize, |v, &n| v.checked_mul(n))?;
            (volume <= isize::MAX as usize / 64).then_some(into)
        };
        let Some(into) = padded() else {
            return Err(Error::Argument { op: "pad", detail: "the result would not fit in memory; pad less".to_owned() });
        };
        let axes: SmallVec<[SliceAxis; 2]> = shape
            .iter()
            .zip(before)
            .map(|(&length, &start)| SliceAxis { start, step: 1, length })
            .collect();
        let place = Place { axes, into };
        if value == T::zero() {
            return record(place.into(), &[self]);
        }
        // Zeros with ones where the tensor goes, made without a look at it.
        let inside = self.try_constant(&shape, |to| to.fill(T::one()))?;
        let mask = record(place.clone().into(), &[inside])?;
        mask.try_select(record(place.into(), &[self])?, value)
    }

    /// The slices of `axis` at `indices`, in their order; an index may come more than once.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![10.0, 20.0, 30.0]);
    /// let y = x.index_select(0, &[2, 0, 2]);
    /// assert_eq!(y.value(), ndarray::array![30.0, 10.0, 30.0].into_dyn());
    /// assert_eq!(y.sum().backward()[x], ndarray::array![1.0, 0.0, 2.0].into_dyn());
    /// ```
    index_select(self, axis: usize, indices: &[usize]) -> Tensor<T> {
        record(IndexSelect { axis, indices: indices.into() }.into(), &[self])
    }

    /// This tensor with the slices of `source` along `axis` added at `indices`.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![0.0, 0.0, 1.0]);
    /// let y = tape.tensor(ndarray::array![5.0, 6.0]);
    /// assert_eq!(x.index_add(0, &[2, 2], y).value(), ndarray::array![0.0, 0.0, 12.0].into_dyn());
    /// ```
    index_add(self, axis: usize, indices: &[usize], source: Tensor<T>) -> Tensor<T> {
        let shape = self.shape();
        check_axes("index_add", &[axis], &shape)?;
        self.try_same_tape("index_add", source)?;
        let op = IndexAdd { axis, indices: indices.into(), length: shape[axis] };
        let added = record(op.into(), &[source])?;
        self.try_add_same("index_add", added)
    }

    /// For each index the element there along `axis`; along the other axes the index keeps its own place.
    ///
    /// The indices have the tensor's rank and give the result its shape: with axis 1,
    /// `y[i, j] = x[i, indices[i, j]]`.
    ///
    /// ```
    /// use ndarray::array;
    ///
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(array![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.gather(1, array![[1], [0]].view()).value(), array![[2.0], [3.0]].into_dyn());
    /// ```
    gather(self, axis: usize, indices: ArrayView<'_, usize, impl Dimension>) -> Tensor<T> {
        let op = Gather {
            axis,
            indices: indices.iter().copied().collect(),
            shape: indices.shape().into(),
        };
        record(op.into(), &[self])
    }

    /// This tensor with the elements of `source` added where [`Tensor::gather`] would take them from.
    ///
    /// ```
    /// use ndarray::array;
    ///
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(array![[0.0, 1.0], [0.0, 0.0]]);
    /// let y = tape.tensor(array![[5.0], [6.0]]);
    /// let z = x.scatter_add(1, array![[1], [0]].view(), y);
    /// assert_eq!(z.value(), array![[0.0, 6.0], [6.0, 0.0]].into_dyn());
    /// ```
    scatter_add(self, axis: usize, indices: ArrayView<'_, usize, impl Dimension>, source: Tensor<T>) -> Tensor<T> {
        self.try_same_tape("scatter_add", source)?;
        let op = ScatterAdd {
            axis,
            indices: indices.iter().copied().collect(),
            shape: indices.shape().into(),
            into: self.shape(),
        };
        let added = record(op.into(), &[source])?;
        self.try_add_same("scatter_add", added)
    }

    /// The running sums along `axis`.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![1.0, 2.0, 3.0]);
    /// assert_eq!(x.cumsum(0).value(), ndarray::array![1.0, 3.0, 6.0].into_dyn());
    /// ```
    cumsum(self, axis: usize) -> Tensor<T> {
        record(CumSum { axis, from_end: false }.into(), &[self])
    }

    /// The diagonal of a matrix as a vector, or the square matrix with a vector on its diagonal.
    ///
    /// ```
    /// use ndarray::array;
    ///
    /// let tape = wengert::Tape::new();
    /// let v = tape.tensor(array![1.0, 2.0]);
    /// assert_eq!(v.diag().value(), array![[1.0, 0.0], [0.0, 2.0]].into_dyn());
    /// assert_eq!(v.diag().diag().value(), v.value());
    /// ```
    diag(self) -> Tensor<T> {
        match *self.shape() {
            [n] => {
                let op = IndexAdd { axis: 0, indices: (0..n).map(|i| i * (n + 1)).collect(), length: n * n };
                record(op.into(), &[self])?.try_reshape(&[n, n])
            }
            [n, m] => {
                let op = IndexSelect { axis: 0, indices: (0..n.min(m)).map(|i| i * (m + 1)).collect() };
                record(op.into(), &[self.try_reshape(&[n * m])?])
            }
            _ => Err(Error::Shape {
                op: "diag",
                detail: "only vectors and matrices have a diagonal; index or reshape the tensor first".to_owned(),
                shapes: Shapes(vec![self.shape()]),
            }),
        }
    }

    /// The sum of the diagonal of a matrix.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let a = tape.tensor(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(a.trace().value(), 5.0);
    /// ```
    trace(self) -> Var<T> {
        if self.rank() != 2 {
            return Err(Error::Shape {
                op: "trace",
                detail: "only a matrix has a trace; index or reshape the tensor first".to_owned(),
                shapes: Shapes(vec![self.shape()]),
            });
        }
        self.try_diag()?.try_sum()
    }

    /// The last two axes at and below the diagonal `k` above the main one, zeros elsewhere.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let a = tape.tensor(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(a.tril(0).value(), ndarray::array![[1.0, 0.0], [3.0, 4.0]].into_dyn());
    /// ```
    tril(self, k: isize) -> Tensor<T> {
        self.try_masked("tril", |row, column| column.saturating_sub(row) <= k)
    }

    /// The last two axes at and above the diagonal `k` above the main one, zeros elsewhere.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let a = tape.tensor(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(a.triu(1).value(), ndarray::array![[0.0, 2.0], [0.0, 0.0]].into_dyn());
    /// ```
    triu(self, k: isize) -> Tensor<T> {
        self.try_masked("triu", |row, column| column.saturating_sub(row) >= k)
    }
}

impl<T: Real> Tensor<T> {
    /// The sum of two tensors of one shape.
    #[track_caller]
    fn try_add_same(self, op: &'static str, other: Self) -> Result<Self, Error> {
        if self.shape() != other.shape() {
            return Err(Error::Shape {
                op,
                detail: "the slices that are added must have the shape of those they are added to"
                    .to_owned(),
                shapes: Shapes(vec![self.shape(), other.shape()]),
            });
        }
        record_elementwise(Op::add, &[Arg::Value(self), Arg::Value(other)], &[])
    }
}
