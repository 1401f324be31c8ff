//! NumPy's broadcasting: which shapes go together, and how to walk several at once.

use smallvec::SmallVec;

use crate::error::{Error, Shapes};
use crate::tensor::Shape;

/// The shape that holds them all: aligned from the right, axes equal or 1.
pub(crate) fn broadcast_shapes(op: &'static str, shapes: &[&[usize]]) -> Result<Shape, Error> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut joint: Shape = SmallVec::from_elem(1, rank);
    for shape in shapes {
        let offset = rank - shape.len();
        for (axis, &n) in shape.iter().enumerate() {
            let m = &mut joint[offset + axis];
            if *m == 1 {
                *m = n;
            } else if n != 1 && n != *m {
                return Err(Error::Broadcast {
                    op,
                    shapes: Shapes(shapes.iter().map(|&s| s.into()).collect()),
                });
            }
        }
    }
    Ok(joint)
}

/// Walks C-ordered operands that broadcast to `shape`, in runs as long as can be.
///
/// Calls `f(start, len, offsets, strides)`: the run covers `start..start + len` of the output, and
/// operand `k` stands still (stride 0) or goes along (stride 1) from `offsets[k]`. A call is paid
/// once a run, and buys one copy of this walk instead of one for each operation.
pub(crate) fn for_each_run<const K: usize>(
    shape: &[usize],
    operands: [&[usize]; K],
    f: &mut dyn FnMut(usize, usize, [usize; K], [usize; K]),
) {
    let total: usize = shape.iter().product();
    if total == 0 {
        return;
    }
    // Axes from the innermost outwards, merged where every operand can take them as one.
    let mut axes: SmallVec<[(usize, [usize; K]); 4]> = SmallVec::new();
    let mut volume = [1; K];
    for (inward, &n) in shape.iter().rev().enumerate() {
        let strides: [usize; K] = std::array::from_fn(|k| {
            let m = operands[k]
                .len()
                .checked_sub(inward + 1)
                .map_or(1, |axis| operands[k][axis]);
            let stride = if m == 1 { 0 } else { volume[k] };
            volume[k] *= m;
            stride
        });
        if n == 1 {
            continue;
        }
        match axes.last_mut() {
            Some((len, inner)) if (0..K).all(|k| strides[k] == inner[k] * *len) => *len *= n,
            _ => axes.push((n, strides)),
        }
    }
    let Some(&(len, strides)) = axes.first() else {
        return f(0, 1, [0; K], [1; K]);
    };
    let outer = &axes[1..];
    let mut counters: SmallVec<[usize; 4]> = SmallVec::from_elem(0, outer.len());
    let mut offsets = [0; K];
    let mut start = 0;
    loop {
        f(start, len, offsets, strides);
        start += len;
        if start == total {
            return;
        }
        for (counter, &(n, steps)) in counters.iter_mut().zip(outer) {
            *counter += 1;
            if *counter < n {
                for k in 0..K {
                    offsets[k] += steps[k];
                }
                break;
            }
            *counter = 0;
            for k in 0..K {
                offsets[k] -= (n - 1) * steps[k];
            }
        }
    }
}
