//! L(theta) = sum_i C_i(theta), and one step back through layers of three units.

use ndarray::{Array1, Array2, array};
use wengert::{Tape, Var};

use crate::{agree, central_difference, layer, sigmoid, sigmoid_slope};

const INPUTS: [f64; 4] = [-1.5, -0.25, 0.5, 2.0];
const TARGETS: [f64; 4] = [0.1, 0.8, 0.3, 0.9];

fn output(theta: &[Var], x: f64) -> Var {
    (theta[0] * x + theta[1]).sigmoid()
}

/// Both readings of the printed C_i: the squared error, and o_i^2 - t_i^2 as it stands.
#[test]
fn both_readings() {
    type Loss = fn(Var, f64) -> Var;
    type Slope = fn(f64, f64) -> f64;
    let squared_error: (Loss, Slope) = (|o, t| (o - t).square(), |o, t| 2.0 * (o - t));
    let as_printed: (Loss, Slope) = (|o, t| o.square() - t * t, |o, _| 2.0 * o);

    for (loss, slope) in [squared_error, as_printed] {
        let total = |theta: &[Var]| -> Var {
            let terms = INPUTS.iter().zip(TARGETS);
            terms.map(|(&x, t)| loss(output(theta, x), t)).sum()
        };
        let theta = [0.7, -0.3];
        let mut formula = [0.0; 2];
        let mut by_terms = [0.0; 2];
        for (&x, t) in INPUTS.iter().zip(TARGETS) {
            let y = theta[0] * x + theta[1];
            let back = slope(sigmoid(y), t) * sigmoid_slope(y);
            formula[0] += back * x;
            formula[1] += back;
            let term = wengert::grad(|theta: &[Var]| loss(output(theta, x), t))(&theta);
            by_terms[0] += term[0];
            by_terms[1] += term[1];
        }
        let engine = wengert::grad(total)(&theta);
        for i in 0..2 {
            agree(formula[i], engine[i], "dL/dtheta");
            agree(by_terms[i], engine[i], "sum of dC_i/dtheta");
        }
        let value = |theta: &[f64]| wengert::value_and_grad(total)(theta).0;
        central_difference(value, &theta, &engine);
    }
}

/// The readings differ by a factor: 2 (o - t) beside 2 o.
#[test]
fn readings_differ_where_the_target_is_not_zero() {
    let tape = Tape::new();
    let o = tape.var(0.8);
    agree(
        2.0 * (0.8 - 0.3),
        (o - 0.3).square().backward()[o],
        "(o - t)^2",
    );
    agree(
        2.0 * 0.8,
        (o.square() - 0.3 * 0.3).backward()[o],
        "o^2 - t^2",
    );
}

struct Layers {
    before: Array2<f64>,
    after: Array2<f64>,
    last: [f64; 3],
    input: [f64; 3],
}

fn layers() -> Layers {
    Layers {
        before: array![[0.5, -1.2, 0.3], [0.8, 0.1, -0.6], [-0.4, 0.9, 1.1]],
        after: array![[1.0, -0.7, 0.2], [-0.3, 0.6, 0.5], [0.9, 0.4, -1.3]],
        last: [0.7, -1.1, 0.4],
        input: [0.6, -0.9, 1.4],
    }
}

/// o as a plain function of the nine weights of the first layer.
fn output_of(net: &Layers, before: &[f64]) -> f64 {
    let before = Array2::from_shape_vec((3, 3), before.to_vec()).unwrap();
    let zero = [0.0; 3];
    let x: Vec<f64> = layer(&before, &net.input, &zero)
        .into_iter()
        .map(f64::tanh)
        .collect();
    let y = layer(&net.after, &x, &zero);
    y.iter().zip(net.last).map(|(y, w)| w * y.tanh()).sum()
}

fn tanh_slope(y: f64) -> f64 {
    1.0 - y.tanh() * y.tanh()
}

#[test]
fn weight_by_weight() {
    let net = layers();
    let tape = Tape::new();
    let w_before = net.before.mapv(|w| tape.var(w));
    let w_after = net.after.mapv(|w| tape.var(w));
    let x_before = net.input.map(|x| tape.var(x));
    let weigh = |w: &Array2<Var>, x: [Var; 3]| {
        [0, 1, 2].map(|k| w[[k, 0]] * x[0] + w[[k, 1]] * x[1] + w[[k, 2]] * x[2])
    };
    let y_before = weigh(&w_before, x_before);
    let x = y_before.map(|y| y.tanh());
    let y = weigh(&w_after, x);
    let o = y[0].tanh() * net.last[0] + y[1].tanh() * net.last[1] + y[2].tanh() * net.last[2];
    let g = o.backward();

    // do/dy at the end: the weight of the unit in o times phi'.
    let dy: Vec<f64> = (0..3)
        .map(|k| net.last[k] * tanh_slope(y[k].value()))
        .collect();
    let mut gradient = Vec::new();
    for j in 0..3 {
        agree(dy[j], g[y[j]], "do/dy^n");
        // What x_j feeds: the sum over those units, each weighted by its w.
        let dx: f64 = (0..3).map(|k| dy[k] * net.after[[k, j]]).sum();
        agree(dx, g[x[j]], "do/dx^n");
        let dy_before = dx * tanh_slope(y_before[j].value());
        agree(dy_before, g[y_before[j]], "do/dy^{n-1}");
        for i in 0..3 {
            let dw = dy_before * net.input[i];
            agree(dw, g[w_before[[j, i]]], "do/dw^{n-1}");
            agree(dy[j] * x[i].value(), g[w_after[[j, i]]], "do/dw^n");
            gradient.push(dw);
        }
    }
    let weights: Vec<f64> = net.before.iter().copied().collect();
    central_difference(|w| output_of(&net, w), &weights, &gradient);
}

/// do/dy^{n-1} = diag(phi'(y^{n-1})) (W^n)^T do/dy^n.
#[test]
fn matrix_form() {
    let net = layers();
    let tape = Tape::new();
    let w_before = tape.tensor(&net.before);
    let w_after = tape.tensor(&net.after);
    let y_before = w_before.matmul(tape.tensor(array![0.6, -0.9, 1.4]));
    let y = w_after.matmul(y_before.tanh());
    let o = y.tanh().dot(tape.tensor(array![0.7, -1.1, 0.4]));
    let g = o.backward();

    let slopes = y_before.value().mapv(tanh_slope);
    let diag = Array2::from_diag(&Array1::from_iter(slopes));
    let dy = Array1::from_iter(g[y].iter().copied());
    let back = diag.dot(&net.after.t()).dot(&dy);
    for (j, &back) in back.iter().enumerate() {
        agree(back, g[y_before][[j]], "diag(phi') W^T do/dy");
        for i in 0..3 {
            agree(back * net.input[i], g[w_before][[j, i]], "do/dW");
        }
    }
    let weights: Vec<f64> = net.before.iter().copied().collect();
    let gradient: Vec<f64> = g[w_before].iter().copied().collect();
    central_difference(|w| output_of(&net, w), &weights, &gradient);
}
