//! Functions with many outputs: vector-Jacobian and Jacobian-vector products, and the derivatives of higher order.

use crate::difference::{Estimate, Slope};
use crate::options::Check;
use crate::report::{Entry, Oracle, Report};
use crate::survey::{Claim, Direction, Output, Product, Survey, dot};
use crate::verdict::{Allowance, Verdict};

impl Check {
    /// Checks a vector-Jacobian and a Jacobian-vector product, each against differences of the function and both against each other.
    ///
    /// `value` maps a point (n numbers) to outputs (m numbers); `vjp` maps a point and a cotangent (m) to J^T u (n);
    /// `jvp` maps a point and a tangent (n) to J v (m). The adjoint identity <u, J v> = <J^T u, v> has no step, so it holds to rounding.
    ///
    /// ```
    /// use wengert_check::Check;
    /// let value = |x: &[f64]| vec![x[0] * x[1], x[0].sin()];
    /// let vjp = |x: &[f64], u: &[f64]| vec![u[0] * x[1] + u[1] * x[0].cos(), u[0] * x[0]];
    /// let jvp = |x: &[f64], v: &[f64]| vec![v[0] * x[1] + x[0] * v[1], x[0].cos() * v[0]];
    /// Check::new().vector(value, vjp, jvp, &[0.3, 2.0]).assert_pass();
    /// ```
    pub fn vector(
        &self,
        value: impl Fn(&[f64]) -> Vec<f64>,
        vjp: impl Fn(&[f64], &[f64]) -> Vec<f64>,
        jvp: impl Fn(&[f64], &[f64]) -> Vec<f64>,
        x: &[f64],
    ) -> Report {
        let mut report = self.adjoint_identity(value(x).len(), &vjp, &jvp, x);
        if report.faults.is_empty() {
            let survey = Survey::new(self, &value, x, true);
            self.add_vjp(&mut report, &survey, &vjp);
            self.add_jvp(&mut report, &survey, "jvp", &jvp);
        }
        report.subject = self.subject("vjp and jvp", x.len());
        report
    }

    /// Checks a Jacobian, one row for each output, against differences of the function: its products with random tangents and cotangents.
    ///
    /// ```
    /// use wengert_check::Check;
    /// let value = |x: &[f64]| vec![x[0] * x[1], x[0].sin()];
    /// let jacobian = |x: &[f64]| vec![vec![x[1], x[0]], vec![x[0].cos(), 0.0]];
    /// Check::new().jacobian(value, jacobian, &[0.3, 2.0]).assert_pass();
    /// ```
    pub fn jacobian(
        &self,
        value: impl Fn(&[f64]) -> Vec<f64>,
        jacobian: impl Fn(&[f64]) -> Vec<Vec<f64>>,
        x: &[f64],
    ) -> Report {
        let subject = self.subject("jacobian", x.len());
        let (rows, outputs) = (jacobian(x), value(x).len());
        let mut report = Report::new(&subject, self.get_seed(), x);
        if rows.len() != outputs || rows.iter().any(|row| row.len() != x.len()) {
            let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
            report.faults.push(format!(
                "the jacobian has rows of lengths {lengths:?}, the point has {} numbers and the function {outputs} outputs",
                x.len()
            ));
            return report;
        }
        let transposed = |u: &[f64]| {
            let column = |j: usize| rows.iter().zip(u).map(|(row, u)| row[j] * u).sum();
            (0..x.len()).map(column).collect()
        };
        let times = |v: &[f64]| rows.iter().map(|row| dot(row, v)).collect();
        report = self.vector(&value, |_, u| transposed(u), |_, v| times(v), x);
        report.subject = subject;
        report
    }

    /// Checks a vector-Jacobian product against differences of the function, with random cotangents.
    ///
    /// ```
    /// use wengert_check::Check;
    /// // Right for a cotangent of ones only: the cross terms are missing.
    /// let softmax = |x: &[f64]| { let s: f64 = x.iter().map(|x| x.exp()).sum(); x.iter().map(|x| x.exp() / s).collect::<Vec<_>>() };
    /// let wrong = |x: &[f64], u: &[f64]| { let mean = u.iter().sum::<f64>() / u.len() as f64; softmax(x).iter().zip(u).map(|(y, u)| y * (u - mean)).collect::<Vec<_>>() };
    /// let report = Check::new().vjp(softmax, wrong, &[0.1, 0.7, -0.4]);
    /// assert!(report.is_fail());
    /// ```
    pub fn vjp(
        &self,
        value: impl Fn(&[f64]) -> Vec<f64>,
        vjp: impl Fn(&[f64], &[f64]) -> Vec<f64>,
        x: &[f64],
    ) -> Report {
        let mut report = Report::new(&self.subject("vjp", x.len()), self.get_seed(), x);
        let survey = Survey::new(self, &value, x, true);
        self.add_vjp(&mut report, &survey, &vjp);
        report
    }

    /// Checks a Jacobian-vector product against differences of the function.
    ///
    /// ```
    /// use wengert_check::Check;
    /// let value = |x: &[f64]| vec![x[0] * x[1], x[0].sin()];
    /// let jvp = |x: &[f64], v: &[f64]| vec![v[0] * x[1] + x[0] * v[1], x[0].cos() * v[0]];
    /// Check::new().jvp(value, jvp, &[0.3, 2.0]).assert_pass();
    /// ```
    pub fn jvp(
        &self,
        value: impl Fn(&[f64]) -> Vec<f64>,
        jvp: impl Fn(&[f64], &[f64]) -> Vec<f64>,
        x: &[f64],
    ) -> Report {
        let mut report = Report::new(&self.subject("jvp", x.len()), self.get_seed(), x);
        let survey = Survey::new(self, &value, x, true);
        self.add_jvp(&mut report, &survey, "jvp", &jvp);
        report
    }

    /// Checks a Hessian, one row for each input, against differences of an exact gradient, and for symmetry.
    ///
    /// ```
    /// use wengert_check::Check;
    /// let gradient = |x: &[f64]| vec![2.0 * x[0] * x[1], x[0] * x[0]];
    /// let hessian = |x: &[f64]| vec![vec![2.0 * x[1], 2.0 * x[0]], vec![2.0 * x[0], 0.0]];
    /// Check::new().hessian(gradient, hessian, &[1.5, -0.7]).assert_pass();
    /// ```
    pub fn hessian(
        &self,
        gradient: impl Fn(&[f64]) -> Vec<f64>,
        hessian: impl Fn(&[f64]) -> Vec<Vec<f64>>,
        x: &[f64],
    ) -> Report {
        let mut report = Report::new(&self.subject("hessian", x.len()), self.get_seed(), x);
        let rows = hessian(x);
        if rows.len() != x.len() || rows.iter().any(|row| row.len() != x.len()) {
            let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
            report.faults.push(format!(
                "the hessian has rows of lengths {lengths:?}, the point has {} numbers",
                x.len()
            ));
            return report;
        }
        let survey = Survey::new(self, &gradient, x, false);
        self.add_jvp(&mut report, &survey, "hessian", &|_, v| {
            rows.iter().map(|row| dot(row, v)).collect()
        });
        let scale = rows
            .iter()
            .flatten()
            .fold(0.0_f64, |scale, entry| scale.max(entry.abs()));
        let mut random = self.random(2);
        let chosen = self.subset(x.len(), &mut random);
        for (k, &i) in chosen.iter().enumerate() {
            for &j in &chosen[..k] {
                let place = format!("hessian of {} and {}", self.input(i), self.input(j));
                report.entries.push(self.identity(
                    place,
                    Oracle::Symmetry,
                    rows[i][j],
                    rows[j][i],
                    scale,
                ));
            }
        }
        report
    }

    /// Checks a Hessian-vector product against differences of an exact gradient, and for symmetry: <u, H v> = <H u, v>.
    ///
    /// ```
    /// use wengert_check::Check;
    /// let gradient = |x: &[f64]| vec![2.0 * x[0] * x[1], x[0] * x[0]];
    /// let hvp = |x: &[f64], v: &[f64]| vec![2.0 * x[1] * v[0] + 2.0 * x[0] * v[1], 2.0 * x[0] * v[0]];
    /// Check::new().hvp(gradient, hvp, &[1.5, -0.7]).assert_pass();
    /// ```
    pub fn hvp(
        &self,
        gradient: impl Fn(&[f64]) -> Vec<f64>,
        hvp: impl Fn(&[f64], &[f64]) -> Vec<f64>,
        x: &[f64],
    ) -> Report {
        let mut report = self.adjoint_identity(x.len(), &hvp, &hvp, x);
        for entry in &mut report.entries {
            entry.oracle = Oracle::Symmetry;
        }
        if report.faults.is_empty() {
            let survey = Survey::new(self, &gradient, x, true);
            self.add_jvp(&mut report, &survey, "hvp", &hvp);
        }
        report.subject = self.subject("hvp", x.len());
        report
    }

    /// Checks third derivatives against differences of an exact Hessian-vector product, and for symmetry.
    ///
    /// `hvp(x, w)` is H w; `third(x, w, v)` is the derivative of H w along v.
    ///
    /// ```
    /// use wengert_check::Check;
    /// // f = x0^3 x1
    /// let hvp = |x: &[f64], w: &[f64]| vec![6.0 * x[0] * x[1] * w[0] + 3.0 * x[0] * x[0] * w[1], 3.0 * x[0] * x[0] * w[0]];
    /// let third = |x: &[f64], w: &[f64], v: &[f64]| {
    ///     vec![6.0 * x[1] * w[0] * v[0] + 6.0 * x[0] * (w[0] * v[1] + w[1] * v[0]), 6.0 * x[0] * w[0] * v[0]]
    /// };
    /// Check::new().third(hvp, third, &[1.2, 0.4]).assert_pass();
    /// ```
    pub fn third(
        &self,
        hvp: impl Fn(&[f64], &[f64]) -> Vec<f64>,
        third: impl Fn(&[f64], &[f64], &[f64]) -> Vec<f64>,
        x: &[f64],
    ) -> Report {
        let mut report = Report::new(
            &self.subject("third derivative", x.len()),
            self.get_seed(),
            x,
        );
        let mut random = self.random(3);
        let w = random.normal(x.len());
        let along_w = |x: &[f64]| hvp(x, &w);
        let survey = Survey::new(self, &along_w, x, true);
        self.add_jvp(&mut report, &survey, "third derivative", &|x, v| {
            third(x, &w, v)
        });
        if !report.faults.is_empty() {
            return report;
        }
        let v = random.normal(x.len());
        let (one, other) = (third(x, &w, &v), third(x, &v, &w));
        if one.len() != x.len() || other.len() != x.len() {
            report
                .faults
                .push(wrong_length("third derivative", other.len(), x.len()));
            return report;
        }
        let scale = one
            .iter()
            .fold(0.0_f64, |scale, entry| scale.max(entry.abs()));
        for input in self.subset(x.len(), &mut random) {
            let place = format!(
                "third derivative of {} by two random directions in turn",
                self.input(input)
            );
            report.entries.push(self.identity(
                place,
                Oracle::Symmetry,
                one[input],
                other[input],
                scale,
            ));
        }
        report
    }

    /// <u, J v> = <J^T u, v> for random u and v.
    fn adjoint_identity(&self, outputs: usize, vjp: &Product, jvp: &Product, x: &[f64]) -> Report {
        let mut report = Report::new("", self.get_seed(), x);
        let mut random = self.random(4);
        for pair in 0..self.get_directions() {
            let (u, v) = (random.normal(outputs), random.normal(x.len()));
            let (pulled, pushed) = (vjp(x, &u), jvp(x, &v));
            if pulled.len() != x.len() {
                report
                    .faults
                    .push(wrong_length("vjp", pulled.len(), x.len()));
            }
            if pushed.len() != outputs {
                report
                    .faults
                    .push(wrong_length("jvp", pushed.len(), outputs));
            }
            if !report.faults.is_empty() {
                return report;
            }
            let (left, right) = (Claim::dot(&pushed, &u), Claim::dot(&pulled, &v));
            let place = format!("<J^T u, v> of random pair {pair}");
            report.entries.push(self.identity(
                place,
                Oracle::Adjoint,
                right.value,
                left.value,
                left.total + right.total,
            ));
        }
        report
    }

    fn add_vjp(&self, report: &mut Report, survey: &Survey, vjp: &Product) {
        let x = survey.point();
        let mut pulled = Vec::new();
        for output in &survey.outputs {
            let Output::Weighted { cotangent, .. } = output else {
                pulled.push(None);
                continue;
            };
            let back = vjp(x, cotangent);
            if back.len() != x.len() {
                report.faults.push(wrong_length("vjp", back.len(), x.len()));
                return;
            }
            pulled.push(Some(back));
        }
        let entries = survey.compare(
            "vjp",
            |scale| self.allowance(scale),
            |output, direction| {
                let back = pulled[output].as_ref()?;
                let (kind, along) = &survey.directions[direction];
                Some(match kind {
                    Direction::Single(input) => Claim::number(back[*input]),
                    Direction::Random { .. } => Claim::dot(back, along),
                })
            },
        );
        report.entries.extend(entries);
    }

    fn add_jvp(&self, report: &mut Report, survey: &Survey, what: &str, jvp: &Product) {
        let pushed: Vec<Vec<f64>> = survey
            .directions
            .iter()
            .map(|(_, along)| jvp(survey.point(), along))
            .collect();
        if let Some(wrong) = pushed.iter().find(|pushed| pushed.len() != survey.count()) {
            report
                .faults
                .push(wrong_length(what, wrong.len(), survey.count()));
            return;
        }
        let entries = survey.compare(
            what,
            |scale| self.allowance(scale),
            |output, direction| {
                Some(match &survey.outputs[output] {
                    Output::Single(index) => Claim::number(pushed[direction][*index]),
                    Output::Weighted { cotangent, .. } => Claim::dot(&pushed[direction], cotangent),
                })
            },
        );
        report.entries.extend(entries);
    }

    /// Two numbers that are equal but for rounding; `scale` is the size of the terms that make them.
    pub(crate) fn identity(
        &self,
        place: String,
        oracle: Oracle,
        claimed: f64,
        expected: f64,
        scale: f64,
    ) -> Entry {
        exact(
            place,
            oracle,
            Claim {
                value: claimed,
                size: 0.0,
                total: 0.0,
                jitter: 0.0,
            },
            expected,
            self.allowance_identity(scale),
        )
    }

    /// An f32 number and what it is in f64.
    pub(crate) fn precision(
        &self,
        place: String,
        claim: Claim,
        expected: f64,
        scale: f64,
    ) -> Entry {
        exact(
            place,
            Oracle::Precision,
            claim,
            expected,
            self.allowance_single(scale),
        )
    }
}

/// A number compared with one that is known but for the rounding of the claim.
fn exact(
    place: String,
    oracle: Oracle,
    claim: Claim,
    expected: f64,
    allowance: Allowance,
) -> Entry {
    let known = Slope::Smooth(Estimate {
        value: expected,
        bound: 0.0,
    });
    let both_undefined = !claim.value.is_finite() && !expected.is_finite();
    let slope = if both_undefined {
        Slope::Undefined
    } else {
        known
    };
    let mut judged = allowance.judge(claim.value, claim.size, slope);
    let excused = (claim.value - expected).abs() <= judged.allowance + claim.jitter;
    if judged.verdict == Verdict::Fail && claim.value.is_finite() && excused {
        judged = judged.open(claim.jitter);
    }
    Entry {
        place,
        input: None,
        output: None,
        oracle,
        claimed: claim.value,
        expected: judged.expected,
        allowance: judged.allowance,
        verdict: if claim.value.is_finite() && !expected.is_finite() {
            Verdict::Fail
        } else {
            judged.verdict
        },
        remark: None,
        op: None,
        line: None,
    }
}

fn wrong_length(what: &str, found: usize, wanted: usize) -> String {
    format!("the {what} has {found} numbers where {wanted} are due")
}
