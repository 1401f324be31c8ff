//! Determinants.

use super::{Number, Objective, numbers};

/// A determinant by elimination.
#[derive(Clone, Debug)]
pub struct Determinant {
    n: usize,
}

impl Determinant {
    /// Of an `n` by `n` matrix.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { n }
    }
}

impl Objective for Determinant {
    fn describe(&self) -> String {
        format!("a determinant by elimination, n {}", self.n)
    }
    /// A matrix whose diagonal is large enough that no pivot is small.
    fn point(&self) -> Vec<f64> {
        let mut matrix = numbers(9, self.n * self.n, -0.2, 0.2);
        for i in 0..self.n {
            matrix[i * self.n + i] += 1.0;
        }
        matrix
    }
    fn evaluate<T: Number>(&self, x: &[T]) -> T {
        let n = self.n;
        let mut a = x.to_vec();
        let mut determinant = a[0];
        for pivot in 0..n - 1 {
            for row in pivot + 1..n {
                let factor = a[row * n + pivot] / a[pivot * n + pivot];
                for column in pivot + 1..n {
                    let change = factor * a[pivot * n + column];
                    a[row * n + column] -= change;
                }
            }
            determinant = determinant * a[(pivot + 1) * n + pivot + 1];
        }
        determinant
    }
}

/// A determinant by expansion in minors, which is meant to take as long as it does.
#[derive(Clone, Debug)]
pub struct Cofactors {
    n: usize,
}

impl Cofactors {
    /// Of an `n` by `n` matrix.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { n }
    }

    /// The determinant of the rows from `row` on and of those columns whose bits are set, one for each row.
    fn minor<T: Number>(&self, matrix: &[T], row: usize, columns: u32) -> T {
        let entry = |column: u32| matrix[row * self.n + column as usize];
        let first = columns.trailing_zeros();
        if row + 1 == self.n {
            return entry(first);
        }
        let term =
            |column: u32| entry(column) * self.minor(matrix, row + 1, columns & !(1 << column));
        let mut sum = term(first);
        let mut adds = false;
        for column in (first + 1..self.n as u32).filter(|column| columns & (1 << column) != 0) {
            if adds {
                sum += term(column);
            } else {
                sum -= term(column);
            }
            adds = !adds;
        }
        sum
    }
}

impl Objective for Cofactors {
    fn describe(&self) -> String {
        format!("a determinant by cofactors, n {}", self.n)
    }
    fn point(&self) -> Vec<f64> {
        numbers(10, self.n * self.n, -1.0, 1.0)
    }
    fn evaluate<T: Number>(&self, x: &[T]) -> T {
        self.minor(x, 0, (1 << self.n) - 1)
    }
}
