//! Programs under argmin's solvers.

use argmin::core::{CostFunction, Executor, Gradient, Hessian, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::newton::NewtonCG;
use argmin::solver::quasinewton::LBFGS;
use argmin::solver::trustregion::{Steihaug, TrustRegion};
use wengert::{Objective, Program, Var};

fn valley(x: &[Var]) -> Var {
    x.windows(2)
        .map(|p| 100.0 * (p[1] - p[0] * p[0]).square() + (1.0 - p[0]).square())
        .sum()
}

#[test]
fn solvers_find_the_end_of_the_valley() {
    let start = vec![-1.2, 1.0, 0.5];
    let program = || Program::record(valley, &[0.0; 3]).unwrap();
    let configured = |best: Option<&Vec<f64>>, solver: &str| {
        let best = best.unwrap();
        assert!(
            best.iter().all(|x| (x - 1.0).abs() < 1e-5),
            "{solver}: {best:?}"
        );
    };
    let line = MoreThuenteLineSearch::new;
    let found = Executor::new(program(), LBFGS::new(line(), 7))
        .configure(|state| state.param(start.clone()).max_iters(200))
        .run()
        .unwrap();
    configured(found.state().get_best_param(), "L-BFGS");
    let bowl = |x: &[Var]| {
        x.windows(2)
            .map(|p| (p[1] - p[0]).cosh() + (p[0] - 1.0).square())
            .sum::<Var>()
    };
    let found = Executor::new(
        Program::record(bowl, &[0.0; 3]).unwrap(),
        NewtonCG::new(line()),
    )
    .configure(|state| state.param(start.clone()).max_iters(200))
    .run()
    .unwrap();
    configured(found.state().get_best_param(), "Newton-CG");
    let found = Executor::new(program(), TrustRegion::new(Steihaug::new()))
        .configure(|state| state.param(start.clone()).max_iters(200))
        .run()
        .unwrap();
    configured(found.state().get_best_param(), "trust region");
}

#[test]
fn the_three_agree_with_the_program() {
    let (program, x) = (
        Program::record(valley, &[0.0; 3]).unwrap(),
        vec![0.3, -0.4, 1.2],
    );
    let (value, gradient) = program.value_and_gradient(&x).unwrap();
    assert_eq!(CostFunction::cost(&program, &x).unwrap(), value);
    assert_eq!(Gradient::gradient(&program, &x).unwrap(), gradient);
    let hessian = Hessian::hessian(&program, &x).unwrap();
    let dense = program.hessian(&x).unwrap();
    assert!(hessian.iter().flatten().eq(dense.iter()) && hessian.len() == 3);
}

#[test]
fn a_closure_is_a_problem_too_and_may_branch() {
    let x = vec![0.3, -0.4, 1.2];
    let (program, closure) = (
        Program::record(valley, &[0.0; 3]).unwrap(),
        Objective(valley),
    );
    assert_eq!(closure.cost(&x).unwrap(), program.cost(&x).unwrap());
    let near = |a: &[f64], b: &[f64]| {
        a.len() == b.len()
            && a.iter()
                .zip(b)
                .all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs())
    };
    let by_closure = Gradient::gradient(&closure, &x).unwrap();
    assert!(near(&by_closure, &program.gradient(&x).unwrap()));
    let rows = Hessian::hessian(&closure, &x).unwrap();
    for (row, expected) in rows.iter().zip(Hessian::hessian(&program, &x).unwrap()) {
        assert!(near(row, &expected), "{row:?}");
    }

    // Huber's loss: quadratic within 0.5 of (1, 1, 1), linear outside.
    let huber = |x: &[Var]| {
        x.iter()
            .map(|&x| {
                let off = (x - 1.0).abs();
                if off < 0.5 { off.square() } else { off - 0.25 }
            })
            .sum()
    };
    let found = Executor::new(
        Objective(huber),
        LBFGS::new(MoreThuenteLineSearch::new(), 3),
    )
    .configure(|state| state.param(vec![4.0, -2.0, 1.1]).max_iters(100))
    .run()
    .unwrap();
    let best = found.state().get_best_param().unwrap();
    assert!(best.iter().all(|x| (x - 1.0).abs() < 1e-5), "{best:?}");
}

#[test]
fn refusals_come_through() {
    let two = Program::record(|x| [x[0], x[0] * x[0]], &[1.0]).unwrap();
    let x = vec![1.0];
    for error in [
        CostFunction::cost(&two, &x).unwrap_err(),
        Gradient::gradient(&two, &x).unwrap_err(),
        Hessian::hessian(&two, &x).unwrap_err(),
        Executor::new(two, LBFGS::new(MoreThuenteLineSearch::new(), 3))
            .configure(|state| state.param(x.clone()))
            .run()
            .map(|_| ())
            .unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("the program has 2 outputs"),
            "{error}"
        );
    }
    let branch = Program::record(|x| if x[0] > 0.0 { x[0] } else { -x[0] }, &[1.0]).unwrap();
    let error = CostFunction::cost(&branch, &vec![-1.0]).unwrap_err();
    assert!(
        matches!(
            error.downcast_ref(),
            Some(wengert::Error::BranchChanged { .. })
        ),
        "{error}"
    );
}
