//! Reductions with a rule of their own: the extreme elements and the Euclidean norm.

use num_traits::Float;

use crate::error::Error;
use crate::real::Real;
use crate::rules::Op;
use crate::rules::structural::layout::check_axes;
use crate::rules::structural::reduce::{for_each_reduced, reduced};
use crate::rules::structural::{Array, Axes, Sample, Structural, View, sample};
use crate::tensor::Shape;

/// The largest or the smallest element along some axes, which stay with length 1 if `keep`.
#[derive(Clone, Debug)]
pub(crate) struct Extreme {
    pub(crate) axes: Axes,
    pub(crate) keep: bool,
    pub(crate) least: bool,
}

impl Extreme {
    fn name(&self) -> &'static str {
        if self.least { "min" } else { "max" }
    }

    /// How the adjoint is shared: equally among the elements that equal the result; NaN if it is NaN.
    fn shares<T: Real, A: Array<T>>(&self, x: &A, z: &A) -> A {
        let kept = reduced(&x.shape(), &self.axes, true);
        let hit = x.binary(Op::eq, &z.reshape(&kept));
        let count = hit.sum_axes(self.axes.clone(), true);
        hit.binary(Op::div, &count)
    }
}

impl<T: Real> Structural<T> for Extreme {
    const NAME: &'static str = "extreme";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        check_axes(self.name(), &self.axes, inputs[0])?;
        if self.axes.iter().any(|&axis| inputs[0][axis] == 0) {
            return Err(Error::Empty {
                op: self.name(),
                detail: format!(
                    "there is no element along the reduced axes of shape {:?}; give at least one",
                    inputs[0]
                ),
            });
        }
        Ok(reduced(inputs[0], &self.axes, self.keep))
    }
    fn evaluate(&self, inputs: &[View<'_, T>], _: &[usize], to: &mut [T]) {
        let start = if self.least {
            T::infinity()
        } else {
            T::neg_infinity()
        };
        to.fill(start);
        let View { data, shape } = inputs[0];
        for_each_reduced(shape, &self.axes, |i, from| {
            let x = data[from];
            let better = if self.least { x < to[i] } else { x > to[i] };
            if better || Float::is_nan(x) {
                to[i] = x;
            }
        });
    }
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, inputs: &[A], output: &A) -> A {
        let kept = reduced(&inputs[0].shape(), &self.axes, true);
        let shares = self.shares(&inputs[0], output);
        g.reshape(&kept).binary(Op::absorb_mul, &shares)
    }
    fn push_forward<A: Array<T>>(&self, inputs: &[A], output: &A, tangents: &[Option<A>]) -> A {
        let tangent = tangents[0]
            .as_ref()
            .expect("the only input has the tangent");
        self.shares(&inputs[0], output)
            .binary(Op::absorb_mul, tangent)
            .sum_axes(self.axes.clone(), self.keep)
    }
    fn samples() -> Vec<Sample<T>> {
        let extreme = |axes: &[usize], keep, least| Extreme {
            axes: axes.into(),
            keep,
            least,
        };
        vec![
            sample(extreme(&[1], false, false), &[&[2, 3, 2]]),
            sample(extreme(&[0, 2], true, true), &[&[2, 3, 2]]),
        ]
    }
}

/// The square root of the sum of squares along some axes, which stay with length 1 if `keep`.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    pub(crate) axes: Axes,
    pub(crate) keep: bool,
}

impl Norm {
    /// The unit vector x / |x|, and 0 at 0.
    fn direction<T: Real, A: Array<T>>(&self, x: &A, z: &A) -> A {
        let kept = reduced(&x.shape(), &self.axes, true);
        x.binary(Op::ratio_or_zero, &z.reshape(&kept))
    }
}

/// The power of two at or just below a size; 1 for 0 and for what is not finite.
fn scale<T: Real>(size: T) -> T {
    if size > T::zero() && Float::is_finite(size) {
        Float::exp2(Float::floor(Float::log2(size)))
    } else {
        T::one()
    }
}

impl<T: Real> Structural<T> for Norm {
    const NAME: &'static str = "norm";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        check_axes("norm", &self.axes, inputs[0])?;
        Ok(reduced(inputs[0], &self.axes, self.keep))
    }
    /// Scaled by a power of two near the largest element: no square overflows or vanishes, and nothing is rounded.
    fn evaluate(&self, inputs: &[View<'_, T>], _: &[usize], to: &mut [T]) {
        let View { data, shape } = inputs[0];
        let mut largest = vec![T::zero(); to.len()];
        for_each_reduced(shape, &self.axes, |i, from| {
            let size = Float::abs(data[from]);
            if size > largest[i] || Float::is_nan(size) {
                largest[i] = size;
            }
        });
        let scales: Vec<T> = largest.iter().map(|&size| scale(size)).collect();
        to.fill(T::zero());
        for_each_reduced(shape, &self.axes, |i, from| {
            let x = data[from] / scales[i];
            to[i] += x * x;
        });
        for ((z, &largest), &scale) in to.iter_mut().zip(&largest).zip(&scales) {
            *z = if Float::is_infinite(largest) {
                largest
            } else {
                scale * Float::sqrt(*z)
            };
        }
    }
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, inputs: &[A], output: &A) -> A {
        let kept = reduced(&inputs[0].shape(), &self.axes, true);
        let direction = self.direction(&inputs[0], output);
        g.reshape(&kept).binary(Op::absorb_mul, &direction)
    }
    fn push_forward<A: Array<T>>(&self, inputs: &[A], output: &A, tangents: &[Option<A>]) -> A {
        let tangent = tangents[0]
            .as_ref()
            .expect("the only input has the tangent");
        self.direction(&inputs[0], output)
            .binary(Op::absorb_mul, tangent)
            .sum_axes(self.axes.clone(), self.keep)
    }
    fn samples() -> Vec<Sample<T>> {
        let norm = |axes: &[usize], keep| Norm {
            axes: axes.into(),
            keep,
        };
        vec![
            sample(norm(&[1], false), &[&[2, 3, 2]]),
            sample(norm(&[0, 1], true), &[&[2, 3]]),
        ]
    }
}
