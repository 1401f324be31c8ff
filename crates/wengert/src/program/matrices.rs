//! Jacobians and Hessians of a program: several products at a time.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::error::Error;
use crate::program::tables::cleared;
use crate::program::{Workspace, colour, pattern};
use crate::real::Real;

impl<T: Real> Workspace<T> {
    /// The derivatives of each output (rows) by each input (columns) at `x`: in reverse if there are no more outputs than inputs, else forwards.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`].
    pub fn jacobian(&mut self, x: &[T]) -> Result<ArrayView2<'_, T>, Error> {
        self.jacobian_by(x, 0..self.code.inputs)
    }

    /// The outputs and [`Workspace::jacobian`] at `x`, which residuals are asked for together.
    ///
    /// ```
    /// use wengert::Program;
    ///
    /// let program = Program::record(|x| [x[0] * x[1], x[0].exp()], &[1.0; 2])?;
    /// let mut workspace = program.workspace();
    /// let (values, jacobian) = workspace.value_and_jacobian(&[0.0, 3.0])?;
    /// assert_eq!(values, [0.0, 1.0]);
    /// assert_eq!(jacobian, ndarray::arr2(&[[3.0, 0.0], [1.0, 0.0]]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`].
    pub fn value_and_jacobian(&mut self, x: &[T]) -> Result<(&[T], ArrayView2<'_, T>), Error> {
        self.jacobian(x)?;
        self.write_outputs();
        let shape = (self.code.outputs.len(), self.code.inputs);
        Ok((&self.results, view(&self.matrix, shape)))
    }

    /// The derivatives of each output (rows) by some of the inputs (columns) at `x`, as [`Workspace::jacobian`] finds them; several rows or
    /// columns at a time.
    ///
    /// The other inputs are data: a program that takes them as inputs need not be recorded again for others.
    ///
    /// ```
    /// use wengert::Program;
    ///
    /// // What a line of two parameters lacks to three points.
    /// let errors = |x: &[wengert::Var]| [0, 1, 2].map(|i| x[2 + i] - (x[0] * i as f64 + x[1]));
    /// let program = Program::record(errors, &[1.0; 5])?;
    /// let mut workspace = program.workspace();
    /// let jacobian = workspace.jacobian_by(&[0.5, 1.0, 0.9, 1.6, 2.1], 0..2)?;
    /// assert_eq!(jacobian, ndarray::arr2(&[[0.0, -1.0], [-1.0, -1.0], [-2.0, -1.0]]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if there are not so many inputs.
    pub fn jacobian_by(
        &mut self,
        x: &[T],
        inputs: Range<usize>,
    ) -> Result<ArrayView2<'_, T>, Error> {
        if inputs.start > inputs.end || inputs.end > self.code.inputs {
            return Err(Error::Argument {
                op: "jacobian_by",
                detail: format!(
                    "inputs {} to {} were asked for, and the program has {}",
                    inputs.start, inputs.end, self.code.inputs
                ),
            });
        }
        self.run(x)?;
        let (rows, columns) = (self.code.outputs.len(), inputs.len());
        self.make_units(rows.max(inputs.end));
        let (code, values, units) = (&self.code, &self.values, &self.units);
        let matrix = cleared(&mut self.matrix, rows * columns);
        if rows <= columns {
            let write = |group: Range<usize>, adjoints: &[T], stride| {
                for (lane, row) in group.enumerate() {
                    let row = &mut matrix[row * columns..][..columns];
                    for (entry, input) in row.iter_mut().zip(inputs.clone()) {
                        *entry = adjoints[input * stride + lane];
                    }
                }
            };
            self.tables.vjps(code, values, &units[..rows], write);
        } else if columns > 0 {
            let write = |group: Range<usize>, tangents: &[T], stride| {
                for (row, &slot) in matrix.chunks_exact_mut(columns).zip(&code.outputs) {
                    let tangents = &tangents[slot as usize * stride..][..group.len()];
                    row[group.clone()].copy_from_slice(tangents);
                }
            };
            self.tables.jvps(code, values, &units[inputs], write);
        }
        Ok(view(&self.matrix, (rows, columns)))
    }

    fn make_units(&mut self, count: usize) {
        let more = self.units.len() as u32..count as u32;
        self.units.extend(more.map(|k| [k]));
    }

    /// The second derivatives of the only output at `x`: a product for each input, several at a time.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if there is not one output.
    pub fn hessian(&mut self, x: &[T]) -> Result<ArrayView2<'_, T>, Error> {
        let output = self.only_output("hessian")?;
        self.run(x)?;
        let n = self.code.inputs;
        self.make_units(n);
        let (code, values, units) = (&self.code, &self.values, &self.units[..n]);
        let matrix = cleared(&mut self.matrix, n * n);
        let write = |row, lane, products: &[T::Few]| {
            let row: &mut [T] = &mut matrix[row * n..][..n];
            for (entry, product) in row.iter_mut().zip(products) {
                *entry = product[lane];
            }
        };
        self.tables.hvps(code, values, output, units, write);
        Ok(view(&self.matrix, (n, n)))
    }

    /// The second derivative of the only output by each input at `x`: the diagonal of the Hessian.
    ///
    /// It takes a product for each colour of the inputs, of which those that meet differ; so one, if none meet. The colours are found at the
    /// first call.
    ///
    /// ```
    /// use wengert::Program;
    ///
    /// let chain = Program::record(|x| x[0].powi(3) * x[1] + x[1].exp(), &[0.5; 2])?;
    /// assert_eq!(chain.workspace().hessian_diagonal(&[2.0, 0.0])?, [0.0, 1.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if there is not one output.
    pub fn hessian_diagonal(&mut self, x: &[T]) -> Result<&[T], Error> {
        let output = self.only_output("hessian_diagonal")?;
        self.run(x)?;
        let (code, values) = (&self.code, &self.values);
        let seeds = self.diagonal.get_or_insert_with(|| {
            let rows = pattern::hessian(code, code.inputs);
            colour::neighbours(&rows).groups()
        });
        let diagonal = cleared(&mut self.results, x.len());
        let write = |colour: usize, lane, product: &[T::Few]| {
            for &input in &seeds[colour] {
                diagonal[input as usize] = product[input as usize][lane];
            }
        };
        self.tables.hvps(code, values, output, seeds, write);
        Ok(&self.results)
    }
}

/// A matrix of so many rows and columns, its entries row by row.
fn view<T>(entries: &[T], shape: (usize, usize)) -> ArrayView2<'_, T> {
    ArrayView2::from_shape(shape, entries).expect("a number for each entry")
}
