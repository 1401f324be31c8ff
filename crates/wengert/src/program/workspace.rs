//! Running a program at one input: memory that one run leaves to the next.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::program::code::{Code, TAKE_SEVERAL, branch_changed, check_length};
use crate::program::tables::{Tables, cleared};
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
    pub(super) code: Arc<Code>,
    /// Of every slot.
    pub(super) values: Vec<T>,
    pub(super) tables: Tables<T>,
    /// Outputs, or what has a number for each input.
    pub(super) results: Vec<T>,
    /// The entries of the last matrix.
    pub(super) matrix: Vec<T>,
    /// Units of one input, or of one output.
    pub(super) units: Vec<[u32; 1]>,
    /// In which products the Hessian's diagonal is found, once somebody asks.
    pub(super) diagonal: Option<Vec<Vec<u32>>>,
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
            tables: Tables::default(),
            results: Vec::new(),
            matrix: Vec::new(),
            units: Vec::new(),
            diagonal: None,
        }
    }

    /// The outputs at `x`.
    ///
    /// # Errors
    ///
    /// If `x` has not as many numbers as there are inputs, or a branch would go another way.
    pub fn value(&mut self, x: &[T]) -> Result<&[T], Error> {
        self.run(x)?;
        Ok(self.write_outputs())
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
        let gradient = &self.tables.adjoints[..self.code.inputs];
        Ok((self.values[output], gradient))
    }

    /// The tangents of the outputs at `x` along `v`.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if `v` has another length than `x`.
    pub fn jvp(&mut self, x: &[T], v: &[T]) -> Result<&[T], Error> {
        check_length("jvp", "tangents", v.len(), self.code.inputs)?;
        self.run(x)?;
        self.push_forward(v);
        self.results.clear();
        let outputs = self.code.outputs.iter();
        self.results
            .extend(outputs.map(|&slot| self.tables.tangents[slot as usize]));
        Ok(&self.results)
    }

    /// The product of a cotangent, one number for each output, with the Jacobian at `x`.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if `u` has not as many numbers as there are outputs.
    pub fn vjp(&mut self, x: &[T], u: &[T]) -> Result<&[T], Error> {
        check_length("vjp", "cotangents", u.len(), self.code.outputs.len())?;
        self.run(x)?;
        self.pull_back(u);
        Ok(&self.tables.adjoints[..self.code.inputs])
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
        for table in [&mut self.tables.adjoints, &mut self.tables.second] {
            cleared(table, self.code.slots());
        }
        self.tables.adjoints[output] = T::one();
        self.pull_back_twice();
        Ok(&self.tables.second[..self.code.inputs])
    }

    pub(super) fn only_output(&self, op: &'static str) -> Result<usize, Error> {
        self.code.only_output(op, TAKE_SEVERAL)
    }

    pub(super) fn write_outputs(&mut self) -> &[T] {
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
        let tangents = cleared(&mut self.tables.tangents, self.code.slots());
        tangents[..v.len()].copy_from_slice(v);
        T::push(&self.code, &self.values, tangents);
    }

    /// The adjoint of every slot, for the given adjoints of the outputs.
    fn pull_back(&mut self, u: &[T]) {
        let adjoints = cleared(&mut self.tables.adjoints, self.code.slots());
        for (&slot, &u) in self.code.outputs.iter().zip(u) {
            adjoints[slot as usize] += u;
        }
        T::pull(&self.code, &self.values, adjoints);
    }

    /// The adjoints of the inputs, for the given adjoints of all slots.
    pub(super) fn pull_back_from(&mut self, adjoints: &[T]) -> &[T] {
        let own = &mut self.tables.adjoints;
        own.clear();
        own.extend_from_slice(adjoints);
        T::pull(&self.code, &self.values, own);
        &own[..self.code.inputs]
    }

    /// The tangents of the inputs' adjoints, for the given adjoints of all slots and their tangents.
    pub(super) fn pull_back_twice_from(&mut self, adjoints: &[T], second: &[T]) -> &[T] {
        let own = [&mut self.tables.adjoints, &mut self.tables.second];
        for (table, given) in own.into_iter().zip([adjoints, second]) {
            table.clear();
            table.extend_from_slice(given);
        }
        self.pull_back_twice();
        &self.tables.second[..self.code.inputs]
    }

    /// Adjoints and their tangents along the direction whose tangents are there.
    fn pull_back_twice(&mut self) {
        let Tables {
            tangents,
            adjoints,
            second,
            ..
        } = &mut self.tables;
        T::pull_twice(&self.code, &self.values, tangents, (adjoints, second));
    }
}
