//! What can be asked about data points one by one.

use std::sync::Mutex;

use ndarray::{Array2, Array3, s};

use crate::error::Error;
use crate::num::N;
use crate::program::Workspace;
use crate::program::lanes::Lanes;
use crate::program::lanes::block::Block;
use crate::program::lanes::parts::{PARTS, share_out};

/// Data points, at which [`Lanes`] are run.
///
/// Memory does not depend on the number of points, but for what is asked for one by one; [`Lanes`] keep it from one call to the next.
#[derive(Clone, Debug)]
pub struct Over<'a> {
    pub(super) lanes: &'a Lanes,
    pub(super) shared: &'a [f64],
    pub(super) columns: Vec<&'a [f64]>,
    pub(super) parallel: bool,
}

impl<'a> Over<'a> {
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
    pub fn values(&self) -> Result<Array2<f64>, Error> {
        let outputs = self.lanes.outputs.len();
        let mut values = Array2::zeros((self.points(), outputs));
        let rows = values.as_slice_mut().expect("made in C order");
        self.in_parts(rows, outputs, |block, rows| {
            block.forward()?;
            block.write_values(rows, outputs);
            Ok(())
        })?;
        Ok(values)
    }

    /// The derivatives of the only output at each point (rows) by that point's own inputs (columns).
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point, or there is not one output.
    pub fn point_gradients(&self) -> Result<Array2<f64>, Error> {
        self.only_output("point_gradients")?;
        let inputs = self.lanes.inputs;
        let mut gradients = Array2::zeros((self.points(), inputs));
        let rows = gradients.as_slice_mut().expect("made in C order");
        self.in_parts(rows, inputs, |block, rows| {
            block.forward()?;
            block.reverse::<N<f64>, 1>(0, None);
            block.write_gradients(rows, inputs);
            Ok(())
        })?;
        Ok(gradients)
    }

    /// For each point, the derivatives of each output by each of the point's own inputs: points, outputs, inputs.
    ///
    /// For derivatives by all inputs, share none: `program.lanes(0)`.
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point.
    pub fn jacobians(&self) -> Result<Array3<f64>, Error> {
        let (outputs, inputs) = (self.lanes.outputs.len(), self.lanes.inputs);
        let mut jacobians = Array3::zeros((self.points(), outputs, inputs));
        let matrices = jacobians.as_slice_mut().expect("made in C order");
        self.in_parts(matrices, outputs * inputs, |block, matrices| {
            block.forward()?;
            block.write_jacobians(matrices, outputs * inputs);
            Ok(())
        })?;
        Ok(jacobians)
    }

    /// [`Over::values`] and [`Over::jacobians`], which residuals are asked for together, in one run.
    ///
    /// # Errors
    ///
    /// If a branch would go another way at a point.
    pub fn values_and_jacobians(&self) -> Result<(Array2<f64>, Array3<f64>), Error> {
        let (outputs, inputs) = (self.lanes.outputs.len(), self.lanes.inputs);
        // Of each point its values, then its Jacobian: one array, which threads can share out.
        let stride = outputs * (1 + inputs);
        let mut both = Array2::zeros((self.points(), stride));
        let rows = both.as_slice_mut().expect("made in C order");
        self.in_parts(rows, stride, |block, rows| {
            block.forward()?;
            block.write_values(rows, stride);
            block.write_jacobians(&mut rows[outputs..], stride);
            Ok(())
        })?;
        let values = both.slice(s![.., ..outputs]).to_owned();
        let jacobians = both.slice(s![.., outputs..]).to_owned();
        let shape = (self.points(), outputs, inputs);
        let jacobians = jacobians.into_shape_with_order(shape);
        Ok((
            values,
            jacobians.expect("as many numbers as the shape holds"),
        ))
    }

    pub(super) fn only_output(&self, op: &'static str) -> Result<(), Error> {
        match self.lanes.outputs.len() {
            1 => Ok(()),
            outputs => Err(Error::Argument {
                op,
                detail: format!(
                    "the program has {outputs} outputs, and this is about one; use sum_and_jacobian or jacobians"
                ),
            }),
        }
    }

    /// What the points share, computed.
    pub(super) fn shared(&self) -> Result<Workspace, Error> {
        let mut shared = Workspace::new(&self.lanes.shared);
        shared.value(self.shared)?;
        Ok(shared)
    }

    /// Runs `each` on every block, with the block's part of `out`, which has `stride` numbers for each point.
    fn in_parts(
        &self,
        out: &mut [f64],
        stride: usize,
        each: impl Fn(&mut Block<'_>, &mut [f64]) -> Result<(), Error> + Sync,
    ) -> Result<(), Error> {
        let shared = self.shared()?;
        if stride == 0 || out.is_empty() {
            return Ok(());
        }
        let width = self.lanes.width();
        let blocks = self.points().div_ceil(width);
        let part = blocks.div_ceil(PARTS) * width;
        let parts = out.chunks_mut(part * stride).map(Mutex::new);
        let parts: Vec<Mutex<&mut [f64]>> = parts.collect();
        let room = || Block::new(self.lanes, [shared.values(), &[]]);
        share_out(parts.len(), self.parallel, room, |block, k| {
            let mut out = parts[k].lock().expect("each part is taken once");
            for (j, out) in out.chunks_mut(width * stride).enumerate() {
                block.load(&self.columns, k * part + j * width, out.len() / stride);
                each(block, out)?;
            }
            Ok(())
        })?;
        Ok(())
    }
}
