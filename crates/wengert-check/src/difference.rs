//! Slopes by finite differences, with a bound on their error that is measured rather than hoped for.
//!
//! The differences are taken at many steps, each about half of the one before, and extrapolated to step zero. Three things come out of the
//! same evaluations: the central estimate, and one estimate from each side. Where the two sides disagree there is a kink.
//! The bound has two parts: truncation, read off the tableau, and rounding, from a measurement of how much the function jitters.

use crate::noise;
use crate::survey::Outputs;
use crate::tableau::{COLUMNS, Tableau};

/// A number and a bound on its error.
///
/// ```
/// use wengert_check::difference::Estimate;
/// let pi = Estimate { value: 3.14, bound: 0.01 };
/// assert!(pi.covers(3.1416));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The best value.
    pub value: f64,
    /// How far the truth can be from it.
    pub bound: f64,
}

impl Estimate {
    /// Whether `number` is within the bound.
    ///
    /// ```
    /// # use wengert_check::difference::Estimate;
    /// assert!(!Estimate { value: 1.0, bound: 1e-9 }.covers(1.0 + 1e-6));
    /// ```
    pub fn covers(&self, number: f64) -> bool {
        (number - self.value).abs() <= self.bound
    }
}

/// A side of a point, along a direction.
///
/// ```
/// use wengert_check::difference::{Side, Slope, slope};
/// let found = slope(|x| (1.0 - x[0]).sqrt().powi(2), &[1.0], &[1.0]);
/// assert!(matches!(found, Slope::Edge { side: Side::Left, .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Against the direction.
    Left,
    /// Along the direction.
    Right,
}

/// What differences can say about the slope at a point, along a direction.
///
/// ```
/// use wengert_check::difference::{Slope, slope};
/// let at = |f: fn(f64) -> f64, x: f64| slope(|x| f(x[0]), &[x], &[1.0]);
/// assert!(matches!(at(f64::sin, 0.3), Slope::Smooth(found) if found.covers(0.3f64.cos())));
/// assert!(matches!(at(f64::floor, 0.5), Slope::Flat { .. }));
/// assert!(matches!(at(f64::abs, 0.0), Slope::Kink { .. }));
/// assert_eq!(at(f64::floor, 2.0), Slope::Unsettled);
/// assert_eq!(at(f64::sqrt, 0.0), Slope::Steep);
/// assert_eq!(at(f64::sqrt, -1.0), Slope::Undefined);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slope {
    /// The slope is the same from both sides.
    Smooth(Estimate),
    /// Every value near the point has the same bits: the slope is zero as far as anyone can see.
    Flat {
        /// A slope below this would leave no trace.
        bound: f64,
    },
    /// The slopes from the two sides differ by more than their bounds.
    Kink {
        /// The slope from the left.
        left: Estimate,
        /// The slope from the right.
        right: Estimate,
    },
    /// The function has values on one side only.
    Edge {
        /// The side that has values.
        side: Side,
        /// The slope from that side.
        slope: Estimate,
    },
    /// The function has values on one side only and the differences do not settle there, as for sqrt at 0.
    Steep,
    /// The differences do not settle as the step falls: a jump or a vertical slope.
    Unsettled,
    /// The function has no finite value at the point, or none near it.
    Undefined,
}

/// The first step relative to the size of what moves; odd on purpose, so that it is no simple fraction of a period.
const FIRST: f64 = 0.083_7;
/// What a step is divided by.
const RATIO: f64 = 1.9;
/// After so many levels the step is 1e-11 of the first.
const LEVELS: usize = 37;
/// Levels before anything is believed.
const LEAST: usize = 5;
/// A lone step, relative to the first, that looks for what the wide steps jump over.
const INNER: f64 = 1e-4;

/// The slope of `f` at `x` along `direction`: d/dt f(x + t direction) at t = 0.
///
/// `x` and `direction` have the same length.
///
/// # Panics
/// If the lengths of `x` and `direction` differ.
///
/// ```
/// use wengert_check::difference::{slope, Slope};
///
/// let Slope::Smooth(found) = slope(|x| x[0].sin() * x[1], &[1.0, 2.0], &[1.0, 0.0]) else { panic!() };
/// assert!(found.covers(2.0 * 1f64.cos()) && found.bound < 1e-11);
///
/// let Slope::Kink { left, right } = slope(|x| x[0].abs(), &[0.0], &[1.0]) else { panic!() };
/// assert!(left.covers(-1.0) && right.covers(1.0));
/// ```
#[track_caller]
pub fn slope(f: impl Fn(&[f64]) -> f64, x: &[f64], direction: &[f64]) -> Slope {
    assert_eq!(
        x.len(),
        direction.len(),
        "the direction has {} entries, the point has {}",
        direction.len(),
        x.len()
    );
    let f = |x: &[f64]| vec![f(x)];
    Probe::new(Box::new(f), x, &[direction.to_vec()]).slopes(direction)[0]
}

/// A function with its point, its value there and its noise.
pub(crate) struct Probe<'a> {
    f: Box<Outputs<'a>>,
    x: &'a [f64],
    base: Vec<f64>,
    noise: Vec<f64>,
}

impl<'a> Probe<'a> {
    /// Measures the noise along the given directions.
    pub(crate) fn new(f: Box<Outputs<'a>>, x: &'a [f64], directions: &[Vec<f64>]) -> Self {
        let base = f(x);
        let mut probe = Self {
            f,
            x,
            noise: vec![0.0; base.len()],
            base,
        };
        for direction in directions {
            let reach = probe.reach(direction);
            let found = noise::along(&|t| probe.at(t, direction), &probe.base, reach);
            for (noise, found) in probe.noise.iter_mut().zip(found) {
                // Four deviations: a bound, not a mean.
                *noise = noise.max(4.0 * found);
            }
        }
        probe
    }

    /// The slope of every output along `direction`.
    pub(crate) fn slopes(&self, direction: &[f64]) -> Vec<Slope> {
        let first = FIRST * self.reach(direction);
        let found = self.slopes_from(direction, first);
        if found
            .iter()
            .all(|slope| matches!(slope, Slope::Smooth(_) | Slope::Flat { .. }))
        {
            return found;
        }
        // Anything unusual must be seen twice; a third measurement decides where two differ.
        let again = self.slopes_from(direction, 0.618 * first);
        let same = |a: &Slope, b: &Slope| std::mem::discriminant(a) == std::mem::discriminant(b);
        if found.iter().zip(&again).all(|(a, b)| same(a, b)) {
            return found
                .into_iter()
                .zip(again)
                .map(|(a, b)| agree(a, b))
                .collect();
        }
        let third = self.slopes_from(direction, 0.383 * first);
        let pairs = found.into_iter().zip(again).zip(third);
        pairs
            .map(|((a, b), c)| {
                if same(&a, &b) {
                    agree(a, b)
                } else if same(&a, &c) {
                    agree(a, c)
                } else {
                    agree(b, c)
                }
            })
            .collect()
    }

    /// The same slopes by other steps, reconciled with `known`.
    pub(crate) fn confirm(&self, direction: &[f64], known: &[Slope]) -> Vec<Slope> {
        let again = self.slopes_from(direction, 0.731 * FIRST * self.reach(direction));
        known
            .iter()
            .zip(again)
            .map(|(known, again)| agree(*known, again))
            .collect()
    }

    /// The length in t over which x + t direction moves noticeably.
    fn reach(&self, direction: &[f64]) -> f64 {
        let moved = self.x.iter().zip(direction).filter(|(_, v)| **v != 0.0);
        let size = moved.fold(1.0_f64, |size, (x, _)| size.max(x.abs()));
        let speed = direction
            .iter()
            .fold(0.0_f64, |speed, v| speed.max(v.abs()));
        if speed > 0.0 { size / speed } else { 1.0 }
    }

    fn at(&self, t: f64, direction: &[f64]) -> Vec<f64> {
        let moved: Vec<f64> = self
            .x
            .iter()
            .zip(direction)
            .map(|(x, v)| if *v == 0.0 { *x } else { x + t * v })
            .collect();
        (self.f)(&moved)
    }

    fn slopes_from(&self, direction: &[f64], first: f64) -> Vec<Slope> {
        let mut ladders: Vec<Ladder> = self
            .base
            .iter()
            .zip(&self.noise)
            .map(|(base, noise)| Ladder::new(*base, *noise))
            .collect();
        let inner = INNER * first;
        let (left, right) = (self.at(-inner, direction), self.at(inner, direction));
        for (ladder, (left, right)) in ladders.iter_mut().zip(left.into_iter().zip(right)) {
            ladder.look_inside(inner, left, right);
        }
        let mut step = first;
        for level in 0..LEVELS {
            let (left, right) = (self.at(-step, direction), self.at(step, direction));
            for (ladder, (left, right)) in ladders.iter_mut().zip(left.into_iter().zip(right)) {
                ladder.push(step, left, right);
            }
            if level + 1 >= LEAST && ladders.iter_mut().all(|ladder| ladder.is_done(step)) {
                break;
            }
            step /= RATIO;
        }
        ladders.iter().map(Ladder::slope).collect()
    }
}

/// The three tableaus of one output.
struct Ladder {
    base: f64,
    noise: f64,
    /// The widest step from which on every value had the bits of the base, and how many such steps there were.
    flat: Option<(f64, usize)>,
    /// The inner step and the one-sided quotients there.
    inner: (f64, f64, f64),
    left: Tableau,
    right: Tableau,
    central: Tableau,
}

impl Ladder {
    fn new(base: f64, noise: f64) -> Self {
        let (left, right, central) = (Tableau::new(1), Tableau::new(1), Tableau::new(2));
        Self {
            base,
            noise,
            flat: None,
            inner: (0.0, 0.0, 0.0),
            left,
            right,
            central,
        }
    }

    fn look_inside(&mut self, step: f64, left: f64, right: f64) {
        self.inner = (step, (self.base - left) / step, (right - self.base) / step);
    }

    fn is_base(&self, value: f64) -> bool {
        value.to_bits() == self.base.to_bits()
    }

    fn push(&mut self, step: f64, left: f64, right: f64) {
        self.flat = match self.flat {
            _ if !(self.is_base(left) && self.is_base(right)) => None,
            None => Some((step, 1)),
            Some((widest, count)) => Some((widest, count + 1)),
        };
        let noise = [left, right]
            .iter()
            .filter(|value| value.is_finite())
            .fold(self.noise, |noise, value| noise.max(noise::floor(*value)));
        let mut sides = [true; COLUMNS];
        for (tableau, value, sign) in [(&mut self.left, left, -1.0), (&mut self.right, right, 1.0)]
        {
            if value.is_finite() {
                let settled = tableau.push(
                    step,
                    sign * (value - self.base) / step,
                    2.0 * noise / step,
                    [true; COLUMNS],
                );
                for (all, one) in sides.iter_mut().zip(settled) {
                    *all &= one;
                }
            } else {
                tableau.restart();
            }
        }
        if left.is_finite() && right.is_finite() {
            // A central difference is blind to what happens at the point itself (a kink, a spike narrower than the step),
            // so it is believed only at steps where both one-sided differences have settled.
            self.central
                .push(step, (right - left) / (2.0 * step), noise / step, sides);
        } else {
            self.central.restart();
        }
    }

    /// The slope that would leave no trace, if the function is flat over the last steps.
    fn flatness(&self) -> Option<f64> {
        let (widest, count) = self.flat?;
        let inside = self.inner.1 == 0.0 && self.inner.2 == 0.0;
        (count >= LEAST && inside).then_some(self.noise / widest)
    }

    /// Whether smaller steps than `step` cannot tell more.
    fn is_done(&mut self, step: f64) -> bool {
        if self.flatness().is_some() {
            return true;
        }
        if !(self.central.is_done(1e-11) && self.left.is_done(1e-6) && self.right.is_done(1e-6)) {
            return false;
        }
        let (inner, left, right) = self.inner;
        let noise = 2.0 * self.noise / inner;
        if step <= inner
            || (self.left.foretold(inner, left, noise) && self.right.foretold(inner, right, noise))
        {
            return true;
        }
        for tableau in [&mut self.left, &mut self.right, &mut self.central] {
            tableau.reject();
        }
        false
    }

    fn slope(&self) -> Slope {
        if !self.base.is_finite() {
            return Slope::Undefined;
        }
        if let Some(bound) = self.flatness()
            && self.central.best().is_none_or(|best| best.bound >= bound)
        {
            return Slope::Flat { bound };
        }
        match (self.left.best(), self.right.best()) {
            (Some(left), Some(right)) => {
                let size = left.value.abs().max(right.value.abs());
                let jump = (left.value - right.value).abs();
                if jump > 2.0 * (left.bound + right.bound) + 1e-7 * size {
                    return Slope::Kink { left, right };
                }
                let mean = Estimate {
                    value: 0.5 * (left.value + right.value),
                    bound: 0.5 * jump + left.bound + right.bound,
                };
                Slope::Smooth(self.central.best().unwrap_or(mean))
            }
            (left, right) => match (self.left.is_live(), self.right.is_live()) {
                (true, true) => Slope::Unsettled,
                (false, false) => Slope::Undefined,
                (false, true) => right.map_or(Slope::Steep, |slope| Slope::Edge {
                    side: Side::Right,
                    slope,
                }),
                (true, false) => left.map_or(Slope::Steep, |slope| Slope::Edge {
                    side: Side::Left,
                    slope,
                }),
            },
        }
    }
}

/// What two measurements with different steps say together.
fn agree(a: Slope, b: Slope) -> Slope {
    match (a, b) {
        (Slope::Smooth(a), Slope::Smooth(b)) => Slope::Smooth(widen(a, b)),
        (
            Slope::Kink {
                left: l1,
                right: r1,
            },
            Slope::Kink {
                left: l2,
                right: r2,
            },
        ) => Slope::Kink {
            left: widen(l1, l2),
            right: widen(r1, r2),
        },
        (Slope::Edge { side: s1, slope: a }, Slope::Edge { side: s2, slope: b }) if s1 == s2 => {
            Slope::Edge {
                side: s1,
                slope: widen(a, b),
            }
        }
        (Slope::Flat { bound: a }, Slope::Flat { bound: b }) => Slope::Flat { bound: a.max(b) },
        // Wide steps may reach over the edge of a flat piece that narrow ones stay on.
        (Slope::Smooth(slope), Slope::Flat { bound })
        | (Slope::Flat { bound }, Slope::Smooth(slope))
            if slope.value.abs() <= slope.bound + bound =>
        {
            Slope::Flat { bound }
        }
        (a, b) if a == b => a,
        _ => Slope::Unsettled,
    }
}

/// The tighter of two estimates that cover each other; otherwise one that is wide enough for both.
fn widen(a: Estimate, b: Estimate) -> Estimate {
    let gap = (a.value - b.value).abs();
    let (tight, loose) = if a.bound <= b.bound { (a, b) } else { (b, a) };
    if gap <= a.bound + b.bound {
        tight
    } else {
        Estimate {
            value: tight.value,
            bound: loose.bound + gap,
        }
    }
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
