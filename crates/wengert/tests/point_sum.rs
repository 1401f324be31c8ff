//! Sums over data points as one node, beside the same sums recorded point by point.

use wengert::{Error, PointSum, Program, Tape, Var};

const X: [f64; 5] = [0.3, -1.1, 0.7, 2.0, -0.4];
const Y: [f64; 5] = [0.5, 0.1, -0.6, 1.5, 0.9];

fn error(p: &[Var], point: &[Var]) -> Var {
    ((p[0] * point[0]).tanh() * p[1] - point[1]).square() + (p[2] * p[0]).exp() * 0.1
}

fn by_points(p: &[Var]) -> Var {
    let points = X.iter().zip(&Y);
    points
        .map(|(&x, &y)| error(p, &[Var::constant(x), Var::constant(y)]))
        .sum()
}

/// Something before the sum and something after it.
fn inside(sum: impl Fn(&[Var]) -> Var) -> impl Fn(&[Var]) -> Var {
    move |p| {
        let q = [p[0].sin(), p[1] * p[0], p[1]];
        sum(&q).ln() + p[0] * p[1]
    }
}

#[track_caller]
fn close<'a>(got: impl IntoIterator<Item = &'a f64>, wanted: impl IntoIterator<Item = &'a f64>) {
    let (got, wanted): (Vec<f64>, Vec<f64>) = (
        got.into_iter().copied().collect(),
        wanted.into_iter().copied().collect(),
    );
    let near = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-12 * (1.0 + y.abs());
    assert!(
        got.len() == wanted.len() && got.iter().zip(&wanted).all(near),
        "{got:?} is not {wanted:?}"
    );
}

#[test]
fn derivatives_of_the_first_and_the_second_order() {
    let tape = Tape::new();
    let p = tape.vars(&[0.8, 1.7]);
    let one_node = inside(|q| tape.sum_over(q, &[&X, &Y], error));
    let many_nodes = inside(by_points);
    let (z, plain) = (one_node(&p), many_nodes(&p));
    close(&[z.value()], &[plain.value()]);
    close(&z.backward().of(&p), &plain.backward().of(&p));
    for k in 0..2 {
        let recorded = [z, plain].map(|z| z.grad(&p)[k].backward().of(&p));
        close(&recorded[0], &recorded[1]);
    }
    close(&z.hessian(&p), &plain.hessian(&p));
    close(&z.hvp(&p, &[0.5, -2.0]), &plain.hvp(&p, &[0.5, -2.0]));
    let seeds = [(p[0], 0.5), (p[1], -2.0)];
    let tangents = tape.jvp(&seeds);
    close(&[tangents[z]], &[tangents[plain]]);
    assert_eq!(
        wengert::hessian(inside(|q| PointSum::new(
            Program::record(|x| error(&x[..3], &x[3..]), &[0.5; 5])
                .unwrap()
                .lanes(3),
            &[&X, &Y],
        )
        .unwrap()
        .parallel()
        .call(q)))(&[0.8, 1.7])
        .concat(),
        z.hessian(&p).into_raw_vec_and_offset().0
    );
}

#[test]
fn two_nodes_that_can_be_repeated() {
    let tape = Tape::new();
    let p = tape.vars(&[0.8, 1.7, 0.2]);
    let nodes = tape.len();
    let z = tape.sum_over(&p, [&X, &Y], error);
    assert_eq!(tape.len() - nodes, 2);
    let q = tape.tensor(ndarray::array![0.5, -0.3, 0.1]);
    let again = tape.repeat(z.index(), &[q]).item();
    let wanted = by_points(&tape.vars(&[0.5, -0.3, 0.1]));
    close(&[again.value()], &[wanted.value()]);
    wengert_check::check_tape(&tape, z).assert_pass();
    assert!(tape.freeze(&p, &[z]).is_err());
}

#[test]
fn third_derivatives_are_refused() {
    let tape = Tape::new();
    let p = tape.vars(&[0.8, 1.7, 0.2]);
    let z = tape.sum_over(&p, &[&X, &Y], error);
    let first = z.grad(&p)[0];
    let second = first.grad(&p)[1];
    let nodes = tape.len();
    let why = second.try_grad(&p).unwrap_err().to_string();
    assert!(
        why.contains("Hessian of a sum over points, times a direction"),
        "{why}"
    );
    assert_eq!(tape.len(), nodes);
}

#[test]
fn constants_among_what_points_share() {
    let tape = Tape::new();
    let (a, c) = (tape.var(0.8), Var::constant(1.7));
    let sum = |p: &[Var]| tape.sum_over(p, &[&X, &Y], error);
    let z = sum(&[a, c, c]);
    let plain = by_points(&[a, c, c]);
    close(
        &[z.value(), z.backward()[a]],
        &[plain.value(), plain.backward()[a]],
    );
    let constant = sum(&[c, c, c]);
    assert!(constant.is_constant());
    close(&[constant.value()], &[by_points(&[c, c, c]).value()]);
}

#[test]
fn what_is_wrong_is_said() {
    let other = Tape::new();
    let mut tape = Tape::new();
    let p = tape.vars(&[0.8, 1.7, 0.2]);
    let foreign = other.vars(&[1.0, 1.0, 1.0]);
    let branch = |p: &[Var], point: &[Var]| {
        if point[0] > 0.0 { p[0] } else { p[1] }
    };
    type F<'a> = &'a dyn Fn(&[Var], &[Var]) -> Var;
    let captured = |_: &[Var], _: &[Var]| foreign[0];
    let cases: [(&[Var], &[&[f64]], F<'_>, &str); 6] = [
        (&p, &[], &error, "no point to record the function at"),
        (
            &p,
            &[&[], &[]],
            &error,
            "no point to record the function at",
        ),
        (&p, &[&X, &Y[..4]], &error, "columns of 5 and 4 points"),
        (&foreign, &[&X, &Y], &error, "two different tapes"),
        (&p, &[&X, &Y], &captured, "two different tapes"),
        (&p, &[&X, &Y], &branch, "at point 1"),
    ];
    let nodes = tape.len();
    for (shared, columns, f, says) in cases {
        let why = tape
            .try_sum_over(shared, columns, f)
            .unwrap_err()
            .to_string();
        assert!(why.contains(says), "{why}");
        assert_eq!(tape.len(), nodes);
    }
    let program = Program::record(|x| [x[0] * x[1], x[1]], &[1.0; 2]).unwrap();
    let why = PointSum::new(program.lanes(1), &[&X])
        .unwrap_err()
        .to_string();
    assert!(why.contains("2 outputs"), "{why}");
    let one = Program::record(|x| x[0] * x[1], &[1.0; 2]).unwrap();
    let sum = PointSum::new(one.lanes(1), &[&X]).unwrap();
    let why = sum.try_call(&p).unwrap_err().to_string();
    assert!(why.contains("3 shared inputs were given"), "{why}");
    tape.clear();
    assert!(matches!(sum.try_call(&p[..1]), Err(Error::Stale { .. })));
}
