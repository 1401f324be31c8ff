//! Operations that move elements about: broadcast, reshape, permute, slice and place.

use smallvec::SmallVec;

use crate::broadcast::{broadcast_shapes, for_each_run};
use crate::error::{Error, Shapes};
use crate::real::Real;
use crate::rules::structural::{
    Array, Axes, Sample, Structural, View, for_each_offset, linear, sample, strides, volume,
};
use crate::tensor::Shape;

/// Repeats along axes of length 1 and new leading axes.
#[derive(Clone, Debug)]
pub(crate) struct BroadcastTo {
    pub(crate) to: Shape,
}

impl<T: Real> Structural<T> for BroadcastTo {
    const NAME: &'static str = "broadcast_to";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        let joint = broadcast_shapes("broadcast_to", &[inputs[0], &self.to])?;
        if joint != self.to {
            return Err(Error::Broadcast {
                op: "broadcast_to",
                shapes: Shapes(vec![inputs[0].into(), self.to.clone()]),
            });
        }
        Ok(joint)
    }
    fn evaluate(&self, inputs: &[View<'_, T>], shape: &[usize], to: &mut [T]) {
        let x = inputs[0];
        for_each_run(shape, [x.shape], &mut |start, len, [offset], [stride]| {
            let to = &mut to[start..start + len];
            if stride == 0 {
                to.fill(x.data[offset]);
            } else {
                to.copy_from_slice(&x.data[offset..offset + len]);
            }
        });
    }
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, inputs: &[A], _: &A) -> A {
        g.sum_to(&inputs[0].shape())
    }
    linear!();
    fn samples() -> Vec<Sample<T>> {
        let to = |to: &[usize]| BroadcastTo { to: to.into() };
        vec![
            sample(to(&[2, 3, 4]), &[&[3, 1]]),
            sample(to(&[2, 3]), &[&[]]),
            sample(to(&[2, 3]), &[&[2, 3]]),
        ]
    }
}

/// The same elements in another shape of the same volume.
#[derive(Clone, Debug)]
pub(crate) struct Reshape {
    pub(crate) to: Shape,
}

impl<T: Real> Structural<T> for Reshape {
    const NAME: &'static str = "reshape";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        if volume(inputs[0]) != volume(&self.to) {
            return Err(Error::Shape {
                op: "reshape",
                detail: format!(
                    "{} elements do not fit shape {:?}, which holds {}",
                    volume(inputs[0]),
                    self.to.as_slice(),
                    volume(&self.to)
                ),
                shapes: Shapes(vec![inputs[0].into()]),
            });
        }
        Ok(self.to.clone())
    }
    fn evaluate(&self, inputs: &[View<'_, T>], _: &[usize], to: &mut [T]) {
        to.copy_from_slice(inputs[0].data);
    }
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, inputs: &[A], _: &A) -> A {
        g.reshape(&inputs[0].shape())
    }
    linear!();
    fn samples() -> Vec<Sample<T>> {
        vec![sample(
            Reshape {
                to: [3, 2, 2].as_slice().into(),
            },
            &[&[2, 6]],
        )]
    }
}

/// Axes in another order: axis `i` of the result is axis `axes[i]` of the input.
#[derive(Clone, Debug)]
pub(crate) struct Permute {
    pub(crate) axes: Axes,
}

impl<T: Real> Structural<T> for Permute {
    const NAME: &'static str = "permute";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        let shape = inputs[0];
        if self.axes.len() != shape.len() {
            return Err(Error::Shape {
                op: "permute",
                detail: format!(
                    "{} axes for a tensor of rank {}; name each axis once",
                    self.axes.len(),
                    shape.len()
                ),
                shapes: Shapes(vec![shape.into()]),
            });
        }
        check_axes("permute", &self.axes, shape)?;
        Ok(self.axes.iter().map(|&axis| shape[axis]).collect())
    }
    fn evaluate(&self, inputs: &[View<'_, T>], shape: &[usize], to: &mut [T]) {
        let from = strides(inputs[0].shape);
        let steps: SmallVec<[isize; 4]> =
            self.axes.iter().map(|&axis| from[axis] as isize).collect();
        for_each_offset(shape, &steps, 0, |i, offset| to[i] = inputs[0].data[offset]);
    }
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, _: &[A], _: &A) -> A {
        let mut inverse: Axes = SmallVec::from_elem(0, self.axes.len());
        for (i, &axis) in self.axes.iter().enumerate() {
            inverse[axis] = i;
        }
        A::apply(Permute { axes: inverse }.into(), &[g])
    }
    linear!();
    fn samples() -> Vec<Sample<T>> {
        vec![
            sample(
                Permute {
                    axes: [2, 0, 1].as_slice().into(),
                },
                &[&[2, 3, 4]],
            ),
            sample(
                Permute {
                    axes: [1, 0].as_slice().into(),
                },
                &[&[2, 3]],
            ),
        ]
    }
}

/// Each axis in range and named at most once.
pub(crate) fn check_axes(op: &'static str, axes: &[usize], shape: &[usize]) -> Result<(), Error> {
    for (i, &axis) in axes.iter().enumerate() {
        if axis >= shape.len() {
            return Err(Error::Axis {
                op,
                axis: isize::try_from(axis).unwrap_or(isize::MAX),
                shape: shape.into(),
            });
        }
        if axes[..i].contains(&axis) {
            return Err(Error::RepeatedAxis { op, axis });
        }
    }
    Ok(())
}

/// What is taken of one axis: `length` elements from `start`, `step` apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SliceAxis {
    pub(crate) start: usize,
    pub(crate) step: isize,
    pub(crate) length: usize,
}

/// Some elements of each axis, evenly spaced, in either direction.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    pub(crate) axes: SmallVec<[SliceAxis; 2]>,
}

/// The transpose of [`Slice`]: elements put back into zeros of shape `into`.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) axes: SmallVec<[SliceAxis; 2]>,
    pub(crate) into: Shape,
}

/// Where slicing starts in the whole, and the step of each axis there.
fn walk(axes: &[SliceAxis], whole: &[usize]) -> (isize, SmallVec<[isize; 4]>) {
    let strides = strides(whole);
    let start = axes
        .iter()
        .zip(&strides)
        .map(|(axis, &stride)| (axis.start * stride) as isize)
        .sum();
    let steps = axes
        .iter()
        .zip(&strides)
        .map(|(axis, &stride)| match axis.length {
            // The step is not taken, and may be longer than any array.
            0 | 1 => 0,
            _ => axis.step * stride as isize,
        })
        .collect();
    (start, steps)
}

fn lengths(axes: &[SliceAxis]) -> Shape {
    axes.iter().map(|axis| axis.length).collect()
}

impl<T: Real> Structural<T> for Slice {
    const NAME: &'static str = "slice";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        check_slices("slice", &self.axes, inputs[0])?;
        Ok(lengths(&self.axes))
    }
    fn evaluate(&self, inputs: &[View<'_, T>], shape: &[usize], to: &mut [T]) {
        let (start, steps) = walk(&self.axes, inputs[0].shape);
        for_each_offset(shape, &steps, start, |i, offset| {
            to[i] = inputs[0].data[offset]
        });
    }
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, inputs: &[A], _: &A) -> A {
        A::apply(
            Place {
                axes: self.axes.clone(),
                into: inputs[0].shape(),
            }
            .into(),
            &[g],
        )
    }
    fn pull_back_into<'a>(
        &self,
        g: View<'_, T>,
        shape: &[usize],
        sum: impl FnOnce() -> &'a mut [T],
    ) -> bool {
        let sum = sum();
        let (start, steps) = walk(&self.axes, shape);
        for_each_offset(g.shape, &steps, start, |i, offset| sum[offset] += g.data[i]);
        true
    }
    linear!();
    fn samples() -> Vec<Sample<T>> {
        vec![sample(
            Slice {
                axes: sample_axes(),
            },
            &[&[5, 3]],
        )]
    }
}

impl<T: Real> Structural<T> for Place {
    const NAME: &'static str = "place";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        check_slices("pad", &self.axes, &self.into)?;
        let lengths = lengths(&self.axes);
        if inputs[0] != lengths.as_slice() {
            return Err(Error::Shape {
                op: "place",
                detail: "the operand does not fill the part that it is put into".to_owned(),
                shapes: Shapes(vec![inputs[0].into(), lengths]),
            });
        }
        Ok(self.into.clone())
    }
    fn evaluate(&self, inputs: &[View<'_, T>], shape: &[usize], to: &mut [T]) {
        to.fill(T::zero());
        let (start, steps) = walk(&self.axes, shape);
        for_each_offset(inputs[0].shape, &steps, start, |i, offset| {
            to[offset] = inputs[0].data[i]
        });
    }
    fn pull_back<A: Array<T>>(&self, _: usize, g: &A, _: &[A], _: &A) -> A {
        A::apply(
            Slice {
                axes: self.axes.clone(),
            }
            .into(),
            &[g],
        )
    }
    linear!();
    fn samples() -> Vec<Sample<T>> {
        vec![sample(
            Place {
                axes: sample_axes(),
                into: [5, 3].as_slice().into(),
            },
            &[&[2, 3]],
        )]
    }
}

fn sample_axes() -> SmallVec<[SliceAxis; 2]> {
    [
        SliceAxis {
            start: 1,
            step: 2,
            length: 2,
        },
        SliceAxis {
            start: 2,
            step: -1,
            length: 3,
        },
    ]
    .into_iter()
    .collect()
}

fn check_slices(op: &'static str, axes: &[SliceAxis], shape: &[usize]) -> Result<(), Error> {
    if axes.len() != shape.len() {
        return Err(Error::Shape {
            op,
            detail: format!("{} ranges for a tensor of rank {}", axes.len(), shape.len()),
            shapes: Shapes(vec![shape.into()]),
        });
    }
    for (axis, (slice, &length)) in axes.iter().zip(shape).enumerate() {
        if slice.length == 0 {
            continue;
        }
        // A step may be as long as an isize; only one that stays inside the axis is not refused.
        let reach = (slice.length as isize - 1).saturating_mul(slice.step);
        let last = (slice.start as isize).saturating_add(reach);
        for index in [slice.start as isize, last] {
            if index < 0 || index >= length as isize {
                return Err(Error::Index {
                    op,
                    index,
                    axis,
                    length,
                });
            }
        }
    }
    Ok(())
}
