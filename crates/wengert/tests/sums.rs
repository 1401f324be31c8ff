//! Sums of products, which a program computes as one instruction each: beside the list, bit for bit.

use wengert::{Program, Tape, Var};

type F = fn(&[Var]) -> Var;

/// A function of five numbers, and how many instructions it takes.
const SUMS: [(&str, F, usize); 15] = [
    ("two numbers", |x| x[0] + x[1], 1),
    ("three numbers", |x| x[0] + x[1] + x[2], 1),
    (
        "a dot product",
        |x| x[0] * x[1] + x[2] * x[3] + x[4] * x[0],
        1,
    ),
    ("differences", |x| x[0] * x[1] - x[2] - x[3] * x[4], 1),
    (
        "a product subtracted from a number",
        |x| x[0] - x[1] * x[2],
        1,
    ),
    ("a sum subtracted", |x| x[0] - (x[1] + x[2] * x[3]), 2),
    (
        "the longer sum goes on",
        |x| (x[0] + x[1]) + (x[2] + x[3] + x[4]),
        2,
    ),
    (
        "squares",
        |x| x[0] * x[0] + x[1].square() - x[2].square(),
        1,
    ),
    (
        "a square of a sum",
        |x| (x[0] + x[1] + x[2]).square() + x[3],
        2,
    ),
    ("constants", |x| x[0] * 2.0 + 3.0 - x[1] * -0.5 + 0.0, 1),
    (
        "a product that two need",
        |x| {
            let p = x[0] * x[1];
            (p + x[2] * x[3]) * (p - x[4])
        },
        4,
    ),
    (
        "a sum that two need",
        |x| {
            let s = x[0] + x[1] + x[2];
            s * x[3] + s * x[4]
        },
        2,
    ),
    (
        "no derivative passes",
        |x| (x[0] * x[1]).detach() + x[2] * x[3],
        3,
    ),
    (
        "the same number again and again",
        |x| x[0] + x[0] + x[0] * x[0] - x[0],
        1,
    ),
    (
        "products of what is not shared with what is",
        |x| x[0] * x[1] + x[0] * x[3] + x[3] * x[4] - x[1] * x[2],
        1,
    ),
];

const POINTS: [[f64; 5]; 5] = [
    [0.7, -1.3, 2.1, 0.4, -0.9],
    [0.0, -0.0, 0.0, -0.0, 0.0],
    [-0.0, -0.0, -0.0, -0.0, -0.0],
    [1e300, 1e300, -1e300, 1e-300, 3.0],
    [f64::INFINITY, 0.0, 1.0, f64::NAN, -2.0],
];

#[track_caller]
fn same(what: &str, got: &[f64], wanted: &[f64]) {
    let equal = |(x, y): (&f64, &f64)| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan());
    assert!(
        got.len() == wanted.len() && got.iter().zip(wanted).all(equal),
        "{what}: {got:?} is not {wanted:?}"
    );
}

/// Where the order in which contributions are added may differ.
#[track_caller]
fn close(what: &str, got: &[f64], wanted: &[f64]) {
    let near = |(x, y): (&f64, &f64)| {
        x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-14 * x.abs().max(y.abs())
    };
    assert!(
        got.iter().zip(wanted).all(near),
        "{what}: {got:?} is not {wanted:?}"
    );
}

#[test]
fn a_sum_of_products_is_one_instruction() {
    for (what, f, instructions) in SUMS {
        let program = Program::record(f, &POINTS[0]).unwrap();
        assert_eq!(program.len(), instructions, "{what}");
    }
}

#[test]
fn derivatives_are_those_of_the_list() {
    let v = [0.5, -1.0, 0.0, 2.0, 1.5];
    for (what, f, _) in SUMS {
        let program = Program::record(f, &POINTS[0]).unwrap();
        let mut tape = Tape::new();
        for x in POINTS {
            tape.clear();
            let inputs = tape.vars(&x);
            let z = f(&inputs);
            same(what, &program.value(&x).unwrap(), &[z.value()]);
            let g = z.backward().of(&inputs);
            close(what, &program.gradient(&x).unwrap(), &g);
            close(what, &program.vjp(&x, &[1.0]).unwrap(), &g);
            let tangents = tape.jvp(&inputs.iter().copied().zip(v).collect::<Vec<_>>());
            close(what, &program.jvp(&x, &v).unwrap(), &[tangents[z]]);
            if x.iter().any(|x| x.abs() > 1e200 || x.is_nan()) {
                // What overflows on the way depends on the order of a product of three.
                continue;
            }
            close(what, &program.hvp(&x, &v).unwrap(), &z.hvp(&inputs, &v));
            let dense = program.hessian(&x).unwrap();
            close(
                what,
                dense.as_slice().unwrap(),
                z.hessian(&inputs).as_slice().unwrap(),
            );
        }
    }
}

#[test]
fn over_points_with_every_split_and_every_number_of_points() {
    for (what, f, _) in SUMS {
        let program = Program::record(f, &POINTS[0]).unwrap();
        for shared in 0..5 {
            for n in [1, 7, 8, 31, 33, 70] {
                let columns: Vec<Vec<f64>> = (shared..5)
                    .map(|k| (0..n).map(|i| POINTS[(i + i / 5) % 5][k]).collect())
                    .collect();
                let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
                let head = &POINTS[0][..shared];
                let over = program.lanes(shared);
                let over = over.over(head, &columns).unwrap();
                let values = over.values().unwrap();
                let gradients = over.point_gradients().unwrap();
                for i in 0..n {
                    let own = columns.iter().map(|column| column[i]);
                    let x: Vec<f64> = head.iter().copied().chain(own).collect();
                    let (value, gradient) = program.value_and_gradient(&x).unwrap();
                    same(what, &[values[[i, 0]]], &[value]);
                    close(
                        what,
                        gradients.row(i).as_slice().unwrap(),
                        &gradient[shared..],
                    );
                }
            }
        }
    }
}

#[test]
fn sums_over_points_and_their_derivatives() {
    for (what, f, _) in SUMS {
        let program = Program::record(f, &POINTS[0]).unwrap();
        for shared in 1..5 {
            let n = 45;
            let columns: Vec<Vec<f64>> = (shared..5)
                .map(|k| (0..n).map(|i| POINTS[i % 3][k] + i as f64).collect())
                .collect();
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let head = &POINTS[0][..shared];
            let v = &[0.5, -1.0, 0.0, 2.0, 1.5][..shared];
            let mut along = v.to_vec();
            along.resize(5, 0.0);
            let mut wanted = [vec![0.0; shared], vec![0.0; shared]];
            for i in 0..n {
                let own = columns.iter().map(|column| column[i]);
                let x: Vec<f64> = head.iter().copied().chain(own).collect();
                let found = [
                    program.gradient(&x).unwrap(),
                    program.hvp(&x, &along).unwrap(),
                ];
                for (sums, terms) in wanted.iter_mut().zip(&found) {
                    for (sum, term) in sums.iter_mut().zip(terms) {
                        *sum += term;
                    }
                }
            }
            let lanes = program.lanes(shared);
            let over = lanes.over(head, &columns).unwrap();
            let got = [over.sum_and_gradient().unwrap().1, over.sum_hvp(v).unwrap()];
            for (got, wanted) in got.iter().zip(&wanted) {
                let near = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-12 * (1.0 + x.abs());
                assert!(
                    got.iter().zip(wanted).all(near),
                    "{what}: {got:?} is not {wanted:?}"
                );
            }
        }
    }
}
