//! Gradients of functions with one output.

use crate::options::Check;
use crate::report::Report;
use crate::survey::{Claim, Direction, Survey};

/// Checks a gradient, however it was computed, against the function's values, with the default options.
///
/// `value` and `gradient` take a point; `gradient` returns one number for each of the point's.
///
/// ```
/// let value = |x: &[f64]| x[0] * x[1].sin();
/// let gradient = |x: &[f64]| vec![x[1].sin(), x[0] * x[1].cos()];
/// wengert_check::check(value, gradient, &[2.0, 0.5]).assert_pass();
/// ```
pub fn check(
    value: impl Fn(&[f64]) -> f64,
    gradient: impl Fn(&[f64]) -> Vec<f64>,
    x: &[f64],
) -> Report {
    Check::new().gradient(value, gradient, x)
}

impl Check {
    /// Checks a gradient, however it was computed, against the function's values.
    ///
    /// Every entry of a small gradient is compared, and random projections; of a large one, random entries and projections.
    ///
    /// ```
    /// use wengert_check::Check;
    /// let value = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
    /// let wrong = |x: &[f64]| x.iter().map(|x| 2.000_002 * x).collect::<Vec<_>>();
    /// let report = Check::new().named("squares").gradient(value, wrong, &[1.0, 2.0, 3.0]);
    /// assert!(report.is_fail());
    /// assert!(report.to_string().contains("1.000001 times what it should be"));
    /// ```
    pub fn gradient(
        &self,
        value: impl Fn(&[f64]) -> f64,
        gradient: impl Fn(&[f64]) -> Vec<f64>,
        x: &[f64],
    ) -> Report {
        let claimed = gradient(x);
        self.compare_gradient(value, &claimed, x, |scale| self.allowance(scale))
    }

    /// Checks an f32 gradient against an f64 evaluation of the same function.
    ///
    /// Differences of f32 values are too coarse to tell anything; the f64 function at the same point is not.
    ///
    /// ```
    /// use wengert_check::Check;
    /// let value = |x: &[f64]| x[0].exp() * x[1];
    /// let gradient = |x: &[f32]| vec![x[0].exp() * x[1], x[0].exp()];
    /// Check::new().gradient_single(value, gradient, &[0.5f32, 2.0]).assert_pass();
    /// ```
    pub fn gradient_single(
        &self,
        value: impl Fn(&[f64]) -> f64,
        gradient: impl Fn(&[f32]) -> Vec<f32>,
        x: &[f32],
    ) -> Report {
        let claimed: Vec<f64> = gradient(x).into_iter().map(f64::from).collect();
        let wide: Vec<f64> = x.iter().copied().map(f64::from).collect();
        self.compare_gradient(value, &claimed, &wide, |scale| self.allowance_single(scale))
    }

    fn compare_gradient(
        &self,
        value: impl Fn(&[f64]) -> f64,
        claimed: &[f64],
        x: &[f64],
        allowance: impl Fn(f64) -> crate::verdict::Allowance,
    ) -> Report {
        let mut report = Report::new(&self.subject("gradient", x.len()), self.get_seed(), x);
        if claimed.len() != x.len() {
            report.faults.push(format!(
                "the gradient has {} numbers, the point has {}",
                claimed.len(),
                x.len()
            ));
            return report;
        }
        let f = |x: &[f64]| vec![value(x)];
        let survey = Survey::new(self, &f, x, false);
        report.entries = survey.compare("gradient", allowance, |_, direction| {
            let (kind, along) = &survey.directions[direction];
            Some(match kind {
                Direction::Single(input) => Claim::number(claimed[*input]),
                Direction::Random { .. } => Claim::dot(claimed, along),
            })
        });
        report
    }
}
