//! The tape: who owns a list.

use std::marker::PhantomData;

use ndarray::{ArrayBase, ArrayViewD, Data, Dimension};

use crate::error::{Error, or_panic};
use crate::list::{List, Position};
use crate::real::Real;
use crate::rules::structural::{TensorOp, volume};
use crate::tensor::Tensor;
use crate::var::Var;

/// A Wengert list: every operation on its handles appends one node.
///
/// A tape is used on the thread that made it. Handles are `Copy` and may outlive it, but using one
/// after [`Tape::clear`], a [`Tape::rewind`] past it, or the tape's drop is refused with a sentence
/// that says so.
///
/// ```
/// use wengert::Tape;
///
/// let tape = Tape::new();
/// let x = tape.var(1.5);
/// let y = (x * 2.0).sin() + x;
/// assert_eq!(y.backward()[x], 2.0 * 3.0_f64.cos() + 1.0);
/// ```
///
/// `println!("{tape}")` prints the list. A tape does not travel:
///
/// ```compile_fail,E0277
/// let tape = wengert::Tape::new();
/// std::thread::spawn(move || tape.len());
/// ```
pub struct Tape<T: Real = f64> {
    list: &'static List<T>,
    stays_on_its_thread: PhantomData<*const ()>,
}

/// A place on a tape to [`Tape::rewind`] to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    list: *const (),
    generation: u64,
    position: Position,
}

impl Tape<f64> {
    /// An empty tape of `f64`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Tape<f32> {
    /// An empty tape of `f32`.
    ///
    /// ```
    /// let tape = wengert::Tape::new_f32();
    /// let x = tape.var(3.0);
    /// assert_eq!((2.0 * x).backward()[x], 2.0_f32);
    /// ```
    #[must_use]
    pub fn new_f32() -> Self {
        Self::default()
    }
}

impl<T: Real> Tape<T> {
    pub(crate) fn list(&self) -> &'static List<T> {
        self.list
    }

    /// Records a scalar input.
    ///
    /// # Panics
    ///
    /// If the tape is full.
    #[inline]
    #[track_caller]
    pub fn var(&self, value: T) -> Var<T> {
        let id = self.list.push_leaf(value);
        Var::at(self.list.place(id))
    }

    /// Records scalar inputs, one for each value.
    ///
    /// # Panics
    ///
    /// If the tape is full.
    #[track_caller]
    pub fn vars(&self, values: &[T]) -> Vec<Var<T>> {
        let attempt = self.list.attempt();
        let mut vars = Vec::with_capacity(values.len());
        for &value in values {
            vars.push(self.var(value));
        }
        or_panic(attempt.settle(Ok(vars)))
    }

    /// Records an input tensor with the shape and the numbers of an array or a view.
    ///
    /// # Panics
    ///
    /// If the tape is full.
    #[track_caller]
    pub fn tensor<S: Data<Elem = T>, D: Dimension>(&self, array: impl AsArray<S, D>) -> Tensor<T> {
        or_panic(self.list.try_array(array, true))
    }

    /// Records a tensor whose adjoint is never computed.
    ///
    /// # Panics
    ///
    /// If the tape is full.
    #[track_caller]
    pub fn constant<S: Data<Elem = T>, D: Dimension>(
        &self,
        array: impl AsArray<S, D>,
    ) -> Tensor<T> {
        or_panic(self.list.try_array(array, false))
    }

    /// Records an input tensor from its shape and its numbers in C order.
    ///
    /// # Panics
    ///
    /// As [`Tape::try_tensor_from`] fails.
    #[track_caller]
    pub fn tensor_from(&self, shape: &[usize], numbers: impl AsRef<[T]>) -> Tensor<T> {
        or_panic(self.try_tensor_from(shape, numbers))
    }

    /// Records an input tensor from its shape and its numbers in C order.
    ///
    /// # Errors
    ///
    /// If the shape does not hold as many numbers as there are, or the tape is full.
    #[track_caller]
    pub fn try_tensor_from(
        &self,
        shape: &[usize],
        numbers: impl AsRef<[T]>,
    ) -> Result<Tensor<T>, Error> {
        let numbers = numbers.as_ref();
        let expected = shape
            .iter()
            .try_fold(1_usize, |product, &n| product.checked_mul(n));
        if expected != Some(numbers.len()) {
            return Err(Error::DataLength {
                op: "tensor_from",
                shape: shape.into(),
                expected: expected.unwrap_or(usize::MAX),
                got: numbers.len(),
            });
        }
        debug_assert_eq!(volume(shape), numbers.len());
        self.list
            .try_leaf(shape, true, |to| to.copy_from_slice(numbers))
    }

    /// The numbers of a tensor, in place.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let w = tape.tensor(ndarray::array![1.0, 2.0]);
    /// assert_eq!(tape.view(w * 2.0)[[1]], 4.0);
    /// ```
    ///
    /// # Panics
    ///
    /// If the tensor is stale or of another tape, or from a custom operation's rule or a checkpoint.
    #[track_caller]
    pub fn view(&self, tensor: Tensor<T>) -> ArrayViewD<'_, T> {
        tensor.check("view");
        if !std::ptr::eq(tensor.list, self.list) {
            crate::error::fail(Error::Foreign { op: "view" });
        }
        // What a rule records is taken back while the view might still be held.
        assert!(
            !self.list.is_sweeping(),
            "view: a derivative is being computed on this tape, or a checkpoint recorded; use value(), which copies"
        );
        self.list.view_for(tensor.id, self)
    }

    /// Drops every node; all handles become stale. Memory is kept for what comes next.
    ///
    /// ```should_panic
    /// let mut tape = wengert::Tape::new();
    /// let x = tape.var(1.0);
    /// tape.clear();
    /// let y = x + 1.0; // panics: stale Var
    /// ```
    ///
    /// # Panics
    ///
    /// If called while a derivative is being computed on this tape, from a custom operation's rule or a checkpoint; or if the tape was cleared,
    /// rewound and differentiated twice 2^32 times.
    #[track_caller]
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// The end of the list as it is now, to come back to.
    ///
    /// ```
    /// let mut tape = wengert::Tape::new();
    /// let w = tape.var(2.0);
    /// let start = tape.mark();
    /// for step in 0..3 {
    ///     let loss = (w - 1.0).square();
    ///     assert_eq!(loss.backward()[w], 2.0);
    ///     tape.rewind(start); // the loss goes, w stays
    /// }
    /// assert_eq!(tape.len(), 1);
    /// ```
    pub fn mark(&self) -> Mark {
        Mark {
            list: std::ptr::from_ref(self.list).cast(),
            generation: self.list.generation(),
            position: self.list.position(),
        }
    }

    /// Drops the nodes recorded after the mark; their handles become stale, earlier ones live on.
    ///
    /// Takes constant time for scalars; tensors give up their shapes and operands one by one.
    ///
    /// # Panics
    ///
    /// If the mark is of another tape or has itself been rewound or cleared away, or while a
    /// derivative is being computed on this tape.
    #[track_caller]
    pub fn rewind(&mut self, mark: Mark) {
        let op = "rewind";
        if !std::ptr::eq(mark.list, std::ptr::from_ref(self.list).cast()) {
            crate::error::fail(Error::Foreign { op });
        }
        // The mark holds if the node before it has stayed.
        let stands = match mark.position.nodes.checked_sub(1) {
            Some(last) => self.list.is_live(mark.generation, last),
            None => mark.generation >= self.list.cleared(),
        };
        assert!(
            stands,
            "rewind: the mark is stale: the tape was cleared or rewound to before it; take a new mark"
        );
        self.list.rewind(mark.position);
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.list.len() as usize
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that the nodes and the tensors take.
    pub fn bytes(&self) -> usize {
        self.list.bytes()
    }

    /// Runs `f` and lets no derivative pass through the operations that it records.
    ///
    /// What they make is constant; inputs, by [`Tape::var`] and [`Tape::tensor`], stay inputs.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.var(3.0);
    /// let frozen = tape.no_grad(|| x * x);
    /// assert_eq!((frozen * x).backward()[x], 9.0);
    /// ```
    pub fn no_grad<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Stop<T: Real> {
            list: &'static List<T>,
            start: Position,
            cleared: u64,
        }
        impl<T: Real> Drop for Stop<T> {
            fn drop(&mut self) {
                let end = self.list.len();
                if self.list.cleared() != self.cleared || end < self.start.nodes {
                    return;
                }
                let mut state = self.list.state_mut();
                let mut from = self.start.nodes;
                for id in self.start.nodes..end {
                    if self.list.is_input(&state, id) {
                        state.stop(from, id);
                        from = id + 1;
                    }
                }
                state.stop(from, end);
                for aux in &mut state.aux[self.start.aux..] {
                    aux.differentiable &= matches!(aux.op, TensorOp::Leaf);
                }
            }
        }
        let _stop = Stop {
            list: self.list,
            start: self.list.position(),
            cleared: self.list.cleared(),
        };
        f()
    }

    /// Watches for numbers that are not finite: the first node, forward or backward, that makes a
    /// NaN or an infinity stops with its operation, its operands and the line that recorded it.
    ///
    /// Slows recording down while it is on.
    ///
    /// ```should_panic
    /// let tape = wengert::Tape::new();
    /// tape.watch_non_finite(true);
    /// let x = tape.var(-1.0);
    /// let y = x.ln(); // panics: node 1, ln, made NaN from operands node 0 = -1
    /// ```
    pub fn watch_non_finite(&self, on: bool) {
        self.list.set_watch(on);
    }

    /// Lowers the number of nodes that the tape may hold; it never exceeds 2^28.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// tape.limit_nodes(1);
    /// let x = tape.tensor_from(&[1], [2.0]);
    /// assert!(x.try_mul(x).unwrap_err().to_string().contains("full"));
    /// ```
    pub fn limit_nodes(&self, nodes: usize) {
        self.list
            .set_max_nodes(u32::try_from(nodes).unwrap_or(u32::MAX));
    }
}

impl<T: Real> Default for Tape<T> {
    /// An empty tape, of whichever type is asked for.
    fn default() -> Self {
        Self {
            list: List::acquire(),
            stays_on_its_thread: PhantomData,
        }
    }
}

impl<T: Real> Drop for Tape<T> {
    fn drop(&mut self) {
        self.list.release();
    }
}

impl<T: Real> std::fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Tape<{}>({} nodes, {} bytes)",
            T::NAME,
            self.len(),
            self.bytes()
        )
    }
}

impl<T: Real> std::fmt::Display for Tape<T> {
    /// The list, one line for each node; see [`NodeInfo`](crate::NodeInfo).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for node in self.nodes() {
            writeln!(f, "{node}")?;
        }
        Ok(())
    }
}

/// An ndarray array or view, owned or borrowed, that can be copied onto a tape.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an ndarray array",
    note = "numbers in a `Vec` or a slice go by `tape.tensor_from(&[shape], numbers)`; literals by `ndarray::array![..]`"
)]
pub trait AsArray<S: Data, D> {
    /// The array itself.
    fn as_array(&self) -> &ArrayBase<S, D>;
}

impl<S: Data, D> AsArray<S, D> for ArrayBase<S, D> {
    fn as_array(&self) -> &ArrayBase<S, D> {
        self
    }
}

impl<S: Data, D> AsArray<S, D> for &ArrayBase<S, D> {
    fn as_array(&self) -> &ArrayBase<S, D> {
        self
    }
}
