//! The bundle adjustment example as a user runs it.

#[path = "../bundle_adjustment/main.rs"]
#[expect(dead_code, reason = "its `main` is the example's")]
pub mod bundle_adjustment;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use bundle_adjustment::Quality;
use bundle_adjustment::camera::Projection;
use bundle_adjustment::options::Options;
use clap::Parser;
use flate2::{Compression, write::GzEncoder};
use wengert_examples::bal::{self, Observation, Problem};

fn options(arguments: &[&str]) -> Options {
    Options::try_parse_from([&["bundle_adjustment"], arguments].concat()).unwrap()
}

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bundle_adjustment");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// Runs the example with a folder of its own for what it writes.
fn run(out: &str, arguments: &[&str]) -> Result<Option<Quality>, String> {
    let out = file(out);
    let all = [&["--out", out.to_str().unwrap()], arguments].concat();
    bundle_adjustment::run(&options(&all)).map_err(|error| error.to_string())
}

#[test]
fn what_is_left_of_the_bundled_scene_is_its_noise() {
    let quality = run("bundled", &[]).unwrap().unwrap();
    // 2,365 residuals to spare tell a deviation of 0.5 to 1.5 %.
    let noise = quality.noise.unwrap();
    assert!((noise - 0.5).abs() < 0.02, "{quality:?}");
    // Errors in two coordinates have a mean length of sqrt(pi / 2) deviations; some of it was fitted away.
    assert!(quality.mean < 0.5 * 1.26, "{quality:?}");

    // Who starts where it ended finds nothing to do.
    let adjusted = file("bundled").join("adjusted.txt");
    let again = run("again", &[adjusted.to_str().unwrap(), "--steps", "0"]).unwrap();
    assert_eq!(again, Some(quality));
}

/// The numbers of a problem, rotations, pixels and all.
fn numbers(problem: &Problem) -> Vec<f64> {
    let pixels = problem.observations.iter().flat_map(|seen| seen.pixel);
    let rest = [problem.cameras.concat(), problem.points.concat()].concat();
    pixels.chain(rest).collect()
}

#[test]
fn the_bundled_scene_is_what_the_example_makes() {
    let path = file("scene.txt");
    run("made", &["--generate", path.to_str().unwrap()]).unwrap();
    let (made, bundled) = (bal::read(&path).unwrap(), bal::bundled().unwrap());
    let sights = |problem: &Problem| -> Vec<[u32; 2]> {
        let sights = problem.observations.iter();
        sights.map(|seen| [seen.camera, seen.point]).collect()
    };
    assert_eq!(sights(&made), sights(&bundled));
    // Another machine's sine may turn the last digit that is written.
    let pairs = numbers(&made).into_iter().zip(numbers(&bundled));
    assert!(pairs.into_iter().all(|(x, y)| (x - y).abs() < 1.1e-3));
}

#[test]
fn a_gzipped_file_is_read_and_the_noise_is_the_one_that_was_asked_for() {
    let (plain, gzipped) = (file("made.txt"), file("made.txt.gz"));
    let generate = [
        "--generate",
        plain.to_str().unwrap(),
        "--cameras",
        "9",
        "--points",
        "90",
        "--noise",
        "2",
        "--seed",
        "5",
    ];
    assert_eq!(run("made", &generate).unwrap(), None);
    let mut encoder = GzEncoder::new(File::create(&gzipped).unwrap(), Compression::fast());
    encoder.write_all(&fs::read(&plain).unwrap()).unwrap();
    encoder.finish().unwrap();

    let quality = run("gzipped", &[gzipped.to_str().unwrap()])
        .unwrap()
        .unwrap();
    assert!((quality.noise.unwrap() - 2.0).abs() < 0.4, "{quality:?}");
}

/// One camera that looks along the negative z axis, and one point.
fn simple(rotation: [f64; 3], point: [f64; 3]) -> Problem {
    let [r1, r2, r3] = rotation;
    Problem {
        cameras: vec![[r1, r2, r3, 0.0, 0.0, 0.0, 100.0, 0.5, 2.0]],
        points: vec![point],
        observations: vec![Observation {
            camera: 0,
            point: 0,
            pixel: [0.0; 2],
        }],
    }
}

#[test]
fn the_projection_is_that_of_the_format() {
    let quarter = std::f64::consts::FRAC_PI_2;
    let projection = Projection::record().unwrap();
    // p = -P / P.z = (0.1, -0.2): 1 + 0.5 * 0.05 + 2 * 0.05^2 = 1.03.
    let expected = [10.3, -20.6];
    for (rotation, point) in [
        ([0.0; 3], [0.5, -1.0, -5.0]),
        // A quarter turn about x takes y to z and z to -y.
        ([quarter, 0.0, 0.0], [0.5, -5.0, 1.0]),
        ([0.0, quarter, 0.0], [5.0, -1.0, 0.5]),
        ([0.0, 0.0, quarter], [-1.0, -0.5, -5.0]),
    ] {
        let pixels = projection.pixels(&simple(rotation, point)).unwrap();
        for (found, wanted) in pixels.iter().zip(expected) {
            assert!((found - wanted).abs() < 1e-12, "{rotation:?}: {pixels}");
        }
    }
}

/// The first observation of `problem-49-7776-pre`, with its camera and its point, and its residual as the documentation of
/// BundleAdjustmentModels.jl prints it.
#[test]
fn a_published_observation_has_its_published_residual() {
    let ladybug = Problem {
        cameras: vec![[
            1.574_151_594_294e-2,
            -1.279_093_616_385e-2,
            -4.400_849_808_198e-3,
            -3.409_383_957_719e-2,
            -1.075_138_710_492e-1,
            1.120_224_029_124,
            399.751_526_393_6,
            -3.177_064_385_280e-7,
            5.882_049_053_459e-13,
        ]],
        points: vec![[-0.612000157172, 0.571759047760, -1.847081276455]],
        observations: vec![Observation {
            camera: 0,
            point: 0,
            pixel: [-332.65, 262.09],
        }],
    };
    let projection = Projection::record().unwrap();
    let residual = projection.residuals(&ladybug).unwrap()[0];
    for (found, published) in residual.into_iter().zip([-9.020226, 11.263958]) {
        assert!((found - published).abs() < 1e-5, "{residual:?}");
    }
}

#[test]
fn the_derivatives_pass_at_every_rotation() {
    let projection = Projection::record().unwrap();
    for rotation in [
        [0.0; 3],
        [1e-9, 0.0, -1e-9],
        [0.3, -0.2, 0.1],
        [0.0, std::f64::consts::PI, 0.0],
        [-3.0, 2.0, 4.0],
    ] {
        let problem = simple(rotation, [0.5, -1.0, -5.0]);
        let report = projection.check(&problem, problem.observations[0]);
        assert!(report.is_pass(), "{rotation:?}: {report}");
    }
}

#[test]
fn what_cannot_be_adjusted_is_refused_by_name() {
    let blind = file("blind.txt");
    let mut problem = simple([0.0; 3], [0.5, -1.0, -5.0]);
    problem.points.push([1.0, 1.0, 0.0]);
    problem.observations.push(Observation {
        camera: 0,
        point: 1,
        pixel: [0.0; 2],
    });
    problem.write(&blind).unwrap();
    let crowd = file("crowd.txt");
    problem.cameras = vec![problem.cameras[0]; 1001];
    problem.write(&crowd).unwrap();
    let garbage = file("garbage");
    fs::write(&garbage, "these are no cameras").unwrap();
    for (path, expected) in [
        (&blind, "camera 0 cannot see point 1 (observation 1)"),
        (&crowd, "crowd.txt: has 1001 cameras"),
        (&garbage, "garbage: line 1: `these` is not a whole number"),
        (&file("nowhere"), "cannot open"),
    ] {
        let error = run("refused", &[path.to_str().unwrap()]).unwrap_err();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for arguments in [
        &["--generate", "a", "--noise", "0"][..],
        &["--generate", "a", "--cameras", "7"],
        &["--generate", "a", "--points", "0"],
        &["--generate", "a", "b"],
        &["--cameras", "9"],
        &["--steps", "-1"],
    ] {
        let all = [&["bundle_adjustment"], arguments].concat();
        assert!(Options::try_parse_from(all).is_err(), "{arguments:?}");
    }
}
