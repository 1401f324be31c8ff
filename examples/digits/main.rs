//! A network learns to read handwritten digits, by gradients that nobody wrote by hand.
//!
//! `cargo run --release --example digits` trains on the bundled digits; `-- --help` lists the options. This file is the story;
//! `network.rs` holds the network and its gradients (five lines, by `backward`), `training.rs` the gradient descent.

pub mod network;
pub mod options;
pub mod training;

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use network::Network;
use options::{Options, dashed};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wengert_examples::write_curve;

fn main() -> ExitCode {
    wengert_examples::exit_code(run(&Options::parse()))
}

/// Reads the images, checks the gradient, trains, and tells what came of it.
///
/// # Errors
/// If a file or an option does not fit, or the gradient is wrong.
pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let (images, held_out) = options.data(&mut rng)?;
    let layers = options.layers_for(&images, &held_out)?;
    let mut network = Network::new(&layers, options.activation, &mut rng);
    if let Some(file) = &options.resume {
        network.params.load(file)?;
    }
    fs::create_dir_all(&options.out)
        .map_err(|e| format!("cannot make {}: {e}", options.out.display()))?;
    let title = format!("{} {:?} network", dashed(&layers), options.activation).to_lowercase();
    println!(
        "{title}, {} parameters; {} images to train on, {} held out",
        network.params.len(),
        images.len(),
        held_out.len(),
    );

    let report = network.check_gradient(&images.batch(&[0, 1, 2]));
    println!("gradient check on 3 images: {report}");
    if report.is_fail() {
        return Err("the gradient is wrong, so there is no point in following it".into());
    }

    println!("training; whenever an image is seen, it is moved by up to a pixel each way");
    let start = Instant::now();
    let (network, history) = training::train(options, network, &images, &held_out, &mut rng)?;
    let seconds = start.elapsed().as_secs_f64();

    let (_, confusion) = network.test(&held_out);
    println!("\n{confusion}");
    println!(
        "held-out accuracy {:.2} % ({} of {}) after {} epochs in {seconds:.1} s (threads: {})",
        100.0 * confusion.accuracy(),
        confusion.correct(),
        confusion.total(),
        history.len(),
        options.threads(),
    );
    let parameters = options.out.join("parameters.safetensors");
    network.params.save(&parameters)?;
    println!("parameters  {}", parameters.display());
    if !history.is_empty() {
        let curve = options.out.join("loss.svg");
        write_curve(&curve, &title, &history)?;
        println!("loss curve  {}", curve.display());
    }
    Ok(())
}
