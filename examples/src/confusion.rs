use std::fmt;

use ndarray::Array2;

/// How often each class was taken for each other; displayed as a table.
///
/// # Examples
/// ```
/// let mut confusion = wengert_examples::Confusion::new(3);
/// for (truth, guess) in [(0, 0), (1, 1), (2, 1), (2, 2)] {
///     confusion.count(truth, guess);
/// }
/// assert_eq!(confusion.accuracy(), 0.75);
/// assert_eq!(confusion.recall(2), Some(0.5));
/// println!("{confusion}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    counts: Array2<usize>,
}

impl Confusion {
    /// An empty table for `classes` classes.
    pub fn new(classes: usize) -> Confusion {
        Confusion {
            counts: Array2::zeros((classes, classes)),
        }
    }

    /// Counts an item of class `truth` that was taken for class `guess`.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn count(&mut self, truth: usize, guess: usize) {
        self.counts[[truth, guess]] += 1;
    }

    /// The number of items counted.
    pub fn total(&self) -> usize {
        self.counts.sum()
    }

    /// The number of items taken for what they are.
    pub fn correct(&self) -> usize {
        self.counts.diag().sum()
    }

    /// The share of items taken for what they are; NaN if there are none.
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.total() as f64
    }

    /// The share of the items of class `class` that were recognised; `None` if there are none.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn recall(&self, class: usize) -> Option<f64> {
        let row = self.counts.row(class);
        (row.sum() > 0).then(|| row[class] as f64 / row.sum() as f64)
    }
}

impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = self.counts.nrows();
        let widest = self.counts.iter().copied().max().unwrap_or(0).max(classes);
        let width = widest.to_string().len() + 1;
        let (head, recall) = ("true \\ read as", "recall");
        write!(f, "{head}")?;
        for class in 0..classes {
            write!(f, " {class:>width$}")?;
        }
        writeln!(f, "  {recall:>7}")?;
        for (class, row) in self.counts.rows().into_iter().enumerate() {
            write!(f, "{class:>0$}", head.len())?;
            for &count in row {
                // A dot for zero lets the mistakes stand out.
                match count {
                    0 => write!(f, " {:>width$}", ".")?,
                    _ => write!(f, " {count:>width$}")?,
                }
            }
            match self.recall(class) {
                Some(recall) => writeln!(f, "  {:>6.1}%", 100.0 * recall)?,
                None => writeln!(f, "  {:>7}", "-")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_aligned() {
        let mut confusion = Confusion::new(3);
        for _ in 0..12 {
            confusion.count(0, 0);
        }
        confusion.count(0, 2);
        confusion.count(1, 1);
        let expected = "\
true \\ read as   0   1   2   recall
             0  12   .   1    92.3%
             1   .   1   .   100.0%
             2   .   .   .        -
";
        assert_eq!(confusion.to_string(), expected);
    }

    #[test]
    fn an_empty_table_has_no_accuracy() {
        let confusion = Confusion::new(2);
        assert!(confusion.accuracy().is_nan());
        assert_eq!(confusion.recall(1), None);
    }
}
