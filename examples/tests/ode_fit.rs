//! The fit of a differential equation as a user runs it, in small.

#[path = "../ode_fit/main.rs"]
#[expect(dead_code, reason = "its `main` is the example's")]
pub mod ode_fit;

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use clap::Parser;
use ode_fit::model::{Experiment, TRUTH};
use ode_fit::{Options, check, fit, run};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wengert::Budget;

fn options(arguments: &[&str]) -> Options {
    Options::try_parse_from([&["ode_fit"], arguments].concat()).unwrap()
}

#[test]
fn it_finds_the_rates_in_little_memory() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ode_fit");
    let small = [
        "--observations",
        "40",
        "--between",
        "20",
        "--noise",
        "0.01",
        "--states",
        "3",
    ];
    let found = run(&options(
        &[&small[..], &["--out", out.to_str().unwrap()]].concat(),
    ))
    .unwrap();
    for (found, truth) in found.rates.iter().zip(TRUTH) {
        assert!((found / truth - 1.0).abs() < 0.01, "{found} {truth}");
    }
    let (first, last) = (found.history[0], *found.history.last().unwrap());
    assert!(first > 100.0 && last < 2.0, "{first} {last}");
    let [with, without] = found.nodes;
    assert!(with < without / 5, "{with} {without}");

    let svg = fs::read_to_string(out.join("fit.svg")).unwrap();
    for text in ["time", "animals", "step of the fit", "misfit"] {
        assert!(svg.contains(&format!("\n{text}\n")), "no {text:?}");
    }
    // An observation of each kind is a dot, and a step of the fit is one.
    assert_eq!(svg.matches("<circle").count(), 2 * 40 + found.history.len());
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn the_gradient_is_checked_and_has_the_bits_of_the_plain_loop() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let experiment = Experiment::observe(12, 30, 0.1, &mut rng);
    assert!(check(&experiment, Budget::Snapshots(2)).is_pass());
    let at = [0.1, -1.0, -2.2, -0.9];
    let plain = experiment.pass(&at, None);
    let kept = experiment.pass(&at, Some(Budget::Snapshots(2)));
    assert_eq!(plain.misfit.to_bits(), kept.misfit.to_bits());
    assert_eq!(plain.gradient, kept.gradient);
    assert!(
        kept.nodes < plain.nodes / 3,
        "{} {}",
        kept.nodes,
        plain.nodes
    );
}

#[test]
fn the_way_down_ends_in_the_minimum_of_a_narrow_valley() {
    let rosenbrock = wengert::value_and_grad(|x: &[wengert::Var]| {
        100.0 * (x[1] - x[0] * x[0]).square() + (1.0 - x[0]).square()
    });
    let values = Rc::new(RefCell::new(Vec::new()));
    let told = values.clone();
    let end = fit::minimise(rosenbrock, vec![-1.2, 1.0], (1e-8, 100), move |point| {
        told.borrow_mut().push(point.value);
    });
    for x in end.unwrap() {
        assert!((x - 1.0).abs() < 1e-6, "{x}");
    }
    let values = values.take();
    assert!(
        values[0] > 24.0 && values.is_sorted_by(|a, b| a > b),
        "{values:?}"
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for wrong in [
        ["--noise", "0"],
        ["--noise", "many"],
        ["--states", "0"],
        ["--between", "1"],
        ["--observations", "3"],
    ] {
        assert!(
            Options::try_parse_from([&["ode_fit"], &wrong[..]].concat()).is_err(),
            "{wrong:?}"
        );
    }
}
