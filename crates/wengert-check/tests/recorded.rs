//! Functions, custom operations and tapes of wengert's under the checker.

use std::cell::Cell;

use ndarray::{ArrayD, IxDyn, array};
use proptest::prelude::*;
use wengert::num::{LeftOps, Num};
use wengert::rules::OPS;
use wengert::{CustomOp, Tape, Tensor, Var};
use wengert_check::{
    Check, Function, Oracle, check_scalar, check_tape, check_tensor, sample_points, strategies,
};

fn at(line: u32) -> String {
    format!("{}:{line}", file!())
}

#[test]
fn functions_of_scalars_pass_to_order_three() {
    let check = Check::new().order(3);
    check
        .scalar(
            |x| x[0].sin() * x[1].exp() / (x[2].square() + 1.0),
            &[0.3, -0.7, 1.1],
        )
        .assert_pass();
    check
        .scalar(
            |x| x.iter().map(|x| x.exp()).sum::<Var>().ln(),
            &[0.1, 0.9, -1.3, 0.4],
        )
        .assert_pass();
    check
        .scalar(|x| x[0].atan2(x[1]) + x[0].lerp(x[1], 0.3), &[0.4, 1.2])
        .assert_pass();
    check
        .scalar(
            |x| {
                if x[0].value() > 1.0 {
                    x[0].powi(3)
                } else {
                    x[0]
                }
            },
            &[1.5],
        )
        .assert_pass();
    check.scalar(|_| Var::constant(2.0), &[1.5]).assert_pass();
    check_scalar(|x| x[0].abs() + x[1].relu(), &[0.0, 0.0]).assert_pass();
}

struct Mixed;

impl Function for Mixed {
    fn call<R: Num>(&self, x: &[R]) -> R
    where
        f64: LeftOps<R>,
    {
        (2.0 * x[0] * x[1]).tanh() + x[1].softplus() / (1.0 + x[2] * x[2]) - x[0].maximum(x[2])
    }
}

#[test]
fn duals_agree_with_the_tape() {
    let report = Check::new().order(3).function(&Mixed, &[0.3, 1.2, -0.8]);
    report.assert_pass();
    assert_eq!(
        report
            .entries
            .iter()
            .filter(|entry| entry.oracle == Oracle::Duals)
            .count(),
        9
    );
}

fn layer(v: &[Tensor]) -> Tensor {
    let (w, x, b) = (v[0], v[1], v[2]);
    (w.matmul(x) + b).tanh()
}

#[test]
fn functions_of_tensors_pass_to_order_three() {
    let w = array![[0.3, -0.8, 0.2], [0.9, 0.1, -0.5]].into_dyn();
    let x = array![[0.7, -0.1], [0.2, 1.3], [-0.6, 0.4]].into_dyn();
    let b = array![[0.1], [-0.3]].into_dyn();
    Check::new()
        .order(3)
        .tensor(layer, &[w.clone(), x.clone(), b])
        .assert_pass();
    let softmax = |v: &[Tensor]| {
        let e = v[0].exp();
        e / e.sum_axes(&[1], true)
    };
    Check::new().order(2).tensor(softmax, &[x]).assert_pass();
    check_tensor(|v| v[0].sum_axes(&[0], false) * v[0], &[w]).assert_pass();
    check_tensor(
        |v| v[0].sum_axes(&[0], false),
        &[ArrayD::zeros(IxDyn(&[0, 2]))],
    )
    .assert_pass();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn broadcasting_is_undone_for_any_pair_of_shapes((a, b) in strategies::broadcast_pairs(0..=3, 0..=3)) {
        let array = |shape: &[usize], start: f64| {
            let count = Cell::new(start);
            ArrayD::from_shape_simple_fn(IxDyn(shape), || { count.set(count.get() + 0.37); count.get().sin() + 1.5 })
        };
        let report = Check::new().order(2).tensor(|v| v[0] * v[1] + v[0] / v[1], &[array(&a, 0.0), array(&b, 5.0)]);
        prop_assert!(report.is_pass(), "{a:?} {b:?} {report}");
    }
}

/// The same operation as a rule of the table, made by hand from its value and its partials, the `wrong` one scaled.
fn by_hand(op: &'static wengert::rules::OpInfo, wrong: Option<usize>) -> CustomOp {
    let params: Vec<f64> = op.params.iter().map(|(_, value)| *value).collect();
    let again = params.clone();
    let numbers =
        |x: &[ndarray::ArrayViewD<'_, f64>]| x.iter().map(|x| x[IxDyn(&[])]).collect::<Vec<f64>>();
    CustomOp::new(op.name, move |x| {
        ndarray::arr0((op.value)(&numbers(x), &params)).into_dyn()
    })
    .vjp(move |g, x, _| {
        let point: Vec<f64> = x.iter().map(|x| x.item().value()).collect();
        let mut partials = (op.partials)(&point, &again, (op.value)(&point, &again));
        if let Some(wrong) = wrong {
            partials[wrong] *= 1.0 + 1e-6;
        }
        partials.iter().map(|partial| g * *partial).collect()
    })
}

#[test]
fn a_scaled_partial_is_caught_through_the_whole_engine() {
    for op in OPS {
        for point in sample_points(op, 1, 2) {
            let params: Vec<f64> = op.params.iter().map(|(_, value)| *value).collect();
            let partials = (op.partials)(&point, &params, (op.value)(&point, &params));
            let inputs: Vec<ArrayD<f64>> =
                point.iter().map(|x| ndarray::arr0(*x).into_dyn()).collect();
            Check::new()
                .custom(&by_hand(op, None), &inputs)
                .assert_pass();
            for (input, partial) in partials
                .iter()
                .enumerate()
                .filter(|(_, partial)| **partial != 0.0)
            {
                let report = Check::new().custom(&by_hand(op, Some(input)), &inputs);
                assert!(report.is_fail(), "{} {input} {partial}: {report}", op.name);
                assert_eq!(report.worst().unwrap().op.as_deref(), Some(op.name));
            }
        }
    }
}

type Rule = fn(Tensor, &[Tensor], Tensor) -> Vec<Tensor>;

/// A product of matrices, with the given rule.
fn product(rule: Rule) -> CustomOp {
    let value = |x: &[ndarray::ArrayViewD<'_, f64>]| {
        let [a, b] =
            [&x[0], &x[1]].map(|x| x.view().into_dimensionality::<ndarray::Ix2>().unwrap());
        a.dot(&b).into_dyn()
    };
    CustomOp::new("product", value).vjp(rule)
}

#[test]
fn a_rule_that_is_zero_transposed_or_of_one_consumer_only_is_caught() {
    // Square, so that no shape gives the mistake away.
    let inputs = [
        array![[0.3, -0.8], [0.9, 0.1]].into_dyn(),
        array![[0.7, -0.1], [0.2, 1.3]].into_dyn(),
    ];
    let right: Rule = |g, x, _| vec![g.matmul(x[1].t()), x[0].t().matmul(g)];
    Check::new()
        .order(3)
        .custom(&product(right), &inputs)
        .assert_pass();
    let zero: Rule = |g, x, _| vec![g.matmul(x[1].t()), x[1] * 0.0];
    let report = Check::new().custom(&product(zero), &inputs);
    assert!(
        report.is_fail() && report.to_string().contains("every wrong number is zero"),
        "{report}"
    );
    let transposed: Rule = |g, x, _| vec![g.matmul(x[1]), x[0].t().matmul(g)];
    assert!(Check::new().custom(&product(transposed), &inputs).is_fail());
    let swapped: Rule = |g, x, _| vec![x[0].t().matmul(g), g.matmul(x[1].t())];
    assert!(Check::new().custom(&product(swapped), &inputs).is_fail());

    // x times x, where the second use is forgotten.
    let square =
        CustomOp::new("square", |x| x[0].mapv(|x: f64| x * x)).vjp(|g, x, _| vec![g * x[0]]);
    let report = Check::new().custom(&square, &inputs[..1]);
    assert!(
        report.is_fail() && report.to_string().contains("0.5 times what it should be"),
        "{report}"
    );

    // A row added to each row, where its adjoint is taken from the first row instead of summed over all.
    let add = |x: &[ndarray::ArrayViewD<'_, f64>]| &x[0] + &x[1];
    let row = array![0.5, -0.25].into_dyn();
    let summed = CustomOp::new("add", add).vjp(|g, _, _| vec![g, g.sum_axes(&[0], false)]);
    Check::new()
        .custom(&summed, &[inputs[0].clone(), row.clone()])
        .assert_pass();
    let mean = CustomOp::new("add", add).vjp(|g, _, _| vec![g, g.sum_axes(&[0], false) * 0.5]);
    assert!(
        Check::new()
            .custom(&mean, &[inputs[0].clone(), row])
            .is_fail()
    );
}

#[test]
fn a_forward_rule_is_checked_where_there_is_one() {
    let cube = || {
        CustomOp::new("cube", |x| x[0].mapv(|x: f64| x * x * x))
            .vjp(|g, x, _| vec![g * x[0].square() * 3.0])
    };
    let inputs = [array![0.3, -0.8].into_dyn()];
    let report = Check::new().custom(&cube(), &inputs);
    report.assert_pass();
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("`cube`") && note.contains("no jvp rule")),
        "{:?}",
        report.notes
    );
    let report = Check::new()
        .order(2)
        .custom(&cube().jvp(|t, x, _| t[0] * x[0].square() * 3.0), &inputs);
    report.assert_pass();
    assert!(
        report.notes.is_empty()
            && report
                .entries
                .iter()
                .any(|entry| entry.oracle == Oracle::Adjoint)
    );
    let report = Check::new().custom(
        &cube().jvp(|t, x, _| t[0] * x[0].square() * 3.000_003),
        &inputs,
    );
    assert!(report.is_fail(), "{report}");
    // Right at first order, but with a constant where a second order would need the input.
    let frozen = CustomOp::new("cube", |x| x[0].mapv(|x: f64| x * x * x))
        .vjp(|g, x, _| vec![g * x[0].detach().square() * 3.0]);
    Check::new().custom(&frozen, &inputs).assert_pass();
    assert!(Check::new().order(2).custom(&frozen, &inputs).is_fail());
}

#[test]
fn a_tape_is_searched_for_its_first_wrong_node() {
    let wrong = CustomOp::new("cube", |x| x[0].mapv(|x: f64| x * x * x))
        .vjp(|g, x, _| vec![g * x[0].square() * 3.000_003]);
    let tape = Tape::new();
    tape.watch_non_finite(true);
    let x = tape.var(0.8);
    let w = tape.tensor(array![[0.3, -0.8], [0.9, 0.1]]);
    let before = x.sin().lerp(x, 0.25) + (2.0 * w.matmul(w) * x).tanh().sum();
    let middle = wrong.call_scalars(&[before]);
    let line = line!() - 1;
    let y = wrong.call_scalars(&[middle * 1.5]).exp();
    let count = tape.len();

    check_tape(&tape, before).assert_pass();
    let report = check_tape(&tape, y.named("loss"));
    let worst = report.worst().unwrap();
    assert!(report.is_fail(), "{report}");
    assert!(
        worst
            .place
            .starts_with(&format!("node {}:", middle.index())),
        "{report}"
    );
    assert!(worst.op.as_deref().unwrap().contains("cube"), "{report}");
    assert!(
        worst.line.as_deref().unwrap().starts_with(&at(line)),
        "{report}"
    );
    assert_eq!(tape.len(), count);
    assert_eq!(report, check_tape(&tape, y));
}

#[test]
fn constants_frozen_nodes_and_what_lies_off_the_way_are_not_checked() {
    let wrong = CustomOp::new("wrong", |x| x[0].mapv(|x: f64| x.sin())).vjp(|g, _, _| vec![g]);
    let tape = Tape::new();
    let x = tape.var(0.8);
    let _off = wrong.call_scalars(&[x]);
    let frozen = tape.no_grad(|| wrong.call_scalars(&[x]));
    let y = x.clamp(0.0, 2.0).powi(3) + frozen * 2.0 - x.mul_add(x, 3.0);
    let report = check_tape(&tape, y);
    report.assert_pass();
}

#[test]
fn answers_of_solvers_are_named_and_not_checked() {
    let tape = Tape::new();
    let p = tape.var(2.0);
    let f = |x: &[Var], p: &[Var]| vec![x[0] * x[0] - p[0]];
    let x = wengert::implicit::root(f, &[p], &[2.0_f64.sqrt()]).unwrap()[0];
    let report = check_tape(&tape, x.grad(&[p])[0].sin());
    report.assert_pass();
    let note = &report.notes[0];
    assert!(
        note.contains("implicit::root, ")
            && note.contains("implicit::root's linear solve, not checked"),
        "{note}"
    );
    let answer = tape
        .nodes()
        .iter()
        .position(|node| node.op == "implicit::root")
        .unwrap();
    let error = tape
        .try_repeat(answer, &[tape.tensor(array![3.0])])
        .unwrap_err();
    assert!(
        error.to_string().contains("right for the operands alone"),
        "{error}"
    );
    check_tape(&tape, p.sin()).assert_pass();
}

#[test]
fn rules_are_checked_with_the_same_bits_each_time() {
    let op = OPS.iter().find(|op| op.name == "atan2").unwrap();
    let run = |seed| format!("{:?}", Check::new().seed(seed).order(2).rule(op));
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}
