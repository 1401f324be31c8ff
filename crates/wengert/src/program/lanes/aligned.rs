//! Memory that begins where a cache line does.

use std::ops::{Deref, DerefMut};

/// Numbers in a cache line.
const LINE: usize = 8;

/// Numbers whose first begins a cache line: otherwise each of the widest registers would be read from two, and written to two.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    room: Vec<f64>,
    len: usize,
}

impl Aligned {
    /// Makes it that long; what it holds then is any numbers.
    pub(super) fn resize(&mut self, len: usize) {
        self.room.resize(len + LINE, 0.0);
        self.len = len;
    }

    fn start(&self) -> usize {
        let bytes = LINE * size_of::<f64>();
        // Nobody promises that it is found, and nothing but time depends on it.
        self.room.as_ptr().align_offset(bytes).min(LINE)
    }
}

impl Deref for Aligned {
    type Target = [f64];
    fn deref(&self) -> &[f64] {
        match self.len {
            0 => &[],
            len => &self.room[self.start()..][..len],
        }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f64] {
        match (self.len, self.start()) {
            (0, _) => &mut [],
            (len, start) => &mut self.room[start..][..len],
        }
    }
}
