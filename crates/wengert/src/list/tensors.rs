//! The tensors beside the list: what stands there for a node, and how one is appended.

use ndarray::{ArrayViewD, Data, Dimension, IxDyn};

use super::*;
use crate::arena::Span;
use crate::rules::structural::{View, is_countable, volume};
use crate::tape::AsArray;
use crate::tensor::{Shape, Tensor};

/// The tensor side of a node: its operation, operands, shape and numbers.
pub(crate) struct Aux<T: Real> {
    pub(crate) node: u32,
    pub(crate) op: TensorOp<T>,
    pub(crate) operands: SmallVec<[u32; 3]>,
    pub(crate) shape: Shape,
    pub(crate) data: Span<T>,
    /// Whether an adjoint of this node is of use to anybody.
    pub(crate) differentiable: bool,
}

impl<T: Real> List<T> {
    /// The place in the table of tensors, unless the node is a plain scalar.
    pub(crate) fn aux_index(&self, id: u32) -> Option<usize> {
        let node = self.node(id);
        (node.op() == Op::aux).then(|| node.operand(0) as usize)
    }

    pub(crate) fn shape_of(&self, id: u32) -> Shape {
        match self.aux_index(id) {
            Some(index) => self.state().aux[index].shape.clone(),
            None => Shape::new(),
        }
    }

    /// Where a node's numbers are; a plain scalar's is its value.
    pub(crate) fn span_of(&self, id: u32) -> Span<T> {
        match self.aux_index(id) {
            Some(index) => self.state().aux[index].data,
            None => Span::new(self.value_address(id), 1),
        }
    }

    /// Looks at a node's numbers.
    pub(crate) fn with_view<R>(&self, id: u32, look: impl FnOnce(View<'_, T>) -> R) -> R {
        let shape = self.shape_of(id);
        // SAFETY: only this crate's own code looks, and it drops no nodes meanwhile.
        let data = unsafe { self.span_of(id).as_slice() };
        look(View {
            data,
            shape: &shape,
        })
    }

    /// A node's numbers for as long as the tape is borrowed.
    pub(crate) fn view_for<'a>(&self, id: u32, _tape: &'a crate::Tape<T>) -> ArrayViewD<'a, T> {
        let shape = self.shape_of(id);
        // SAFETY: nodes go away only by `&mut Tape` or by its drop, which the borrow excludes.
        let data = unsafe { self.span_of(id).as_slice() };
        ArrayViewD::from_shape(IxDyn(&shape), data).expect("as many numbers as the shape holds")
    }

    /// Whether the node was made by no operation.
    pub(crate) fn is_input(&self, state: &State<T>, id: u32) -> bool {
        let node = self.node(id);
        match state.aux_of(&node) {
            Some(aux) => matches!(aux.op, TensorOp::Leaf),
            None => node.op() == Op::leaf,
        }
    }

    /// Appends a copy of an array.
    #[track_caller]
    pub(crate) fn try_array<S: Data<Elem = T>, D: Dimension>(
        &'static self,
        array: impl AsArray<S, D>,
        differentiable: bool,
    ) -> Result<Tensor<T>, Error> {
        let array = array.as_array();
        self.try_leaf(array.shape(), differentiable, |to| {
            // The usual array lies in C order and is copied in one piece.
            if let Some(numbers) = array.as_slice() {
                return to.copy_from_slice(numbers);
            }
            for (to, &from) in to.iter_mut().zip(array.iter()) {
                *to = from;
            }
        })
    }

    /// Appends an input tensor, whose numbers `fill` writes.
    #[track_caller]
    pub(crate) fn try_leaf(
        &'static self,
        shape: &[usize],
        differentiable: bool,
        fill: impl FnOnce(&mut [T]),
    ) -> Result<Tensor<T>, Error> {
        self.append(
            TensorOp::Leaf,
            SmallVec::new(),
            shape.into(),
            differentiable,
            fill,
        )
    }

    /// Appends the node of a tensor whose numbers `fill` writes.
    #[track_caller]
    pub(crate) fn append(
        &'static self,
        op: TensorOp<T>,
        operands: SmallVec<[u32; 3]>,
        shape: Shape,
        differentiable: bool,
        fill: impl FnOnce(&mut [T]),
    ) -> Result<Tensor<T>, Error> {
        let position = self.state().arena.position();
        // SAFETY: nobody but `fill` uses the slice, which ends with this statement's scope; what `fill` records goes elsewhere.
        let (data, to) = unsafe { self.room(op.name(), &shape) }?;
        fill(to);
        let id = self.push_tensor(op, operands, shape, data, differentiable, position)?;
        Ok(Tensor::new(self, self.generation(), id))
    }

    /// Evaluates an operation on live nodes of this list and appends its node.
    #[track_caller]
    pub(crate) fn try_record(
        &'static self,
        op: TensorOp<T>,
        operands: SmallVec<[u32; 3]>,
    ) -> Result<u32, Error> {
        let shapes: SmallVec<[Shape; 3]> = operands.iter().map(|&id| self.shape_of(id)).collect();
        let shape = {
            let shapes: SmallVec<[&[usize]; 3]> =
                shapes.iter().map(|shape| shape.as_slice()).collect();
            op.shape(&shapes)?
        };
        let position = self.state().arena.position();
        // SAFETY: the slice is written by `evaluate` and let go; the span is read by those who ask for the node's numbers later.
        let (data, to) = unsafe { self.room(op.name(), &shape) }?;
        self.evaluate(&op, &operands, &shapes, &shape, to);
        let differentiable = operands.iter().any(|&id| self.is_differentiable(id));
        self.push_tensor(op, operands, shape, data, differentiable, position)
    }

    /// # Safety
    ///
    /// As [`Arena::allocate`](crate::arena::Arena::allocate).
    unsafe fn room<'a>(
        &self,
        op: &'static str,
        shape: &[usize],
    ) -> Result<(Span<T>, &'a mut [T]), Error> {
        let arena = &mut self.state_mut().arena;
        let position = arena.position();
        let room = is_countable(shape).then(|| {
            // SAFETY: the caller's.
            unsafe { arena.allocate(volume(shape)) }
        });
        room.flatten().ok_or_else(|| {
            arena.rewind(position);
            Error::Memory {
                op,
                shape: shape.into(),
            }
        })
    }

    fn evaluate(
        &self,
        op: &TensorOp<T>,
        operands: &[u32],
        shapes: &[Shape],
        shape: &[usize],
        to: &mut [T],
    ) {
        let views: SmallVec<[View<'_, T>; 3]> = operands
            .iter()
            .zip(shapes)
            .map(|(&id, shape)| {
                // SAFETY: the kernels are this crate's own and drop no nodes; `to` is fresh room.
                let data = unsafe { self.span_of(id).as_slice() };
                View { data, shape }
            })
            .collect();
        op.evaluate(&views, shape, to);
    }

    /// Whether an adjoint of the node is of use: not for constants and what is made of them alone.
    pub(crate) fn is_differentiable(&self, id: u32) -> bool {
        self.aux_index(id)
            .is_none_or(|index| self.state().aux[index].differentiable)
    }

    #[track_caller]
    fn push_tensor(
        &self,
        op: TensorOp<T>,
        operands: SmallVec<[u32; 3]>,
        shape: Shape,
        data: Span<T>,
        differentiable: bool,
        position: (usize, usize),
    ) -> Result<u32, Error> {
        // SAFETY: the span was written just now.
        let numbers = unsafe { data.as_slice() };
        let node = self.len();
        let name = op.name();
        let suspect = match self.is_watched() {
            true => numbers.iter().copied().find(|x| !x.is_finite()),
            false => None,
        };
        let value = if shape.is_empty() {
            numbers[0]
        } else {
            T::zero()
        };
        let aux = Aux {
            node,
            op,
            operands,
            shape,
            data,
            differentiable,
        };
        let pushed = match suspect {
            Some(x) => Err(self.non_finite_tensor(node, name, x, &aux.operands)),
            None => self.push_aux(aux, value, name),
        };
        if pushed.is_err() {
            self.state_mut().arena.rewind(position);
        }
        pushed
    }
}
