//! Programs in single precision: beside the list in `f32`, and beside the same function in `f64`.

use wengert::rules::{OPS, OpInfo};
use wengert::{Error, PointSum, Program, Tape, Var};

/// Inputs of an operation within its range, in numbers that both types have.
fn inputs(op: &OpInfo, t: f64) -> Vec<f32> {
    op.inputs
        .iter()
        .enumerate()
        .map(|(k, (_, r))| (r.start + (r.end - r.start) * (t + 0.1 * k as f64)) as f32)
        .collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| x.into()).collect()
}

fn close<'a>(
    what: &str,
    got: impl IntoIterator<Item = &'a f32>,
    wanted: impl IntoIterator<Item = &'a f64>,
    tolerance: f64,
) {
    let got: Vec<f64> = got.into_iter().map(|&x| x.into()).collect();
    let wanted: Vec<f64> = wanted.into_iter().copied().collect();
    assert_eq!(got.len(), wanted.len(), "{what}");
    let scale = wanted.iter().fold(1e-30_f64, |s, x| s.max(x.abs()));
    for (got, wanted) in got.iter().zip(&wanted) {
        assert!(
            (got - wanted).abs() <= tolerance * scale,
            "{what}: {got:e}, not {wanted:e}"
        );
    }
}

#[test]
fn every_operation_of_the_table() {
    for op in OPS {
        let params: Vec<f64> = op.params.iter().map(|(_, p)| *p).collect();
        let single =
            Program::record_f32(|x| (op.record_f32)(x, &params), &inputs(op, 0.3)).unwrap();
        let double = Program::record(|x| (op.record)(x, &params), &wide(&inputs(op, 0.3))).unwrap();
        let x = inputs(op, 0.6);

        let tape = Tape::new_f32();
        let on_list = tape.vars(&x);
        let z = (op.record_f32)(&on_list, &params);
        let (value, gradient) = single
            .workspace()
            .value_and_gradient(&x)
            .map(|(v, g)| (v, g.to_vec()))
            .unwrap();
        assert_eq!(value.to_bits(), z.value().to_bits(), "{}", op.name);
        let g = z.backward();
        let of_list: Vec<f64> = on_list.iter().map(|&x| g[x].into()).collect();
        close(op.name, &gradient, &of_list, 1e-6);

        let (at, v) = (wide(&x), [0.7, -0.3, 0.4]);
        let v = &v[..x.len()];
        let single_v: Vec<f32> = v.iter().map(|&v| v as f32).collect();
        let name = op.name;
        close(name, &gradient, &double.gradient(&at).unwrap(), 1e-4);
        close(
            name,
            &single.jvp(&x, &single_v).unwrap(),
            &double.jvp(&at, v).unwrap(),
            1e-4,
        );
        close(
            name,
            &single.hvp(&x, &single_v).unwrap(),
            &double.hvp(&at, v).unwrap(),
            1e-3,
        );
        close(
            name,
            &single.hessian(&x).unwrap(),
            &double.hessian(&at).unwrap(),
            1e-3,
        );
        let diagonal = single.hessian_diagonal(&x).unwrap();
        close(
            name,
            &diagonal,
            &double.hessian_diagonal(&at).unwrap(),
            1e-3,
        );
    }
}

/// Sums of products, a branch, a constant and operations of several kinds: two shared inputs, then three of a point's.
macro_rules! mixed {
    ($x:ident) => {{
        let line = $x[0] * $x[2] + $x[1] * $x[3] + $x[4] * $x[4] - 0.5;
        let bent = (line * 0.7).tanh() + ($x[0] * $x[0] + 1.0).sqrt() * $x[3].sin();
        [
            bent,
            if $x[4] > 0.0 {
                line.exp() * $x[1]
            } else {
                line
            },
        ]
    }};
}

fn mixed() -> (Program<f32>, Program) {
    let at = [0.5, 0.25, 1.0, 0.75, 0.5];
    let single = Program::record_f32(|x| mixed!(x), &at.map(|x| x as f32)).unwrap();
    (single, Program::record(|x| mixed!(x), &at).unwrap())
}

fn columns(points: usize) -> [Vec<f32>; 3] {
    [7919, 104_729, 1_299_709].map(|seed| {
        let number = |i: usize| 0.25 + ((i + 1) * seed % 1024) as f32 / 1024.0;
        (0..points).map(number).collect()
    })
}

#[test]
fn over_data_points() {
    let (single, double) = mixed();
    let shared = [0.75_f32, 0.5];
    let wide_shared = wide(&shared);
    for points in [1, 15, 16, 17, 64, 65, 1000] {
        let columns = columns(points);
        let wide_columns = columns.each_ref().map(|column| wide(column));
        let (lanes, wide_lanes) = (single.lanes(2), double.lanes(2));
        let over = lanes.over(&shared, &columns).unwrap();
        let wide_over = wide_lanes.over(&wide_shared, &wide_columns).unwrap();
        let (values, jacobians) = over.values_and_jacobians().unwrap();
        for point in 0..points {
            let own = columns.iter().map(|column| column[point]);
            let x: Vec<f32> = shared.iter().copied().chain(own).collect();
            let alone = single.value(&x).unwrap();
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(values.row(point).as_slice().unwrap()), bits(&alone));
        }
        close(
            "Jacobians",
            &jacobians,
            &wide_over.jacobians().unwrap(),
            1e-5,
        );
        let (sums, jacobian) = over.sum_and_jacobian().unwrap();
        let (wide_sums, wide_jacobian) = wide_over.sum_and_jacobian().unwrap();
        close("sums", &sums, &wide_sums, 1e-5);
        close("their Jacobian", &jacobian, &wide_jacobian, 1e-5);
        let threads = over.clone().parallel();
        assert_eq!(threads.sum_and_jacobian().unwrap(), (sums, jacobian));
    }
}

#[test]
fn a_million_points_keep_their_digits() {
    let product = Program::record_f32(|x| x[0] * x[1], &[1.0; 2]).unwrap();
    let lanes = product.lanes(1);
    let column = vec![0.1_f32; 3_000_000];
    let (sum, gradient) = lanes
        .over(&[2.0], [&column])
        .unwrap()
        .sum_and_gradient()
        .unwrap();
    let wanted = 3e6 * f64::from(0.1_f32);
    close("sum", &[sum], &[2.0 * wanted], 1e-6);
    close("gradient", &gradient, &[wanted], 1e-6);
}

#[test]
fn second_order_over_data_points() {
    let at = [0.5, 0.25, 1.0, 0.75, 0.5];
    let single = Program::record_f32(|x| mixed!(x)[1], &at.map(|x| x as f32)).unwrap();
    let double = Program::record(|x| mixed!(x)[1], &at).unwrap();
    let shared = [0.75_f32, 0.5];
    let (columns, wide_shared) = (columns(100), wide(&shared));
    let wide_columns = columns.each_ref().map(|column| wide(column));
    let (lanes, wide_lanes) = (single.lanes(2), double.lanes(2));
    let over = lanes.over(&shared, &columns).unwrap();
    let wide_over = wide_lanes.over(&wide_shared, &wide_columns).unwrap();
    let hessian = wide_over.sum_hessian().unwrap();
    close("Hessian", &over.sum_hessian().unwrap(), &hessian, 1e-5);
    let diagonal = over.sum_hessian_diagonal().unwrap();
    close("diagonal", &diagonal, hessian.diag(), 1e-5);

    // The same sum, recorded on a tape.
    let loss = PointSum::new(single.lanes(2), &columns).unwrap();
    let tape = Tape::new_f32();
    let x = tape.vars(&shared);
    let g = loss.call(&x).backward();
    let (_, gradient) = wide_over.sum_and_gradient().unwrap();
    close("on a tape", &[g[x[0]], g[x[1]]], &gradient, 1e-5);
}

#[test]
fn sparse_matrices() {
    macro_rules! chain {
        ($x:ident) => {
            (0..39).map(|i| ($x[i + 1] - $x[i] * $x[i]).square()).sum()
        };
    }
    let x: Vec<f32> = (0..40).map(|i| i as f32 / 64.0).collect();
    let single = Program::record_f32(|x| -> Var<f32> { chain!(x) }, &x).unwrap();
    let double = Program::record(|x| -> Var { chain!(x) }, &wide(&x)).unwrap();
    let pattern = single.hessian_pattern().unwrap();
    assert_eq!(pattern.len(), double.hessian_pattern().unwrap().len());
    let sparse = single.workspace().sparse(&pattern, &x).unwrap();
    let dense = double.hessian(&wide(&x)).unwrap();
    close("Hessian", &sparse.to_dense(), &dense, 1e-5);
    let pattern = single.jacobian_pattern();
    let sparse = single.workspace().sparse(&pattern, &x).unwrap();
    let gradient = double.gradient(&wide(&x)).unwrap();
    close("gradient", sparse.values(), &gradient, 1e-5);
}

#[test]
fn a_branch_that_would_go_another_way_is_refused() {
    let (single, _) = mixed();
    let error = single.value(&[0.5, 0.5, 0.5, 0.5, -0.5]).unwrap_err();
    assert!(matches!(error, Error::BranchChanged { .. }), "{error}");
    assert!(error.to_string().contains("-0.5"), "{error}");
}

/// What is computed at once when a program is made has the bits that the list has.
#[test]
fn constants_are_computed_in_single_precision() {
    let f = |x: &[Var<f32>]| {
        let third = x[1].detach() / 3.0;
        x[0] * third.sin() + third.powf(0.1)
    };
    let tape = Tape::new_f32();
    let x = tape.vars(&[0.1, 0.7]);
    let z = f(&x);
    let program = tape.freeze(&x[..1], &[z]).unwrap();
    assert_eq!(
        program.value(&[0.1]).unwrap()[0].to_bits(),
        z.value().to_bits()
    );
}
