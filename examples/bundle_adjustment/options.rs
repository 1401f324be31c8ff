//! The command line.

use std::path::PathBuf;

use clap::Parser;
use wengert_examples::bal::{self, Problem};
use wengert_examples::{Error, options::positive};

use super::scene::Recipe;

/// The cameras' equations are solved as a dense matrix, of 650 MB with so many.
const MOST_CAMERAS: usize = 1000;

/// Finds where cameras stood and what they saw, from where points lie in their images.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// A problem in the format of Bundle Adjustment in the Large, gzipped or not [default: the bundled scene]
    pub problem: Option<PathBuf>,
    /// Give up after this many steps.
    #[arg(long, default_value_t = 50)]
    pub steps: usize,
    /// Folder for the adjusted problem.
    #[arg(long, default_value = "target/bundle_adjustment")]
    pub out: PathBuf,
    /// Make up a scene, write it to this file, and stop.
    #[arg(long, conflicts_with = "problem")]
    pub generate: Option<PathBuf>,
    /// Cameras of the made-up scene.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(8..=1000), requires = "generate")]
    pub cameras: u16,
    /// Points of the made-up scene.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000), requires = "generate")]
    pub points: u32,
    /// Standard deviation of each pixel coordinate's error in the made-up scene.
    #[arg(long, default_value_t = 0.5, value_parser = positive, requires = "generate")]
    pub noise: f64,
    /// Seed of the made-up scene.
    #[arg(long, default_value_t = 1, requires = "generate")]
    pub seed: u64,
}

impl Options {
    /// The problem to solve.
    ///
    /// # Errors
    /// If the file cannot be read or has too many cameras.
    pub fn problem(&self) -> Result<Problem, Error> {
        let Some(path) = &self.problem else {
            return bal::bundled();
        };
        let problem = bal::read(path)?;
        if problem.cameras.len() > MOST_CAMERAS {
            return Err(Error::Contents {
                path: path.clone(),
                what: format!(
                    "has {} cameras; their equations are solved as one dense matrix, which is too large for more than {MOST_CAMERAS}",
                    problem.cameras.len()
                ),
            });
        }
        Ok(problem)
    }

    /// The scene to make up.
    pub fn recipe(&self) -> Recipe {
        Recipe {
            cameras: self.cameras.into(),
            points: self.points as usize,
            noise: self.noise,
            seed: self.seed,
        }
    }
}
