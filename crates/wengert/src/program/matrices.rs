//! Jacobians and Hessians of a program: several products at a time.

use std::ops::{IndexMut, Range};
use std::sync::Arc;

use ndarray::ArrayView2;

use crate::error::Error;
use crate::program::sums::Along;
use crate::program::{Workspace, colour, pattern};
use crate::real::Real;

impl<T: Real> Workspace<T> {
    /// The derivatives of each output (rows) by each input (columns) at `x`, forwards or in reverse, for whichever there are fewer.
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
        self.take_outputs();
        let shape = (self.code.outputs.len(), self.code.inputs);
        Ok((&self.results, view(&self.matrix, shape)))
    }

    /// The derivatives of each output (rows) by some of the inputs (columns) at `x`; forwards, eight columns at a time, if those are fewer than
    /// the outputs.
    ///
    /// The other inputs are data: a program that takes them as inputs need not be recorded again for others.
    ///
    /// ```
    /// use wengert::Program;
    ///
    /// // What a line of two parameters lacks to three points.
    /// let errors = |x: &[wengert::Var]| [0, 1, 2].map(|i| x[2 + i] - (x[0] * i as f64 + x[1]));
    /// let program = Program::record(errors, &[1.0; 5])?;
    /// let jacobian = program.workspace().jacobian_by(&[0.5, 1.0, 0.9, 1.6, 2.1], 0..2)?;
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
        let units = self.units(rows.max(inputs.end));
        let mut matrix = std::mem::take(&mut self.matrix);
        cleared(&mut matrix, rows * columns);
        if rows <= columns {
            self.vjps(&units[..rows], |group, adjoints, stride| {
                for (lane, row) in group.enumerate() {
                    let row = &mut matrix[row * columns..][..columns];
                    for (entry, input) in row.iter_mut().zip(inputs.clone()) {
                        *entry = adjoints[input * stride + lane];
                    }
                }
            });
        } else if columns > 0 {
            let code = Arc::clone(&self.code);
            self.jvps(&units[inputs], |group, tangents, stride| {
                for (row, &slot) in matrix.chunks_exact_mut(columns).zip(&code.outputs) {
                    let tangents = &tangents[slot as usize * stride..][..group.len()];
                    row[group.clone()].copy_from_slice(tangents);
                }
            });
        }
        (self.units, self.matrix) = (units, matrix);
        Ok(view(&self.matrix, (rows, columns)))
    }

    /// So many units, or more. They are to be given back.
    fn units(&mut self, count: usize) -> Vec<[u32; 1]> {
        let mut units = std::mem::take(&mut self.units);
        units.extend((units.len() as u32..count as u32).map(|k| [k]));
        units
    }

    /// The tangents, where the last run was, along several directions, each of which is given by the inputs where it is 1.
    ///
    /// `each` gets some of the directions, the tangents of all slots along the first of these and then the others, and how many numbers
    /// after a slot's first tangent that of the next slot stands.
    pub(super) fn jvps(
        &mut self,
        directions: &[impl AsRef<[u32]>],
        mut each: impl FnMut(Range<usize>, &[T], usize),
    ) {
        for (k, group) in directions.chunks(T::LANES).enumerate() {
            let first = k * T::LANES;
            if let [only] = group {
                cleared(&mut self.tangents, self.code.slots());
                for &input in only.as_ref() {
                    self.tangents[input as usize] = T::one();
                }
                T::push(&self.code, &self.values, &mut self.tangents);
                each(first..first + 1, &self.tangents, 1);
                continue;
            }
            let (code, values) = (&self.code, &self.values);
            let tangents = self
                .directions
                .tangents(code, values, |tangents| plant::<T>(group, tangents));
            each(first..first + group.len(), T::flat(tangents), T::LANES);
        }
    }

    /// The adjoints of the inputs, where the last run was, for several seeds, each of which is given by the outputs where it is 1; as
    /// [`Workspace::jvps`] gives tangents.
    pub(super) fn vjps(
        &mut self,
        seeds: &[impl AsRef<[u32]>],
        mut each: impl FnMut(Range<usize>, &[T], usize),
    ) {
        let mut first = 0;
        while first < seeds.len() {
            let group = &seeds[first..seeds.len().min(first + T::LANES)];
            let (code, values) = (&self.code, &self.values);
            // Two cost little more than one; the widest registers are slow to load and store for so few.
            let count = match group.len() {
                1 => {
                    let adjoints = cleared(&mut self.adjoints, code.slots());
                    for &output in group[0].as_ref() {
                        adjoints[code.outputs[output as usize] as usize] += T::one();
                    }
                    T::pull(code, values, adjoints);
                    each(first..first + 1, &adjoints[..code.inputs], 1);
                    1
                }
                2 | 3 => {
                    let pairs = cleared(&mut self.pairs, code.slots());
                    plant_outputs(&code.outputs, &group[..2], pairs);
                    T::pull_two(code, values, pairs);
                    let adjoints = pairs[..code.inputs].as_flattened();
                    each(first..first + 2, adjoints, 2);
                    2
                }
                all => {
                    let plant =
                        |adjoints: &mut [_]| plant_outputs::<T, _>(&code.outputs, group, adjoints);
                    let adjoints = self.directions.adjoints(code, values, plant);
                    each(first..first + all, T::flat(adjoints), T::LANES);
                    all
                }
            };
            first += count;
        }
    }

    /// The second derivatives of the only output at `x`: a product for each input, eight at a time.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if there is not one output.
    pub fn hessian(&mut self, x: &[T]) -> Result<ArrayView2<'_, T>, Error> {
        self.only_output("hessian")?;
        self.run(x)?;
        let n = self.code.inputs;
        let (units, mut matrix) = (self.units(n), std::mem::take(&mut self.matrix));
        cleared(&mut matrix, n * n);
        let found = self.hvps(&units[..n], |row, lane, products| {
            let row = &mut matrix[row * n..][..n];
            for (entry, product) in row.iter_mut().zip(products) {
                *entry = product[lane];
            }
        });
        (self.units, self.matrix) = (units, matrix);
        found?;
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
        self.only_output("hessian_diagonal")?;
        self.run(x)?;
        let code = self.code();
        let seeds = self.diagonal.get_or_init(|| {
            let rows = pattern::hessian(code, code.inputs);
            Arc::new(colour::neighbours(&rows).groups())
        });
        let seeds = Arc::clone(seeds);
        let mut diagonal = std::mem::take(&mut self.results);
        cleared(&mut diagonal, x.len());
        let found = self.hvps(&seeds, |colour, lane, product| {
            for &input in &seeds[colour] {
                diagonal[input as usize] = product[input as usize][lane];
            }
        });
        self.results = diagonal;
        found?;
        Ok(&self.results)
    }

    /// The products of the only output's Hessian, where the last run was, with several directions, each of which is given by the
    /// inputs where it is 1; `each` gets a direction, its place among those of its group, and the group's products.
    pub(super) fn hvps(
        &mut self,
        directions: &[impl AsRef<[u32]>],
        mut each: impl FnMut(usize, usize, &[T::Few]),
    ) -> Result<(), Error> {
        let output = self.only_output("hvp")?;
        for (k, group) in directions.chunks(T::LANES).enumerate() {
            let (code, values) = (&self.code, &self.values);
            let seed = |tangents: &mut [_]| plant::<T>(group, tangents);
            let products = self.directions.products(code, values, output, seed);
            for lane in 0..group.len() {
                each(k * T::LANES + lane, lane, products);
            }
        }
        Ok(())
    }
}

/// A matrix of so many rows and columns, its entries row by row.
fn view<T>(entries: &[T], shape: (usize, usize)) -> ArrayView2<'_, T> {
    ArrayView2::from_shape(shape, entries).expect("a number for each entry")
}

/// The table, of so many zeros.
fn cleared<T, V: Along<T>>(table: &mut Vec<V>, len: usize) -> &mut [V] {
    table.clear();
    table.resize(len, V::none());
    table
}

/// Adds 1 to the adjoint of each output that a seed names.
fn plant_outputs<T: Real, V: IndexMut<usize, Output = T>>(
    outputs: &[u32],
    seeds: &[impl AsRef<[u32]>],
    adjoints: &mut [V],
) {
    for (lane, ones) in seeds.iter().enumerate() {
        for &output in ones.as_ref() {
            adjoints[outputs[output as usize] as usize][lane] += T::one();
        }
    }
}

/// Writes 1 into each direction's tangents of the inputs that it names.
fn plant<T: Real>(directions: &[impl AsRef<[u32]>], tangents: &mut [T::Few]) {
    for (lane, ones) in directions.iter().enumerate() {
        for &input in ones.as_ref() {
            tangents[input as usize][lane] = T::one();
        }
    }
}
