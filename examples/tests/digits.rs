//! The digits example as a user runs it, in small.

#[path = "../digits/main.rs"]
#[expect(dead_code, reason = "its `main` is the example's")]
pub mod digits;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use digits::network::Network;
use digits::options::{Activation, Options};
use digits::training::train;
use flate2::{Compression, write::GzEncoder};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wengert_examples::{Epoch, Images, Params, digits::bundled};

fn options(arguments: &[&str]) -> Options {
    Options::try_parse_from([&["digits"], arguments].concat()).unwrap()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("digits")
        .join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The first `count` bundled digits.
fn some_digits(count: usize) -> Images {
    let all = bundled().unwrap();
    let pixels = (0..count).flat_map(|i| all.image(i)).copied().collect();
    Images::new(16, 16, pixels, all.labels()[..count].to_vec())
}

fn trained(arguments: &[&str]) -> (Params, Vec<Epoch>) {
    let options = options(arguments);
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let (images, held_out) = some_digits(400).split(&mut rng);
    let network = Network::new(&[256, 12, 10], options.activation, &mut rng);
    let (network, history) = train(&options, network, &images, &held_out, &mut rng).unwrap();
    (network.params, history)
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let base = ["--epochs", "2", "--batch", "70", "--threads"];
    let (one, history) = trained(&[&base[..], &["1"]].concat());
    for threads in ["2", "3", "8"] {
        let (more, same_history) = trained(&[&base[..], &[threads]].concat());
        let bits = |params: &Params| {
            params
                .flat()
                .into_iter()
                .map(f64::to_bits)
                .collect::<Vec<_>>()
        };
        assert!(bits(&one) == bits(&more), "{threads} threads");
        assert_eq!(history, same_history);
    }
}

#[test]
fn it_learns() {
    let (_, history) = trained(&["--epochs", "12"]);
    let (first, last) = (history[0], history[11]);
    assert!(
        last.train_loss < 0.3 * first.train_loss,
        "{first:?} {last:?}"
    );
    assert!(last.test_accuracy > 0.85, "{last:?}");
}

#[test]
fn the_gradient_check_passes_for_every_activation() {
    for &activation in Activation::value_variants() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let network = Network::new(&[256, 9, 7, 10], activation, &mut rng);
        let report = network.check_gradient(&some_digits(3).batch(&[0, 1, 2]));
        assert!(report.is_pass(), "{activation:?}: {report}");
    }
}

fn write_idx(path: &Path, magic: [u8; 4], dims: &[usize], bytes: &[u8]) {
    let mut file = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    file.write_all(&magic).unwrap();
    for &dim in dims {
        file.write_all(&u32::try_from(dim).unwrap().to_be_bytes())
            .unwrap();
    }
    file.write_all(bytes).unwrap();
    file.finish().unwrap();
}

/// Writes some digits in MNIST's format.
fn write_digits(folder: &Path, count: usize) -> [String; 2] {
    let images = some_digits(count);
    let pixels: Vec<u8> = (0..count).flat_map(|i| images.image(i)).copied().collect();
    let paths = ["images.gz", "labels.gz"].map(|name| folder.join(name));
    write_idx(&paths[0], [0, 0, 8, 3], &[count, 16, 16], &pixels);
    write_idx(&paths[1], [0, 0, 8, 1], &[count], images.labels());
    paths.map(|path| path.to_str().unwrap().to_owned())
}

#[test]
fn idx_files_in_and_parameters_out_and_in_again() {
    let folder = folder("round");
    let [images, labels] = write_digits(&folder, 120);
    let out = folder.to_str().unwrap();
    let common = [
        "--images", &images, "--labels", &labels, "--layers", "256,8,10", "--out", out,
    ];
    digits::run(&options(&[&common[..], &["--epochs", "1"]].concat())).unwrap();
    assert!(
        fs::read_to_string(folder.join("loss.svg"))
            .unwrap()
            .contains("256-8-10 tanh network")
    );

    let saved = folder.join("parameters.safetensors");
    let before = fs::read(&saved).unwrap();
    let resume = [
        "--epochs",
        "0",
        "--resume",
        saved.to_str().unwrap(),
        "--test-images",
        &images,
        "--test-labels",
        &labels,
    ];
    digits::run(&options(&[&common[..], &resume].concat())).unwrap();
    assert!(
        before == fs::read(&saved).unwrap(),
        "nothing was trained, so nothing changes"
    );
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let folder = folder("refused");
    let [images, labels] = write_digits(&folder, 20);
    let garbage = folder.join("garbage");
    fs::write(&garbage, b"these are no images").unwrap();
    let garbage = garbage.to_str().unwrap();
    let out = folder.join("out");
    for (arguments, expected) in [
        (
            vec!["--images", garbage, "--labels", &labels],
            "garbage: is not an IDX file",
        ),
        (
            vec!["--images", &labels, "--labels", &images],
            "labels.gz: holds IDX labels",
        ),
        (
            vec!["--images", "nowhere", "--labels", &labels],
            "cannot open nowhere: ",
        ),
        (
            vec!["--resume", garbage],
            "garbage: is not a safetensors file",
        ),
        (vec!["--layers", "256"], "--layers 256: a network needs"),
        (
            vec!["--layers", "64,10"],
            "the images have 16 x 16 = 256 pixels",
        ),
        (vec!["--layers", "256,9"], "must be at least 10"),
        (vec!["--layers", "256,0,10"], "a layer has no units"),
        (
            vec!["--layers", "256,18446744073709551615,10"],
            "more than 30000000 parameters",
        ),
        (
            vec![
                "--learning-rate",
                "1e308",
                "--epochs",
                "3",
                "--layers",
                "256,10",
            ],
            "try a smaller --learning-rate",
        ),
        (vec!["--out", garbage], "cannot make "),
    ] {
        let mut all = vec!["--out", out.to_str().unwrap()];
        if arguments[0] == "--out" {
            all.clear();
        }
        all.extend(arguments);
        let error = digits::run(&options(&all)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for arguments in [
        ["--learning-rate", "-1"],
        ["--learning-rate", "nan"],
        ["--batch", "0"],
        ["--threads", "0"],
        ["--layers", "256,ten"],
        ["--activation", "step"],
        ["--images", "alone"],
        ["--test-images", "alone"],
    ] {
        assert!(
            Options::try_parse_from([&["digits"], &arguments[..]].concat()).is_err(),
            "{arguments:?}"
        );
    }
}
