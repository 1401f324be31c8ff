//! Programs against the list that they were made from.

use proptest::prelude::*;
use wengert::rules::OPS;
use wengert::{Error, Lanes, Pattern, PointSum, Program, Sparse, Tape, Var, Workspace};
use wengert::{grad, hessian, hvp, jacobian, jvp};

fn close(what: &str, got: &[f64], wanted: &[f64]) {
    close_to_terms(what, got, wanted, 1e-300);
}

/// For numbers that are sums of terms of a size, which may cancel.
fn close_to_terms(what: &str, got: &[f64], wanted: &[f64], terms: f64) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    let scale = wanted
        .iter()
        .filter(|x| x.is_finite())
        .fold(terms, |s: f64, x| s.max(x.abs()));
    for (k, (&got, &wanted)) in got.iter().zip(wanted).enumerate() {
        let same = got == wanted || (got.is_nan() && wanted.is_nan());
        assert!(
            same || (got - wanted).abs() <= 1e-11 * scale,
            "{what} {k}: {got:e}, not {wanted:e}"
        );
    }
}

/// A program's every answer beside the list's.
fn compare(what: &str, f: impl Fn(&[Var]) -> Var + Copy, recorded_at: &[f64], x: &[f64]) {
    compare_to_terms(what, f, recorded_at, x, 1e-300);
}

fn compare_to_terms(
    what: &str,
    f: impl Fn(&[Var]) -> Var + Copy,
    recorded_at: &[f64],
    x: &[f64],
    terms: f64,
) {
    let close = |what: &str, got: &[f64], wanted: &[f64]| close_to_terms(what, got, wanted, terms);
    let program = Program::record(f, recorded_at).unwrap();
    let plain = {
        let tape = Tape::new();
        f(&tape.vars(x)).value()
    };
    let value = program.value(x).unwrap()[0];
    assert!(
        value.to_bits() == plain.to_bits() || (value.is_nan() && plain.is_nan()),
        "{what}: {value:e}, not {plain:e}"
    );
    let v: Vec<f64> = (0..x.len()).map(|k| 0.7 - 0.4 * k as f64).collect();
    close(what, &program.gradient(x).unwrap(), &grad(f)(x));
    close(
        what,
        &program.jvp(x, &v).unwrap(),
        &jvp(|x: &[Var]| vec![f(x)])(x, &v),
    );
    close(what, &program.hvp(x, &v).unwrap(), &hvp(f)(x, &v));
    let rows: Vec<f64> = hessian(f)(x).into_iter().flatten().collect();
    close(what, program.hessian(x).unwrap().as_slice().unwrap(), &rows);
}

#[test]
fn every_operation_of_the_table() {
    for op in OPS {
        let params: Vec<f64> = op.params.iter().map(|(_, p)| *p).collect();
        let at = |t: f64| -> Vec<f64> {
            op.inputs
                .iter()
                .enumerate()
                .map(|(k, (_, r))| r.start + (r.end - r.start) * (t + 0.1 * k as f64))
                .collect()
        };
        compare(op.name, |x| (op.record)(x, &params), &at(0.3), &at(0.6));
        // Beside another operation of its own kind, and with a constant operand.
        if op.inputs.len() == 2 {
            let c = at(0.45)[1];
            compare(
                op.name,
                |x| (op.record)(&[x[0], Var::constant(c)], &params) * x[0],
                &at(0.3)[..1],
                &at(0.6)[..1],
            );
        }
    }
}

/// Steps of a random recording: an operation of a short list, and where its operands come from.
fn random(steps: &[(usize, usize, usize, usize)], x: &[Var]) -> Var {
    values(steps, x).iter().rev().take(3).copied().sum()
}

/// The largest derivative by a value on the way: where contributions of that size cancel, their rounding is left.
fn largest_adjoint(steps: &[(usize, usize, usize, usize)], x: &[f64]) -> f64 {
    let tape = Tape::new();
    let values = values(steps, &tape.vars(x));
    let g = values.iter().rev().take(3).copied().sum::<Var>().backward();
    let slopes = values.iter().filter_map(|&value| g.get(value));
    slopes.fold(1e-300, |largest, slope| largest.max(slope.abs()))
}

fn values(steps: &[(usize, usize, usize, usize)], x: &[Var]) -> Vec<Var> {
    let mut values = x.to_vec();
    for &(op, a, b, c) in steps {
        let pick = |k: usize| values[k % values.len()];
        let (a, b, c) = (pick(a), pick(b), pick(c));
        values.push(match op % 16 {
            0 => a + b,
            1 => a * b,
            2 => a - b,
            3 => a / (b * b + 1.0),
            4 => (a * 0.5).sin(),
            5 => a.tanh(),
            6 => (a.square() + 1.0).sqrt(),
            7 => a.mul_add(b, c),
            8 => a.sigmoid() * 2.0,
            9 => 1.0 - a,
            10 => a.lerp(b, 0.25),
            11 => a.detach() * b,
            12 => a.maximum(b),
            13 => (a - c).relu(),
            14 => a.tanh().powi(3),
            _ => (a * 3.0).tanh() * b + c,
        });
    }
    values
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn random_recordings(
        steps in prop::collection::vec((0..16_usize, 0..1000_usize, 0..1000_usize, 0..1000_usize), 1..60),
        recorded_at in prop::array::uniform3(-1.5..1.5),
        x in prop::array::uniform3(-1.5..1.5),
    ) {
        let terms = largest_adjoint(&steps, &x);
        compare_to_terms("random", |x| random(&steps, x), &recorded_at, &x, terms);
    }
}

#[test]
fn what_is_not_needed_or_there_already_is_no_instruction() {
    let count = |f: fn(&[Var]) -> Var| Program::record(f, &[0.5, 1.5]).unwrap().len();
    assert_eq!(count(|x| x[0] * x[1] + x[1] * x[0]), 2);
    assert_eq!(
        count(|x| {
            let _unused = x[0].exp();
            x[0].sin()
        }),
        1
    );
    assert_eq!(count(|x| x[0] * 1.0 - 0.0), 0);
    let branch = |x: &[Var]| if x[0] > x[1] { x[0] } else { x[1] };
    assert_eq!(Program::record(branch, &[1.0, 2.0]).unwrap().branches(), 1);
    assert_eq!(
        Program::record(|x| x[0] * x[1], &[1.0, 2.0])
            .unwrap()
            .branches(),
        0
    );
    assert_eq!(count(|x| (Var::constant(2.0).sin() + 1.0) * x[0]), 1);
    // Adding a positive zero changes a negative one, multiplying by zero a NaN: both stay.
    assert_eq!(count(|x| x[0] + 0.0), 1);
    assert_eq!(count(|x| x[0] * 0.0), 1);
    let zero = Program::record(|x| x[0] + 0.0, &[1.0]).unwrap();
    assert!(zero.value(&[-0.0]).unwrap()[0].is_sign_positive());
    // Of a thousand users of one value, each is found again; the sum is one instruction, and there is a last one.
    let users = |x: &[Var]| {
        let y = x[0].sin();
        let all = || (0..1000).map(|k| (y + f64::from(k)).exp());
        all().sum::<Var>() * all().rev().sum::<Var>() * x[1]
    };
    assert_eq!(count(users), 1 + 1000 + 1000 + 2 + 2);
    // A determinant by cofactors: 109,600 operations that are few different ones.
    fn minor(m: &[Vec<Var>], columns: &[usize]) -> Var {
        let row = m.len() - columns.len();
        if columns.len() == 1 {
            return m[row][columns[0]];
        }
        let term = |k: usize| {
            let mut rest = columns.to_vec();
            let column = rest.remove(k);
            let sign = if k.is_multiple_of(2) { 1.0 } else { -1.0 };
            sign * m[row][column] * minor(m, &rest)
        };
        (0..columns.len()).map(term).sum()
    }
    let x: Vec<f64> = (0..64)
        .map(|k| ((k * 37 + 11) % 64) as f64 / 64.0)
        .collect();
    let det = |x: &[Var]| {
        let m: Vec<Vec<Var>> = x.chunks(8).map(<[Var]>::to_vec).collect();
        minor(&m, &[0, 1, 2, 3, 4, 5, 6, 7])
    };
    let program = Program::record(det, &x).unwrap();
    assert!(program.len() < 5000, "{}", program.len());
    close("det", &program.gradient(&x).unwrap(), &grad(det)(&x));
}

#[test]
fn a_branch_that_would_go_another_way_is_refused() {
    type F = fn(&[Var]) -> Var;
    let branches: [(F, f64, f64, f64); 9] = [
        (
            |x| if x[0] > 1.0 { x[0] } else { x[0] * 2.0 },
            2.0,
            3.0,
            0.5,
        ),
        (
            |x| if x[0] <= 1.0 { x[0] } else { x[0] * 2.0 },
            0.5,
            1.0,
            1.5,
        ),
        (
            |x| if 1.0 < x[0] { x[0] } else { x[0] * 2.0 },
            2.0,
            3.0,
            1.0,
        ),
        (
            |x| if x[0] == 1.0 { x[0] } else { x[0] * 2.0 },
            2.0,
            3.0,
            1.0,
        ),
        (
            |x| if x[0] * 2.0 >= x[0] { x[0] } else { -x[0] },
            2.0,
            3.0,
            -1.0,
        ),
        (
            |x| if x[0].is_nan() { x[0] } else { x[0] * 2.0 },
            2.0,
            3.0,
            f64::NAN,
        ),
        (
            |x| {
                if x[0].ln().is_finite() {
                    x[0]
                } else {
                    x[0] * 2.0
                }
            },
            2.0,
            3.0,
            0.0,
        ),
        (
            |x| {
                (0..num_traits::ToPrimitive::to_usize(&x[0]).unwrap())
                    .map(|_| x[0])
                    .sum()
            },
            2.0,
            2.9,
            3.0,
        ),
        (
            |x| num_traits::Float::clamp(x[0], Var::constant(0.0), Var::constant(1.0)) * x[0],
            0.5,
            0.7,
            2.0,
        ),
    ];
    for (k, (f, recorded_at, same, other)) in branches.into_iter().enumerate() {
        let program = Program::record(f, &[recorded_at]).unwrap();
        let tape = Tape::new();
        assert_eq!(
            program.value(&[same]).unwrap()[0],
            f(&tape.vars(&[same])).value(),
            "{k}"
        );
        let mut workspace = program.workspace();
        let errors = [
            workspace.value(&[other]).unwrap_err(),
            workspace.value_and_gradient(&[other]).unwrap_err(),
            workspace.hvp(&[other], &[1.0]).unwrap_err(),
            program.jacobian(&[other]).unwrap_err(),
        ];
        for error in errors {
            let sentence = error.to_string();
            assert!(
                matches!(error, Error::BranchChanged { .. })
                    && sentence.contains("tests/program.rs")
                    && sentence.contains("(node "),
                "{k}: {sentence}"
            );
        }
        // The memory is good for the next run.
        assert!(workspace.value(&[same]).is_ok());
    }
}

#[test]
fn operations_that_ignore_a_nan_are_no_branches() {
    let functions: [fn(&[Var]) -> Var; 5] = [
        |x| x[0].ln().max(-10.0) * 2.0,
        |x| x[0].ln().min(x[1]),
        |x| Var::constant(1.0).max(x[0].ln()),
        |x| x[0].ln().signum() * x[1],
        |x| num_traits::Float::max(x[0].ln(), x[1]),
    ];
    for (k, f) in functions.into_iter().enumerate() {
        for recorded_at in [[2.0, 0.5], [-1.0, 0.5]] {
            let program = Program::record(f, &recorded_at).unwrap();
            assert_eq!(program.branches(), 0);
            for x in [[2.0, 0.5], [-1.0, 0.5], [f64::NAN, 0.5], [1.5, f64::NAN]] {
                compare(&format!("{k}"), f, &recorded_at, &x);
            }
        }
    }
}

#[test]
fn a_nan_that_was_asked_about_is_asked_about_again() {
    let f = |x: &[Var]| match num_traits::ToPrimitive::to_i32(&x[0]) {
        Some(n) => x[0] * f64::from(n),
        None => x[0],
    };
    let program = Program::record(f, &[f64::NAN]).unwrap();
    assert!(program.value(&[f64::NAN]).is_ok());
    assert!(matches!(
        program.value(&[2.0]),
        Err(Error::BranchChanged { .. })
    ));
}

#[test]
fn second_order_where_a_slope_is_infinite() {
    let functions: [fn(&[Var]) -> Var; 9] = [
        |x| x[0].square().powf(1.5) + x[1].square(),
        |x| x[0].sqrt() + x[1].square(),
        |x| x[0].hypot(x[0]) + x[1].square(),
        |x| x[0].xlogy(x[0]) + x[1].square(),
        |x| (x[0].sqrt() - 1.0).relu() + x[1].square(),
        |x| x[0].sqrt().maximum(0.5) * x[1],
        |x| x[0].recip().clamp(-1.0, 1.0) * x[1].square(),
        |x| x[0].sqrt() * x[0].sign() + x[1].square(),
        |x| x[0].sqrt() * 0.0 + x[1].square() * x[0] + x[1],
    ];
    let x = [0.0, 1.0];
    for (k, f) in functions.into_iter().enumerate() {
        let what = format!("{k}");
        let program = Program::record(f, &[1.0, 1.0]).unwrap();
        let rows: Vec<f64> = hessian(f)(&x).into_iter().flatten().collect();
        close(
            &what,
            program.hessian(&x).unwrap().as_slice().unwrap(),
            &rows,
        );
        for v in [[1.0, 0.0], [0.0, 1.0], [0.5, -2.0]] {
            close(&what, &program.hvp(&x, &v).unwrap(), &hvp(f)(&x, &v));
        }
        let lanes = program.lanes(1);
        let over = lanes.over(&[0.0], [&[1.0][..]]).unwrap();
        close(
            &what,
            over.sum_hessian().unwrap().as_slice().unwrap(),
            &rows[..1],
        );
    }
}

#[test]
fn rounding_is_an_operation_and_no_branch() {
    compare(
        "floor",
        |x| x[0].floor() * x[0] + x[0].round() + x[0].trunc() + x[0] % 0.7,
        &[1.3],
        &[2.6],
    );
}

#[test]
fn derivatives_stop_where_they_stopped() {
    let tape = Tape::new();
    let x = tape.var(2.0);
    let square = tape.no_grad(|| x * x);
    let y = square * x + x.detach() * x;
    let program = tape.freeze(&[x], &[y]).unwrap();
    assert_eq!(program.value(&[3.0]).unwrap(), [36.0]);
    assert_eq!(program.gradient(&[3.0]).unwrap(), [12.0]);
    assert_eq!(program.jvp(&[3.0], &[1.0]).unwrap(), [12.0]);
    assert_eq!(program.hvp(&[3.0], &[1.0]).unwrap(), [0.0]);
}

#[test]
fn inputs_outputs_and_constants_of_every_kind() {
    let tape = Tape::new();
    let [x, y, w] = [2.0, 3.0, 5.0].map(|v| tape.var(v));
    let z = x * y;
    let u = z + w;
    // An input may stand in the middle of the list; what lies before it is then a constant.
    let program = tape
        .freeze(&[z], &[u, z, x, Var::constant(7.0), z])
        .unwrap();
    assert_eq!(
        (program.inputs(), program.outputs(), program.len()),
        (1, 5, 1)
    );
    assert_eq!(program.value(&[1.0]).unwrap(), [6.0, 1.0, 2.0, 7.0, 1.0]);
    assert_eq!(
        program.jacobian(&[1.0]).unwrap().as_slice().unwrap(),
        [1.0, 1.0, 0.0, 0.0, 1.0]
    );
    assert_eq!(
        program.vjp(&[1.0], &[1.0, 10.0, 1.0, 1.0, 100.0]).unwrap(),
        [111.0]
    );
    let none = tape.freeze(&[x, y], &[]).unwrap();
    assert!(none.is_empty() && none.value(&[1.0, 2.0]).unwrap().is_empty());
    assert_eq!(none.jacobian(&[1.0, 2.0]).unwrap().shape(), [0, 2]);
    let f = |x: &[Var]| vec![x[0] * x[1], x[0].sin(), x[2] + x[0]];
    let program = Program::record(f, &[1.0, 2.0, 3.0]).unwrap();
    let at = [0.3, 0.4, 0.5];
    let rows: Vec<f64> = jacobian(f)(&at).into_iter().flatten().collect();
    close(
        "jacobian",
        program.jacobian(&at).unwrap().as_slice().unwrap(),
        &rows,
    );
    // A program outlives its tape.
    drop(tape);
    assert_eq!(none.inputs(), 2);
}

#[test]
fn what_cannot_be_a_program_says_why() {
    let tape = Tape::new();
    let other = Tape::new();
    let (x, stranger) = (tape.var(1.0), other.var(1.0));
    let w = tape.tensor(ndarray::array![1.0, 2.0]);
    let y = (w * x).sum();
    let stale = {
        let gone = Tape::new();
        gone.var(1.0)
    };
    for (inputs, outputs, says) in [
        (
            vec![x],
            vec![y],
            "an operation on tensors; a program holds operations on scalars",
        ),
        (vec![x, x], vec![x], "node 0 is an input twice"),
        (vec![stranger], vec![x], "two different tapes"),
        (vec![x], vec![stale], "stale Var"),
        (vec![Var::constant(1.0)], vec![x], "constant"),
    ] {
        let error = tape.freeze(&inputs, &outputs).unwrap_err().to_string();
        assert!(
            error.starts_with("freeze") && error.contains(says),
            "{error}"
        );
    }
    // A tensor that is no part of the way is a constant.
    assert_eq!(
        tape.freeze(&[x], &[x * w.get(&[1])])
            .unwrap()
            .value(&[3.0])
            .unwrap(),
        [6.0]
    );
    let program = Program::record(|x| [x[0] * x[1], x[0]], &[1.0, 2.0]).unwrap();
    let errors = [
        (
            program.value(&[1.0]).unwrap_err(),
            "1 inputs were given where 2 are due",
        ),
        (
            program.gradient(&[1.0, 2.0]).unwrap_err(),
            "the program has 2 outputs",
        ),
        (
            program.hvp(&[1.0, 2.0], &[1.0, 2.0]).unwrap_err(),
            "the program has 2 outputs",
        ),
        (
            program.jvp(&[1.0, 2.0], &[1.0]).unwrap_err(),
            "1 tangents were given",
        ),
        (
            program.vjp(&[1.0, 2.0], &[1.0]).unwrap_err(),
            "1 cotangents were given",
        ),
    ];
    for (error, says) in errors {
        assert!(error.to_string().contains(says), "{error}");
    }
    let odd = Program::record(
        |x| {
            if num_traits::Float::is_normal(x[0]) {
                x[0]
            } else {
                -x[0]
            }
        },
        &[1.0],
    );
    assert!(odd.unwrap_err().to_string().contains("tests/program.rs"));
}

#[test]
fn threads_share_a_program() {
    fn shared<T: Send + Sync>() {}
    shared::<(Program, Lanes, Pattern, PointSum, Workspace, Sparse)>();
    shared::<(Program<f32>, Lanes<f32>, PointSum<f32>, Workspace<f32>)>();

    let program = Program::record(|x| (x[0] * x[1]).sin() + x[0].exp(), &[1.0, 2.0]).unwrap();
    let serial: Vec<_> = (0..8)
        .map(|k| program.gradient(&[0.1 * f64::from(k), 0.5]).unwrap())
        .collect();
    let program = &program;
    let shared: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|k| scope.spawn(move || program.gradient(&[0.1 * f64::from(k), 0.5]).unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(serial, shared);
}

#[test]
fn many_instructions_keep_their_order() {
    // Far more than are put in a new order at a time, in chains and side by side.
    let f = |x: &[Var]| {
        let mut y = x.to_vec();
        for round in 0..2000 {
            for k in 0..y.len() {
                y[k] = (y[k] + y[(k + 1) % y.len()] * 0.3 - 0.1 * f64::from(round % 7)).tanh();
            }
        }
        y.into_iter().sum::<Var>()
    };
    let x = [0.1, 0.2, 0.3, 0.4, 0.5];
    let program = Program::record(f, &x).unwrap();
    let tape = Tape::new();
    let y = f(&tape.vars(&[0.5, 0.4, 0.3, 0.2, 0.1]));
    assert_eq!(
        program.value(&[0.5, 0.4, 0.3, 0.2, 0.1]).unwrap(),
        [y.value()]
    );
    close("chain", &program.gradient(&x).unwrap(), &grad(f)(&x));
}
