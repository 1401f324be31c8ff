//! Matrix products, batched and with either factor transposed.

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};
use num_traits::One;

use crate::broadcast::{broadcast_shapes, for_each_run};
use crate::error::{Error, Shapes};
use crate::real::Real;
use crate::rules::structural::{Array, Sample, Structural, View, sample, sum_of_terms};
use crate::tensor::Shape;

/// `op(a) op(b)` over the last two axes, where `op` transposes or not; leading axes broadcast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matmul {
    pub(crate) transpose: [bool; 2],
}

/// Rows and columns of a factor as it enters the product, and its leading axes.
fn parts(shape: &[usize], transposed: bool) -> (&[usize], usize, usize) {
    let (batch, matrix) = shape.split_at(shape.len() - 2);
    if transposed {
        (batch, matrix[1], matrix[0])
    } else {
        (batch, matrix[0], matrix[1])
    }
}

impl<T: Real> Structural<T> for Matmul {
    const NAME: &'static str = "matmul";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        let shapes = || Shapes(inputs.iter().map(|&s| s.into()).collect());
        if inputs.iter().any(|shape| shape.len() < 2) {
            return Err(Error::Shape {
                op: "matmul",
                detail: "both factors need rank 1 or more; multiply by a scalar with *".to_owned(),
                shapes: shapes(),
            });
        }
        let (a_batch, rows, inner) = parts(inputs[0], self.transpose[0]);
        let (b_batch, also_inner, columns) = parts(inputs[1], self.transpose[1]);
        if inner != also_inner {
            return Err(Error::Shape {
                op: "matmul",
                detail: format!(
                    "the first factor has {inner} columns but the second {also_inner} rows; they must be equal: transpose one with .t()"
                ),
                shapes: shapes(),
            });
        }
        let mut shape =
            broadcast_shapes("matmul", &[a_batch, b_batch]).map_err(|_| Error::Broadcast {
                op: "matmul",
                shapes: shapes(),
            })?;
        shape.extend([rows, columns]);
        Ok(shape)
    }
    fn evaluate(&self, inputs: &[View<'_, T>], shape: &[usize], to: &mut [T]) {
        let (a_batch, rows, inner) = parts(inputs[0].shape, self.transpose[0]);
        let (b_batch, _, columns) = parts(inputs[1].shape, self.transpose[1]);
        let (a, b) = (inputs[0].data, inputs[1].data);
        if rows * columns == 0 || inner == 0 {
            return to.fill(T::zero());
        }
        let (size, a_size, b_size) = (rows * columns, rows * inner, inner * columns);
        let batch = &shape[..shape.len() - 2];
        let _clean = CleanRegisters;
        for_each_run(
            batch,
            [a_batch, b_batch],
            &mut |start, len, offsets, strides| {
                for i in 0..len {
                    let (a_at, b_at) = (offsets[0] + i * strides[0], offsets[1] + i * strides[1]);
                    T::product(
                        &mut to[(start + i) * size..][..size],
                        [&a[a_at * a_size..][..a_size], &b[b_at * b_size..][..b_size]],
                        [rows, inner, columns],
                        self.transpose,
                    );
                }
            },
        );
    }
    /// For c = a b: the adjoint of a is g b^T, that of b is a^T g; with a transposed, the adjoint
    /// of what is stored is the transpose of that.
    fn pull_back<A: Array<T>>(&self, k: usize, g: &A, inputs: &[A], _: &A) -> A {
        let [ta, tb] = self.transpose;
        let (a, b) = (&inputs[0], &inputs[1]);
        match (k, self.transpose[k]) {
            (0, false) => g.matmul(false, b, !tb),
            (0, true) => b.matmul(tb, g, true),
            (_, false) => a.matmul(!ta, g, false),
            (_, true) => g.matmul(true, a, ta),
        }
    }
    fn push_forward<A: Array<T>>(&self, inputs: &[A], _: &A, tangents: &[Option<A>]) -> A {
        sum_of_terms(tangents, |k, t| {
            let factors = if k == 0 {
                [t, &inputs[1]]
            } else {
                [&inputs[0], t]
            };
            A::apply((*self).into(), &factors)
        })
    }
    fn samples() -> Vec<Sample<T>> {
        let product = |a, b| Matmul { transpose: [a, b] };
        vec![
            sample(product(false, false), &[&[2, 3], &[3, 4]]),
            sample(product(true, false), &[&[3, 2], &[3, 4]]),
            sample(product(false, true), &[&[2, 3], &[4, 3]]),
            sample(product(true, true), &[&[3, 2], &[4, 3]]),
            sample(product(false, false), &[&[5, 1, 2, 3], &[2, 3, 4]]),
            sample(product(true, false), &[&[3, 2], &[2, 3, 4]]),
        ]
    }
}

/// The product of two matrices, of `rows` x `inner` and `inner` x `columns` after the transpositions.
pub(crate) fn product<T: ComplexField + One>(
    to: &mut [T],
    [a, b]: [&[T]; 2],
    [rows, inner, columns]: [usize; 3],
    [transpose_a, transpose_b]: [bool; 2],
) {
    let a = factor(a, rows, inner, transpose_a);
    let b = factor(b, inner, columns, transpose_b);
    let to = MatMut::from_row_major_slice_mut(to, rows, columns);
    matmul(to, Accum::Replace, a, b, T::one(), Par::Seq);
}

fn factor<T>(data: &[T], rows: usize, columns: usize, transposed: bool) -> MatRef<'_, T> {
    if transposed {
        MatRef::from_column_major_slice(data, rows, columns)
    } else {
        MatRef::from_row_major_slice(data, rows, columns)
    }
}

/// On drop, leaves the vector registers as other code expects them.
///
/// faer's AVX kernels (0.24) end without `vzeroupper`. The upper halves that they leave behind make
/// every SSE instruction that follows wait for them: libm's `exp` was measured at 300 ns instead of
/// 12 until the thread's end.
pub(crate) struct CleanRegisters;

impl Drop for CleanRegisters {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if std::arch::is_x86_feature_detected!("avx") {
            #[target_feature(enable = "avx")]
            fn clean() {
                std::arch::x86_64::_mm256_zeroupper();
            }
            // SAFETY: the processor has AVX.
            unsafe { clean() }
        }
    }
}
