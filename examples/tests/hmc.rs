//! The sampler and its diagnostics, on a density that is known and on the digits.

#[path = "../hmc/main.rs"]
#[expect(dead_code, reason = "its `main` is the example's")]
pub mod hmc;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use hmc::options::Options;
use hmc::posterior::{Cases, Posterior};
use hmc::sampler::{Chain, Settings, Target, sample};
use hmc::summary::{Summary, of_coordinate, summarise};
use ndarray::{Array1, Array2, array};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wengert::{Error, Program, Var};
use wengert_examples::digits::bundled;

/// A density that is recorded.
struct Recorded(Program);

impl Recorded {
    fn new(dimension: usize, log_density: impl Fn(&[Var]) -> Var) -> Recorded {
        Recorded(Program::record(log_density, &vec![0.0; dimension]).unwrap())
    }
}

impl Target for Recorded {
    fn dimension(&self) -> usize {
        self.0.inputs()
    }

    fn log_density(&self, x: &[f64]) -> Result<(f64, Vec<f64>), Error> {
        self.0.value_and_gradient(x)
    }
}

/// A normal density with its mean and covariance: three coordinates of different widths, two of them correlated by 0.8.
fn normal() -> (Recorded, Array1<f64>, Array2<f64>) {
    // x = mean + factor times independent standard normals.
    let mean = array![1.0, -2.0, 30.0];
    let factor = array![[0.1, 0.0, 0.0], [1.6, 1.2, 0.0], [0.0, 0.0, 5.0]];
    let target = Recorded::new(3, |x| {
        let z0 = (x[0] - 1.0) / 0.1;
        let z1 = (x[1] + 2.0 - 1.6 * z0) / 1.2;
        let z2 = (x[2] - 30.0) / 5.0;
        -0.5 * (z0.square() + z1.square() + z2.square())
    });
    (target, mean, factor.dot(&factor.t()))
}

const SETTINGS: Settings = Settings {
    warm_up: 400,
    draws: 1500,
    length: 1.5,
    acceptance: 0.8,
    masses: true,
};

fn chains(target: &impl Target, settings: &Settings) -> Vec<Chain> {
    (0..4)
        .map(|stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(11);
            rng.set_stream(stream);
            let start = vec![stream as f64; target.dimension()];
            sample(target, settings, &start, &mut rng, || ()).unwrap()
        })
        .collect()
}

fn within_four_errors(summary: Summary, expected: f64, what: &str) {
    let error = summary.deviation / summary.effective.sqrt();
    assert!(
        (summary.mean - expected).abs() < 4.0 * error,
        "{what}: {expected} +- {error}, {summary:?}"
    );
}

#[test]
fn mean_and_covariance_of_a_normal_density_are_found_within_monte_carlo_error() {
    let (target, mean, covariance) = normal();
    let chains = chains(&target, &SETTINGS);
    for i in 0..3 {
        let summary = of_coordinate(&chains, i);
        within_four_errors(summary, mean[i], &format!("mean {i}"));
        assert!(
            summary.effective > 1000.0 && summary.r_hat < 1.01,
            "{summary:?}"
        );
        for j in 0..=i {
            let products = |chain: &Chain| -> Vec<f64> {
                let off = &chain.draws - &mean;
                (&off.column(i) * &off.column(j)).to_vec()
            };
            let products = summarise(&chains.iter().map(products).collect::<Vec<_>>());
            let expected = covariance[[i, j]];
            within_four_errors(products, expected, &format!("covariance {i} {j}"));
        }
    }
}

#[test]
fn the_step_size_leads_to_the_acceptance_that_was_asked_for() {
    let target = Recorded::new(20, |x| -0.5 * x.iter().map(|x| x.square()).sum::<Var>());
    for acceptance in [0.8, 0.95] {
        let settings = Settings {
            acceptance,
            // The step size is averaged while it still swings, which a short warm-up does not forget.
            warm_up: 3000,
            draws: 500,
            ..SETTINGS
        };
        let chains = chains(&target, &settings);
        let reached = chains.iter().map(|chain| chain.acceptance).sum::<f64>() / 4.0;
        assert!(
            (reached - acceptance).abs() < 0.03,
            "{reached} {acceptance}"
        );
        assert!(chains.iter().all(|chain| chain.divergences == 0));
    }
}

#[test]
fn masses_make_draws_of_a_stretched_density_effective() {
    let effective = |masses| {
        let settings = Settings { masses, ..SETTINGS };
        of_coordinate(&chains(&normal().0, &settings), 2).effective
    };
    assert!(effective(true) > 5.0 * effective(false));
}

#[test]
fn trajectories_that_are_lost_are_counted_and_refused() {
    // Outside of the unit ball the logarithm is not a number.
    let target = Recorded::new(2, |x| (1.0 - x[0].square() - x[1].square()).ln());
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let chain = sample(&target, &SETTINGS, &[0.0; 2], &mut rng, || ()).unwrap();
    let inside = |draw: ndarray::ArrayView1<f64>| draw.dot(&draw) < 1.0;
    assert!(chain.draws.rows().into_iter().all(inside));
    assert!(chain.divergences > 0, "{chain:?}");
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("hmc")
        .join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(out: &Path, arguments: &[&str]) -> Result<Vec<Summary>, String> {
    let all = [&["hmc", "--out", out.to_str().unwrap()], arguments].concat();
    let options = Options::try_parse_from(all).map_err(|error| error.to_string())?;
    hmc::run(&options).map_err(|error| error.to_string())
}

/// The cases of some images only.
fn some(cases: Cases, count: usize) -> Cases {
    let features = cases.features.iter();
    Cases {
        features: features.map(|x| x[..count].to_vec()).collect(),
        signs: cases.signs[..count].to_vec(),
    }
}

#[test]
fn a_short_run_on_digits_is_sane() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (cases, _) = Cases::split(&bundled().unwrap(), [3, 8], &mut rng);
    let target = Posterior::new(some(cases, 64), 2.0).unwrap();
    assert!(target.check().is_pass());
    let settings = Settings {
        warm_up: 200,
        draws: 150,
        ..SETTINGS
    };
    let chains = chains(&target, &settings);
    for i in 0..target.dimension() {
        let summary = of_coordinate(&chains, i);
        assert!(summary.r_hat < 1.05, "{i} {summary:?}");
        assert!(summary.effective > 60.0, "{i} {summary:?}");
        // The images add to what the prior says.
        assert!(summary.deviation < 2.0, "{i} {summary:?}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let out = folder("threads");
    let tiny = |threads: &str| {
        let arguments = [
            "--warm-up",
            "20",
            "--draws",
            "8",
            "--chains",
            "2",
            "--length",
            "0.3",
            "--threads",
        ];
        run(&out, &[&arguments[..], &[threads]].concat()).unwrap()
    };
    let summaries = tiny("1");
    assert_eq!(summaries.len(), 17);
    assert_eq!(tiny("2"), summaries);
    let svg = fs::read_to_string(out.join("trace.svg")).unwrap();
    for text in ["is it 3 or 8?", "region ", "\ndraw\n"] {
        assert!(svg.contains(text), "no {text:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let out = folder("refused");
    let file = out.join("file");
    fs::write(&file, "").unwrap();
    for (out, arguments, expected) in [
        (&out, ["--digits", "3,3"], "give two different digits"),
        (&out, ["--digits", "3,10"], "10 is not in 0..=9"),
        (
            &out,
            ["--digits", "3"],
            "--digits 3: give two different digits",
        ),
        (&out, ["--acceptance", "1"], "a number between 0 and 1"),
        (&out, ["--prior", "0"], "a number above 0"),
        (&out, ["--draws", "3"], "3 is not in 4..=100000"),
        (&file, ["--chains", "1"], "cannot make"),
    ] {
        let error = run(out, &arguments).unwrap_err();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
}

#[test]
fn a_draw_of_the_coefficients_recognises_by_its_sign() {
    let cases = Cases {
        features: vec![vec![2.0, -2.0, 0.1]],
        signs: vec![1.0, -1.0, -1.0],
    };
    let draws = array![[0.5, 1.0]];
    // The scores are 2.5, -1.5 and 0.6: the last one is wrong.
    assert_eq!(cases.recognised(draws.view()), 2);
}
