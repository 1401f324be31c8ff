//! Normalisation by exponentials, shifted by the largest element so that nothing overflows.

use num_traits::Float;

use crate::error::Error;
use crate::real::Real;
use crate::rules::Op;
use crate::rules::structural::layout::check_axes;
use crate::rules::structural::reduce::{for_each_reduced, reduced};
use crate::rules::structural::{Array, Axes, Sample, Structural, View, sample, volume};
use crate::tensor::Shape;

/// exp(x) over its sum along some axes.
#[derive(Clone, Debug)]
pub(crate) struct Softmax {
    pub(crate) axes: Axes,
}

/// The logarithm of [`Softmax`].
#[derive(Clone, Debug)]
pub(crate) struct LogSoftmax {
    pub(crate) axes: Axes,
}

/// The logarithm of the sum of exp(x) along some axes, which stay with length 1 if `keep`.
#[derive(Clone, Debug)]
pub(crate) struct LogSumExp {
    pub(crate) axes: Axes,
    pub(crate) keep: bool,
}

/// For each group of elements the largest, m, and the sum of exp(x - m) over all the others.
///
/// The largest contributes exactly 1, which `ln_1p` adds back without rounding the others away.
fn shifted_sums<T: Real>(x: View<'_, T>, axes: &[usize]) -> Vec<(T, T)> {
    let groups = volume(&reduced(x.shape, axes, true));
    let mut sums = vec![(T::neg_infinity(), T::zero()); groups];
    let mut largest = vec![usize::MAX; groups];
    for_each_reduced(x.shape, axes, |i, from| {
        let value = x.data[from];
        if largest[i] == usize::MAX || value > sums[i].0 || Float::is_nan(value) {
            sums[i].0 = value;
            largest[i] = from;
        }
    });
    for_each_reduced(x.shape, axes, |i, from| {
        if from != largest[i] {
            let (m, sum) = &mut sums[i];
            *sum += Float::exp(x.data[from] - *m);
        }
    });
    sums
}

fn softmax<T: Real, A: Array<T>>(x: &A, axes: &Axes) -> A {
    A::apply(Softmax { axes: axes.clone() }.into(), &[x])
}

impl<T: Real> Structural<T> for Softmax {
    const NAME: &'static str = "softmax";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        check_axes("softmax", &self.axes, inputs[0])?;
        Ok(inputs[0].into())
    }
    fn evaluate(&self, inputs: &[View<'_, T>], shape: &[usize], to: &mut [T]) {
        let sums = shifted_sums(inputs[0], &self.axes);
        for_each_reduced(shape, &self.axes, |i, from| {
            let (largest, rest) = sums[i];
            to[from] = Float::exp(inputs[0].data[from] - largest) / (T::one() + rest);
        });
    }
    /// The Jacobian, diag(y) - y y^T, is its own transpose.
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, _: &[A], y: &A) -> A {
        let weighted = g.binary(Op::absorb_mul, y);
        let total = weighted.sum_axes(self.axes.clone(), true);
        weighted.binary(Op::sub, &total.binary(Op::absorb_mul, y))
    }
    fn push_forward<A: Array<T>>(&self, inputs: &[A], output: &A, tangents: &[Option<A>]) -> A {
        let tangent = tangents[0]
            .as_ref()
            .expect("the only input has the tangent");
        Structural::<T>::pull_back(self, 0, tangent, inputs, output)
    }
    fn samples() -> Vec<Sample<T>> {
        let softmax = |axes: &[usize]| Softmax { axes: axes.into() };
        vec![
            sample(softmax(&[1]), &[&[2, 3, 2]]),
            sample(softmax(&[0, 1]), &[&[2, 3]]),
        ]
    }
}

impl<T: Real> Structural<T> for LogSoftmax {
    const NAME: &'static str = "log_softmax";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        check_axes("log_softmax", &self.axes, inputs[0])?;
        Ok(inputs[0].into())
    }
    fn evaluate(&self, inputs: &[View<'_, T>], shape: &[usize], to: &mut [T]) {
        let sums = shifted_sums(inputs[0], &self.axes);
        for_each_reduced(shape, &self.axes, |i, from| {
            let (largest, rest) = sums[i];
            to[from] = (inputs[0].data[from] - largest) - Float::ln_1p(rest);
        });
    }
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, inputs: &[A], _: &A) -> A {
        let total = g.sum_axes(self.axes.clone(), true);
        let y = softmax(&inputs[0], &self.axes);
        g.binary(Op::sub, &total.binary(Op::absorb_mul, &y))
    }
    fn push_forward<A: Array<T>>(&self, inputs: &[A], _: &A, tangents: &[Option<A>]) -> A {
        let tangent = tangents[0]
            .as_ref()
            .expect("the only input has the tangent");
        let mean = softmax(&inputs[0], &self.axes)
            .binary(Op::absorb_mul, tangent)
            .sum_axes(self.axes.clone(), true);
        tangent.binary(Op::sub, &mean)
    }
    fn samples() -> Vec<Sample<T>> {
        let log_softmax = |axes: &[usize]| LogSoftmax { axes: axes.into() };
        vec![
            sample(log_softmax(&[1]), &[&[2, 3, 2]]),
            sample(log_softmax(&[0, 1]), &[&[2, 3]]),
        ]
    }
}

impl<T: Real> Structural<T> for LogSumExp {
    const NAME: &'static str = "logsumexp";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        check_axes("logsumexp", &self.axes, inputs[0])?;
        Ok(reduced(inputs[0], &self.axes, self.keep))
    }
    fn evaluate(&self, inputs: &[View<'_, T>], _: &[usize], to: &mut [T]) {
        let sums = shifted_sums(inputs[0], &self.axes);
        for (z, (largest, rest)) in to.iter_mut().zip(sums) {
            // Without a finite element to shift by, the largest one is the answer.
            *z = if Float::is_finite(largest) {
                largest + Float::ln_1p(rest)
            } else {
                largest
            };
        }
    }
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, inputs: &[A], _: &A) -> A {
        let kept = reduced(&inputs[0].shape(), &self.axes, true);
        let y = softmax(&inputs[0], &self.axes);
        g.reshape(&kept).binary(Op::absorb_mul, &y)
    }
    fn push_forward<A: Array<T>>(&self, inputs: &[A], _: &A, tangents: &[Option<A>]) -> A {
        let tangent = tangents[0]
            .as_ref()
            .expect("the only input has the tangent");
        softmax(&inputs[0], &self.axes)
            .binary(Op::absorb_mul, tangent)
            .sum_axes(self.axes.clone(), self.keep)
    }
    fn samples() -> Vec<Sample<T>> {
        let logsumexp = |axes: &[usize], keep| LogSumExp {
            axes: axes.into(),
            keep,
        };
        vec![
            sample(logsumexp(&[1], false), &[&[2, 3, 2]]),
            sample(logsumexp(&[0, 1], true), &[&[2, 3]]),
        ]
    }
}
