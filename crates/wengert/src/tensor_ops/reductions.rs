//! Reductions over axes, and what is normalised by them.

use ndarray::{ArrayD, IxDyn};
use smallvec::SmallVec;

use crate::error::Error;
use crate::real::Real;
use crate::rules::Op;
use crate::rules::structural::{
    Axes, Extreme, LogSoftmax, LogSumExp, Norm, Slice, SliceAxis, Softmax, Sum, check_axes,
    reduced, volume,
};
use crate::tensor::{Shape, Tensor, record};
use crate::tensor_ops::{fallible, refuse_empty};
use crate::var::Var;

fallible! {
    /// The sum of all elements; 0 if there is none.
    sum(self) -> Var<T> {
        self.try_sum_axes(&self.all_axes(), false)?.try_item()
    }

    /// The sums over `axes`, which stay with length 1 if `keep`; no axes leave the tensor as it is.
    sum_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        record(Sum { axes: axes.into(), keep }.into(), &[self])
    }

    /// The mean of all elements.
    mean(self) -> Var<T> {
        self.try_mean_axes(&self.all_axes(), false)?.try_item()
    }

    /// The means over `axes`, which stay with length 1 if `keep`.
    mean_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        let sums = self.try_sum_axes(axes, keep)?;
        let count = self.count_along(axes);
        refuse_empty("mean", count)?;
        sums.try_div(T::of(count as f64))
    }

    /// The product of all elements; 1 if there is none.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![2.0, 0.0, 3.0]);
    /// assert_eq!(x.prod().backward()[x], ndarray::array![0.0, 6.0, 0.0].into_dyn());
    /// ```
    prod(self) -> Var<T> {
        self.try_prod_axes(&self.all_axes(), false)?.try_item()
    }

    /// The products over `axes`, which stay with length 1 if `keep`.
    ///
    /// Halves are multiplied with each other until one element is left, so the derivatives of every
    /// order are right with zeros among the factors too.
    prod_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        let shape = self.shape();
        check_axes("prod", axes, &shape)?;
        let to = reduced(&shape, axes, keep);
        let (outer, count) = (volume(&to), self.count_along(axes));
        if count == 0 {
            return self.try_constant(&to, |to| to.fill(T::one()));
        }
        let order: Axes = (0..shape.len())
            .filter(|axis| !axes.contains(axis))
            .chain(axes.iter().copied())
            .collect();
        let last = if order.iter().copied().eq(0..shape.len()) { self } else { self.try_permute(&order)? };
        last.try_reshape(&[outer, count])?.try_row_products()?.try_reshape(&to)
    }

    /// The largest element; NaN if one is NaN. Equal ones share the derivative equally.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![1.0, 3.0, 3.0]);
    /// assert_eq!(x.max().value(), 3.0);
    /// assert_eq!(x.max().backward()[x], ndarray::array![0.0, 0.5, 0.5].into_dyn());
    /// ```
    max(self) -> Var<T> {
        self.try_max_axes(&self.all_axes(), false)?.try_item()
    }

    /// The largest elements over `axes`, which stay with length 1 if `keep`; NaN where one is NaN.
    ///
    /// Equal ones share the derivative equally.
    max_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        record(Extreme { axes: axes.into(), keep, least: false }.into(), &[self])
    }

    /// The smallest element; NaN if one is NaN. Equal ones share the derivative equally.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// assert_eq!(tape.tensor(ndarray::array![1.0, 3.0]).min().value(), 1.0);
    /// ```
    min(self) -> Var<T> {
        self.try_min_axes(&self.all_axes(), false)?.try_item()
    }

    /// The smallest elements over `axes`, which stay with length 1 if `keep`; NaN where one is NaN.
    ///
    /// Equal ones share the derivative equally.
    min_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        record(Extreme { axes: axes.into(), keep, least: true }.into(), &[self])
    }

    /// The index of the largest element along `axis`: the first of equal ones, or the first NaN.
    ///
    /// Plain numbers, in the tensor's shape without that axis; nothing is recorded.
    ///
    /// ```
    /// use ndarray::array;
    ///
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(array![[1.0, 3.0], [5.0, 4.0]]);
    /// assert_eq!(x.argmax(1), array![1, 0].into_dyn());
    /// ```
    argmax(self, axis: usize) -> ArrayD<usize> {
        self.try_arg("argmax", axis, |x, best| x > best)
    }

    /// The index of the smallest element along `axis`: the first of equal ones, or the first NaN.
    ///
    /// Plain numbers, in the tensor's shape without that axis; nothing is recorded.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![2.0, 1.0, 3.0]);
    /// assert_eq!(x.argmin(0)[[]], 1);
    /// ```
    argmin(self, axis: usize) -> ArrayD<usize> {
        self.try_arg("argmin", axis, |x, best| x < best)
    }

    /// The logarithm of the sum of exponentials of all elements, -inf if there is none.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![1e4, 1e4]);
    /// assert_eq!(x.logsumexp().value(), 1e4 + 2.0_f64.ln());
    /// ```
    logsumexp(self) -> Var<T> {
        self.try_logsumexp_axes(&self.all_axes(), false)?.try_item()
    }

    /// The logarithms of the sums of exponentials over `axes`, which stay with length 1 if `keep`.
    ///
    /// Where every element is -inf, so is the value, and the derivative is NaN.
    logsumexp_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        record(LogSumExp { axes: axes.into(), keep }.into(), &[self])
    }

    /// Exponentials divided by their sum along `axis`; NaN where every element is -inf.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![1e4, 1e4, f64::NEG_INFINITY]);
    /// assert_eq!(x.softmax(0).value(), ndarray::array![0.5, 0.5, 0.0].into_dyn());
    /// ```
    softmax(self, axis: usize) -> Tensor<T> {
        record(Softmax { axes: [axis].as_slice().into() }.into(), &[self])
    }

    /// The logarithm of [`Tensor::softmax`] along `axis`, exact where a probability is near 0 or 1.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![40.0, 0.0]);
    /// assert_eq!(x.log_softmax(0).get(&[0]).value(), -(-40.0_f64).exp());
    /// ```
    log_softmax(self, axis: usize) -> Tensor<T> {
        record(LogSoftmax { axes: [axis].as_slice().into() }.into(), &[self])
    }

    /// The variance of all elements: the sum of squared deviations over their number less `ddof`.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![1.0, 3.0]);
    /// assert_eq!((x.var(0).value(), x.var(1).value()), (1.0, 2.0));
    /// ```
    var(self, ddof: usize) -> Var<T> {
        self.try_var_axes(&self.all_axes(), ddof, false)?.try_item()
    }

    /// The variances over `axes`, which stay with length 1 if `keep`; see [`Tensor::var`].
    var_axes(self, axes: &[usize], ddof: usize, keep: bool) -> Tensor<T> {
        let (deviations, freedom) = self.try_deviations("var", axes, ddof)?;
        deviations.try_map(Op::square, &[])?.try_sum_axes(axes, keep)?.try_div(freedom)
    }

    /// The standard deviation of all elements, the root of [`Tensor::var`]; its derivative at 0 is 0.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// assert_eq!(tape.tensor(ndarray::array![1.0, 3.0]).std(0).value(), 1.0);
    /// ```
    std(self, ddof: usize) -> Var<T> {
        self.try_std_axes(&self.all_axes(), ddof, false)?.try_item()
    }

    /// The standard deviations over `axes`, which stay with length 1 if `keep`; see [`Tensor::std`].
    std_axes(self, axes: &[usize], ddof: usize, keep: bool) -> Tensor<T> {
        let (deviations, freedom) = self.try_deviations("std", axes, ddof)?;
        deviations.try_norm_axes(axes, keep)?.try_div(num_traits::Float::sqrt(freedom))
    }

    /// The Euclidean norm of all elements, without overflow; its derivative at 0 is 0.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(ndarray::array![3e200, 4e200]);
    /// assert!((x.norm().value() / 5e200 - 1.0).abs() < 1e-15);
    /// assert!((x.norm().backward()[x][0] - 0.6).abs() < 1e-15);
    /// ```
    norm(self) -> Var<T> {
        self.try_norm_axes(&self.all_axes(), false)?.try_item()
    }

    /// The Euclidean norms over `axes`, which stay with length 1 if `keep`; see [`Tensor::norm`].
    norm_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        record(Norm { axes: axes.into(), keep }.into(), &[self])
    }

    /// The sum of absolute values of all elements.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// assert_eq!(tape.tensor(ndarray::array![1.0, -3.0]).norm_l1().value(), 4.0);
    /// ```
    norm_l1(self) -> Var<T> {
        self.try_norm_l1_axes(&self.all_axes(), false)?.try_item()
    }

    /// The sums of absolute values over `axes`, which stay with length 1 if `keep`.
    norm_l1_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        self.try_map(Op::abs, &[])?.try_sum_axes(axes, keep)
    }

    /// The largest absolute value.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// assert_eq!(tape.tensor(ndarray::array![1.0, -3.0]).norm_inf().value(), 3.0);
    /// ```
    norm_inf(self) -> Var<T> {
        self.try_norm_inf_axes(&self.all_axes(), false)?.try_item()
    }

    /// The largest absolute values over `axes`, which stay with length 1 if `keep`.
    norm_inf_axes(self, axes: &[usize], keep: bool) -> Tensor<T> {
        self.try_map(Op::abs, &[])?.try_max_axes(axes, keep)
    }
}

impl<T: Real> Tensor<T> {
    /// The number of elements along axes that have been checked.
    fn count_along(self, axes: &[usize]) -> usize {
        let shape = self.shape();
        axes.iter().map(|&axis| shape[axis]).product()
    }

    /// Each element less the mean over `axes`, and the degrees of freedom.
    #[track_caller]
    fn try_deviations(
        self,
        op: &'static str,
        axes: &[usize],
        ddof: usize,
    ) -> Result<(Self, T), Error> {
        check_axes(op, axes, &self.shape())?;
        let count = self.count_along(axes);
        if count <= ddof {
            return Err(Error::Empty {
                op,
                detail: format!(
                    "{count} elements less {ddof} leave no degree of freedom; give more elements or a smaller ddof"
                ),
            });
        }
        let mean = self.try_mean_axes(axes, true)?;
        Ok((self.try_sub(mean)?, T::of((count - ddof) as f64)))
    }

    /// The product of each row of a matrix, as a matrix of one column.
    #[track_caller]
    fn try_row_products(self) -> Result<Self, Error> {
        let columns = |tensor: Self, start: usize, length: usize| {
            let rows = tensor.shape()[0];
            let axes: SmallVec<[SliceAxis; 2]> = [(0, rows), (start, length)]
                .into_iter()
                .map(|(start, length)| SliceAxis {
                    start,
                    step: 1,
                    length,
                })
                .collect();
            record(Slice { axes }.into(), &[tensor])
        };
        let mut rows = self;
        loop {
            let count = rows.shape()[1];
            if count == 1 {
                return Ok(rows);
            }
            let half = count / 2;
            let product = columns(rows, 0, half)?.try_mul(columns(rows, half, half)?)?;
            rows = if count.is_multiple_of(2) {
                product
            } else {
                Self::try_concat(&[product, columns(rows, count - 1, 1)?], 1)?
            };
        }
    }

    /// The place along `axis` of the first element that is better than all before it, or of the first NaN.
    fn try_arg(
        self,
        op: &'static str,
        axis: usize,
        better: impl Fn(T, T) -> bool,
    ) -> Result<ArrayD<usize>, Error> {
        let shape = self.shape();
        check_axes(op, &[axis], &shape)?;
        refuse_empty(op, shape[axis])?;
        let (outer, length) = (volume(&shape[..axis]), shape[axis]);
        let inner = volume(&shape[axis + 1..]);
        let places = self.list.with_view(self.id, |view| {
            let mut places = vec![0; outer * inner];
            for (to, place) in places.iter_mut().enumerate() {
                let at = |j: usize| view.data[(to / inner * length + j) * inner + to % inner];
                for j in 1..length {
                    let (x, best) = (at(j), at(*place));
                    if !best.is_nan() && (x.is_nan() || better(x, best)) {
                        *place = j;
                    }
                }
            }
            places
        });
        let to: Shape = reduced(&shape, &[axis], false);
        Ok(ArrayD::from_shape_vec(IxDyn(&to), places).expect("one place for each group"))
    }
}
