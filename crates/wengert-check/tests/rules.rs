//! Every rule of the engine, found by walking the lists that are generated with the rules.

use wengert::rules::{OPS, samples};
use wengert_check::{Check, check, check_rule, sample_points};

#[test]
fn every_elementwise_rule_passes_to_order_three() {
    let mut wrong = Vec::new();
    for op in OPS {
        let report = check_rule(op);
        if !report.is_pass() {
            wrong.push(report.to_string());
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        OPS.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn every_partial_scaled_by_one_millionth_is_caught() {
    for op in OPS {
        let params: Vec<f64> = op.params.iter().map(|(_, value)| *value).collect();
        let value = |x: &[f64]| (op.value)(x, &params);
        for input in 0..op.inputs.len() {
            for point in sample_points(op, 3, 1) {
                let partial = (op.partials)(&point, &params, value(&point))[input];
                let wrong = |x: &[f64]| {
                    let mut g = (op.partials)(x, &params, value(x));
                    // Scaling nothing gives nothing: a partial of zero is moved instead.
                    g[input] = if partial == 0.0 {
                        1e-6
                    } else {
                        g[input] * (1.0 + 1e-6)
                    };
                    g
                };
                let report = check(value, wrong, &point);
                assert!(
                    report.is_fail(),
                    "{} by {} at {point:?}: {report}",
                    op.name,
                    op.inputs[input].0
                );
            }
        }
    }
}

#[test]
fn every_rule_on_tensors_passes_to_order_three() {
    let mut wrong = Vec::new();
    for sample in samples() {
        let report = Check::new().order(3).sample(&sample);
        if !report.is_pass() {
            wrong.push(format!("{sample:?}: {report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
