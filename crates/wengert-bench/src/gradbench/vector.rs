//! Vectors and tables of numbers that a function can be written for once: arrays, and tensors on a tape.

use std::ops::{Add, Mul, Sub};

use ndarray::{ArrayD, ArrayRef};
use wengert::{Tensor, Var};

use crate::objectives::Number;

/// An array of numbers, or a tensor that is differentiated.
pub(super) trait Vector:
    Clone
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Sub<Self::Number, Output = Self>
{
    /// What its sum is.
    type Number: Number;

    /// The plain numbers.
    fn numbers(&self) -> ArrayD<f64>;
    fn exp(&self) -> Self;
    fn max(&self) -> Self::Number;
    fn sum(&self) -> Self::Number;
    /// The rows of this matrix at some indices.
    fn rows(&self, indices: &[usize]) -> Self;
}

impl Vector for ArrayD<f64> {
    type Number = f64;

    fn numbers(&self) -> ArrayD<f64> {
        self.clone()
    }
    fn exp(&self) -> Self {
        self.mapv(f64::exp)
    }
    fn max(&self) -> f64 {
        self.fold(f64::NEG_INFINITY, |max, &x| max.max(x))
    }
    fn sum(&self) -> f64 {
        ArrayRef::sum(self)
    }
    fn rows(&self, indices: &[usize]) -> Self {
        let (numbers, width) = (self.as_slice().expect("in C order"), self.shape()[1]);
        let row = |&index: &usize| &numbers[index * width..][..width];
        let rows: Vec<f64> = indices.iter().flat_map(row).copied().collect();
        let matrix = ndarray::Array2::from_shape_vec((indices.len(), width), rows);
        matrix.expect("rows of one width").into_dyn()
    }
}

impl Vector for Tensor {
    type Number = Var;

    fn numbers(&self) -> ArrayD<f64> {
        self.value()
    }
    fn exp(&self) -> Self {
        Tensor::exp(*self)
    }
    fn max(&self) -> Var {
        Tensor::max(*self)
    }
    fn sum(&self) -> Var {
        Tensor::sum(*self)
    }
    fn rows(&self, indices: &[usize]) -> Self {
        self.index_select(0, indices)
    }
}

/// Numbers as a vector.
pub(super) fn vector(numbers: Vec<f64>) -> ArrayD<f64> {
    ndarray::Array1::from_vec(numbers).into_dyn()
}

/// Rows of one width as a matrix.
pub(super) fn matrix(rows: &[Vec<f64>]) -> ArrayD<f64> {
    let width = rows.first().map_or(0, Vec::len);
    let matrix = ndarray::Array2::from_shape_vec((rows.len(), width), rows.concat());
    matrix.expect("rows of one width").into_dyn()
}

/// All numbers in order.
pub(super) fn flat(array: &ArrayD<f64>) -> Vec<f64> {
    let in_order = array.as_slice().map(<[f64]>::to_vec);
    in_order.unwrap_or_else(|| array.iter().copied().collect())
}
