//! The memory of a block.

use crate::program::lanes::aligned::Aligned;

/// What a block computes at its points.
pub(super) struct Scratch<T> {
    pub(super) values: Aligned<T>,
    pub(super) tangents: Aligned<T>,
    /// Adjoints, and their tangents.
    pub(super) adjoints: [Aligned<T>; 2],
    pub(super) totals: [Aligned<T>; 2],
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self {
            values: Aligned::default(),
            tangents: Aligned::default(),
            adjoints: Default::default(),
            totals: Default::default(),
        }
    }
}
