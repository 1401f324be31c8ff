//! Hand tracking: how far observed points are from the skin of a posed hand.

use serde::Deserialize;
use serde_json::value::RawValue;
use wengert::{Tape, Var};

use super::input::{self, Refusal, inside, long, refuse, table};
use super::runs::Evaluation;
use crate::objectives::hand::{BONES, Hand, PARAMETERS, Posed};

/// Observations on the tape at a time: so many that the pose, which is swept with each block, hardly
/// counts.
const BLOCK: usize = 2048;

#[derive(Deserialize)]
struct Input {
    theta: Vec<f64>,
    data: Hand,
    #[serde(default)]
    us: Vec<[f64; 2]>,
}

impl input::Input for Input {
    fn check(&self) -> Result<(), Refusal> {
        long("theta", &self.theta, PARAMETERS)?;
        let model = &self.data.model;
        let (bones, vertices) = (model.parents.len(), model.base_positions.len());
        if bones < BONES {
            return refuse(format!(
                "a hand has {BONES} bones or more, but this has {bones}"
            ));
        }
        for (bone, &parent) in model.parents.iter().enumerate() {
            if parent < -1 || parent >= bone as i64 {
                return refuse(format!(
                    "the parent of bone {bone} must be -1 or a bone before it, but is {parent}"
                ));
            }
        }
        long("base_relatives", &model.base_relatives, bones)?;
        long(
            "inverse_base_absolutes",
            &model.inverse_base_absolutes,
            bones,
        )?;
        table("weights", &model.weights, vertices, bones)?;
        for &corner in model.triangles.as_flattened() {
            inside("triangles", corner, vertices)?;
        }
        let count = self.data.correspondences.len();
        long("points", &self.data.points, count)?;
        let targets = match self.us.len() {
            0 => vertices,
            _ => model.triangles.len(),
        };
        if !self.us.is_empty() {
            long("us", &self.us, count)?;
        }
        for &target in &self.data.correspondences {
            inside("correspondences", target, targets)?;
        }
        Ok(())
    }
}

impl Input {
    fn objective(&self) -> Vec<f64> {
        let hand = Posed::new(&self.data.model, &self.theta);
        let all = 0..self.data.correspondences.len();
        self.data.residuals(&hand, all, &self.us).concat()
    }

    /// Forward, since few parameters move many residuals: one sweep for each parameter, and one for
    /// each of the two coordinates in a triangle, in which every observation moves by its own.
    fn jacobian(&self, tape: &mut Tape) -> Vec<Vec<f64>> {
        tape.clear();
        let theta = tape.vars(&self.theta);
        let hand = Posed::new(&self.data.model, &theta);
        let posed = tape.mark();
        let count = self.data.correspondences.len();
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(3 * count);
        for start in (0..count).step_by(BLOCK) {
            let block = start..count.min(start + BLOCK);
            // Empty in the simple form.
            let us = self.us.get(block.clone()).unwrap_or_default();
            let us: Vec<[Var; 2]> = us.iter().map(|u| u.map(|u| tape.var(u))).collect();
            let residuals = self.data.residuals(&hand, block, &us);

            let first = rows.len();
            let width = theta.len() + us.first().map_or(0, |u| u.len());
            rows.resize_with(first + 3 * residuals.len(), || Vec::with_capacity(width));
            let mut add_column = |seeds: &[(Var, f64)]| {
                let tangents = tape.jvp(seeds);
                let residuals = residuals.as_flattened();
                for (row, &residual) in rows[first..].iter_mut().zip(residuals) {
                    row.push(tangents[residual]);
                }
            };
            if !us.is_empty() {
                for j in [0, 1] {
                    add_column(&us.iter().map(|u| (u[j], 1.0)).collect::<Vec<_>>());
                }
            }
            for &parameter in &theta {
                add_column(&[(parameter, 1.0)]);
            }
            tape.rewind(posed);
        }
        rows
    }
}

pub(super) fn objective(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    runs.measure(|| input.objective())
}

pub(super) fn jacobian(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let mut tape = Tape::new();
    runs.measure(|| input.jacobian(&mut tape))
}
