//! Laws that hold for every rule: the adjoint identity, and bits that agree whichever way they are computed.

mod common;

use common::{assert_close, numbers};
use ndarray::{ArrayD, IxDyn};
use proptest::prelude::*;
use wengert::rules::{OPS, OpInfo, samples};
use wengert::{Tape, Tensor, Var};

fn inner(a: &ArrayD<f64>, b: &ArrayD<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// <u, J v> = <J^T u, v>, numeric and recorded, for the operation on these inputs.
#[track_caller]
fn adjoint_identity(
    name: &str,
    seed: u64,
    inputs: &[ArrayD<f64>],
    record: impl Fn(&[Tensor]) -> Tensor,
) {
    let tape = Tape::new();
    let x: Vec<Tensor> = inputs.iter().map(|array| tape.tensor(array)).collect();
    let z = record(&x);
    let u = numbers(&z.shape(), seed);
    let v: Vec<_> = (1..)
        .zip(inputs)
        .map(|(k, x)| numbers(x.shape(), seed + k))
        .collect();

    let seeds: Vec<_> = x.iter().copied().zip(v.iter().cloned()).collect();
    let tangent = tape.jvp_tensors(&seeds)[z].clone();
    let gradients = z.backward_with(u.view());
    let scale: f64 = 1.0
        + tangent
            .iter()
            .zip(&u)
            .map(|(t, u)| (t * u).abs())
            .sum::<f64>();
    let backward: f64 = x
        .iter()
        .zip(&v)
        .map(|(&x, v)| inner(&gradients[x], v))
        .sum();
    assert_close(name, inner(&tangent, &u) / scale, backward / scale, 1e-13);

    let recorded = z.vjp(tape.constant(&u), &x);
    for (&x, recorded) in x.iter().zip(recorded) {
        assert_close(
            name,
            (&recorded.value() - &gradients[x]).mapv(f64::abs).sum() / scale,
            0.0,
            1e-13,
        );
    }
    let seeds: Vec<_> = x
        .iter()
        .zip(&v)
        .map(|(&x, v)| (x, tape.constant(v)))
        .collect();
    let recorded = z.jvp(&seeds).value();
    assert_close(
        name,
        (&recorded - &tangent).mapv(f64::abs).sum() / scale,
        0.0,
        1e-13,
    );
}

/// Numbers in the ranges where an operation is checked.
fn sampled(op: &OpInfo, k: usize, shape: &[usize], seed: u64) -> ArrayD<f64> {
    let range = &op.inputs[k].1;
    // From [-2, 2] to the range.
    numbers(shape, seed).mapv(|x| range.start + (x + 2.0) / 4.0 * (range.end - range.start))
}

fn params(op: &OpInfo) -> Vec<f64> {
    op.params.iter().map(|param| param.1).collect()
}

/// Shapes of `count` operands that broadcast to one shape of up to three axes.
fn broadcasting(count: usize) -> impl Strategy<Value = Vec<Vec<usize>>> {
    let joint = prop::collection::vec(0_usize..4, 0..4);
    joint.prop_flat_map(move |joint| {
        let rank = joint.len();
        let one = (0..=rank, prop::collection::vec(any::<bool>(), rank)).prop_map(
            move |(dropped, repeated)| {
                let kept = joint.iter().zip(repeated).skip(dropped);
                kept.map(|(&n, repeated)| if repeated { 1 } else { n })
                    .collect::<Vec<_>>()
            },
        );
        prop::collection::vec(one, count)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn adjoint_identity_of_every_operation_of_tensors(seed: u32) {
        for sample in samples::<f64>() {
            let seed = u64::from(seed);
            let inputs: Vec<_> = (10..).zip(&sample.shapes).map(|(k, s)| numbers(s, seed + k)).collect();
            adjoint_identity(sample.name(), seed, &inputs, |x| sample.record(x));
        }
    }

    #[test]
    fn adjoint_identity_of_every_elementwise_operation(seed: u32, shapes in broadcasting(3)) {
        for op in OPS {
            let seed = u64::from(seed);
            let inputs: Vec<_> = (0..op.inputs.len())
                .map(|k| sampled(op, k, &shapes[k], seed + 10 + k as u64))
                .collect();
            adjoint_identity(op.name, seed, &inputs, |x| (op.record_tensor)(x, &params(op)));
        }
    }

    #[test]
    fn scalars_and_tensors_agree_bit_for_bit(seed: u32) {
        for op in OPS {
            let count = op.inputs.len();
            let x: Vec<f64> = (0..count)
                .map(|k| sampled(op, k, &[], u64::from(seed) + k as u64)[IxDyn(&[])])
                .collect();
            let tape = Tape::new();
            let vars = tape.vars(&x);
            let z = (op.record)(&vars, &params(op));
            let g = z.backward();
            let tensors: Vec<Tensor> = x.iter().map(|&x| tape.tensor_from(&[2], [x; 2])).collect();
            let y = (op.record_tensor)(&tensors, &params(op));
            let h = y.backward_with(ndarray::array![1.0, 0.0].view());
            prop_assert_eq!(z.value().to_bits(), y.value()[0].to_bits(), "{}", op.name);
            for k in 0..count {
                let (scalar, tensor) = (g[vars[k]], h[tensors[k]][0]);
                // The signs of zero are those of the additions on the way.
                prop_assert_eq!((scalar + 0.0).to_bits(), (tensor + 0.0).to_bits(), "{} by {}: {} {}", op.name, k, scalar, tensor);
                prop_assert_eq!(h[tensors[k]][1], 0.0);
            }
        }
    }

    #[test]
    fn numeric_and_recorded_gradients_agree_bit_for_bit(
        inputs in prop::collection::vec(0.5_f64..1.5, 1..4),
        program in prop::collection::vec((0..OPS.len(), prop::array::uniform3(any::<prop::sample::Index>())), 1..30),
    ) {
        let tape = Tape::new();
        let mut nodes = tape.vars(&inputs);
        let x = nodes.clone();
        for (op, operands) in program {
            let op = &OPS[op];
            let operands: Vec<Var> = (0..op.inputs.len()).map(|k| *operands[k].get(&nodes)).collect();
            let z = (op.record)(&operands, &params(op));
            // Where a slope is infinite the two may differ: a partial that is 0 whatever the inputs
            // is skipped when it is recorded, and makes NaN of an infinite adjoint as a number.
            let g = z.backward();
            if z.value().abs() < 1e6 && nodes.iter().all(|&node| g[node].abs() < 1e6) {
                nodes.push(z);
            }
        }
        let y: Var = nodes.iter().copied().sum();
        let numeric = y.backward();
        let recorded = y.grad(&x);
        for (&x, d) in x.iter().zip(recorded) {
            let (n, r) = (numeric[x], d.value());
            prop_assert_eq!((n + 0.0).to_bits(), (r + 0.0).to_bits(), "{:e} {:e}", n, r);
        }
    }
}
