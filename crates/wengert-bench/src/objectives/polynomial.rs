//! A polynomial fitted to a step.

use std::ops::{Mul, Sub};

use super::{Number, Objective, OverPoints, numbers, sum};

/// Half the sum of the squared distances of a polynomial, whose coefficients are the variables, from the sign
/// function at places evenly spaced from -1 to 1.
#[derive(Clone, Debug)]
pub struct LeastSquares {
    coefficients: usize,
    /// Places, each with the sign there.
    points: Vec<[f64; 2]>,
}

impl LeastSquares {
    /// A polynomial with so many coefficients at `n` places.
    #[must_use]
    pub fn new(coefficients: usize, n: usize) -> Self {
        let place = |i: usize| -1.0 + 2.0 * i as f64 / (n - 1) as f64;
        let sign = |t: f64| if t == 0.0 { 0.0 } else { t.signum() };
        Self {
            coefficients,
            points: (0..n).map(place).map(|t| [t, sign(t)]).collect(),
        }
    }

    /// The places, each with the sign there.
    #[must_use]
    pub fn points(&self) -> &[[f64; 2]] {
        &self.points
    }

    fn term<T, P>(&self, x: &[T], [place, sign]: [P; 2]) -> T
    where
        T: Number + Mul<P, Output = T> + Sub<P, Output = T>,
        P: Copy + Mul<Output = P>,
    {
        let mut power = place;
        let mut error = x[0] - sign;
        for &coefficient in &x[1..] {
            error += coefficient * power;
            power = power * place;
        }
        error * error * 0.5
    }
}

impl Objective for LeastSquares {
    fn describe(&self) -> String {
        format!(
            "a polynomial by least squares, m {}, n {}",
            self.coefficients,
            self.points.len()
        )
    }
    fn point(&self) -> Vec<f64> {
        numbers(13, self.coefficients, -1.0, 1.0)
    }
    fn evaluate<T: Number>(&self, x: &[T]) -> T {
        self.over_points(x)
    }
}

impl OverPoints for LeastSquares {
    fn columns(&self) -> Vec<Vec<f64>> {
        super::columns(self.points.as_flattened(), 2)
    }
    fn at_point<T: Number>(&self, x: &[T], point: &[T]) -> T {
        self.term(x, [point[0], point[1]])
    }
    fn over_points<T: Number>(&self, x: &[T]) -> T {
        sum(self.points.iter().map(|&point| self.term(x, point)))
    }
}
