//! How long nodes live: generations, marks, clearing, and what holds a list still.

use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::thread;

/// Which handles were live at one moment of a list's life.
pub(crate) struct History {
    pub(crate) generation: u64,
    cleared: u64,
    nodes: u32,
    /// Few, for each must have kept fewer nodes than the next.
    rewinds: SmallVec<[(u64, u32); 4]>,
}

impl History {
    /// Whether the node was on the list then, and was what the handle of this generation means.
    pub(crate) fn was_live(&self, generation: u64, id: u32) -> bool {
        if id >= self.nodes || generation < self.cleared || generation > self.generation {
            return false;
        }
        generation == self.generation || survives(&self.rewinds, generation, id)
    }
}

/// Whether a node of an earlier generation has survived every rewind since.
fn survives(rewinds: &[(u64, u32)], generation: u64, id: u32) -> bool {
    // What they keep grows, so the first after the handle's own generation has kept the least.
    let later = rewinds.partition_point(|&(began, _)| began <= generation);
    rewinds.get(later).is_some_and(|&(_, kept)| id < kept)
}

impl<T: Real> List<T> {
    /// A list that belongs to the calling thread, from the pool if it has one.
    pub(crate) fn acquire() -> &'static Self {
        let pooled = T::pool()
            .lock()
            .unwrap_or_else(|poison| poison.into_inner())
            .pop();
        let list = pooled.unwrap_or_else(|| Box::leak(Box::new(Self::new())));
        list.owner.store(thread::current(), Relaxed);
        list
    }

    /// Ends the life of every handle and gives the list back to the pool.
    pub(crate) fn release(&'static self) {
        if self.generation() + 1 == CONSTANT {
            // No generation is left to make the handles stale: their nodes stay, and the list is not used again.
            return;
        }
        self.next_generation();
        if self.is_sweeping() {
            // The sweep still holds on to the nodes: they stay, and so does the list, for good.
            self.cleared.store(self.generation(), Relaxed);
            return;
        }
        self.forget_nodes();
        {
            let mut state = self.state.borrow_mut();
            state.arena.shrink();
            state.buffers = BufferPool::new();
            state.adjoints = Vec::new();
            state.gradients = Vec::new();
            state.many = many::Many::new();
            state.guards = Vec::new();
            state.max_nodes = MAX_NODES;
            state.watch = false;
        }
        let mut pool = T::pool()
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        let kept = if pool.len() < ROOMY_LISTS {
            KEPT_CHUNKS
        } else {
            1
        };
        let mut chunks = self.chunks.borrow_mut();
        for &chunk in chunks.iter().skip(kept) {
            // SAFETY: allocated by `make_room` with this layout, and no handle to it is live.
            unsafe { alloc::dealloc(chunk.cast(), chunk_layout::<T>()) }
        }
        chunks.truncate(kept);
        drop(chunks);
        self.owner.store(0, Relaxed);
        if self.generation.load(Relaxed) < CONSTANT / 2 {
            pool.push(self);
        }
    }

    /// The generation that began with the last `clear`.
    pub(crate) fn cleared(&self) -> u64 {
        self.cleared.load(Relaxed)
    }

    /// Whether buffers taken in this generation may go back to the pool.
    pub(crate) fn may_recycle(&self, generation: u64) -> bool {
        self.on_own_thread() && generation >= self.cleared() && self.state.try_borrow_mut().is_ok()
    }

    /// Whether the node still is what it was when the handle was made.
    #[inline]
    pub(crate) fn is_live(&self, generation: u64, id: u32) -> bool {
        if self.is_current(generation) {
            return true;
        }
        if !self.on_own_thread() || generation < self.cleared() {
            return false;
        }
        id < self.survivors.get() || survives(&self.state.borrow().rewinds, generation, id)
    }

    /// Why a handle that is not live is not.
    #[cold]
    pub(crate) fn why_dead(
        &self,
        op: &'static str,
        kind: &'static str,
        generation: u64,
        id: u32,
    ) -> Error {
        if self.generation() == CONSTANT {
            return Error::Constant { op, kind };
        }
        let gone = generation < self.cleared();
        if !gone && !self.on_own_thread() {
            return Error::WrongThread { op };
        }
        Error::Stale {
            op,
            kind,
            node: id,
            recorded: generation,
            fate: if gone {
                "cleared or dropped"
            } else {
                "rewound"
            },
            current: self.generation(),
        }
    }

    /// Which handles are live now, for whoever asks later.
    pub(crate) fn history(&self) -> History {
        History {
            generation: self.generation(),
            cleared: self.cleared(),
            nodes: self.len(),
            rewinds: SmallVec::from_slice(&self.state.borrow().rewinds),
        }
    }

    pub(crate) fn position(&self) -> Position {
        let state = self.state.borrow();
        Position {
            nodes: self.len.get(),
            aux: state.aux.len(),
            guards: state.guards.len(),
            arena: state.arena.position(),
        }
    }

    /// Drops every node recorded after `position`; earlier handles live on.
    ///
    /// # Panics
    ///
    /// While a sweep is under way.
    #[track_caller]
    pub(crate) fn rewind(&self, position: Position) {
        self.refuse_while_sweeping("rewind");
        self.drop_tail(position);
    }

    /// [`List::rewind`] for a sweep that drops what it recorded itself.
    #[track_caller]
    pub(crate) fn drop_tail(&self, position: Position) {
        let began = self.next_generation();
        self.survivors.set(self.survivors.get().min(position.nodes));
        {
            let mut state = self.state.borrow_mut();
            while state
                .rewinds
                .last()
                .is_some_and(|&(_, kept)| kept >= position.nodes)
            {
                state.rewinds.pop();
            }
            state.rewinds.push((began, position.nodes));
        }
        self.reset_to(position);
    }

    /// Drops every node.
    ///
    /// # Panics
    ///
    /// While a sweep is under way.
    #[track_caller]
    pub(crate) fn clear(&self) {
        self.refuse_while_sweeping("clear");
        self.next_generation();
        self.forget_nodes();
    }

    pub(super) fn forget_nodes(&self) {
        self.cleared.store(self.generation(), Relaxed);
        self.survivors.set(MAX_NODES);
        self.state.borrow_mut().rewinds.clear();
        self.reset_to(Position {
            nodes: 0,
            aux: 0,
            guards: 0,
            arena: (0, 0),
        });
    }

    #[track_caller]
    pub(super) fn refuse_while_sweeping(&self, what: &str) {
        assert!(
            !self.is_sweeping(),
            "{what}: a derivative is being computed on this tape; wait until it returns"
        );
    }

    pub(crate) fn is_sweeping(&self) -> bool {
        self.state.borrow().sweeping > 0
    }

    #[track_caller]
    pub(super) fn next_generation(&self) -> u64 {
        let next = self.generation() + 1;
        assert!(
            next < CONSTANT,
            "the tape has been cleared or rewound 2^32 times; make a new one"
        );
        self.generation.store(next, Relaxed);
        next
    }

    pub(super) fn reset_to(&self, position: Position) {
        // Dropped last, when nothing is borrowed: what a user's closure captured may use a tape
        // when it goes.
        let _customs: Vec<TensorOp<T>>;
        let mut state = self.state.borrow_mut();
        _customs = state
            .aux
            .drain(position.aux..)
            .map(|aux| aux.op)
            .filter(|op| matches!(op, TensorOp::Custom(_) | TensorOp::Checkpoint(_)))
            .collect();
        state.many.truncate(position.nodes);
        state.guards.truncate(position.guards);
        state.arena.rewind(position.arena);
        state.unstop(position.nodes);
        if !state.names.is_empty() {
            state.names.split_off(&position.nodes);
        }
        if !state.origins.is_empty() {
            state.origins.split_off(&position.nodes);
        }
        self.len.set(position.nodes);
        self.limit.set(position.nodes);
        if ((position.nodes >> CHUNK_BITS) as usize) < self.chunks.borrow().len() && !state.watch {
            self.enter(position.nodes, state.max_nodes, false);
        }
    }

    /// Starts something that leaves the list as it is if it fails or panics.
    ///
    /// Only for a list that the calling thread owns.
    pub(crate) fn attempt(&'static self) -> Attempt<T> {
        // Code of the user's may run meanwhile: it must not see, or move, what may be taken back.
        self.state.borrow_mut().sweeping += 1;
        Attempt {
            list: self,
            position: self.position(),
            cleared: self.cleared(),
            kept: false,
        }
    }

    /// Keeps nodes from going away until the guard is dropped.
    pub(crate) fn sweep_guard(&'static self) -> SweepGuard<T> {
        self.state.borrow_mut().sweeping += 1;
        SweepGuard {
            list: self,
            cleared: self.cleared(),
        }
    }
}

/// Takes back what is recorded while it lives, unless it is kept.
pub(crate) struct Attempt<T: Real> {
    list: &'static List<T>,
    position: Position,
    cleared: u64,
    kept: bool,
}

impl<T: Real> Attempt<T> {
    /// Keeps what was recorded if the attempt succeeded.
    pub(crate) fn settle<V>(mut self, result: Result<V, Error>) -> Result<V, Error> {
        self.kept = result.is_ok();
        result
    }
}

impl<T: Real> Drop for Attempt<T> {
    fn drop(&mut self) {
        self.list.state.borrow_mut().sweeping -= 1;
        if self.kept || self.list.cleared() != self.cleared {
            return;
        }
        if self.list.len() > self.position.nodes {
            self.list.drop_tail(self.position);
        } else {
            // What was asked about earlier nodes alone.
            let guards = &mut self.list.state.borrow_mut().guards;
            guards.truncate(self.position.guards);
        }
    }
}

/// Holds a list still while a derivative is computed.
pub(crate) struct SweepGuard<T: Real> {
    list: &'static List<T>,
    cleared: u64,
}

impl<T: Real> SweepGuard<T> {
    /// Stops if the tape was dropped by code that the sweep called.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert!(
            self.list.cleared() == self.cleared,
            "the tape was dropped while a derivative was being computed on it"
        );
    }
}

impl<T: Real> Drop for SweepGuard<T> {
    fn drop(&mut self) {
        self.list.state.borrow_mut().sweeping -= 1;
    }
}
