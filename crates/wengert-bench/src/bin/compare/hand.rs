//! Hand tracking: the Jacobian of many residuals by the few parameters of a pose.

use wengert::{Program, Tape};
use wengert_bench::clock::thread_seconds;
use wengert_bench::gradient::record;
use wengert_bench::heap::peak_of;
use wengert_bench::objectives::Hand;

use crate::contest::Contest;
use crate::scalars::{PLAIN, same};

const EAGER: &str = "wengert, columns";

pub(crate) fn compare(hand: &Hand, reps: usize) {
    let x = hand.pose();
    println!(
        "\nhand tracking, {} observations, {} parameters",
        hand.observations(),
        x.len()
    );
    let residuals = |x: &[_]| hand.all_residuals(x);
    let mut tape = Tape::new();
    let mut eager = || {
        let (x, residuals) = record(&mut tape, &x, residuals);
        let mut columns = Vec::with_capacity(x.len() * residuals.len());
        for x in x {
            let tangents = tape.jvp(&[(x, 1.0)]);
            columns.extend(residuals.iter().map(|&residual| tangents[residual]));
        }
        columns
    };
    let start = thread_seconds();
    let (peak, ours) = peak_of(&mut eager);
    let cold = thread_seconds() - start;
    check_by_differences(hand, &x, &ours);

    let start = thread_seconds();
    let program = Program::record(residuals, &x).expect("scalars alone");
    let freezing = thread_seconds() - start;
    let start = thread_seconds();
    let pattern = program.jacobian_pattern();
    let finding = thread_seconds() - start;
    let (mut dense, mut sparse, mut values) = (
        program.workspace(),
        program.workspace(),
        program.workspace(),
    );
    let found = dense.jacobian(&x).expect("the same input");
    let columns: Vec<f64> = found.t().iter().copied().collect();
    same(&columns, &ours);
    let compressed = sparse.sparse(&pattern, &x).expect("the same input");
    let columns: Vec<f64> = compressed.to_dense().t().iter().copied().collect();
    same(&columns, &ours);

    let mut contest = Contest::default();
    contest.add(PLAIN, || hand.all_residuals(&x));
    contest.add(EAGER, &mut eager);
    contest.add("wengert, program", || dense.jacobian(&x).is_ok());
    contest.add("wengert, sparse", || sparse.sparse(&pattern, &x).is_ok());
    contest.add("  of which the values", || values.value(&x).is_ok());
    #[cfg(feature = "peers")]
    for (name, mut run) in crate::peer::hand_jacobians(hand, &x) {
        same(&run(), &ours);
        contest.add(name, run);
    }
    let times = contest.run(reps);
    times.print(ours.len(), &[PLAIN, "echidna, replay"]);
    println!(
        "{EAGER}, first call: {:.1} us, {:.2} x the median; peak heap {peak} bytes",
        1e6 * cold,
        cold / times.of(EAGER).median()
    );
    println!(
        "a program of {} instructions, recorded and frozen in {:.1} us; {} entries in {} products, found in {:.1} us",
        program.len(),
        1e6 * freezing,
        pattern.len(),
        pattern.products(),
        1e6 * finding
    );
}

/// Compares the columns with central differences.
fn check_by_differences(hand: &Hand, x: &[f64], columns: &[f64]) {
    let step = 1e-6;
    for (k, column) in columns.chunks(3 * hand.observations()).enumerate() {
        let moved = [step, -step].map(|step| {
            let mut x = x.to_vec();
            x[k] += step;
            hand.all_residuals(&x)
        });
        for ((up, down), slope) in moved[0].iter().zip(&moved[1]).zip(column) {
            let difference = (up - down) / (2.0 * step);
            assert!(
                (difference - slope).abs() < 1e-6 * (1.0 + slope.abs()),
                "an entry of column {k} is {slope}, differences give {difference}"
            );
        }
    }
}
