//! The way down: argmin's quasi-Newton method of C. Broyden, R. Fletcher, D. Goldfarb and D. Shanno (1970).

use std::cell::RefCell;

use argmin::core::observers::{Observe, ObserverMode};
use argmin::core::{CostFunction, Error, Executor, Gradient, IterState, KV, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::BFGS;

/// Where the fit stands after a step.
#[derive(Clone, Debug)]
pub struct Point {
    /// The place.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// The largest part of the gradient there.
    pub steepest: f64,
}

/// A function with its gradient. The solver asks for the two one by one at the same place.
struct Problem<F> {
    f: F,
    last: RefCell<(Vec<f64>, f64, Vec<f64>)>,
}

impl<F: Fn(&[f64]) -> (f64, Vec<f64>)> Problem<F> {
    fn at(&self, x: &[f64]) -> (f64, Vec<f64>) {
        let mut last = self.last.borrow_mut();
        if last.0 != x {
            let (value, gradient) = (self.f)(x);
            *last = (x.to_vec(), value, gradient);
        }
        (last.1, last.2.clone())
    }
}

impl<F: Fn(&[f64]) -> (f64, Vec<f64>)> CostFunction for Problem<F> {
    type Param = Vec<f64>;
    type Output = f64;
    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.at(x).0)
    }
}

impl<F: Fn(&[f64]) -> (f64, Vec<f64>)> Gradient for Problem<F> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;
    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.at(x).1)
    }
}

type Iterate = IterState<Vec<f64>, Vec<f64>, (), Vec<Vec<f64>>, (), f64>;

struct Observer<O>(O);

impl<O: FnMut(Point)> Observer<O> {
    fn tell(&mut self, state: &Iterate) {
        if let (Some(x), Some(gradient)) = (state.get_param(), state.get_gradient()) {
            (self.0)(Point {
                x: x.clone(),
                value: state.get_cost(),
                steepest: gradient.iter().fold(0.0_f64, |max, g| max.max(g.abs())),
            });
        }
    }
}

impl<O: FnMut(Point)> Observe<Iterate> for Observer<O> {
    fn observe_init(&mut self, _: &str, state: &Iterate, _: &KV) -> Result<(), Error> {
        self.tell(state);
        Ok(())
    }
    fn observe_iter(&mut self, state: &Iterate, _: &KV) -> Result<(), Error> {
        self.tell(state);
        Ok(())
    }
}

/// Goes down from `x` until the gradient is shorter than `tolerance`, in at most `limit` steps; `told` is told of each point, the
/// first included.
///
/// # Errors
/// If the solver gives up.
pub fn minimise(
    f: impl Fn(&[f64]) -> (f64, Vec<f64>),
    x: Vec<f64>,
    (tolerance, limit): (f64, u64),
    told: impl FnMut(Point) + 'static,
) -> Result<Vec<f64>, Error> {
    let (value, gradient) = f(&x);
    // The estimate of the inverse Hessian that makes the first step about a tenth long.
    let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    let entry = |i, j| if i == j { 0.1 / norm.max(0.1) } else { 0.0 };
    let row = |i| (0..x.len()).map(|j| entry(i, j)).collect();
    let inverse: Vec<Vec<f64>> = (0..x.len()).map(row).collect();
    let problem = Problem {
        f,
        last: RefCell::new((x.clone(), value, gradient)),
    };
    let solver = BFGS::new(MoreThuenteLineSearch::new()).with_tolerance_grad(tolerance)?;
    let result = Executor::new(problem, solver)
        .configure(|state| state.param(x).inv_hessian(inverse).max_iters(limit))
        .add_observer(Observer(told), ObserverMode::Always)
        .run()?;
    let best = result.state.get_best_param();
    Ok(best.expect("the solver starts from a point").clone())
}
