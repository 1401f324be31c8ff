//! Bayesian logistic regression: which of two digits an image shows, from how bright its regions are.

use ndarray::ArrayView2;
use rand_chacha::ChaCha8Rng;
use wengert::{Error, Lanes, Program, Var};
use wengert_check::{Check, Report};
use wengert_examples::Images;

use super::sampler::Target;

/// An image is cut into so many regions down and across.
const REGIONS: usize = 4;
const FEATURES: usize = REGIONS * REGIONS;

/// Images of two digits as numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Cases {
    /// For each region its brightness in every image; over the images that are learnt from, the mean is 0 and the deviation 1.
    pub features: Vec<Vec<f64>>,
    /// 1 for an image of the second digit, -1 for one of the first.
    pub signs: Vec<f64>,
}

impl Cases {
    /// The images that show one of the two digits: those to learn from, and about a fifth that is held out.
    pub fn split(images: &Images, digits: [u8; 2], rng: &mut ChaCha8Rng) -> (Cases, Cases) {
        let (train, held_out) = images.split(rng);
        let mut train = Cases::new(&train, digits);
        let mut held_out = Cases::new(&held_out, digits);
        for (feature, same) in train.features.iter_mut().zip(&mut held_out.features) {
            let count = feature.len() as f64;
            let mean = feature.iter().sum::<f64>() / count;
            let squares = feature.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
            let deviation = (squares / count).sqrt();
            for x in feature.iter_mut().chain(same) {
                // A region that is always the same tells nothing.
                *x = if deviation > 0.0 {
                    (*x - mean) / deviation
                } else {
                    0.0
                };
            }
        }
        (train, held_out)
    }

    fn new(images: &Images, digits: [u8; 2]) -> Cases {
        let mut cases = Cases {
            features: vec![Vec::new(); FEATURES],
            signs: Vec::new(),
        };
        let (down, across) = (images.height() / REGIONS, images.width() / REGIONS);
        for (i, label) in images.labels().iter().enumerate() {
            let Some(which) = digits.iter().position(|digit| digit == label) else {
                continue;
            };
            cases.signs.push(if which == 0 { -1.0 } else { 1.0 });
            let mut sums = [0.0; FEATURES];
            for (place, &pixel) in images.image(i).iter().enumerate() {
                let (row, column) = (place / images.width(), place % images.width());
                sums[REGIONS * (row / down) + column / across] += f64::from(pixel);
            }
            for (feature, sum) in cases.features.iter_mut().zip(sums) {
                feature.push(sum);
            }
        }
        cases
    }

    /// How many of the images are recognised, if the probability of a digit is the mean over draws of the coefficients.
    pub fn recognised(&self, draws: ArrayView2<f64>) -> usize {
        let right = |case: &usize| {
            let mean: f64 = draws
                .rows()
                .into_iter()
                .map(|draw| {
                    let features = self.features.iter().map(|feature| feature[*case]);
                    let products = features.zip(draw.iter().skip(1)).map(|(x, w)| x * w);
                    let score = draw[0] + products.sum::<f64>();
                    1.0 / (1.0 + (-self.signs[*case] * score).exp())
                })
                .sum();
            mean > 0.5 * draws.nrows() as f64
        };
        (0..self.signs.len()).filter(right).count()
    }
}

/// The density of the coefficients, given the images.
pub struct Posterior {
    prior: Program,
    likelihood: Lanes,
    cases: Cases,
}

impl Posterior {
    /// With a normal prior about 0 for each coefficient, of this standard deviation.
    ///
    /// # Errors
    /// If a density cannot be frozen.
    pub fn new(cases: Cases, deviation: f64) -> Result<Posterior, Error> {
        let coefficients = 1 + cases.features.len();
        let prior = |b: &[Var]| -b.iter().map(|b| (b / deviation).square()).sum::<Var>() / 2.0;
        let likelihood = |all: &[Var]| {
            let (b, case) = all.split_at(coefficients);
            let (x, sign) = case.split_at(coefficients - 1);
            let products = b[1..].iter().zip(x).map(|(b, x)| b * x);
            let score = products.fold(b[0], |score, product| score + product);
            (sign[0] * score).log_sigmoid()
        };
        let example = vec![1.0; 2 * coefficients];
        Ok(Posterior {
            prior: Program::record(prior, &example[..coefficients])?,
            likelihood: Program::record(likelihood, &example)?.lanes(coefficients),
            cases,
        })
    }

    /// Compares the gradient with differences of the density.
    ///
    /// # Panics
    /// If the density cannot be computed.
    pub fn check(&self) -> Report {
        const RUNS: &str = "the density has no branch";
        let at = |x: &[f64]| self.log_density(x).expect(RUNS);
        let x: Vec<f64> = (0..self.dimension()).map(|i| (i as f64).sin()).collect();
        Check::new()
            .named("the log posterior")
            .gradient(|x| at(x).0, |x| at(x).1, &x)
    }
}

impl Target for Posterior {
    fn dimension(&self) -> usize {
        self.prior.inputs()
    }

    fn log_density(&self, x: &[f64]) -> Result<(f64, Vec<f64>), Error> {
        let (mut value, mut gradient) = self.prior.value_and_gradient(x)?;
        let columns = self.cases.features.iter().chain([&self.cases.signs]);
        let (sum, of_sum) = self.likelihood.over(x, columns)?.sum_and_gradient()?;
        value += sum;
        for (g, more) in gradient.iter_mut().zip(of_sum) {
            *g += more;
        }
        Ok((value, gradient))
    }
}

/// The name of a coefficient.
pub fn name(coefficient: usize) -> String {
    match coefficient.checked_sub(1) {
        None => "intercept".into(),
        Some(region) => format!("region {},{}", region / REGIONS + 1, region % REGIONS + 1),
    }
}
