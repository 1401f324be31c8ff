//! What only programs can do: many data points, and second derivatives.

use std::hint::black_box;
use std::time::Instant;

use wengert::{Over, Program, Tape, Var};
use wengert_bench::by_hand;
use wengert_bench::clock::{Contender, in_turn, thread_seconds};
use wengert_bench::gradient::gradient;
use wengert_bench::heap::peak_of;
use wengert_bench::objectives::{GaussianMixture, Objective};

use crate::scalars::same;

/// A mixture's likelihood: the list, the gradient by hand, and one program over all points.
pub(crate) fn mixture_in_lanes(mixture: &GaussianMixture, reps: usize) {
    let (x, d) = (mixture.point(), mixture.dimension());
    println!("\n{}, the points' part", mixture.describe());
    let points = 0..mixture.points();
    let start = thread_seconds();
    let example: Vec<f64> = x.iter().chain(&mixture.data()[..d]).copied().collect();
    let recorded = Program::record(
        |all| mixture.likelihood_at(&all[..x.len()], &all[x.len()..]),
        &example,
    )
    .expect("scalars alone");
    let lanes = recorded.lanes(x.len());
    let freezing = thread_seconds() - start;
    let columns: Vec<Vec<f64>> = (0..d)
        .map(|k| mixture.data().iter().skip(k).step_by(d).copied().collect())
        .collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let over = lanes
        .over(&x, &columns)
        .expect("a column for each coordinate");
    let run = |over: &Over<'_>| over.sum_and_gradient().expect("no branches");

    let (value, by_hand) = by_hand::mixture(mixture, &x);
    let (ours, by_lanes) = run(&over);
    same(&[ours], &[value]);
    same(&by_lanes, &by_hand);
    let likelihood = |x: &[Var]| mixture.likelihood(x, points.clone());
    same(&by_lanes, &gradient(&mut Tape::new(), &x, likelihood));
    let (peak, _) = peak_of(|| run(&over));

    let mut contenders: Vec<Contender<'_>> = vec![
        Box::new(|| {
            black_box(mixture.likelihood(black_box(&x[..]), points.clone()));
        }),
        Box::new(|| {
            black_box(by_hand::mixture(mixture, black_box(&x)));
        }),
        Box::new(|| {
            black_box(run(black_box(&over)));
        }),
        Box::new(|| {
            black_box(over.sum().is_ok());
        }),
    ];
    let timings = in_turn(&mut contenders, reps);
    drop(contenders);
    println!(
        "{:<24} {:>12} {:>12} {:>10} {:>10}",
        "", "min us", "median us", "x f64", "x by hand"
    );
    let names = [
        "f64",
        "gradient by hand",
        "wengert, lanes",
        "  of which the values",
    ];
    for (name, timing) in names.iter().zip(&timings) {
        println!(
            "{name:<24} {:>12.1} {:>12.1} {:>10.2} {:>10.2}",
            1e6 * timing.min(),
            1e6 * timing.median(),
            timing.ratio(&timings[0]),
            timing.ratio(&timings[1])
        );
    }
    println!(
        "{} instructions, recorded and frozen in {:.1} us; peak heap of a run {peak} bytes",
        recorded.len(),
        1e6 * freezing
    );
    // By the clock on the wall: the threads' own clocks do not see each other.
    let wall = |over: &Over<'_>| {
        let start = Instant::now();
        for _ in 0..5 {
            black_box(run(black_box(over)));
        }
        start.elapsed().as_secs_f64()
    };
    let mut ratios: Vec<f64> = (0..reps)
        .map(|_| wall(&over) / wall(&over.clone().parallel()))
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "{} threads: {:.2} x as fast in the median",
        rayon::current_num_threads(),
        ratios[reps / 2]
    );
}

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
    let mut contenders: Vec<Contender<'_>> = vec![
        Box::new(|| {
            for k in 0..n {
                unit.fill(0.0);
                unit[k] = 1.0;
                black_box(by_one.hvp(black_box(&x), &unit).is_ok());
            }
        }),
        Box::new(|| {
            black_box(by_eight.hessian(black_box(&x)).is_ok());
        }),
        Box::new(|| {
            black_box(sparse.sparse(&pattern, black_box(&x)).is_ok());
        }),
    ];
    let timings = in_turn(&mut contenders, reps);
    drop(contenders);
    println!(
        "{:<24} {:>12} {:>12} {:>12}",
        "", "min us", "median us", "x one by one"
    );
    for (name, timing) in ["products one by one", "dense, eight at a time", "sparse"]
        .iter()
        .zip(&timings)
    {
        println!(
            "{name:<24} {:>12.1} {:>12.1} {:>12.4}",
            1e6 * timing.min(),
            1e6 * timing.median(),
            timing.ratio(&timings[0])
        );
    }
    println!(
        "{} entries in {} products; pattern and colours found in {:.1} us",
        pattern.len(),
        pattern.products(),
        1e6 * finding
    );
}
