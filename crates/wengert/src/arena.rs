//! Where tensors live: a bump allocator for primals, a pool of buffers for adjoints.
//!
//! Both keep what they have got, so that a step that repeats allocates nothing.
#![allow(unsafe_code)]

use std::alloc::{self, Layout};
use std::ptr::NonNull;

use crate::pages;
use crate::real::Real;

const FIRST_CHUNK: usize = 1 << 12;
/// Chunks grow to this size; larger ones are made for one large tensor, or for a step that repeats.
const LARGEST_CHUNK: usize = 1 << 20;

/// Tensor values in chunks that never move; a whole tail of them is dropped at once.
pub(crate) struct Arena<T> {
    /// Raw, because a span points into a chunk while its neighbour is being written.
    chunks: Vec<(NonNull<T>, usize)>,
    /// The chunk in use and how much of it is taken.
    position: (usize, usize),
}

/// A run of numbers in an [`Arena`], or a scalar node's value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<T> {
    start: *const T,
    len: usize,
}

impl<T: Real> Span<T> {
    pub(crate) fn new(start: *const T, len: usize) -> Self {
        Self { start, len }
    }

    /// The numbers.
    ///
    /// # Safety
    ///
    /// The span's nodes may not be rewound, cleared or dropped while `'a` lasts.
    pub(crate) unsafe fn as_slice<'a>(self) -> &'a [T] {
        // SAFETY: `start` points to `len` initialised numbers that are never written again
        // until their node goes away, which the caller excludes.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl<T: Real> Arena<T> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            position: (0, 0),
        }
    }

    /// Fresh room for `len` numbers, with any old content, if the machine has so much.
    ///
    /// The span covers what the slice covers: write the slice, then read the span.
    ///
    /// # Safety
    ///
    /// The slice is let go before the span is read, and before the arena is rewound below it or dropped.
    pub(crate) unsafe fn allocate<'a>(&mut self, len: usize) -> Option<(Span<T>, &'a mut [T])> {
        loop {
            let (chunk, used) = self.position;
            match self.chunks.get(chunk) {
                Some(&(start, capacity)) if capacity - used >= len => {
                    self.position.1 += len;
                    // SAFETY: `used + len` is in bounds of the chunk, whose numbers are
                    // initialised; bumping the position leaves this part to the caller alone
                    // until it is rewound.
                    return Some(unsafe {
                        let start = start.as_ptr().add(used);
                        (
                            Span::new(start, len),
                            std::slice::from_raw_parts_mut(start, len),
                        )
                    });
                }
                Some(_) if self.chunks.get(chunk + 1).is_some_and(|next| next.1 >= len) => {
                    self.position = (chunk + 1, 0);
                }
                found => {
                    // What follows is empty, and its first chunk too small: one chunk takes the place of all
                    // of it, so that steps of rising size do not leave a chunk behind each time.
                    let next = if found.is_some() && used > 0 {
                        chunk + 1
                    } else {
                        chunk
                    };
                    let last = self.chunks.get(chunk).map_or(0, |last| last.1);
                    let freed = self.free_from(next);
                    let twice = (2 * last).clamp(FIRST_CHUNK, LARGEST_CHUNK);
                    let capacity = freed.max(twice).max(len);
                    let layout = Layout::array::<T>(capacity).ok()?;
                    // SAFETY: the layout is not empty, and zeroed memory is a run of zeros.
                    let numbers = unsafe { alloc::alloc_zeroed(layout) };
                    self.chunks.push((NonNull::new(numbers.cast())?, capacity));
                    self.position = (next, 0);
                }
            }
        }
    }

    pub(crate) fn position(&self) -> (usize, usize) {
        self.position
    }

    pub(crate) fn rewind(&mut self, position: (usize, usize)) {
        self.position = position;
    }

    /// Keeps the first chunk only, and that only if it is not large.
    pub(crate) fn shrink(&mut self) {
        let small = self
            .chunks
            .first()
            .is_some_and(|first| first.1 <= LARGEST_CHUNK);
        self.free_from(usize::from(small));
        self.position = (0, 0);
    }

    /// Frees the chunks from `first` on, in which no span is live; gives the numbers that they held.
    fn free_from(&mut self, first: usize) -> usize {
        let mut freed = 0;
        for (start, capacity) in self.chunks.drain(first.min(self.chunks.len())..) {
            freed += capacity;
            let layout = Layout::array::<T>(capacity).expect("it was allocated");
            // SAFETY: made in `allocate` with this layout; the caller knows that no span is read any more.
            unsafe { alloc::dealloc(start.as_ptr().cast(), layout) }
        }
        freed
    }

    pub(crate) fn bytes_used(&self) -> usize {
        let (chunk, used) = self.position;
        let before: usize = self.chunks.iter().take(chunk).map(|c| c.1).sum();
        (before + used) * size_of::<T>()
    }
}

/// Vectors that were used once and wait to be used again, by size class.
pub(crate) struct BufferPool<T> {
    classes: Vec<Vec<Vec<T>>>,
}

impl<T: Real> BufferPool<T> {
    pub(crate) const fn new() -> Self {
        Self {
            classes: Vec::new(),
        }
    }

    /// A vector of `len` numbers with any old content.
    pub(crate) fn take(&mut self, len: usize) -> Vec<T> {
        let capacity = rounded_up(len);
        let pooled = self.classes.get_mut(class(capacity)).and_then(Vec::pop);
        let mut buffer = pooled.unwrap_or_else(|| {
            let mut fresh: Vec<T> = Vec::with_capacity(capacity);
            pages::prefer_large(fresh.as_mut_ptr().cast(), capacity * size_of::<T>());
            pages::touch(fresh.as_mut_ptr().cast(), len * size_of::<T>());
            fresh
        });
        buffer.resize(len, T::zero());
        buffer
    }

    pub(crate) fn give(&mut self, buffer: Vec<T>) {
        if buffer.capacity() < SMALLEST {
            return;
        }
        let class = class(buffer.capacity());
        if self.classes.len() <= class {
            self.classes.resize_with(class + 1, Vec::new);
        }
        self.classes[class].push(buffer);
    }
}

const SMALLEST: usize = 8;

/// The next size of which buffers are kept: four to each power of two, so at most a quarter is
/// wasted, and buffers of rising lengths share a few sizes.
fn rounded_up(len: usize) -> usize {
    if len <= SMALLEST {
        return SMALLEST;
    }
    len.next_multiple_of(1 << ((len - 1).ilog2() - 2))
}

/// The class of the largest kept size that is not above `capacity`.
fn class(capacity: usize) -> usize {
    let octave = capacity.ilog2();
    let quarters = (capacity - (1 << octave)) >> (octave - 2);
    4 * (octave - SMALLEST.ilog2()) as usize + quarters
}

#[cfg(test)]
mod tests {
    use super::{SMALLEST, class, rounded_up};

    #[test]
    fn a_buffer_fits_whatever_is_asked_of_its_class() {
        for len in 0..5000 {
            let capacity = rounded_up(len);
            assert!(
                capacity >= len && capacity <= SMALLEST.max(len + len / 4 + 1),
                "{len}"
            );
            assert_eq!(rounded_up(capacity), capacity);
            // A vector that the allocator made a little larger stays in the class.
            assert_eq!(class(capacity), class(rounded_up(capacity + 1) - 1));
        }
    }
}
