//! Sparse Jacobians and Hessians beside the dense ones.

use ndarray::Array2;
use proptest::prelude::*;
use wengert::rules::OPS;
use wengert::{Pattern, Program, Var};

fn point(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| 0.3 + 0.5 * ((i * 7919) % 101) as f64 / 101.0)
        .collect()
}

/// Every entry of both matrices, in no more products than that.
fn check(what: &str, program: &Program, jacobian_products: usize, hessian_products: usize) {
    let x = point(program.inputs());
    let compare = |pattern: &Pattern, dense: Array2<f64>, products: usize| {
        let sparse = program.workspace().sparse(pattern, &x).unwrap();
        assert_eq!(sparse.shape(), dense.shape(), "{what}");
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-13 * (1.0 + b.abs());
        let found = sparse.to_dense();
        let mut entries = found.iter().zip(&dense);
        assert!(
            entries.all(|(&a, &b)| close(a, b)),
            "{what}: {sparse:?}\n{dense}"
        );
        let took = pattern.products();
        assert!(took <= products, "{what}: {took} products");
    };
    let jacobian = program.jacobian(&x).unwrap();
    assert_eq!(jacobian.dim(), (program.outputs(), program.inputs()));
    compare(&program.jacobian_pattern(), jacobian, jacobian_products);
    if program.outputs() == 1 {
        let hessian = program.hessian(&x).unwrap();
        compare(
            &program.hessian_pattern().unwrap(),
            hessian,
            hessian_products,
        );
    }
}

#[test]
fn patterns_that_everybody_knows() {
    type Many = fn(&[Var]) -> Vec<Var>;
    let one = |f: fn(&[Var]) -> Var, n: usize| Program::record(f, &point(n)).unwrap();
    let many = |f: Many, n: usize| Program::record(f, &point(n)).unwrap();
    // A gradient of one output is one row: one reverse product.
    check(
        "diagonal",
        &one(|x| x.iter().map(|x| x.sin()).sum(), 50),
        1,
        1,
    );
    check(
        "tridiagonal",
        &one(
            |x| x.windows(2).map(|p| (p[1] - p[0] * p[0]).square()).sum(),
            50,
        ),
        1,
        3,
    );
    check(
        "arrow",
        &one(|x| x.iter().map(|&y| y * y * x[0]).sum(), 50),
        1,
        2,
    );
    check(
        "dense",
        &one(|x| x.iter().copied().sum::<Var>().exp(), 6),
        1,
        6,
    );
    check(
        "linear",
        &one(
            |x| x.iter().enumerate().map(|(i, &x)| x * i as f64).sum(),
            20,
        ),
        1,
        0,
    );
    check(
        "blocks",
        &one(
            |x| x.chunks(3).map(|c| (c[0] * c[1] + c[2]).tanh()).sum(),
            30,
        ),
        1,
        3,
    );
    check(
        "band",
        &many(
            |x| x.windows(3).map(|w| w[0] * w[1] + w[2].sin()).collect(),
            40,
        ),
        3,
        0,
    );
    check(
        "tall",
        &many(|x| (0..60).map(|i| x[i % 3] * (i as f64)).collect(), 3),
        1,
        0,
    );
    check(
        "wide",
        &many(
            |x| {
                vec![
                    x[..30].iter().copied().sum(),
                    x[30..].iter().map(|x| x.exp()).sum(),
                ]
            },
            60,
        ),
        1,
        0,
    );
    check(
        "empty rows and columns",
        &many(
            |x| vec![x[1] * x[3], Var::constant(2.0), x[1], x[4].detach()],
            6,
        ),
        2,
        0,
    );
    let arrow = |x: &[Var]| -> Vec<Var> {
        let tip = x.iter().map(|x| x.sin()).sum();
        [tip]
            .into_iter()
            .chain(x[1..].iter().map(|&y| y * x[0]))
            .collect()
    };
    check("arrow of rows and columns", &many(arrow, 50), 3, 0);
    // The last three outputs and the first two inputs are in everything, a band beside them.
    let bordered = |x: &[Var]| -> Vec<Var> {
        let band = x.windows(3).map(|w| w[1].sin() * w[2] + w[0] * x[0] - x[1]);
        let all: Var = x.iter().copied().sum();
        band.chain([all.exp(), all.sin(), all.square()]).collect()
    };
    check("border", &many(bordered, 40), 8, 0);
    // Its other way round: the same matrix transposed.
    let transposed = |x: &[Var]| -> Vec<Var> {
        let column = |k: usize| x[37] * k as f64 + x[38].sin() + x[39];
        let band = |k: usize| {
            x[k.max(2) - 2..(k + 1).min(37)]
                .iter()
                .map(|&x| x.exp())
                .sum::<Var>()
        };
        let mut rows: Vec<Var> = (0..40).map(|k| column(k) + band(k)).collect();
        let all: Var = x[..37].iter().copied().sum();
        rows[0] += all.sin();
        rows[1] += all.cos();
        rows
    };
    check("border, transposed", &many(transposed, 40), 8, 0);
    check("no inputs", &many(|_| vec![Var::constant(1.0)], 0), 0, 0);
    check("no outputs", &many(|_| Vec::new(), 3), 0, 0);
}

#[test]
fn a_pattern_keeps_what_may_be_zero_and_no_more() {
    let program = Program::record(|x| x[0] * x[1] + x[2].square() + x[3], &[0.0; 4]).unwrap();
    let pattern = program.hessian_pattern().unwrap();
    assert_eq!(pattern.len(), 3);
    let hessian = program.workspace().sparse(&pattern, &[1.0; 4]).unwrap();
    assert_eq!(hessian.row(0).collect::<Vec<_>>(), [(1, 1.0)]);
    assert_eq!(hessian.row(2).collect::<Vec<_>>(), [(2, 2.0)]);
    assert_eq!(hessian.row(3).count(), 0);
    assert_eq!(
        (hessian.starts().to_vec(), hessian.columns().to_vec()),
        (vec![0, 1, 2, 3, 3], vec![1, 0, 2])
    );
}

#[test]
fn a_pattern_of_another_program_is_refused() {
    let square = Program::record(|x| x[0].square() + x[1], &[1.0; 2]).unwrap();
    let product = Program::record(|x| x[0] * x[1], &[1.0; 2]).unwrap();
    let x = [1.0; 2];
    for pattern in [
        product.hessian_pattern().unwrap(),
        product.jacobian_pattern(),
    ] {
        let error = square.workspace().sparse(&pattern, &x).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("the pattern is of another program"),
            "{error}"
        );
        assert!(product.clone().workspace().sparse(&pattern, &x).is_ok());
    }
    // A pattern without entries takes no product, but the input is looked at.
    let nothing = Program::record(|x| if x[0] > 0.0 { 1.0.into() } else { x[1] }, &x).unwrap();
    let pattern = nothing.jacobian_pattern();
    assert_eq!(pattern.products(), 0);
    assert!(nothing.workspace().sparse(&pattern, &x[1..]).is_err());
    assert!(nothing.workspace().sparse(&pattern, &[-1.0, 1.0]).is_err());
    let two = Program::record(|x| [x[0], x[0]], &[1.0]).unwrap();
    assert!(
        two.hessian_pattern()
            .unwrap_err()
            .to_string()
            .contains("2 outputs")
    );
}

#[test]
fn linear_in_what_there_is() {
    // A dense pattern of this size would take 2 GB; a Hessian by columns 50,000 products.
    let n = 50_000;
    let program = Program::record(
        |x| {
            x.windows(2)
                .map(|p| (p[1] - p[0] * p[0]).square() + (p[0] - 1.0).square())
                .sum::<Var>()
        },
        &point(n),
    )
    .unwrap();
    let pattern = program.hessian_pattern().unwrap();
    assert_eq!(pattern.len(), n + 2 * (n - 1));
    assert!(pattern.products() <= 3);
    let hessian = program.workspace().sparse(&pattern, &point(n)).unwrap();
    assert_eq!(hessian.len(), pattern.len());
}

#[test]
fn an_arrow_takes_three_sweeps_however_large() {
    // A column or a row at a time it would take 30,000.
    let n = 30_000;
    let arrow = |x: &[Var]| -> Vec<Var> {
        let tip = x.iter().map(|x| x.sin()).sum();
        [tip]
            .into_iter()
            .chain(x[1..].iter().map(|&y| y * x[0]))
            .collect()
    };
    let program = Program::record(arrow, &point(n)).unwrap();
    let pattern = program.jacobian_pattern();
    assert_eq!((pattern.len(), pattern.products()), (n + 2 * (n - 1), 3));
    let jacobian = program.workspace().sparse(&pattern, &point(n)).unwrap();
    assert_eq!(
        jacobian.row(n - 1).collect::<Vec<_>>(),
        [(0, point(n)[n - 1]), (n - 1, point(n)[0])]
    );
    assert_eq!(
        jacobian.row(0).last().unwrap(),
        (n - 1, point(n)[n - 1].cos())
    );
}

#[test]
fn a_full_row_that_comes_late_does_not_cost_a_hessian_its_colours() {
    let n = 60;
    let last = |x: &[Var]| x[..n - 1].iter().map(|&y| y * y * x[n - 1]).sum::<Var>();
    check(
        "late arrow",
        &Program::record(last, &point(n)).unwrap(),
        1,
        2,
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn random_functions(
        terms in prop::collection::vec((0..7_usize, 0..12_usize, 0..12_usize, 0..12_usize, 0..5_usize), 1..30),
    ) {
        let term = |x: &[Var], &(op, a, b, c, _): &(usize, usize, usize, usize, usize)| -> Var {
            let (a, b, c) = (x[a], x[b], x[c]);
            match op {
                0 => a * b - c,
                1 => (a + b).sin(),
                2 => a / (b * b + 1.0) + c,
                3 => a.mul_add(b, c).tanh(),
                4 => a.exp() * 0.5 + b.detach() * c,
                5 => (a - b).square() * c,
                _ => a * 3.0 - b,
            }
        };
        let all = |x: &[Var]| terms.iter().map(|t| term(x, t)).sum::<Var>();
        check("one", &Program::record(all, &point(12)).unwrap(), 1, 12);
        let rows = |x: &[Var]| -> Vec<Var> {
            (0..5).map(|k| terms.iter().filter(|t| t.4 == k).map(|t| term(x, t)).sum()).collect()
        };
        check("rows", &Program::record(rows, &point(12)).unwrap(), 5, 0);
    }
    /// Matrices of any pattern, dense rows and columns among them; each entry has a value of its own.
    #[test]
    fn random_patterns(
        (rows, columns) in (0..14_usize, 0..14_usize),
        entries in prop::collection::vec((0..14_usize, 0..14_usize), 0..50),
        full in prop::collection::vec((any::<bool>(), 0..14_usize), 0..4),
    ) {
        let kept = |i: usize, j: usize| {
            entries.contains(&(i, j)) || full.contains(&(true, i)) || full.contains(&(false, j))
        };
        let linear = |x: &[Var]| -> Vec<Var> {
            let row = |i: usize| {
                let terms = (0..columns).filter(|&j| kept(i, j)).map(|j| x[j] * (1 + i * 14 + j) as f64);
                terms.sum()
            };
            (0..rows).map(row).collect()
        };
        let program = Program::record(linear, &point(columns)).unwrap();
        let pattern = program.jacobian_pattern();
        let jacobian = program.workspace().sparse(&pattern, &point(columns)).unwrap();
        for i in 0..rows {
            let wanted: Vec<_> = (0..columns).filter(|&j| kept(i, j)).map(|j| (j, (1 + i * 14 + j) as f64)).collect();
            prop_assert_eq!(jacobian.row(i).collect::<Vec<_>>(), wanted);
        }
        prop_assert!(pattern.products() <= rows.min(columns));
    }
}

#[test]
fn no_second_derivative_of_any_operation_is_missed() {
    for op in OPS {
        let params: Vec<f64> = op.params.iter().map(|(_, p)| *p).collect();
        for share in [0.2, 0.5, 0.9] {
            let x: Vec<f64> = op
                .inputs
                .iter()
                .map(|(_, range)| range.start + share * (range.end - range.start))
                .collect();
            let program = Program::record(|x| (op.record)(x, &params), &x).unwrap();
            let pattern = program.hessian_pattern().unwrap();
            let sparse = program.workspace().sparse(&pattern, &x).unwrap();
            let dense = program.hessian(&x).unwrap();
            let diagonal = program.hessian_diagonal(&x).unwrap();
            assert_eq!(diagonal, dense.diag().to_vec(), "{}", op.name);
            for (&got, &wanted) in sparse.to_dense().iter().zip(&dense) {
                let near = (got - wanted).abs() <= 1e-14 * wanted.abs();
                assert!(near, "{}: {got:e}, not {wanted:e}", op.name);
            }
        }
    }
}

#[test]
fn full_matrices_and_full_rows_are_coloured_at_once() {
    let n = 300;
    let dense = Program::record(|x| x.iter().sum::<Var>().sin(), &point(n)).unwrap();
    let pattern = dense.hessian_pattern().unwrap();
    assert_eq!((pattern.len(), pattern.products()), (n * n, n));
    let arrow = |x: &[Var]| x.iter().map(|&y| (y * x[0]).sin()).sum::<Var>();
    let arrow = Program::record(arrow, &point(20_000)).unwrap();
    assert!(arrow.hessian_pattern().unwrap().products() <= 3);
    let sums = |x: &[Var]| {
        let mut sum = Var::constant(0.0);
        let prefix = |&x: &Var| {
            sum += x;
            sum
        };
        x.iter().map(prefix).collect::<Vec<_>>()
    };
    let triangle = Program::record(sums, &point(n)).unwrap();
    assert_eq!(triangle.jacobian_pattern().len(), n * (n + 1) / 2);
    let column = Program::record(
        |x| (0..20_000).map(|k| x[0] * f64::from(k)).collect::<Vec<_>>(),
        &[1.0],
    );
    assert_eq!(column.unwrap().jacobian_pattern().products(), 1);
}

#[test]
fn columns_of_some_inputs() {
    // More outputs than columns, as many, and fewer: forwards, and in reverse.
    for outputs in [1, 7, 40] {
        let program = Program::record(
            |x| -> Vec<Var> {
                let y = (0..outputs).map(|k| (x[k % 19] * x[(3 * k) % 11]).sin() + x[(5 * k) % 19]);
                y.collect()
            },
            &[0.5; 19],
        )
        .unwrap();
        let x: Vec<f64> = (0..19).map(|k| 0.1 * f64::from(k) - 0.7).collect();
        let mut workspace = program.workspace();
        for range in [0..19, 0..1, 18..19, 3..11, 2..12, 4..4, 0..17] {
            let found = workspace.jacobian_by(&x, range.clone()).unwrap();
            assert_eq!(found.dim(), (outputs, range.len()));
            for (column, input) in found.columns().into_iter().zip(range.clone()) {
                let mut v = vec![0.0; 19];
                v[input] = 1.0;
                let wanted = program.jvp(&x, &v).unwrap();
                for (got, wanted) in column.iter().zip(&wanted) {
                    assert!(
                        (got - wanted).abs() <= 1e-15,
                        "{outputs}, {range:?}: {got}, {wanted}"
                    );
                }
            }
        }
    }
    let program = Program::record(|x| x[0] * x[1], &[1.0; 2]).unwrap();
    let backwards = std::ops::Range { start: 2, end: 1 };
    for (range, says) in [(1..3, "inputs 1 to 3"), (backwards, "inputs 2 to 1")] {
        let error = program
            .workspace()
            .jacobian_by(&[1.0; 2], range)
            .unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.to_string().contains("the program has 2"), "{error}");
    }
}
