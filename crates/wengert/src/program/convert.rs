//! Sparse matrices as those of other libraries, which have solvers for them.

use crate::program::Sparse;

/// With the feature `faer`: the same entries, to be factorised, say.
#[cfg(feature = "faer")]
impl From<Sparse> for faer::sparse::SparseRowMat<usize, f64> {
    fn from(matrix: Sparse) -> Self {
        let ([rows, columns], starts, indices, values) = wide(matrix);
        let pattern =
            faer::sparse::SymbolicSparseRowMat::new_checked(rows, columns, starts, None, indices);
        Self::new(pattern, values)
    }
}

/// With the feature `sprs`: the same entries, by rows.
#[cfg(feature = "sprs")]
impl From<Sparse> for sprs::CsMat<f64> {
    fn from(matrix: Sparse) -> Self {
        let ([rows, columns], starts, indices, values) = wide(matrix);
        Self::new((rows, columns), starts, indices, values)
    }
}

/// The parts, with indices of the other libraries' width.
fn wide(matrix: Sparse) -> ([usize; 2], Vec<usize>, Vec<usize>, Vec<f64>) {
    let (shape, starts, columns, values) = matrix.into_parts();
    let columns = columns.into_iter().map(|column| column as usize);
    (shape, starts, columns.collect(), values)
}
