//! Which registers a loop over numbers is compiled for.

use std::marker::PhantomData;

use pulp::{Arch, Scalar, Simd, WithSimd};

use crate::rules::Op;
use crate::rules::expand::{Elementwise, Visitor};

/// A loop over numbers, for any rule.
///
/// `run` is always inlined: code for wide registers is what is inlined into a function for them.
pub(super) trait Kernel {
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize>(self);
}

/// Runs loops.
pub(super) trait Run: Copy {
    /// A loop for the rule of an operation.
    fn rule(self, op: Op, kernel: impl Kernel);
    /// Any other.
    fn other(self, work: impl WithSimd<Output = ()>);
}

/// The registers that the crate is compiled for.
#[derive(Clone, Copy)]
pub(super) struct Baseline;

impl Run for Baseline {
    #[inline(always)]
    fn rule(self, op: Op, kernel: impl Kernel) {
        op.visit(Direct { kernel });
    }
    // Inlined, it would take registers from the loops over operations: a fifth of an elimination's time.
    #[inline(never)]
    fn other(self, work: impl WithSimd<Output = ()>) {
        work.with_simd(Scalar::new());
    }
}

/// The widest that the processor has.
impl Run for Arch {
    #[inline(always)]
    fn rule(self, op: Op, kernel: impl Kernel) {
        op.visit(Dispatch { arch: self, kernel });
    }
    #[inline(always)]
    fn other(self, work: impl WithSimd<Output = ()>) {
        self.dispatch(work);
    }
}

struct Direct<K> {
    kernel: K,
}

impl<K: Kernel> Visitor for Direct<K> {
    type Output = ();
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        self.kernel.run::<E, A, P>();
    }
}

struct Dispatch<K> {
    arch: Arch,
    kernel: K,
}

impl<K: Kernel> Visitor for Dispatch<K> {
    type Output = ();
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        self.arch.dispatch(Vectorised::<K, E, A, P> {
            kernel: self.kernel,
            rule: PhantomData,
        });
    }
}

struct Vectorised<K, E, const A: usize, const P: usize> {
    kernel: K,
    rule: PhantomData<E>,
}

impl<K: Kernel, E: Elementwise<A, P>, const A: usize, const P: usize> WithSimd
    for Vectorised<K, E, A, P>
{
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.kernel.run::<E, A, P>();
    }
}
