//! Sparse matrices as those of faer and sprs.

use faer::sparse::SparseRowMat;
use ndarray::{Array1, Array2};
use sprs::CsMat;
use wengert::{Error, Program, Sparse, Var};

/// Both conversions multiply as the dense matrix does, and keep the entries as they are.
fn check(name: &str, matrix: Sparse) {
    let dense = matrix.to_dense();
    let v: Vec<f64> = (0..matrix.shape()[1]).map(|i| 1.5 - i as f64).collect();
    let wanted = dense.dot(&Array1::from(v.clone()));

    let by_faer = SparseRowMat::from(matrix.clone());
    let product = &by_faer * faer::Col::from_iter(v.iter().copied());
    assert_eq!(Array1::from_iter(product.iter().copied()), wanted, "{name}");
    let shape = [by_faer.nrows(), by_faer.ncols()];
    assert_eq!(
        (shape, by_faer.val()),
        (matrix.shape(), matrix.values()),
        "{name}"
    );

    let by_sprs = CsMat::from(matrix.clone());
    let product = &by_sprs * &Array1::from(v);
    assert_eq!(product, wanted, "{name}");
    let mut again = Array2::zeros(matrix.shape());
    for (&value, (row, column)) in &by_sprs {
        again[[row, column]] = value;
    }
    assert_eq!((by_sprs.nnz(), again), (matrix.len(), dense), "{name}");
}

#[test]
fn products_with_a_vector() {
    type Case = (&'static str, usize, fn(&[Var]) -> Vec<Var>);
    let cases: [Case; 6] = [
        ("square", 3, |x| vec![x[0] * x[1], x[2].sin(), x[0] - x[2]]),
        ("wide", 5, |x| vec![x[4] * x[1], x[0].exp()]),
        ("tall", 2, |x| {
            vec![x[0] * x[1], x[1], x[0].sin(), x[1] - x[0]]
        }),
        ("empty rows and columns", 4, |x| {
            vec![1.0.into(), x[1] * x[3], 2.0.into(), x[1], 3.0.into()]
        }),
        ("no rows", 3, |_| vec![]),
        ("no columns", 0, |_| vec![1.0.into(), 2.0.into()]),
    ];
    for (name, inputs, f) in cases {
        let program = Program::record(f, &vec![0.5; inputs]).unwrap();
        let x: Vec<f64> = (0..inputs).map(|i| 0.3 + i as f64).collect();
        let jacobian = program.workspace().sparse(&program.jacobian_pattern(), &x);
        check(name, jacobian.unwrap());
    }
}

#[test]
fn a_hessian_is_factorised() -> Result<(), Error> {
    use faer::linalg::solvers::Solve;
    let bowl = |x: &[Var]| {
        x.windows(2)
            .map(|p| (p[1] - p[0]).square() + p[0].cosh())
            .sum::<Var>()
    };
    let (program, x) = (
        Program::record(bowl, &[0.5; 6])?,
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
    );
    let hessian = program
        .workspace()
        .sparse(&program.hessian_pattern()?, &x)?;
    let gradient = program.gradient(&x)?;
    let matrix: SparseRowMat<usize, f64> = hessian.into();
    let step = matrix
        .sp_lu()
        .unwrap()
        .solve(faer::Col::from_iter(gradient.iter().copied()));
    let back = program.hvp(&x, &step.iter().copied().collect::<Vec<_>>())?;
    assert!(
        back.iter()
            .zip(&gradient)
            .all(|(a, b)| (a - b).abs() < 1e-13)
    );
    Ok(())
}
