//! Sparse matrices as those of other libraries, which have solvers for them.

use crate::program::Sparse;
use crate::real::Real;

/// With the feature `faer`: the same entries, to be factorised, say.
#[cfg(feature = "faer")]
impl<T: Real> From<Sparse<T>> for faer::sparse::SparseRowMat<usize, T> {
    fn from(matrix: Sparse<T>) -> Self {
        let ([rows, columns], starts, indices, values) = wide(matrix);
        let pattern =
            faer::sparse::SymbolicSparseRowMat::new_checked(rows, columns, starts, None, indices);
        Self::new(pattern, values)
    }
}

/// With the feature `sprs`: the same entries, by rows.
#[cfg(feature = "sprs")]
impl<T: Real> From<Sparse<T>> for sprs::CsMat<T> {
    fn from(matrix: Sparse<T>) -> Self {
        let ([rows, columns], starts, indices, values) = wide(matrix);
        Self::new((rows, columns), starts, indices, values)
    }
}

/// The parts, with indices of the other libraries' width.
fn wide<T: Real>(matrix: Sparse<T>) -> ([usize; 2], Vec<usize>, Vec<usize>, Vec<T>) {
    let (shape, starts, columns, values) = matrix.into_parts();
    let columns = columns.into_iter().map(|column| column as usize);
    (shape, starts, columns.collect(), values)
}
