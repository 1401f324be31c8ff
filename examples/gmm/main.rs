//! A mixture of normal densities is fitted to points by gradient ascent on their log-likelihood.
//!
//! `cargo run --release --example gmm` draws 20,000 points from a mixture and finds it again. What it shows: the density at one point is
//! recorded once (`mixture.rs`), and its sum over all points comes with its gradient by every parameter from blocks of points in the
//! processor's widest registers, on one thread or on all, with the same bits.

pub mod ascent;
pub mod mixture;
pub mod options;
pub mod picture;

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use mixture::{Mixture, Model, distance};
use options::Options;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Points at which the gradient is checked.
const CHECKED: usize = 100;
/// Gradients that are timed.
const TIMED: usize = 10;

/// What came of a fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The mixture that the points were drawn from.
    pub truth: Mixture,
    /// The mixture that was found.
    pub fit: Mixture,
    /// The mean log-likelihood of the points under each.
    pub log_likelihoods: [f64; 2],
    /// For each component of the true mixture the one of the fitted mixture that is nearest, each used once.
    pub pairs: Vec<usize>,
}

fn main() -> ExitCode {
    wengert_examples::exit_code(run(&Options::parse()))
}

/// Draws points, checks the gradient, fits, and tells what came of it.
///
/// # Errors
/// If an option does not fit, a file cannot be written, or the gradient is wrong.
pub fn run(options: &Options) -> Result<Outcome, Box<dyn Error>> {
    let shape = options.shape();
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let truth = Mixture::random(shape, &mut rng);
    let columns = truth.draw(options.points as usize, &mut rng);
    let points: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let mut fit = ascent::start(shape, &points, &mut rng);
    fs::create_dir_all(&options.out)
        .map_err(|e| format!("cannot make {}: {e}", options.out.display()))?;
    let title = format!(
        "{} normal densities in {} dimensions, {} points",
        shape.components, shape.dimension, options.points
    );
    println!("{title}; {} parameters", shape.parameters());

    let model = Model::record(shape)?;
    let some: Vec<&[f64]> = points.iter().map(|column| &column[..CHECKED]).collect();
    let report = model.check(&fit.parameters, &some);
    println!("gradient check at {CHECKED} points: {report}");
    if !report.is_pass() {
        return Err("the gradient is not right, so there is no point in following it".into());
    }

    let steps = options.steps as usize;
    let reached = ascent::climb(&model, &mut fit, &points, steps, options.learning_rate)?;
    let (of_truth, _) = model.log_likelihood(&truth.parameters, &points, true)?;
    println!("the mixture that the points come from: {of_truth:.6}");
    let outcome = Outcome {
        pairs: pairs(&truth, &fit),
        log_likelihoods: [of_truth, reached],
        truth,
        fit,
    };
    print(&outcome);
    print_speed(&model, &outcome.fit, &points)?;
    if let [x, y] = points[..] {
        let picture = options.out.join("mixture.svg");
        let members = model.members(&outcome.fit.parameters, &points)?;
        picture::write(
            &picture,
            &title,
            [x, y],
            &members,
            &outcome.truth,
            &outcome.fit,
        )?;
        println!("picture  {}", picture.display());
    }
    Ok(outcome)
}

/// Pairs the components of two mixtures, those that are nearest to each other first.
fn pairs(truth: &Mixture, fit: &Mixture) -> Vec<usize> {
    let k = truth.shape.components;
    let mut all: Vec<(f64, usize, usize)> = (0..k * k)
        .map(|both| (both / k, both % k))
        .map(|(i, j)| (distance(truth.mean(i), fit.mean(j)), i, j))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut pairs = vec![None; k];
    for (_, i, j) in all {
        if pairs[i].is_none() && !pairs.contains(&Some(j)) {
            pairs[i] = Some(j);
        }
    }
    pairs.into_iter().flatten().collect()
}

fn print(outcome: &Outcome) {
    let Outcome {
        truth, fit, pairs, ..
    } = outcome;
    let mean = |mean: &[f64]| -> String { mean.iter().map(|x| format!("{x:>8.3}")).collect() };
    println!("\n{:>10} {:>8}  mean", "component", "weight");
    for (i, &j) in pairs.iter().enumerate() {
        println!(
            "{:>3} {:>6} {:>8.4}{}",
            i + 1,
            "true",
            truth.weights()[i],
            mean(truth.mean(i))
        );
        println!(
            "{:>3} {:>6} {:>8.4}{}",
            "",
            "fitted",
            fit.weights()[j],
            mean(fit.mean(j))
        );
    }
    println!();
}

/// Prints how many points' gradients are computed in a second.
fn print_speed(model: &Model, fit: &Mixture, points: &[&[f64]]) -> Result<(), wengert::Error> {
    for (parallel, name) in [(false, "one thread"), (true, "all threads")] {
        let start = Instant::now();
        for _ in 0..TIMED {
            model.log_likelihood(&fit.parameters, points, parallel)?;
        }
        let each = (TIMED * points[0].len()) as f64 / start.elapsed().as_secs_f64();
        println!(
            "{name:>11}: value and gradient at {:.2} million points a second",
            each / 1e6
        );
    }
    Ok(())
}
