//! Sparse Jacobians and Hessians: a few products instead of one for each row or column.

use ndarray::Array2;

use crate::error::Error;
use crate::program::{Program, Workspace, colour, pattern};

/// A matrix of which only some entries are kept, by rows (CSR).
///
/// The features `faer` and `sprs` convert it, by `try_into`, to `faer::sparse::SparseRowMat<usize, f64>` and `sprs::CsMat<f64>`, for
/// which there are solvers.
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse {
    /// The number of rows and of columns.
    pub shape: [usize; 2],
    /// Where each row's entries begin in the other two lists; one more than there are rows.
    pub starts: Vec<usize>,
    /// The column of each entry, rising within a row.
    pub columns: Vec<u32>,
    /// The number of each entry.
    pub values: Vec<f64>,
}

impl Sparse {
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
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = self.starts[row]..self.starts[row + 1];
        let columns = self.columns[range.clone()].iter();
        columns
            .map(|&column| column as usize)
            .zip(self.values[range].iter().copied())
    }

    /// All entries, zeros included.
    pub fn to_dense(&self) -> Array2<f64> {
        let mut dense = Array2::zeros(self.shape);
        for row in 0..self.shape[0] {
            for (column, value) in self.row(row) {
                dense[[row, column]] = value;
            }
        }
        dense
    }
}

/// Where a program's Jacobian or Hessian can have entries, and in how few products they are found.
///
/// It depends on the program alone: find it once, use it at every input.
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
/// assert!(pattern.products() <= 3);
/// let mut workspace = chain.workspace();
/// let hessian = workspace.sparse(&pattern, &[0.5; 100])?;
/// assert_eq!(hessian.to_dense(), chain.hessian(&[0.5; 100])?);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pattern {
    shape: [usize; 2],
    starts: Vec<usize>,
    columns: Vec<u32>,
    /// The seeds: for each, the inputs (or outputs) whose entry is 1.
    seeds: Vec<Vec<u32>>,
    /// For each entry, the product that holds it and where.
    found: Vec<(u32, u32)>,
    product: Product,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Product {
    Jvp,
    Vjp,
    Hvp,
}

impl Pattern {
    /// The number of entries.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The number of sweeps that all entries take.
    pub fn products(&self) -> usize {
        self.seeds.len()
    }

    fn new(
        rows: Vec<Vec<u32>>,
        columns: usize,
        product: Product,
        (colours, count): (Vec<u32>, usize),
        find: impl Fn(u32, u32) -> (u32, u32),
    ) -> Self {
        let mut starts = vec![0];
        let mut found = Vec::new();
        for (row, entries) in rows.iter().enumerate() {
            found.extend(entries.iter().map(|&column| find(row as u32, column)));
            starts.push(found.len());
        }
        // A colour in whose product no entry is looked for needs no product.
        let mut numbers = vec![None; count];
        let mut seeds: Vec<Vec<u32>> = Vec::new();
        for (product, _) in &mut found {
            *product = *numbers[*product as usize].get_or_insert_with(|| {
                seeds.push(Vec::new());
                seeds.len() as u32 - 1
            });
        }
        for (index, &colour) in colours.iter().enumerate() {
            if let Some(number) = numbers[colour as usize] {
                seeds[number as usize].push(index as u32);
            }
        }
        Self {
            shape: [rows.len(), columns],
            starts,
            columns: rows.concat(),
            seeds,
            found,
            product,
        }
    }
}

impl Program {
    /// Where the Jacobian can have entries: an output depends on an input.
    ///
    /// The entries are found by forward products, columns of which have no row in common, or by reverse products of rows, whichever are fewer.
    pub fn jacobian_pattern(&self) -> Pattern {
        let rows = pattern::jacobian(&self.code);
        let columns = self.inputs();
        let forward = colour::columns(&rows, columns);
        let transposed = colour::transpose(&rows, columns);
        let reverse = colour::columns(&transposed, rows.len());
        if forward.1 <= reverse.1 {
            let of = forward.0.clone();
            Pattern::new(rows, columns, Product::Jvp, forward, |row, column| {
                (of[column as usize], row)
            })
        } else {
            let of = reverse.0.clone();
            Pattern::new(rows, columns, Product::Vjp, reverse, |row, column| {
                (of[row as usize], column)
            })
        }
    }

    /// Where the Hessian of the only output can have entries: two inputs meet in an operation that is not linear.
    ///
    /// # Errors
    ///
    /// If there is not one output.
    pub fn hessian_pattern(&self) -> Result<Pattern, Error> {
        self.workspace().only_output("hessian_pattern")?;
        let rows = pattern::hessian(&self.code);
        let (colours, count) = colour::star(&rows);
        let of = colours.clone();
        let neighbours = rows.clone();
        // An entry stands alone in its row's product of its column's colour, or its mirror image does.
        let alone = move |row: u32, column: u32| {
            let colour = of[column as usize];
            let same = neighbours[row as usize]
                .iter()
                .filter(|&&other| of[other as usize] == colour);
            if same.count() == 1 {
                (colour, row)
            } else {
                (of[row as usize], column)
            }
        };
        Ok(Pattern::new(
            rows,
            self.inputs(),
            Product::Hvp,
            (colours, count),
            alone,
        ))
    }
}

impl Workspace<'_> {
    /// The second derivative of the only output by each input at `x`: the diagonal of the Hessian.
    ///
    /// It takes a product for each colour of the inputs, of which those that meet differ; so one, if none meet.
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
    pub fn hessian_diagonal(&mut self, x: &[f64]) -> Result<Vec<f64>, Error> {
        self.only_output("hessian_diagonal")?;
        let (of, count) = colour::neighbours(&pattern::hessian(self.code()));
        let mut seeds = vec![Vec::new(); count];
        for (input, &colour) in of.iter().enumerate() {
            seeds[colour as usize].push(input as u32);
        }
        let mut diagonal = vec![0.0; of.len()];
        self.hvps(x, &seeds, |colour, lane, product| {
            for &input in &seeds[colour] {
                diagonal[input as usize] = product[input as usize][lane];
            }
        })?;
        Ok(diagonal)
    }

    /// The Jacobian or the Hessian at `x`, whichever the pattern is of.
    ///
    /// # Errors
    ///
    /// As [`Workspace::value`], or if the pattern is of a program of another size.
    pub fn sparse(&mut self, pattern: &Pattern, x: &[f64]) -> Result<Sparse, Error> {
        let (inputs, outputs) = self.size();
        let shape = match pattern.product {
            Product::Hvp => [inputs, inputs],
            Product::Jvp | Product::Vjp => [outputs, inputs],
        };
        if pattern.shape != shape {
            return Err(Error::Argument {
                op: "sparse",
                detail: format!(
                    "the pattern is of a matrix of shape {:?}, but this program's has {shape:?}; take the pattern of the same program",
                    pattern.shape
                ),
            });
        }
        let mut values = vec![0.0; pattern.len()];
        // Entries in the order of the products that hold them.
        let mut of_product = vec![Vec::new(); pattern.seeds.len()];
        for (entry, &(product, place)) in pattern.found.iter().enumerate() {
            of_product[product as usize].push((entry, place as usize));
        }
        if pattern.product == Product::Hvp {
            self.hvps(x, &pattern.seeds, |direction, lane, product| {
                for &(entry, place) in &of_product[direction] {
                    values[entry] = product[place][lane];
                }
            })?;
        } else {
            let reverse = pattern.product == Product::Vjp;
            let mut seed = vec![0.0; if reverse { outputs } else { inputs }];
            for (ones, entries) in pattern.seeds.iter().zip(&of_product) {
                seed.fill(0.0);
                for &index in ones {
                    seed[index as usize] = 1.0;
                }
                let product = match reverse {
                    true => self.vjp(x, &seed)?,
                    false => self.jvp(x, &seed)?,
                };
                for &(entry, place) in entries {
                    values[entry] = product[place];
                }
            }
        }
        Ok(Sparse {
            shape: pattern.shape,
            starts: pattern.starts.clone(),
            columns: pattern.columns.clone(),
            values,
        })
    }
}
