//! Times gradients in one run: plain `f64`, wengert, and with the feature `peers` another library.
//!
//! `cargo run --release -p wengert-bench --features peers --bin compare -- gmm lstm`

mod bundle;
mod contest;
mod hand;
#[cfg(feature = "peers")]
mod peer;
mod points;
mod scalars;
mod second;
mod steps;
mod suite;
mod table;
mod targets;

use std::process::{Command, ExitCode};

use clap::{Parser, ValueEnum};
use wengert_bench::by_hand;
use wengert_bench::heap::Counting;
use wengert_bench::objectives::{
    BundleAdjustment, Clusters, Cofactors, Determinant, GaussianMixture, Hand, LeastSquares, Lstm,
    Perceptron, Rosenbrock,
};
use wengert_bench::training::{Chain, Kind};

use crate::points::in_lanes;
use crate::scalars::compare;
use crate::second::second_order;
use crate::steps::{time_steps, train};
use crate::table::Table;
use crate::targets::{of_bundle, of_points, of_suite, of_tape};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Times gradients of scalar functions and training steps on tensors.
#[derive(Parser)]
struct Options {
    /// What to time, each in a process of its own.
    #[arg(required_unless_present = "table")]
    cases: Vec<Case>,
    /// How often each contender is timed; the contenders take turns.
    #[arg(long, default_value_t = 51)]
    reps: usize,
    /// Prints the table of targets alone; without cases, of all that have one.
    #[arg(long)]
    table: bool,
    /// How many processes each row of the table is the median of.
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Case {
    Rosen,
    Gmm,
    GmmLanes,
    Ba,
    Lstm,
    Mlp,
    MlpLanes,
    Lu,
    Cof,
    Kmeans,
    KmeansLanes,
    Llsq,
    LlsqLanes,
    Ht,
    Gradbench,
    Hessian,
    A1,
    A100,
    B,
    B2,
    C,
    D,
    E,
    F1,
    F1000,
}

/// The cases that have targets.
const WITH_TARGETS: [Case; 12] = [
    Case::Rosen,
    Case::Gmm,
    Case::Ba,
    Case::Lstm,
    Case::Mlp,
    Case::Lu,
    Case::Cof,
    Case::GmmLanes,
    Case::LlsqLanes,
    Case::KmeansLanes,
    Case::MlpLanes,
    Case::Gradbench,
];

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.cases[..] {
        _ if options.table => table(&options),
        [case] => {
            run(case, options.reps.max(1));
            Ok(())
        }
        _ => in_processes(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

/// This program with one case: a process for each, so that every first call meets a cold heap.
fn process(case: Case, reps: usize) -> Result<Command, String> {
    let program =
        std::env::current_exe().map_err(|error| format!("cannot start itself: {error}"))?;
    let mut command = Command::new(program);
    command.arg(name(case)).args(["--reps", &reps.to_string()]);
    Ok(command)
}

fn name(case: Case) -> String {
    let value = case.to_possible_value().expect("every case has a name");
    value.get_name().to_owned()
}

fn in_processes(options: &Options) -> Result<(), String> {
    for &case in &options.cases {
        let status = process(case, options.reps)?.status();
        let status = status.map_err(|error| format!("{}: {error}", name(case)))?;
        if !status.success() {
            return Err(format!("{}: {status}", name(case)));
        }
    }
    Ok(())
}

fn table(options: &Options) -> Result<(), String> {
    let cases = match &options.cases[..] {
        [] => &WITH_TARGETS[..],
        some => some,
    };
    let mut table = Table::default();
    for _ in 0..options.runs.max(1) {
        for &case in cases {
            let output = process(case, options.reps)?.output();
            let output = output.map_err(|error| format!("{}: {error}", name(case)))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("{}: {}: {said}", name(case), output.status));
            }
            table.collect(&output);
        }
    }
    table.print();
    Ok(())
}

fn run(case: Case, reps: usize) {
    match case {
        Case::Rosen => of_tape("Rosenbrock", &compare(&Rosenbrock::new(1000), reps)),
        Case::Gmm => of_tape("mixture", &compare(&mixture(), reps)),
        Case::GmmLanes => of_points(
            "mixture",
            &in_lanes(&mixture(), Some(by_hand::mixture), false, reps),
        ),
        Case::Ba => of_bundle(&bundle::compare(
            &BundleAdjustment::new(49, 7776, 10_000),
            reps,
        )),
        Case::Lstm => of_tape("LSTM", &compare(&Lstm::new(2, 200, 14), reps)),
        Case::Mlp => of_tape("perceptron", &compare(&Perceptron::new(100), reps)),
        Case::MlpLanes => of_points(
            "perceptron",
            &in_lanes(&Perceptron::new(10_000), None, false, reps),
        ),
        Case::Lu => of_tape("determinant", &compare(&Determinant::new(20), reps)),
        Case::Cof => of_tape("cofactors", &compare(&Cofactors::new(8), reps)),
        Case::Kmeans => of_tape("k-means", &compare(&clusters(), reps)),
        Case::KmeansLanes => of_points("k-means", &in_lanes(&clusters(), None, true, reps)),
        Case::Llsq => of_tape("least squares", &compare(&polynomial(), reps)),
        Case::LlsqLanes => of_points(
            "least squares",
            &in_lanes(&polynomial(), Some(by_hand::least_squares), false, reps),
        ),
        Case::Ht => hand::compare(&Hand::new(544, 1000), reps),
        Case::Gradbench => of_suite(&suite::ratios(reps)),
        Case::Hessian => second_order(&Rosenbrock::new(1000), reps),
        Case::A1 => train(&[2, 16, 16, 1], 1, Kind::Tanh, reps),
        Case::A100 => train(&[2, 16, 16, 1], 100, Kind::Tanh, reps),
        Case::B => train(&[784, 128, 10], 32, Kind::Relu, reps),
        Case::B2 => train(&[784, 128, 10], 32, Kind::ReluWithPenalty, reps),
        Case::C => train(&[784, 512, 512, 10], 128, Kind::Relu, reps),
        Case::D => train(&[256, 1024, 1024, 1024, 10], 256, Kind::Relu, reps),
        Case::E => train(&[64; 51], 64, Kind::Tanh, reps),
        Case::F1 => time_steps(Chain::new(1, 10_000), Chain::new(1, 10_000), None, reps),
        Case::F1000 => time_steps(
            Chain::new(1000, 10_000),
            Chain::new(1000, 10_000),
            None,
            reps,
        ),
    }
}

fn mixture() -> GaussianMixture {
    GaussianMixture::new(10, 25, 1000)
}

fn clusters() -> Clusters {
    Clusters::new(8, 10, 10_000)
}

fn polynomial() -> LeastSquares {
    LeastSquares::new(128, 4096)
}
