//! The command line: what to read, what to train, where to write.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use rand_chacha::ChaCha8Rng;
use wengert::Tensor;
use wengert_examples::options::{positive, threads};
use wengert_examples::{Error, Images, digits, idx};

/// The most parameters that are allocated because an option says so; 800 MB with their gradients and momentum.
const MAX_PARAMETERS: usize = 30_000_000;

/// Trains a network to read handwritten digits.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// Widths of the layers, from the pixels to the classes [default: pixels,128,classes: 256,128,10 for the bundled digits]
    #[arg(long, value_delimiter = ',')]
    pub layers: Vec<usize>,
    /// What stands between the layers.
    #[arg(long, value_enum, default_value_t = Activation::Tanh)]
    pub activation: Activation,
    /// Rounds through the training images; 0 only tests what --resume reads.
    #[arg(long, default_value_t = 60)]
    pub epochs: usize,
    /// Length of a step at the start; it falls to 0 along a cosine.
    #[arg(long, default_value_t = 0.1, value_parser = positive)]
    pub learning_rate: f64,
    /// Images in a step.
    #[arg(long, default_value = "32")]
    pub batch: NonZeroUsize,
    /// Seed of everything random. The same seed gives the same bits on any number of threads.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads that share a step [default: one for each core]
    #[arg(long)]
    pub threads: Option<NonZeroUsize>,
    /// Images to train on, in MNIST's IDX format, gzipped or not, instead of the bundled digits.
    #[arg(long, requires = "labels")]
    pub images: Option<PathBuf>,
    /// Their labels.
    #[arg(long, requires = "images")]
    pub labels: Option<PathBuf>,
    /// Images to test on; without them a fifth of the others is held out.
    #[arg(long, requires_all = ["test_labels", "images"])]
    pub test_images: Option<PathBuf>,
    /// Their labels.
    #[arg(long, requires = "test_images")]
    pub test_labels: Option<PathBuf>,
    /// Start from the parameters in this safetensors file. With another --seed other images are held out, some of which it has seen.
    #[arg(long)]
    pub resume: Option<PathBuf>,
    /// Folder for the parameters and the loss curve.
    #[arg(long, default_value = "target/digits")]
    pub out: PathBuf,
}

/// A function between two layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// The positive part.
    Relu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// x times the normal distribution function.
    Gelu,
    /// x sigmoid(x).
    Silu,
    /// ln(1 + exp(x)).
    Softplus,
}

impl Activation {
    /// Applies it to every number of a tensor.
    pub fn apply(self, x: Tensor) -> Tensor {
        match self {
            Activation::Tanh => x.tanh(),
            Activation::Relu => x.relu(),
            Activation::Sigmoid => x.sigmoid(),
            Activation::Gelu => x.gelu(),
            Activation::Silu => x.silu(),
            Activation::Softplus => x.softplus(),
        }
    }

    /// The variance that keeps signals alive: 2 where about half of the units are off, 1 elsewhere.
    pub fn gain(self) -> f64 {
        match self {
            Activation::Tanh | Activation::Sigmoid | Activation::Softplus => 1.0,
            Activation::Relu | Activation::Gelu | Activation::Silu => 2.0,
        }
    }
}

impl Options {
    /// The images to train on and those to test on.
    ///
    /// # Errors
    /// If a file cannot be read or does not fit the others.
    pub fn data(&self, rng: &mut ChaCha8Rng) -> Result<(Images, Images), Error> {
        let images = match (&self.images, &self.labels) {
            (Some(images), Some(labels)) => idx::read(images, labels)?,
            _ => digits::bundled()?,
        };
        let (Some(test_images), Some(test_labels)) = (&self.test_images, &self.test_labels) else {
            return Ok(images.split(rng));
        };
        let test = idx::read(test_images, test_labels)?;
        if (test.height(), test.width()) != (images.height(), images.width()) {
            return Err(Error::Option(format!(
                "the images to test on have {} x {} pixels, those to train on {} x {}",
                test.height(),
                test.width(),
                images.height(),
                images.width(),
            )));
        }
        Ok((images, test))
    }

    /// The widths of the layers: as asked for, or what the images need.
    ///
    /// # Errors
    /// If the widths do not fit the images, or are too many to be meant.
    pub fn layers_for(&self, train: &Images, test: &Images) -> Result<Vec<usize>, Error> {
        let (inputs, classes) = (train.inputs(), train.classes().max(test.classes()));
        let layers = match self.layers.as_slice() {
            [] => vec![inputs, 128, classes],
            widths => widths.to_vec(),
        };
        let wrong = |what: String| {
            Err(Error::Option(format!(
                "--layers {}: {what}",
                dashed(&layers)
            )))
        };
        let [first, .., last] = layers[..] else {
            return wrong("a network needs an input and an output layer".into());
        };
        if first != inputs {
            return wrong(format!(
                "the images have {} x {} = {inputs} pixels, so the first width must be {inputs}",
                train.height(),
                train.width(),
            ));
        }
        if last < classes {
            return wrong(format!(
                "the highest label is {}, so the last width must be at least {classes}",
                classes - 1
            ));
        }
        if layers.contains(&0) {
            return wrong("a layer has no units".into());
        }
        let parameters = layers.windows(2).try_fold(0usize, |sum, w| {
            w[0].checked_add(1)?.checked_mul(w[1])?.checked_add(sum)
        });
        if parameters.is_none_or(|n| n > MAX_PARAMETERS) {
            return wrong(format!("more than {MAX_PARAMETERS} parameters"));
        }
        Ok(layers)
    }

    /// The number of threads to use.
    pub fn threads(&self) -> usize {
        threads(self.threads)
    }
}

/// Widths as they are usually written: `256-128-10`.
pub fn dashed(layers: &[usize]) -> String {
    layers
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join("-")
}
