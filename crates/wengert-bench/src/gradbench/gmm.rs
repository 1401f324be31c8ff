//! The log posterior of a Gaussian mixture.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wengert::{PointSum, Tape, Var};

use super::input::{self, Refusal, long, refuse, table};
use super::runs::{Evaluation, Preparation};
use crate::gradient::{gradient, program_of_a_point};
use crate::objectives::{GaussianMixture, Objective as _, OverPoints as _};

#[derive(Deserialize)]
struct Input {
    d: usize,
    k: usize,
    n: usize,
    alpha: Vec<f64>,
    mu: Vec<Vec<f64>>,
    q: Vec<Vec<f64>>,
    l: Vec<Vec<f64>>,
    x: Vec<Vec<f64>>,
    m: f64,
    gamma: f64,
}

impl input::Input for Input {
    fn check(&self) -> Result<(), Refusal> {
        let (d, k) = (self.d, self.k);
        if d == 0 || k == 0 || self.n == 0 {
            return refuse("\"d\", \"k\" and \"n\" must be 1 or more");
        }
        long("alpha", &self.alpha, k)?;
        table("mu", &self.mu, k, d)?;
        table("q", &self.q, k, d)?;
        // A row of mu has d numbers, so d is no longer any number.
        table("l", &self.l, k, d * (d - 1) / 2)?;
        table("x", &self.x, self.n, d)
    }
}

impl Input {
    fn mixture(&self) -> GaussianMixture {
        GaussianMixture::with_data(self.d, self.k, self.x.concat(), self.gamma, self.m)
    }

    fn parameters(&self) -> Vec<f64> {
        [
            self.alpha.as_slice(),
            &self.mu.concat(),
            &self.q.concat(),
            &self.l.concat(),
        ]
        .concat()
    }
}

#[derive(Serialize)]
struct Gradient {
    alpha: Vec<f64>,
    mu: Vec<Vec<f64>>,
    q: Vec<Vec<f64>>,
    l: Vec<Vec<f64>>,
}

impl Gradient {
    fn in_shape_of(input: &Input, flat: &[f64]) -> Self {
        let mut rest = flat;
        let mut rows = |width: usize| -> Vec<Vec<f64>> {
            (0..input.k)
                .map(|_| rest.split_off(..width).unwrap_or_default().to_vec())
                .collect()
        };
        Self {
            alpha: rows(1).concat(),
            mu: rows(input.d),
            q: rows(input.d),
            l: rows(input.d * (input.d - 1) / 2),
        }
    }
}

pub(super) fn objective(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let (mixture, x) = (input.mixture(), input.parameters());
    runs.measure(|| mixture.evaluate(&x))
}

/// The points, run over by a program of one of them, are one node of the tape; the prior's operations stand beside it.
pub(super) fn jacobian(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let preparation = Preparation::begin("gmm jacobian");
    let (mixture, x) = (input.mixture(), input.parameters());
    let columns = mixture.columns();
    let lanes = program_of_a_point(&mixture, &x, &columns).lanes(x.len());
    let points = PointSum::new(lanes, &columns).expect("a column for each coordinate");
    let mut tape = Tape::new();
    runs.measure_prepared(preparation, || {
        let posterior = |x: &[Var]| points.call(x) + mixture.prior(x);
        Gradient::in_shape_of(&input, &gradient(&mut tape, &x, posterior))
    })
}
