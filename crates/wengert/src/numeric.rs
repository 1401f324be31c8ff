//! Arrays of plain numbers: the algebra of the sweeps that give values.

use std::cell::OnceCell;

use ndarray::ArrayD;
use smallvec::SmallVec;

use crate::arena::Span;
use crate::list::List;
use crate::real::Real;
use crate::rules::structural::{Array, Map, TensorOp, View, Way, volume};
use crate::tensor::Shape;

/// An array of numbers: a primal on the tape, or a buffer of the tape's pool.
pub(crate) struct Numeric<T: Real> {
    list: &'static List<T>,
    data: Data<T>,
    shape: Shape,
}

enum Data<T> {
    Owned(Vec<T>),
    Primal(Span<T>),
}

impl<T: Real> Numeric<T> {
    /// The value of a node, in place.
    pub(crate) fn primal(list: &'static List<T>, id: u32) -> Self {
        Self {
            list,
            data: Data::Primal(list.span_of(id)),
            shape: list.shape_of(id),
        }
    }

    /// A buffer of the pool that `fill` writes.
    pub(crate) fn filled(
        list: &'static List<T>,
        shape: &[usize],
        fill: impl FnOnce(&mut [T]),
    ) -> Self {
        let mut buffer = list.state_mut().buffers.take(volume(shape));
        fill(&mut buffer);
        Self {
            list,
            data: Data::Owned(buffer),
            shape: shape.into(),
        }
    }

    #[allow(unsafe_code)]
    pub(crate) fn data(&self) -> &[T] {
        match &self.data {
            Data::Owned(buffer) => buffer,
            // SAFETY: a sweep holds the list still for as long as its arrays live.
            Data::Primal(span) => unsafe { span.as_slice() },
        }
    }

    pub(crate) fn view(&self) -> View<'_, T> {
        View {
            data: self.data(),
            shape: &self.shape,
        }
    }

    /// The numbers as a vector of their own.
    pub(crate) fn into_vec(mut self) -> (Vec<T>, Shape) {
        let shape = std::mem::take(&mut self.shape);
        let numbers = match &mut self.data {
            Data::Owned(buffer) => std::mem::take(buffer),
            Data::Primal(_) => {
                let mut buffer = self.list.state_mut().buffers.take(self.data().len());
                buffer.copy_from_slice(self.data());
                buffer
            }
        };
        (numbers, shape)
    }

    /// Adds an array of the same shape, in place if this one owns its numbers.
    pub(crate) fn accumulate(&mut self, other: &Self) {
        for (sum, &x) in self.data_mut().iter_mut().zip(other.data()) {
            *sum += x;
        }
    }

    /// The numbers, to be changed; a primal's are copied first.
    pub(crate) fn data_mut(&mut self) -> &mut [T] {
        if let Data::Primal(_) = self.data {
            *self = self.clone_owned();
        }
        match &mut self.data {
            Data::Owned(buffer) => buffer,
            Data::Primal(_) => unreachable!("copied above"),
        }
    }

    /// The same numbers, in a buffer if they are a primal's.
    pub(crate) fn into_owned(self) -> Self {
        match self.data {
            Data::Owned(_) => self,
            Data::Primal(_) => self.clone_owned(),
        }
    }

    fn clone_owned(&self) -> Self {
        Self::filled(self.list, &self.shape, |to| to.copy_from_slice(self.data()))
    }
}

impl<T: Real> Clone for Numeric<T> {
    fn clone(&self) -> Self {
        match self.data {
            Data::Primal(span) => Self {
                list: self.list,
                data: Data::Primal(span),
                shape: self.shape.clone(),
            },
            Data::Owned(_) => self.clone_owned(),
        }
    }
}

impl<T: Real> Drop for Numeric<T> {
    fn drop(&mut self) {
        if let Data::Owned(buffer) = &mut self.data {
            self.list.state_mut().buffers.give(std::mem::take(buffer));
        }
    }
}

/// What a sweep found at one tensor; filled in when it is asked for if there was no path.
pub(crate) struct TensorEntry<T> {
    pub(crate) node: u32,
    pub(crate) shape: Shape,
    pub(crate) array: OnceCell<ArrayD<T>>,
    /// Whether the array's numbers came from the pool.
    pub(crate) pooled: bool,
    /// Whether the sweep has computed it.
    pub(crate) known: bool,
}

impl<T: Real> Array<T> for Numeric<T> {
    fn shape(&self) -> Shape {
        self.shape.clone()
    }
    fn apply(op: TensorOp<T>, inputs: &[&Self]) -> Self {
        let views: SmallVec<[View<'_, T>; 3]> = inputs.iter().map(|input| input.view()).collect();
        let shapes: SmallVec<[&[usize]; 3]> = views.iter().map(|view| view.shape).collect();
        let shape = op.shape(&shapes).expect("a rule's shapes fit");
        Self::filled(inputs[0].list, &shape, |to| op.evaluate(&views, &shape, to))
    }
    fn full(&self, shape: &[usize], c: f64) -> Self {
        Self::filled(self.list, shape, |to| to.fill(T::of(c)))
    }
    fn chain(map: &Map, k: usize, g: &Self, inputs: &[Self], output: &Self, way: Way) -> Self {
        let views: SmallVec<[View<'_, T>; 3]> = inputs.iter().map(Numeric::view).collect();
        Self::filled(output.list, &output.shape, |to| {
            map.evaluate_chain(k, g.view(), &views, output.view(), way, to);
        })
    }
}
