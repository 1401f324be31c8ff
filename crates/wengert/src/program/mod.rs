//! Programs: what was recorded once, to be run many times.

#[cfg(feature = "argmin")]
mod argmin;
mod build;
mod code;
mod colour;
pub(crate) mod compiled;
#[cfg(any(feature = "faer", feature = "sprs"))]
mod convert;
mod cover;
mod directions;
mod dispatch;
#[cfg(feature = "serde")]
mod file;
mod fuse;
mod instructions;
mod lanes;
mod matrices;
mod pattern;
mod pool;
mod replay;
mod schedule;
mod sets;
mod sparse;
mod sums;
mod tables;
mod unfold;
mod wide;
mod workspace;

use std::fmt;
use std::sync::Arc;

use ndarray::Array2;

use crate::error::Error;
use crate::guards::{Compared as _, Side};
use crate::program::code::{
    Code, Guarded, Kind, MAX_SLOTS, Question, Run, TAKE_SEVERAL, too_large,
};
use crate::program::pool::{Lent, Pool};
use crate::real::Real;
use crate::tape::Tape;
use crate::var::Var;

#[cfg(feature = "argmin")]
pub use argmin::Objective;
pub use lanes::{Lanes, Over, PointSum};
pub use sparse::{Pattern, Sparse};
pub use workspace::Workspace;

/// A recorded function: owned, immutable, optimised, to be run at other inputs and on other threads.
///
/// What the outputs do not need is left out, what occurs twice is computed once, and what depends on constants
/// alone is computed at once. Nothing is done that could change a bit of a value, or the sign of a zero; a NaN stays a NaN, of either sign.
/// Derivatives are those of the list; where several contributions meet in an adjoint, their order, and so the last bits of their sum, may differ
/// from the list's. What occurs twice has one adjoint: if its contributions cancel, an infinite partial beyond it is absorbed, where
/// the list has two adjoints and a NaN.
///
/// A branch that the recorded function took is noted with the comparison that led there. At an input where
/// the answer would be another, running the program is refused ([`Error::BranchChanged`]). Nothing else is looked at:
/// a number that left the tape by [`Var::value`] is a constant to the program.
///
/// ```
/// use wengert::Program;
///
/// let program = Program::record(|x| x[0] * x[1].sin(), &[1.0, 2.0])?;
/// assert_eq!(program.value(&[3.0, 0.5])?, [3.0 * 0.5_f64.sin()]);
/// assert_eq!(program.gradient(&[3.0, 0.5])?, [0.5_f64.sin(), 3.0 * 0.5_f64.cos()]);
///
/// let branch = Program::record(|x| if x[0] > 0.0 { x[0] } else { x[0] * 0.5 }, &[1.0])?;
/// assert!(branch.value(&[-1.0]).is_err());
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// With the feature `serde` a program can be written to a file and read from it; what is read is checked first. Its patterns are found anew.
#[cfg_attr(
    feature = "serde",
    doc = "
```
use wengert::Program;

let program = Program::record(|x| x[0] * x[1].sin(), &[1.0, 2.0])?;
let file = serde_json::to_string(&program)?;
let read: Program = serde_json::from_str(&file)?;
assert_eq!(read.gradient(&[3.0, 0.5])?, program.gradient(&[3.0, 0.5])?);
# Ok::<(), Box<dyn std::error::Error>>(())
```"
)]
///
/// The memory of a run is kept for the next, so that all that is allocated is the answer. A [`Workspace`] spares that too: it lends its
/// answers. Any number of threads can share a program, or have a workspace each.
#[cfg_attr(
    feature = "argmin",
    doc = "
With the feature `argmin` a program with one output is a problem for the solvers of argmin: its cost, gradient and Hessian, at a
`Vec<f64>`. The solvers' arithmetic on that comes from the feature `vec` of argmin-math.

```
use argmin::core::{Executor, State};
use argmin::solver::{linesearch::MoreThuenteLineSearch, quasinewton::LBFGS};
use wengert::{Program, Var};

let valley = |x: &[Var]| 100.0 * (x[1] - x[0] * x[0]).square() + (1.0 - x[0]).square();
let solver = LBFGS::new(MoreThuenteLineSearch::new(), 5);
let found = Executor::new(Program::record(valley, &[0.0; 2])?, solver)
    .configure(|state| state.param(vec![-1.2, 1.0]).max_iters(100))
    .run()?;
let best = found.state().get_best_param().unwrap();
assert!(best.iter().all(|x| (x - 1.0).abs() < 1e-6));
# Ok::<(), argmin::core::Error>(())
```"
)]
#[derive(Clone)]
pub struct Program<T: Real = f64> {
    code: Arc<Code>,
    constants: Arc<[T]>,
    workspaces: Arc<Pool<Workspace<T>>>,
}

impl<T: Real> fmt::Debug for Program<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("inputs", &self.inputs())
            .field("outputs", &self.outputs())
            .field("instructions", &self.len())
            .field("branches", &self.branches())
            .finish()
    }
}

/// What a recorded function gives: one scalar or several.
pub trait Outputs<T: Real = f64> {
    /// The scalars.
    fn into_vars(self) -> Vec<Var<T>>;
    /// The same form with other scalars, as many as there were.
    ///
    /// # Panics
    ///
    /// If there are fewer than the form has.
    fn from_vars(vars: Vec<Var<T>>) -> Self;
}

impl<T: Real> Outputs<T> for Var<T> {
    fn into_vars(self) -> Vec<Var<T>> {
        vec![self]
    }
    fn from_vars(vars: Vec<Var<T>>) -> Self {
        vars[0]
    }
}

impl<T: Real> Outputs<T> for Vec<Var<T>> {
    fn into_vars(self) -> Vec<Var<T>> {
        self
    }
    fn from_vars(vars: Vec<Var<T>>) -> Self {
        vars
    }
}

impl<T: Real, const N: usize> Outputs<T> for [Var<T>; N] {
    fn into_vars(self) -> Vec<Var<T>> {
        self.into()
    }
    fn from_vars(vars: Vec<Var<T>>) -> Self {
        std::array::from_fn(|i| vars[i])
    }
}

impl Program<f64> {
    /// Records a function at an example input, which decides what its branches do.
    ///
    /// # Errors
    ///
    /// As [`Tape::freeze`] fails.
    ///
    /// # Panics
    ///
    /// Where the function does.
    #[track_caller]
    pub fn record<O: Outputs>(f: impl FnOnce(&[Var]) -> O, example: &[f64]) -> Result<Self, Error> {
        Self::of(f, example)
    }
}

impl Program<f32> {
    /// [`Program::record`] in `f32`.
    ///
    /// The loops over such a program are compiled with the crate that runs it, which makes its build longer.
    ///
    /// ```
    /// use wengert::{Program, Real, Var};
    ///
    /// // For both types; a number is then `T::of`, for a literal has only one.
    /// fn energy<T: Real>(x: &[Var<T>]) -> Var<T> {
    ///     x[0] * x[1] * T::of(0.5)
    /// }
    /// let single = Program::record_f32(energy, &[1.0, 2.0])?;
    /// assert_eq!(single.gradient(&[3.0_f32, 0.5])?, [0.25, 1.5]);
    /// let double = Program::record(energy, &[1.0, 2.0])?;
    /// assert_eq!(double.gradient(&[3.0_f64, 0.5])?, [0.25, 1.5]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Tape::freeze`] fails.
    ///
    /// # Panics
    ///
    /// Where the function does.
    #[track_caller]
    pub fn record_f32<O: Outputs<f32>>(
        f: impl FnOnce(&[Var<f32>]) -> O,
        example: &[f32],
    ) -> Result<Self, Error> {
        Self::of(f, example)
    }
}

impl<T: Real> Program<T> {
    /// [`Program::record`], of whichever type the numbers are.
    #[track_caller]
    pub(super) fn of<O: Outputs<T>>(
        f: impl FnOnce(&[Var<T>]) -> O,
        example: &[T],
    ) -> Result<Self, Error> {
        let tape = Tape::default();
        let inputs = tape.vars(example);
        let outputs = f(&inputs).into_vars();
        tape.freeze(&inputs, &outputs)
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.code.inputs
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.code.outputs.len()
    }

    /// The number of instructions.
    pub fn len(&self) -> usize {
        self.code.args.len()
    }

    /// Whether there is no instruction: every output is an input or a constant.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of questions about values that were asked while recording, each of which a run asks again.
    ///
    /// A program without any cannot be refused for a branch that would go another way.
    pub fn branches(&self) -> usize {
        self.code.guards.len()
    }

    /// Memory for many runs.
    #[must_use]
    pub fn workspace(&self) -> Workspace<T> {
        Workspace::new(&self.code, &self.constants)
    }

    /// A workspace that an earlier call has left.
    fn lent(&self) -> Lent<'_, Workspace<T>> {
        self.workspaces.lend(|| self.workspace())
    }

    /// The outputs at `x`.
    ///
    /// # Errors
    ///
    /// If `x` has not as many numbers as there are inputs, or a branch would go another way.
    pub fn value(&self, x: &[T]) -> Result<Vec<T>, Error> {
        Ok(self.lent().value(x)?.to_vec())
    }

    /// The gradient of the only output at `x`.
    ///
    /// # Errors
    ///
    /// As [`Program::value`], or if there is not one output.
    pub fn gradient(&self, x: &[T]) -> Result<Vec<T>, Error> {
        self.code.only_output("gradient", TAKE_SEVERAL)?;
        Ok(self.value_and_gradient(x)?.1)
    }

    /// The only output and its gradient at `x`.
    ///
    /// # Errors
    ///
    /// As [`Program::value`], or if there is not one output.
    pub fn value_and_gradient(&self, x: &[T]) -> Result<(T, Vec<T>), Error> {
        let mut workspace = self.lent();
        let (value, gradient) = workspace.value_and_gradient(x)?;
        Ok((value, gradient.to_vec()))
    }

    /// The tangents of the outputs at `x` along `v`.
    ///
    /// # Errors
    ///
    /// As [`Program::value`], or if `v` has another length than `x`.
    pub fn jvp(&self, x: &[T], v: &[T]) -> Result<Vec<T>, Error> {
        Ok(self.lent().jvp(x, v)?.to_vec())
    }

    /// The product of a cotangent, one number for each output, with the Jacobian at `x`.
    ///
    /// # Errors
    ///
    /// As [`Program::value`], or if `u` has not as many numbers as there are outputs.
    pub fn vjp(&self, x: &[T], u: &[T]) -> Result<Vec<T>, Error> {
        Ok(self.lent().vjp(x, u)?.to_vec())
    }

    /// The derivatives of each output (rows) by each input (columns) at `x`.
    ///
    /// # Errors
    ///
    /// As [`Program::value`].
    pub fn jacobian(&self, x: &[T]) -> Result<Array2<T>, Error> {
        Ok(self.lent().jacobian(x)?.to_owned())
    }

    /// The product of the only output's Hessian at `x` with `v`.
    ///
    /// # Errors
    ///
    /// As [`Program::value`], or if there is not one output, or `v` has another length than `x`.
    pub fn hvp(&self, x: &[T], v: &[T]) -> Result<Vec<T>, Error> {
        Ok(self.lent().hvp(x, v)?.to_vec())
    }

    /// The second derivative of the only output by each input at `x`: the diagonal of the Hessian.
    ///
    /// # Errors
    ///
    /// As [`Program::value`], or if there is not one output.
    pub fn hessian_diagonal(&self, x: &[T]) -> Result<Vec<T>, Error> {
        Ok(self.lent().hessian_diagonal(x)?.to_vec())
    }

    /// The second derivatives of the only output at `x`.
    ///
    /// # Errors
    ///
    /// As [`Program::value`], or if there is not one output.
    pub fn hessian(&self, x: &[T]) -> Result<Array2<T>, Error> {
        Ok(self.lent().hessian(x)?.to_owned())
    }
}

impl<T: Real> Tape<T> {
    /// What was recorded between inputs and outputs, as a [`Program`].
    ///
    /// Every other node that the outputs depend on is a constant of the program, with the value that it has.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let (x, y) = (tape.var(2.0), tape.var(3.0));
    /// let z = x * y + x.sin();
    /// let program = tape.freeze(&[x], &[z])?;
    /// assert_eq!(program.value(&[1.0])?, [3.0 + 1.0_f64.sin()]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a handle is stale or foreign, an input is a constant or named twice, an operation between inputs and
    /// outputs works on tensors, or a question about a value cannot be asked again (`is_normal`, nalgebra's
    /// `relative_eq`).
    pub fn freeze(&self, inputs: &[Var<T>], outputs: &[Var<T>]) -> Result<Program<T>, Error> {
        let op = "freeze";
        let list = self.list();
        for handle in inputs
            .iter()
            .chain(outputs.iter().filter(|y| !y.is_constant()))
        {
            handle.try_check(op)?;
            if !std::ptr::eq(handle.list(), list) {
                return Err(Error::Foreign { op });
            }
        }
        let ids: Vec<u32> = inputs.iter().map(|input| input.id()).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::Argument {
                op,
                detail: format!("node {} is an input twice; name each input once", twice[0]),
            });
        }
        let outputs: Vec<Side<T>> = outputs.iter().map(|output| output.side()).collect();
        let (code, constants) = T::build(list, &ids, &outputs)?;
        if code.slots() >= MAX_SLOTS as usize {
            return Err(too_large(op));
        }
        Ok(Program {
            code: Arc::new(code),
            constants: constants.into(),
            workspaces: Arc::default(),
        })
    }
}
