//! Sums over data points: a program of one point, run over all of them.

use std::time::Instant;

use wengert::{Over, Tape};
use wengert_bench::clock::thread_seconds;
use wengert_bench::gradient::{gradient, program_of_a_point};
use wengert_bench::heap::peak_of;
use wengert_bench::objectives::OverPoints;

use crate::contest::{Contest, Times};
use crate::scalars::{PLAIN, same};

pub(crate) const BY_HAND: &str = "gradient by hand";
pub(crate) const LANES: &str = "wengert, lanes";

/// A value and a gradient that somebody derived.
pub(crate) type ByHand<O> = fn(&O, &[f64]) -> (f64, Vec<f64>);

/// What a target can be set for.
pub(crate) struct Measured {
    pub(crate) to_plain: f64,
    pub(crate) to_hand: Option<f64>,
    /// How many times as fast two threads are.
    pub(crate) speedup: f64,
    /// Peak heap of a run over many points, and over twice as many.
    pub(crate) peaks: [usize; 2],
}

pub(crate) fn in_lanes<O: OverPoints>(
    objective: &O,
    by_hand: Option<ByHand<O>>,
    second: bool,
    reps: usize,
) -> Measured {
    let x = objective.point();
    println!("\n{}, the points' part", objective.describe());
    let columns = objective.columns();
    let start = thread_seconds();
    let program = program_of_a_point(objective, &x, &columns);
    let lanes = program.lanes(x.len());
    let freezing = thread_seconds() - start;
    let over = lanes.over(&x, &columns).expect("a column for each number");
    let run = |over: &Over<'_>| over.sum_and_gradient().expect("no branches");

    let (value, ours) = run(&over);
    same(&[value], &[objective.over_points(&x[..])]);
    same(
        &ours,
        &gradient(&mut Tape::new(), &x, |x| objective.over_points(x)),
    );
    // So many points that every part of them has some.
    let peaks = [4, 8].map(|times| {
        let columns: Vec<Vec<f64>> = columns.iter().map(|column| column.repeat(times)).collect();
        let over = lanes.over(&x, &columns).expect("the same columns, longer");
        peak_of(|| run(&over)).0
    });

    let mut contest = Contest::default();
    contest.add(PLAIN, || objective.over_points(&x[..]));
    if let Some(by_hand) = by_hand {
        let (by_hand_value, by_hand_gradient) = by_hand(objective, &x);
        same(&[by_hand_value], &[value]);
        same(&by_hand_gradient, &ours);
        let x = &x;
        contest.add(BY_HAND, move || by_hand(objective, x));
    }
    contest.add(LANES, || run(&over));
    contest.add("  of which the values", || over.sum().is_ok());
    if second {
        let ones = vec![1.0; x.len()];
        let by_rows = over.sum_hessian().expect("no branches");
        let diagonal = over.sum_hessian_diagonal().expect("no branches");
        same(&diagonal, &by_rows.diag().to_vec());
        let on_a_tape = wengert::hvp(|x| objective.over_points(x))(&x, &ones);
        same(&by_rows.dot(&ndarray::arr1(&ones)).to_vec(), &on_a_tape);
        contest.add("wengert, Hessian's diagonal", || {
            over.sum_hessian_diagonal().is_ok()
        });
    }
    let times = contest.run(reps);
    times.print(over.points(), &[PLAIN, BY_HAND]);
    println!(
        "{} instructions, recorded and frozen in {:.1} us; peak heap of a run over {} points {} bytes, {} over twice as many",
        program.len(),
        1e6 * freezing,
        4 * over.points(),
        peaks[0],
        peaks[1]
    );
    let threads = over.clone().parallel();
    let (_, on_threads) = run(&threads);
    assert_eq!(on_threads, ours, "the threads change a bit");
    Measured {
        to_plain: times.ratio(LANES, PLAIN),
        to_hand: by_hand.map(|_| times.ratio(LANES, BY_HAND)),
        speedup: speedup(|| run(&over), || run(&threads), &times, reps),
        peaks,
    }
}

/// How many times as fast the threads are, by the clock on the wall: their own clocks do not see each other.
pub(crate) fn speedup<R>(
    mut one: impl FnMut() -> R,
    mut threads: impl FnMut() -> R,
    times: &Times,
    reps: usize,
) -> f64 {
    let calls = (5e-3 / times.of(LANES).median()).clamp(1.0, 1e3) as usize;
    let mut ratios: Vec<f64> = (0..reps)
        .map(|_| wall(&mut one, calls) / wall(&mut threads, calls))
        .collect();
    ratios.sort_by(f64::total_cmp);
    let speedup = ratios[reps / 2];
    println!(
        "{} threads: {speedup:.2} x as fast in the median, with the same bits",
        rayon::current_num_threads(),
    );
    speedup
}

fn wall<R>(run: &mut impl FnMut() -> R, calls: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        std::hint::black_box(run());
    }
    start.elapsed().as_secs_f64()
}
