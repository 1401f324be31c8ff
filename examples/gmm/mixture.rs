//! A mixture of normal densities: its parameters, its density, and points drawn from it.

use std::f64::consts::PI;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use wengert::{Error, Lanes, Program, Var};
use wengert_check::{Check, Report};

/// How many numbers a mixture has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The dimension of a point.
    pub dimension: usize,
    /// The number of normal densities.
    pub components: usize,
}

/// A mixture's parameters, cut into their parts; each part has the components one after another.
///
/// Any numbers will do, for the weights are the softmax of `weights`, and the covariance of a component is (Q^T Q)^-1, where Q is lower
/// triangular, with exp(`diagonals`) on its diagonal and `lowers` below it, column by column.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a, T> {
    /// The logarithm of each component's weight, up to a number that is the same for all.
    pub weights: &'a [T],
    /// The mean of each component.
    pub means: &'a [T],
    /// The logarithm of the diagonal of each component's Q.
    pub diagonals: &'a [T],
    /// What stands below the diagonal of each component's Q.
    pub lowers: &'a [T],
}

impl Shape {
    /// The parameters of a component: weight, mean, diagonal of Q, the rest of Q.
    fn sizes(self) -> [usize; 4] {
        let d = self.dimension;
        [1, d, d, d * (d - 1) / 2]
    }

    /// The number of parameters.
    pub fn parameters(self) -> usize {
        self.components * self.sizes().iter().sum::<usize>()
    }

    /// Cuts a list of all parameters.
    pub fn parts<T>(self, parameters: &[T]) -> Parts<'_, T> {
        let [weights, means, diagonals, _] = self.sizes().map(|size| size * self.components);
        let (weights, rest) = parameters.split_at(weights);
        let (means, rest) = rest.split_at(means);
        let (diagonals, lowers) = rest.split_at(diagonals);
        Parts {
            weights,
            means,
            diagonals,
            lowers,
        }
    }

    /// Where the entry in a row and a column of Q, below the diagonal, stands among those of its component.
    fn below(self, row: usize, column: usize) -> usize {
        let before: usize = (0..column).map(|c| self.dimension - 1 - c).sum();
        before + row - column - 1
    }

    /// Records the logarithm of each component's weight times its density at a point, without what is the same for all components.
    fn terms(self, parameters: &[Var], point: &[Var]) -> Vec<Var> {
        let d = self.dimension;
        let parts = self.parts(parameters);
        let term = |k: usize| {
            let mean = &parts.means[k * d..][..d];
            let diagonal = &parts.diagonals[k * d..][..d];
            let lower = &parts.lowers[k * self.sizes()[3]..][..self.sizes()[3]];
            let centred: Vec<Var> = point.iter().zip(mean).map(|(x, m)| x - m).collect();
            let row = |i: usize| {
                let diagonal = diagonal[i].exp() * centred[i];
                (0..i).fold(diagonal, |sum, j| {
                    sum + lower[self.below(i, j)] * centred[j]
                })
            };
            let distance = (0..d).map(|i| row(i).square()).sum::<Var>();
            parts.weights[k] + diagonal.iter().sum::<Var>() - 0.5 * distance
        };
        (0..self.components).map(term).collect()
    }

    /// Records the logarithm of the density at a point.
    fn log_density(self, parameters: &[Var], point: &[Var]) -> Var {
        let constant = 0.5 * self.dimension as f64 * (2.0 * PI).ln();
        let weights = self.parts(parameters).weights;
        log_sum_exp(&self.terms(parameters, point)) - log_sum_exp(weights) - constant
    }
}

fn log_sum_exp(terms: &[Var]) -> Var {
    let sum = terms.iter().copied().reduce(Var::logaddexp);
    sum.expect("a mixture has a component")
}

/// A mixture with numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// How many numbers.
    pub shape: Shape,
    /// All numbers, as [`Shape::parts`] cuts them.
    pub parameters: Vec<f64>,
}

impl Mixture {
    /// Components at random places that are some way from each other.
    pub fn random(shape: Shape, rng: &mut ChaCha8Rng) -> Mixture {
        const APART: f64 = 2.5;
        let d = shape.dimension;
        let mut numbers = |count: usize, low: f64, high: f64| -> Vec<f64> {
            (0..count).map(|_| rng.random_range(low..high)).collect()
        };
        let mut parameters = numbers(shape.components, -0.5, 0.5);
        let mut means: Vec<f64> = Vec::new();
        while means.len() < shape.components * d {
            let mean = numbers(d, -5.0, 5.0);
            if means
                .chunks(d)
                .all(|other| distance(&mean, other) > APART * APART)
            {
                means.extend(mean);
            }
        }
        parameters.extend(means);
        parameters.extend(numbers(shape.components * d, 0.0, 0.7));
        parameters.extend(numbers(shape.components * shape.sizes()[3], -1.0, 1.0));
        Mixture { shape, parameters }
    }

    /// The weight of each component; they sum to 1.
    pub fn weights(&self) -> Vec<f64> {
        let logs = self.shape.parts(&self.parameters).weights;
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    /// The mean of a component.
    pub fn mean(&self, component: usize) -> &[f64] {
        let d = self.shape.dimension;
        &self.shape.parts(&self.parameters).means[component * d..][..d]
    }

    /// What a standard normal vector becomes in a component: mean + Q^-1 z.
    pub fn place(&self, component: usize, z: &[f64]) -> Vec<f64> {
        let (d, below) = (self.shape.dimension, self.shape.sizes()[3]);
        let parts = self.shape.parts(&self.parameters);
        let diagonal = &parts.diagonals[component * d..][..d];
        let lower = &parts.lowers[component * below..][..below];
        let mut y = z.to_vec();
        for i in 0..d {
            let known: f64 = (0..i).map(|j| lower[self.shape.below(i, j)] * y[j]).sum();
            y[i] = (y[i] - known) / diagonal[i].exp();
        }
        y.iter()
            .zip(self.mean(component))
            .map(|(y, mean)| y + mean)
            .collect()
    }

    /// Points drawn from the mixture: for each coordinate a column.
    pub fn draw(&self, points: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
        let weights = self.weights();
        let mut columns = vec![Vec::new(); self.shape.dimension];
        for _ in 0..points {
            let mut rest = rng.random_range(0.0..1.0);
            let component = weights.iter().position(|weight| {
                rest -= weight;
                rest < 0.0
            });
            let z: Vec<f64> = (0..columns.len())
                .map(|_| StandardNormal.sample(rng))
                .collect();
            // Rounding may leave a little after the last weight.
            let point = self.place(component.unwrap_or(weights.len() - 1), &z);
            for (column, x) in columns.iter_mut().zip(point) {
                column.push(x);
            }
        }
        columns
    }
}

/// The square of the distance between two points.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// Densities of one point, recorded once, to be run over all points.
pub struct Model {
    /// How many numbers a mixture has.
    pub shape: Shape,
    density: Lanes,
    terms: Lanes,
}

impl Model {
    /// Records the densities.
    ///
    /// # Errors
    /// If they cannot be frozen.
    pub fn record(shape: Shape) -> Result<Model, Error> {
        let shared = shape.parameters();
        let example = vec![1.0; shared + shape.dimension];
        let density = |all: &[Var]| shape.log_density(&all[..shared], &all[shared..]);
        let terms = |all: &[Var]| shape.terms(&all[..shared], &all[shared..]);
        Ok(Model {
            shape,
            density: Program::record(density, &example)?.lanes(shared),
            terms: Program::record(terms, &example)?.lanes(shared),
        })
    }

    /// The mean over the points of the logarithm of the density, and its gradient by the parameters.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn log_likelihood(
        &self,
        parameters: &[f64],
        points: &[&[f64]],
        parallel: bool,
    ) -> Result<(f64, Vec<f64>), Error> {
        let over = self.density.over(parameters, points)?;
        let over = if parallel { over.parallel() } else { over };
        let (sum, mut gradient) = over.sum_and_gradient()?;
        let count = over.points() as f64;
        gradient.iter_mut().for_each(|g| *g /= count);
        Ok((sum / count, gradient))
    }

    /// The component that each point most probably belongs to.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn members(&self, parameters: &[f64], points: &[&[f64]]) -> Result<Vec<usize>, Error> {
        let terms = self.terms.over(parameters, points)?.parallel().values()?;
        let likeliest = |term: ndarray::ArrayView1<f64>| {
            let order = term.iter().enumerate();
            order
                .max_by(|a, b| a.1.total_cmp(b.1))
                .map_or(0, |(k, _)| k)
        };
        Ok(terms.rows().into_iter().map(likeliest).collect())
    }

    /// Compares the gradient at some points with differences.
    ///
    /// # Panics
    /// If the program cannot be run.
    pub fn check(&self, parameters: &[f64], points: &[&[f64]]) -> Report {
        let (d, k) = (self.shape.dimension, self.shape.components);
        let at = |x: &[f64]| {
            let both = self.log_likelihood(x, points, false);
            both.expect("the density has no branch")
        };
        Check::new()
            .named("the log-likelihood")
            .inputs(&[
                ("weights", &[k]),
                ("means", &[k, d]),
                ("diagonals", &[k, d]),
                ("lowers", &[k, self.shape.sizes()[3]]),
            ])
            .gradient(|x| at(x).0, |x| at(x).1, parameters)
    }
}
