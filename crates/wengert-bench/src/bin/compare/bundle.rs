//! Bundle adjustment: two rows of the Jacobian for each observation.

use wengert::{Over, Program, Tape};
use wengert_bench::clock::thread_seconds;
use wengert_bench::gradient::record;
use wengert_bench::heap::{allocations_of, peak_of};
use wengert_bench::objectives::{BundleAdjustment, reprojection_error, reprojection_error_of_all};

use crate::contest::{Contest, EAGER_PEERS, REPLAYED_PEERS};
use crate::points::{LANES, speedup};
use crate::scalars::{PLAIN, PROGRAM, same};

#[cfg(feature = "peers")]
use crate::peer;

const EAGER: &str = "wengert, rows";

/// What a target can be set for.
pub(crate) struct Measured {
    pub(crate) eager_to_peer: Option<f64>,
    pub(crate) program_to_peer: Option<f64>,
    pub(crate) first_call: f64,
    pub(crate) lanes_to_plain: f64,
    pub(crate) speedup: f64,
}

pub(crate) fn compare(bundle: &BundleAdjustment, reps: usize) -> Measured {
    const INPUTS: usize = BundleAdjustment::INPUTS;
    let observations = bundle.weights().len();
    println!("\nbundle adjustment, {observations} observations");

    let mut tape = Tape::new();
    let mut eager = || {
        bundle.rows(|i, rows| {
            let (x, errors) = record(&mut tape, &bundle.inputs(i), |x| {
                reprojection_error(x, bundle.feature(i))
            });
            for (row, error) in rows.chunks_mut(INPUTS).zip(errors) {
                let g = error.backward();
                row.iter_mut().zip(&x).for_each(|(to, &x)| *to = g[x]);
            }
        })
    };
    let start = thread_seconds();
    let (peak, ours) = peak_of(&mut eager);
    let cold = thread_seconds() - start;
    check_by_differences(bundle, &ours);
    let (allocations, _) = allocations_of(&mut eager);

    let start = thread_seconds();
    let example = bundle.inputs_and_feature(0);
    let program = Program::record(reprojection_error_of_all, &example).expect("scalars alone");
    let freezing = thread_seconds() - start;
    let mut workspace = program.workspace();
    let mut by_program = || {
        bundle.rows(|i, rows| {
            let found = workspace.jacobian(&bundle.inputs_and_feature(i));
            let found = found.expect("no camera is at rest");
            for (row, found) in rows.chunks_mut(INPUTS).zip(found.rows()) {
                row.iter_mut().zip(found).for_each(|(to, &x)| *to = x);
            }
        })
    };
    same(&by_program(), &ours);

    let columns: Vec<Vec<f64>> = (0..INPUTS + 2)
        .map(|k| {
            (0..observations)
                .map(|i| bundle.inputs_and_feature(i)[k])
                .collect()
        })
        .collect();
    // Nobody differentiates by the place in the image.
    let lanes = program.lanes(0).with_data(2);
    let over = lanes.over(&[], &columns);
    let over = over.expect("a column for each input");
    let threads = over.clone().parallel();
    let run = |over: &Over<'_>| over.jacobians().expect("no camera is at rest");
    let by_lanes = run(&over);
    same(by_lanes.as_slice().expect("in C order"), &ours);
    assert_eq!(run(&threads), by_lanes, "the threads change a bit");
    let (lanes_peak, _) = peak_of(|| run(&over));

    let mut contest = Contest::default();
    contest.add(PLAIN, || bundle.errors());
    contest.add(EAGER, &mut eager);
    contest.add(PROGRAM, by_program);
    contest.add(LANES, || run(&over));
    contest.add("  of which the values", || over.values().is_ok());
    #[cfg(feature = "peers")]
    for (name, mut run) in peer::jacobians(bundle) {
        same(&run(), &ours);
        contest.add(name, run);
    }
    let times = contest.run(reps);
    println!("{allocations} allocations in a second run over all observations");
    times.print(observations, &[PLAIN, "echidna, eager", "xad-rs"]);
    println!(
        "{EAGER}, first call: {:.1} us, {:.2} x the median; peak heap {peak} bytes, of which {} are the rows",
        1e6 * cold,
        cold / times.of(EAGER).median(),
        8 * ours.len()
    );
    println!(
        "{PROGRAM}: {} instructions, recorded and frozen in {:.1} us; peak heap in lanes {lanes_peak} bytes, of which {} are the rows",
        program.len(),
        1e6 * freezing,
        8 * by_lanes.len()
    );
    Measured {
        eager_to_peer: times.ratio_to_best(EAGER, &EAGER_PEERS),
        program_to_peer: times.ratio_to_best(PROGRAM, &REPLAYED_PEERS),
        first_call: cold / times.of(EAGER).median(),
        lanes_to_plain: times.ratio(LANES, PLAIN),
        speedup: speedup(|| run(&over), || run(&threads), &times, reps),
    }
}

/// Compares the rows of some observations with central differences, input by input.
fn check_by_differences(bundle: &BundleAdjustment, rows: &[f64]) {
    const INPUTS: usize = BundleAdjustment::INPUTS;
    let step = 1e-6;
    for i in (0..bundle.weights().len()).step_by(997) {
        let rows = &rows[2 * INPUTS * i..];
        for k in 0..INPUTS {
            let moved = [step, -step].map(|step| {
                let mut x = bundle.inputs(i);
                x[k] += step;
                reprojection_error(&x[..], bundle.feature(i))
            });
            for (error, row) in rows.chunks(INPUTS).take(2).enumerate() {
                let slope = (moved[0][error] - moved[1][error]) / (2.0 * step);
                assert!(
                    (slope - row[k]).abs() < 1e-7 * (1.0 + slope.abs()),
                    "entry {k} of error {error} of observation {i} is {}, differences give {slope}",
                    row[k]
                );
            }
        }
    }
}
