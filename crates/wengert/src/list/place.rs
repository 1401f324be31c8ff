//! Where the node of a handle stands.

#[cfg(not(feature = "nalgebra"))]
use std::marker::PhantomData;

use super::*;

/// A node of a list, or a number that is none: what a scalar's handle consists of.
///
/// It fits into two registers. A handle of three words would go by memory wherever a call is not inlined, stored in
/// pieces and loaded whole, for which the processor waits longer than the operation takes (see `docs/performance.md`).
/// So the value is not in it, but read from the node.
#[derive(Clone, Copy)]
pub(crate) struct Place<T: Real> {
    list: &'static List<T>,
    /// The generation, then the node; of a number, its bits.
    key: u64,
    #[cfg(not(feature = "nalgebra"))]
    stays_on_its_thread: PhantomData<*const ()>,
}

impl<T: Real> Place<T> {
    #[inline(always)]
    fn new(list: &'static List<T>, key: u64) -> Self {
        Self {
            list,
            key,
            #[cfg(not(feature = "nalgebra"))]
            stays_on_its_thread: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn constant(value: T) -> Self {
        let bits = value.as_f64().to_bits();
        // Those of some NaNs would look like a key of the constants' own generation.
        let key = match bits >> GENERATION {
            CONSTANT => (-f64::NAN).to_bits(),
            _ => bits,
        };
        Self::new(T::constants(), key)
    }

    #[inline(always)]
    pub(crate) fn list(self) -> &'static List<T> {
        self.list
    }

    #[inline(always)]
    pub(crate) fn generation(self) -> u64 {
        self.key >> GENERATION
    }

    #[inline(always)]
    pub(crate) fn id(self) -> u32 {
        self.key as u32
    }

    // By its generation: in a notebook, every cell has constants of its own.
    #[inline(always)]
    pub(crate) fn is_constant(self) -> bool {
        self.list.generation() == CONSTANT
    }

    /// The value, if the node is of the list's present generation.
    #[inline(always)]
    pub(crate) fn value(self) -> Option<T> {
        if self.list.is_current(self.generation()) {
            // SAFETY: places are made for nodes that are there, and in the present generation none has gone since. A place stays on
            // the thread of its list; where it may travel, `is_current` has asked for the thread.
            Some(unsafe { self.list.value_of(self.id()) })
        } else {
            None
        }
    }

    /// The values of two nodes, if both are of one list and its present generation.
    #[inline(always)]
    pub(crate) fn values(a: Self, b: Self) -> Option<[T; 2]> {
        let together = std::ptr::eq(a.list, b.list) & ((a.key ^ b.key) >> GENERATION == 0);
        if together && a.list.is_current(a.generation()) {
            // SAFETY: as in `value`, for both.
            Some(unsafe { [a.list.value_of(a.id()), a.list.value_of(b.id())] })
        } else {
            None
        }
    }

    /// The value of a constant, or of a node of any generation.
    ///
    /// # Panics
    ///
    /// If the handle is stale or used on another thread than its list's.
    #[inline]
    #[track_caller]
    pub(crate) fn value_at_any_time(self, op: &'static str) -> T {
        if self.is_constant() {
            return T::of(f64::from_bits(self.key));
        }
        if !self.list.is_live(self.generation(), self.id()) {
            self.check(op);
        }
        self.list.node(self.id()).value
    }

    #[track_caller]
    pub(crate) fn check(self, op: &'static str) {
        if let Err(error) = self.try_check(op, "Var") {
            fail(error)
        }
    }

    pub(crate) fn try_check(self, op: &'static str, kind: &'static str) -> Result<(), Error> {
        if self.list.is_live(self.generation(), self.id()) {
            Ok(())
        } else {
            Err(self.list.why_dead(op, kind, self.generation(), self.id()))
        }
    }
}

impl<T: Real> List<T> {
    /// The place of a node.
    ///
    /// # Panics
    ///
    /// If the list has no such node.
    #[inline]
    pub(crate) fn place(&'static self, id: u32) -> Place<T> {
        assert!(id < self.len(), "node {id} is not on the list");
        self.place_of(id)
    }

    #[inline(always)]
    fn place_of(&'static self, id: u32) -> Place<T> {
        Place::new(self, self.generation() << GENERATION | u64::from(id))
    }

    /// Appends a node, and says where it stands.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn record(
        &'static self,
        op: Op,
        value: T,
        partials: [T; 2],
        operands: [u32; 2],
    ) -> Place<T> {
        let id = self.push(op, value, partials, operands);
        self.place_of(id)
    }

    /// The value of a node.
    ///
    /// # Safety
    ///
    /// The node is on the list, and the list is the calling thread's.
    #[inline(always)]
    unsafe fn value_of(&self, id: u32) -> T {
        debug_assert!(id < self.len());
        // SAFETY: the table has the chunk of every node on the list: it grows before a chunk is written, and what
        // `release` takes from its end has no nodes. The node has been written.
        unsafe {
            let chunk = *self.table.get().add((id >> CHUNK_BITS) as usize);
            (*chunk.add((id & (CHUNK - 1)) as usize)).value
        }
    }
}
