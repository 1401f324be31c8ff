//! A polynomial fitted to a step by least squares.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::input::{self, Refusal, not_empty, within};
use super::runs::{Evaluation, Preparation};
use crate::gradient::program_of_a_point;
use crate::objectives::{LeastSquares, Objective as _, OverPoints as _};

/// Places times coefficients: the work of an evaluation.
const LARGEST: usize = 50_000_000;

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
    n: usize,
}

impl input::Input for Input {
    fn check(&self) -> Result<(), Refusal> {
        not_empty("x", &self.x)?;
        within("n", self.n, 2, LARGEST / self.x.len())
    }
}

pub(super) fn primal(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (Input { x, n }, runs) = input::read(input)?;
    let problem = LeastSquares::new(x.len(), n);
    runs.measure(|| problem.evaluate(&x))
}

/// By a program of one place, run over all of them.
pub(super) fn gradient(input: &RawValue) -> Result<Evaluation, Refusal> {
    const ALIKE: &str = "no branch depends on a number, and the columns are as long as each other";
    let (Input { x, n }, runs) = input::read(input)?;
    let preparation = Preparation::begin("llsq gradient");
    let problem = LeastSquares::new(x.len(), n);
    let columns = problem.columns();
    let program = program_of_a_point(&problem, &x, &columns);
    let lanes = program.lanes(x.len());
    let over = lanes.over(&x, &columns).expect(ALIKE);
    runs.measure_prepared(preparation, || over.sum_and_gradient().expect(ALIKE).1)
}
