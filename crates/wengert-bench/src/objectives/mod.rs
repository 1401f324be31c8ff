//! The functions whose gradients are timed, each written once for any number type.

mod bundle;
mod clusters;
mod determinant;
pub(crate) mod hand;
mod lstm;
mod mixture;
mod perceptron;
mod polynomial;
mod rosenbrock;

use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

use num_traits::Float;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

pub use bundle::{BundleAdjustment, reprojection_error, reprojection_error_of_all, weight_error};
pub use clusters::Clusters;
pub use determinant::{Cofactors, Determinant};
pub use hand::Hand;
pub use lstm::Lstm;
pub use mixture::GaussianMixture;
pub use perceptron::Perceptron;
pub use polynomial::LeastSquares;
pub use rosenbrock::Rosenbrock;

/// A number: `f64`, or a handle of a library that differentiates.
pub trait Number:
    Float
    + AddAssign
    + SubAssign
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
}

impl<T> Number for T where
    T: Float
        + AddAssign
        + SubAssign
        + Add<f64, Output = T>
        + Sub<f64, Output = T>
        + Mul<f64, Output = T>
        + Div<f64, Output = T>
{
}

/// A function of many variables with one value.
pub trait Objective {
    /// What it is and how large, in a line.
    fn describe(&self) -> String;
    /// Where the gradient is taken: random, never zero.
    fn point(&self) -> Vec<f64>;
    /// The function's value at `x`.
    fn evaluate<T: Number>(&self, x: &[T]) -> T;
}

/// A function that sums what each of many data points adds to it.
pub trait OverPoints: Objective {
    /// The points: for each number that a point has, a column with that of every point.
    fn columns(&self) -> Vec<Vec<f64>>;
    /// What a point adds at `x`, with the point's own numbers among the variables.
    fn at_point<T: Number>(&self, x: &[T], point: &[T]) -> T;
    /// What all points add at `x`.
    fn over_points<T: Number>(&self, x: &[T]) -> T;
}

/// A number as it stands in a formula.
pub(crate) fn constant<T: Number>(c: f64) -> T {
    T::from(c).expect("every number type holds an f64")
}

/// A sum that starts with its first term, so that no zero is recorded.
fn sum<T: Number>(terms: impl Iterator<Item = T>) -> T {
    terms.reduce(T::add).expect("at least one term")
}

fn numbers(seed: u64, count: usize, low: f64, high: f64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(low..high)).collect()
}

/// Rows of `width` numbers, one after another, as columns.
fn columns(rows: &[f64], width: usize) -> Vec<Vec<f64>> {
    let column = |k: usize| rows.iter().skip(k).step_by(width).copied().collect();
    (0..width).map(column).collect()
}
