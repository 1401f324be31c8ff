//! What solvers have found, beside closed forms, differences, and what must be refused.

mod common;

use common::assert_close;
use ndarray::{Array1, Array2, array};
use wengert::{Error, Program, Tape, Tensor, Var, implicit};
use wengert_check::Check;

/// Newton's method on two equations, in numbers.
fn newton(f: impl Fn(&[Var], &[Var]) -> Vec<Var>, p: &[f64], start: [f64; 2]) -> Vec<f64> {
    let constants: Vec<Var> = p.iter().map(|&p| p.into()).collect();
    let mut x = start.to_vec();
    for _ in 0..60 {
        let tape = Tape::new();
        let at = tape.vars(&x);
        let y = f(&at, &constants);
        let j = tape.jacobian(&y, &at);
        let det = j[[0, 0]] * j[[1, 1]] - j[[0, 1]] * j[[1, 0]];
        let (a, b) = (y[0].value(), y[1].value());
        x[0] -= (j[[1, 1]] * a - j[[0, 1]] * b) / det;
        x[1] -= (j[[0, 0]] * b - j[[1, 0]] * a) / det;
    }
    x
}

fn values(x: &[Var]) -> Vec<f64> {
    x.iter().map(|x| x.value()).collect()
}

fn sqrt(p: Var) -> Var {
    let f = |x: &[Var], p: &[Var]| vec![x[0] * x[0] - p[0]];
    implicit::root(f, &[p], &[p.value().sqrt()]).unwrap()[0]
}

fn circle_and_curve(x: &[Var], p: &[Var]) -> Vec<Var> {
    vec![
        x[0].square() + p[0] * x[1].square() - p[1],
        x[1] - (x[0] * p[2]).sin() - 0.1 * x[0] * x[1],
    ]
}

fn bowl(x: &[Var], p: &[Var]) -> Var {
    (x[0] - p[0]).cosh() + (p[1] * x[1]).exp() - x[1] + 0.3 * x[0] * x[1] + x[1].square() * p[2]
}

fn meeting(p: &[Var]) -> Vec<Var> {
    let answer = newton(circle_and_curve, &values(p), [1.0, 0.8]);
    implicit::root(circle_and_curve, p, &answer).unwrap()
}

fn bottom(p: &[Var]) -> Vec<Var> {
    let gradient = |x: &[Var], p: &[Var]| bowl(x, p).grad(x);
    let answer = newton(gradient, &values(p), [0.1, 0.1]);
    implicit::argmin(bowl, p, &answer).unwrap()
}

fn standstill(p: &[Var]) -> Vec<Var> {
    let q = values(p);
    let step = |[x, y]: [f64; 2]| [(q[0] * y).cos(), 0.3 * x * y + q[1]];
    let answer = (0..400).fold([0.5; 2], |x, _| step(x));
    let g = |x: &[Var], p: &[Var]| vec![(p[0] * x[1]).cos(), 0.3 * x[0] * x[1] + p[1]];
    implicit::fixed_point(g, p, &answer).unwrap()
}

/// The outer equation asks for x with sqrt(x + p0) = p1 x, where the root is itself a solver's.
fn nested(p: &[Var]) -> Var {
    let (a, b) = (p[0].value(), p[1].value());
    let answer = (1.0 + (1.0 + 4.0 * a * b * b).sqrt()) / (2.0 * b * b);
    let f = |x: &[Var], p: &[Var]| vec![sqrt(x[0] + p[0]) - p[1] * x[0]];
    implicit::root(f, p, &[answer]).unwrap()[0]
}

#[test]
fn derivatives_to_order_three() {
    type Case = (&'static str, fn(&[Var]) -> Var, &'static [f64]);
    let cases: [Case; 6] = [
        ("sqrt", |p| sqrt(p[0] * p[1]).sin() * p[0], &[1.3, 0.9]),
        (
            "Kepler",
            |p| {
                let (e, m) = (p[0].value(), p[1].value());
                let next = |x: f64| x - (x - e * x.sin() - m) / (1.0 - e * x.cos());
                let answer = (0..30).fold(m, |x, _| next(x));
                let f = |x: &[Var], p: &[Var]| vec![x[0] - p[0] * x[0].sin() - p[1]];
                implicit::root(f, p, &[answer]).unwrap()[0]
            },
            &[0.4, 1.1],
        ),
        (
            "root of two",
            |p| {
                let x = meeting(p);
                x[0] * x[1]
            },
            &[1.2, 2.5, 0.7],
        ),
        (
            "fixed point",
            |p| {
                let x = standstill(p);
                x[0].exp() * x[1]
            },
            &[0.6, 0.4],
        ),
        (
            "minimum",
            |p| {
                let x = bottom(p);
                x[0] + x[1].sin()
            },
            &[0.4, 0.8, 0.5],
        ),
        ("a root inside a root", nested, &[0.8, 1.1]),
    ];
    for (name, f, p) in cases {
        Check::new().order(3).named(name).scalar(f, p).assert_pass();
    }
}

#[test]
fn the_square_root_to_order_four_both_ways() {
    let tape = Tape::new();
    let p = tape.var(1.7);
    let (x, builtin) = (sqrt(p), p.sqrt());
    assert_eq!(x.value(), 1.7_f64.sqrt());
    let (mut x, mut wanted) = (x, builtin);
    for order in 1..=4 {
        (x, wanted) = (x.grad(&[p])[0], wanted.grad(&[p])[0]);
        assert_close(&format!("order {order}"), x.value(), wanted.value(), 1e-12);
    }
    let along = |f: fn(Var) -> Var| {
        let first =
            move |p: &[Var]| wengert::jvp(move |p: &[Var]| vec![f(p[0])])(p, &[Var::constant(1.0)]);
        wengert::jvp(first)(&[1.7], &[1.0])[0]
    };
    assert_close(
        "forward over forward",
        along(sqrt),
        along(|p| p.sqrt()),
        1e-14,
    );
    let difference = sqrt(p) - p.sqrt();
    assert_close("forward", tape.jvp(&[(p, 1.0)])[difference], 0.0, 1e-15);
}

#[test]
fn ridge_regression_and_its_penalty() {
    let x = array![[1.0, 0.3], [0.2, 1.1], [-0.7, 0.4], [1.5, -0.2]];
    let y = array![1.0, 0.5, -0.3, 0.9];
    let solve = |penalty: f64, b: &Array1<f64>| {
        let a = x.t().dot(&x) + penalty * Array2::<f64>::eye(2);
        let det = a[[0, 0]] * a[[1, 1]] - a[[0, 1]] * a[[1, 0]];
        array![
            a[[1, 1]] * b[0] - a[[0, 1]] * b[1],
            a[[0, 0]] * b[1] - a[[1, 0]] * b[0]
        ] / det
    };
    let weights = solve(0.7, &x.t().dot(&y));
    let (data, labels) = (x.clone(), y.clone());
    let loss = move |w: &[Var], p: &[Var]| {
        let w = Tensor::stack(w);
        let residual = w.constant_beside(&data).matmul(w) - w.constant_beside(&labels);
        residual.square().sum() + p[0] * w.square().sum()
    };
    let tape = Tape::new();
    let penalty = tape.var(0.7);
    let w = implicit::argmin(loss, &[penalty], weights.as_slice().unwrap()).unwrap();
    // A validation loss, whose gradient v at the weights gives d/dp = -v^T (X^T X + p I)^-1 w.
    let validation = (w[0] - 0.5).square() + (w[0] * w[1] - 0.2).square();
    let by_weights = validation.backward().of(&w);
    let wanted = -solve(0.7, &Array1::from(by_weights)).dot(&weights);
    assert_close(
        "hyper-gradient",
        validation.backward()[penalty],
        wanted,
        1e-14,
    );
    assert_close(
        "tangent",
        tape.jvp(&[(penalty, 1.0)])[validation],
        wanted,
        1e-14,
    );
    let both = |p: f64| solve(p, &x.t().dot(&y))[0];
    let second = (both(0.701) - 2.0 * both(0.7) + both(0.699)) / 1e-6;
    assert_close("second", w[0].hessian(&[penalty])[[0, 0]], second, 1e-6);
}

#[test]
fn what_is_constant_stays_constant() {
    let f = |x: &[Var], p: &[Var]| vec![p[1] * x[0] - p[0]];
    let (six, two) = (Var::constant(6.0), Var::constant(2.0));
    let tape = Tape::new();
    let x = implicit::root(f, &[tape.var(6.0), two], &[3.0]).unwrap()[0];
    assert_eq!(x.hessian(&[x])[[0, 0]], 0.0);
    let p = tape.var(2.0);
    let x = implicit::root(f, &[six, p], &[3.0]).unwrap()[0];
    assert_eq!(x.backward()[p], -1.5);
    assert_eq!(x.hvp(&[p], &[1.0]), [1.5]);
    let x = implicit::root(f, &[six, two], &[3.0]).unwrap()[0];
    assert!(x.is_constant() && x.value() == 3.0);
    // Nothing depends on the parameter.
    let alone = |x: &[Var], _: &[Var]| vec![x[0] - 1.0];
    let x = implicit::root(alone, &[p], &[1.0]).unwrap()[0];
    assert_eq!((x.backward()[p], tape.jvp(&[(p, 1.0)])[x]), (0.0, 0.0));
}

#[test]
fn in_single_precision() {
    let tape = Tape::new_f32();
    let p = tape.var(2.0);
    let x = implicit::root(|x, p| vec![x[0] * x[0] - p[0]], &[p], &[2.0_f32.sqrt()]).unwrap()[0];
    assert!((x.backward()[p] - 0.5 / 2.0_f32.sqrt()).abs() < 1e-7);
    assert!((x.hvp(&[p], &[1.0])[0] + 0.25 / 2.0_f32.powf(1.5)).abs() < 1e-6);
}

#[test]
fn units_do_not_make_a_system_singular_nor_an_answer_good() {
    // x0 in units 1e12 times as large, the second equation in units 1e-15 times as large.
    let f = |x: &[Var], p: &[Var]| vec![1e12 * x[0] + x[1] - p[0], 1e-15 * (x[1] - 1e12 * x[0])];
    let tape = Tape::new();
    let p = tape.var(2.0);
    let x = implicit::root(f, &[p], &[1e-12, 1.0]).unwrap();
    assert_close("x0", x[0].backward()[p], 5e-13, 1e-26);
    assert_close("x1", x[1].backward()[p], 0.5, 1e-14);
    for wrong in [[1.000_001e-12, 1.0], [0.0, 1.0], [1e-12, 1.000_001]] {
        assert!(implicit::root(f, &[p], &wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn an_answer_of_zero_is_held_to_the_rounding_of_the_function() {
    let tape = Tape::new();
    let p = tape.var(0.0);
    let kepler = |x: &[Var], p: &[Var]| vec![x[0] - 0.3 * x[0].sin() - p[0]];
    let x = implicit::root(kepler, &[p], &[0.0]).unwrap()[0];
    assert_close("at zero", x.backward()[p], 1.0 / 0.7, 1e-14);
    assert!(implicit::root(kepler, &[p], &[1e-12]).is_err());
    // 0.1 + 0.2 - 0.3 is not zero, but as near as F can tell; the second time among numbers of an array.
    let data = |x: &[Var], p: &[Var]| vec![x[0] + p[0] + 0.1 + 0.2 - 0.3];
    let array = |x: &[Var], p: &[Var]| vec![(Tensor::stack(&[x[0], p[0]]) + 0.1).sum() + 0.1 - 0.3];
    for (name, x) in [
        ("numbers", implicit::root(data, &[p], &[0.0])),
        ("array", implicit::root(array, &[p], &[0.0])),
    ] {
        assert_close(name, x.unwrap()[0].backward()[p], -1.0, 1e-15);
    }
    assert!(implicit::root(data, &[p], &[1e-12]).is_err());
}

#[test]
fn refusals_leave_the_tape_as_it_was() {
    let mut other = Tape::new();
    let foreign = other.var(1.0);
    let tape = Tape::new();
    let p = tape.var(2.0);
    let constant = tape.constant(array![1.0]);
    let root = |f: fn(&[Var], &[Var]) -> Vec<Var>, answer: &[f64]| implicit::root(f, &[p], answer);
    let square: fn(&[Var], &[Var]) -> Vec<Var> = |x, p| vec![x[0] * x[0] - p[0]];
    let near = 2.0_f64.sqrt();
    let before = tape.len();
    let cases: [(&str, Result<Vec<Var>, Error>, &str); 19] = [
        (
            "no answer",
            root(square, &[]),
            "implicit::root: the answer is empty; give one number for each unknown",
        ),
        (
            "NaN",
            root(square, &[f64::NAN]),
            "number 0 of the answer is NaN",
        ),
        (
            "too many numbers",
            root(square, &[near, 1.0]),
            "F(x, p) has 1 components, but the answer has 2 numbers",
        ),
        (
            "not a root",
            root(square, &[1.5]),
            "component 0 of F(x, p) is 2.5e-1 at the answer, but may be at most",
        ),
        (
            "not quite a root",
            root(square, &[near + 1e-7]),
            "solve more exactly",
        ),
        (
            "a NaN residual",
            root(|x, p| vec![(x[0] - 3.0).ln() - p[0]], &[1.0]),
            "is NaN at the answer",
        ),
        (
            "singular at a double root",
            root(|x, p| vec![(x[0] - 1.0).square() * p[0]], &[1.0]),
            "singular to working precision",
        ),
        (
            "singular in a direction",
            root(
                |x, p| {
                    vec![
                        0.1 * x[0] + 0.2 * x[1] - 0.5 * p[0],
                        0.3 * x[0] + 0.6 * x[1] - 1.5 * p[0],
                    ]
                },
                &[8.0, 1.0],
            ),
            "singular to working precision",
        ),
        (
            "no use of x",
            root(|_, p| vec![p[0] - 2.0], &[1.0]),
            "singular to working precision",
        ),
        (
            "a number",
            root(|_, _| vec![Var::constant(0.0)], &[1.0]),
            "singular to working precision",
        ),
        (
            "an infinite slope",
            root(|x, p| vec![x[0].sqrt() * p[0]], &[0.0]),
            "the derivative of component 0 of F(x, p) by unknown 0 is inf",
        ),
        (
            "a captured node",
            implicit::root(move |x, _| vec![x[0] * x[0] - p], &[p], &[near]),
            "the function uses node 0, which it has captured",
        ),
        (
            "a node captured in a sum of many",
            implicit::root(
                move |x, _| vec![[x[0], x[0], p, x[0]].into_iter().sum::<Var>() - 8.0],
                &[p],
                &[2.0],
            ),
            "the function uses node 0, which it has captured",
        ),
        (
            "a node captured in a dot product",
            implicit::root(
                move |x, _| vec![Var::dot(&[x[0], p, x[0]], &[x[0], x[0], x[0]]) - 12.0],
                &[p],
                &[2.0],
            ),
            "the function uses node 0, which it has captured",
        ),
        (
            "a captured constant",
            implicit::root(
                move |x, p| vec![x[0] - p[0] + (constant * x[0]).sum() * 0.0],
                &[p],
                &[2.0],
            ),
            "the function uses node 1, which it has captured",
        ),
        (
            "a captured output",
            implicit::root(move |_, _| vec![p], &[p], &[2.0]),
            "the function uses node 0",
        ),
        (
            "a foreign parameter",
            implicit::root(square, &[p, foreign], &[near]),
            "two different tapes",
        ),
        (
            "a wrong number of fixed points",
            implicit::fixed_point(|x, _| vec![x[0], x[0]], &[p], &[1.0]),
            "x - g(x, p) has 2 components, but the answer has 1",
        ),
        (
            "a flat objective",
            implicit::argmin(|_, p| p[0], &[p], &[1.0]),
            "singular to working precision",
        ),
    ];
    for (name, result, sentence) in cases {
        let error = result.expect_err(name).to_string();
        assert!(error.contains(sentence), "{name}: {error}");
    }
    let flat = implicit::argmin(|x, p| (x[0] - p[0]).square(), &[p], &[2.1]).unwrap_err();
    assert!(
        flat.to_string()
            .starts_with("implicit::argmin: component 0 of the gradient of f(x, p) in x is")
    );
    let constant = implicit::argmin(|_, _| Var::constant(1.0), &[p], &[2.1]).unwrap_err();
    assert!(matches!(constant, Error::Constant { .. }));
    other.clear();
    let stale = implicit::root(square, &[foreign], &[near]).unwrap_err();
    assert!(stale.to_string().contains("stale Var"), "{stale}");
    tape.limit_nodes(before + 1);
    assert!(matches!(
        implicit::root(square, &[p], &[near]),
        Err(Error::Full { .. })
    ));
    assert_eq!(tape.len(), before);
}

#[test]
fn a_program_of_an_answer_is_refused() {
    let error = Program::record(|p| sqrt(p[0]), &[2.0]).unwrap_err();
    assert!(error.to_string().starts_with("freeze: "), "{error}");
}

#[test]
#[should_panic(expected = "two different tapes")]
fn a_node_of_another_tape_in_the_function() {
    let (tape, other) = (Tape::new(), Tape::new());
    let (p, foreign) = (tape.var(2.0), other.var(2.0));
    let _ = implicit::root(move |x, _| vec![x[0] - foreign], &[p], &[2.0]);
}
