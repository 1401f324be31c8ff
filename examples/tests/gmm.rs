//! The mixture example as a user runs it, in small.

#[path = "../gmm/main.rs"]
#[expect(dead_code, reason = "its `main` is the example's")]
pub mod gmm;

use std::f64::consts::PI;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use gmm::Outcome;
use gmm::mixture::{Mixture, Model, Shape, distance};
use gmm::options::Options;
use ndarray::{Array1, array};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("gmm")
        .join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(out: &Path, arguments: &[&str]) -> Result<Outcome, String> {
    let all = [&["gmm", "--out", out.to_str().unwrap()], arguments].concat();
    let options = Options::try_parse_from(all).map_err(|error| error.to_string())?;
    gmm::run(&options).map_err(|error| error.to_string())
}

#[test]
fn the_mixture_that_points_were_drawn_from_is_found() {
    for (dimension, components) in [("2", "3"), ("3", "2"), ("2", "1")] {
        let arguments = [
            "--dimension",
            dimension,
            "--components",
            components,
            "--points",
            "900",
            "--steps",
            "80",
        ];
        let Outcome {
            truth,
            fit,
            log_likelihoods: [of_truth, of_fit],
            pairs,
        } = run(&folder("found"), &arguments).unwrap();
        // What is most likely is likelier than the truth, by about half a nat for each parameter.
        let gain = (of_fit - of_truth) * 900.0 / truth.shape.parameters() as f64;
        assert!(gain > 0.0 && gain < 2.0, "{arguments:?}: {gain}");
        for (i, j) in pairs.into_iter().enumerate() {
            let (weight, found) = (truth.weights()[i], fit.weights()[j]);
            assert!(
                (weight - found).abs() < 0.06,
                "{arguments:?}: {weight} {found}"
            );
            let apart = distance(truth.mean(i), fit.mean(j)).sqrt();
            assert!(apart < 0.3, "{arguments:?}: {apart}");
        }
    }
}

#[test]
fn the_density_is_that_of_the_formula() {
    let shape = Shape {
        dimension: 3,
        components: 2,
    };
    // Below the diagonal of Q stand its columns one after another.
    let q = [
        array![[2.0, 0.0, 0.0], [0.1, 0.5, 0.0], [0.2, 0.3, 3.0]],
        array![[1.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 4.0, 1.0]],
    ];
    let means = [array![1.0, 2.0, 3.0], array![0.0, -1.0, 0.5]];
    let parameters = [
        &[0.0, 3.0_f64.ln()][..],
        &[1.0, 2.0, 3.0, 0.0, -1.0, 0.5],
        &[2.0, 0.5, 3.0, 1.0, 1.0, 1.0].map(f64::ln),
        &[0.1, 0.2, 0.3, -1.0, 0.0, 4.0],
    ];
    let mixture = Mixture {
        shape,
        parameters: parameters.concat(),
    };
    assert_eq!(mixture.weights(), [0.25, 0.75]);

    let x = array![0.5, 1.0, 2.0];
    let density = |k: usize, determinant: f64| {
        let y = q[k].dot(&(&x - &means[k]));
        determinant / (2.0 * PI).powf(1.5) * f64::exp(-0.5 * y.dot(&y))
    };
    let expected = (0.25 * density(0, 3.0) + 0.75 * density(1, 1.0)).ln();
    let model = Model::record(shape).unwrap();
    let columns: [&[f64]; 3] = [&[0.5], &[1.0], &[2.0]];
    let (found, _) = model
        .log_likelihood(&mixture.parameters, &columns, false)
        .unwrap();
    assert!((found - expected).abs() < 1e-14, "{found} {expected}");
    assert!(model.check(&mixture.parameters, &columns).is_pass());

    let z = [0.3, -0.2, 0.7];
    for k in 0..2 {
        let place = Array1::from(mixture.place(k, &z));
        let back = q[k].dot(&(place - &means[k]));
        assert!(distance(back.as_slice().unwrap(), &z) < 1e-28, "{back}");
    }
    let members = model.members(&mixture.parameters, &columns).unwrap();
    let likelier = usize::from(0.75 * density(1, 1.0) > 0.25 * density(0, 3.0));
    assert_eq!(members, [likelier]);
}

#[test]
fn threads_change_no_bit() {
    let shape = Shape {
        dimension: 2,
        components: 3,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mixture = Mixture::random(shape, &mut rng);
    let columns = mixture.draw(1000, &mut rng);
    let points: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let model = Model::record(shape).unwrap();
    let [one, all] = [false, true].map(|parallel| {
        model
            .log_likelihood(&mixture.parameters, &points, parallel)
            .unwrap()
    });
    assert_eq!(one, all);
}

#[test]
fn two_dimensions_are_drawn() {
    let out = folder("drawn");
    run(&out, &["--points", "200", "--steps", "5"]).unwrap();
    let svg = fs::read_to_string(out.join("mixture.svg")).unwrap();
    for text in [
        "200 points",
        "first coordinate",
        "second coordinate",
        "true",
        "fitted",
    ] {
        assert!(svg.contains(text), "no {text:?}");
    }
    assert!(!svg.contains("NaN"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let out = folder("refused");
    let file = out.join("file");
    fs::write(&file, "").unwrap();
    for (out, arguments, expected) in [
        (
            &out,
            ["--learning-rate", "1e300"],
            "fewer --components or more --points",
        ),
        (&out, ["--learning-rate", "0"], "a number above 0"),
        (&out, ["--dimension", "5"], "5 is not in 2..=4"),
        (&out, ["--components", "0"], "0 is not in 1..=8"),
        (&out, ["--points", "99"], "99 is not in 100..=10000000"),
        (&file, ["--points", "100"], "cannot make"),
    ] {
        let small = ["--points", "100"];
        let all = if arguments[0] == "--points" {
            arguments.to_vec()
        } else {
            [small, arguments].concat()
        };
        let error = run(out, &all).unwrap_err();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
}
