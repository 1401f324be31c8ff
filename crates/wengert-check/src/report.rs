//! What a check found, in a form that a person can act on.

use std::fmt;

use crate::difference::Estimate;
use crate::display::short;
use crate::verdict::{Remark, Verdict};

/// What a claim was compared with.
///
/// ```
/// use wengert_check::{check, Oracle};
/// let report = check(|x| x[0].exp(), |x| vec![x[0].exp()], &[1.0]);
/// assert_eq!(report.worst().unwrap().oracle, Oracle::Differences);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oracle {
    /// Finite differences of the value, or of the derivative of one order less.
    Differences,
    /// The adjoint identity: <u, J v> = <J^T u, v>.
    Adjoint,
    /// The symmetry of second and third derivatives.
    Symmetry,
    /// Forward duals.
    Duals,
    /// The same derivative by the numeric sweep.
    Sweep,
    /// The same derivative in higher precision.
    Precision,
}

impl fmt::Display for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Oracle::Differences => "finite differences",
            Oracle::Adjoint => "the adjoint identity <u, J v> = <J^T u, v>",
            Oracle::Symmetry => "the symmetry of the derivative",
            Oracle::Duals => "forward duals",
            Oracle::Sweep => "the numeric sweep",
            Oracle::Precision => "the same derivative in f64",
        })
    }
}

/// One comparison of a claimed number with what it should be.
///
/// ```
/// use wengert_check::check;
/// let report = check(|x| 3.0 * x[0] + x[1], |_| vec![3.0, 2.0], &[0.5, 0.5]);
/// let worst = report.worst().unwrap();
/// assert_eq!((worst.input, worst.claimed), (Some(1), 2.0));
/// assert!((worst.absolute() - 1.0).abs() < 1e-9);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Which number this is, in words: `gradient of x[2]`.
    pub place: String,
    /// The input's flat index, where the comparison is about a single input.
    pub input: Option<usize>,
    /// The output's flat index, where the comparison is about a single output.
    pub output: Option<usize>,
    /// What it was compared with.
    pub oracle: Oracle,
    /// The number that was claimed.
    pub claimed: f64,
    /// What it should be, and how well that is known.
    pub expected: Estimate,
    /// The error that was let pass, beside the bound.
    pub allowance: f64,
    /// What the comparison concludes.
    pub verdict: Verdict,
    /// What else a reader should know.
    pub remark: Option<Remark>,
    /// The op, where it is known.
    pub op: Option<String>,
    /// The source line, where it is known.
    pub line: Option<String>,
}

impl Entry {
    /// The size of the error.
    pub fn absolute(&self) -> f64 {
        (self.claimed - self.expected.value).abs()
    }

    /// The error as a part of the expected number; infinite when that is zero and the claim is not.
    pub fn relative(&self) -> f64 {
        let error = self.absolute();
        if error == 0.0 {
            0.0
        } else {
            error / self.expected.value.abs()
        }
    }

    /// How many f64 numbers lie between the claim and the expected number.
    pub fn ulps(&self) -> f64 {
        ulps(self.claimed, self.expected.value)
    }

    /// The error in units of what is allowed: above 1 is wrong.
    fn excess(&self) -> f64 {
        let error = self.absolute();
        if error.is_nan() {
            f64::INFINITY
        } else {
            error / (self.expected.bound + self.allowance).max(f64::MIN_POSITIVE)
        }
    }
}

fn ulps(a: f64, b: f64) -> f64 {
    // Maps the floats to integers in the same order.
    let rank = |x: f64| {
        let bits = x.to_bits() as i64;
        if bits < 0 {
            i128::from(i64::MIN) - i128::from(bits)
        } else {
            i128::from(bits)
        }
    };
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        (rank(a) - rank(b)).unsigned_abs() as f64
    }
}

/// What a check found.
///
/// ```
/// use wengert_check::check;
///
/// let report = check(|x| x[0].sin(), |x| vec![-x[0].cos()], &[0.5]);
/// assert!(report.is_fail());
/// assert!(report.to_string().contains("the sign is flipped"));
///
/// check(|x| x[0].sin(), |x| vec![x[0].cos()], &[0.5]).assert_pass();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a report that nobody reads checks nothing"]
pub struct Report {
    /// What was checked.
    pub subject: String,
    /// Every comparison, in the order in which it was made.
    pub entries: Vec<Entry>,
    /// What is wrong before any number is compared, such as a gradient of the wrong length.
    pub faults: Vec<String>,
    /// What was not checked, and why.
    pub notes: Vec<String>,
    /// The seed of the random directions.
    pub seed: u64,
    /// Where the check was made.
    pub point: Vec<f64>,
}

impl Report {
    pub(crate) fn new(subject: &str, seed: u64, point: &[f64]) -> Self {
        Self {
            subject: subject.to_owned(),
            entries: Vec::new(),
            faults: Vec::new(),
            notes: Vec::new(),
            seed,
            point: point.to_vec(),
        }
    }

    /// Fail if any comparison fails, else Inconclusive if any is, else Pass.
    pub fn verdict(&self) -> Verdict {
        if !self.faults.is_empty()
            || self
                .entries
                .iter()
                .any(|entry| entry.verdict == Verdict::Fail)
        {
            return Verdict::Fail;
        }
        let open = self
            .entries
            .iter()
            .find(|entry| entry.verdict != Verdict::Pass);
        open.map_or(Verdict::Pass, |entry| entry.verdict)
    }

    /// Whether every comparison passed.
    pub fn is_pass(&self) -> bool {
        self.verdict() == Verdict::Pass
    }

    /// Whether something is wrong.
    pub fn is_fail(&self) -> bool {
        self.verdict() == Verdict::Fail
    }

    /// The worst comparison: of the wrong ones if there are any, else of the open ones, else of all. One that names an input goes before
    /// one along a random direction.
    pub fn worst(&self) -> Option<&Entry> {
        let rank = |entry: &Entry| {
            let state = match entry.verdict {
                Verdict::Fail => 2,
                Verdict::Inconclusive(_) => 1,
                Verdict::Pass => return (0, false, false),
            };
            (state, entry.input.is_some(), entry.output.is_some())
        };
        // The first of equals, so that the report does not depend on how many follow.
        self.entries.iter().rev().max_by(|a, b| {
            rank(a)
                .cmp(&rank(b))
                .then(a.excess().total_cmp(&b.excess()))
        })
    }

    /// The comparisons that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.verdict == Verdict::Fail)
    }

    /// Adds the findings of another report.
    ///
    /// ```
    /// use wengert_check::check;
    /// let square = check(|x| x[0] * x[0], |x| vec![2.0 * x[0]], &[3.0]);
    /// let cube = check(|x| x[0].powi(3), |x| vec![3.0 * x[0] * x[0]], &[3.0]);
    /// square.and(cube).assert_pass();
    /// ```
    pub fn and(mut self, other: Report) -> Report {
        self.entries.extend(other.entries);
        self.faults.extend(other.faults);
        self.notes.extend(other.notes);
        self
    }

    /// Says in each place at which point it was found, for a report of several points.
    pub(crate) fn at(mut self, point: &[f64]) -> Report {
        for entry in &mut self.entries {
            entry.place = format!("{} at {point:?}", entry.place);
        }
        self
    }

    /// Panics with the report unless the verdict is Pass.
    ///
    /// # Panics
    /// If the verdict is Fail or Inconclusive.
    #[track_caller]
    pub fn assert_pass(&self) {
        assert!(self.is_pass(), "{self}");
    }

    /// Panics with the report if something is wrong; what cannot be told is let through.
    ///
    /// # Panics
    /// If the verdict is Fail.
    #[track_caller]
    pub fn assert_not_fail(&self) {
        assert!(!self.is_fail(), "{self}");
    }

    /// What the wrong entries have in common.
    pub(crate) fn hint(&self) -> Option<String> {
        let mut wrong: Vec<&Entry> = self.failures().collect();
        // A random direction mixes wrong entries with right ones.
        if wrong.iter().any(|entry| entry.input.is_some()) {
            wrong.retain(|entry| entry.input.is_some());
        }
        let first = wrong.first()?;
        if wrong.iter().all(|entry| entry.claimed == 0.0) {
            return Some(
                "every wrong number is zero: is the way to this input missing?".to_owned(),
            );
        }
        if wrong.iter().all(|entry| entry.claimed.is_nan()) {
            return Some("every wrong number is NaN".to_owned());
        }
        if let Some(hint) = self.transposed(&wrong) {
            return Some(hint);
        }
        let ratio = first.claimed / first.expected.value;
        let fuzz = |entry: &Entry| (entry.expected.bound / entry.expected.value).abs() + 1e-9;
        let same = wrong.iter().all(|entry| {
            (entry.claimed / entry.expected.value - ratio).abs()
                <= 2.0 * ratio.abs() * (fuzz(entry) + fuzz(first))
        });
        if !same || !ratio.is_finite() {
            None
        } else if (ratio + 1.0).abs() <= 2.0 * fuzz(first) {
            Some("the sign is flipped".to_owned())
        } else if wrong.len() > 1 {
            Some(format!(
                "every wrong number is {} times what it should be",
                short(ratio)
            ))
        } else {
            None
        }
    }

    fn transposed(&self, wrong: &[&Entry]) -> Option<String> {
        let partner = |entry: &Entry| {
            let swapped = (entry.input?, entry.output?);
            self.entries.iter().find(|other| {
                (other.output, other.input) == (Some(swapped.0), Some(swapped.1))
                    && other.oracle == entry.oracle
            })
        };
        let partials: Vec<&&Entry> = wrong
            .iter()
            .filter(|entry| entry.output.is_some() && entry.input.is_some())
            .collect();
        let swapped = !partials.is_empty()
            && partials.iter().all(|entry| {
                entry.output != entry.input
                    && partner(entry).is_some_and(|other| {
                        (entry.claimed - other.expected.value).abs()
                            <= other.expected.bound + other.allowance
                    })
            });
        swapped.then(|| "the derivative is transposed".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulps_count_the_numbers_between() {
        assert_eq!(ulps(1.0, 1.0 + f64::EPSILON), 1.0);
        assert_eq!(ulps(-f64::MIN_POSITIVE, -f64::MIN_POSITIVE), 0.0);
        assert_eq!(ulps(0.0, -0.0), 0.0);
        assert_eq!(ulps(-5e-324, 5e-324), 2.0);
        assert!(ulps(f64::NAN, 1.0).is_nan());
    }
}
