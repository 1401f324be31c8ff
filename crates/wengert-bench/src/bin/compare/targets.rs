//! What wengert is to reach in each case, as rows of the table.

use crate::table::Target::{AtLeast, AtMost};
use crate::table::row;
use crate::{bundle, points, scalars, suite};

/// So many operations that the peak heap says something about one.
const MANY: usize = 1_000_000;

/// What a gradient on a tape and by a program is to reach.
pub(crate) fn of_tape(name: &str, measured: &scalars::Measured) {
    of_peers(name, measured.eager_to_peer, measured.program_to_peer);
    row(
        name,
        "first gradient / median",
        AtMost(2.0),
        measured.first_call,
    );
    if name == "cofactors" {
        let ratio = measured.program_to_plain;
        row(name, "program / plain f64", AtMost(0.1), ratio);
    }
    if measured.nodes > MANY {
        let (eager, program) = (measured.bytes_a_node, measured.program_bytes_a_node);
        row(
            name,
            "peak heap of a gradient, bytes a node",
            AtMost(42.0),
            eager,
        );
        row(
            name,
            "a program and its run, bytes a node",
            AtMost(24.0),
            program,
        );
    }
}

/// What a program over data points is to reach.
pub(crate) fn of_points(name: &str, measured: &points::Measured) {
    if let Some(ratio) = measured.to_hand {
        row(name, "lanes / gradient by hand", AtMost(1.0), ratio);
    }
    if name == "k-means" {
        row(name, "lanes / plain f64", AtMost(3.0), measured.to_plain);
    }
    row(
        name,
        "lanes: two threads, times as fast",
        AtLeast(1.8),
        measured.speedup,
    );
    let [once, twice] = measured.peaks.map(|peak| peak as f64);
    row(
        name,
        "lanes: peak heap with twice the points / once",
        AtMost(1.01),
        twice / once,
    );
}

/// What the rows of a sparse Jacobian are to reach.
pub(crate) fn of_bundle(measured: &bundle::Measured) {
    let name = "bundle adjustment";
    of_peers(name, measured.eager_to_peer, measured.program_to_peer);
    row(
        name,
        "first rows / median",
        AtMost(2.0),
        measured.first_call,
    );
    row(
        name,
        "lanes / plain f64",
        AtMost(2.5),
        measured.lanes_to_plain,
    );
    row(
        name,
        "lanes: two threads, times as fast",
        AtLeast(1.8),
        measured.speedup,
    );
}

/// What GradBench's evals are to reach.
pub(crate) fn of_suite(ratios: &[(&suite::Eval, f64)]) {
    for (eval, ratio) in ratios {
        let name = format!("GradBench {}", eval.name);
        row(&name, "derivative / value", AtMost(eval.limit), *ratio);
    }
}

fn of_peers(name: &str, eager: Option<f64>, program: Option<f64>) {
    if let Some(ratio) = eager {
        row(name, "gradient / best peer's tape", AtMost(0.8), ratio);
    }
    if let Some(ratio) = program {
        row(
            name,
            "program / best peer's replay or tape",
            AtMost(0.5),
            ratio,
        );
    }
}
