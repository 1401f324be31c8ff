//! What a numeric sweep found, by handle.

use std::cell::OnceCell;
use std::marker::PhantomData;
use std::ops::Index;

use ndarray::{ArrayD, IxDyn};

use crate::error::{Error, or_panic};
use crate::list::{History, List};
use crate::numeric::TensorEntry;
use crate::real::Real;
use crate::rules::structural::Way;
use crate::sweep_numeric::Numbers;
use crate::tensor::Tensor;
use crate::var::Var;

/// One number for each scalar node and one array for each tensor: what a numeric sweep found.
///
/// [`Var::backward`] fills it with adjoints, [`Tape::jvp`](crate::Tape::jvp) with tangents. It is a
/// value of its own: nothing accumulates from one sweep to the next, and nothing needs to be
/// zeroed. Inputs and intermediate nodes are asked in the same way; a node without a path counts
/// as zero, and asking for the adjoint of a constant is refused.
///
/// ```
/// let tape = wengert::Tape::new();
/// let x = tape.var(3.0);
/// let y = x * x;
/// let z = y.exp();
/// let g = z.backward();
/// assert_eq!(g[y], 9.0_f64.exp());
/// assert_eq!(g[x], 6.0 * 9.0_f64.exp());
/// ```
///
/// Indices are handles or references to them. What was live at the sweep can be asked for as long as this
/// exists, also after the tape was cleared; what was recorded later is refused.
///
/// It stays on the thread of its tape:
///
/// ```compile_fail,E0277
/// let tape = wengert::Tape::new();
/// let g = tape.var(3.0).backward();
/// std::thread::spawn(move || drop(g));
/// ```
pub struct Gradients<T: Real = f64> {
    list: &'static List<T>,
    history: History,
    scalars: Vec<T>,
    /// In the order of their nodes; what has no path is filled in when it is asked for.
    tensors: Vec<TensorEntry<T>>,
    /// Ranges of nodes that no adjoint is computed for; none after a forward sweep.
    stopped: Vec<(u32, u32)>,
    zero: T,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl<T: Real> Gradients<T> {
    pub(crate) fn new(numbers: Numbers<T>, way: Way) -> Self {
        let Numbers {
            list,
            scalars,
            tensors: mut found,
            ..
        } = numbers;
        let mut tensors = std::mem::take(&mut list.state_mut().gradients);
        tensors.extend(list.state().aux.iter().map(|aux| TensorEntry {
            node: aux.node,
            shape: aux.shape.clone(),
            array: OnceCell::new(),
            pooled: false,
            // A constant has a tangent, zero, but its adjoint is never computed.
            known: aux.differentiable || way == Way::Forward,
        }));
        for (entry, found) in tensors.iter_mut().zip(found.drain(..)) {
            if let Some(array) = found {
                let (numbers, shape) = array.into_vec();
                let array = ArrayD::from_shape_vec(IxDyn(&shape), numbers);
                entry.array = OnceCell::from(array.expect("as many numbers as the shape holds"));
                entry.pooled = true;
            }
        }
        let mut state = list.state_mut();
        state.adjoints = found;
        let stopped = match way {
            Way::Reverse => state.stopped.clone(),
            Way::Forward => Vec::new(),
        };
        drop(state);
        Self {
            list,
            history: list.history(),
            scalars,
            tensors,
            stopped,
            zero: T::zero(),
            stays_on_its_thread: PhantomData,
        }
    }

    /// The derivatives at several scalar nodes, in their order.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.vars(&[2.0, 3.0]);
    /// assert_eq!((x[0] * x[1]).backward().of(&x), [3.0, 2.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// If a handle is not of this tape, was not live at the sweep, or is a constant.
    #[track_caller]
    pub fn of(&self, vars: &[Var<T>]) -> Vec<T> {
        let mut derivatives = Vec::with_capacity(vars.len());
        for &var in vars {
            derivatives.push(self[var]);
        }
        derivatives
    }

    /// The derivative at a scalar node; `None` if the handle is not of this tape, was not live at the sweep, or is a constant, by
    /// [`Var::constant`], [`Var::detach`] or [`Tape::no_grad`](crate::Tape::no_grad).
    pub fn get(&self, var: Var<T>) -> Option<&T> {
        self.scalar(var).ok()
    }

    /// The derivative at a tensor, in its shape; `None` if the handle is not of this tape, was not live at the sweep, or is a constant.
    pub fn get_tensor(&self, tensor: Tensor<T>) -> Option<&ArrayD<T>> {
        self.array(tensor).ok()
    }

    fn check(
        &self,
        list: &'static List<T>,
        generation: u64,
        id: u32,
        kind: &'static str,
    ) -> Result<(), Error> {
        let op = "Gradients";
        if list.generation() == crate::list::CONSTANT {
            return Err(Error::Constant { op, kind });
        }
        if !std::ptr::eq(list, self.list) {
            return Err(Error::Foreign { op });
        }
        // What was live at the sweep stays good here, whatever has become of the tape.
        if self.history.was_live(generation, id) {
            return Ok(());
        }
        if list.is_live(generation, id) {
            // A newer handle of a node that the sweep has seen.
            if self.history.was_live(self.history.generation, id)
                && list.is_live(self.history.generation, id)
            {
                return Ok(());
            }
            return Err(Error::Argument {
                op,
                detail: format!("node {id} was recorded after this sweep; sweep again"),
            });
        }
        Err(list.why_dead(op, kind, generation, id))
    }

    pub(crate) fn scalar(&self, var: Var<T>) -> Result<&T, Error> {
        self.check(var.list(), var.generation(), var.id(), "Var")?;
        let next = self
            .stopped
            .partition_point(|&(start, _)| start <= var.id());
        if next > 0 && var.id() < self.stopped[next - 1].1 {
            return Err(no_adjoint("Gradients", var.id()));
        }
        Ok(self.scalars.get(var.id() as usize).unwrap_or(&self.zero))
    }

    /// The sum of |derivative times value| over all nodes of the tape: to first order, how much the root would change if every number on
    /// the way to it changed by its own size. What is not finite is left out.
    pub(crate) fn size_of_terms(&self) -> f64 {
        let size = |slope: T, value: T| {
            let term = (slope * value).as_f64().abs();
            if term.is_finite() { term } else { 0.0 }
        };
        let scalars = self.scalars.iter().zip(0..);
        let scalars = scalars.map(|(&slope, id)| size(slope, self.list.node(id).value));
        let tensors = self.tensors.iter().filter_map(|entry| {
            let slopes = entry.array.get()?;
            Some(self.list.with_view(entry.node, |view| {
                let pairs = slopes.iter().zip(view.data);
                pairs
                    .map(|(&slope, &value)| size(slope, value))
                    .sum::<f64>()
            }))
        });
        scalars.chain(tensors).sum()
    }

    fn array(&self, tensor: Tensor<T>) -> Result<&ArrayD<T>, Error> {
        self.check(tensor.list, tensor.generation, tensor.id, "Tensor")?;
        let entry = self
            .tensors
            .binary_search_by_key(&tensor.id, |entry| entry.node);
        let Ok(entry) = entry.map(|index| &self.tensors[index]) else {
            return Err(Error::Argument {
                op: "Gradients",
                detail: format!(
                    "node {} is a plain scalar, whose derivative is a number and no array; index by its Var",
                    tensor.id
                ),
            });
        };
        if !entry.known {
            return Err(no_adjoint("Gradients", tensor.id));
        }
        Ok(entry.array.get_or_init(|| match entry.shape.is_empty() {
            true => ndarray::arr0(
                self.scalars
                    .get(tensor.id as usize)
                    .copied()
                    .unwrap_or(self.zero),
            )
            .into_dyn(),
            false => ArrayD::zeros(IxDyn(&entry.shape)),
        }))
    }
}

/// What is said to whoever asks for the adjoint of a constant.
pub(crate) fn no_adjoint(op: &'static str, id: u32) -> Error {
    Error::Argument {
        op,
        detail: format!(
            "node {id} is a constant, or made of constants, by constant(), no_grad() or detach(); no adjoint is computed for it: record it with tape.var(..) or tape.tensor(..)"
        ),
    }
}

impl<T: Real> Index<Var<T>> for Gradients<T> {
    type Output = T;
    /// The derivative at a scalar node.
    ///
    /// # Panics
    ///
    /// If the handle is not of this tape, was not live at the sweep, or is a constant.
    #[track_caller]
    #[inline]
    fn index(&self, var: Var<T>) -> &T {
        let as_then = std::ptr::eq(var.list(), self.list)
            && var.generation() == self.history.generation
            && self.stopped.is_empty();
        match self.scalars.get(var.id() as usize) {
            Some(derivative) if as_then => derivative,
            _ => or_panic(self.scalar(var)),
        }
    }
}

impl<T: Real> Index<Tensor<T>> for Gradients<T> {
    type Output = ArrayD<T>;
    /// The derivative at a tensor, in its shape.
    ///
    /// # Panics
    ///
    /// If the handle is not of this tape, was not live at the sweep, or is a constant.
    #[track_caller]
    fn index(&self, tensor: Tensor<T>) -> &ArrayD<T> {
        or_panic(self.array(tensor))
    }
}

impl<T: Real> Index<&Var<T>> for Gradients<T> {
    type Output = T;
    #[track_caller]
    fn index(&self, var: &Var<T>) -> &T {
        &self[*var]
    }
}

impl<T: Real> Index<&Tensor<T>> for Gradients<T> {
    type Output = ArrayD<T>;
    #[track_caller]
    fn index(&self, tensor: &Tensor<T>) -> &ArrayD<T> {
        &self[*tensor]
    }
}

impl<T: Real> Drop for Gradients<T> {
    /// Gives the buffers back to the tape's pool, if the tape still is what it was.
    fn drop(&mut self) {
        if !self.list.may_recycle(self.history.generation) {
            return;
        }
        let mut state = self.list.state_mut();
        state.buffers.give(std::mem::take(&mut self.scalars));
        for mut entry in self.tensors.drain(..) {
            if entry.pooled
                && let Some(array) = entry.array.take()
            {
                state.buffers.give(array.into_raw_vec_and_offset().0);
            }
        }
        state.gradients = std::mem::take(&mut self.tensors);
    }
}

impl<T: Real> std::fmt::Debug for Gradients<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Gradients({} nodes, {} tensors)",
            self.scalars.len(),
            self.tensors.len()
        )
    }
}
