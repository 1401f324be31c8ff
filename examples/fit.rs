//! A curve fitted to NIST's measurements by argmin's solvers, whose gradients and Hessians are a program's.
//!
//! `cargo run --release --example fit` prints what L-BFGS and Newton-CG find beside the values that NIST certifies.

use std::error::Error;

use argmin::core::{Executor, IterState, OptimizationResult, Solver, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::newton::NewtonCG;
use argmin::solver::quasinewton::LBFGS;
use wengert::{Program, Var};
use wengert_check::Check;

/// NIST's second start for b1 and b2.
const START: [f64; 2] = [250.0, 5e-4];

/// NIST's certified b1 and b2.
pub const CERTIFIED: [f64; 2] = [2.389_421_291_8e2, 5.501_564_318_1e-4];

/// The sum of squares there.
pub const CERTIFIED_SUM: f64 = 1.245_513_889_4e-1;

/// What a solver has found, and what it took.
pub struct Fit {
    /// The solver's name.
    pub solver: String,
    /// Its iterations.
    pub iterations: u64,
    /// Calls of the value, the gradient and the Hessian.
    pub calls: [u64; 3],
    /// The parameters b1 and b2.
    pub b: [f64; 2],
    /// The sum of squares there.
    pub sum: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let [b1, b2] = START;
    println!("volume = b1 (1 - exp(-b2 pressure)), from b1 = {b1}, b2 = {b2}");
    let fits = fits()?;
    println!(
        "\n{:<18} {:>10} {:>7} {:>9} {:>8} {:>16} {:>16} {:>16}",
        "solver", "iterations", "values", "gradients", "Hessians", "b1", "b2", "sum of squares"
    );
    for fit in fits {
        let [values, gradients, hessians] = fit.calls;
        print!(
            "{:<18} {:>10} {values:>7} {gradients:>9} {hessians:>8}",
            fit.solver, fit.iterations
        );
        print_found(fit.b, fit.sum);
    }
    print!("{:<56}", "certified by NIST");
    print_found(CERTIFIED, CERTIFIED_SUM);
    Ok(())
}

fn print_found([b1, b2]: [f64; 2], sum: f64) {
    println!(" {b1:>16.10e} {b2:>16.10e} {sum:>16.10e}");
}

/// Checks the derivatives and fits with both solvers.
///
/// # Errors
/// If a derivative is wrong, or a solver gives up.
pub fn fits() -> Result<Vec<Fit>, Box<dyn Error>> {
    let [pressure, volume] = measurements()?;
    // b1 is half a million times b2: the solvers see both as multiples of their start.
    let sum_of_squares = |u: &[Var]| -> Var {
        let (b1, b2) = (u[0] * START[0], u[1] * START[1]);
        let points = pressure.iter().zip(&volume);
        points
            .map(|(&x, &y)| (b1 * (1.0 - (-b2 * x).exp()) - y).square())
            .sum()
    };
    let check = Check::new().order(2).named("sum of squares");
    let report = check.scalar(sum_of_squares, &[1.0; 2]);
    println!("derivative check: {report}");
    if report.is_fail() {
        return Err("a derivative is wrong, so there is no point in following it".into());
    }
    let program = Program::record(sum_of_squares, &[1.0; 2])?;
    let line = MoreThuenteLineSearch::new;
    Ok(vec![
        fit(Executor::new(program.clone(), LBFGS::new(line(), 5)))?,
        fit(Executor::new(program, NewtonCG::new(line())))?,
    ])
}

type Iterate<H> = IterState<Vec<f64>, Vec<f64>, (), H, (), f64>;

fn fit<S, H>(executor: Executor<Program, S, Iterate<H>>) -> Result<Fit, Box<dyn Error>>
where
    S: Solver<Program, Iterate<H>>,
{
    let OptimizationResult {
        problem,
        solver,
        state,
    } = executor
        .configure(|state| state.param(vec![1.0; 2]).max_iters(100))
        .run()?;
    let best = state
        .get_best_param()
        .ok_or("the solver has found nothing")?;
    let calls = ["cost_count", "gradient_count", "hessian_count"];
    Ok(Fit {
        solver: solver.name().to_owned(),
        iterations: state.get_iter(),
        calls: calls.map(|name| problem.counts.get(name).copied().unwrap_or(0)),
        b: [best[0] * START[0], best[1] * START[1]],
        sum: state.get_best_cost(),
    })
}

/// The pressures and the volumes.
fn measurements() -> Result<[Vec<f64>; 2], Box<dyn Error>> {
    let mut columns = [Vec::new(), Vec::new()];
    for line in include_str!("data/misra1a.csv").lines().skip(1) {
        let (pressure, volume) = line.split_once(',').ok_or("two numbers in a line")?;
        columns[0].push(pressure.parse()?);
        columns[1].push(volume.parse()?);
    }
    Ok(columns)
}
