//! Three textbook derivations of backpropagation beside the engine.
//!
//! Each formula is evaluated as it is printed, with plain loops, and compared with the adjoint of
//! every z, a, w and b; then both answers meet a central difference, which knows neither.

mod deltas;
mod sum_of_losses;
mod two_cases;

use ndarray::Array2;

#[track_caller]
fn agree(formula: f64, engine: f64, what: &str) {
    let bound = 1e-12 * formula.abs().max(1.0);
    assert!(
        (formula - engine).abs() <= bound,
        "{what}: the formula gives {formula}, the engine {engine}"
    );
}

/// The gradient against (f(x + h) - f(x - h)) / 2h, whose error here is of order h^2.
#[track_caller]
fn central_difference(f: impl Fn(&[f64]) -> f64, x: &[f64], gradient: &[f64]) {
    const H: f64 = 1e-5;
    assert_eq!(x.len(), gradient.len());
    let mut moved = x.to_vec();
    for (i, &claimed) in gradient.iter().enumerate() {
        moved[i] = x[i] + H;
        let above = f(&moved);
        moved[i] = x[i] - H;
        let below = f(&moved);
        moved[i] = x[i];
        let slope = (above - below) / (2.0 * H);
        assert!(
            (slope - claimed).abs() <= 1e-7 * claimed.abs().max(1.0),
            "entry {i}: the difference gives {slope}, the gradient {claimed}"
        );
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn sigmoid_slope(x: f64) -> f64 {
    sigmoid(x) * (1.0 - sigmoid(x))
}

/// b + W x.
fn layer(w: &Array2<f64>, x: &[f64], b: &[f64]) -> Vec<f64> {
    let mut y = b.to_vec();
    for (k, y) in y.iter_mut().enumerate() {
        for (j, x) in x.iter().enumerate() {
            *y += w[[k, j]] * x;
        }
    }
    y
}
