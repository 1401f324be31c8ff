//! Sparse matrices as those of faer and sprs.

use faer::sparse::SparseRowMat;
use ndarray::{Array1, Array2};
use sprs::CsMat;
use wengert::{Error, Program, Sparse, Var};

/// Both conversions multiply as the dense matrix does, and keep the entries as they are.
fn check(name: &str, matrix: Sparse) {
    let dense = matrix.to_dense();
    let v: Vec<f64> = (0..matrix.shape[1]).map(|i| 1.5 - i as f64).collect();
    let wanted = dense.dot(&Array1::from(v.clone()));

    let by_faer = SparseRowMat::try_from(matrix.clone()).unwrap();
    let product = &by_faer * faer::Col::from_iter(v.iter().copied());
    assert_eq!(Array1::from_iter(product.iter().copied()), wanted, "{name}");
    let shape = [by_faer.nrows(), by_faer.ncols()];
    assert_eq!(
        (shape, by_faer.val()),
        (matrix.shape, &matrix.values[..]),
        "{name}"
    );

    let by_sprs = CsMat::try_from(matrix.clone()).unwrap();
    let product = &by_sprs * &Array1::from(v);
    assert_eq!(product, wanted, "{name}");
    let mut again = Array2::zeros(matrix.shape);
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
    let matrix: SparseRowMat<usize, f64> = hessian.try_into()?;
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

#[test]
fn lists_that_make_no_matrix_are_refused() {
    let good = Sparse {
        shape: [2, 3],
        starts: vec![0, 2, 3],
        columns: vec![0, 2, 1],
        values: vec![1.0, 2.0, 3.0],
    };
    check("good", good.clone());
    type Spoil = fn(&mut Sparse);
    let cases: [(&str, Spoil); 9] = [
        ("3 starts are there for 3 rows", |m| m.shape[0] = 3),
        ("3 starts are there for", |m| m.shape[0] = usize::MAX),
        ("the starts must rise from 0", |m| m.starts[0] = 1),
        ("the starts must rise from 0", |m| m.starts[1] = 4),
        ("3 columns and 4 numbers", |m| m.values.push(0.0)),
        ("2 columns and 3 numbers", |m| m.columns.truncate(2)),
        ("the columns of row 0 must rise and be less than 3", |m| {
            m.columns[1] = 3
        }),
        ("the columns of row 0 must rise", |m| m.columns[1] = 0),
        ("the columns of row 1 must rise and be less than 1", |m| {
            *m = Sparse {
                shape: [2, 1],
                starts: vec![0, 1, 2],
                columns: vec![0, 1],
                values: vec![1.0; 2],
            }
        }),
    ];
    for (sentence, spoil) in cases {
        let mut bad = good.clone();
        spoil(&mut bad);
        let errors = [
            SparseRowMat::<usize, f64>::try_from(bad.clone())
                .map(|_| ())
                .unwrap_err(),
            CsMat::try_from(bad).map(|_| ()).unwrap_err(),
        ];
        assert!(
            errors.iter().all(|e| e.to_string().contains(sentence)),
            "{sentence}: {errors:?}"
        );
    }
}
