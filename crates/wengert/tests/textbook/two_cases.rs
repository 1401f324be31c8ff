//! The chain rule in two cases, and what it makes of a network: a forward and a backward pass.

use wengert::{Tape, Var};

use crate::{agree, central_difference, sigmoid_slope};

/// y = g(x), z = h(y): dz/dx = dz/dy dy/dx.
#[test]
fn case_1() {
    let tape = Tape::new();
    let x = tape.var(0.7);
    let y = x.exp();
    let z = y.sin();
    let g = z.backward();
    let dz_dy = 0.7_f64.exp().cos();
    agree(dz_dy, g[y], "dz/dy");
    agree(dz_dy * 0.7_f64.exp(), g[x], "dz/dx");
    central_difference(|x| x[0].exp().sin(), &[0.7], &[g[x]]);
}

/// x = g(s), y = h(s), z = k(x, y): dz/ds = dz/dx dx/ds + dz/dy dy/ds.
#[test]
fn case_2() {
    let tape = Tape::new();
    let s = tape.var(1.3);
    let x = s.square();
    let y = s.sin();
    let z = x.atan2(y) + x * y;
    let g = z.backward();
    let (xv, yv) = (1.3 * 1.3, 1.3_f64.sin());
    let r2 = xv * xv + yv * yv;
    let (dz_dx, dz_dy) = (yv / r2 + yv, -xv / r2 + xv);
    agree(dz_dx, g[x], "dz/dx");
    agree(dz_dy, g[y], "dz/dy");
    agree(dz_dx * 2.0 * 1.3 + dz_dy * 1.3_f64.cos(), g[s], "dz/ds");
    let value = |s: &[f64]| {
        let (x, y) = (s[0] * s[0], s[0].sin());
        x.atan2(y) + x * y
    };
    central_difference(value, &[1.3], &[g[s]]);
}

const SAMPLES: [([f64; 2], [f64; 2]); 3] = [
    ([1.0, -1.0], [1.0, 0.0]),
    ([0.3, 0.8], [0.0, 1.0]),
    ([-0.7, 0.2], [0.4, 0.6]),
];
/// w1, w2 | w1', w2' into the hidden pair, w3 .. w6 out of it, then four biases.
const THETA: [f64; 12] = [
    1.0, -2.0, -1.0, 1.0, 2.0, -1.0, -2.0, -1.0, 1.0, 0.0, 0.5, -0.5,
];

/// Two inputs, two hidden units, two outputs, all with sigmoids; z then a, layer by layer.
fn record(theta: &[Var], x: [f64; 2]) -> ([Var; 2], [Var; 2], [Var; 2], [Var; 2]) {
    let z = [0, 1].map(|k| theta[2 * k] * x[0] + theta[2 * k + 1] * x[1] + theta[8 + k]);
    let a = z.map(|z| z.sigmoid());
    let out = [0, 1].map(|k| theta[4 + 2 * k] * a[0] + theta[5 + 2 * k] * a[1] + theta[10 + k]);
    (z, a, out, out.map(|z| z.sigmoid()))
}

fn cost(y: [Var; 2], t: [f64; 2]) -> Var {
    ((y[0] - t[0]).square() + (y[1] - t[1]).square()) / 2.0
}

fn loss(theta: &[Var]) -> Var {
    SAMPLES
        .iter()
        .map(|&(x, t)| cost(record(theta, x).3, t))
        .sum()
}

#[test]
fn forward_and_backward_pass() {
    let mut sum = [0.0; 12];
    for (x, t) in SAMPLES {
        let tape = Tape::new();
        let theta = tape.vars(&THETA);
        let (z, a, out, y) = record(&theta, x);
        let c = cost(y, t);
        let g = c.backward();

        // Output layer: dC/dz' = dy/dz' dC/dy directly.
        let delta_out = [0, 1].map(|k| {
            let dc_dy = y[k].value() - t[k];
            agree(dc_dy, g[y[k]], "dC/dy");
            dc_dy * sigmoid_slope(out[k].value())
        });
        // Not the output layer: the reversed network, linear, with sigma'(z) as its gains.
        let delta = [0, 1].map(|j| {
            let (to_first, to_second) = (THETA[4 + j], THETA[6 + j]);
            let back = to_first * delta_out[0] + to_second * delta_out[1];
            agree(back, g[a[j]], "dC/da");
            sigmoid_slope(z[j].value()) * back
        });
        let mut formula = [0.0; 12];
        for k in 0..2 {
            agree(delta_out[k], g[out[k]], "dC/dz'");
            agree(delta[k], g[z[k]], "dC/dz");
            for i in 0..2 {
                // dC/dw = dz/dw dC/dz, and dz/dw is the input that the weight multiplies.
                formula[2 * k + i] = x[i] * delta[k];
                formula[4 + 2 * k + i] = a[i].value() * delta_out[k];
            }
            formula[8 + k] = delta[k];
            formula[10 + k] = delta_out[k];
        }
        for i in 0..12 {
            agree(formula[i], g[theta[i]], "dC/dtheta");
            sum[i] += formula[i];
        }
    }
    // L = sum_n C^n, so dL/dw = sum_n dC^n/dw.
    let engine = wengert::grad(loss)(&THETA);
    for i in 0..12 {
        agree(sum[i], engine[i], "dL/dtheta");
    }
    let value = |theta: &[f64]| wengert::value_and_grad(loss)(theta).0;
    central_difference(value, &THETA, &engine);
}

/// dz/dw, asked of the engine: the input, whatever the weights are.
#[test]
fn forward_pass_is_the_input() {
    let tape = Tape::new();
    let theta = tape.vars(&THETA);
    let (z, a, out, _) = record(&theta, [1.0, -1.0]);
    let g = z[0].backward();
    assert_eq!((g[theta[0]], g[theta[1]], g[theta[8]]), (1.0, -1.0, 1.0));
    let g = out[1].backward();
    assert_eq!((g[theta[6]], g[theta[7]]), (a[0].value(), a[1].value()));
}

/// theta^{t+1} = theta^t - eta grad L(theta^t).
#[test]
fn gradient_descent_lowers_the_loss() {
    let mut theta = THETA;
    let mut before = f64::INFINITY;
    for _ in 0..20 {
        let (now, gradient) = wengert::value_and_grad(loss)(&theta);
        assert!(now < before);
        before = now;
        for (theta, slope) in theta.iter_mut().zip(gradient) {
            *theta -= 0.5 * slope;
        }
    }
}
