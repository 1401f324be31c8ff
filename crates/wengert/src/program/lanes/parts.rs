//! Sharing the points out among threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::error::Error;

/// The points are dealt out in at most so many parts, whatever the number of threads.
pub(super) const PARTS: usize = 16;

/// What `work` makes of each part, in the order of the parts; each thread has a `room` of its own.
///
/// The calling thread takes parts from the first moment on, and others as soon as they are awake.
///
/// # Errors
///
/// That of the first part that fails.
pub(super) fn share_out<M, R: Send>(
    parts: usize,
    parallel: bool,
    room: impl Fn() -> M + Sync,
    work: impl Fn(&mut M, usize) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::with_capacity(parts));
    let run = || {
        let mut own = None;
        loop {
            let part = next.fetch_add(1, Relaxed);
            if part >= parts {
                break;
            }
            let result = work(own.get_or_insert_with(&room), part);
            if result.is_err() {
                // Parts before this one are under way already.
                next.store(parts, Relaxed);
            }
            found.lock().expect(LOCK).push((part, result));
        }
    };
    if parallel {
        rayon::in_place_scope(|scope| {
            for _ in 1..rayon::current_num_threads().min(parts) {
                scope.spawn(|_| run());
            }
            run();
        });
    } else {
        run();
    }
    let mut found = found.into_inner().expect(LOCK);
    found.sort_unstable_by_key(|&(part, _)| part);
    found.into_iter().map(|(_, result)| result).collect()
}

const LOCK: &str = "nobody panics who holds the lock";
