//! Contenders with names, timed in turn, and the table of their times.

use std::collections::BTreeMap;
use std::hint::black_box;

use wengert_bench::clock::{Contender, Timing, in_turn};

/// Peers whose tapes are recorded for every gradient.
pub(crate) const EAGER_PEERS: [&str; 2] = ["echidna, eager", "xad-rs"];
/// Peers that come nearest to a program.
pub(crate) const REPLAYED_PEERS: [&str; 2] = ["echidna, replay", "xad-rs"];

#[derive(Default)]
pub(crate) struct Contest<'a> {
    names: Vec<&'static str>,
    contenders: Vec<Contender<'a>>,
}

impl<'a> Contest<'a> {
    pub(crate) fn add<R>(&mut self, name: &'static str, mut run: impl FnMut() -> R + 'a) {
        self.names.push(name);
        self.contenders.push(Box::new(move || {
            black_box(run());
        }));
    }

    pub(crate) fn run(mut self, reps: usize) -> Times {
        let timings = in_turn(&mut self.contenders, reps);
        Times {
            names: self.names.clone(),
            by_name: self.names.into_iter().zip(timings).collect(),
        }
    }
}

/// What each contender took.
pub(crate) struct Times {
    names: Vec<&'static str>,
    by_name: BTreeMap<&'static str, Timing>,
}

impl Times {
    /// The times of a contender.
    pub(crate) fn of(&self, name: &str) -> &Timing {
        &self.by_name[name]
    }

    /// The median of the ratios of two contenders, round by round.
    pub(crate) fn ratio(&self, name: &str, other: &str) -> f64 {
        self.of(name).ratio(self.of(other))
    }

    /// The ratio to whichever of the others took the least time; none if none of them ran.
    pub(crate) fn ratio_to_best(&self, name: &str, others: &[&str]) -> Option<f64> {
        let ran = others.iter().filter_map(|other| self.by_name.get(other));
        let best = ran.min_by(|a, b| a.median().total_cmp(&b.median()))?;
        Some(self.of(name).ratio(best))
    }

    /// A row for each contender: its times, those of one of `ops` operations, its ratios to some of the others.
    pub(crate) fn print(&self, ops: usize, others: &[&'static str]) {
        let others: Vec<&str> = others
            .iter()
            .copied()
            .filter(|other| self.by_name.contains_key(other))
            .collect();
        print!(
            "{:<28} {:>12} {:>12} {:>10}",
            "", "min us", "median us", "ns/op"
        );
        others
            .iter()
            .for_each(|other| print!(" {:>20}", format!("x {other}")));
        println!();
        for name in &self.names {
            let timing = self.of(name);
            print!(
                "{name:<28} {:>12.2} {:>12.2} {:>10.2}",
                1e6 * timing.min(),
                1e6 * timing.median(),
                1e9 * timing.min() / ops as f64,
            );
            others
                .iter()
                .for_each(|other| print!(" {:>20.3}", self.ratio(name, other)));
            println!();
        }
    }
}
