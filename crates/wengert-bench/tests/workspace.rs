//! A workspace asks for memory once.

use wengert::{Program, Var};
use wengert_bench::heap::{Counting, allocations_of};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn nothing_is_allocated_after_the_first_call() {
    let sum = |x: &[Var]| (1..x.len()).map(|i| (x[i] * x[i - 1]).sin()).sum::<Var>();
    let one = Program::record(sum, &[0.5; 20]).unwrap();
    let few = Program::record(|x| [x[0], x[1] * x[2], sum(x)], &[0.5; 20]).unwrap();
    let many =
        Program::record(|x| [x[0], x[1] * x[2], x[2].exp(), x[0] * x[1]], &[0.5; 3]).unwrap();
    let (x, v) = ([0.25; 20], [1.0; 20]);
    let mut workspace = one.workspace();
    let (mut rows, mut columns) = (few.workspace(), many.workspace());
    let mut all = || {
        let mut sum = workspace.value(&x).unwrap()[0];
        sum += workspace.value_and_gradient(&x).unwrap().1[1];
        sum += workspace.jvp(&x, &v).unwrap()[0];
        sum += workspace.vjp(&x, &[2.0]).unwrap()[1];
        sum += workspace.hvp(&x, &v).unwrap()[1];
        sum += workspace.hessian(&x).unwrap()[[1, 2]];
        sum += workspace.hessian_diagonal(&x).unwrap()[1];
        sum += rows.value_and_jacobian(&x).unwrap().1[[1, 2]];
        sum + columns.jacobian(&x[..3]).unwrap()[[1, 1]]
    };
    let first = all();
    let (allocations, second) = allocations_of(all);
    assert_eq!((allocations, second), (0, first));

    // A program asked directly allocates its answer alone.
    let gradient = one.gradient(&x).unwrap();
    let (allocations, again) = allocations_of(|| one.gradient(&x).unwrap());
    assert_eq!((allocations, again), (1, gradient));
}
