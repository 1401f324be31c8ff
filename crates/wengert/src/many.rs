//! Sums and dot products of many scalars, recorded as one node each.

use smallvec::SmallVec;

use crate::error::{Error, or_panic};
use crate::list::{List, Term};
use crate::real::Real;
use crate::rules::Op;
use crate::var::Var;

/// Fewer terms are a chain of additions, which a reader of the list can follow.
const TERMS: usize = 8;

impl<T: Real> std::iter::Sum for Var<T> {
    /// The sum of the terms in their order; of eight or more it is one node.
    #[track_caller]
    fn sum<I: Iterator<Item = Self>>(mut terms: I) -> Self {
        let head: SmallVec<[Self; TERMS]> = terms.by_ref().take(TERMS).collect();
        if head.len() < TERMS {
            let chain = head.into_iter().reduce(|sum, term| sum + term);
            return chain.unwrap_or_else(|| Var::constant(T::zero()));
        }
        let mut sum = Collected::new(Op::sum);
        for term in head.into_iter().chain(terms) {
            let constant = term.is_constant();
            or_panic(sum.push(term, if constant { term.value() } else { T::one() }));
            sum.add(term.value());
        }
        or_panic(sum.record())
    }
}

impl<'a, T: Real> std::iter::Sum<&'a Var<T>> for Var<T> {
    #[track_caller]
    fn sum<I: Iterator<Item = &'a Self>>(terms: I) -> Self {
        terms.copied().sum()
    }
}

impl<T: Real> Var<T> {
    /// The dot product of two lists of scalars of one length: x_0 y_0 + x_1 y_1 + ..., added in that order, as one node.
    ///
    /// Each may hold constants.
    ///
    /// ```
    /// use wengert::Var;
    ///
    /// let tape = wengert::Tape::new();
    /// let (x, y) = (tape.vars(&[1.0, 2.0, 3.0, 4.0]), tape.vars(&[5.0, 6.0, 7.0, 8.0]));
    /// let z = Var::dot(&x, &y);
    /// assert_eq!(z.value(), 70.0);
    /// assert_eq!(z.backward().of(&x), [5.0, 6.0, 7.0, 8.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Var::try_dot`] fails.
    #[track_caller]
    pub fn dot(x: &[Self], y: &[Self]) -> Self {
        or_panic(Self::try_dot(x, y))
    }

    /// [`Var::dot`], or why not.
    ///
    /// # Errors
    ///
    /// If the lengths differ, a handle is stale or foreign, or the tape is full.
    #[track_caller]
    pub fn try_dot(x: &[Self], y: &[Self]) -> Result<Self, Error> {
        if x.len() != y.len() {
            return Err(Error::Argument {
                op: "dot",
                detail: format!(
                    "lists of {} and {} scalars; give two of one length",
                    x.len(),
                    y.len()
                ),
            });
        }
        let mut dot = Collected::new(Op::dot);
        for (&x, &y) in x.iter().zip(y) {
            if !y.is_constant() {
                y.try_check(dot.op.name())?;
            }
            dot.push(x, y.value())?;
            let (x, value) = (x.value(), y.value());
            dot.push(y, x)?;
            dot.add(x * value);
        }
        dot.record()
    }
}

/// The terms of an operation on many, before its node is there.
struct Collected<T: Real> {
    op: Op,
    /// The first operand that is a node.
    anchor: Option<Var<T>>,
    /// The generation of the anchor's list when that came.
    generation: u64,
    terms: Vec<Term<T>>,
    value: Option<T>,
}

impl<T: Real> Collected<T> {
    fn new(op: Op) -> Self {
        Self {
            op,
            anchor: None,
            generation: 0,
            terms: Vec::new(),
            value: None,
        }
    }

    #[inline]
    fn add(&mut self, term: T) {
        self.value = Some(self.value.map_or(term, |value| value + term));
    }

    /// Appends an operand with its partial, or a constant with what stands there for it.
    #[inline]
    #[track_caller]
    fn push(&mut self, operand: Var<T>, partial: T) -> Result<(), Error> {
        if operand.is_constant() {
            self.terms.push(Term {
                operand: Term::<T>::OWN,
                partial,
            });
            return Ok(());
        }
        let list: &'static List<T> = operand.list();
        if !list.is_current(operand.generation()) {
            operand.try_check(self.op.name())?;
        }
        match self.anchor {
            Some(anchor) if std::ptr::eq(anchor.list(), list) => {}
            Some(_) => {
                return Err(Error::Foreign { op: self.op.name() });
            }
            None => {
                let constants =
                    std::mem::replace(&mut self.terms, list.state_mut().many.take_room());
                self.terms.extend(constants);
                self.anchor = Some(operand);
                self.generation = list.generation();
            }
        }
        self.terms.push(Term {
            operand: operand.id(),
            partial,
        });
        Ok(())
    }

    #[track_caller]
    fn record(self) -> Result<Var<T>, Error> {
        let value = self.value.unwrap_or_else(T::zero);
        let Some(anchor) = self.anchor else {
            return Ok(Var::constant(value));
        };
        let list = anchor.list();
        if list.generation() != self.generation {
            return Err(Error::Argument {
                op: self.op.name(),
                detail: "the tape was cleared or rewound while the terms were being computed; compute them first".to_owned(),
            });
        }
        let id = list.try_push_many(self.op, value, self.terms)?;
        Ok(Var::at(list.place(id)))
    }
}
