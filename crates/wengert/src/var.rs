//! The handle of a scalar node.

use std::fmt;

#[cfg(not(feature = "nalgebra"))]
use std::marker::PhantomData;

use crate::error::{Error, fail};
use crate::list::{CONSTANT, List};
use crate::num::{Arg, N};
use crate::real::Real;
use crate::rules::Op;
use crate::rules::expand::Elementwise;

/// A scalar on the tape: `Copy`, without a lifetime, used in formulas like a number.
///
/// A handle knows its node and its value. Every use compares its generation with the tape's, so
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
#[derive(Clone, Copy)]
pub struct Var<T: Real = f64> {
    pub(crate) list: &'static List<T>,
    pub(crate) generation: u32,
    pub(crate) id: u32,
    value: T,
    #[cfg(not(feature = "nalgebra"))]
    stays_on_its_thread: PhantomData<*const ()>,
}

impl<T: Real> Var<T> {
    #[inline(always)]
    pub(crate) fn new(list: &'static List<T>, generation: u32, id: u32, value: T) -> Self {
        Self {
            list,
            generation,
            id,
            value,
            #[cfg(not(feature = "nalgebra"))]
            stays_on_its_thread: PhantomData,
        }
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
        Self::new(T::constants(), CONSTANT, 0, value)
    }

    /// Whether this is a constant, not a node of a tape.
    #[inline]
    pub fn is_constant(self) -> bool {
        self.generation == CONSTANT
    }

    /// The number.
    ///
    /// # Panics
    ///
    /// If the handle is stale or used on another thread than its tape's.
    #[inline]
    #[track_caller]
    pub fn value(self) -> T {
        if !self.list.is_current(self.generation) && !self.is_constant() {
            self.check("value");
        }
        self.value
    }

    /// The number without a look at the tape: for comparisons and printing.
    #[inline(always)]
    pub(crate) fn raw(self) -> T {
        self.value
    }

    /// The node's place on its list, counted from 0.
    ///
    /// # Panics
    ///
    /// If the handle is stale or a constant.
    #[track_caller]
    pub fn index(self) -> usize {
        self.check("index");
        self.id as usize
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
        copy.list.state_mut().freeze(copy.id, copy.id + 1);
        copy
    }

    /// The same value as a node of its own, with derivative 1.
    #[inline]
    #[track_caller]
    pub(crate) fn copied(self) -> Self {
        record::<T, crate::rules::elementwise::table::copy, 1, 0>([Arg::Value(self)], [])
    }

    /// An input on this handle's tape.
    #[track_caller]
    pub(crate) fn leaf_beside(self, value: T) -> Self {
        self.check("leaf");
        Self::new(
            self.list,
            self.list.generation(),
            self.list.push_leaf(value),
            value,
        )
    }

    /// Gives the node a name that errors, tables and reports use; returns the handle.
    ///
    /// # Panics
    ///
    /// If the handle is stale or a constant.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.check("named");
        self.list.state_mut().names.insert(self.id, name.into());
        self
    }

    #[track_caller]
    pub(crate) fn check(self, op: &'static str) {
        if let Err(error) = self.try_check(op) {
            fail(error)
        }
    }

    pub(crate) fn try_check(self, op: &'static str) -> Result<(), Error> {
        if self.list.is_live(self.generation, self.id) {
            Ok(())
        } else {
            Err(self.list.why_dead(op, "Var", self.generation, self.id))
        }
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
        fmt::Display::fmt(&self.value, f)
    }
}

impl<T: Real> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_constant() {
            write!(f, "Var({}, constant)", self.value)
        } else {
            write!(f, "Var({}, node {})", self.value, self.id)
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
    let numbers = x.map(|arg| match arg {
        Arg::Value(v) => N(v.value),
        Arg::Constant(c) => N(T::of(c)),
    });
    let z = E::value(numbers, p);
    let partials = E::partials(numbers, p, z);

    let mut slots = [Slot::Constant(T::zero()); 3];
    let mut anchor: Option<Var<T>> = None;
    let mut together = true;
    for (k, arg) in x.iter().enumerate() {
        slots[k] = match *arg {
            Arg::Value(v) => {
                match anchor {
                    None => anchor = Some(v),
                    Some(a) => {
                        together &= std::ptr::eq(a.list, v.list) & (a.generation == v.generation);
                    }
                }
                Slot::Operand(v.id, partials[k].0)
            }
            Arg::Constant(c) => Slot::Constant(T::of(c)),
        };
    }
    for (k, &param) in p.iter().enumerate() {
        slots[A + k] = Slot::Constant(T::of(param));
    }
    if let Some(a) = anchor
        && together
        && a.list.is_current(a.generation)
    {
        return push(a.list, E::OP, z.0, &slots, A + P);
    }
    record_slow(E::OP, &x, slots, A + P, z.0)
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

/// One place of an operation: an operand with the partial, or a constant.
#[derive(Clone, Copy)]
enum Slot<T> {
    Operand(u32, T),
    Constant(T),
}

impl<T: Copy> Slot<T> {
    /// The form in a node: a constant's operand is the node itself.
    #[inline(always)]
    fn in_node(self, own: u32) -> (u32, T) {
        match self {
            Slot::Operand(id, partial) => (id, partial),
            Slot::Constant(c) => (own, c),
        }
    }
}

#[inline(always)]
#[track_caller]
fn push<T: Real>(
    list: &'static List<T>,
    op: Op,
    z: T,
    slots: &[Slot<T>; 3],
    count: usize,
) -> Var<T> {
    let mut own = list.len();
    let (a, pa) = slots[0].in_node(own);
    let (b, pb) = slots[1].in_node(own);
    let id = if count <= 2 {
        list.push(op, z, [pa, pb], [a, b])
    } else {
        // Three operands take two nodes; the first passes its adjoint on unchanged.
        list.reserve_two(op, z);
        let pair = list.push(Op::pair, z, [pa, pb], [a, b]);
        own += 1;
        let (c, pc) = slots[2].in_node(own);
        list.push(op, z, [T::one(), pc], [pair, c])
    };
    Var::new(list, list.generation(), id, z)
}

/// Constants among the operands, handles older than the last rewind, and handles that must be refused.
#[inline(never)]
#[track_caller]
fn record_slow<T: Real>(
    op: Op,
    x: &[Arg<Var<T>>],
    mut slots: [Slot<T>; 3],
    count: usize,
    z: T,
) -> Var<T> {
    let mut anchor: Option<Var<T>> = None;
    for (k, arg) in x.iter().enumerate() {
        let &Arg::Value(v) = arg else { continue };
        if v.is_constant() {
            slots[k] = Slot::Constant(v.value);
            continue;
        }
        if let Err(error) = v.try_check(op.name()) {
            fail(error);
        }
        match anchor {
            None => anchor = Some(v),
            Some(a) if std::ptr::eq(a.list, v.list) => {}
            Some(_) => fail(Error::Foreign { op: op.name() }),
        }
    }
    match anchor {
        Some(a) => push(a.list, op, z, &slots, count),
        None => Var::constant(z),
    }
}
