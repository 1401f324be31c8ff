//! Writing a block's answers, which lie column by column, point by point.

use crate::program::lanes::block::{Block, Sought};
use crate::real::Real;

/// See [`Block::write_values`].
pub(crate) fn values<T: Real>(block: &Block<'_, T>, rows: &mut [T]) {
    let outputs = &block.lanes.split.outputs;
    for (row, point) in rows.chunks_exact_mut(outputs.len().max(1)).zip(0..) {
        for (value, &slot) in row.iter_mut().zip(outputs) {
            *value = block.number(slot, point);
        }
    }
}

/// See [`Block::write_jacobians`].
pub(crate) fn jacobians<T: Real>(block: &mut Block<'_, T>, matrices: &mut [T]) {
    if matrices.is_empty() {
        return;
    }
    let (outputs, inputs) = (block.lanes.split.outputs.len(), block.lanes.split.sought());
    let together = block.lanes.outputs_together();
    for first in (0..outputs).step_by(together) {
        let group = first..outputs.min(first + together);
        block.pull_back(Sought::Own(group.clone()));
        let adjoints = &block.scratch.adjoints[0];
        let of_slot = group.len() * block.width;
        let stride = outputs * inputs;
        // The numbers of a few points at a time, of which each column has a cache line.
        for (few, matrices) in matrices.chunks_mut(T::LANES * stride).enumerate() {
            for (k, output) in group.clone().enumerate() {
                let column = |input: usize| -> &T::Few {
                    let line = (input * of_slot + k * block.width) / T::LANES + few;
                    &T::few(adjoints)[line]
                };
                let at = output * inputs;
                let mut input = 0;
                while input + TOGETHER <= inputs {
                    let mut columns = [column(input); TOGETHER];
                    for (j, of) in columns.iter_mut().enumerate() {
                        *of = column(input + j);
                    }
                    interleave::<T, TOGETHER>(columns, matrices, stride, at + input);
                    input += TOGETHER;
                }
                for input in input..inputs {
                    interleave::<T, 1>([column(input)], matrices, stride, at + input);
                }
            }
        }
    }
}

/// Columns that are written together.
const TOGETHER: usize = 4;

/// Writes columns side by side, from place `at` of each point's numbers on.
#[inline(always)]
fn interleave<T: Real, const N: usize>(
    columns: [&T::Few; N],
    to: &mut [T],
    stride: usize,
    at: usize,
) {
    for (row, point) in to.chunks_exact_mut(stride).zip(0..T::LANES) {
        // By a loop: `array::map` is not inlined here.
        for (entry, column) in row[at..][..N].iter_mut().zip(columns) {
            *entry = column[point];
        }
    }
}
