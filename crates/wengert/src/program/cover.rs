//! Which entries of a Jacobian are found by forward products with groups of columns, and which by reverse products of groups of rows.
//!
//! One dense row makes every column need a product of its own, and one dense column every row. So the full rows are found by reverse
//! products, and the columns of what is left by forward ones, or the other way round (bidirectional: Hossain and Steihaug, 1998; Coleman
//! and Verma, 1998). What counts as full is tried out: a number of entries above which a row is taken out leaves rows that need at least
//! as many colours as the fullest of them has entries, and the rows taken out need at least as many as a column has of them.

use crate::program::colour::{self, Colouring};

/// How many partly-forward, partly-reverse ways are coloured; the others are told by their bounds.
const TRIES: usize = 8;

/// Groups of rows and of columns that find every entry.
pub(super) struct Cover {
    pub(super) rows: Colouring,
    pub(super) columns: Colouring,
    /// Whether an entry of a coloured row and a coloured column is found by its row.
    pub(super) rows_first: bool,
}

/// Rows with more than `most` entries are taken out and found by rows; of the transposed matrix, if `transposed`.
struct Split {
    most: usize,
    transposed: bool,
    /// Some row is taken out.
    mixed: bool,
    /// It takes at least as many products.
    bound: usize,
}

impl Cover {
    /// Columns alone, rows alone, or both, if that takes fewer products than either.
    pub(super) fn of(rows: &[Vec<u32>], columns: usize) -> Self {
        let transposed = colour::transpose(rows, columns);
        let mut splits = splits(rows, columns, false);
        splits.extend(self::splits(&transposed, rows.len(), true));
        // One direction alone is preferred where it takes no more.
        splits.sort_by_key(|split| (split.bound, split.mixed));
        let mut best: Option<((usize, bool), Self)> = None;
        let mut tries = 0;
        for split in splits {
            let at_least = (split.bound, split.mixed);
            if best.as_ref().is_some_and(|(takes, _)| *takes <= at_least) {
                break;
            }
            tries += usize::from(split.mixed);
            if split.mixed && tries > TRIES {
                continue;
            }
            let cover = match split.transposed {
                false => split.cover(rows, &transposed),
                true => split.cover(&transposed, rows).transposed(),
            };
            let takes = (cover.rows.count + cover.columns.count, split.mixed);
            if best.as_ref().is_none_or(|(least, _)| takes < *least) {
                best = Some((takes, cover));
            }
        }
        best.expect("both ways of one direction are among them").1
    }

    fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            rows_first: !self.rows_first,
        }
    }
}

impl Split {
    fn cover(&self, rows: &[Vec<u32>], columns: &[Vec<u32>]) -> Cover {
        let full = |row: usize| rows[row].len() > self.most;
        let entries = |(row, entries): (usize, &Vec<u32>)| match full(row) {
            true => entries.clone(),
            false => Vec::new(),
        };
        let taken_out: Vec<Vec<u32>> = rows.iter().enumerate().map(entries).collect();
        let of_columns = colour::transpose(&taken_out, columns.len());
        Cover {
            columns: colour::columns(rows, columns, |row| !full(row as usize)),
            rows: colour::columns(&of_columns, &taken_out, |_| true),
            rows_first: true,
        }
    }
}

/// Every number of entries that may count as full, with what it takes at least.
fn splits(rows: &[Vec<u32>], columns: usize, transposed: bool) -> Vec<Split> {
    let mut order: Vec<&Vec<u32>> = rows.iter().collect();
    order.sort_by_key(|row| std::cmp::Reverse(row.len()));
    let split = |most, taken_out, mixed| Split {
        most,
        transposed,
        mixed,
        bound: most + taken_out,
    };
    let mut splits = vec![split(order.first().map_or(0, |row| row.len()), 0, false)];
    // How many of the rows taken out each column is in, and the most of them.
    let (mut counts, mut taken_out) = (vec![0; columns], 0);
    for pair in order.windows(2) {
        for &column in pair[0] {
            counts[column as usize] += 1;
            taken_out = taken_out.max(counts[column as usize]);
        }
        if pair[1].len() < pair[0].len() && !pair[1].is_empty() {
            splits.push(split(pair[1].len(), taken_out, true));
        }
    }
    splits
}
