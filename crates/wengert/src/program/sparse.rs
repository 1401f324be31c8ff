//! Sparse Jacobians and Hessians: a few products instead of one for each row or column.

use std::sync::Arc;

use ndarray::Array2;

use crate::error::Error;
use crate::program::cover::Cover;
use crate::program::{Code, Program, Workspace, colour, pattern};
use crate::real::Real;

/// A matrix of which only some entries are kept, by rows (CSR).
///
/// The features `faer` and `sprs` convert it, by `into`, to `faer::sparse::SparseRowMat<usize, f64>` and `sprs::CsMat<f64>`, for
/// which there are solvers.
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
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The program that it is of.
    code: Arc<Code>,
    places: Arc<Places>,
    seeds: Vec<Seed>,
    /// For each product, the entries that it holds and where.
    held: Vec<Vec<(u32, u32)>>,
    of: Matrix,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Matrix {
    Jacobian,
    Hessian,
}

/// A product: the inputs, or in a reverse product the outputs, whose entry in the seed is 1.
#[derive(Clone, Debug)]
struct Seed {
    ones: Vec<u32>,
    reverse: bool,
}

impl AsRef<[u32]> for Seed {
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

    /// The number of sweeps that all entries take.
    pub fn products(&self) -> usize {
        self.seeds.len()
    }

    /// `find` gives the product that holds an entry, and where.
    fn new(
        code: &Arc<Code>,
        of: Matrix,
        rows: &[Vec<u32>],
        columns: usize,
        seeds: Vec<Seed>,
        mut find: impl FnMut(u32, u32) -> (u32, u32),
    ) -> Self {
        let mut starts = vec![0];
        let mut found = Vec::new();
        for (row, entries) in (0..).zip(rows) {
            found.extend(entries.iter().map(|&column| find(row, column)));
            starts.push(found.len());
        }
        // A product in which no entry is looked for is not needed.
        let mut numbers = vec![None; seeds.len()];
        let mut needed = 0;
        for (product, _) in &mut found {
            *product = *numbers[*product as usize].get_or_insert_with(|| {
                needed += 1;
                needed - 1
            });
        }
        let mut seeds: Vec<(u32, Seed)> = seeds
            .into_iter()
            .zip(numbers)
            .filter_map(|(seed, number)| Some((number?, seed)))
            .collect();
        seeds.sort_by_key(|&(number, _)| number);
        let mut held = vec![Vec::new(); seeds.len()];
        for (entry, (product, place)) in (0..).zip(found) {
            held[product as usize].push((entry, place));
        }
        Self {
            code: Arc::clone(code),
            places: Arc::new(Places {
                shape: [rows.len(), columns],
                starts,
                columns: rows.concat(),
            }),
            seeds: seeds.into_iter().map(|(_, seed)| seed).collect(),
            held,
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
        let seed = |reverse| move |ones| Seed { ones, reverse };
        let mut seeds: Vec<Seed> = cover.rows.groups().into_iter().map(seed(true)).collect();
        seeds.extend(cover.columns.groups().into_iter().map(seed(false)));
        let find = |row: u32, column: u32| {
            let by_row = cover.rows.of[row as usize].map(|colour| (colour, column));
            let by_column = cover.columns.of[column as usize]
                .map(|colour| (cover.rows.count as u32 + colour, row));
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
            seeds,
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
        self.code.only_output("hessian_pattern")?;
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
                1 => (of(column), row),
                _ => (of(row), column),
            }
        };
        let seeds = colouring.groups().into_iter().map(|ones| Seed {
            ones,
            reverse: false,
        });
        Self::new(code, Matrix::Hessian, &rows, n, seeds.collect(), alone)
    }

    /// The seed of each product: where it is 1.
    pub(super) fn seeds(&self) -> impl Iterator<Item = &[u32]> {
        self.seeds.iter().map(|seed| &seed.ones[..])
    }

    /// The matrix, of which each entry stands at its place in its product.
    pub(super) fn entries<T: Real>(&self, products: &[Vec<T>]) -> Sparse<T> {
        let mut values = vec![T::zero(); self.len()];
        for (product, held) in products.iter().zip(&self.held) {
            for &(entry, place) in held {
                values[entry as usize] = product[place as usize];
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
        if !Arc::ptr_eq(&pattern.code, self.code()) {
            return Err(Error::Argument {
                op: "sparse",
                detail: "the pattern is of another program; take the pattern of the one that the workspace is of, or of a clone of it".to_owned(),
            });
        }
        self.run(x)?;
        let mut values = vec![T::zero(); pattern.len()];
        if pattern.of == Matrix::Hessian {
            self.hvps(&pattern.seeds, |direction, lane, product| {
                for &(entry, place) in &pattern.held[direction] {
                    values[entry as usize] = product[place as usize][lane];
                }
            })?;
            return Ok(pattern.with(values));
        }
        let (reverse, forward): (Vec<_>, Vec<_>) = pattern
            .seeds
            .iter()
            .zip(&pattern.held)
            .partition(|(seed, _)| seed.reverse);
        let seeds: Vec<&[u32]> = reverse.iter().map(|(seed, _)| &seed.ones[..]).collect();
        self.vjps(&seeds, |group, adjoints, stride| {
            for (lane, (_, entries)) in reverse[group].iter().enumerate() {
                for &(entry, place) in *entries {
                    values[entry as usize] = adjoints[place as usize * stride + lane];
                }
            }
        });
        let seeds: Vec<&[u32]> = forward.iter().map(|(seed, _)| &seed.ones[..]).collect();
        self.jvps(&seeds, |group, tangents, stride| {
            for (lane, (_, entries)) in forward[group].iter().enumerate() {
                for &(entry, place) in *entries {
                    let slot = pattern.code.outputs[place as usize] as usize;
                    values[entry as usize] = tangents[slot * stride + lane];
                }
            }
        });
        Ok(pattern.with(values))
    }
}
