//! The handle of a tensor node, and how tensor operations are recorded.

use std::fmt;
use std::marker::PhantomData;

use ndarray::{ArrayD, Data, Dimension, IxDyn};
use smallvec::SmallVec;

use crate::error::{Error, Shapes, or_panic};
use crate::list::List;
use crate::num::{Arg, Num, Rec};
use crate::real::Real;
use crate::rules::Op;
use crate::rules::structural::{Array, Map, TensorOp, Way};
use crate::tape::AsArray;
use crate::var::Var;

/// The lengths of a tensor's axes; empty for rank 0.
pub type Shape = SmallVec<[usize; 4]>;

/// An array on the tape: `Copy`, without a lifetime, used in formulas like a number.
///
/// Its numbers are immutable and lie in C order; [`Tensor::value`] copies them out and
/// [`Tape::view`](crate::Tape::view) looks at them in place. Shapes broadcast as in NumPy. A scalar
/// node ([`Var`]) is also a tensor of rank 0: `Tensor::from(var)` and [`Tensor::item`] go to and fro
/// without a new node.
///
/// ```
/// use ndarray::array;
///
/// let tape = wengert::Tape::new();
/// let w = tape.tensor(array![[1.0, 2.0], [3.0, 4.0]]);
/// let x = tape.tensor(array![1.0, -1.0]);
/// let loss = w.matmul(x).square().sum();
/// assert_eq!(loss.value(), 2.0);
/// assert_eq!(loss.backward()[w], array![[-2.0, 2.0], [-2.0, 2.0]].into_dyn());
/// ```
///
/// It stays on the thread of its tape:
///
/// ```compile_fail,E0277
/// let tape = wengert::Tape::new();
/// let w = tape.tensor(ndarray::array![1.0]);
/// std::thread::spawn(move || w.value());
/// ```
#[derive(Clone, Copy)]
pub struct Tensor<T: Real = f64> {
    pub(crate) list: &'static List<T>,
    pub(crate) generation: u64,
    pub(crate) id: u32,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl<T: Real> Tensor<T> {
    pub(crate) fn new(list: &'static List<T>, generation: u64, id: u32) -> Self {
        Self {
            list,
            generation,
            id,
            stays_on_its_thread: PhantomData,
        }
    }

    pub(crate) fn try_check(self, op: &'static str) -> Result<(), Error> {
        if self.list.is_live(self.generation, self.id) {
            Ok(())
        } else {
            Err(self.list.why_dead(op, "Tensor", self.generation, self.id))
        }
    }

    #[track_caller]
    pub(crate) fn check(self, op: &'static str) {
        or_panic(self.try_check(op));
    }

    /// The lengths of the axes.
    ///
    /// # Panics
    ///
    /// If the handle is stale.
    #[track_caller]
    pub fn shape(self) -> Shape {
        self.check("shape");
        self.list.shape_of(self.id)
    }

    /// The number of axes.
    ///
    /// # Panics
    ///
    /// If the handle is stale.
    #[track_caller]
    pub fn rank(self) -> usize {
        self.shape().len()
    }

    /// The number of elements.
    ///
    /// # Panics
    ///
    /// If the handle is stale.
    #[track_caller]
    pub fn len(self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there is no element.
    ///
    /// # Panics
    ///
    /// If the handle is stale.
    #[track_caller]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// A copy of the numbers.
    ///
    /// # Panics
    ///
    /// If the handle is stale.
    #[track_caller]
    pub fn value(self) -> ArrayD<T> {
        self.check("value");
        self.list.with_view(self.id, |view| {
            ArrayD::from_shape_vec(IxDyn(view.shape), view.data.to_vec())
                .expect("as many numbers as the shape holds")
        })
    }

    /// The node's place on its list, counted from 0.
    ///
    /// # Panics
    ///
    /// If the handle is stale.
    #[track_caller]
    pub fn index(self) -> usize {
        self.check("index");
        self.id as usize
    }

    /// A tensor of rank 0 as a scalar: the same node.
    ///
    /// # Panics
    ///
    /// As [`Tensor::try_item`] fails.
    #[track_caller]
    pub fn item(self) -> Var<T> {
        or_panic(self.try_item())
    }

    /// A tensor of rank 0 as a scalar: the same node.
    ///
    /// # Errors
    ///
    /// If the tensor has axes, or the handle is stale.
    pub fn try_item(self) -> Result<Var<T>, Error> {
        self.try_check("item")?;
        let shape = self.list.shape_of(self.id);
        if !shape.is_empty() {
            return Err(Error::Shape {
                op: "item",
                detail: "only a tensor of rank 0 is a scalar; use get(index), sum() or mean()"
                    .to_owned(),
                shapes: Shapes(vec![shape]),
            });
        }
        Ok(Var::at(self.list.place(self.id)))
    }

    /// The same numbers as a new node through which no derivative passes.
    ///
    /// # Panics
    ///
    /// If the handle is stale.
    #[track_caller]
    pub fn detach(self) -> Self {
        let copy = record_slices(Op::copy, &[self], &[]);
        let mut state = self.list.state_mut();
        state.stop(copy.id, copy.id + 1);
        if let Some(index) = self.list.aux_index(copy.id) {
            state.aux[index].differentiable = false;
        }
        copy
    }

    /// Gives the node a name, which the watch, printed lists and the checker's reports use; returns the handle.
    ///
    /// # Panics
    ///
    /// If the handle is stale.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.check("named");
        self.list.state_mut().names.insert(self.id, name);
        self
    }

    /// An array as a constant on this tensor's tape: no adjoint is computed for it.
    ///
    /// For data inside a function that sees handles alone:
    ///
    /// ```
    /// use ndarray::array;
    /// use wengert::{Tensor, Var};
    ///
    /// let data = array![[1.0, 2.0], [3.0, 4.0]];
    /// let f = |x: &[Var]| {
    ///     let x = Tensor::stack(x);
    ///     x.constant_beside(&data).matmul(x).sum()
    /// };
    /// assert_eq!(wengert::grad(f)(&[5.0, 6.0]), [4.0, 6.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the handle is stale, or the tape is full.
    #[track_caller]
    pub fn constant_beside<S: Data<Elem = T>, D: Dimension>(
        self,
        array: impl AsArray<S, D>,
    ) -> Self {
        self.check("constant_beside");
        or_panic(self.list.try_array(array, false))
    }

    /// A constant of rank 0 on this tensor's tape.
    #[track_caller]
    pub(crate) fn constant_like(self, c: f64) -> Self {
        self.check("constant");
        or_panic(self.list.try_leaf(&[], false, |to| to[0] = T::of(c)))
    }
}

impl<T: Real> From<Var<T>> for Tensor<T> {
    /// The scalar's node as a tensor of rank 0.
    ///
    /// # Panics
    ///
    /// If the scalar is stale, or a constant, which is no node.
    #[track_caller]
    fn from(var: Var<T>) -> Self {
        var.check("Tensor::from");
        Self::new(var.list(), var.generation(), var.id())
    }
}

impl<T: Real> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.try_check("Debug").is_err() {
            return write!(f, "Tensor(stale, node {})", self.id);
        }
        write!(
            f,
            "Tensor(node {}, shape {:?})\n{}",
            self.id,
            self.shape().as_slice(),
            self.value()
        )
    }
}

impl<T: Real> fmt::Display for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.try_check("Display").is_err() {
            return write!(f, "Tensor(stale, node {})", self.id);
        }
        fmt::Display::fmt(&self.value(), f)
    }
}

/// Records an elementwise operation; constants among the inputs do not become nodes.
#[track_caller]
pub(crate) fn record_elementwise<T: Real>(
    op: Op,
    inputs: &[Arg<Tensor<T>>],
    params: &[f64],
) -> Result<Tensor<T>, Error> {
    let mut map = Map::of(op);
    let mut operands: SmallVec<[Tensor<T>; 3]> = SmallVec::new();
    for (k, input) in inputs.iter().enumerate() {
        match *input {
            Arg::Value(tensor) => operands.push(tensor),
            Arg::Constant(c) => map.constants[k] = Some(c),
        }
    }
    map.params[..params.len()].copy_from_slice(params);
    record(map.into(), &operands)
}

/// [`record_elementwise`] on handles alone.
#[track_caller]
pub(crate) fn record_slices<T: Real>(op: Op, x: &[Tensor<T>], p: &[f64]) -> Tensor<T> {
    assert_eq!(
        (x.len(), p.len()),
        op.arity(),
        "{}: as many inputs and parameters as the operation has",
        op.name()
    );
    let inputs: SmallVec<[Arg<Tensor<T>>; 3]> = x.iter().map(|&x| Arg::Value(x)).collect();
    or_panic(record_elementwise(op, &inputs, p))
}

/// Records any operation on at least one tensor.
#[track_caller]
pub(crate) fn record<T: Real>(op: TensorOp<T>, inputs: &[Tensor<T>]) -> Result<Tensor<T>, Error> {
    let name = op.name();
    let first = inputs.first().expect("an operation has an operand");
    let list = first.list;
    for input in inputs {
        input.try_check(name)?;
        if !std::ptr::eq(input.list, list) {
            return Err(Error::Foreign { op: name });
        }
    }
    let operands: SmallVec<[u32; 3]> = inputs.iter().map(|input| input.id).collect();
    let id = T::try_record(list, op, operands)?;
    Ok(Tensor::new(list, list.generation(), id))
}

impl<T: Real> Array<T> for Tensor<T> {
    #[track_caller]
    fn shape(&self) -> Shape {
        Tensor::shape(*self)
    }
    #[track_caller]
    fn apply(op: TensorOp<T>, inputs: &[&Self]) -> Self {
        let inputs: SmallVec<[Tensor<T>; 3]> = inputs.iter().map(|&&input| input).collect();
        or_panic(record(op, &inputs))
    }
    #[track_caller]
    fn full(&self, shape: &[usize], c: f64) -> Self {
        self.check("constant");
        or_panic(self.list.try_leaf(shape, false, |to| to.fill(T::of(c))))
    }
    #[track_caller]
    fn chain(map: &Map, k: usize, g: &Self, inputs: &[Self], output: &Self, way: Way) -> Self {
        map.op.visit(RecordedChain {
            map,
            k: map.input_of(k),
            g: *g,
            inputs,
            output: *output,
            way,
        })
    }
}

/// Records `g` times a partial: the rule's own expression, evaluated on handles.
struct RecordedChain<'a, R> {
    map: &'a Map,
    k: usize,
    g: R,
    inputs: &'a [R],
    output: R,
    way: Way,
}

impl<T: Real> crate::rules::expand::Visitor for RecordedChain<'_, Tensor<T>> {
    type Output = Tensor<T>;
    #[track_caller]
    fn visit<E: crate::rules::expand::Elementwise<A, P>, const A: usize, const P: usize>(
        self,
    ) -> Tensor<T> {
        let mut next = self.inputs.iter();
        let inputs = std::array::from_fn(|k| match self.map.constants[k] {
            None => Rec(*next.next().expect("an operand for each input")),
            Some(c) => Rec(self.output.constant_like(c)),
        });
        let p = std::array::from_fn(|i| self.map.params[i]);
        let partials = E::partials(inputs, p, Rec(self.output));
        let (g, partial) = (Rec(self.g), partials[self.k]);
        let finite = || {
            self.g
                .list
                .with_view(self.g.id, |view| view.data.iter().all(|x| x.is_finite()))
        };
        if self.way == Way::Reverse || finite() {
            return g.absorb_mul(partial).0;
        }
        partial.ne(0.0).select(g.absorb_mul(partial), 0.0).0
    }
}
