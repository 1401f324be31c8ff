//! Newton's method with the exact Hessian against gradient descent, in Rosenbrock's curved valley.
//!
//! `cargo run --release --example rosenbrock -- --dim 10`

use clap::Parser;
use wengert::Var;
use wengert_examples::solve_positive_definite;

#[derive(Parser)]
#[command(about = "Newton's method with the exact Hessian against gradient descent")]
struct Options {
    /// Number of variables.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..=500))]
    dim: u16,
    /// Stop when no partial derivative is larger than this.
    #[arg(long, default_value_t = 1e-8)]
    tolerance: f64,
    /// Give up after this many steps.
    #[arg(long, default_value_t = 100_000)]
    limit: u32,
}

/// The function. Its minimum, 0 at (1, ..., 1), lies at the end of a narrow, curved valley.
fn rosenbrock(x: &[Var]) -> Var {
    x.windows(2)
        .map(|p| 100.0 * (p[1] - p[0] * p[0]).square() + (1.0 - p[0]).square())
        .sum()
}

fn main() {
    let options = Options::parse();
    // For two variables the customary start, (-1.2, 1): around the bend from the minimum.
    let mut start = vec![-1.2; options.dim.into()];
    start[usize::from(options.dim) - 1] = 1.0;

    println!("Newton: the Hessian tells how the valley bends.");
    let newton = minimise(&options, start.clone(), newton_direction);
    println!("\nGradient descent: straight down, from wall to wall.");
    let descent = minimise(&options, start, |_, gradient| downhill(gradient));
    println!("\n{newton} steps of Newton's method, {descent} of gradient descent.");
}

fn downhill(gradient: &[f64]) -> Vec<f64> {
    gradient.iter().map(|g| -g).collect()
}

/// Solves H d = -grad. Where H is not positive definite, that need not lead down; then a multiple of the identity is added to H.
fn newton_direction(x: &[f64], gradient: &[f64]) -> Vec<f64> {
    let mut hessian = wengert::hessian(rosenbrock)(x);
    let mut added = 1.0;
    loop {
        if let Some(direction) = solve_positive_definite(&hessian, &downhill(gradient)) {
            return direction;
        }
        for (i, row) in hessian.iter_mut().enumerate() {
            row[i] += added;
        }
        added *= 2.0;
    }
}

/// Goes along `direction(x, gradient)` until the gradient vanishes, printing a table; returns the number of steps.
fn minimise(
    options: &Options,
    mut x: Vec<f64>,
    direction: impl Fn(&[f64], &[f64]) -> Vec<f64>,
) -> u32 {
    let value_and_grad = wengert::value_and_grad(rosenbrock);
    let (mut value, mut gradient) = value_and_grad(&x);
    let (mut step, mut length, mut stuck) = (0, 0.0, false);
    println!(
        "{:>8} {:>12} {:>12} {:>12}",
        "step", "f", "max |grad|", "length"
    );
    loop {
        let steepest = gradient.iter().fold(0.0f64, |max, g| max.max(g.abs()));
        let done = steepest <= options.tolerance || step == options.limit || stuck;
        if done || is_printed(step) {
            println!("{step:>8} {value:>12.4e} {steepest:>12.4e} {length:>12.4e}");
        }
        if done {
            return step;
        }
        let direction = direction(&x, &gradient);
        let slope: f64 = direction.iter().zip(&gradient).map(|(d, g)| d * g).sum();
        // Armijo's rule: halve the step until it keeps a fair part of what the slope promises.
        length = 1.0;
        let next = loop {
            let there: Vec<f64> = x
                .iter()
                .zip(&direction)
                .map(|(x, d)| x + length * d)
                .collect();
            let (value_there, gradient_there) = value_and_grad(&there);
            if value_there <= value + 1e-4 * length * slope {
                break (there, value_there, gradient_there);
            }
            length /= 2.0;
        };
        // Rounding can leave nothing to gain.
        stuck = next.0 == x;
        (x, value, gradient) = next;
        step += 1;
    }
}

/// The first ten steps, and then 20, 50, 100, 200, 500, ...
fn is_printed(step: u32) -> bool {
    let power = 10u32.pow(step.max(1).ilog10());
    step <= 10 || [power, 2 * power, 5 * power].contains(&step)
}
