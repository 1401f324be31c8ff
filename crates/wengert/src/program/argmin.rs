//! Programs and closures as problems for argmin's solvers.

use argmin::core::{CostFunction, Error, Gradient, Hessian};

use crate::program::Program;
use crate::real::Real;
use crate::tape::Tape;
use crate::transforms;
use crate::var::Var;

/// With the feature `argmin`: the only output.
///
/// An error is that of [`Program::value_and_gradient`].
impl<T: Real> CostFunction for Program<T> {
    type Param = Vec<T>;
    type Output = T;

    fn cost(&self, x: &Vec<T>) -> Result<T, Error> {
        let mut workspace = self.lent();
        workspace.only_output("cost")?;
        Ok(workspace.value(x)?[0])
    }
}

/// With the feature `argmin`: the gradient of the only output.
///
/// An error is that of [`Program::gradient`].
impl<T: Real> Gradient for Program<T> {
    type Param = Vec<T>;
    type Gradient = Vec<T>;

    fn gradient(&self, x: &Vec<T>) -> Result<Vec<T>, Error> {
        Ok(Program::gradient(self, x)?)
    }
}

/// With the feature `argmin`: the Hessian of the only output, by rows.
///
/// An error is that of [`Program::hessian`].
impl<T: Real> Hessian for Program<T> {
    type Param = Vec<T>;
    type Hessian = Vec<Vec<T>>;

    fn hessian(&self, x: &Vec<T>) -> Result<Vec<Vec<T>>, Error> {
        let rows = Program::hessian(self, x)?;
        Ok(rows.rows().into_iter().map(|row| row.to_vec()).collect())
    }
}

/// A closure as a problem for argmin's solvers, with the feature `argmin`: cost, gradient and Hessian.
///
/// It is recorded anew at every point, so it may branch on values as it likes. What does not is faster as a [`Program`], which is
/// a problem too.
///
/// ```
/// use argmin::core::{Executor, State};
/// use argmin::solver::linesearch::MoreThuenteLineSearch;
/// use argmin::solver::quasinewton::LBFGS;
/// use wengert::{Objective, Var};
///
/// // Huber's loss around 1, which is quadratic near it and linear far away.
/// let objective = Objective(|x: &[Var]| {
///     let off = (x[0] - 1.0).abs();
///     if off < 0.5 { off.square() } else { off - 0.25 }
/// });
/// let solver = LBFGS::new(MoreThuenteLineSearch::new(), 3);
/// let found = Executor::new(objective, solver).configure(|state| state.param(vec![4.0])).run()?;
/// assert!((found.state().get_best_param().unwrap()[0] - 1.0).abs() < 1e-6);
/// # Ok::<(), argmin::core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Objective<F>(pub F);

impl<F: Fn(&[Var]) -> Var> CostFunction for Objective<F> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        let tape = Tape::new();
        Ok(self.0(&tape.vars(x)).value())
    }
}

impl<F: Fn(&[Var]) -> Var> Gradient for Objective<F> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(transforms::grad(&self.0)(x))
    }
}

impl<F: Fn(&[Var]) -> Var> Hessian for Objective<F> {
    type Param = Vec<f64>;
    type Hessian = Vec<Vec<f64>>;

    fn hessian(&self, x: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        Ok(transforms::hessian(&self.0)(x))
    }
}
