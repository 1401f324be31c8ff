//! Predators and prey, as A. Lotka and V. Volterra have them, and how far a run is from what was observed.

use std::cell::Cell;
use std::rc::Rc;

use rand::Rng;
use rand_distr::{Distribution, Normal};
use wengert::{Budget, Tape, Var};

/// The rates' names: prey grow and are hunted, predators gain by that and die.
pub const NAMES: [&str; 4] = ["growth", "hunt", "gain", "death"];
/// The rates that the observations are made with.
pub const TRUTH: [f64; 4] = [1.1, 0.4, 0.1, 0.4];
/// Prey and predators at time 0.
const START: [f64; 2] = [10.0, 5.0];
/// The time between two observations.
pub const INTERVAL: f64 = 0.5;

/// What was observed, and how a run is computed to be compared with it.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Logarithms of prey and predators after each interval.
    pub observed: Rc<[[f64; 2]]>,
    /// Standard deviation of their errors.
    pub noise: f64,
    /// Steps of the integration between two observations.
    pub between: usize,
}

/// The misfit at some rates, and what it took.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The mean square of the errors, in units of the noise; about 1 at the truth.
    pub misfit: f64,
    /// Its derivatives by the logarithms of the rates.
    pub gradient: Vec<f64>,
    /// The most nodes that stood on the list at once.
    pub nodes: usize,
}

impl Experiment {
    /// Observes a run at the true rates, with errors.
    pub fn observe(count: usize, between: usize, noise: f64, rng: &mut impl Rng) -> Self {
        let errors = Normal::new(0.0, noise).expect("the noise is a positive number");
        let observed = run(&TRUTH, count, between, INTERVAL / between as f64)
            .into_iter()
            .skip(1)
            .map(|animals| animals.map(|x| x.ln() + errors.sample(rng)));
        Self {
            observed: observed.collect(),
            noise,
            between,
        }
    }

    /// The steps of a run.
    pub fn steps(&self) -> usize {
        self.observed.len() * self.between
    }

    /// The misfit at the rates with these logarithms, and its gradient; with no budget, all steps stay on the list.
    pub fn pass(&self, logarithms: &[f64], budget: Option<Budget>) -> Pass {
        let tape = Tape::new();
        let inputs = tape.vars(logarithms);
        let mut start = vec![tape.var(START[0]), tape.var(START[1]), tape.var(0.0)];
        start.extend(inputs.iter().map(|x| x.exp()));

        let longest = Rc::new(Cell::new(0));
        let seen = longest.clone();
        let experiment = self.clone();
        // The state: prey, predators, the misfit so far, and the rates, which every step hands on.
        let step = move |t: usize, state: &[Var]| {
            let &[prey, predators, mut misfit, a, b, c, d] = state else {
                unreachable!("the state has seven parts");
            };
            let animals = rk4(
                [prey, predators],
                [a, b, c, d],
                INTERVAL / experiment.between as f64,
            );
            if (t + 1).is_multiple_of(experiment.between) {
                misfit += experiment.error(t / experiment.between, animals);
            }
            seen.set(seen.get().max(animals[1].index() + 1));
            vec![animals[0], animals[1], misfit, a, b, c, d]
        };
        let end = match budget {
            Some(budget) => tape.checkpointed_steps(&start, self.steps(), budget, step),
            None => (0..self.steps()).fold(start, |state, t| step(t, &state)),
        };
        let misfit = end[2] / (2 * self.observed.len()) as f64;
        Pass {
            misfit: misfit.value(),
            gradient: misfit.backward().of(&inputs),
            nodes: longest.get(),
        }
    }

    /// The squared errors of prey and predators at an observation.
    fn error(&self, observation: usize, animals: [Var; 2]) -> Var {
        let [prey, predators] = self.observed[observation];
        let prey = (animals[0].ln() - prey) / self.noise;
        let predators = (animals[1].ln() - predators) / self.noise;
        prey * prey + predators * predators
    }
}

/// Prey and predators at time 0 and `count` times after that, at intervals of `steps` steps of length `h`.
pub fn run(rates: &[f64; 4], count: usize, steps: usize, h: f64) -> Vec<[f64; 2]> {
    // Operations on constants alone are recorded nowhere: the same code gives plain numbers.
    let rates = rates.map(Var::constant);
    let mut animals = START.map(Var::constant);
    let mut found = vec![START];
    for _ in 0..count {
        for _ in 0..steps {
            animals = rk4(animals, rates, h);
        }
        found.push(animals.map(Var::value));
    }
    found
}

/// du/dt = growth u - hunt u v, dv/dt = gain u v - death v.
fn slope([u, v]: [Var; 2], [growth, hunt, gain, death]: [Var; 4]) -> [Var; 2] {
    [u * (growth - hunt * v), v * (gain * u - death)]
}

/// One step of the classical method of Runge and Kutta.
fn rk4(x: [Var; 2], rates: [Var; 4], h: f64) -> [Var; 2] {
    let ahead = |k: [Var; 2], h: f64| [x[0] + h * k[0], x[1] + h * k[1]];
    let k1 = slope(x, rates);
    let k2 = slope(ahead(k1, h / 2.0), rates);
    let k3 = slope(ahead(k2, h / 2.0), rates);
    let k4 = slope(ahead(k3, h), rates);
    std::array::from_fn(|i| x[i] + h / 6.0 * (k1[i] + 2.0 * (k2[i] + k3[i]) + k4[i]))
}
