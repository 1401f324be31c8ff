//! Richardson extrapolation to step zero, with an error bound read off the tableau (Ridders).

use crate::difference::Estimate;

/// Highest order kept: beyond it the rounding noise grows faster than the truncation falls.
pub(crate) const COLUMNS: usize = 8;

/// A column is believed only when its error is this small a part of the raw quotients that it was made from.
/// A function whose quotients grow without limit (a jump, a vertical slope) never gets there.
const SETTLED: f64 = 0.02;

/// Difference quotients at falling steps, extrapolated to step zero.
///
/// `power` is the power of the step in which the error expands: 2 for central quotients, 1 for one-sided ones.
/// Row i, column k uses the quotients of the steps i-k to i only, so a kink inside the first, widest steps does not spoil the later rows.
pub(crate) struct Tableau {
    power: i32,
    steps: Vec<f64>,
    raw: Vec<f64>,
    row: Vec<f64>,
    noise: Vec<f64>,
    best: Option<Estimate>,
}

impl Tableau {
    pub(crate) fn new(power: i32) -> Self {
        Self {
            power,
            steps: Vec::new(),
            raw: Vec::new(),
            row: Vec::new(),
            noise: Vec::new(),
            best: None,
        }
    }

    /// Forgets the rows, not the best value: used when a step hit a point where the function has no value.
    pub(crate) fn restart(&mut self) {
        self.steps.clear();
        self.raw.clear();
        self.row.clear();
        self.noise.clear();
    }

    /// Forgets the best value too: it has been shown to be false.
    pub(crate) fn reject(&mut self) {
        self.best = None;
    }

    /// Whether a quotient at a far smaller step fits the best value and the curvature that the wider steps have shown.
    ///
    /// Extrapolation cannot see what happens well inside its smallest step; this can.
    pub(crate) fn foretold(&self, step: f64, quotient: f64, noise: f64) -> bool {
        let Some(best) = self.best else { return true };
        let rows = self
            .steps
            .iter()
            .zip(&self.raw)
            .filter(|(wide, _)| **wide > step);
        let slack = rows.fold(0.0_f64, |slack, (wide, raw)| {
            slack.max(step / wide * (raw - best.value).abs())
        });
        (quotient - best.value).abs() <= 3.0 * slack + best.bound + noise
    }

    /// Adds the quotient at a smaller step, and says which columns of the new row have settled.
    ///
    /// Only the columns that `allowed` names may become the best value.
    pub(crate) fn push(
        &mut self,
        step: f64,
        quotient: f64,
        noise: f64,
        allowed: [bool; COLUMNS],
    ) -> [bool; COLUMNS] {
        self.steps.push(step);
        self.raw.push(quotient);
        let mut row = vec![quotient];
        let mut noises = vec![noise];
        let mut settled = [false; COLUMNS];
        let last = self.steps.len() - 1;
        for k in 1..=self.row.len().min(COLUMNS - 1) {
            let (wide, fine) = (self.row[k - 1], row[k - 1]);
            let shrink = (self.steps[last - k] / step).powi(self.power);
            let value = fine + (fine - wide) / (shrink - 1.0);
            let noise = (shrink * noises[k - 1] + self.noise[k - 1]) / (shrink - 1.0);
            row.push(value);
            noises.push(noise);
            // The differences from the columns below are their errors, and usually far more than this one's; twice that, and a part of the
            // change from the row above, since any of the three can be small by chance.
            let above = self
                .row
                .get(k)
                .map_or(f64::INFINITY, |above| 0.25 * (value - above).abs());
            let truncation = (2.0 * (value - fine).abs().max((value - wide).abs())).max(above);
            let size = self.raw[last - k].abs().max(quotient.abs());
            // Two quotients always agree with some line, so a single extrapolation proves nothing.
            settled[k] = k >= 2 && truncation <= SETTLED * size + noise;
            if settled[k] && allowed[k] {
                let bound = truncation + noise;
                if self.best.is_none_or(|best| bound < best.bound) {
                    self.best = Some(Estimate { value, bound });
                }
            }
        }
        self.row = row;
        self.noise = noises;
        settled
    }

    pub(crate) fn best(&self) -> Option<Estimate> {
        self.best
    }

    /// Whether the last step had a value.
    pub(crate) fn is_live(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Whether a smaller step cannot help: the best value is good enough, or rounding alone is already far above its bound.
    pub(crate) fn is_done(&self, relative: f64) -> bool {
        let (Some(best), Some(&noise)) = (self.best, self.noise.first()) else {
            return false;
        };
        let size = self
            .raw
            .iter()
            .fold(best.value.abs(), |size, raw| size.max(1e-3 * raw.abs()));
        best.bound <= relative * size || noise > 30.0 * best.bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(power: i32, quotient: impl Fn(f64) -> f64) -> Option<Estimate> {
        let mut tableau = Tableau::new(power);
        let mut step = 0.1;
        for _ in 0..12 {
            tableau.push(step, quotient(step), 1e-15 / step, [true; COLUMNS]);
            step /= 1.9;
        }
        tableau.best()
    }

    #[test]
    fn a_power_series_is_extrapolated_within_its_bound() {
        let best = run(2, |h| h.sin() / h).unwrap();
        assert!((best.value - 1.0).abs() <= best.bound, "{best:?}");
        assert!(best.bound < 1e-12, "{best:?}");
        let best = run(1, |h| h.exp_m1() / h).unwrap();
        assert!((best.value - 1.0).abs() <= best.bound, "{best:?}");
        assert!(best.bound < 1e-9, "{best:?}");
    }

    #[test]
    fn quotients_that_grow_without_limit_never_settle() {
        assert_eq!(run(1, |h| 1.0 / h), None);
        assert_eq!(run(1, |h| h.powf(-0.5)), None);
        assert_eq!(run(2, |h| 3.0 / h), None);
    }
}
