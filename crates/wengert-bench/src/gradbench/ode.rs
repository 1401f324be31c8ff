//! A system of differential equations, solved by the classic method of Runge and Kutta.

use serde::Deserialize;
use serde_json::value::RawValue;
use wengert::Program;

use super::input::{self, Refusal, not_empty, within};
use super::runs::{Evaluation, Preparation};
use crate::objectives::{Number, constant};

/// Steps times components; each takes some 700 bytes while it is recorded.
const LARGEST: usize = 12_000_000;
const END: f64 = 2.0;

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
    s: usize,
}

impl input::Input for Input {
    fn check(&self) -> Result<(), Refusal> {
        not_empty("x", &self.x)?;
        within("s", self.s, 1, LARGEST / self.x.len())
    }
}

/// y at the end, from y = 0 by `steps` steps with y_0' = x_0 and y_i' = x_i y_(i-1).
fn solve<T: Number>(x: &[T], steps: usize) -> Vec<T> {
    let slope = |y: &[T]| -> Vec<T> {
        let before = std::iter::once(constant(1.0)).chain(y.iter().copied());
        x.iter()
            .zip(before)
            .map(|(&x, before)| x * before)
            .collect()
    };
    let moved = |y: &[T], k: &[T], h: f64| -> Vec<T> {
        y.iter().zip(k).map(|(&y, &k)| y + k * h).collect()
    };
    let h = END / steps as f64;
    let mut y = vec![T::zero(); x.len()];
    for _ in 0..steps {
        let k1 = slope(&y);
        let k2 = slope(&moved(&y, &k1, h / 2.0));
        let k3 = slope(&moved(&y, &k2, h / 2.0));
        let k4 = slope(&moved(&y, &k3, h));
        for (i, y) in y.iter_mut().enumerate() {
            *y += (k1[i] + (k2[i] + k3[i]) * 2.0 + k4[i]) * (h / 6.0);
        }
    }
    y
}

pub(super) fn primal(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (Input { x, s }, runs) = input::read(input)?;
    runs.measure(|| solve(&x, s))
}

/// By a program, which leaves out all that the last component does not depend on.
pub(super) fn gradient(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (Input { x, s }, runs) = input::read(input)?;
    let preparation = Preparation::begin("ode gradient");
    let last = x.len() - 1;
    let program = Program::record(|x| solve(x, s)[last], &x).expect("scalars alone");
    let mut workspace = program.workspace();
    runs.measure_prepared(preparation, || {
        let found = workspace.value_and_gradient(&x);
        found.expect("no branches").1.to_vec()
    })
}
