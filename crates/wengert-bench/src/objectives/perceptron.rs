//! A small network, scalar by scalar.

use std::ops::{Mul, Sub};

use super::{Number, Objective, OverPoints, columns, numbers, sum};

/// A perceptron 2-16-16-1 with relu and squared errors, scalar by scalar.
#[derive(Clone, Debug)]
pub struct Perceptron {
    samples: Vec<f64>,
}

const WIDTHS: [usize; 4] = [2, 16, 16, 1];

impl Perceptron {
    /// Fitted to `samples` random points.
    #[must_use]
    pub fn new(samples: usize) -> Self {
        Self {
            samples: numbers(7, 3 * samples, -1.0, 1.0),
        }
    }
}

impl Objective for Perceptron {
    fn describe(&self) -> String {
        format!(
            "a perceptron 2-16-16-1 by scalars, {} samples",
            self.samples.len() / 3
        )
    }
    fn point(&self) -> Vec<f64> {
        let count = WIDTHS.windows(2).map(|w| w[1] * (w[0] + 1)).sum();
        numbers(8, count, -0.7, 0.7)
    }
    fn evaluate<T: Number>(&self, x: &[T]) -> T {
        self.over_points(x) / (self.samples.len() / 3) as f64
    }
}

/// The sum of the squared errors.
impl OverPoints for Perceptron {
    fn columns(&self) -> Vec<Vec<f64>> {
        columns(&self.samples, 3)
    }
    fn at_point<T: Number>(&self, x: &[T], point: &[T]) -> T {
        squared_error(x, point, &mut Room::default())
    }
    fn over_points<T: Number>(&self, x: &[T]) -> T {
        let mut room = Room::default();
        let samples = self.samples.chunks(3);
        sum(samples.map(|sample| squared_error(x, sample, &mut room)))
    }
}

/// Activations, which each sample fills anew.
struct Room<T> {
    one: Vec<T>,
    two: Vec<T>,
}

impl<T> Default for Room<T> {
    fn default() -> Self {
        Self {
            one: Vec::new(),
            two: Vec::new(),
        }
    }
}

fn squared_error<T, P>(x: &[T], sample: &[P], Room { one, two }: &mut Room<T>) -> T
where
    T: Number + Mul<P, Output = T> + Sub<P, Output = T>,
    P: Copy,
{
    let (first, rest) = x.split_at(WIDTHS[1] * (WIDTHS[0] + 1));
    let (second, third) = rest.split_at(WIDTHS[2] * (WIDTHS[1] + 1));
    one.clear();
    one.extend(
        first
            .chunks(WIDTHS[0] + 1)
            .map(|w| (w[0] * sample[0] + w[1] * sample[1] + w[2]).max(T::zero())),
    );
    two.clear();
    two.extend(
        second
            .chunks(WIDTHS[1] + 1)
            .map(|w| neuron(w, one).max(T::zero())),
    );
    let error = neuron(third, two) - sample[2];
    error * error
}

/// Weights times inputs, plus the bias that comes last.
fn neuron<T: Number>(weights: &[T], inputs: &[T]) -> T {
    let products = weights.iter().zip(inputs).map(|(&w, &x)| w * x);
    products.fold(weights[inputs.len()], |sum, product| sum + product)
}
