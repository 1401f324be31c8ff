//! Running a program over many data points.
//!
//! The points are taken in blocks, and every instruction runs over a whole block before the next one does: one
//! dispatch for many numbers, which lie side by side and go through the processor's widest registers. What
//! depends on shared inputs alone is computed once; its adjoints are summed over the points.

mod aligned;
pub(super) mod block;
pub(super) mod kernels;
mod over;
mod parts;
mod point_sum;
mod scratch;
mod split;
mod sums;
mod totals;
pub(super) mod write;

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::error::Error;
use crate::program::code::check_length;
use crate::program::lanes::scratch::Scratch;
use crate::program::lanes::split::Split;
use crate::program::pool::Pool;
use crate::program::{Code, Pattern, Program, Workspace};
use crate::real::Real;

pub(super) use block::{Block, Sought};
pub use over::Over;
pub use point_sum::PointSum;

/// Points in a block at most; blocks are multiples of [`Wide::LANES`](crate::program::wide::Wide::LANES).
const WIDEST: usize = 64;
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
pub struct Lanes<T: Real = f64> {
    split: Split,
    /// The program that was split.
    code: Arc<Code>,
    constants: Arc<[T]>,
    second: Arc<Second>,
    scratches: Pool<Scratch<T>>,
    /// For what the points share.
    workspaces: Pool<Workspace<T>>,
}

impl<T: Real> fmt::Debug for Lanes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("shared", &self.split.shared.inputs)
            .field("inputs", &self.split.inputs)
            .field("data", &self.split.data)
            .field("outputs", &self.split.outputs.len())
            .finish_non_exhaustive()
    }
}

/// In which products second derivatives by the shared inputs are found, once somebody asks.
#[derive(Debug, Default)]
struct Second {
    hessian: OnceLock<Pattern>,
    /// For each product, where its direction is 1.
    diagonal: OnceLock<Vec<Vec<u32>>>,
}

impl<T: Real> Program<T> {
    /// The program split for many data points, whose first `shared` inputs are the same for all.
    ///
    /// ```
    /// use wengert::Program;
    ///
    /// // The squared error of a line at a point: two parameters, then x and y.
    /// let error = Program::record(|p| (p[0] * p[2] + p[1] - p[3]).square(), &[1.0; 4])?;
    /// let lanes = error.lanes(2);
    /// let (x, y) = ([0.0, 1.0, 2.0], [1.0, 3.0, 5.0]);
    /// let (sum, gradient) = lanes.over(&[2.0, 0.0], [&x, &y])?.sum_and_gradient()?;
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
    pub fn lanes(&self, shared: usize) -> Lanes<T> {
        assert!(
            shared <= self.inputs(),
            "lanes: {shared} shared inputs of a program with {}",
            self.inputs()
        );
        Lanes::of(&self.code, &self.constants, shared, 0)
    }
}

impl<T: Real> Lanes<T> {
    fn of(code: &Arc<Code>, constants: &Arc<[T]>, shared: usize, data: usize) -> Self {
        Self {
            split: Split::of(code, shared, data),
            code: Arc::clone(code),
            constants: Arc::clone(constants),
            second: Arc::default(),
            scratches: Pool::default(),
            workspaces: Pool::default(),
        }
    }

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
            count <= self.split.inputs,
            "with_data: {count} of a point's inputs are data, and it has {}",
            self.split.inputs
        );
        Self {
            second: Arc::clone(&self.second),
            ..Self::of(&self.code, &self.constants, self.shared_inputs(), count)
        }
    }

    /// The points: a number for each shared input, and for each other input a column with a number for each point.
    ///
    /// Columns are slices, arrays `[T; N]` or vectors. Of an ndarray with a row for each point they are
    /// `data.columns().into_iter().map(|column| column.to_vec())`, collected.
    ///
    /// # Errors
    ///
    /// If the numbers or the columns are more or fewer than the inputs, or the columns differ in length.
    pub fn over<'a, C: AsRef<[T]> + ?Sized + 'a>(
        &'a self,
        shared: &'a [T],
        columns: impl IntoIterator<Item = &'a C>,
    ) -> Result<Over<'a, T>, Error> {
        let columns: Vec<&[T]> = columns.into_iter().map(AsRef::as_ref).collect();
        check_length("over", "shared inputs", shared.len(), self.shared_inputs())?;
        let what = "columns, one for each input that is not shared,";
        check_length("over", what, columns.len(), self.split.inputs)?;
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

    /// The same program where every input is a point's own, with derivatives by those that are shared here.
    fn sharing_nothing(&self) -> Self {
        Self::of(&self.code, &self.constants, 0, self.split.inputs)
    }

    fn shared_inputs(&self) -> usize {
        self.split.shared.inputs
    }

    /// How many points go together.
    fn width(&self) -> usize {
        let fit = BLOCK_BYTES / (2 * size_of::<T>() * self.split.slots().max(1));
        (fit / T::LANES * T::LANES).clamp(T::LANES, WIDEST)
    }

    /// Of how many outputs the adjoints are found in one sweep, which computes partials once for all of them.
    fn outputs_together(&self) -> usize {
        let fit = BLOCK_BYTES / (size_of::<T>() * self.split.slots().max(1) * self.width());
        fit.saturating_sub(1).clamp(1, MOST_OUTPUTS)
    }
}

#[inline(always)]
fn add<T: Real>(sums: &mut T::Few, terms: &T::Few) {
    for (sum, &term) in sums.as_mut().iter_mut().zip(terms.as_ref()) {
        *sum += term;
    }
}
