//! A determinant by expansion in minors, which is meant to take as long as it does.

use serde::Deserialize;
use serde_json::value::RawValue;
use wengert::Tape;

use super::input::{self, Refusal, long, within};
use super::runs::Evaluation;
use crate::gradient;
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

pub(super) fn gradient(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let mut tape = Tape::new();
    runs.measure(|| {
        gradient::gradient(&mut tape, &input.a, |a| {
            Cofactors::new(input.ell).evaluate(a)
        })
    })
}
