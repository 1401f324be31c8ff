//! Programs as problems for argmin's solvers.

use argmin::core::{CostFunction, Error, Gradient, Hessian};

use crate::program::Program;

/// With the feature `argmin`: the only output.
///
/// An error is that of [`Program::value_and_gradient`].
impl CostFunction for Program {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        let mut workspace = self.workspace();
        workspace.only_output("cost")?;
        Ok(workspace.value(x)?[0])
    }
}

/// With the feature `argmin`: the gradient of the only output.
///
/// An error is that of [`Program::gradient`].
impl Gradient for Program {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(Program::gradient(self, x)?)
    }
}

/// With the feature `argmin`: the Hessian of the only output, by rows.
///
/// An error is that of [`Program::hessian`].
impl Hessian for Program {
    type Param = Vec<f64>;
    type Hessian = Vec<Vec<f64>>;

    fn hessian(&self, x: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        let rows = Program::hessian(self, x)?;
        Ok(rows.rows().into_iter().map(|row| row.to_vec()).collect())
    }
}
