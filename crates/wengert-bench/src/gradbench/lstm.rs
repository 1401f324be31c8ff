//! The likelihood of a sequence under a stack of LSTM cells.

use serde::Deserialize;
use serde_json::value::RawValue;
use wengert::{Program, Var};

use super::input::{self, Refusal, not_empty, refuse, table};
use super::runs::{Evaluation, Preparation};
use crate::objectives::{Lstm, Objective as _};

#[derive(Deserialize)]
struct Input {
    main_params: Vec<Vec<f64>>,
    extra_params: Vec<Vec<f64>>,
    state: Vec<Vec<f64>>,
    sequence: Vec<Vec<f64>>,
}

impl input::Input for Input {
    fn check(&self) -> Result<(), Refusal> {
        not_empty("main_params", &self.main_params)?;
        not_empty("extra_params", &self.extra_params)?;
        not_empty("extra_params", &self.extra_params[0])?;
        let (rows, b) = (self.main_params.len(), self.extra_params[0].len());
        if rows % 2 != 0 {
            return refuse(format!(
                "\"main_params\" must have weights and biases for each layer, but has {rows} rows"
            ));
        }
        table("main_params", &self.main_params, rows, 4 * b)?;
        table("extra_params", &self.extra_params, 3, b)?;
        table("state", &self.state, rows, b)?;
        if self.sequence.len() < 2 {
            return refuse("\"sequence\" must have two steps or more");
        }
        table("sequence", &self.sequence, self.sequence.len(), b)
    }
}

impl Input {
    fn lstm(&self) -> Lstm {
        Lstm::with_data(
            self.main_params.len() / 2,
            self.extra_params[0].len(),
            self.state.concat(),
            self.sequence.concat(),
        )
    }

    fn parameters(&self) -> Vec<f64> {
        [self.main_params.concat(), self.extra_params.concat()].concat()
    }
}

pub(super) fn objective(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let (lstm, x) = (input.lstm(), input.parameters());
    runs.measure(|| lstm.evaluate(&x))
}

/// By a program whose inputs are the parameters and the data, so that the lengths alone decide what it is.
pub(super) fn jacobian(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let preparation = Preparation::begin("lstm jacobian");
    let (lstm, x) = (input.lstm(), input.parameters());
    let all = [x.as_slice(), &lstm.data()].concat();
    let loss = |all: &[Var]| lstm.at_data(&all[..x.len()], &all[x.len()..]);
    let program = Program::record(loss, &all).expect("scalars alone");
    let mut workspace = program.workspace();
    runs.measure_prepared(preparation, || {
        let (_, gradient) = workspace.value_and_gradient(&all).expect("no branches");
        gradient[..x.len()].to_vec()
    })
}
