//! The checker catches what people get wrong, and accepts what is right.

use wengert_check::{Check, Oracle, check};

type Value = fn(&[f64]) -> f64;
type Gradient = fn(&[f64]) -> Vec<f64>;

fn softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = x.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

/// Ordinary smooth functions with their gradients and a point.
fn smooth() -> Vec<(&'static str, Value, Gradient, Vec<f64>)> {
    vec![
        (
            "product of sines",
            |x| x[0].sin() * x[1].cos() * x[2],
            |x| {
                vec![
                    x[0].cos() * x[1].cos() * x[2],
                    -x[0].sin() * x[1].sin() * x[2],
                    x[0].sin() * x[1].cos(),
                ]
            },
            vec![0.3, 1.1, -2.0],
        ),
        (
            "rosenbrock",
            |x| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2),
            |x| {
                let t = x[1] - x[0] * x[0];
                vec![-2.0 * (1.0 - x[0]) - 400.0 * x[0] * t, 200.0 * t]
            },
            vec![-1.2, 1.0],
        ),
        (
            "log of a sum of exponentials",
            |x| x.iter().map(|x| x.exp()).sum::<f64>().ln(),
            softmax,
            vec![0.5, -1.0, 2.0, 0.1, 0.9],
        ),
        (
            "a neuron",
            |x| (x[0] * 0.7 + x[1] * -1.3 + x[2]).tanh(),
            |x| {
                let slope = (x[0] * 0.7 + x[1] * -1.3 + x[2]).cosh().powi(-2);
                vec![0.7 * slope, -1.3 * slope, slope]
            },
            vec![0.4, 0.2, 0.1],
        ),
        (
            "quotient and root",
            |x| (x[0] / x[1]).sqrt() + x[1].ln(),
            |x| {
                let root = (x[0] / x[1]).sqrt();
                vec![0.5 * root / x[0], -0.5 * root / x[1] + 1.0 / x[1]]
            },
            vec![2.0, 0.8],
        ),
        (
            "large and small inputs",
            |x| x[0] * x[0] * 1e-8 + (x[1] * 1e3).sin(),
            |x| vec![2e-8 * x[0], 1e3 * (x[1] * 1e3).cos()],
            vec![3e4, 2e-3],
        ),
    ]
}

#[test]
fn right_gradients_pass() {
    for (name, value, gradient, x) in smooth() {
        for seed in 0..5 {
            Check::new()
                .named(name)
                .seed(seed)
                .gradient(value, gradient, &x)
                .assert_pass();
        }
    }
}

#[test]
fn an_entry_scaled_by_one_millionth_is_caught() {
    for (name, value, gradient, x) in smooth() {
        for entry in 0..x.len() {
            for factor in [1.0 + 1e-6, 1.0 - 1e-6] {
                let wrong = |x: &[f64]| {
                    let mut g = gradient(x);
                    g[entry] *= factor;
                    g
                };
                let report = check(value, wrong, &x);
                assert!(report.is_fail(), "{name}, entry {entry}: {report}");
                let worst = report
                    .failures()
                    .find(|worst| worst.input.is_some())
                    .unwrap();
                assert_eq!(worst.input, Some(entry), "{name}: {report}");
                assert!((worst.relative() - 1e-6).abs() < 1e-8, "{name}: {report}");
            }
        }
    }
}

#[test]
fn wrong_signs_zeros_nan_and_lengths_are_caught_and_explained() {
    let (_, value, gradient, x) = smooth().swap_remove(0);
    let flipped = check(value, |x| gradient(x).iter().map(|g| -g).collect(), &x);
    assert!(
        flipped.is_fail() && flipped.to_string().contains("the sign is flipped"),
        "{flipped}"
    );
    let zero = check(value, |x| vec![0.0; x.len()], &x);
    assert!(
        zero.is_fail() && zero.to_string().contains("every wrong number is zero"),
        "{zero}"
    );
    let nan = check(value, |x| vec![f64::NAN; x.len()], &x);
    assert!(nan.is_fail() && nan.to_string().contains("NaN"), "{nan}");
    let infinite = check(value, |x| vec![f64::INFINITY; x.len()], &x);
    assert!(infinite.is_fail());
    let short = check(value, |_| vec![0.0], &x);
    assert!(
        short.is_fail()
            && short
                .to_string()
                .contains("the gradient has 1 numbers, the point has 3")
    );
}

#[test]
fn a_consumer_that_is_not_summed_is_caught() {
    // y = x0 feeds both terms; the second overwrites instead of adding.
    let value = |x: &[f64]| x[0] * x[1] + x[0].sin();
    let report = check(value, |x| vec![x[0].cos(), x[0]], &[0.7, 1.3]);
    assert!(report.is_fail());
    assert_eq!(
        report
            .failures()
            .filter_map(|entry| entry.input)
            .collect::<Vec<_>>(),
        [0]
    );
}

/// y = W x with W of 2 rows and 2 columns: a square matrix hides a transpose from a check of lengths.
fn product(p: &[f64]) -> Vec<f64> {
    vec![p[0] * p[4] + p[1] * p[5], p[2] * p[4] + p[3] * p[5]]
}

fn product_vjp(p: &[f64], u: &[f64]) -> Vec<f64> {
    vec![
        u[0] * p[4],
        u[0] * p[5],
        u[1] * p[4],
        u[1] * p[5],
        u[0] * p[0] + u[1] * p[2],
        u[0] * p[1] + u[1] * p[3],
    ]
}

fn product_jvp(p: &[f64], v: &[f64]) -> Vec<f64> {
    let row = |i: usize| v[i] * p[4] + v[i + 1] * p[5] + p[i] * v[4] + p[i + 1] * v[5];
    vec![row(0), row(2)]
}

const POINT: [f64; 6] = [0.5, -1.2, 2.0, 0.3, 0.9, -0.4];

#[test]
fn a_transposed_product_is_caught_by_both_oracles() {
    Check::new()
        .vector(product, product_vjp, product_jvp, &POINT)
        .assert_pass();
    let wrong = |p: &[f64], u: &[f64]| {
        let mut g = product_vjp(p, u);
        g[4] = u[0] * p[0] + u[1] * p[1];
        g[5] = u[0] * p[2] + u[1] * p[3];
        g
    };
    let report = Check::new().inputs(&[("w", &[2, 2]), ("x", &[2])]).vector(
        product,
        wrong,
        product_jvp,
        &POINT,
    );
    assert!(report.is_fail());
    assert!(
        report
            .failures()
            .any(|entry| entry.oracle == Oracle::Adjoint)
    );
    assert!(
        report
            .failures()
            .any(|entry| entry.place == "vjp of random cotangent 0 by x[0]"),
        "{report}"
    );
}

#[test]
fn every_partial_of_a_jacobian_scaled_by_one_millionth_is_caught() {
    let jacobian = |x: &[f64]| {
        let y = softmax(x);
        (0..4)
            .map(|i| {
                (0..4)
                    .map(|j| y[i] * (f64::from(u8::from(i == j)) - y[j]))
                    .collect()
            })
            .collect::<Vec<Vec<f64>>>()
    };
    let x = [0.3, -0.5, 0.8, 0.1];
    let vjp = |j: &[Vec<f64>], u: &[f64]| {
        (0..4)
            .map(|c| (0..4).map(|r| u[r] * j[r][c]).sum())
            .collect::<Vec<f64>>()
    };
    let jvp = |j: &[Vec<f64>], v: &[f64]| {
        j.iter()
            .map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum())
            .collect::<Vec<f64>>()
    };
    Check::new()
        .vector(
            softmax,
            |x, u| vjp(&jacobian(x), u),
            |x, v| jvp(&jacobian(x), v),
            &x,
        )
        .assert_pass();
    for entry in 0..16 {
        let wrong = |x: &[f64]| {
            let mut j = jacobian(x);
            j[entry / 4][entry % 4] *= 1.0 + 1e-6;
            j
        };
        let report = Check::new().vector(
            softmax,
            |x, u| vjp(&wrong(x), u),
            |x, v| jvp(&wrong(x), v),
            &x,
        );
        assert!(report.is_fail(), "entry {entry}: {report}");
        let worst = report
            .failures()
            .find(|worst| worst.input.is_some() && worst.output.is_some())
            .unwrap();
        assert_eq!(
            (worst.output, worst.input),
            (Some(entry / 4), Some(entry % 4)),
            "{report}"
        );
        let report = Check::new().vector(
            softmax,
            |x, u| vjp(&wrong(x), u),
            |x, v| jvp(&jacobian(x), v),
            &x,
        );
        assert!(
            report
                .failures()
                .any(|worst| worst.oracle == Oracle::Adjoint),
            "entry {entry}: {report}"
        );
    }
}

#[test]
fn an_error_that_ones_cannot_see_is_caught() {
    // The gradient of softmax for a cotangent of ones is zero, and so is this.
    let wrong = |x: &[f64], u: &[f64]| {
        let y = softmax(x);
        let mean = u.iter().sum::<f64>() / u.len() as f64;
        y.iter()
            .zip(u)
            .map(|(y, u)| y * (u - mean))
            .collect::<Vec<_>>()
    };
    assert!(
        wrong(&[0.1, 0.7, -0.4], &[1.0; 3])
            .iter()
            .all(|g| g.abs() < 1e-15)
    );
    assert!(
        Check::new()
            .vjp(softmax, wrong, &[0.1, 0.7, -0.4])
            .is_fail()
    );
}

#[test]
fn a_broadcast_that_is_not_undone_is_caught() {
    // A bias of one number added to three: its adjoint is the sum of three.
    let value = |p: &[f64]| p[..3].iter().map(|x| x + p[3]).collect::<Vec<_>>();
    let right = |_: &[f64], u: &[f64]| vec![u[0], u[1], u[2], u.iter().sum()];
    Check::new()
        .vjp(value, right, &[1.0, 2.0, 3.0, 0.5])
        .assert_pass();
    let first = |_: &[f64], u: &[f64]| vec![u[0], u[1], u[2], u[0]];
    assert!(
        Check::new()
            .vjp(value, first, &[1.0, 2.0, 3.0, 0.5])
            .is_fail()
    );
    let mean = |_: &[f64], u: &[f64]| vec![u[0], u[1], u[2], u.iter().sum::<f64>() / 3.0];
    assert!(
        Check::new()
            .vjp(value, mean, &[1.0, 2.0, 3.0, 0.5])
            .is_fail()
    );
    let report = Check::new().vjp(
        value,
        |_: &[f64], u: &[f64]| [u, u].concat(),
        &[1.0, 2.0, 3.0, 0.5],
    );
    assert!(
        report
            .to_string()
            .contains("the vjp has 6 numbers where 4 are due"),
        "{report}"
    );
}

#[test]
fn second_and_third_derivatives_are_checked_against_exact_lower_ones() {
    // f = sin(x0) x1^2
    let gradient = |x: &[f64]| vec![x[0].cos() * x[1] * x[1], 2.0 * x[0].sin() * x[1]];
    let hessian = |x: &[f64]| {
        let mixed = 2.0 * x[0].cos() * x[1];
        vec![
            vec![-x[0].sin() * x[1] * x[1], mixed],
            vec![mixed, 2.0 * x[0].sin()],
        ]
    };
    let times = |h: Vec<Vec<f64>>, v: &[f64]| {
        h.iter()
            .map(|row| row[0] * v[0] + row[1] * v[1])
            .collect::<Vec<_>>()
    };
    let hvp = |x: &[f64], v: &[f64]| times(hessian(x), v);
    let third = |x: &[f64], w: &[f64], v: &[f64]| {
        let d = |a: f64, b: f64| {
            vec![
                vec![
                    -x[0].cos() * x[1] * x[1] * a - 2.0 * x[0].sin() * x[1] * b,
                    -2.0 * x[0].sin() * x[1] * a + 2.0 * x[0].cos() * b,
                ],
                vec![
                    -2.0 * x[0].sin() * x[1] * a + 2.0 * x[0].cos() * b,
                    2.0 * x[0].cos() * a,
                ],
            ]
        };
        times(d(v[0], v[1]), w)
    };
    let x = [0.8, 1.7];
    Check::new().hessian(gradient, hessian, &x).assert_pass();
    Check::new().hvp(gradient, hvp, &x).assert_pass();
    Check::new().third(hvp, third, &x).assert_pass();
    for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let wrong = |x: &[f64]| {
            let mut h = hessian(x);
            h[i][j] *= 1.0 + 1e-6;
            h
        };
        let report = Check::new().hessian(gradient, wrong, &x);
        assert!(
            report
                .failures()
                .any(|entry| (entry.output, entry.input) == (Some(i), Some(j))),
            "{report}"
        );
        assert!(
            Check::new()
                .hvp(gradient, |x, v| times(wrong(x), v), &x)
                .is_fail()
        );
    }
    for entry in 0..2 {
        let wrong = |x: &[f64], w: &[f64], v: &[f64]| {
            let mut t = third(x, w, v);
            t[entry] *= 1.0 + 1e-6;
            t
        };
        assert!(Check::new().third(hvp, wrong, &x).is_fail());
    }
    assert!(
        Check::new()
            .hessian(gradient, |_| vec![vec![0.0; 2]; 3], &x)
            .to_string()
            .contains("rows of lengths [2, 2, 2]")
    );
}

#[test]
fn each_wrong_entry_of_a_jacobian_is_caught() {
    let value = |x: &[f64]| vec![x[0] * x[1], x[0].sin(), x[1].exp()];
    let jacobian = |x: &[f64]| {
        vec![
            vec![x[1], x[0]],
            vec![x[0].cos(), 0.0],
            vec![0.0, x[1].exp()],
        ]
    };
    let x = [0.8, 1.7];
    let report = Check::new().jacobian(value, jacobian, &x);
    report.assert_pass();
    assert!(report.to_string().contains("jacobian"), "{report}");
    for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)] {
        let wrong = |x: &[f64]| {
            let mut rows = jacobian(x);
            rows[i][j] += 1e-6;
            rows
        };
        let report = Check::new().jacobian(value, wrong, &x);
        assert!(
            report
                .failures()
                .any(|entry| (entry.output, entry.input) == (Some(i), Some(j))),
            "{report}"
        );
    }
    let report = Check::new().jacobian(value, |_| vec![vec![0.0; 2]; 2], &x);
    assert!(report.is_fail());
    assert!(
        report.to_string().contains("rows of lengths [2, 2]"),
        "{report}"
    );
}

#[test]
fn a_transposed_jacobian_is_named() {
    let value = |x: &[f64]| vec![x[0] + 2.0 * x[1], 3.0 * x[0] * x[1]];
    let report = Check::new().jvp(
        value,
        |x, v| vec![v[0] + 3.0 * x[1] * v[1], 2.0 * v[0] + 3.0 * x[0] * v[1]],
        &[0.6, 1.9],
    );
    assert!(
        report.is_fail() && report.to_string().contains("transposed"),
        "{report}"
    );
}

#[test]
fn two_runs_agree_bit_for_bit_and_seeds_matter() {
    let run = |seed| {
        Check::new()
            .seed(seed)
            .vector(product, product_vjp, product_jvp, &POINT)
    };
    let text = |report: &wengert_check::Report| {
        let bits = |x: f64| x.to_bits();
        report
            .entries
            .iter()
            .map(|e| {
                format!(
                    "{} {:x} {:x} {:x}",
                    e.place,
                    bits(e.claimed),
                    bits(e.expected.value),
                    bits(e.expected.bound)
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(text(&run(5)), text(&run(5)));
    assert_ne!(text(&run(5)), text(&run(6)));
}
