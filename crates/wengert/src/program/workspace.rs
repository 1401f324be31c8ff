//! Running a program at one input: memory that one run leaves to the next.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ndarray::Array2;

use crate::error::Error;
use crate::program::code::{Code, branch_changed, check_length};
use crate::program::directions::Directions;
use crate::real::Real;

/// A [`Program`](crate::Program)'s memory: what one run has used, the next one uses again.
///
/// Results are borrowed from it until the next run.
///
/// ```
/// use wengert::Program;
///
/// let program = Program::record(|x| x[0] * x[0], &[1.0])?;
/// let mut workspace = program.workspace();
/// for x in [1.0, 2.0, 3.0] {
///     let (value, gradient) = workspace.value_and_gradient(&[x])?;
///     assert_eq!((value, gradient), (x * x, [2.0 * x].as_slice()));
/// }
/// # Ok::<(), wengert::Error>(())
/// ```
pub struct Workspace<T: Real = f64> {
    code: Arc<Code>,
    values: Vec<T>,
    tangents: Vec<T>,
    adjoints: Vec<T>,
    /// The tangents of the adjoints.
    second: Vec<T>,
    results: Vec<T>,
    directions: Directions<T>,
    /// In which products the Hessian's diagonal is found, once somebody asks.
    pub(super) diagonal: OnceLock<Arc<Vec<Vec<u32>>>>,
}

impl<T: Real> fmt::Debug for Workspace<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace")
            .field("inputs", &self.code.inputs)
            .field("outputs", &self.code.outputs.len())
            .finish_non_exhaustive()
    }
}

impl<T: Real> Workspace<T> {
    pub(super) fn new(code: &Arc<Code>, constants: &[T]) -> Self {
        let mut values = vec![T::zero(); code.slots()];
        values[code.inputs..code.first()].copy_from_slice(constants);
        Self {
            code: Arc::clone(code),
            values,
            tangents: Vec::new(),
            adjoints: Vec::new(),
            second: Vec::new(),
            results: Vec::new(),
            directions: Directions::default(),
            diagonal: OnceLock::new(),
        }
    }

    /// The outputs at `x`.
    ///
    /// # Errors
    ///
    /// If `x` has not as many numbers as there are inputs, or a branch would go another way.
    pub fn value(&mut self, x: &[T]) -> Result<&[T], Error> {
        self.run(x)?;
        Ok(self.take_outputs())
    }

    /// The only output and its gradient at `x`.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if there is not one output.
    pub fn value_and_gradient(&mut self, x: &[T]) -> Result<(T, &[T]), Error> {
        let output = self.only_output("value_and_gradient")?;
        self.run(x)?;
        self.pull_back(&[T::one()]);
        Ok((self.values[output], &self.adjoints[..self.code.inputs]))
    }

    /// The tangents of the outputs at `x` along `v`.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if `v` has another length than `x`.
    pub fn jvp(&mut self, x: &[T], v: &[T]) -> Result<&[T], Error> {
        check_length("jvp", "tangents", v.len(), self.code.inputs)?;
        self.run(x)?;
        Ok(self.tangents_of(v))
    }

    /// The tangents of the outputs along `v`, where the last run was.
    pub(super) fn tangents_of(&mut self, v: &[T]) -> &[T] {
        self.push_forward(v);
        self.results.clear();
        let outputs = self.code.outputs.iter();
        self.results
            .extend(outputs.map(|&slot| self.tangents[slot as usize]));
        &self.results
    }

    /// The product of a cotangent, one number for each output, with the Jacobian at `x`.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if `u` has not as many numbers as there are outputs.
    pub fn vjp(&mut self, x: &[T], u: &[T]) -> Result<&[T], Error> {
        check_length("vjp", "cotangents", u.len(), self.code.outputs.len())?;
        self.run(x)?;
        Ok(self.adjoints_of(u))
    }

    /// The adjoints of the inputs for those of the outputs, where the last run was.
    pub(super) fn adjoints_of(&mut self, u: &[T]) -> &[T] {
        self.pull_back(u);
        &self.adjoints[..self.code.inputs]
    }

    /// The derivatives of each output (rows) by each input (columns) at `x`, forwards or in reverse, for whichever there are fewer.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`].
    pub fn jacobian(&mut self, x: &[T]) -> Result<Array2<T>, Error> {
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
    pub fn value_and_jacobian(&mut self, x: &[T]) -> Result<(&[T], Array2<T>), Error> {
        let jacobian = self.jacobian(x)?;
        Ok((self.take_outputs(), jacobian))
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
    pub fn jacobian_by(&mut self, x: &[T], inputs: Range<usize>) -> Result<Array2<T>, Error> {
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
        let mut matrix = Array2::zeros((rows, columns));
        if rows <= columns {
            let mut seed = vec![T::zero(); rows];
            for (k, mut row) in matrix.rows_mut().into_iter().enumerate() {
                seed.fill(T::zero());
                seed[k] = T::one();
                self.pull_back(&seed);
                for (entry, &adjoint) in row.iter_mut().zip(&self.adjoints[inputs.clone()]) {
                    *entry = adjoint;
                }
            }
        } else if columns > 0 {
            let code = Arc::clone(&self.code);
            let entries = matrix.as_slice_mut().expect("made in C order");
            let units: Vec<[u32; 1]> = inputs.map(|input| [input as u32]).collect();
            self.jvps(&units, |group, tangents, stride| {
                for (row, &slot) in entries.chunks_exact_mut(columns).zip(&code.outputs) {
                    let tangents = &tangents[slot as usize * stride..][..group.len()];
                    row[group.clone()].copy_from_slice(tangents);
                }
            });
        }
        Ok(matrix)
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
                let mut direction = vec![T::zero(); self.code.inputs];
                for &input in only.as_ref() {
                    direction[input as usize] = T::one();
                }
                self.push_forward(&direction);
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

    /// The product of the only output's Hessian at `x` with `v`.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if there is not one output, or `v` has another length than `x`.
    pub fn hvp(&mut self, x: &[T], v: &[T]) -> Result<&[T], Error> {
        let output = self.only_output("hvp")?;
        check_length("hvp", "tangents", v.len(), self.code.inputs)?;
        self.run(x)?;
        self.push_forward(v);
        for table in [&mut self.adjoints, &mut self.second] {
            table.clear();
            table.resize(self.code.slots(), T::zero());
        }
        self.adjoints[output] = T::one();
        self.pull_back_twice();
        Ok(&self.second[..self.code.inputs])
    }

    /// The second derivatives of the only output at `x`: a product for each input, eight at a time.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if there is not one output.
    pub fn hessian(&mut self, x: &[T]) -> Result<Array2<T>, Error> {
        self.only_output("hessian")?;
        self.run(x)?;
        let n = self.code.inputs;
        let mut matrix = Array2::zeros((n, n));
        let units: Vec<Vec<u32>> = (0..n as u32).map(|input| vec![input]).collect();
        self.hvps(&units, |row, lane, products| {
            for (entry, product) in matrix.row_mut(row).iter_mut().zip(products) {
                *entry = product[lane];
            }
        })?;
        Ok(matrix)
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

    pub(super) fn only_output(&self, op: &'static str) -> Result<usize, Error> {
        self.code.only_output(op)
    }

    fn take_outputs(&mut self) -> &[T] {
        self.results.clear();
        let outputs = self.code.outputs.iter();
        self.results
            .extend(outputs.map(|&slot| self.values[slot as usize]));
        &self.results
    }

    /// Computes every value at `x`, and asks every question again.
    pub(super) fn run(&mut self, x: &[T]) -> Result<(), Error> {
        let code = &self.code;
        check_length("program", "inputs", x.len(), code.inputs)?;
        self.values[..x.len()].copy_from_slice(x);
        T::run(code, &mut self.values);
        for guard in &code.guards {
            let [x, y] = guard.sides.map(|slot| self.values[slot as usize]);
            if !guard.asked.holds(x, y) {
                return Err(branch_changed(guard, x, y, None));
            }
        }
        Ok(())
    }

    /// The tangent of every slot along `v`.
    pub(super) fn push_forward(&mut self, v: &[T]) {
        self.tangents.clear();
        self.tangents.resize(self.code.slots(), T::zero());
        self.tangents[..v.len()].copy_from_slice(v);
        T::push(&self.code, &self.values, &mut self.tangents);
    }

    /// The adjoint of every slot, for the given adjoints of the outputs.
    fn pull_back(&mut self, u: &[T]) {
        self.adjoints.clear();
        self.adjoints.resize(self.code.slots(), T::zero());
        for (&slot, &u) in self.code.outputs.iter().zip(u) {
            self.adjoints[slot as usize] += u;
        }
        T::pull(&self.code, &self.values, &mut self.adjoints);
    }

    /// The adjoints of the inputs, for the given adjoints of all slots.
    pub(super) fn pull_back_from(&mut self, adjoints: &[T]) -> &[T] {
        self.adjoints.clear();
        self.adjoints.extend_from_slice(adjoints);
        T::pull(&self.code, &self.values, &mut self.adjoints);
        &self.adjoints[..self.code.inputs]
    }

    pub(super) fn code(&self) -> &Arc<Code> {
        &self.code
    }

    /// The value of every slot.
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    /// The tangent of every slot, if there are tangents.
    pub(super) fn tangents(&self) -> &[T] {
        &self.tangents
    }

    /// The tangents of the inputs' adjoints, for the given adjoints of all slots and their tangents.
    pub(super) fn pull_back_twice_from(&mut self, adjoints: &[T], second: &[T]) -> &[T] {
        for (table, given) in [(&mut self.adjoints, adjoints), (&mut self.second, second)] {
            table.clear();
            table.extend_from_slice(given);
        }
        self.pull_back_twice();
        &self.second[..self.code.inputs]
    }

    /// Adjoints and their tangents along the direction whose tangents are there.
    fn pull_back_twice(&mut self) {
        let adjoints = (&mut self.adjoints[..], &mut self.second[..]);
        T::pull_twice(&self.code, &self.values, &self.tangents, adjoints);
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
