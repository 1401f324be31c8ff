//! Sparse Jacobians and Hessians: a few products instead of one for each row or column.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ndarray::Array2;

use crate::error::Error;
use crate::program::code::TAKE_SEVERAL;
use crate::program::cover::Cover;
use crate::program::{Code, Program, Workspace, colour, pattern};
use crate::real::Real;

/// A matrix of which only some entries are kept, by rows (CSR).
///
/// The features `faer` and `sprs` convert it, by `into`, to `faer::sparse::SparseRowMat<usize, T>` and `sprs::CsMat<T>`, for
/// which there are solvers.
#[cfg_attr(
    feature = "faer",
    doc = "
```
use faer::prelude::*;
use wengert::{Program, Var};

let chain = |x: &[Var]| (1..9).map(|i| (x[i] - x[i - 1] * 0.5).square()).sum::<Var>() + x[0].square();
let program = Program::record(chain, &[1.0; 9])?;
let pattern = program.hessian_pattern()?;
let mut workspace = program.workspace();
let gradient = workspace.value_and_gradient(&[1.0; 9])?.1;
let g = faer::Col::from_fn(9, |i| gradient[i]);
let hessian: faer::sparse::SparseRowMat<usize, f64> = workspace.sparse(&pattern, &[1.0; 9])?.into();
let step = hessian.to_col_major()?.sp_cholesky(faer::Side::Lower)?.solve(&g);
assert!((0..9).all(|i| (step[i] - 1.0).abs() < 1e-12)); // the minimum is at 0
# Ok::<(), Box<dyn std::error::Error>>(())
```"
)]
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse<T = f64> {
    places: Arc<Places>,
    values: Vec<T>,
}

/// Where a matrix has entries, by rows; a pattern and all matrices of it have this in common.
#[derive(Debug, PartialEq)]
struct Places {
    shape: [usize; 2],
    starts: Vec<usize>,
    columns: Vec<u32>,
}

impl<T: Real> Sparse<T> {
    /// The number of rows and of columns.
    pub fn shape(&self) -> [usize; 2] {
        self.places.shape
    }

    /// Where each row's entries begin in the other two lists; one more than there are rows.
    pub fn starts(&self) -> &[usize] {
        &self.places.starts
    }

    /// The column of each entry, rising within a row.
    pub fn columns(&self) -> &[u32] {
        &self.places.columns
    }

    /// The number of each entry.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Shape, starts, columns and values.
    pub fn into_parts(self) -> ([usize; 2], Vec<usize>, Vec<u32>, Vec<T>) {
        let places = match Arc::try_unwrap(self.places) {
            Ok(places) => places,
            Err(shared) => Places {
                starts: shared.starts.clone(),
                columns: shared.columns.clone(),
                ..*shared
            },
        };
        (places.shape, places.starts, places.columns, self.values)
    }

    /// The number of entries that are kept.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether no entry is kept.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The entries of a row: columns and numbers.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[track_caller]
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, T)> {
        let range = self.starts()[row]..self.starts()[row + 1];
        let columns = self.columns()[range.clone()].iter();
        columns
            .map(|&column| column as usize)
            .zip(self.values[range].iter().copied())
    }

    /// All entries, zeros included.
    pub fn to_dense(&self) -> Array2<T> {
        let mut dense = Array2::zeros(self.shape());
        for row in 0..self.shape()[0] {
            for (column, value) in self.row(row) {
                dense[[row, column]] = value;
            }
        }
        dense
    }
}

/// Where a program's Jacobian or Hessian can have entries, and in how few products they are found.
///
/// It depends on the program alone, not on the input: find it once, and hand it to [`Workspace::sparse`] at every input. It is of that
/// program (or a clone of it), not of another that was recorded in the same way.
///
/// ```
/// use wengert::Program;
///
/// let chain = Program::record(
///     |x| (0..99).map(|i| (x[i + 1] - x[i] * x[i]).square()).sum::<wengert::Var>(),
///     &[0.5; 100],
/// )?;
/// let pattern = chain.hessian_pattern()?;
/// assert_eq!(pattern.len(), 100 + 2 * 99); // the diagonal and its neighbours
/// assert_eq!(pattern.columns()[..pattern.starts()[2]], [0, 1, 0, 1, 2]);
/// assert!(pattern.products() <= 3);
/// let mut workspace = chain.workspace();
/// let hessian = workspace.sparse(&pattern, &[0.5; 100])?;
/// assert_eq!(hessian.to_dense(), chain.hessian(&[0.5; 100])?);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone)]
pub struct Pattern {
    /// The program that it is of.
    code: Arc<Code>,
    places: Arc<Places>,
    /// Of a Jacobian.
    reverse: Vec<Product>,
    /// Of a Jacobian; or a Hessian's.
    forward: Vec<Product>,
    of: Matrix,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pattern")
            .field("of", &self.of)
            .field("shape", &self.shape())
            .field("entries", &self.len())
            .field("products", &self.products())
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Matrix {
    Jacobian,
    Hessian,
}

/// A product of the matrix with a vector of zeros and ones.
#[derive(Clone, Debug)]
struct Product {
    /// The inputs, or in a reverse product the outputs, where the vector is 1.
    ones: Vec<u32>,
    /// The entries of the matrix that it holds, and where.
    held: Vec<(u32, u32)>,
}

impl Product {
    fn new(ones: Vec<u32>) -> Self {
        let held = Vec::new();
        Self { ones, held }
    }
}

impl AsRef<[u32]> for Product {
    fn as_ref(&self) -> &[u32] {
        &self.ones
    }
}

impl Pattern {
    /// The number of rows and of columns.
    pub fn shape(&self) -> [usize; 2] {
        self.places.shape
    }

    /// Where each row's entries begin in [`Pattern::columns`]; one more than there are rows.
    pub fn starts(&self) -> &[usize] {
        &self.places.starts
    }

    /// The column of each entry, rising within a row.
    pub fn columns(&self) -> &[u32] {
        &self.places.columns
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.columns().len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.columns().is_empty()
    }

    /// The number of products, of a vector with the matrix, that all entries take.
    pub fn products(&self) -> usize {
        self.reverse.len() + self.forward.len()
    }

    /// `find` gives the product that holds an entry, counted through reverse and then forward ones, and where.
    fn new(
        code: &Arc<Code>,
        of: Matrix,
        rows: &[Vec<u32>],
        columns: usize,
        [reverse, forward]: [Vec<Vec<u32>>; 2],
        mut find: impl FnMut(u32, u32) -> (usize, u32),
    ) -> Self {
        let reversed = reverse.len();
        let products = reverse.into_iter().chain(forward);
        let mut products: Vec<Product> = products.map(Product::new).collect();
        let mut starts = vec![0];
        let mut entries = 0..;
        for (row, columns) in (0..).zip(rows) {
            for (&column, entry) in columns.iter().zip(&mut entries) {
                let (product, place) = find(row, column);
                products[product].held.push((entry, place));
            }
            starts.push(starts[starts.len() - 1] + columns.len());
        }
        let mut forward = products.split_off(reversed);
        for products in [&mut products, &mut forward] {
            products.retain(|product| !product.held.is_empty());
        }
        Self {
            code: Arc::clone(code),
            places: Arc::new(Places {
                shape: [rows.len(), columns],
                starts,
                columns: rows.concat(),
            }),
            reverse: products,
            forward,
            of,
        }
    }
}

impl<T: Real> Program<T> {
    /// Where the Jacobian can have entries: an output depends on an input. The entries themselves are found by
    /// [`Workspace::sparse`].
    ///
    /// The entries are found by forward products with groups of columns, by reverse products of groups of rows, or, if that takes
    /// fewer products, some in the one way and some in the other: a matrix with a dense row and a dense column beside a diagonal takes three.
    ///
    /// ```
    /// use wengert::{Program, Var};
    ///
    /// let arrow = |x: &[Var]| {
    ///     let mut y: Vec<Var> = x.iter().map(|&y| y * x[0]).collect();
    ///     y[0] = x.iter().map(|x| x.sin()).sum();
    ///     y
    /// };
    /// let program = Program::record(arrow, &[0.5; 100])?;
    /// assert_eq!(program.jacobian_pattern().products(), 3);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn jacobian_pattern(&self) -> Pattern {
        let rows = pattern::jacobian(&self.code);
        let cover = Cover::of(&rows, self.inputs());
        let groups = [cover.rows.groups(), cover.columns.groups()];
        let find = |row: u32, column: u32| {
            let by_row = cover.rows.of[row as usize].map(|colour| (colour as usize, column));
            let by_column = cover.columns.of[column as usize]
                .map(|colour| (cover.rows.count + colour as usize, row));
            let found = match cover.rows_first {
                true => by_row.or(by_column),
                false => by_column.or(by_row),
            };
            found.expect("the row or the column of each entry has a colour")
        };
        Pattern::new(
            &self.code,
            Matrix::Jacobian,
            &rows,
            self.inputs(),
            groups,
            find,
        )
    }

    /// Where the Hessian of the only output can have entries: two inputs meet in an operation that is not linear. The entries
    /// themselves are found by [`Workspace::sparse`].
    ///
    /// # Errors
    ///
    /// If there is not one output.
    pub fn hessian_pattern(&self) -> Result<Pattern, Error> {
        self.code.only_output("hessian_pattern", TAKE_SEVERAL)?;
        Ok(Pattern::of_hessian(&self.code, self.inputs()))
    }
}

impl Pattern {
    /// Of the second derivatives by the first `n` inputs.
    pub(super) fn of_hessian(code: &Arc<Code>, n: usize) -> Self {
        let rows = pattern::hessian(code, n);
        let colouring = colour::star(&rows);
        let of = |index: u32| colouring.of[index as usize].expect("each row has a colour");
        // How often the row has a column of each colour; for one row at a time.
        let mut times = vec![0_u32; colouring.count];
        let mut counted = None;
        // An entry stands alone in its row's product of its column's colour, or its mirror image does.
        let alone = |row: u32, column: u32| {
            if counted != Some(row) {
                times.fill(0);
                for &other in &rows[row as usize] {
                    times[of(other) as usize] += 1;
                }
                counted = Some(row);
            }
            match times[of(column) as usize] {
                1 => (of(column) as usize, row),
                _ => (of(row) as usize, column),
            }
        };
        let groups = [Vec::new(), colouring.groups()];
        Self::new(code, Matrix::Hessian, &rows, n, groups, alone)
    }

    /// Where the vector of each of a Hessian's products is 1.
    pub(super) fn seeds(&self) -> impl Iterator<Item = &[u32]> {
        self.forward.iter().map(|product| &product.ones[..])
    }

    /// The Hessian, of which each entry stands at its place in its product.
    pub(super) fn entries<T: Real>(&self, products: &[Vec<T>]) -> Sparse<T> {
        let mut values = vec![T::zero(); self.len()];
        for (found, product) in products.iter().zip(&self.forward) {
            for &(entry, place) in &product.held {
                values[entry as usize] = found[place as usize];
            }
        }
        self.with(values)
    }

    fn with<T>(&self, values: Vec<T>) -> Sparse<T> {
        Sparse {
            places: Arc::clone(&self.places),
            values,
        }
    }
}

impl<T: Real> Workspace<T> {
    /// The Jacobian or the Hessian at `x`, whichever the pattern is of.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if the pattern is of another program.
    pub fn sparse(&mut self, pattern: &Pattern, x: &[T]) -> Result<Sparse<T>, Error> {
        if !Arc::ptr_eq(&pattern.code, &self.code) {
            return Err(Error::Argument {
                op: "sparse",
                detail: "the pattern is of another program; take the pattern of the one that the workspace is of, or of a clone of it".to_owned(),
            });
        }
        self.run(x)?;
        let (code, own) = (&self.code, &self.values);
        let Pattern {
            reverse, forward, ..
        } = pattern;
        let mut values = vec![T::zero(); pattern.len()];
        if pattern.of == Matrix::Hessian {
            let output = code.only_output("sparse", TAKE_SEVERAL)?;
            let write = |number: usize, lane, found: &[T::Few]| {
                for &(entry, place) in &forward[number].held {
                    values[entry as usize] = found[place as usize][lane];
                }
            };
            self.tables.hvps(code, own, output, forward, write);
            return Ok(pattern.with(values));
        }
        let write = |group: Range<usize>, adjoints: &[T], stride| {
            for (lane, product) in reverse[group].iter().enumerate() {
                for &(entry, place) in &product.held {
                    values[entry as usize] = adjoints[place as usize * stride + lane];
                }
            }
        };
        self.tables.vjps(code, own, reverse, write);
        let write = |group: Range<usize>, tangents: &[T], stride| {
            for (lane, product) in forward[group].iter().enumerate() {
                for &(entry, place) in &product.held {
                    let slot = code.outputs[place as usize] as usize;
                    values[entry as usize] = tangents[slot * stride + lane];
                }
            }
        };
        self.tables.jvps(code, own, forward, write);
        Ok(pattern.with(values))
    }
}
