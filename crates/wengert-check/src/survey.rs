//! The slopes of a vector function along single inputs and random directions, and the comparison of claims with them.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::difference::{Probe, Slope};
use crate::options::Check;
use crate::report::{Entry, Oracle};
use crate::verdict::{Allowance, Verdict};

/// A function from a point to its outputs.
pub(crate) type Outputs<'a> = dyn Fn(&[f64]) -> Vec<f64> + 'a;

/// A Jacobian-vector or vector-Jacobian product: a point, and a tangent or cotangent.
pub(crate) type Product<'a> = dyn Fn(&[f64], &[f64]) -> Vec<f64> + 'a;

/// A number that the function gives: one of its outputs, or all of them weighted by a random cotangent.
pub(crate) enum Output {
    Single(usize),
    Weighted { number: usize, cotangent: Vec<f64> },
}

/// A way to move the point: one input, or all of them at random.
pub(crate) enum Direction {
    Single(usize),
    Random { number: usize },
}

/// A claimed number with the sizes that say how well it can be known.
pub(crate) struct Claim {
    pub(crate) value: f64,
    /// Size of the terms that make it, for the relative tolerance.
    pub(crate) size: f64,
    /// Sum of the absolute values of its terms, for rounding.
    pub(crate) total: f64,
}

impl Claim {
    pub(crate) fn number(value: f64) -> Self {
        Self {
            value,
            size: value.abs(),
            total: 0.0,
        }
    }

    /// The inner product of a claimed vector with a known one.
    pub(crate) fn dot(claimed: &[f64], known: &[f64]) -> Self {
        let terms = claimed.iter().zip(known).map(|(a, b)| a * b);
        let (value, squares, total) =
            terms.fold((0.0, 0.0, 0.0), |(sum, squares, total), term: f64| {
                (sum + term, squares + term * term, total + term.abs())
            });
        Self {
            value,
            size: f64::sqrt(squares),
            total,
        }
    }
}

/// The measured slopes of every chosen output along every chosen direction.
pub(crate) struct Survey<'a> {
    check: &'a Check,
    x: &'a [f64],
    count: usize,
    probe: Probe<'a>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) directions: Vec<(Direction, Vec<f64>)>,
    slopes: Vec<Vec<Slope>>,
    confirmed: RefCell<HashMap<usize, Vec<Slope>>>,
}

impl<'a> Survey<'a> {
    /// Measures `f`; `weighted` asks for random cotangents beside the single outputs.
    pub(crate) fn new(check: &'a Check, f: &'a Outputs<'a>, x: &'a [f64], weighted: bool) -> Self {
        let mut random = check.random(1);
        let count = f(x).len();
        let single = check.subset(count, &mut random);
        let mut outputs: Vec<Output> = single.into_iter().map(Output::Single).collect();
        if weighted {
            for number in 0..check.get_directions() {
                outputs.push(Output::Weighted {
                    number,
                    cotangent: random.normal(count),
                });
            }
        }
        let mut directions = Vec::new();
        for input in check.subset(x.len(), &mut random) {
            let mut unit = vec![0.0; x.len()];
            unit[input] = 1.0;
            directions.push((Direction::Single(input), unit));
        }
        if x.len() > 1 {
            for number in 0..check.get_directions() {
                directions.push((Direction::Random { number }, random.normal(x.len())));
            }
        }
        // Along two random directions the rounding shows as well as anywhere.
        let along = [random.normal(x.len()), random.normal(x.len())];
        let picks: Vec<(Option<usize>, Vec<f64>)> = outputs
            .iter()
            .map(|output| match output {
                Output::Single(index) => (Some(*index), Vec::new()),
                Output::Weighted { cotangent, .. } => (None, cotangent.clone()),
            })
            .collect();
        let chosen = move |x: &[f64]| {
            let all = f(x);
            assert_eq!(
                all.len(),
                count,
                "the function returned {count} numbers at the point and {} near it",
                all.len()
            );
            picks
                .iter()
                .map(|(index, weights)| {
                    index.map_or_else(|| dot(&all, weights), |index| all[index])
                })
                .collect()
        };
        let probe = Probe::new(Box::new(chosen), x, &along);
        let slopes = directions
            .iter()
            .map(|(_, direction)| probe.slopes(direction))
            .collect();
        Self {
            check,
            x,
            count,
            probe,
            outputs,
            directions,
            slopes,
            confirmed: RefCell::default(),
        }
    }

    /// Compares claims with the slopes; where `claim` gives none, nothing is compared.
    pub(crate) fn compare(
        &self,
        what: &str,
        allowance: impl Fn(f64) -> Allowance,
        mut claim: impl FnMut(usize, usize) -> Option<Claim>,
    ) -> Vec<Entry> {
        let mut entries = Vec::new();
        for output in 0..self.outputs.len() {
            let claims: Vec<Option<Claim>> = (0..self.directions.len())
                .map(|direction| claim(output, direction))
                .collect();
            let scale = self.scale(output, &claims);
            for (direction, claim) in claims.into_iter().enumerate() {
                if let Some(claim) = claim {
                    entries.push(self.entry(what, output, direction, &claim, allowance(scale)));
                }
            }
        }
        entries
    }

    /// The largest number in the row of an output.
    fn scale(&self, output: usize, claims: &[Option<Claim>]) -> f64 {
        let claimed = claims.iter().flatten().map(|claim| claim.size);
        let measured = self.slopes.iter().map(|slopes| match slopes[output] {
            Slope::Smooth(slope) | Slope::Edge { slope, .. } => slope.value.abs(),
            Slope::Kink { left, right } => left.value.abs().max(right.value.abs()),
            _ => 0.0,
        });
        claimed
            .chain(measured)
            .filter(|size| size.is_finite())
            .fold(0.0, f64::max)
    }

    fn entry(
        &self,
        what: &str,
        output: usize,
        direction: usize,
        claim: &Claim,
        mut allowance: Allowance,
    ) -> Entry {
        if claim.total.is_finite() {
            allowance.absolute += 4.0 * f64::EPSILON * claim.total;
        }
        let slope = self.slopes[direction][output];
        let mut judged = allowance.judge(claim.value, claim.size, slope);
        if judged.verdict != Verdict::Pass {
            judged = allowance.judge(claim.value, claim.size, self.confirmed(direction, output));
        }
        Entry {
            place: format!("{what} {}", self.place(output, direction)),
            input: if let Direction::Single(input) = self.directions[direction].0 {
                Some(input)
            } else {
                None
            },
            output: if let Output::Single(index) = self.outputs[output] {
                Some(index)
            } else {
                None
            },
            oracle: Oracle::Differences,
            claimed: claim.value,
            expected: judged.expected,
            allowance: judged.allowance,
            verdict: judged.verdict,
            remark: judged.remark,
            op: None,
            line: None,
        }
    }

    /// A slope measured twice: what is said to be wrong must be wrong by other steps too.
    fn confirmed(&self, direction: usize, output: usize) -> Slope {
        let mut confirmed = self.confirmed.borrow_mut();
        let slopes = confirmed.entry(direction).or_insert_with(|| {
            self.probe
                .confirm(&self.directions[direction].1, &self.slopes[direction])
        });
        slopes[output]
    }

    fn place(&self, output: usize, direction: usize) -> String {
        let (of, by) = match &self.outputs[output] {
            Output::Single(_) if self.outputs.len() == 1 => (String::new(), "of"),
            Output::Single(index) => (format!("of output {index} "), "by"),
            Output::Weighted { number, .. } => (format!("of random cotangent {number} "), "by"),
        };
        match self.directions[direction].0 {
            Direction::Single(input) => format!("{of}{by} {}", self.check.input(input)),
            Direction::Random { number } => format!("{of}along random direction {number}"),
        }
    }

    /// How many outputs the function has.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The point of the survey.
    pub(crate) fn point(&self) -> &[f64] {
        self.x
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
