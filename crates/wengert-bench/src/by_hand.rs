//! Gradients that somebody derived on paper: what there is to beat.

use crate::objectives::{GaussianMixture, LeastSquares};

/// The value and the gradient of a polynomial's squared errors, several powers at a time.
pub fn least_squares(problem: &LeastSquares, x: &[f64]) -> (f64, Vec<f64>) {
    const TOGETHER: usize = 8;
    let mut coefficients = x.to_vec();
    coefficients.resize(x.len().next_multiple_of(TOGETHER), 0.0);
    let coefficients = coefficients.as_chunks::<TOGETHER>().0;
    let mut powers = vec![[0.0; TOGETHER]; coefficients.len()];
    let mut gradient = powers.clone();
    let mut value = 0.0;
    for &[place, sign] in problem.points() {
        let mut first = [1.0; TOGETHER];
        for j in 1..TOGETHER {
            first[j] = first[j - 1] * place;
        }
        let step = first[TOGETHER - 1] * place;
        let mut partial_sums = [0.0; TOGETHER];
        for (powers, coefficients) in powers.iter_mut().zip(coefficients) {
            *powers = first;
            for j in 0..TOGETHER {
                partial_sums[j] += coefficients[j] * powers[j];
                first[j] *= step;
            }
        }
        let error = partial_sums.iter().sum::<f64>() - sign;
        value += 0.5 * error * error;
        for (gradient, powers) in gradient.iter_mut().zip(&powers) {
            for (g, power) in gradient.iter_mut().zip(powers) {
                *g += error * power;
            }
        }
    }
    let mut gradient = gradient.into_flattened();
    gradient.truncate(x.len());
    (value, gradient)
}

/// The value and the gradient of a mixture's likelihood at all of its points.
pub fn mixture(mixture: &GaussianMixture, x: &[f64]) -> (f64, Vec<f64>) {
    let (d, k) = (mixture.dimension(), mixture.components_count());
    let lower = d * (d - 1) / 2;
    let (alphas, rest) = x.split_at(k);
    let (means, rest) = rest.split_at(k * d);
    let (logs, lowers) = rest.split_at(k * d);
    let diagonals: Vec<f64> = logs.iter().map(|q| q.exp()).collect();
    let determinants: Vec<f64> = logs.chunks(d).map(|q| q.iter().sum()).collect();

    let mut gradient = vec![0.0; x.len()];
    let (g_alphas, rest) = gradient.split_at_mut(k);
    let (g_means, rest) = rest.split_at_mut(k * d);
    let (g_logs, g_lowers) = rest.split_at_mut(k * d);
    let mut centred = vec![0.0; k * d];
    let mut products = vec![0.0; k * d];
    let mut weights = vec![0.0; k];
    let mut by_centred = vec![0.0; d];
    let mut value = 0.0;
    for point in mixture.data().chunks(d) {
        for component in 0..k {
            let at = component * d;
            let (c, q) = (&mut centred[at..][..d], &mut products[at..][..d]);
            let (diagonal, below) = (&diagonals[at..][..d], &lowers[component * lower..][..lower]);
            for i in 0..d {
                c[i] = means[at + i] - point[i];
                q[i] = diagonal[i] * c[i];
            }
            let mut entries = below;
            for column in 0..d {
                let (own, rest) = entries.split_at(d - 1 - column);
                for (q, l) in q[column + 1..].iter_mut().zip(own) {
                    *q += l * c[column];
                }
                entries = rest;
            }
            let square: f64 = q.iter().map(|q| q * q).sum();
            weights[component] = alphas[component] + determinants[component] - 0.5 * square;
        }
        let highest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        for weight in &mut weights {
            *weight = (*weight - highest).exp();
            total += *weight;
        }
        value += total.ln() + highest;
        for component in 0..k {
            let at = component * d;
            let weight = weights[component] / total;
            let (c, q) = (&centred[at..][..d], &products[at..][..d]);
            let (diagonal, below) = (&diagonals[at..][..d], &lowers[component * lower..][..lower]);
            g_alphas[component] += weight;
            let g_below = &mut g_lowers[component * lower..][..lower];
            let mut start = 0;
            for column in 0..d {
                let count = d - 1 - column;
                g_logs[at + column] += weight - weight * q[column] * c[column] * diagonal[column];
                let mut sum = q[column] * diagonal[column];
                let (l, g) = (&below[start..][..count], &mut g_below[start..][..count]);
                for ((g, l), q) in g.iter_mut().zip(l).zip(&q[column + 1..]) {
                    *g -= weight * q * c[column];
                    sum += q * l;
                }
                by_centred[column] = sum;
                start += count;
            }
            for (g, by) in g_means[at..][..d].iter_mut().zip(&by_centred) {
                *g -= weight * by;
            }
        }
    }
    (value, gradient)
}
