//! Running a program over many data points.
//!
//! The points are taken in blocks, and every instruction runs over a whole block before the next one does: one
//! dispatch for many numbers, which lie side by side and go through the processor's widest registers. What
//! depends on shared inputs alone is computed once; its adjoints are summed over the points.

mod aligned;
mod block;
pub(super) mod kernels;
mod over;
mod parts;
mod point_sum;
mod split;
mod sums;
mod totals;

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::error::Error;
use crate::program::code::check_length;
use crate::program::lanes::block::Scratches;
use crate::program::lanes::sums::PointTerm;
use crate::program::{Code, Guarded, Pattern, Program, Run};

pub use over::Over;
pub use point_sum::PointSum;

/// Points in a block at most; blocks are multiples of [`LANES`].
const WIDEST: usize = 64;
/// Partial sums of what the points share, so that a sum has no chain of additions.
pub(super) const LANES: usize = 8;
/// What the numbers of a block may take: they are read and written many times, and should stay in the second cache.
const BLOCK_BYTES: usize = 1 << 21;
/// Outputs whose adjoints are found together, at most.
const MOST_OUTPUTS: usize = 8;
/// The slot is that of a number that all points share.
const SHARED: u32 = 1 << 31;
/// By which inputs a number has derivatives: bits, of which data have none.
type Movers = u8;
const BY_SHARED: Movers = 1;
/// By a point's own inputs.
const BY_OWN: Movers = 2;

/// What an adjoint is handed on to.
#[derive(Clone, Copy, Debug, Default)]
struct Target {
    /// No contribution comes before: this one is written where others are added, and so nothing need be zeroed before.
    is_first: bool,
    movers: Movers,
}

/// A [`Program`] split into what all data points share and what each point computes; see [`Program::lanes`].
#[derive(Clone)]
pub struct Lanes {
    /// What the points share, as a program whose outputs are not asked for.
    shared: Arc<Code>,
    /// As a program's. Each input of a point has a slot, then each of its instructions.
    args: Vec<[u32; 3]>,
    /// The terms of all sums.
    terms: Vec<PointTerm>,
    /// The arguments of each instruction but a sum.
    targets: Vec<[Target; 3]>,
    runs: Vec<PointRun>,
    inputs: usize,
    /// How many of the inputs, the last ones, have no derivatives.
    data: usize,
    outputs: Vec<u32>,
    /// Slots of points to which no contribution comes.
    untouched: Vec<u32>,
    guards: Vec<Guarded>,
    /// The program that was split.
    code: Arc<Code>,
    second: Second,
    scratches: Scratches,
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("shared", &self.shared.inputs)
            .field("inputs", &self.inputs)
            .field("data", &self.data)
            .field("outputs", &self.outputs.len())
            .finish_non_exhaustive()
    }
}

/// Instructions of one kind, of which all or none depend on a shared input.
#[derive(Clone, Copy, Debug)]
struct PointRun {
    run: Run,
    /// Of all results.
    movers: Movers,
}

/// In which products second derivatives by the shared inputs are found, once somebody asks.
#[derive(Clone, Debug, Default)]
struct Second {
    hessian: OnceLock<Pattern>,
    /// For each product, where its direction is 1.
    diagonal: OnceLock<Vec<Vec<u32>>>,
}

impl Program {
    /// The program split for many data points, whose first `shared` inputs are the same for all.
    ///
    /// ```
    /// use wengert::Program;
    ///
    /// // The squared error of a line at a point: two parameters, then x and y.
    /// let error = Program::record(|p| (p[0] * p[2] + p[1] - p[3]).square(), &[1.0; 4])?;
    /// let lanes = error.lanes(2);
    /// let (x, y) = ([0.0, 1.0, 2.0], [1.0, 3.0, 5.0]);
    /// let (sum, gradient) = lanes.over(&[2.0, 0.0], &[&x, &y])?.sum_and_gradient()?;
    /// assert_eq!(sum, 3.0);
    /// assert_eq!(gradient, [-6.0, -6.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the program has fewer inputs.
    #[track_caller]
    #[must_use]
    pub fn lanes(&self, shared: usize) -> Lanes {
        assert!(
            shared <= self.inputs(),
            "lanes: {shared} shared inputs of a program with {}",
            self.inputs()
        );
        Lanes::of(&self.code, shared, 0)
    }
}

impl Lanes {
    /// The last `count` inputs of each point are data: nobody differentiates by them, so derivatives by a point's own inputs
    /// leave them out.
    ///
    /// That saves their columns, and the adjoints of what nothing else moves. Sums and their derivatives by the shared inputs do not change.
    ///
    /// ```
    /// use wengert::Program;
    ///
    /// // How far a place on a circle, of which the angle and the radius are sought, is from where it was seen.
    /// let error = Program::record(|p| [p[1] * p[0].cos() - p[2], p[1] * p[0].sin() - p[3]], &[0.5; 4])?;
    /// let lanes = error.lanes(0).with_data(2);
    /// let columns = [[0.0, 0.5], [1.0, 2.0], [1.1, 1.9], [0.2, 0.9]];
    /// let (errors, jacobians) = lanes.over(&[], &columns)?.values_and_jacobians()?;
    /// assert_eq!(errors.shape(), [2, 2]); // points, outputs
    /// assert_eq!(jacobians.shape(), [2, 2, 2]); // points, outputs, and the inputs that are no data
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If a point has fewer inputs of its own.
    #[track_caller]
    #[must_use]
    pub fn with_data(&self, count: usize) -> Self {
        assert!(
            count <= self.inputs,
            "with_data: {count} of a point's inputs are data, and it has {}",
            self.inputs
        );
        Self::of(&self.code, self.shared.inputs, count)
    }

    /// The points: a number for each shared input, and for each other input a column with a number for each point.
    ///
    /// Columns are slices, arrays or vectors.
    ///
    /// # Errors
    ///
    /// If the numbers or the columns are more or fewer than the inputs, or the columns differ in length.
    pub fn over<'a, C: AsRef<[f64]> + ?Sized + 'a>(
        &'a self,
        shared: &'a [f64],
        columns: impl IntoIterator<Item = &'a C>,
    ) -> Result<Over<'a>, Error> {
        let columns: Vec<&[f64]> = columns.into_iter().map(AsRef::as_ref).collect();
        check_length("over", "shared inputs", shared.len(), self.shared.inputs)?;
        check_length("over", "columns", columns.len(), self.inputs)?;
        if columns.is_empty() {
            return Err(Error::Argument {
                op: "over",
                detail: "all inputs are shared, so no column says how many points there are; share fewer".to_owned(),
            });
        }
        if let Some(other) = columns
            .iter()
            .find(|column| column.len() != columns[0].len())
        {
            return Err(Error::Argument {
                op: "over",
                detail: format!(
                    "columns of {} and {} points; all must have the same length",
                    columns[0].len(),
                    other.len()
                ),
            });
        }
        Ok(Over {
            lanes: self,
            shared,
            columns,
            parallel: false,
        })
    }

    fn shared_inputs(&self) -> usize {
        self.shared.inputs
    }

    fn args_of(&self, run: &Run) -> &[[u32; 3]] {
        &self.args[run.start as usize..run.end as usize]
    }

    /// A point's own inputs, by which there are derivatives.
    fn sought(&self) -> usize {
        self.inputs - self.data
    }

    /// Where a run's results begin.
    fn slot_of(&self, run: &Run) -> usize {
        self.inputs + run.start as usize
    }

    /// How many points go together.
    fn width(&self) -> usize {
        let slots = self.inputs + self.args.len();
        let fit = BLOCK_BYTES / (2 * size_of::<f64>() * slots.max(1));
        (fit / LANES * LANES).clamp(LANES, WIDEST)
    }

    /// Of how many outputs the adjoints are found in one sweep, which computes partials once for all of them.
    fn outputs_together(&self) -> usize {
        let slots = self.inputs + self.args.len();
        let fit = BLOCK_BYTES / (size_of::<f64>() * slots.max(1) * self.width());
        fit.saturating_sub(1).clamp(1, MOST_OUTPUTS)
    }
}

/// The numbers of a few points, side by side.
pub(super) type Few = [f64; LANES];

#[inline(always)]
fn add(sums: &mut Few, terms: &Few) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += term;
    }
}
