//! Gradient ascent.

use std::f64::consts::PI;

use indicatif::ProgressBar;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use wengert_examples::Error;
use wengert_examples::options::bar_style;

use super::mixture::{Mixture, Model, Shape, distance};

/// How many lines are printed on the way.
const LINES: usize = 8;

/// Adam, by D. P. Kingma and J. Ba (2015): a step goes along the mean of the recent gradients, divided entry by entry by their size.
struct Adam {
    mean: Vec<f64>,
    square: Vec<f64>,
    round: i32,
}

impl Adam {
    fn new(parameters: usize) -> Self {
        Adam {
            mean: vec![0.0; parameters],
            square: vec![0.0; parameters],
            round: 0,
        }
    }

    /// Takes a step upwards.
    fn step(&mut self, parameters: &mut [f64], gradient: &[f64], rate: f64) {
        const KEPT: [f64; 2] = [0.9, 0.999];
        self.round += 1;
        let [of_mean, of_square] = KEPT.map(|kept| 1.0 - kept.powi(self.round));
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((x, g), (mean, square)) in parameters.iter_mut().zip(gradient).zip(moments) {
            *mean += (1.0 - KEPT[0]) * (g - *mean);
            *square += (1.0 - KEPT[1]) * (g * g - *square);
            *x += rate * (*mean / of_mean) / ((*square / of_square).sqrt() + 1e-8);
        }
    }
}

/// Where to begin: means at points that lie apart, all components alike and round.
///
/// A point becomes a mean with a probability in proportion to the square of its distance to the means there are; after D. Arthur and
/// S. Vassilvitskii (2007), *k-means++*.
pub fn start(shape: Shape, points: &[&[f64]], rng: &mut ChaCha8Rng) -> Mixture {
    let (d, k, count) = (shape.dimension, shape.components, points[0].len());
    let point = |i: usize| -> Vec<f64> { points.iter().map(|column| column[i]).collect() };
    let mut means = point(rng.random_range(0..count));
    let mut nearest = vec![f64::INFINITY; count];
    while means.len() < k * d {
        let last = means[means.len() - d..].to_vec();
        for (i, nearest) in nearest.iter_mut().enumerate() {
            *nearest = nearest.min(distance(&point(i), &last));
        }
        let mut rest = rng.random_range(0.0..1.0) * nearest.iter().sum::<f64>();
        let chosen = nearest.iter().position(|nearest| {
            rest -= nearest;
            rest < 0.0
        });
        means.extend(point(chosen.unwrap_or(count - 1)));
    }
    // Together the components fill about the volume of the points.
    let diagonals = points.iter().map(|column| {
        let mean = column.iter().sum::<f64>() / count as f64;
        let squares: f64 = column.iter().map(|x| (x - mean).powi(2)).sum();
        (k as f64).ln() / d as f64 - 0.5 * (squares / count as f64).ln()
    });
    let diagonals: Vec<f64> = diagonals.collect();
    let mut parameters = vec![0.0; k];
    parameters.extend(means);
    parameters.extend(diagonals.repeat(k));
    parameters.resize(shape.parameters(), 0.0);
    Mixture { shape, parameters }
}

/// Climbs from `mixture` on the mean log-likelihood of the points, and returns it where it ends.
///
/// # Errors
/// If the log-likelihood is no longer finite.
pub fn climb(
    model: &Model,
    mixture: &mut Mixture,
    points: &[&[f64]],
    steps: usize,
    rate: f64,
) -> Result<f64, Box<dyn std::error::Error>> {
    let bar = ProgressBar::new(steps as u64).with_style(bar_style());
    let mut adam = Adam::new(mixture.parameters.len());
    let (mut value, mut gradient) = model.log_likelihood(&mixture.parameters, points, true)?;
    for step in 0..steps {
        let line = format!("log-likelihood {value:.6} a point");
        if step % steps.div_ceil(LINES) == 0 {
            bar.suspend(|| println!("step {step:>5}  {line}"));
        }
        bar.set_message(line);
        let falling = rate * (1.0 + (PI * step as f64 / steps as f64).cos()) / 2.0;
        adam.step(&mut mixture.parameters, &gradient, falling);
        (value, gradient) = model.log_likelihood(&mixture.parameters, points, true)?;
        if !value.is_finite() {
            return Err(Error::Option(format!(
                "the log-likelihood is {value} after {} steps; a component may have shrunk to a point: try a smaller --learning-rate than {rate}, fewer --components or more --points",
                step + 1
            ))
            .into());
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("step {steps:>5}  log-likelihood {value:.6} a point");
    Ok(value)
}
