//! Sums over axes.

use crate::error::Error;
use crate::real::Real;
use crate::rules::structural::layout::check_axes;
use crate::rules::structural::{
    Array, Axes, Sample, Structural, View, for_each_offset, linear, sample, strides, volume,
};
use crate::tensor::Shape;

/// The sum over some axes; they stay with length 1 if `keep`.
#[derive(Clone, Debug)]
pub(crate) struct Sum {
    pub(crate) axes: Axes,
    pub(crate) keep: bool,
}

/// The shape with `axes` reduced to length 1 or removed.
pub(crate) fn reduced(shape: &[usize], axes: &[usize], keep: bool) -> Shape {
    shape
        .iter()
        .enumerate()
        .filter(|(axis, _)| keep || !axes.contains(axis))
        .map(|(axis, &n)| if axes.contains(&axis) { 1 } else { n })
        .collect()
}

/// Calls `f(i, offset)` for every element, by where it goes in the reduced array and where it is.
pub(crate) fn for_each_reduced(shape: &[usize], axes: &[usize], mut f: impl FnMut(usize, usize)) {
    let target = strides(&reduced(shape, axes, true));
    let steps: smallvec::SmallVec<[isize; 4]> = (0..shape.len())
        .map(|axis| {
            if axes.contains(&axis) {
                0
            } else {
                target[axis] as isize
            }
        })
        .collect();
    for_each_offset(shape, &steps, 0, |from, to| f(to, from));
}

impl<T: Real> Structural<T> for Sum {
    const NAME: &'static str = "sum";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        check_axes("sum", &self.axes, inputs[0])?;
        Ok(reduced(inputs[0], &self.axes, self.keep))
    }
    fn evaluate(&self, inputs: &[View<'_, T>], _: &[usize], to: &mut [T]) {
        let View { data, shape } = inputs[0];
        let rank = shape.len();
        let mut axes = self.axes.clone();
        axes.sort_unstable();
        let leading = axes.iter().enumerate().all(|(i, &axis)| i == axis);
        let trailing = axes
            .iter()
            .rev()
            .enumerate()
            .all(|(i, &axis)| axis == rank - 1 - i);
        if trailing {
            let length = volume(&shape[rank - axes.len()..]);
            for (i, sum) in to.iter_mut().enumerate() {
                *sum = pairwise_sum(&data[i * length..(i + 1) * length]);
            }
        } else if leading {
            to.fill(T::zero());
            for row in data.chunks_exact(to.len().max(1)) {
                for (sum, &x) in to.iter_mut().zip(row) {
                    *sum += x;
                }
            }
        } else {
            to.fill(T::zero());
            for_each_reduced(shape, &axes, |i, from| to[i] += data[from]);
        }
    }
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, inputs: &[A], _: &A) -> A {
        let shape = inputs[0].shape();
        g.reshape(&reduced(&shape, &self.axes, true))
            .broadcast_to(&shape)
    }
    linear!();
    fn samples() -> Vec<Sample<T>> {
        let sum = |axes: &[usize], keep| Sum {
            axes: axes.into(),
            keep,
        };
        vec![
            sample(sum(&[0, 1], false), &[&[2, 3]]),
            sample(sum(&[1], true), &[&[2, 3, 2]]),
            sample(sum(&[0], false), &[&[2, 3, 2]]),
            sample(sum(&[2], false), &[&[2, 3, 2]]),
            sample(sum(&[0], false), &[&[0, 3]]),
        ]
    }
}

/// A sum whose rounding error grows with the logarithm of the length, in a fixed order.
pub(crate) fn pairwise_sum<T: Real>(x: &[T]) -> T {
    const BLOCK: usize = 128;
    const LANES: usize = 8;
    if x.len() > BLOCK {
        let half = (x.len() / 2).next_multiple_of(LANES);
        return pairwise_sum(&x[..half]) + pairwise_sum(&x[half..]);
    }
    let mut lanes = [T::zero(); LANES];
    let chunks = x.chunks_exact(LANES);
    let rest: T = chunks.remainder().iter().fold(T::zero(), |sum, &x| sum + x);
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    (((a + b) + (c + d)) + ((e + f) + (g + h))) + rest
}
