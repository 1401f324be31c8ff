//! Hand tracking: how far observed points are from the skin of a posed hand.

use ndarray::Array2;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use wengert::{Program, Var};

use super::input::{self, Refusal, inside, long, refuse, table};
use super::runs::{Evaluation, Preparation};
use crate::objectives::hand::{BONES, Hand, PARAMETERS, Posed};

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

    /// How far each observation is moved within its triangle; nothing in the simple form.
    fn moves(&self) -> usize {
        if self.us.is_empty() { 0 } else { 2 }
    }

    /// All numbers: moves, the pose, and then the data.
    fn numbers(&self) -> Vec<f64> {
        let mut all = vec![0.0; self.moves()];
        all.extend(&self.theta);
        all.extend(self.us.as_flattened());
        self.data.map(|number| all.push(number));
        all
    }

    /// The residuals, by [`Input::numbers`].
    fn residuals(&self, all: &[Var]) -> Vec<Var> {
        let (moves, rest) = all.split_at(self.moves());
        let (theta, mut data) = rest.split_at(self.theta.len());
        let mut number = || {
            let (first, others) = data.split_first().expect("as many as there were numbers");
            data = others;
            *first
        };
        let us = self.us.iter();
        let us: Vec<[Var; 2]> = us.map(|_| [0, 1].map(|j| number() + moves[j])).collect();
        let data = self.data.map(|_| number());
        let hand = Posed::new(&data.model, theta);
        let observations = 0..data.correspondences.len();
        data.residuals(&hand, observations, &us).concat()
    }
}

/// A matrix, sent row by row.
struct Rows(Array2<f64>);

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows().into_iter().map(|row| row.to_vec()))
    }
}

pub(super) fn objective(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    runs.measure(|| input.objective())
}

/// By a program whose inputs are the pose and all data: which bones have no share in a point is asked again at each run.
///
/// Forward, since few parameters move many residuals. All observations are moved in their triangles at once, so what one
/// residual changes by is what its own coordinates change it by.
pub(super) fn jacobian(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let preparation = Preparation::begin("ht jacobian");
    let all = input.numbers();
    let program = Program::record(|all| input.residuals(all), &all).expect("scalars alone");
    let mut workspace = program.workspace();
    let columns = 0..input.moves() + input.theta.len();
    runs.measure_prepared(preparation, || {
        let jacobian = workspace.jacobian_by(&all, columns.clone());
        let jacobian = jacobian.expect("the numbers at which it was recorded");
        Rows(jacobian.to_owned())
    })
}
