//! Gradients of scalar functions: plain `f64`, the list, a program, and the peers.

use wengert::Tape;
use wengert_bench::clock::thread_seconds;
use wengert_bench::gradient::{gradient, record};
use wengert_bench::heap::{allocations_of, kept_by, peak_of};
use wengert_bench::objectives::Objective;

use crate::contest::{Contest, EAGER_PEERS, REPLAYED_PEERS, Times};

#[cfg(feature = "peers")]
use crate::peer;

pub(crate) const PLAIN: &str = "f64";
const EAGER: &str = "wengert, gradient";
pub(crate) const PROGRAM: &str = "wengert, program";

/// What a target can be set for.
pub(crate) struct Measured {
    pub(crate) nodes: usize,
    pub(crate) eager_to_peer: Option<f64>,
    pub(crate) program_to_peer: Option<f64>,
    pub(crate) program_to_plain: f64,
    pub(crate) first_call: f64,
    /// Peak heap of an eager gradient.
    pub(crate) bytes_a_node: f64,
    /// A program and its workspace.
    pub(crate) program_bytes_a_node: f64,
}

/// A first call, with a cold heap and cold code.
struct Cold {
    name: &'static str,
    seconds: f64,
    peak: usize,
}

impl Cold {
    fn measure<R>(name: &'static str, run: impl FnOnce() -> R) -> (Self, R) {
        let start = thread_seconds();
        let (peak, result) = peak_of(run);
        let seconds = thread_seconds() - start;
        let cold = Self {
            name,
            seconds,
            peak,
        };
        (cold, result)
    }

    fn print(&self, times: &Times, nodes: usize) {
        println!(
            "{}, first call: {:.1} us, {:.2} x the median; peak heap {:.1} bytes a node",
            self.name,
            1e6 * self.seconds,
            self.seconds / times.of(self.name).median(),
            self.peak as f64 / nodes as f64
        );
    }
}

pub(crate) fn compare<O: Objective>(objective: &O, reps: usize) -> Measured {
    let x = objective.point();
    println!("\n{}, {} inputs", objective.describe(), x.len());
    let evaluate = |x: &[_]| objective.evaluate(x);

    let mut tape = Tape::new();
    let (cold, ours) = Cold::measure(EAGER, || gradient(&mut tape, &x, evaluate));
    let nodes = tape.len();
    check_by_differences(objective, &x, &ours);
    let (allocations, _) = allocations_of(|| record(&mut tape, &x, evaluate).1.backward());

    let mut recorder = Tape::new();
    let mut swept = Tape::new();
    let (_, output) = record(&mut swept, &x, evaluate);
    let (frozen, (own, program)) = {
        let mut tape = Tape::new();
        let (x, y) = record(&mut tape, &x, evaluate);
        let freeze = || tape.freeze(&x, &[y]).expect("scalars alone");
        Cold::measure("freezing", || kept_by(freeze))
    };
    let (peak, mut workspace) = peak_of(|| {
        let mut workspace = program.workspace();
        workspace.value_and_gradient(&x).expect("the same input");
        workspace
    });
    let by_program = workspace.value_and_gradient(&x).expect("the same input").1;
    same(by_program, &ours);
    let mut value_only = program.workspace();
    let (program_allocations, ()) = allocations_of(|| {
        workspace.value_and_gradient(&x).expect("the same input");
    });

    #[cfg(feature = "peers")]
    let mut colds = Vec::new();
    let mut contest = Contest::default();
    contest.add(PLAIN, || objective.evaluate(&x[..]));
    contest.add(EAGER, || gradient(&mut tape, &x, evaluate));
    contest.add("  of which recording", || {
        record(&mut recorder, &x, evaluate)
    });
    contest.add("  of which the sweep", || output.backward());
    contest.add(PROGRAM, || workspace.value_and_gradient(&x).is_ok());
    contest.add("  of which the values", || value_only.value(&x).is_ok());
    #[cfg(feature = "peers")]
    for (name, mut run) in peer::gradients(objective, &x) {
        let (cold, theirs) = Cold::measure(name, &mut run);
        same(&theirs, &ours);
        colds.push(cold);
        contest.add(name, run);
    }
    let times = contest.run(reps);

    println!(
        "{} recorded operations, {allocations} allocations in a second gradient",
        nodes - x.len()
    );
    times.print(nodes - x.len(), &[PLAIN, "echidna, eager", "xad-rs"]);
    cold.print(&times, nodes);
    #[cfg(feature = "peers")]
    colds.iter().for_each(|cold| cold.print(&times, nodes));
    println!(
        "{PROGRAM}: {} instructions, frozen in {:.1} us, {:.2} x an eager gradient, with {:.1} bytes a recorded operation; \
         {:.1} bytes stay, {:.1} are in a run, {program_allocations} allocations in a later run",
        program.len(),
        1e6 * frozen.seconds,
        frozen.seconds / times.of(EAGER).median(),
        frozen.peak as f64 / nodes as f64,
        own as f64 / nodes as f64,
        peak as f64 / nodes as f64,
    );
    Measured {
        nodes,
        eager_to_peer: times.ratio_to_best(EAGER, &EAGER_PEERS),
        program_to_peer: times.ratio_to_best(PROGRAM, &REPLAYED_PEERS),
        program_to_plain: times.ratio(PROGRAM, PLAIN),
        first_call: cold.seconds / times.of(EAGER).median(),
        bytes_a_node: cold.peak as f64 / nodes as f64,
        program_bytes_a_node: (own + peak) as f64 / nodes as f64,
    }
}

pub(crate) fn same(theirs: &[f64], ours: &[f64]) {
    let scale = ours.iter().fold(0.0_f64, |scale, g| scale.max(g.abs()));
    for (i, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
        assert!(
            (theirs - ours).abs() <= 1e-10 * scale,
            "entry {i}: {theirs} is not {ours}"
        );
    }
}

/// Compares slopes along random directions and a few axes with central differences.
fn check_by_differences<O: Objective>(objective: &O, x: &[f64], gradient: &[f64]) {
    let step = 1e-6;
    let mut direction = vec![0.0; x.len()];
    for trial in 0..8 {
        for (i, d) in direction.iter_mut().enumerate() {
            *d = match trial {
                0..4 => ((i * 7919 + trial * 104_729) % 201) as f64 / 100.0 - 1.0,
                _ => f64::from(u8::from(i == (trial - 4) * (x.len() - 1) / 3)),
            };
        }
        let shifted = |by: f64| {
            let x: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + by * d).collect();
            objective.evaluate(&x)
        };
        let slope = (shifted(step) - shifted(-step)) / (2.0 * step);
        let ours: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
        let scale = 1.0 + slope.abs() + objective.evaluate(x).abs();
        assert!(
            (slope - ours).abs() < 1e-6 * scale,
            "the gradient gives a slope of {ours}, differences give {slope}"
        );
    }
}
