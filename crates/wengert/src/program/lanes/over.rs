//! What can be asked about data points one by one.

use std::fmt;
use std::sync::Mutex;

use ndarray::{Array2, Array3};

use crate::error::Error;
use crate::program::Workspace;
use crate::program::lanes::Lanes;
use crate::program::lanes::block::Block;
use crate::program::lanes::parts::{PARTS, share_out};
use crate::program::pool::Lent;
use crate::real::Real;

/// Data points, at which [`Lanes`] are run.
///
/// Memory does not depend on the number of points, but for what is asked for one by one; [`Lanes`] keep it from one call to the next.
///
/// ```
/// use wengert::Program;
///
/// let product = Program::record(|p| p[0] * p[1].exp(), &[1.0; 2])?;
/// let lanes = product.lanes(1); // p[0] is the same for all points
/// let columns = [[0.0, 1.0, 2.0]]; // p[1] of three points
/// let over = lanes.over(&[3.0], &columns)?.parallel();
/// assert_eq!(over.values()?.shape(), [3, 1]);
/// assert_eq!(over.sum()?[0], over.values()?.sum());
/// assert_eq!(over.point_gradients()?, over.values()?); // by p[1]
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone)]
pub struct Over<'a, T: Real = f64> {
    pub(super) lanes: &'a Lanes<T>,
    pub(super) shared: &'a [T],
    pub(super) columns: Vec<&'a [T]>,
    pub(super) parallel: bool,
}

impl<T: Real> fmt::Debug for Over<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Over")
            .field("lanes", self.lanes)
            .field("points", &self.points())
            .field("parallel", &self.parallel)
            .finish_non_exhaustive()
    }
}

impl<'a, T: Real> Over<'a, T> {
    /// Uses rayon's threads; every result has the same bits as without them.
    #[must_use]
    pub fn parallel(mut self) -> Self {
        self.parallel = true;
        self
    }

    /// The number of points.
    pub fn points(&self) -> usize {
        self.columns.first().map_or(0, |column| column.len())
    }

    /// Each output (columns) at each point (rows).
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point.
    pub fn values(&self) -> Result<Array2<T>, Error> {
        let mut values = Array2::zeros((self.points(), self.lanes.split.outputs.len()));
        let rows = values.as_slice_mut().expect(IN_C_ORDER);
        self.in_parts([rows], |block, [rows]| block.write_values(rows))?;
        Ok(values)
    }

    /// The derivatives of the only output at each point (rows) by that point's own inputs (columns) but [data](Lanes::with_data).
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point, or there is not one output.
    pub fn point_gradients(&self) -> Result<Array2<T>, Error> {
        self.only_output("point_gradients")?;
        let mut gradients = Array2::zeros((self.points(), self.lanes.split.sought()));
        let rows = gradients.as_slice_mut().expect(IN_C_ORDER);
        self.in_parts([rows], |block, [rows]| block.write_jacobians(rows))?;
        Ok(gradients)
    }

    /// For each point, the derivatives of each output by each of the point's own inputs but [data](Lanes::with_data): points, outputs,
    /// inputs.
    ///
    /// Those by shared inputs are [`Over::jacobians_by_shared`].
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point.
    pub fn jacobians(&self) -> Result<Array3<T>, Error> {
        let mut jacobians = self.no_jacobians();
        let matrices = jacobians.as_slice_mut().expect(IN_C_ORDER);
        self.in_parts([matrices], |block, [matrices]| {
            block.write_jacobians(matrices);
        })?;
        Ok(jacobians)
    }

    /// For each point, the derivatives of each output by each of the shared inputs: points, outputs, shared inputs.
    ///
    /// Residuals of a fit, whose parameters all points share, are to be had so, and their Jacobian is this one's first two axes as one. Where
    /// the gradient of a sum is sought, [`Over::sum_and_gradient`] needs a part of the time and no such array.
    ///
    /// ```
    /// use ndarray::arr3;
    /// use wengert::Program;
    ///
    /// // What a line lacks to a point: two parameters, then x and y.
    /// let lacks = Program::record(|p| p[3] - (p[0] * p[2] + p[1]), &[1.0; 4])?;
    /// let lanes = lacks.lanes(2);
    /// let over = lanes.over(&[2.0, 0.0], [&[0.0, 1.0, 2.0], &[1.0, 3.0, 5.0]])?;
    /// let found = over.jacobians_by_shared()?;
    /// assert_eq!(found, arr3(&[[[0.0, -1.0]], [[-1.0, -1.0]], [[-2.0, -1.0]]]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point.
    pub fn jacobians_by_shared(&self) -> Result<Array3<T>, Error> {
        let lanes = self.lanes.sharing_nothing();
        let same = self.shared.iter().map(|&x| vec![x; self.points()]);
        let same: Vec<Vec<T>> = same.collect();
        let columns = same.iter().map(Vec::as_slice);
        let over = Over {
            lanes: &lanes,
            shared: &[],
            columns: columns.chain(self.columns.iter().copied()).collect(),
            parallel: self.parallel,
        };
        over.jacobians()
    }

    /// [`Over::values`] and [`Over::jacobians`], which residuals are asked for together, in one run.
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point.
    pub fn values_and_jacobians(&self) -> Result<(Array2<T>, Array3<T>), Error> {
        let mut values = Array2::zeros((self.points(), self.lanes.split.outputs.len()));
        let mut jacobians = self.no_jacobians();
        let rows = values.as_slice_mut().expect(IN_C_ORDER);
        let matrices = jacobians.as_slice_mut().expect(IN_C_ORDER);
        self.in_parts([rows, matrices], |block, [rows, matrices]| {
            block.write_values(rows);
            block.write_jacobians(matrices);
        })?;
        Ok((values, jacobians))
    }

    fn no_jacobians(&self) -> Array3<T> {
        let (outputs, inputs) = (self.lanes.split.outputs.len(), self.lanes.split.sought());
        Array3::zeros((self.points(), outputs, inputs))
    }

    pub(super) fn only_output(&self, op: &'static str) -> Result<(), Error> {
        let advice = "sum_and_jacobian and jacobians take several";
        self.lanes.code.only_output(op, advice).map(drop)
    }

    /// What the points share, computed.
    pub(super) fn run_shared(&self) -> Result<Lent<'a, Workspace<T>>, Error> {
        let lanes = self.lanes;
        let new = || Workspace::new(&lanes.split.shared, &lanes.constants);
        let mut shared = lanes.workspaces.lend(new);
        shared.value(self.shared)?;
        Ok(shared)
    }

    /// Runs forward over every block, and then `each`, with the block's part of each of `outs`, in which all points have
    /// equally many numbers.
    fn in_parts<const K: usize>(
        &self,
        mut outs: [&mut [T]; K],
        each: impl Fn(&mut Block<'_, T>, [&mut [T]; K]) + Sync,
    ) -> Result<(), Error> {
        let shared = self.run_shared()?;
        let all = self.points();
        if all == 0 {
            return Ok(());
        }
        let width = self.lanes.width();
        let strides = outs.each_ref().map(|out| out.len() / all);
        let part = all.div_ceil(width).div_ceil(PARTS) * width;
        let starts = (0..all).step_by(part);
        let parts: Vec<Mutex<[&mut [T]; K]>> = starts
            .map(|start| Mutex::new(split_off(&mut outs, strides, part.min(all - start))))
            .collect();
        let room = || Block::new(self.lanes, [&shared.values, &[]]);
        share_out(parts.len(), self.parallel, room, |block, k| {
            let mut outs = parts[k].lock().expect("each part is taken once");
            for start in (k * part..all.min((k + 1) * part)).step_by(width) {
                let points = width.min(all - start);
                block.load(&self.columns, start, points);
                block.forward()?;
                each(block, split_off(&mut outs, strides, points));
            }
            Ok(())
        })?;
        Ok(())
    }
}

/// The numbers of the first points.
fn split_off<'o, T, const K: usize>(
    outs: &mut [&'o mut [T]; K],
    strides: [usize; K],
    points: usize,
) -> [&'o mut [T]; K] {
    std::array::from_fn(|k| {
        let first = outs[k].split_off_mut(..points * strides[k]);
        first.expect("every point has its numbers")
    })
}

const IN_C_ORDER: &str = "made in C order";
