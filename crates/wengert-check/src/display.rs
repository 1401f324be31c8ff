//! A report in words.

use std::fmt;

use crate::report::{Entry, Report};
use crate::verdict::{Reason, Remark, Verdict};

/// Four digits, without a tail of noise.
pub(crate) fn short(number: f64) -> String {
    if (1e-3..1e4).contains(&number.abs()) {
        let text = format!("{number:.7}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{number:.3e}")
    }
}

/// Lines of each kind that a report prints before it only counts.
const SHOWN: usize = 5;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict();
        let count = |wanted: fn(&Verdict) -> bool| {
            self.entries
                .iter()
                .filter(|entry| wanted(&entry.verdict))
                .count()
        };
        let wrong = count(|verdict| matches!(verdict, Verdict::Fail));
        let open = count(|verdict| matches!(verdict, Verdict::Inconclusive(_)));
        let plural = if self.entries.len() == 1 { "" } else { "s" };
        write!(
            f,
            "{verdict}  {}: {} comparison{plural}",
            self.subject,
            self.entries.len()
        )?;
        match (wrong, open) {
            (0, 0) => {}
            (0, open) => write!(f, ", {open} inconclusive")?,
            (wrong, 0) => write!(f, ", {wrong} wrong")?,
            (wrong, open) => write!(f, ", {wrong} wrong, {open} inconclusive")?,
        }
        for fault in &self.faults {
            write!(f, "\n  fault     {fault}")?;
        }
        for note in &self.notes {
            write!(f, "\n  note      {note}")?;
        }
        let Some(worst) = self.worst() else {
            return Ok(());
        };
        if verdict == Verdict::Pass {
            if worst.absolute() > 0.0 {
                write!(
                    f,
                    ", largest error {:.1e} (allowed {:.1e}) in {}",
                    worst.absolute(),
                    worst.allowance,
                    worst.place
                )?;
            }
        } else {
            self.write_worst(f, worst)?;
        }
        self.write_others(f, worst)?;
        self.write_remarks(f)?;
        if verdict != Verdict::Pass {
            write!(f, "\n  seed      {}", self.seed)?;
            if self.point.is_empty() {
                // Of several points; each place names its own.
            } else if self.point.len() <= 16 {
                write!(f, "\n  point     {:?}", self.point)?;
            } else {
                write!(
                    f,
                    "\n  point     {} numbers, the first {:?}",
                    self.point.len(),
                    &self.point[..4]
                )?;
            }
        }
        Ok(())
    }
}

impl Report {
    fn write_worst(&self, f: &mut fmt::Formatter<'_>, worst: &Entry) -> fmt::Result {
        write!(f, "\n  worst     {}, against {}", worst.place, worst.oracle)?;
        write!(f, "\n  claimed   {:?}", worst.claimed)?;
        if worst.expected.value.is_finite() {
            write!(
                f,
                "\n  expected  {:?} +- {:.1e}",
                worst.expected.value, worst.expected.bound
            )?;
            write!(
                f,
                "\n  error     {:.2e} absolute, {:.2e} relative, {:.2e} ulps; allowed {:.1e}",
                worst.absolute(),
                worst.relative(),
                worst.ulps(),
                worst.allowance
            )?;
        }
        if let Verdict::Inconclusive(reason) = worst.verdict {
            write!(f, "\n  because   {reason}")?;
        }
        match (&worst.op, &worst.line) {
            (Some(op), Some(line)) => write!(f, "\n  op        {op}, recorded at {line}")?,
            (Some(op), None) => write!(f, "\n  op        {op}")?,
            (None, Some(line)) => write!(f, "\n  line      {line}")?,
            (None, None) => {}
        }
        if let Some(hint) = self.hint() {
            write!(f, "\n  hint      {hint}")?;
        }
        Ok(())
    }

    fn write_others(&self, f: &mut fmt::Formatter<'_>, worst: &Entry) -> fmt::Result {
        let others: Vec<&Entry> = self
            .failures()
            .filter(|entry| !std::ptr::eq(*entry, worst))
            .collect();
        for entry in others.iter().take(SHOWN) {
            write!(
                f,
                "\n  wrong too {}: {:?}, expected {:?}",
                entry.place, entry.claimed, entry.expected.value
            )?;
        }
        if others.len() > SHOWN {
            write!(f, "\n            and {} more", others.len() - SHOWN)?;
        }
        let open = self
            .entries
            .iter()
            .filter(|entry| !std::ptr::eq(*entry, worst));
        let reasons: Vec<(&Entry, Reason)> = open
            .filter_map(|entry| {
                if let Verdict::Inconclusive(reason) = entry.verdict {
                    Some((entry, reason))
                } else {
                    None
                }
            })
            .collect();
        for (entry, reason) in reasons.iter().take(SHOWN) {
            write!(f, "\n  open      {}: {reason}", entry.place)?;
        }
        if reasons.len() > SHOWN {
            write!(f, "\n            and {} more", reasons.len() - SHOWN)?;
        }
        Ok(())
    }

    fn write_remarks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remarks: Vec<(&Entry, Remark)> = self
            .entries
            .iter()
            .filter_map(|entry| Some((entry, entry.remark?)))
            .collect();
        // What is true of an input is true of every random direction too: say it once.
        let single = remarks.iter().any(|(entry, _)| entry.input.is_some());
        let remarks: Vec<_> = remarks
            .into_iter()
            .filter(|(entry, _)| entry.input.is_some() || !single)
            .collect();
        for (entry, remark) in remarks.iter().take(SHOWN) {
            write!(
                f,
                "\n  note      {} = {}, {remark}",
                entry.place, entry.claimed
            )?;
        }
        if remarks.len() > SHOWN {
            write!(f, "\n            and {} more", remarks.len() - SHOWN)?;
        }
        Ok(())
    }
}
