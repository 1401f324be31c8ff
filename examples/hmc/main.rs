//! Hamiltonian Monte Carlo: what the coefficients of a logistic regression may be, not only which are the best.
//!
//! `cargo run --release --example hmc` learns to tell the bundled threes from the eights. What it shows: a log density is recorded for
//! one data point (`posterior.rs`), and each of the many thousand gradients that the sampler (`sampler.rs`) asks for is one
//! sweep over all points in the processor's widest registers; chains run on threads of their own, for a recorded program can be
//! shared. `summary.rs` tells how far the draws can be trusted.

pub mod options;
pub mod posterior;
pub mod sampler;
pub mod summary;
pub mod trace;

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Parser;
use indicatif::ProgressBar;
use ndarray::{Axis, concatenate};
use options::Options;
use posterior::{Cases, Posterior, name};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sampler::{Chain, Target, sample};
use summary::{Summary, of_coordinate};
use wengert_examples::options::bar_style;
use wengert_examples::{Crew, digits};

/// The coordinates that the picture shows.
const PANELS: usize = 4;
/// Below this chains are usually said to agree.
const CONVERGED: f64 = 1.01;

fn main() -> ExitCode {
    wengert_examples::exit_code(run(&Options::parse()))
}

/// Reads the digits, checks the gradient, draws, and tells what the draws say; returns that, for each coefficient.
///
/// # Errors
/// If an option does not fit, a file cannot be written, or the gradient is wrong.
pub fn run(options: &Options) -> Result<Vec<Summary>, Box<dyn Error>> {
    let [one, other] = options.digits()?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let (cases, held_out) = Cases::split(&digits::bundled()?, [one, other], &mut rng);
    fs::create_dir_all(&options.out)
        .map_err(|e| format!("cannot make {}: {e}", options.out.display()))?;
    let title = format!("logistic regression: is it {one} or {other}?");
    println!(
        "{title} {} images to learn from, {} held out",
        cases.signs.len(),
        held_out.signs.len()
    );
    let posterior = Posterior::new(cases, options.prior)?;
    let report = posterior.check();
    println!("gradient check: {report}");
    if !report.is_pass() {
        return Err("the gradient is not right, so there is no point in following it".into());
    }

    let start = Instant::now();
    let chains = draw(options, &posterior)?;
    let seconds = start.elapsed().as_secs_f64();
    let summaries: Vec<Summary> = (0..posterior.dimension())
        .map(|coordinate| of_coordinate(&chains, coordinate))
        .collect();
    print(&chains, &summaries);
    let gradients: usize = chains.iter().map(|chain| chain.gradients).sum();
    println!(
        "{gradients} gradients in {seconds:.1} s (threads: {})",
        options.threads().min(chains.len())
    );
    let draws: Vec<_> = chains.iter().map(|chain| chain.draws.view()).collect();
    let draws = concatenate(Axis(0), &draws)?;
    println!(
        "held-out images recognised by all draws together: {} of {}",
        held_out.recognised(draws.view()),
        held_out.signs.len()
    );

    let mut order: Vec<usize> = (0..summaries.len()).collect();
    order.sort_by(|&a, &b| summaries[a].effective.total_cmp(&summaries[b].effective));
    let worst: Vec<_> = order
        .into_iter()
        .take(PANELS)
        .map(|k| (k, name(k)))
        .collect();
    let picture = options.out.join("trace.svg");
    let title = format!("{title} The {PANELS} coefficients with the fewest effective draws");
    trace::write(&picture, &title, &chains, &worst)?;
    println!("trace plot  {}", picture.display());
    Ok(summaries)
}

/// Runs the chains, each with a stream of random numbers of its own.
fn draw(options: &Options, target: &impl Target) -> Result<Vec<Chain>, wengert::Error> {
    let settings = options.settings();
    let rounds = usize::from(options.chains) * (settings.warm_up + settings.draws);
    let bar = ProgressBar::new(rounds as u64).with_style(bar_style());
    let chain = |stream: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(1 + stream);
        // Starts that differ more than the draws let R-hat see whether the chains forget them.
        let start: Vec<f64> = (0..target.dimension())
            .map(|_| rng.random_range(-2.0..2.0))
            .collect();
        sample(target, &settings, &start, &mut rng, || bar.inc(1))
    };
    let chains = thread::scope(|scope| {
        let mut crew = Crew::start(scope, options.threads(), || &chain);
        crew.run(0..u64::from(options.chains))
    });
    bar.finish_and_clear();
    chains.into_iter().collect()
}

/// Prints what the draws say and how each chain fared.
fn print(chains: &[Chain], summaries: &[Summary]) {
    println!(
        "\n{:>12} {:>8} {:>8} {:>8} {:>8}",
        "", "mean", "sd", "ESS", "R-hat"
    );
    for (k, summary) in summaries.iter().enumerate() {
        println!(
            "{:>12} {:>8.3} {:>8.3} {:>8.0} {:>8.4}",
            name(k),
            summary.mean,
            summary.deviation,
            summary.effective,
            summary.r_hat
        );
    }
    println!(
        "\n{:>12} {:>8} {:>8} {:>12}",
        "chain", "accepted", "step", "divergences"
    );
    for (k, chain) in chains.iter().enumerate() {
        println!(
            "{:>12} {:>8.3} {:>8.3} {:>12}",
            k + 1,
            chain.acceptance,
            chain.step,
            chain.divergences
        );
    }
    println!();
    if !summaries.iter().all(|summary| summary.r_hat < CONVERGED) {
        println!(
            "an R-hat above {CONVERGED}: the chains do not agree yet; give more --warm-up and --draws\n"
        );
    }
}
