//! Memory that begins where a cache line does.

use std::ops::{Deref, DerefMut};

use crate::real::Real;

/// Bytes in a cache line.
const LINE: usize = 64;

/// Numbers whose first begins a cache line: otherwise each of the widest registers would be read from two, and written to two.
#[derive(Debug)]
pub(super) struct Aligned<T> {
    room: Vec<T>,
    len: usize,
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        let room = Vec::new();
        Self { room, len: 0 }
    }
}

impl<T: Real> Aligned<T> {
    /// Makes it that long; what it holds then is any numbers.
    pub(super) fn resize(&mut self, len: usize) {
        self.room.resize(len + LINE / size_of::<T>(), T::zero());
        self.len = len;
    }

    fn start(&self) -> usize {
        // Nobody promises that it is found, and nothing but time depends on it.
        self.room
            .as_ptr()
            .align_offset(LINE)
            .min(LINE / size_of::<T>())
    }
}

impl<T: Real> Deref for Aligned<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self.len {
            0 => &[],
            len => &self.room[self.start()..][..len],
        }
    }
}

impl<T: Real> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match (self.len, self.start()) {
            (0, _) => &mut [],
            (len, start) => &mut self.room[start..][..len],
        }
    }
}
