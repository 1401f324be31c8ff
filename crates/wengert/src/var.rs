//! The handle of a scalar node.

use std::fmt;

use crate::error::{Error, fail};
use crate::list::{List, Place};
use crate::num::{Arg, N};
use crate::real::Real;
use crate::rules::Op;
use crate::rules::expand::Elementwise;

/// A scalar on the tape: `Copy`, without a lifetime, used in formulas like a number.
///
/// A handle knows its node, and takes two words. Every use compares its generation with the tape's, so
/// a handle whose node is gone is refused with a sentence that says so.
///
/// A `Var` can also be a constant, [`Var::constant`], which is no node of any tape; generic code
/// needs that for its `T::zero()` and `T::from(2.0)`.
///
/// ```
/// let tape = wengert::Tape::new();
/// let (x, y) = (tape.var(2.0), tape.var(3.0));
/// let z = x * y + x.sin();
/// let g = z.backward();
/// assert_eq!(g[x], 3.0 + 2.0_f64.cos());
/// assert_eq!(g[y], 2.0);
/// ```
#[cfg_attr(
    not(feature = "nalgebra"),
    doc = "
It stays on the thread of its tape:

```compile_fail,E0277
let tape = wengert::Tape::new();
let x = tape.var(3.0);
std::thread::spawn(move || x.value());
```"
)]
#[cfg_attr(
    feature = "nalgebra",
    doc = "
With the feature `nalgebra`, nalgebra's matrices, decompositions and rotations take it as their scalar. Their
algorithms branch on values, and what a branch skips has no derivative: a pseudo-inverse or a Schur form of a
matrix that is already diagonal, or a quaternion of the angle 0, is built without the operations that its
derivative would come from. At such points move the input a little, or check the gradient.

A handle may then travel to other threads, which nalgebra asks for, but may not be used there:

```should_panic
let tape = wengert::Tape::new();
let x = tape.var(3.0);
std::thread::spawn(move || x.value()).join().unwrap(); // panics: the tape belongs to another thread
```"
)]
#[derive(Clone, Copy)]
pub struct Var<T: Real = f64> {
    place: Place<T>,
}

impl<T: Real> Var<T> {
    #[inline(always)]
    pub(crate) fn at(place: Place<T>) -> Self {
        Self { place }
    }

    #[inline(always)]
    pub(crate) fn list(self) -> &'static List<T> {
        self.place.list()
    }

    #[inline(always)]
    pub(crate) fn generation(self) -> u64 {
        self.place.generation()
    }

    #[inline(always)]
    pub(crate) fn id(self) -> u32 {
        self.place.id()
    }

    /// A number that is no node: nothing is recorded until it meets one.
    ///
    /// ```
    /// use wengert::Var;
    ///
    /// let two: Var = Var::constant(2.0);
    /// assert_eq!((two * two).value(), 4.0);
    /// assert!((two * two).is_constant());
    /// ```
    #[inline]
    pub fn constant(value: T) -> Self {
        Self::at(Place::constant(value))
    }

    /// Whether this is a constant, not a node of a tape.
    #[inline]
    pub fn is_constant(self) -> bool {
        self.place.is_constant()
    }

    /// The number.
    ///
    /// It leaves the tape: nothing is differentiated through it, and to a [`Program`](crate::Program) it is a constant. So
    /// `if x > y` is a branch that a program asks about again, and `if x.value() > y.value()` is not.
    ///
    /// # Panics
    ///
    /// If the handle is stale or used on another thread than its tape's.
    #[inline]
    #[track_caller]
    pub fn value(self) -> T {
        match self.place.value() {
            Some(value) => value,
            None => self.place.value_at_any_time("value"),
        }
    }

    /// The node's place on its list, counted from 0.
    ///
    /// # Panics
    ///
    /// If the handle is stale or a constant.
    #[track_caller]
    pub fn index(self) -> usize {
        self.check("index");
        self.id() as usize
    }

    /// The same value as a new node through which no derivative passes.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.var(3.0);
    /// let y = x * x.detach();
    /// assert_eq!(y.backward()[x], 3.0);
    /// ```
    ///
    /// # Panics
    ///
    /// If the handle is stale.
    #[track_caller]
    pub fn detach(self) -> Self {
        if self.is_constant() {
            return self;
        }
        let copy = self.copied();
        copy.list().state_mut().stop(copy.id(), copy.id() + 1);
        copy
    }

    /// The same value as a node of its own, with derivative 1.
    #[inline]
    #[track_caller]
    pub(crate) fn copied(self) -> Self {
        unary::<T, crate::rules::elementwise::table::copy>(self)
    }

    /// An input on this handle's tape.
    #[track_caller]
    pub(crate) fn leaf_beside(self, value: T) -> Self {
        self.check("leaf");
        let id = self.list().push_leaf(value);
        Self::at(self.list().place(id))
    }

    /// Gives the node a name, which the watch, printed lists and the checker's reports use; returns the handle.
    ///
    /// # Panics
    ///
    /// If the handle is stale or a constant.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.check("named");
        self.list().state_mut().names.insert(self.id(), name);
        self
    }

    /// Why the handle cannot be used, in a word or two for printing, which should not panic.
    pub(crate) fn dead(self) -> Option<&'static str> {
        match self.try_check("Display") {
            Ok(()) | Err(Error::Constant { .. }) => None,
            Err(Error::WrongThread { .. }) => Some("of another thread"),
            Err(_) => Some("stale"),
        }
    }

    #[track_caller]
    pub(crate) fn check(self, op: &'static str) {
        self.place.check(op);
    }

    pub(crate) fn try_check(self, op: &'static str) -> Result<(), Error> {
        self.place.try_check(op, "Var")
    }
}

impl<T: Real> From<T> for Var<T> {
    #[inline]
    fn from(value: T) -> Self {
        Self::constant(value)
    }
}

impl<T: Real> fmt::Display for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dead() {
            Some(why) => write!(f, "Var({why}, node {})", self.id()),
            None => fmt::Display::fmt(&self.value(), f),
        }
    }
}

impl<T: Real> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_constant() {
            write!(f, "Var({}, constant)", self.value())
        } else if let Some(why) = self.dead() {
            write!(f, "Var({why}, node {})", self.id())
        } else {
            write!(f, "Var({}, node {})", self.value(), self.id())
        }
    }
}

impl<T: Real> Default for Var<T> {
    fn default() -> Self {
        Self::constant(T::zero())
    }
}

/// Records an elementwise operation on scalars.
///
/// The value and the partials are computed here, by the rule's own inlined code.
#[inline(always)]
#[track_caller]
pub(crate) fn record<T: Real, E: Elementwise<A, P>, const A: usize, const P: usize>(
    x: [Arg<Var<T>>; A],
    p: [f64; P],
) -> Var<T> {
    let mut numbers = [T::zero(); A];
    let mut list: Option<&'static List<T>> = None;
    let mut here = true;
    for (number, arg) in numbers.iter_mut().zip(&x) {
        match *arg {
            Arg::Constant(c) => *number = T::of(c),
            Arg::Value(v) => match v.place.value() {
                Some(value) => {
                    *number = value;
                    here &= std::ptr::eq(*list.get_or_insert(v.list()), v.list());
                }
                None => here = false,
            },
        }
    }
    match list {
        Some(list) if here => {
            let operands = x.map(|arg| match arg {
                Arg::Value(v) => Some(v.id()),
                Arg::Constant(_) => None,
            });
            append::<T, E, A, P>(list, operands, numbers, p)
        }
        _ => record_any::<T, E, A, P>(x, p),
    }
}

/// [`record`] with constants among the operands, handles older than the last rewind, or handles that must be refused.
#[inline(never)]
#[track_caller]
fn record_any<T: Real, E: Elementwise<A, P>, const A: usize, const P: usize>(
    x: [Arg<Var<T>>; A],
    p: [f64; P],
) -> Var<T> {
    let mut numbers = [T::zero(); A];
    let mut operands = [None; A];
    let mut list: Option<&'static List<T>> = None;
    for k in 0..A {
        numbers[k] = match x[k] {
            Arg::Constant(c) => T::of(c),
            Arg::Value(v) => {
                if !v.is_constant() {
                    operands[k] = Some(v.id());
                    if !std::ptr::eq(*list.get_or_insert(v.list()), v.list()) {
                        v.check(E::OP.name());
                        fail(Error::Foreign { op: E::OP.name() });
                    }
                }
                v.place.value_at_any_time(E::OP.name())
            }
        };
    }
    match list {
        Some(list) => append::<T, E, A, P>(list, operands, numbers, p),
        None => Var::constant(E::value(numbers.map(N), p).0),
    }
}

/// Appends an operation on nodes and on constants, which are no operands.
#[inline(always)]
#[track_caller]
fn append<T: Real, E: Elementwise<A, P>, const A: usize, const P: usize>(
    list: &'static List<T>,
    operands: [Option<u32>; A],
    numbers: [T; A],
    p: [f64; P],
) -> Var<T> {
    let z = E::value(numbers.map(N), p);
    let d = E::partials(numbers.map(N), p, z);
    let (op, z, own) = (E::OP, z.0, list.len());
    // The form in a node: a constant's operand is the node itself.
    let place = |k: usize, own: u32| match k.checked_sub(A) {
        None => match operands[k] {
            Some(id) => (id, d[k].0),
            None => (own, numbers[k]),
        },
        Some(k) if k < P => (own, T::of(p[k])),
        Some(_) => (own, T::zero()),
    };
    let [(a, da), (b, db)] = [place(0, own), place(1, own)];
    if A + P <= 2 {
        return Var::at(list.record(op, z, [da, db], [a, b]));
    }
    // Three places take two nodes; the first passes its adjoint on unchanged.
    let (c, dc) = place(2, own + 1);
    list.reserve_two(op, z, [a, b, c]);
    let pair = list.push(Op::pair, z, [da, db], [a, b]);
    Var::at(list.record(op, z, [T::one(), dc], [pair, c]))
}

/// [`record`] for an operation on one scalar.
#[inline(always)]
#[track_caller]
pub(crate) fn unary<T: Real, E: Elementwise<1, 0>>(x: Var<T>) -> Var<T> {
    match x.place.value() {
        Some(number) => append::<T, E, 1, 0>(x.list(), [Some(x.id())], [number], []),
        None => record_any::<T, E, 1, 0>([Arg::Value(x)], []),
    }
}

/// [`record`] for an operation on two scalars.
#[inline(always)]
#[track_caller]
pub(crate) fn binary<T: Real, E: Elementwise<2, 0>>(x: Var<T>, y: Var<T>) -> Var<T> {
    match Place::values(x.place, y.place) {
        Some(numbers) => append::<T, E, 2, 0>(x.list(), [Some(x.id()), Some(y.id())], numbers, []),
        None => with_constants::<T, E>(x, y),
    }
}

/// [`binary`] with a constant, which generic code makes of its literals, or with what must be looked at more closely.
#[inline(never)]
#[track_caller]
fn with_constants<T: Real, E: Elementwise<2, 0>>(x: Var<T>, y: Var<T>) -> Var<T> {
    match (x.is_constant(), y.is_constant()) {
        (false, true) => with_constant::<T, E>(x, y.value()),
        (true, false) => after_constant::<T, E>(x.value(), y),
        _ => record_any::<T, E, 2, 0>([Arg::Value(x), Arg::Value(y)], []),
    }
}

/// [`record`] for an operation on a scalar and a constant.
#[inline(always)]
#[track_caller]
pub(crate) fn with_constant<T: Real, E: Elementwise<2, 0>>(x: Var<T>, c: T) -> Var<T> {
    match x.place.value() {
        Some(number) => append::<T, E, 2, 0>(x.list(), [Some(x.id()), None], [number, c], []),
        None => record_any::<T, E, 2, 0>([Arg::Value(x), Arg::Value(Var::constant(c))], []),
    }
}

/// [`record`] for an operation on a constant and a scalar.
#[inline(always)]
#[track_caller]
pub(crate) fn after_constant<T: Real, E: Elementwise<2, 0>>(c: T, y: Var<T>) -> Var<T> {
    match y.place.value() {
        Some(number) => append::<T, E, 2, 0>(y.list(), [None, Some(y.id())], [c, number], []),
        None => record_any::<T, E, 2, 0>([Arg::Value(Var::constant(c)), Arg::Value(y)], []),
    }
}

/// [`record`] for inputs whose number is known only at run time.
#[track_caller]
pub(crate) fn record_slices<T: Real, E: Elementwise<A, P>, const A: usize, const P: usize>(
    x: &[Var<T>],
    p: &[f64],
) -> Var<T> {
    let x: [Var<T>; A] = x.try_into().expect("as many inputs as the operation has");
    let p: [f64; P] = p
        .try_into()
        .expect("as many parameters as the operation has");
    record::<T, E, A, P>(x.map(Arg::Value), p)
}
