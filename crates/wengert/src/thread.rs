//! Which thread this is, by the operating system's word for it.
//!
//! Not by a thread-local's address: a notebook compiles every cell into a library with its own
//! copy of statics and thread-locals, and a handle must work in all of them.
#![allow(unsafe_code)]

/// The calling thread; never 0. A number is used again only after its thread has ended.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) fn current() -> usize {
    let id: usize;
    // SAFETY: the x86-64 ABI keeps the thread control block's own address at its start, fs:0.
    unsafe {
        std::arch::asm!("mov {}, fs:0", out(reg) id, options(pure, readonly, nostack, preserves_flags));
    }
    id
}

/// The calling thread; never 0. A number is used again only after its thread has ended.
#[cfg(all(unix, any(miri, not(all(target_os = "linux", target_arch = "x86_64")))))]
#[inline]
pub(crate) fn current() -> usize {
    // SAFETY: pthread_self always succeeds.
    unsafe { libc::pthread_self() as usize }
}

/// The calling thread; never 0. A number is used again only after its thread has ended.
#[cfg(windows)]
#[inline]
pub(crate) fn current() -> usize {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        safe fn GetCurrentThreadId() -> u32;
    }
    GetCurrentThreadId() as usize
}

#[cfg(all(
    feature = "nalgebra",
    not(any(unix, windows)),
    target_feature = "atomics"
))]
compile_error!(
    "the feature `nalgebra` needs to tell threads apart, which wengert cannot do on this target"
);

/// The only thread there is.
#[cfg(not(any(unix, windows)))]
#[inline(always)]
pub(crate) fn current() -> usize {
    1
}
