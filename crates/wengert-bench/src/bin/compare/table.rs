//! The table in `docs/performance.md` of what wengert is to reach, and whether it does.

use std::collections::BTreeMap;
use std::process::Output;

/// How a measured ratio is to stand to a target.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn text(self) -> String {
        match self {
            Target::AtMost(limit) => format!("at most {limit}"),
            Target::AtLeast(limit) => format!("at least {limit}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let number = |prefix| text.strip_prefix(prefix)?.parse().ok();
        number("at most ")
            .map(Target::AtMost)
            .or_else(|| number("at least ").map(Target::AtLeast))
    }

    fn is_met(self, measured: f64) -> bool {
        match self {
            Target::AtMost(limit) => measured <= limit,
            Target::AtLeast(limit) => measured >= limit,
        }
    }
}

/// Prints a row of the table for what one run has measured.
pub(crate) fn row(case: &str, what: &str, target: Target, measured: f64) {
    println!("| {case}: {what} | {} | {measured:.3e} |", target.text());
}

/// Rows that several runs have printed, each with the median of what they measured.
#[derive(Default)]
pub(crate) struct Table {
    order: Vec<(String, String)>,
    measured: BTreeMap<(String, String), Vec<f64>>,
}

impl Table {
    /// Takes the rows from among what a run has printed.
    pub(crate) fn collect(&mut self, output: &Output) {
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let &["", what, target, measured, ""] = &cells[..] else {
                continue;
            };
            let Ok(measured) = measured.parse() else {
                continue;
            };
            let key = (what.to_owned(), target.to_owned());
            if !self.measured.contains_key(&key) {
                self.order.push(key.clone());
            }
            self.measured.entry(key).or_default().push(measured);
        }
    }

    pub(crate) fn print(&self) {
        println!("| what | target | measured | |\n|---|---|---|---|");
        for key in &self.order {
            let mut measured = self.measured[key].clone();
            measured.sort_by(f64::total_cmp);
            let median = measured[measured.len() / 2];
            let met = Target::parse(&key.1).is_some_and(|target| target.is_met(median));
            println!(
                "| {} | {} | {} | {} |",
                key.0,
                key.1,
                rounded(median),
                if met { "met" } else { "missed" }
            );
        }
    }
}

/// With two or three digits that say something.
fn rounded(x: f64) -> String {
    match x {
        _ if x >= 10.0 => format!("{x:.1}"),
        _ if x >= 0.1 => format!("{x:.2}"),
        _ => format!("{x:.1e}"),
    }
}
