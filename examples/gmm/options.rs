//! The command line.

use std::path::PathBuf;

use clap::Parser;
use wengert_examples::options::positive;

use super::mixture::Shape;

/// Fits a mixture of normal densities to points that were drawn from one.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// Dimension of a point; in two the fit is drawn.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=4))]
    pub dimension: u8,
    /// Normal densities in the mixture.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub components: u8,
    /// Points to draw.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub points: u32,
    /// Steps of the ascent.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub steps: u32,
    /// Length of a step at the start; it falls to 0 along a cosine.
    #[arg(long, default_value_t = 0.1, value_parser = positive)]
    pub learning_rate: f64,
    /// Seed of everything random. The same seed gives the same bits on any number of threads.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for the picture.
    #[arg(long, default_value = "target/gmm")]
    pub out: PathBuf,
}

impl Options {
    /// How many numbers the mixture has.
    pub fn shape(&self) -> Shape {
        Shape {
            dimension: self.dimension.into(),
            components: self.components.into(),
        }
    }
}
