//! The delta recursion in index notation, for any depth, widths and activations.

use ndarray::Array2;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wengert::{Tape, Tensor, Var};

use crate::{agree, central_difference, layer, sigmoid, sigmoid_slope};

struct Activation {
    name: &'static str,
    scalar: fn(Var) -> Var,
    tensor: fn(Tensor) -> Tensor,
    value: fn(f64) -> f64,
    slope: fn(f64) -> f64,
    kinked: bool,
}

macro_rules! activation {
    ($name:ident $(($p:expr))?, $value:expr, $slope:expr, $kinked:expr) => {
        Activation {
            name: stringify!($name),
            scalar: |x| x.$name($($p)?),
            tensor: |x| x.$name($($p)?),
            value: $value,
            slope: $slope,
            kinked: $kinked,
        }
    };
}

const ACTIVATIONS: [Activation; 12] = [
    activation!(sigmoid, sigmoid, sigmoid_slope, false),
    activation!(tanh, f64::tanh, |z| 1.0 - z.tanh() * z.tanh(), false),
    activation!(relu, |z| z.max(0.0), |z| f64::from(z > 0.0), true),
    activation!(
        leaky_relu(0.1),
        |z| if z > 0.0 { z } else { 0.1 * z },
        |z| if z > 0.0 { 1.0 } else { 0.1 },
        true
    ),
    activation!(
        elu(1.0),
        |z| if z > 0.0 { z } else { z.exp() - 1.0 },
        |z| z.min(0.0).exp(),
        false
    ),
    activation!(softplus, |z| (1.0 + z.exp()).ln(), sigmoid, false),
    activation!(
        softsign,
        |z| z / (1.0 + z.abs()),
        |z| (1.0 + z.abs()).powi(-2),
        false
    ),
    activation!(
        silu,
        |z| z * sigmoid(z),
        |z| sigmoid(z) * (1.0 + z * (1.0 - sigmoid(z))),
        false
    ),
    activation!(atan, f64::atan, |z| 1.0 / (1.0 + z * z), false),
    activation!(sin, f64::sin, f64::cos, false),
    activation!(log_sigmoid, |z| sigmoid(z).ln(), |z| sigmoid(-z), false),
    activation!(asinh, f64::asinh, |z| 1.0 / (1.0 + z * z).sqrt(), false),
];

#[derive(Clone)]
struct Network {
    /// Index into the activations, by layer.
    activations: Vec<usize>,
    w: Vec<Array2<f64>>,
    b: Vec<Vec<f64>>,
    inputs: Array2<f64>,
    targets: Array2<f64>,
}

fn network(widths: &[usize], activations: &[usize], samples: usize, seed: u64) -> Network {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut number = || random.random_range(-1.0..1.0);
    let depth = widths.len() - 1;
    Network {
        activations: activations[..depth].to_vec(),
        w: (0..depth)
            .map(|l| Array2::from_shape_simple_fn((widths[l + 1], widths[l]), &mut number))
            .collect(),
        b: (0..depth)
            .map(|l| (0..widths[l + 1]).map(|_| number()).collect())
            .collect(),
        inputs: Array2::from_shape_simple_fn((samples, widths[0]), &mut number),
        targets: Array2::from_shape_simple_fn((samples, widths[depth]), &mut number),
    }
}

/// What the text computes for one sample: z, a (a[0] is the input) and delta, by layer.
struct Pass {
    z: Vec<Vec<f64>>,
    a: Vec<Vec<f64>>,
    /// dJ/da; the last is grad_a J.
    da: Vec<Vec<f64>>,
    delta: Vec<Vec<f64>>,
}

impl Network {
    fn depth(&self) -> usize {
        self.w.len()
    }

    fn activation(&self, l: usize) -> &'static Activation {
        &ACTIVATIONS[self.activations[l]]
    }

    /// z_j^l = sum_i w_ji^l a_i^{l-1} + b_j^l and a_j^l = sigma(z_j^l).
    fn forward(&self, sample: usize) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let mut z = Vec::new();
        let mut a = vec![self.inputs.row(sample).to_vec()];
        for l in 0..self.depth() {
            z.push(layer(&self.w[l], &a[l], &self.b[l]));
            a.push(
                z[l].iter()
                    .map(|&z| (self.activation(l).value)(z))
                    .collect(),
            );
        }
        (z, a)
    }

    /// J = 1/(2n) sum_x ||y(x) - a^L(x)||^2.
    fn cost(&self) -> f64 {
        let n = self.inputs.nrows();
        let mut sum = 0.0;
        for x in 0..n {
            let a = self.forward(x).1.pop().unwrap();
            let y = self.targets.row(x);
            sum += a.iter().zip(y).map(|(a, y)| (y - a) * (y - a)).sum::<f64>();
        }
        sum / (2.0 * n as f64)
    }

    fn backward(&self, sample: usize) -> Pass {
        let n = self.inputs.nrows() as f64;
        let (z, a) = self.forward(sample);
        let depth = self.depth();
        let mut da = vec![Vec::new(); depth];
        let mut delta = vec![Vec::new(); depth];
        for l in (0..depth).rev() {
            da[l] = if l == depth - 1 {
                let y = self.targets.row(sample);
                a[depth].iter().zip(y).map(|(a, y)| (a - y) / n).collect()
            } else {
                let w = &self.w[l + 1];
                let back = |j| (0..w.nrows()).map(|k| w[[k, j]] * delta[l + 1][k]).sum();
                (0..w.ncols()).map(back).collect()
            };
            let slopes = z[l].iter().map(|&z| (self.activation(l).slope)(z));
            delta[l] = da[l]
                .iter()
                .zip(slopes)
                .map(|(da, slope)| da * slope)
                .collect();
        }
        Pass { z, a, da, delta }
    }

    /// Every weight and bias as one slice, and back.
    fn parameters(&self) -> Vec<f64> {
        let mut all = Vec::new();
        for (w, b) in self.w.iter().zip(&self.b) {
            all.extend(w.iter().chain(b));
        }
        all
    }

    fn cost_at(&self, parameters: &[f64]) -> f64 {
        let mut rest = parameters.iter().copied();
        let mut moved = self.clone();
        for (w, b) in moved.w.iter_mut().zip(&mut moved.b) {
            for parameter in w.iter_mut().chain(b) {
                *parameter = rest.next().unwrap();
            }
        }
        moved.cost()
    }

    /// A difference across a kink says nothing.
    fn near_a_kink(&self, passes: &[Pass]) -> bool {
        (0..self.depth()).any(|l| {
            let near = |pass: &Pass| pass.z[l].iter().any(|z| z.abs() < 1e-3);
            self.activation(l).kinked && passes.iter().any(near)
        })
    }
}

/// A batch on the tape as matrices, a sample in a row.
fn compare_batch(net: &Network, passes: &[Pass], formulas: &[f64]) {
    let n = passes.len();
    let tape = Tape::new();
    let w: Vec<Tensor> = net.w.iter().map(|w| tape.tensor(w)).collect();
    let b: Vec<Tensor> = net
        .b
        .iter()
        .map(|b| tape.tensor_from(&[b.len()], b))
        .collect();
    let mut a = tape.tensor(&net.inputs);
    let (mut zs, mut activations) = (Vec::new(), Vec::new());
    for l in 0..net.depth() {
        let z = a.matmul(w[l].t()) + b[l];
        a = (net.activation(l).tensor)(z);
        zs.push(z);
        activations.push(a);
    }
    let cost = (tape.constant(&net.targets) - a).square().sum() / (2.0 * n as f64);
    agree(net.cost(), cost.value(), "J");
    let g = cost.backward();

    let mut gradient = Vec::new();
    for l in 0..net.depth() {
        let name = net.activation(l).name;
        for (x, pass) in passes.iter().enumerate() {
            for j in 0..pass.z[l].len() {
                agree(pass.delta[l][j], g[zs[l]][[x, j]], name);
                agree(pass.da[l][j], g[activations[l]][[x, j]], name);
            }
        }
        gradient.extend(g[w[l]].iter().chain(&g[b[l]]));
    }
    for (&formula, engine) in formulas.iter().zip(gradient) {
        agree(formula, engine, "dJ/dw and dJ/db");
    }
}

/// One sample on the tape as vectors: z^l = W^l a^{l-1} + b^l.
fn compare_vectors(net: &Network, pass: &Pass, formulas: &[f64]) {
    let tape = Tape::new();
    let w: Vec<Tensor> = net.w.iter().map(|w| tape.tensor(w)).collect();
    let b: Vec<Tensor> = net
        .b
        .iter()
        .map(|b| tape.tensor_from(&[b.len()], b))
        .collect();
    let mut a = tape.tensor(net.inputs.row(0));
    let (mut zs, mut activations) = (Vec::new(), Vec::new());
    for l in 0..net.depth() {
        let z = w[l].matmul(a) + b[l];
        a = (net.activation(l).tensor)(z);
        zs.push(z);
        activations.push(a);
    }
    let cost = (tape.constant(net.targets.row(0)) - a).square().sum() / 2.0;
    let g = cost.backward();

    let mut gradient = Vec::new();
    for l in 0..net.depth() {
        for j in 0..pass.z[l].len() {
            agree(pass.delta[l][j], g[zs[l]][[j]], "dJ/dz");
            agree(pass.da[l][j], g[activations[l]][[j]], "dJ/da");
        }
        gradient.extend(g[w[l]].iter().chain(&g[b[l]]));
    }
    for (&formula, engine) in formulas.iter().zip(gradient) {
        agree(formula, engine, "dJ/dw and dJ/db");
    }
}

/// One sample on the tape as scalars, a node for every product and sum.
fn compare_scalars(net: &Network, pass: &Pass, formulas: &[f64]) {
    let tape = Tape::new();
    let mut a: Vec<Var> = tape.vars(&pass.a[0]);
    let (mut zs, mut activations, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
    for l in 0..net.depth() {
        let w = net.w[l].mapv(|w| tape.var(w));
        let b = tape.vars(&net.b[l]);
        let z: Vec<Var> = (0..b.len())
            .map(|j| (0..a.len()).map(|i| w[[j, i]] * a[i]).sum::<Var>() + b[j])
            .collect();
        a = z.iter().map(|&z| (net.activation(l).scalar)(z)).collect();
        leaves.extend(w.into_iter().chain(b));
        zs.push(z);
        activations.push(a.clone());
    }
    let y = net.targets.row(0);
    let cost = a
        .iter()
        .zip(y)
        .map(|(&a, &y)| (y - a).square())
        .sum::<Var>()
        / 2.0;
    let g = cost.backward();

    for l in 0..net.depth() {
        for j in 0..pass.z[l].len() {
            agree(pass.delta[l][j], g[zs[l][j]], "dJ/dz");
            agree(pass.da[l][j], g[activations[l][j]], "dJ/da");
        }
    }
    for (&formula, leaf) in formulas.iter().zip(leaves) {
        agree(formula, g[leaf], "dJ/dw and dJ/db");
    }
}

fn check(net: &Network) {
    let samples = net.inputs.nrows();
    let passes: Vec<Pass> = (0..samples).map(|x| net.backward(x)).collect();
    // dJ/dw_ji^l = delta_j^l a_i^{l-1} and dJ/db_j^l = delta_j^l, summed over the samples.
    let mut gradient = Vec::new();
    for l in 0..net.depth() {
        let (rows, columns) = net.w[l].dim();
        for j in 0..rows {
            for i in 0..columns {
                gradient.push(passes.iter().map(|p| p.delta[l][j] * p.a[l][i]).sum());
            }
        }
        for j in 0..rows {
            gradient.push(passes.iter().map(|p| p.delta[l][j]).sum());
        }
    }
    compare_batch(net, &passes, &gradient);
    if samples == 1 {
        compare_vectors(net, &passes[0], &gradient);
        compare_scalars(net, &passes[0], &gradient);
    }
    if !net.near_a_kink(&passes) {
        central_difference(|p| net.cost_at(p), &net.parameters(), &gradient);
    }
}

#[test]
fn every_activation_in_a_deep_network() {
    for activation in 0..ACTIVATIONS.len() {
        for samples in [1, 4] {
            check(&network(&[3, 4, 2, 3], &[activation; 3], samples, 7));
        }
    }
}

proptest! {
    #[test]
    fn any_depth_and_widths(
        widths in prop::collection::vec(1_usize..6, 2..7),
        activations in prop::collection::vec(0..ACTIVATIONS.len(), 5),
        samples in prop_oneof![Just(1_usize), 2_usize..6],
        seed: u64,
    ) {
        check(&network(&widths, &activations, samples, seed));
    }
}
