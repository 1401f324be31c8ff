//! The cost of a clustering, and Newton's direction for its centroids.

use ndarray::ArrayD;
use serde::Deserialize;
use serde_json::value::RawValue;
use wengert::Tape;

use super::input::{self, Refusal, not_empty, table};
use super::runs::Evaluation;
use super::vector::{Vector, flat, matrix};

#[derive(Deserialize)]
struct Input {
    points: Vec<Vec<f64>>,
    centroids: Vec<Vec<f64>>,
}

impl input::Input for Input {
    fn check(&self) -> Result<(), Refusal> {
        not_empty("points", &self.points)?;
        not_empty("centroids", &self.centroids)?;
        not_empty("points", &self.points[0])?;
        let d = self.points[0].len();
        table("points", &self.points, self.points.len(), d)?;
        table("centroids", &self.centroids, self.centroids.len(), d)
    }
}

/// The sum of the squared distances of the points from their nearest centroids.
fn spread<V: Vector>(points: &V, centroids: &V) -> V::Number {
    // Which one is nearest is a choice between branches; only the chosen distance has a derivative.
    let nearest = nearest(&points.numbers(), &centroids.numbers());
    let gap = centroids.rows(&nearest) - points.clone();
    (gap.clone() * gap).sum()
}

/// The index of the centroid nearest to each point.
fn nearest(points: &ArrayD<f64>, centroids: &ArrayD<f64>) -> Vec<usize> {
    let d = points.shape()[1];
    let (points, centroids) = (flat(points), flat(centroids));
    let of_point = |point: &[f64]| {
        let squared = |c: &[f64]| c.iter().zip(point).map(|(c, x)| (c - x) * (c - x)).sum();
        let distances = centroids.chunks(d).map(squared).enumerate();
        let nearest = distances.min_by(|a: &(usize, f64), b| a.1.total_cmp(&b.1));
        nearest.map_or(0, |(index, _)| index)
    };
    points.chunks(d).map(of_point).collect()
}

pub(super) fn cost(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let (points, centroids) = (matrix(&input.points), matrix(&input.centroids));
    runs.measure(|| spread(&points, &centroids))
}

pub(super) fn dir(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let (points, centroids) = (matrix(&input.points), matrix(&input.centroids));
    let ones = ArrayD::ones(centroids.shape());
    let mut tape = Tape::new();
    runs.measure(|| {
        tape.clear();
        let points = tape.constant(&points);
        let centroids = tape.tensor(&centroids);
        let gradient = spread(&points, &centroids).grad_tensors(&[centroids])[0];
        // No term of the cost mixes two coordinates, so the Hessian is diagonal, and its product
        // with ones is the diagonal.
        let tangents = tape.jvp_tensors(&[(centroids, ones.clone())]);
        let direction = gradient.value() / &tangents[gradient];
        let rows = direction.outer_iter();
        rows.map(|row| row.iter().copied().collect())
            .collect::<Vec<Vec<f64>>>()
    })
}
