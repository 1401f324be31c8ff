//! Sparse matrices as those of other libraries, which have solvers for them.

use crate::error::Error;
use crate::program::Sparse;

/// With the feature `faer`: the same entries, to be factorised, say.
///
/// # Errors
///
/// If the lists, which are public, do not make a matrix.
#[cfg(feature = "faer")]
impl TryFrom<Sparse> for faer::sparse::SparseRowMat<usize, f64> {
    type Error = Error;
    fn try_from(matrix: Sparse) -> Result<Self, Error> {
        let Parts {
            shape: (rows, columns),
            starts,
            indices,
            values,
        } = parts(matrix)?;
        let pattern =
            faer::sparse::SymbolicSparseRowMat::new_checked(rows, columns, starts, None, indices);
        Ok(Self::new(pattern, values))
    }
}

/// With the feature `sprs`: the same entries, by rows.
///
/// # Errors
///
/// If the lists, which are public, do not make a matrix.
#[cfg(feature = "sprs")]
impl TryFrom<Sparse> for sprs::CsMat<f64> {
    type Error = Error;
    fn try_from(matrix: Sparse) -> Result<Self, Error> {
        let Parts {
            shape,
            starts,
            indices,
            values,
        } = parts(matrix)?;
        Self::try_new(shape, starts, indices, values)
            .map_err(|(_, _, _, error)| refuse(error.to_string()))
    }
}

/// A matrix whose lists fit each other.
struct Parts {
    shape: (usize, usize),
    starts: Vec<usize>,
    indices: Vec<usize>,
    values: Vec<f64>,
}

fn parts(matrix: Sparse) -> Result<Parts, Error> {
    let Sparse {
        shape: [rows, columns],
        starts,
        columns: indices,
        values,
    } = matrix;
    if rows.checked_add(1) != Some(starts.len()) {
        return Err(refuse(format!(
            "{} starts are there for {rows} rows; there must be one for each row and one for the end",
            starts.len()
        )));
    }
    let rising = starts.windows(2).all(|pair| pair[0] <= pair[1]);
    let entries = [starts[rows], indices.len(), values.len()];
    if starts[0] != 0 || !rising || entries.iter().any(|&n| n != entries[0]) {
        return Err(refuse(format!(
            "the starts must rise from 0 to the number of entries, of which there are {} columns and {} numbers",
            indices.len(),
            values.len()
        )));
    }
    let indices: Vec<usize> = indices.into_iter().map(|column| column as usize).collect();
    for (row, range) in starts.windows(2).enumerate() {
        let of_row = &indices[range[0]..range[1]];
        let rising = of_row.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || of_row.last().is_some_and(|&last| last >= columns) {
            return Err(refuse(format!(
                "the columns of row {row} must rise and be less than {columns}"
            )));
        }
    }
    Ok(Parts {
        shape: (rows, columns),
        starts,
        indices,
        values,
    })
}

fn refuse(detail: String) -> Error {
    Error::Argument {
        op: "Sparse",
        detail,
    }
}
