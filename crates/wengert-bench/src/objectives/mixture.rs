//! A mixture of normal distributions.

use std::ops::Sub;

use super::{Number, Objective, OverPoints, columns, numbers, sum};

/// The log posterior of a Gaussian mixture with a Wishart prior.
#[derive(Clone, Debug)]
pub struct GaussianMixture {
    d: usize,
    k: usize,
    data: Vec<f64>,
    gamma: f64,
    m: f64,
}

impl GaussianMixture {
    /// With `k` components for `n` random points in `d` dimensions.
    #[must_use]
    pub fn new(d: usize, k: usize, n: usize) -> Self {
        Self::with_data(d, k, numbers(2, n * d, -1.0, 1.0), 1.0, 0.0)
    }

    /// With `k` components for points in `d` dimensions, one after another in `data`, and a prior
    /// with the parameters `gamma` and `m`.
    #[must_use]
    pub fn with_data(d: usize, k: usize, data: Vec<f64>, gamma: f64, m: f64) -> Self {
        Self {
            d,
            k,
            data,
            gamma,
            m,
        }
    }

    fn lower(&self) -> usize {
        self.d * (self.d - 1) / 2
    }

    /// The number of points.
    #[must_use]
    pub fn points(&self) -> usize {
        self.data.len() / self.d
    }

    /// The dimension of a point.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.d
    }

    /// The number of components.
    #[must_use]
    pub fn components_count(&self) -> usize {
        self.k
    }

    /// The points, one after another.
    #[must_use]
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// What the value is without any point.
    pub fn prior<T: Number>(&self, x: &[T]) -> T {
        self.prior_of(&self.components(x))
    }

    fn components<'x, T: Number>(&self, x: &'x [T]) -> Components<'x, T> {
        let (d, k) = (self.d, self.k);
        let (alphas, rest) = x.split_at(k);
        let (means, rest) = rest.split_at(k * d);
        let (log_diagonals, lowers) = rest.split_at(k * d);
        Components {
            alphas,
            means,
            diagonals: log_diagonals.iter().map(|q| q.exp()).collect(),
            log_determinants: log_diagonals
                .chunks(d)
                .map(|q| sum(q.iter().copied()))
                .collect(),
            lowers,
        }
    }

    fn prior_of<T: Number>(&self, components: &Components<'_, T>) -> T {
        let n = self.points() as f64;
        let entries = components.diagonals.iter().chain(components.lowers);
        let squares = sum(entries.map(|&q| q * q));
        let logs = sum(components.log_determinants.iter().copied());
        -(log_sum_exp(components.alphas) * n) - squares * (0.5 * self.gamma * self.gamma)
            + logs * self.m
            + wishart_constant(self.d, self.k, n, self.gamma, self.m)
    }

    fn likelihood<T: Number>(&self, components: &Components<'_, T>) -> T {
        let mut room = Room::default();
        let points = self.data.chunks(self.d);
        sum(points.map(|point| self.term(components, point, &mut room)))
    }

    fn term<T: Number + Sub<P, Output = T>, P: Copy>(
        &self,
        components: &Components<'_, T>,
        point: &[P],
        room: &mut Room<T>,
    ) -> T {
        let d = self.d;
        let Room { terms, centred } = room;
        terms.clear();
        for component in 0..self.k {
            let mean = &components.means[component * d..][..d];
            centred.clear();
            centred.extend(mean.iter().zip(point).map(|(&mean, &x)| mean - x));
            let square = squared_norm_of_product(
                &components.diagonals[component * d..][..d],
                &components.lowers[component * self.lower()..][..self.lower()],
                centred,
            );
            let logits = components.alphas[component] + components.log_determinants[component];
            terms.push(logits - square * 0.5);
        }
        log_sum_exp(terms)
    }
}

/// Lists that each point fills anew.
struct Room<T> {
    terms: Vec<T>,
    centred: Vec<T>,
}

impl<T> Default for Room<T> {
    fn default() -> Self {
        Self {
            terms: Vec::new(),
            centred: Vec::new(),
        }
    }
}

/// The parameters of a mixture, taken apart.
struct Components<'x, T> {
    alphas: &'x [T],
    means: &'x [T],
    diagonals: Vec<T>,
    log_determinants: Vec<T>,
    lowers: &'x [T],
}

impl Objective for GaussianMixture {
    fn describe(&self) -> String {
        format!(
            "a Gaussian mixture's log posterior, d {}, K {}, n {}",
            self.d,
            self.k,
            self.points()
        )
    }
    /// The logits of the weights, the means, the logarithms of the diagonals, and what is below them.
    fn point(&self) -> Vec<f64> {
        numbers(3, self.k * (1 + 2 * self.d + self.lower()), -0.7, 0.7)
    }
    fn evaluate<T: Number>(&self, x: &[T]) -> T {
        let components = self.components(x);
        self.likelihood(&components) + self.prior_of(&components)
    }
}

/// The likelihood of the points, without the prior.
impl OverPoints for GaussianMixture {
    fn columns(&self) -> Vec<Vec<f64>> {
        columns(&self.data, self.d)
    }
    fn at_point<T: Number>(&self, x: &[T], point: &[T]) -> T {
        self.term(&self.components(x), point, &mut Room::default())
    }
    fn over_points<T: Number>(&self, x: &[T]) -> T {
        self.likelihood(&self.components(x))
    }
}

/// |Q c|^2 for a lower triangular Q, whose strict lower triangle is given column by column.
fn squared_norm_of_product<T: Number>(diagonal: &[T], lower: &[T], c: &[T]) -> T {
    let d = c.len();
    let mut norm = diagonal[0] * c[0];
    norm = norm * norm;
    for row in 1..d {
        let mut entry = diagonal[row] * c[row];
        let mut at = row - 1;
        for (column, &c) in c[..row].iter().enumerate() {
            entry += lower[at] * c;
            at += d - 2 - column;
        }
        norm += entry * entry;
    }
    norm
}

fn log_sum_exp<T: Number>(terms: &[T]) -> T {
    let highest = terms
        .iter()
        .copied()
        .reduce(T::max)
        .expect("at least one term");
    sum(terms.iter().map(|&term| (term - highest).exp())).ln() + highest
}

fn wishart_constant(d: usize, k: usize, n: f64, gamma: f64, m: f64) -> f64 {
    let (d, k) = (d as f64, k as f64);
    let freedom = d + m + 1.0;
    let log_gamma: f64 = d * (d - 1.0) / 4.0 * std::f64::consts::PI.ln()
        + (1..=d as usize)
            .map(|j| libm::lgamma(freedom / 2.0 + (1.0 - j as f64) / 2.0))
            .sum::<f64>();
    k * (freedom * d * (gamma / std::f64::consts::SQRT_2).ln() - log_gamma)
        - n * d / 2.0 * (2.0 * std::f64::consts::PI).ln()
}
