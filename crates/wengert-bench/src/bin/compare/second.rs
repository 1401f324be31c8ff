//! Second derivatives by a program.

use wengert::Program;
use wengert_bench::clock::thread_seconds;
use wengert_bench::objectives::Objective;

use crate::contest::Contest;
use crate::scalars::same;

const ONE_BY_ONE: &str = "products one by one";

/// A Hessian: one product for each input, eight at a time, and by its pattern.
pub(crate) fn second_order<O: Objective>(objective: &O, reps: usize) {
    let x = objective.point();
    let n = x.len();
    println!("\n{}, its Hessian", objective.describe());
    let program = Program::record(|x| objective.evaluate(x), &x).expect("scalars alone");
    let start = thread_seconds();
    let pattern = program.hessian_pattern().expect("one output");
    let finding = thread_seconds() - start;
    let (mut by_one, mut by_eight, mut sparse) = (
        program.workspace(),
        program.workspace(),
        program.workspace(),
    );
    let mut unit = vec![0.0; n];
    let dense = by_eight.hessian(&x).expect("the same input");
    let found = sparse
        .sparse(&pattern, &x)
        .expect("the same input")
        .to_dense();
    same(
        found.as_slice().expect("in C order"),
        dense.as_slice().expect("in C order"),
    );
    let mut contest = Contest::default();
    contest.add(ONE_BY_ONE, || {
        for k in 0..n {
            unit.fill(0.0);
            unit[k] = 1.0;
            std::hint::black_box(by_one.hvp(&x, &unit).is_ok());
        }
    });
    contest.add("dense, eight at a time", || by_eight.hessian(&x).is_ok());
    contest.add("sparse", || sparse.sparse(&pattern, &x).is_ok());
    contest.run(reps).print(program.len(), &[ONE_BY_ONE]);
    println!(
        "{} entries in {} products; pattern and colours found in {:.1} us",
        pattern.len(),
        pattern.products(),
        1e6 * finding
    );
}
