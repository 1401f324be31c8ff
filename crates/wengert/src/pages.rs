//! Large pages for large pieces of memory: fewer page faults in a first sweep, fewer misses in later ones.
#![allow(unsafe_code)]

/// The size of a large page, to which what shall have some is best aligned.
pub(crate) const LARGE: usize = 1 << 21;

/// Asks for large pages in a piece of memory that has not been written yet. Nothing hangs on the answer.
pub(crate) fn prefer_large(start: *mut u8, bytes: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        let skipped = start.align_offset(LARGE).min(bytes);
        let whole = (bytes - skipped) / LARGE * LARGE;
        if whole > 0 {
            // SAFETY: the range lies within the piece, and the advice does not change what is in it.
            unsafe { libc::madvise(start.add(skipped).cast(), whole, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (start, bytes);
}

const SMALL: usize = 1 << 12;

/// Gets the pages of a piece of memory, which is about to be written, in one go and not one by one at the first write to each.
pub(crate) fn touch(start: *mut u8, bytes: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        let skipped = start.align_offset(SMALL).min(bytes);
        let whole = (bytes - skipped) / SMALL * SMALL;
        if whole > SMALL {
            // SAFETY: the range lies within the piece, and what is in it stays as it is. A kernel that
            // does not know the advice refuses it.
            unsafe { libc::madvise(start.add(skipped).cast(), whole, libc::MADV_POPULATE_WRITE) };
        }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (start, bytes);
}
