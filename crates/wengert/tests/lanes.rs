//! Programs over many data points, beside the same programs at one point after the other.

use ndarray::{Array2, Axis, s};
use wengert::rules::OPS;
use wengert::{Error, Program, Var};

/// Numbers that differ from point to point.
fn column(seed: usize, n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| 0.3 + ((i * 7919 + seed * 104_729) % 1009) as f64 / 1009.0)
        .collect()
}

/// All answers over points, with the first `shared` of the inputs the same for all, beside those at one point.
fn compare(what: &str, program: &Program, shared: usize, n: usize) {
    let inputs = program.inputs();
    let head: Vec<f64> = (0..shared).map(|k| 0.4 + 0.1 * k as f64).collect();
    let columns: Vec<Vec<f64>> = (shared..inputs).map(|k| column(k, n)).collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let at = |i: usize| -> Vec<f64> {
        let own = columns.iter().map(|column| column[i]);
        head.iter().copied().chain(own).collect()
    };
    let lanes = program.lanes(shared);
    let over = lanes.over(&head, &columns).unwrap();
    assert_eq!(over.points(), n);

    let values = over.values().unwrap();
    let jacobians = over.jacobians().unwrap();
    let by_shared = over.jacobians_by_shared().unwrap();
    assert_eq!(by_shared.dim(), (n, program.outputs(), shared));
    assert_eq!(
        over.clone().parallel().jacobians_by_shared().unwrap(),
        by_shared
    );
    let mut sums = vec![0.0; program.outputs()];
    let mut derivatives = Array2::<f64>::zeros((program.outputs(), shared));
    // At many points it would tell no more.
    let second_order = program.outputs() == 1 && n <= 100;
    let mut hessian = Array2::<f64>::zeros((shared, shared));
    let near = |got: f64, wanted: f64, scale: f64| {
        assert!(
            got == wanted || (got - wanted).abs() <= 1e-12 * scale.max(1.0),
            "{what}: {got} is not {wanted}"
        );
    };
    for i in 0..n {
        let value = program.value(&at(i)).unwrap();
        let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(
            bits(values.row(i).as_slice().unwrap()),
            bits(&value),
            "{what}"
        );
        for (sum, value) in sums.iter_mut().zip(&value) {
            *sum += value;
        }
        let jacobian = program.jacobian(&at(i)).unwrap();
        for (output, row) in jacobian.rows().into_iter().enumerate() {
            let scale = row.iter().fold(0.0_f64, |s, x| s.max(x.abs()));
            let (by_head, by_own) = row.as_slice().unwrap().split_at(shared);
            for (k, &wanted) in by_own.iter().enumerate() {
                near(jacobians[[i, output, k]], wanted, scale);
            }
            for (k, &wanted) in by_head.iter().enumerate() {
                near(by_shared[[i, output, k]], wanted, scale);
            }
            for (sum, &term) in derivatives.row_mut(output).iter_mut().zip(row) {
                *sum += term;
            }
        }
        if second_order {
            let whole = program.hessian(&at(i)).unwrap();
            hessian += &whole.slice(ndarray::s![..shared, ..shared]);
        }
    }
    let scale = n as f64;
    let sum = over.sum().unwrap();
    assert_eq!(sum.len(), sums.len(), "{what}");
    for (got, wanted) in sum.into_iter().zip(&sums) {
        near(got, *wanted, scale * 1e2);
    }
    let threads = over.clone().parallel();
    let (added, jacobian) = over.sum_and_jacobian().unwrap();
    assert_eq!(added, over.sum().unwrap(), "{what}");
    assert_eq!(jacobian.dim(), derivatives.dim(), "{what}");
    for (&got, &wanted) in jacobian.iter().zip(&derivatives) {
        near(got, wanted, scale * 1e2);
    }
    assert_eq!(
        threads.sum_and_jacobian().unwrap(),
        (added, jacobian),
        "{what}"
    );
    if second_order {
        let second = over.sum_hessian().unwrap();
        let size = hessian.iter().fold(1.0_f64, |s, x| s.max(x.abs()));
        assert_eq!(second.dim(), hessian.dim(), "{what}");
        for (&got, &wanted) in second.iter().zip(&hessian) {
            near(got, wanted, size);
        }
        assert_eq!(threads.sum_hessian().unwrap(), second, "{what}");
        let v: Vec<f64> = (0..shared).map(|k| 0.7 - 0.4 * k as f64).collect();
        let product = hessian.dot(&ndarray::aview1(&v));
        let found = over.sum_hvp(&v).unwrap();
        let diagonal = over.sum_hessian_diagonal().unwrap();
        assert_eq!([found.len(), diagonal.len()], [shared; 2], "{what}");
        for (&got, &wanted) in found.iter().zip(&product) {
            near(got, wanted, size);
        }
        for (&got, &wanted) in diagonal.iter().zip(hessian.diag()) {
            near(got, wanted, size);
        }
    }
    if program.outputs() == 1 {
        let (sum, by_shared) = over.sum_and_gradient().unwrap();
        assert_eq!(sum.to_bits(), over.sum().unwrap()[0].to_bits());
        for (&got, &wanted) in by_shared.iter().zip(&derivatives) {
            near(got, wanted, scale * 1e2);
        }
        let own = over.point_gradients().unwrap();
        assert_eq!(
            own.as_slice().unwrap(),
            jacobians.as_slice().unwrap(),
            "{what}"
        );
        assert_eq!(
            threads.sum_and_gradient().unwrap(),
            (sum, by_shared),
            "{what}"
        );
        assert_eq!(threads.point_gradients().unwrap(), own, "{what}");
    }
    assert_eq!(threads.values().unwrap(), values, "{what}");
    let with_jacobians = (values, jacobians);
    assert_eq!(
        threads.values_and_jacobians().unwrap(),
        with_jacobians,
        "{what}"
    );
    if n > 100 {
        return;
    }
    let (values, jacobians) = with_jacobians;
    for data in 0..=inputs - shared {
        let lanes = lanes.with_data(data);
        let over = lanes.over(&head, &columns).unwrap();
        let sought = jacobians.slice(s![.., .., ..inputs - shared - data]);
        let found = over.values_and_jacobians().unwrap();
        assert_eq!(found, (values.clone(), sought.to_owned()), "{what}, {data}");
        assert_eq!(over.jacobians().unwrap(), sought, "{what}, {data}");
        assert_eq!(
            over.sum_and_jacobian().unwrap(),
            threads.sum_and_jacobian().unwrap(),
            "{what}, {data}"
        );
        if program.outputs() == 1 {
            let own = over.point_gradients().unwrap();
            assert_eq!(own, sought.index_axis(Axis(1), 0), "{what}, {data}");
        }
    }
}

#[test]
fn every_operation_with_every_split_of_its_inputs() {
    for op in OPS {
        let params: Vec<f64> = op.params.iter().map(|(_, p)| *p).collect();
        let example: Vec<f64> = op
            .inputs
            .iter()
            .map(|(_, r)| (r.start + r.end) / 2.0)
            .collect();
        // In the operation's own range, whatever the column holds.
        let moved = |x: &[Var]| -> Vec<Var> {
            x.iter()
                .zip(op.inputs)
                .map(|(&x, (_, r))| (x * 0.5).sigmoid() * (r.end - r.start) + r.start)
                .collect()
        };
        let program = Program::record(|x| (op.record)(&moved(x), &params), &example).unwrap();
        for shared in 0..=op.inputs.len() - 1 {
            compare(op.name, &program, shared, 21);
        }
    }
}

#[test]
fn any_number_of_points() {
    let program = Program::record(
        |x| ((x[0] * x[2]).sin() + x[1].exp() * x[3]).square() * x[0] + x[1],
        &[0.5; 4],
    )
    .unwrap();
    for n in [1, 7, 8, 63, 64, 65, 500, 5000] {
        compare("points", &program, 2, n);
    }
    compare("points", &program, 0, 70);
    let none = program.lanes(2);
    let none = none.over::<[f64]>(&[1.0, 2.0], [&[][..], &[]]).unwrap();
    assert_eq!(none.sum_and_gradient().unwrap(), (0.0, vec![0.0, 0.0]));
    assert_eq!(none.values().unwrap().shape(), [0, 1]);
}

#[test]
fn several_outputs_some_of_which_are_inputs_shared_or_constant() {
    let program = Program::record(
        |x| [x[0] * x[1], x[1], x[0] * 2.0, Var::constant(3.0), x[0]],
        &[0.5, 0.5],
    )
    .unwrap();
    compare("outputs", &program, 1, 100);
    compare("outputs", &program, 0, 100);
    let shared = Program::record(|x| x[0].sin() + 0.0 * x[1], &[0.5, 0.5]).unwrap();
    compare("shared", &shared, 1, 100);
    let without_instructions = Program::record(|x| x[0], &[0.5, 0.5]).unwrap();
    compare("nothing to do", &without_instructions, 1, 100);
}

#[test]
fn more_outputs_than_are_swept_together() {
    let outputs = |x: &[Var]| -> Vec<Var> {
        let common = (x[0] * x[1]).sin() + x[2] * x[2];
        let terms = (0..20).map(|k| common * f64::from(k) + x[k as usize % 3].exp() - x[3]);
        terms.collect()
    };
    let program = Program::record(outputs, &[0.5; 4]).unwrap();
    for shared in 0..=2 {
        compare("many outputs", &program, shared, 70);
    }
}

#[test]
fn what_stops_a_derivative_stops_it_at_every_point() {
    let program = Program::record(
        |x| [x[0] * x[1].detach() + x[2], x[1].detach() * x[3]],
        &[0.5; 4],
    )
    .unwrap();
    compare("stopped", &program, 0, 20);
    compare("stopped", &program, 2, 20);
}

/// A chain of one operation, each of which needs the one before.
#[test]
fn chains_of_one_operation() {
    let chains: &[(&str, fn(Var, Var) -> Var)] = &[
        ("products", |y, x| y * x),
        ("least", |y, x| y.min(x * y)),
        ("quotients", |y, x| x / y),
    ];
    for (name, step) in chains {
        let program = Program::record(|x| (0..9).fold(x[1], |y, _| step(y, x[0])), &[0.9, 0.8]);
        compare(name, &program.unwrap(), 0, 70);
    }
}

#[test]
#[should_panic(expected = "with_data: 2 of a point's inputs are data, and it has 1")]
fn more_data_than_inputs() {
    let program = Program::record(|x| x[0] * x[1], &[1.0; 2]).unwrap();
    let _ = program.lanes(1).with_data(2);
}

#[test]
fn a_program_larger_than_a_block_may_be() {
    let program = Program::record(
        |x| {
            let mut y = x[1];
            for k in 0..20_000 {
                y = (y * x[0] + 0.01 * f64::from(k % 5)).tanh();
            }
            y
        },
        &[0.5, 0.5],
    )
    .unwrap();
    compare("long", &program, 1, 30);
}

#[test]
fn a_branch_at_one_point_is_refused_with_its_number() {
    let program = Program::record(
        |x| if x[1] > x[0] { x[0] * x[1] } else { x[1] },
        &[0.0, 1.0],
    )
    .unwrap();
    let lanes = program.lanes(1);
    let mut column = vec![1.0; 1000];
    column[777] = -1.0;
    let columns = [column.as_slice()];
    let over = lanes.over(&[0.0], &columns).unwrap();
    for error in [
        over.sum().unwrap_err(),
        over.values().unwrap_err(),
        over.parallel().point_gradients().unwrap_err(),
    ] {
        assert!(matches!(error, Error::BranchChanged { .. }), "{error}");
        assert!(error.to_string().contains("at point 777"), "{error}");
    }
}

#[test]
fn wrong_numbers_of_columns_are_refused() {
    let program = Program::record(|x| x[0] * x[1] * x[2], &[1.0; 3]).unwrap();
    let lanes = program.lanes(1);
    let (a, b) = ([1.0, 2.0], [1.0]);
    for (error, says) in [
        (
            program.lanes(3).over::<[f64]>(&[1.0; 3], []).unwrap_err(),
            "all inputs are shared",
        ),
        (
            lanes.over(&[], &[&a, &a]).unwrap_err(),
            "0 shared inputs were given",
        ),
        (
            lanes.over(&[1.0], &[&a]).unwrap_err(),
            "1 columns, one for each input that is not shared, were given where 2 are due",
        ),
        (
            lanes.over::<[f64]>(&[1.0], [&a[..], &b]).unwrap_err(),
            "columns of 2 and 1 points",
        ),
    ] {
        assert!(error.to_string().contains(says), "{error}");
    }
    let two = Program::record(|x| [x[0], x[1]], &[1.0; 2]).unwrap();
    let lanes = two.lanes(1);
    let columns = [a.as_slice()];
    let over = lanes.over(&[1.0], &columns).unwrap();
    assert!(
        over.sum_and_gradient()
            .unwrap_err()
            .to_string()
            .contains("2 outputs")
    );
}
