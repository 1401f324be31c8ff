//! The rates of predators and prey, found from noisy observations by the gradient through thousands of steps.
//!
//! `cargo run --release --example ode_fit`; `-- --help` lists the options. This file is the story; `model.rs` holds the equations and the
//! gradient by a checkpointed loop, `fit.rs` the way down, `picture.rs` the picture.

pub mod fit;
#[path = "../../crates/wengert-bench/src/heap.rs"]
pub mod heap;
pub mod model;
pub mod picture;

use std::cell::RefCell;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use clap::Parser;
use heap::{Counting, peak_of};
use model::{Experiment, NAMES, Pass, TRUTH};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wengert::Budget;
use wengert_check::{Check, Report};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Finds the rates of predators and prey from noisy observations.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// Observations, one each half unit of time.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(10..=1000))]
    pub observations: u16,
    /// Steps of the integration between two observations.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(10..=10_000))]
    pub between: u16,
    /// States of the loop that are kept for the way back.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub states: u32,
    /// Standard deviation of the observations' relative errors.
    #[arg(long, default_value_t = 0.05, value_parser = noise)]
    pub noise: f64,
    /// Seed of the errors.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Give up after so many steps down.
    #[arg(long, default_value_t = 100)]
    pub limit: u64,
    /// Folder for the picture.
    #[arg(long, default_value = "target/ode_fit")]
    pub out: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The rates.
    pub rates: [f64; 4],
    /// The misfit at the guess and after each step.
    pub history: Vec<f64>,
    /// The most nodes on the list for a gradient at the guess: with checkpoints, and without.
    pub nodes: [usize; 2],
}

/// Where the fit starts.
const GUESS: [f64; 4] = [0.8, 0.3, 0.15, 0.6];

fn main() -> ExitCode {
    wengert_examples::exit_code(run(&Options::parse()))
}

/// Observes, checks the gradient, fits, compares the memory, and draws.
///
/// # Errors
/// If the gradient is wrong, the solver gives up, or the picture cannot be written.
pub fn run(options: &Options) -> Result<Found, Box<dyn Error>> {
    fs::create_dir_all(&options.out)
        .map_err(|e| format!("cannot make {}: {e}", options.out.display()))?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let count = usize::from(options.observations);
    let experiment = Experiment::observe(count, options.between.into(), options.noise, &mut rng);
    let budget = Budget::Snapshots(options.states as usize);
    println!(
        "{count} observations of predators and prey, errors of {} %; {} steps by Runge and Kutta",
        100.0 * options.noise,
        experiment.steps(),
    );

    // First of all, as memory that a tape has had is used again by the next.
    let guess = GUESS.map(f64::ln);
    let passes = [Some(budget), None].map(|budget| peak_of(|| experiment.pass(&guess, budget)));
    let report = check(&experiment, budget);
    println!("gradient check: {report}");
    if report.is_fail() {
        return Err("the gradient is wrong, so there is no point in following it".into());
    }
    let (rates, history) = follow(&experiment, budget, options.limit)?;
    compare_rates(&rates);
    compare_memory(&passes)?;
    let path = options.out.join("fit.svg");
    picture::write(&path, &experiment, [&GUESS, &rates], &history)?;
    println!("\npicture  {}", path.display());
    Ok(Found {
        rates,
        history,
        nodes: passes.map(|(_, pass)| pass.nodes),
    })
}

/// Goes down from the guess; the rates at the end, and the misfit after each step.
fn follow(
    experiment: &Experiment,
    budget: Budget,
    limit: u64,
) -> Result<([f64; 4], Vec<f64>), Box<dyn Error>> {
    println!("\n step       misfit   max |grad| {}", columns(&NAMES));
    let history = Rc::new(RefCell::new(Vec::new()));
    let told = history.clone();
    let logarithms = fit::minimise(
        |x| {
            let pass = experiment.pass(x, Some(budget));
            (pass.misfit, pass.gradient)
        },
        GUESS.map(f64::ln).to_vec(),
        (1e-6, limit),
        move |point| {
            let rates: Vec<String> = point.x.iter().map(|x| format!("{:.5}", x.exp())).collect();
            let mut history = told.borrow_mut();
            println!(
                "{:>5} {:>12.5e} {:>12.3e} {}",
                history.len(),
                point.value,
                point.steepest,
                columns(&rates)
            );
            history.push(point.value);
        },
    )?;
    let rates = std::array::from_fn(|i| logarithms[i].exp());
    Ok((rates, history.take()))
}

fn columns(texts: &[impl std::fmt::Display]) -> String {
    texts.iter().map(|text| format!("{text:>9}")).collect()
}

fn compare_rates(rates: &[f64; 4]) {
    println!("\nrate    {}", columns(&["found", "truth", "error"]));
    for ((name, found), truth) in NAMES.iter().zip(rates).zip(TRUTH) {
        let error = 100.0 * (found / truth - 1.0);
        println!("{name:<8}{found:>9.5}{truth:>9.5}{error:>7.2} %");
    }
}

/// What a gradient takes with checkpoints and without.
fn compare_memory([with, without]: &[(usize, Pass); 2]) -> Result<(), Box<dyn Error>> {
    println!("\none gradient           list, nodes    heap, MB");
    for (what, (peak, pass)) in [
        ("with checkpoints", with),
        ("all steps on the list", without),
    ] {
        println!("{what:<21} {:>12} {:>11.2}", pass.nodes, *peak as f64 / 1e6);
    }
    let bits = |pass: &Pass| -> Vec<u64> {
        let numbers = pass.gradient.iter().chain([&pass.misfit]);
        numbers.map(|x| x.to_bits()).collect()
    };
    if bits(&with.1) != bits(&without.1) {
        return Err("the gradient with checkpoints is not the one without".into());
    }
    println!("The two gradients have the same bits.");
    Ok(())
}

/// Compares the gradient of the first observations' misfit with differences.
pub fn check(experiment: &Experiment, budget: Budget) -> Report {
    let few = Experiment {
        observed: experiment.observed[..5].into(),
        between: 10,
        ..experiment.clone()
    };
    let names: Vec<(&str, &[usize])> = NAMES.iter().map(|&name| (name, &[][..])).collect();
    Check::new().named("the misfit").inputs(&names).gradient(
        |x| few.pass(x, Some(budget)).misfit,
        |x| few.pass(x, Some(budget)).gradient,
        &GUESS.map(f64::ln),
    )
}

fn noise(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number < 1.0 => Ok(number),
        _ => Err("it must be a number between 0 and 1".into()),
    }
}
