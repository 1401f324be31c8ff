//! Hamiltonian Monte Carlo.
//!
//! A draw is a position. It is given a random momentum and moves along the trajectory of a ball on the landscape -log density, whose end
//! is the proposal for the next draw. The leapfrog integrator follows the trajectory by gradients; Metropolis' acceptance makes up for
//! its error. After R. M. Neal (2011), *MCMC Using Hamiltonian Dynamics*, and M. D. Hoffman and A. Gelman (2014), *The No-U-Turn
//! Sampler*, whose dual averaging (their section 3.2) chooses the step size.

use ndarray::Array2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A density to draw from.
pub trait Target: Sync {
    /// The number of coordinates.
    fn dimension(&self) -> usize;
    /// The logarithm of the density, up to a constant, and its gradient.
    ///
    /// # Errors
    /// If it cannot be computed.
    fn log_density(&self, x: &[f64]) -> Result<(f64, Vec<f64>), wengert::Error>;
}

/// How to sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Draws at the start that only adapt the sampler and are dropped.
    pub warm_up: usize,
    /// Draws to keep.
    pub draws: usize,
    /// How long a trajectory is on average, in units of time: a quarter of a turn about a normal density is pi / 2.
    pub length: f64,
    /// The rate of acceptance to adapt the step size to.
    pub acceptance: f64,
    /// Whether warm-up also adapts a diagonal mass matrix, which makes all directions about equally wide.
    pub masses: bool,
}

/// What a chain drew.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// The draws (rows) of each coordinate (columns).
    pub draws: Array2<f64>,
    /// The mean probability of acceptance after warm-up.
    pub acceptance: f64,
    /// The step size after warm-up.
    pub step: f64,
    /// Trajectories after warm-up that the integrator lost, for they came where its step is far too long.
    pub divergences: usize,
    /// Gradients that were computed, warm-up included.
    pub gradients: usize,
}

/// An energy that grows by more is no rounding: the integrator has lost the trajectory.
const DIVERGED: f64 = 1000.0;
/// The most steps of a trajectory.
const MOST_STEPS: f64 = 1000.0;

/// Draws a chain that begins at `start`; `tick` is called after each draw.
///
/// # Errors
/// If the density cannot be computed.
pub fn sample(
    target: &impl Target,
    settings: &Settings,
    start: &[f64],
    rng: &mut ChaCha8Rng,
    tick: impl Fn(),
) -> Result<Chain, wengert::Error> {
    let mut sampler = Sampler {
        target,
        variances: vec![1.0; target.dimension()],
        gradients: 0,
        rng,
    };
    let mut here = sampler.at(start.to_vec())?;
    // Half of the warm-up finds the place and, in its second half, the variances; the other half finds the step size for them.
    let (first, second) = (settings.warm_up / 2, settings.warm_up.div_ceil(2));
    let mut step = 1.0;
    let mut moments = Moments::new(target.dimension());
    for (phase, rounds) in [first, second].into_iter().enumerate() {
        let mut adaptation =
            DualAveraging::new(sampler.reasonable_step(&here, step)?, settings.acceptance);
        for round in 0..rounds {
            let moved = sampler.transition(&mut here, adaptation.step, settings.length)?;
            adaptation.update(moved.acceptance);
            if phase == 0 && 2 * round >= rounds {
                moments.add(&here.position);
            }
            tick();
        }
        step = adaptation.averaged();
        if phase == 0 && settings.masses {
            sampler.variances = moments.variances();
        }
    }

    let mut chain = Chain {
        draws: Array2::zeros((settings.draws, target.dimension())),
        acceptance: 0.0,
        step,
        divergences: 0,
        gradients: 0,
    };
    for mut draw in chain.draws.rows_mut() {
        let moved = sampler.transition(&mut here, step, settings.length)?;
        draw.assign(&ndarray::aview1(&here.position));
        chain.acceptance += moved.acceptance / settings.draws as f64;
        chain.divergences += usize::from(moved.diverged);
        tick();
    }
    chain.gradients = sampler.gradients;
    Ok(chain)
}

#[derive(Clone)]
struct State {
    position: Vec<f64>,
    log_density: f64,
    gradient: Vec<f64>,
}

struct Moved {
    /// The probability with which the proposal was accepted.
    acceptance: f64,
    diverged: bool,
}

struct Sampler<'a, T> {
    target: &'a T,
    /// The inverse masses.
    variances: Vec<f64>,
    gradients: usize,
    rng: &'a mut ChaCha8Rng,
}

impl<T: Target> Sampler<'_, T> {
    fn at(&mut self, position: Vec<f64>) -> Result<State, wengert::Error> {
        self.gradients += 1;
        let (log_density, gradient) = self.target.log_density(&position)?;
        Ok(State {
            position,
            log_density,
            gradient,
        })
    }

    /// Each mass is the inverse of a variance, and the momentum's variance is the mass.
    fn momentum(&mut self) -> Vec<f64> {
        let variances = self.variances.iter();
        variances
            .map(|variance| {
                let normal: f64 = StandardNormal.sample(self.rng);
                normal / variance.sqrt()
            })
            .collect()
    }

    fn energy(&self, state: &State, momentum: &[f64]) -> f64 {
        let squares = momentum.iter().zip(&self.variances);
        0.5 * squares.map(|(p, v)| p * p * v).sum::<f64>() - state.log_density
    }

    /// One step of the leapfrog integrator: half a push, a whole step, half a push.
    fn leapfrog(
        &mut self,
        from: &State,
        momentum: &mut [f64],
        step: f64,
    ) -> Result<State, wengert::Error> {
        push(momentum, &from.gradient, 0.5 * step);
        let pairs = from.position.iter().zip(momentum.iter());
        let moved = pairs
            .zip(&self.variances)
            .map(|((x, p), v)| x + step * p * v);
        let to = self.at(moved.collect())?;
        push(momentum, &to.gradient, 0.5 * step);
        Ok(to)
    }

    /// Moves along a trajectory of random length, or stays.
    fn transition(
        &mut self,
        here: &mut State,
        step: f64,
        length: f64,
    ) -> Result<Moved, wengert::Error> {
        let mut momentum = self.momentum();
        let energy = self.energy(here, &momentum);
        // A trajectory that always ended after the same time might come back to where it began, again and again.
        let length = length * self.rng.random_range(0.5..1.5);
        let steps = (length / step).round().clamp(1.0, MOST_STEPS) as usize;
        let mut there = here.clone();
        let mut grown = 0.0;
        for _ in 0..steps {
            there = self.leapfrog(&there, &mut momentum, step)?;
            grown = self.energy(&there, &momentum) - energy;
            if grown.is_nan() || grown >= DIVERGED {
                return Ok(Moved {
                    acceptance: 0.0,
                    diverged: true,
                });
            }
        }
        let acceptance = (-grown).exp().min(1.0);
        if self.rng.random::<f64>() < acceptance {
            *here = there;
        }
        Ok(Moved {
            acceptance,
            diverged: false,
        })
    }

    /// A step size with which a single leapfrog is accepted about every other time (Hoffman and Gelman's algorithm 4).
    fn reasonable_step(&mut self, here: &State, start: f64) -> Result<f64, wengert::Error> {
        const MOST_DOUBLINGS: usize = 60;
        let momentum = self.momentum();
        let energy = self.energy(here, &momentum);
        let mut accepted = |step: f64| -> Result<bool, wengert::Error> {
            let mut momentum = momentum.clone();
            let there = self.leapfrog(here, &mut momentum, step)?;
            Ok(energy - self.energy(&there, &momentum) > -std::f64::consts::LN_2)
        };
        let mut step = start;
        let grow = accepted(step)?;
        for _ in 0..MOST_DOUBLINGS {
            let next = if grow { 2.0 * step } else { 0.5 * step };
            if accepted(next)? != grow {
                return Ok(if grow { step } else { next });
            }
            step = next;
        }
        Ok(step)
    }
}

fn push(momentum: &mut [f64], gradient: &[f64], time: f64) {
    for (p, g) in momentum.iter_mut().zip(gradient) {
        *p += time * g;
    }
}

/// Dual averaging of the logarithm of the step size (Hoffman and Gelman's algorithm 5, with their constants).
struct DualAveraging {
    goal: f64,
    step: f64,
    /// What the logarithm shrinks to.
    centre: f64,
    averaged: f64,
    lack: f64,
    round: f64,
}

impl DualAveraging {
    fn new(step: f64, goal: f64) -> Self {
        DualAveraging {
            goal,
            step,
            centre: (10.0 * step).ln(),
            averaged: step.ln(),
            lack: 0.0,
            round: 0.0,
        }
    }

    fn update(&mut self, acceptance: f64) {
        const SHRINKAGE: f64 = 0.05;
        const DELAY: f64 = 10.0;
        const FORGETTING: f64 = 0.75;
        self.round += 1.0;
        let weight = 1.0 / (self.round + DELAY);
        self.lack += weight * (self.goal - acceptance - self.lack);
        let log = self.centre - self.round.sqrt() / SHRINKAGE * self.lack;
        let weight = self.round.powf(-FORGETTING);
        self.averaged += weight * (log - self.averaged);
        self.step = log.exp();
    }

    fn averaged(&self) -> f64 {
        self.averaged.exp()
    }
}

/// Running means and sums of squared deviations (Welford's).
struct Moments {
    count: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn new(dimension: usize) -> Self {
        Moments {
            count: 0.0,
            means: vec![0.0; dimension],
            squares: vec![0.0; dimension],
        }
    }

    fn add(&mut self, x: &[f64]) {
        self.count += 1.0;
        for ((mean, square), x) in self.means.iter_mut().zip(&mut self.squares).zip(x) {
            let off = x - *mean;
            *mean += off / self.count;
            *square += off * (x - *mean);
        }
    }

    /// The variances, drawn towards a thousandth as if five more draws had said that, as Stan does: a few draws may lie close together.
    fn variances(&self) -> Vec<f64> {
        let (most, few) = (self.count / (self.count + 5.0), 5.0 / (self.count + 5.0));
        let spread = (self.count - 1.0).max(1.0);
        let squares = self.squares.iter();
        squares
            .map(|square| most * square / spread + 1e-3 * few)
            .collect()
    }
}
