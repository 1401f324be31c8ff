//! What can be asked about the sum over data points.

use ndarray::Array2;

use crate::error::Error;
use crate::program::Workspace;
use crate::program::code::check_length;
use crate::program::lanes::Over;
use crate::program::lanes::block::{Block, Sought};
use crate::program::lanes::parts::{PARTS, share_out};
use crate::program::{Pattern, colour, pattern};
use crate::real::Real;

/// Blocks in a part at least: a part begins with zeroes and ends with sums for all that the points share.
const PART_BLOCKS: usize = 2;

/// So many blocks are added up in the points' own type of number, sums of them as `f64`: in `f32` alone, millions of points would leave
/// few of the digits.
const BLOCKS_TOGETHER: usize = 16;

/// What is added up.
#[derive(Clone, Copy, PartialEq)]
enum Sweep {
    Values,
    /// The adjoints of each output.
    Adjoints,
    /// The adjoints of the only output, and their tangents.
    Second,
}

/// A part of the sums, over some points: of the outputs; of the adjoints of what the points share, for each output; and of their tangents.
struct Partial {
    outputs: Vec<f64>,
    totals: [Vec<f64>; 2],
}

impl Partial {
    fn add(mut self, other: &Self) -> Self {
        let pairs = [(&mut self.outputs, &other.outputs)];
        let totals = self.totals.iter_mut().zip(&other.totals);
        for (sums, terms) in pairs.into_iter().chain(totals) {
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += term;
            }
        }
        self
    }
}

/// [`Partial`] over all points.
struct Sums<T> {
    outputs: Vec<T>,
    totals: [Vec<T>; 2],
}

impl<'a, T: Real> Over<'a, T> {
    /// The sum of each output over the points.
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point.
    pub fn sum(&self) -> Result<Vec<T>, Error> {
        let shared = self.run_shared()?;
        Ok(self.add_up(&shared, Sweep::Values)?.outputs)
    }

    /// The sum of the only output over the points, and its gradient by the shared inputs.
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point, or there is not one output.
    pub fn sum_and_gradient(&self) -> Result<(T, Vec<T>), Error> {
        self.only_output("sum_and_gradient")?;
        let (sums, jacobian) = self.sum_and_jacobian()?;
        Ok((sums[0], jacobian.into_raw_vec_and_offset().0))
    }

    /// The sum of each output over the points, and the derivatives of each sum (rows) by the shared inputs (columns).
    ///
    /// It takes a sweep over the points, and room for adjoints of all that they share, for each output: it is for few.
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point.
    pub fn sum_and_jacobian(&self) -> Result<(Vec<T>, Array2<T>), Error> {
        let mut shared = self.run_shared()?;
        let sums = self.add_up(&shared, Sweep::Adjoints)?;
        let mut jacobian = Array2::zeros((sums.outputs.len(), self.shared.len()));
        let [totals, _] = &sums.totals;
        let sweeps = totals.chunks(shared.values.len().max(1));
        for (mut row, totals) in jacobian.rows_mut().into_iter().zip(sweeps) {
            let gradient = shared.pull_back_from(totals);
            for (entry, derivative) in row.iter_mut().zip(gradient) {
                *entry = *derivative;
            }
        }
        Ok((sums.outputs, jacobian))
    }

    /// The product of a direction, one number for each shared input, with the Hessian of the only output's sum by the shared inputs.
    ///
    /// ```
    /// use wengert::Program;
    ///
    /// let error = Program::record(|p| (p[0] * p[1] - p[2]).square(), &[1.0; 3])?;
    /// let lanes = error.lanes(1);
    /// let (x, y) = ([1.0, 2.0, 3.0], [0.0, 1.0, 0.0]);
    /// let over = lanes.over(&[0.5], [&x, &y])?;
    /// assert_eq!(over.sum_hvp(&[1.0])?, [2.0 * (1.0 + 4.0 + 9.0)]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point, there is not one output, or `v` has another length than the shared inputs.
    pub fn sum_hvp(&self, v: &[T]) -> Result<Vec<T>, Error> {
        self.only_output("sum_hvp")?;
        check_length("sum_hvp", "tangents", v.len(), self.shared.len())?;
        let mut shared = self.run_shared()?;
        shared.push_forward(v);
        let sums = self.add_up(&shared, Sweep::Second)?;
        let [adjoints, seconds] = &sums.totals;
        Ok(shared.pull_back_twice_from(adjoints, seconds).to_vec())
    }

    /// The Hessian of the only output's sum by the shared inputs.
    ///
    /// It takes as few products as [`Program::hessian_pattern`](crate::Program::hessian_pattern) would tell of the shared inputs; the pattern is
    /// found once.
    ///
    /// # Errors
    ///
    /// As [`Over::sum_hvp`].
    pub fn sum_hessian(&self) -> Result<Array2<T>, Error> {
        self.only_output("sum_hessian")?;
        let pattern = self
            .lanes
            .second
            .hessian
            .get_or_init(|| Pattern::of_hessian(&self.lanes.code, self.shared.len()));
        let products: Vec<Vec<T>> = pattern
            .seeds()
            .map(|ones| self.product(ones))
            .collect::<Result<_, _>>()?;
        Ok(pattern.entries(&products).to_dense())
    }

    /// The diagonal of the Hessian of the only output's sum by the shared inputs.
    ///
    /// It takes a product for each colour of the shared inputs, of which those that meet differ; so one, if none meet.
    ///
    /// # Errors
    ///
    /// As [`Over::sum_hvp`].
    pub fn sum_hessian_diagonal(&self) -> Result<Vec<T>, Error> {
        self.only_output("sum_hessian_diagonal")?;
        let groups = self.lanes.second.diagonal.get_or_init(|| {
            let rows = pattern::hessian(&self.lanes.code, self.shared.len());
            colour::neighbours(&rows).groups()
        });
        let mut diagonal = vec![T::zero(); self.shared.len()];
        for group in groups {
            let product = self.product(group)?;
            for &input in group {
                diagonal[input as usize] = product[input as usize];
            }
        }
        Ok(diagonal)
    }

    /// The product of the Hessian with 1 at some of the shared inputs.
    fn product(&self, ones: &[u32]) -> Result<Vec<T>, Error> {
        let mut direction = vec![T::zero(); self.shared.len()];
        for &input in ones {
            direction[input as usize] = T::one();
        }
        self.sum_hvp(&direction)
    }

    fn add_up(&self, shared: &Workspace<T>, sweep: Sweep) -> Result<Sums<T>, Error> {
        let (lanes, points) = (self.lanes, self.points());
        let (sweeps, orders) = match sweep {
            Sweep::Values => (0, 0),
            Sweep::Adjoints => (lanes.split.outputs.len(), 1),
            Sweep::Second => (1, 2),
        };
        let width = lanes.width();
        let blocks = points.div_ceil(width);
        let each = blocks.div_ceil(PARTS).max(PART_BLOCKS) * width;
        let zeros = |orders: usize| Partial {
            outputs: vec![0.0; lanes.split.outputs.len()],
            totals: [0, 1].map(|order| {
                let sweeps = if order < orders { sweeps } else { 0 };
                vec![0.0; sweeps * shared.values.len()]
            }),
        };
        let of_part = |block: &mut Block<'_, T>, k: usize| -> Result<Partial, Error> {
            let mut sums = zeros(orders);
            let end = points.min((k + 1) * each);
            for first in (k * each..end).step_by(BLOCKS_TOGETHER * width) {
                block.clear_totals(sweeps, orders);
                let last = end.min(first + BLOCKS_TOGETHER * width);
                for start in (first..last).step_by(width) {
                    block.load(&self.columns, start, width.min(last - start));
                    block.forward()?;
                    for (sum, &slot) in sums.outputs.iter_mut().zip(&lanes.split.outputs) {
                        *sum += block.sum_of(slot).as_f64();
                    }
                    match sweep {
                        Sweep::Values => {}
                        Sweep::Adjoints => {
                            for output in 0..sweeps {
                                block.pull_back(Sought::Shared(output));
                            }
                        }
                        Sweep::Second => {
                            block.push_forward();
                            block.pull_back_twice(Sought::Shared(0));
                        }
                    }
                }
                block.add_totals(&mut sums.totals);
            }
            Ok(sums)
        };
        let room = || Block::new(lanes, [&shared.values, &shared.tables.tangents]);
        let found = share_out(points.div_ceil(each), self.parallel, room, of_part)?;
        let all = found.iter().fold(zeros(orders), Partial::add);
        let narrow = |sums: Vec<f64>| sums.into_iter().map(T::of).collect();
        Ok(Sums {
            outputs: narrow(all.outputs),
            totals: all.totals.map(narrow),
        })
    }
}
