//! The method of Levenberg and Marquardt.

use std::array;
use std::error::Error;

use wengert_examples::bal::Problem;

use super::camera::Projection;
use super::normal::{Normal, Step};

/// The least part of the cost that a step must promise to take off.
const WORTHWHILE: f64 = 1e-9;

/// What came of a descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The cost, half the sum of squares, at the start, in square pixels.
    pub before: f64,
    /// The cost at the end.
    pub after: f64,
    /// The steps that were tried.
    pub tried: usize,
    /// Whether it ended because no step was worth while any more, and not because the steps were used up.
    pub converged: bool,
}

/// How much of the diagonal is added to the normal equations.
///
/// After H. B. Nielsen (1999), *Damping Parameter in Marquardt's Method*: it falls when a step keeps what the linearised residuals
/// promise, and grows ever faster while steps are refused.
struct Damping {
    lambda: f64,
    growth: f64,
}

impl Damping {
    fn ease(&mut self, kept: f64) {
        let factor = 1.0 - (2.0 * kept - 1.0).powi(3);
        (self.lambda, self.growth) = (self.lambda * factor.max(1.0 / 3.0), 2.0);
    }

    fn raise(&mut self) {
        (self.lambda, self.growth) = (self.lambda * self.growth, 2.0 * self.growth);
    }
}

/// Moves cameras and points to make half the sum of the squared residuals small, and prints a line for each step that is tried.
///
/// # Errors
/// If a residual is not finite at the start.
pub fn descend(
    projection: &Projection,
    problem: &mut Problem,
    limit: usize,
) -> Result<Fit, Box<dyn Error>> {
    let mut residuals = projection.residuals(problem)?;
    refuse_what_is_not_finite(problem, &residuals)?;
    let mut normal = Normal::new(problem, &residuals, &projection.jacobians(problem)?);
    let mut fit = Fit {
        before: cost(&residuals),
        after: cost(&residuals),
        tried: 0,
        converged: false,
    };
    println!("step          cost    lambda    length   max |g|");
    println!("   0 {:>13.6e} {:>29.1e}", fit.before, normal.steepest());
    let mut damping = Damping {
        lambda: 1e-4,
        growth: 2.0,
    };
    while fit.tried < limit {
        let lambda = damping.lambda;
        let Some(step) = normal.solve(lambda) else {
            fit.tried += 1;
            println!("{:>4} {:>13} {lambda:>9.1e}", fit.tried, "singular");
            damping.raise();
            continue;
        };
        fit.converged = step.promise <= WORTHWHILE * fit.after;
        if fit.converged {
            break;
        }
        fit.tried += 1;
        let moved = after(problem, &step);
        residuals = projection.residuals(&moved)?;
        let cost = cost(&residuals);
        let length = length(&step);
        print!(
            "{:>4} {cost:>13.6e} {lambda:>9.1e} {length:>9.1e}",
            fit.tried
        );
        // A cost that is not a number is refused, too.
        if cost < fit.after {
            damping.ease((fit.after - cost) / step.promise);
            (*problem, fit.after) = (moved, cost);
            normal = Normal::new(problem, &residuals, &projection.jacobians(problem)?);
            println!(" {:>9.1e}", normal.steepest());
        } else {
            damping.raise();
            println!("   refused");
        }
    }
    Ok(fit)
}

fn refuse_what_is_not_finite(problem: &Problem, residuals: &[[f64; 2]]) -> Result<(), String> {
    let bad = residuals.iter().position(|r| !cost(&[*r]).is_finite());
    bad.map_or(Ok(()), |bad| {
        let seen = problem.observations[bad];
        Err(format!(
            "camera {} cannot see point {} (observation {bad}): at the start the point lies in the camera's own plane, or too far away for numbers",
            seen.camera, seen.point,
        ))
    })
}

fn cost(residuals: &[[f64; 2]]) -> f64 {
    0.5 * residuals.as_flattened().iter().map(|r| r * r).sum::<f64>()
}

fn length(step: &Step) -> f64 {
    let numbers = step.cameras.as_flattened().iter();
    let all = numbers.chain(step.points.as_flattened());
    all.map(|x| x * x).sum::<f64>().sqrt()
}

fn after(problem: &Problem, step: &Step) -> Problem {
    fn moved<const N: usize>(from: &[[f64; N]], by: &[[f64; N]]) -> Vec<[f64; N]> {
        let pairs = from.iter().zip(by);
        pairs
            .map(|(x, step)| array::from_fn(|i| x[i] + step[i]))
            .collect()
    }
    Problem {
        cameras: moved(&problem.cameras, &step.cameras),
        points: moved(&problem.points, &step.points),
        observations: problem.observations.clone(),
    }
}
