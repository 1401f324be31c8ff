//! A determinant by expansion in minors, which is meant to take as long as it does.

use serde::Deserialize;
use serde_json::value::RawValue;
use wengert::Program;

use super::input::{self, Refusal, long, within};
use super::runs::{Evaluation, Preparation};
use crate::objectives::{Cofactors, Objective as _};

/// The work grows with the factorial: at 12 the list of the operations is full.
const LARGEST: usize = 11;

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "A")]
    a: Vec<f64>,
    ell: usize,
}

impl input::Input for Input {
    fn check(&self) -> Result<(), Refusal> {
        within("ell", self.ell, 1, LARGEST)?;
        long("A", &self.a, self.ell * self.ell)
    }
}

pub(super) fn primal(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    runs.measure(|| Cofactors::new(input.ell).evaluate(&input.a))
}

/// By a program, which computes each minor once however often the expansion comes upon it.
pub(super) fn gradient(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let preparation = Preparation::begin("det gradient");
    let expansion = Cofactors::new(input.ell);
    let program = Program::record(|a| expansion.evaluate(a), &input.a).expect("scalars alone");
    let mut workspace = program.workspace();
    runs.measure_prepared(preparation, || {
        let found = workspace.value_and_gradient(&input.a);
        found.expect("no branches").1.to_vec()
    })
}
