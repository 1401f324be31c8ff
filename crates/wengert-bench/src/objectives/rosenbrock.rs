//! Rosenbrock's valley.

use super::{Number, Objective, numbers, sum};

/// Rosenbrock's valley in `n` dimensions.
#[derive(Clone, Debug)]
pub struct Rosenbrock {
    n: usize,
}

impl Rosenbrock {
    /// In `n` dimensions.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { n }
    }
}

impl Objective for Rosenbrock {
    fn describe(&self) -> String {
        format!("Rosenbrock's function, n {}", self.n)
    }
    fn point(&self) -> Vec<f64> {
        numbers(1, self.n, 0.5, 1.5)
    }
    fn evaluate<T: Number>(&self, x: &[T]) -> T {
        sum(x.windows(2).map(|pair| {
            let (x, next) = (pair[0], pair[1]);
            let valley = next - x * x;
            let slope = x - 1.0;
            valley * valley * 100.0 + slope * slope
        }))
    }
}
