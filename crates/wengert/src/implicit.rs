//! Derivatives of what a solver has found, by the implicit function theorem.
//!
//! A solver finds x for given parameters p: a root of F(x, p) = 0, a fixed point of x = g(x, p), or a minimum of f(x, p) over x.
//! Its iterations are the user's and are not recorded. Here its answer becomes nodes whose derivatives follow from the equation that
//! the answer satisfies. With F(x(p), p) = 0 for all p near by,
//!
//! ```text
//! dx/dp = -F_x^-1 F_p        F_x = dF/dx, F_p = dF/dp
//! ```
//!
//! where F is x - g for a fixed point and the gradient of f in x for a minimum. The reverse sweep solves F_x^T lambda = g and sends
//! -F_p^T lambda on to p; the forward sweep solves F_x dx = -F_p dp. Both solutions are operations with rules of the same kind, so
//! derivatives are right at every order. F_x is computed and factorised once, when the answer is recorded; each derivative records F again.
//!
//! ```
//! use wengert::{Tape, implicit};
//!
//! let tape = Tape::new();
//! let p = tape.var(2.0);
//! let answer = 2.0_f64.sqrt(); // by whatever solver
//! let x = implicit::root(|x, p| vec![x[0] * x[0] - p[0]], &[p], &[answer])?[0];
//! let slope = x.grad(&[p])[0]; // 1 / (2 sqrt p)
//! assert!((slope.value() - 0.5 / answer).abs() < 1e-15);
//! assert!((slope.backward()[p] + 0.25 / answer.powi(3)).abs() < 1e-15);
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! # The function
//!
//! It gets handles of the unknowns and of the parameters, in the order in which they were given, and is called again whenever a
//! derivative is taken. It may use these handles and plain numbers, by value. A node of the tape that it has captured is refused, for
//! the derivative by it would be missed: hand it in among the parameters.
//!
//! # The answer
//!
//! It is held to what it claims. Each component of F may be at most sqrt(epsilon) (1.5e-8 in `f64`, 3.5e-4 in `f32`) times
//! sum_j |dF/dx_j x_j| + sum_k |dF/dp_k p_k|, by which F would change if every number in x and p changed by that fraction of itself, plus what
//! rounding can have made of it: epsilon times the sum of |dF/dv v| over all numbers v on the way to it. No unit of x, p or F matters. The
//! derivative is that at the answer as given: an error in x goes into it. A [`Program`](crate::Program) would have to solve again at its own
//! inputs, so freezing what depends on an answer is refused.

mod rules;

use std::rc::Rc;

use crate::error::Error;
use crate::implicit::rules::{Factors, System, implicit, scalars};
use crate::list::List;
use crate::real::Real;
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::var::Var;

/// What the user's equation is called in sentences.
#[derive(Clone, Copy)]
struct Kind {
    op: &'static str,
    residual: &'static str,
}

/// The root of `f` that a solver has found, as nodes whose derivatives by the parameters are those of the root.
///
/// `f` gets the unknowns and the parameters and gives as many residuals as there are unknowns; `answer` is where they are zero. The
/// result has a handle for each number of the answer, with its value; if no parameter is a node of a tape, they are constants.
///
/// Kepler's equation, E - e sin E = M, has no solution in closed form, but dE/dM = 1 / (1 - e cos E):
///
/// ```
/// use wengert::{Error, Var, implicit};
///
/// fn anomaly(e: Var, m: Var) -> Result<Var, Error> {
///     let (e0, m0) = (e.value(), m.value());
///     let newton = |x: f64| x - (x - e0 * x.sin() - m0) / (1.0 - e0 * x.cos());
///     let answer = (0..20).fold(m0, |x, _| newton(x));
///     let kepler = |x: &[Var], p: &[Var]| vec![x[0] - p[0] * x[0].sin() - p[1]];
///     Ok(implicit::root(kepler, &[e, m], &[answer])?[0])
/// }
///
/// let tape = wengert::Tape::new();
/// let (e, m) = (tape.var(0.3), tape.var(1.0));
/// let x = anomaly(e, m)?;
/// assert!((x.backward()[m] - 1.0 / (1.0 - 0.3 * x.value().cos())).abs() < 1e-14);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// If a parameter is stale or foreign; the answer is empty or has a number that is not finite; `f` gives another number of residuals than
/// there are unknowns, one that is not finite, or one that is not small; F_x has an entry that is not finite or is singular to working
/// precision; `f` uses a node of the tape that is not among its arguments; or the tape is full.
///
/// # Panics
///
/// Where `f` does, also because the tape fills up in it.
#[track_caller]
pub fn root<T: Real>(
    f: impl Fn(&[Var<T>], &[Var<T>]) -> Vec<Var<T>> + 'static,
    parameters: &[Var<T>],
    answer: &[T],
) -> Result<Vec<Var<T>>, Error> {
    let kind = Kind {
        op: "implicit::root",
        residual: "F(x, p)",
    };
    record(kind, move |x, p| Ok(f(x, p)), parameters, answer)
}

/// The fixed point of `g` that an iteration has found, as nodes whose derivatives by the parameters are those of the fixed point.
///
/// `g` gets the unknowns and the parameters and gives as many numbers as there are unknowns; `answer` is what `g` gives back. The
/// derivative does not ask how the fixed point was found, nor whether iterating `g` would find it.
///
/// ```
/// use wengert::{Tape, implicit};
///
/// // x = 1 + p x is the geometric series 1 + p + p^2 + .. = 1 / (1 - p), with derivative 1 / (1 - p)^2.
/// let tape = Tape::new();
/// let p = tape.var(0.5);
/// let x = implicit::fixed_point(|x, p| vec![1.0 + p[0] * x[0]], &[p], &[2.0])?[0];
/// assert_eq!(x.backward()[p], 4.0);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
///
/// As [`root`] of x - g(x, p).
///
/// # Panics
///
/// Where `g` does.
#[track_caller]
pub fn fixed_point<T: Real>(
    g: impl Fn(&[Var<T>], &[Var<T>]) -> Vec<Var<T>> + 'static,
    parameters: &[Var<T>],
    answer: &[T],
) -> Result<Vec<Var<T>>, Error> {
    let kind = Kind {
        op: "implicit::fixed_point",
        residual: "x - g(x, p)",
    };
    let residuals = move |x: &[Var<T>], p: &[Var<T>]| {
        let y = g(x, p);
        // As many residuals as `g` gives numbers: a wrong number of them is told apart later.
        let of = |i: usize| x.get(i).copied().unwrap_or_default();
        Ok(y.iter().enumerate().map(|(i, &y)| of(i) - y).collect())
    };
    record(kind, residuals, parameters, answer)
}

/// The minimum of `f` over its unknowns that an optimiser has found, as nodes whose derivatives by the parameters are those of the minimum.
///
/// `f` gets the unknowns and the parameters; `answer` is where its gradient by the unknowns vanishes. Whether the stationary point is a
/// minimum is not asked: the formula is the same. F_x is the Hessian of `f` in x.
///
/// ```
/// use wengert::{Tape, implicit};
///
/// // Ridge regression with one weight: the minimum of (3 - 2 w)^2 + p w^2 is w = 6 / (4 + p).
/// let tape = Tape::new();
/// let p = tape.var(1.0);
/// let f = |w: &[wengert::Var], p: &[wengert::Var]| (3.0 - 2.0 * w[0]).square() + p[0] * w[0].square();
/// let w = implicit::argmin(f, &[p], &[6.0 / 5.0])?[0];
/// assert!((w.backward()[p] + 6.0 / 25.0).abs() < 1e-15);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
///
/// As [`root`] of the gradient of `f` in x, or if `f` gives a constant.
///
/// # Panics
///
/// Where `f` does.
#[track_caller]
pub fn argmin<T: Real>(
    f: impl Fn(&[Var<T>], &[Var<T>]) -> Var<T> + 'static,
    parameters: &[Var<T>],
    answer: &[T],
) -> Result<Vec<Var<T>>, Error> {
    let kind = Kind {
        op: "implicit::argmin",
        residual: "the gradient of f(x, p) in x",
    };
    record(kind, move |x, p| f(x, p).try_grad(x), parameters, answer)
}

#[track_caller]
fn record<T: Real>(
    kind: Kind,
    residuals: impl Fn(&[Var<T>], &[Var<T>]) -> Result<Vec<Var<T>>, Error> + 'static,
    parameters: &[Var<T>],
    answer: &[T],
) -> Result<Vec<Var<T>>, Error> {
    let op = kind.op;
    if answer.is_empty() {
        let detail = "the answer is empty; give one number for each unknown".to_owned();
        return Err(Error::Empty { op, detail });
    }
    if let Some(i) = answer.iter().position(|x| !x.is_finite()) {
        return Err(refuse(
            op,
            format!("number {i} of the answer is {}", answer[i]),
        ));
    }
    let anchor = parameters.iter().find(|p| !p.is_constant());
    for p in parameters.iter().filter(|p| !p.is_constant()) {
        p.try_check(op)?;
        if anchor.is_some_and(|anchor| !std::ptr::eq(anchor.list(), p.list())) {
            return Err(Error::Foreign { op });
        }
    }
    let numbers: Vec<T> = parameters.iter().map(|p| p.value()).collect();
    if let Some(anchor) = anchor {
        refuse_captured(kind, anchor.list(), &residuals, answer, &numbers)?;
    }
    let factors = factorise(kind, &residuals, answer, &numbers)?;
    let Some(anchor) = anchor else {
        return Ok(answer.iter().map(|&x| Var::constant(x)).collect());
    };
    let attempt = anchor.list().attempt();
    let system = Rc::new(System::new(op, residuals, factors));
    let found = Tensor::try_stack(parameters)
        .and_then(|p| implicit(&system, answer).try_call(&[p]))
        .map(scalars);
    attempt.settle(found)
}

fn refuse(op: &'static str, detail: String) -> Error {
    Error::Argument { op, detail }
}

/// Records the function once, takes that back, and looks whether it has used a node from outside.
#[track_caller]
fn refuse_captured<T: Real>(
    kind: Kind,
    list: &'static List<T>,
    residuals: &impl Fn(&[Var<T>], &[Var<T>]) -> Result<Vec<Var<T>>, Error>,
    x: &[T],
    p: &[T],
) -> Result<(), Error> {
    let start = list.len();
    let _taken_back = list.attempt();
    let leaves = |values: &[T]| -> Result<Vec<Var<T>>, Error> {
        let leaf = |&value| {
            let id = list.try_push_leaf(value)?;
            Ok(Var::at(list.place(id)))
        };
        values.iter().map(leaf).collect()
    };
    let (x, p) = (leaves(x)?, leaves(p)?);
    let mut used = Vec::new();
    for y in residuals(&x, &p)?.iter().filter(|y| !y.is_constant()) {
        y.try_check(kind.op)?;
        if !std::ptr::eq(y.list(), list) {
            return Err(Error::Foreign { op: kind.op });
        }
        used.push(y.id());
    }
    let state = list.state();
    for id in start..list.len() {
        used.extend(state.operands_of(id, &list.node(id)));
    }
    match used.into_iter().find(|&id| id < start) {
        None => Ok(()),
        Some(id) => Err(refuse(
            kind.op,
            format!(
                "the function uses node {id}, which it has captured, so the derivative by it would be missed; hand it in among the parameters, or, if it is data, as plain numbers"
            ),
        )),
    }
}

/// Holds the answer to what it claims, and gives the factors of F_x.
#[track_caller]
fn factorise<T: Real>(
    kind: Kind,
    residuals: &impl Fn(&[Var<T>], &[Var<T>]) -> Result<Vec<Var<T>>, Error>,
    answer: &[T],
    parameters: &[T],
) -> Result<Factors, Error> {
    let Kind { op, residual } = kind;
    // A tape aside, because a numeric sweep costs what stands on the list.
    let tape = Tape::<T>::default();
    let (x, p) = (tape.vars(answer), tape.vars(parameters));
    let found = residuals(&x, &p)?;
    let n = x.len();
    if found.len() != n {
        return Err(refuse(
            op,
            format!(
                "{residual} has {} components, but the answer has {n} numbers; there must be one for each unknown",
                found.len()
            ),
        ));
    }
    let mut rows = Vec::with_capacity(n);
    for (i, y) in found.iter().enumerate() {
        let mut by_x = vec![0.0; n];
        let (mut size, mut all) = (0.0, 0.0);
        if !y.is_constant() {
            let gradients = y.try_backward()?;
            for (j, &x) in x.iter().enumerate() {
                by_x[j] = gradients.scalar(x)?.as_f64();
                if !by_x[j].is_finite() {
                    return Err(refuse(
                        op,
                        format!(
                            "the derivative of component {i} of {residual} by unknown {j} is {} at the answer",
                            by_x[j]
                        ),
                    ));
                }
                size += (by_x[j] * x.value().as_f64()).abs();
            }
            for &p in &p {
                let term = (gradients.scalar(p)?.as_f64() * p.value().as_f64()).abs();
                // An infinite derivative by a parameter does not make the residual small.
                size += if term.is_finite() { term } else { 0.0 };
            }
            all = gradients.size_of_terms();
        }
        let (y, epsilon) = (y.value().as_f64(), T::epsilon().as_f64());
        let bound = epsilon.sqrt() * size + epsilon * all;
        // A NaN is not small either, nor is anything beside a bound that has overflowed.
        let small = y.abs() <= bound && bound.is_finite();
        if !small {
            return Err(refuse(
                op,
                format!(
                    "component {i} of {residual} is {y:e} at the answer, but may be at most {bound:e} for the size of its terms; solve more exactly, and for the values that these parameters have"
                ),
            ));
        }
        rows.push(by_x);
    }
    Factors::new(&rows, T::epsilon().as_f64()).ok_or_else(|| {
        refuse(
            op,
            format!(
                "the derivative of {residual} by x is singular to working precision at the answer, so the answer does not depend on the parameters smoothly; pose the problem so that its solution is isolated"
            ),
        )
    })
}
