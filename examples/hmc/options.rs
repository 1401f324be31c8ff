//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use wengert_examples::Error;
use wengert_examples::options::{positive, threads};

use super::sampler::Settings;

/// Draws what a logistic regression on handwritten digits may be, by Hamiltonian Monte Carlo.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// The two digits to tell apart.
    #[arg(long, value_delimiter = ',', default_values_t = [3, 8], value_parser = clap::value_parser!(u8).range(0..=9))]
    pub digits: Vec<u8>,
    /// Standard deviation of the normal prior of each coefficient.
    #[arg(long, default_value_t = 2.0, value_parser = positive)]
    pub prior: f64,
    /// Chains, each with random numbers of its own.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub chains: u16,
    /// Draws at the start of each chain that adapt the sampler and are dropped.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub warm_up: u32,
    /// Draws that each chain keeps.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(4..=100_000))]
    pub draws: u32,
    /// How long a trajectory is on average.
    #[arg(long, default_value_t = 1.5, value_parser = positive)]
    pub length: f64,
    /// The rate of acceptance to adapt the step size to.
    #[arg(long, default_value_t = 0.8, value_parser = share)]
    pub acceptance: f64,
    /// The mass of each coordinate.
    #[arg(long, value_enum, default_value_t = Mass::Diagonal)]
    pub mass: Mass,
    /// Seed of everything random. The same seed gives the same bits on any number of threads.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads that share the chains [default: one for each core]
    #[arg(long)]
    pub threads: Option<NonZeroUsize>,
    /// Folder for the picture of the draws.
    #[arg(long, default_value = "target/hmc")]
    pub out: PathBuf,
}

/// What the sampler takes for masses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mass {
    /// 1 for every coordinate.
    Unit,
    /// The inverse of each coordinate's variance, found in warm-up.
    Diagonal,
}

impl Options {
    /// The two digits.
    ///
    /// # Errors
    /// If they are one and the same.
    pub fn digits(&self) -> Result<[u8; 2], Error> {
        match self.digits[..] {
            [one, other] if one != other => Ok([one, other]),
            _ => Err(Error::Option(format!(
                "--digits {}: give two different digits",
                self.digits
                    .iter()
                    .map(u8::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            ))),
        }
    }

    /// How to sample.
    pub fn settings(&self) -> Settings {
        Settings {
            warm_up: self.warm_up as usize,
            draws: self.draws as usize,
            length: self.length,
            acceptance: self.acceptance,
            masses: self.mass == Mass::Diagonal,
        }
    }

    /// The number of threads to use.
    pub fn threads(&self) -> usize {
        threads(self.threads)
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number < 1.0 => Ok(number),
        _ => Err("it must be a number between 0 and 1".into()),
    }
}
