//! The list itself: nodes in chunks that never move, and the cell that handles point to.
//!
//! A [`List`] is leaked once and recycled through a pool, so a handle may keep a `'static`
//! reference to it for ever. What makes a handle safe is the generation: it grows whenever nodes
//! go away, and every use of a handle compares it first.
//!
//! This module holds unsafe code: a node is appended by one raw write, and read back from its
//! chunk, because a bounds-checked `Vec` behind a `RefCell` costs about as much as the operation
//! that is recorded (see `docs/performance.md`).
#![allow(unsafe_code)]

mod lifetime;
mod many;
mod place;
mod tensors;
mod watch;

pub(crate) use lifetime::History;
pub(crate) use many::Term;
pub(crate) use place::Place;
pub(crate) use tensors::Aux;

use std::alloc::{self, Layout};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use smallvec::SmallVec;

use crate::arena::{Arena, BufferPool};
use crate::error::{Error, fail};
use crate::guards::Guard;
use crate::numeric::{Numeric, TensorEntry};
use crate::pages;
use crate::real::Real;
use crate::rules::Op;
use crate::rules::structural::TensorOp;
use crate::thread;

/// Operands are 28-bit ids: the other four bits of each hold half of the opcode.
pub(crate) const MAX_NODES: u32 = 1 << 28;
/// Where a handle's generation stands, above the node. With 28 bits for the node and 36 for the generation, recording took a tenth longer.
const GENERATION: u32 = 32;
const ID_MASK: u32 = MAX_NODES - 1;
// Under Miri, tests shall see many chunks of few nodes.
const CHUNK_BITS: u32 = if cfg!(miri) { 6 } else { 16 };
const CHUNK: u32 = 1 << CHUNK_BITS;
/// For so many nodes of a list's first chunk memory is asked for at once.
const FIRST_NODES: u32 = 1 << 9;
/// The generation of constants, which no list ever reaches.
pub(crate) const CONSTANT: u64 = u64::MAX >> GENERATION;
/// What a list in the pool may keep for its next tape.
const KEPT_CHUNKS: usize = 32;
/// How many lists in the pool may keep that much; the others keep one chunk.
const ROOMY_LISTS: usize = 4;

/// One entry of the Wengert list: a value, the partials with respect to two operands, and who
/// they are.
///
/// A slot whose operand is the node itself is not an operand: its partial then holds a constant
/// of the operation, or nothing.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Node<T> {
    pub(crate) value: T,
    pub(crate) partials: [T; 2],
    slots: [u32; 2],
}

impl<T: Copy> Node<T> {
    #[inline(always)]
    pub(crate) fn new(op: Op, value: T, partials: [T; 2], operands: [u32; 2]) -> Self {
        let code = op as u32;
        Self {
            value,
            partials,
            slots: [
                operands[0] | (code >> 4) << 28,
                operands[1] | (code & 15) << 28,
            ],
        }
    }
    #[inline(always)]
    pub(crate) fn operand(&self, slot: usize) -> u32 {
        self.slots[slot] & ID_MASK
    }
    #[inline]
    pub(crate) fn op(&self) -> Op {
        Op::from_code(((self.slots[0] >> 28) << 4 | self.slots[1] >> 28) as u8)
    }
}

/// The nodes of a list, to be looked at.
pub(crate) struct Nodes<'a, T> {
    chunks: Vec<&'a [Node<T>]>,
}

impl<T> Nodes<'_, T> {
    #[inline(always)]
    pub(crate) fn get(&self, id: u32) -> &Node<T> {
        &self.chunks[(id >> CHUNK_BITS) as usize][(id & (CHUNK - 1)) as usize]
    }
}

/// A place on the list to rewind to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) nodes: u32,
    pub(crate) aux: usize,
    pub(crate) guards: usize,
    pub(crate) arena: (usize, usize),
}

/// What is not needed to append a scalar node.
pub(crate) struct State<T: Real> {
    pub(crate) aux: Vec<Aux<T>>,
    pub(crate) many: many::Many<T>,
    pub(crate) arena: Arena<T>,
    pub(crate) buffers: BufferPool<T>,
    /// The table of the last numeric sweep, emptied, for the next one.
    pub(crate) adjoints: Vec<Option<Numeric<T>>>,
    /// The table of the last gradients, emptied, for the next ones.
    pub(crate) gradients: Vec<TensorEntry<T>>,
    /// Ranges of nodes recorded without gradients, in order.
    pub(crate) stopped: Vec<(u32, u32)>,
    /// What was asked about values, in order.
    pub(crate) guards: Vec<Guard<T>>,
    pub(crate) names: BTreeMap<u32, String>,
    /// For each rewind that still matters: the generation it began, and where it rewound to. Both grow.
    rewinds: Vec<(u64, u32)>,
    /// Where each node was recorded, while the watch is on.
    origins: BTreeMap<u32, &'static Location<'static>>,
    max_nodes: u32,
    watch: bool,
    /// Sweeps and attempts under way; nodes may not go away by other hands meanwhile.
    sweeping: u32,
}

/// The cell that handles point to.
pub(crate) struct List<T: Real> {
    generation: AtomicU64,
    owner: AtomicUsize,
    /// The generation that began with the last `clear`.
    cleared: AtomicU64,
    /// Nodes below this have survived every rewind since then.
    survivors: Cell<u32>,
    len: Cell<u32>,
    /// At this length the slow path takes over: a chunk is full, or the watch is on.
    limit: Cell<u32>,
    /// Where node 0 would be if the current chunk reached back to it.
    base: Cell<*mut Node<T>>,
    chunks: RefCell<Vec<*mut Node<T>>>,
    /// Nodes of the first chunk whose memory has been asked for.
    touched: Cell<u32>,
    /// Where `chunks` keeps them: set after each push, which alone can move them.
    table: Cell<*const *mut Node<T>>,
    state: RefCell<State<T>>,
}

// SAFETY: threads that do not own the list only ever touch `generation`, `cleared` and `owner`,
// which are atomics. A live handle is on the owner's thread: it cannot leave it without the feature
// `nalgebra`, and with it `is_current` compares `owner` with the calling thread. A stale handle may
// outlive the list's change of owner: it fails the compare of generations, which only grow, and
// `is_live` compares owners before it looks further. Only its owner gives a list away, after its
// last access, and through the mutex of the pool.
unsafe impl<T: Real> Sync for List<T> {}

// A call that panics has changed nothing: it appends last, after everything that can fail.
impl<T: Real> std::panic::UnwindSafe for List<T> {}
impl<T: Real> std::panic::RefUnwindSafe for List<T> {}

impl<T: Real> List<T> {
    pub(crate) const fn new() -> Self {
        Self::of_generation(0)
    }

    /// The list that constants point to, which has no nodes.
    pub(crate) const fn of_constants() -> Self {
        Self::of_generation(CONSTANT)
    }

    const fn of_generation(generation: u64) -> Self {
        Self {
            generation: AtomicU64::new(generation),
            owner: AtomicUsize::new(0),
            cleared: AtomicU64::new(0),
            survivors: Cell::new(MAX_NODES),
            len: Cell::new(0),
            limit: Cell::new(0),
            base: Cell::new(std::ptr::null_mut()),
            chunks: RefCell::new(Vec::new()),
            touched: Cell::new(0),
            table: Cell::new(std::ptr::null()),
            state: RefCell::new(State {
                aux: Vec::new(),
                many: many::Many::new(),
                arena: Arena::new(),
                buffers: BufferPool::new(),
                adjoints: Vec::new(),
                gradients: Vec::new(),
                stopped: Vec::new(),
                guards: Vec::new(),
                names: BTreeMap::new(),
                rewinds: Vec::new(),
                origins: BTreeMap::new(),
                max_nodes: MAX_NODES,
                watch: false,
                sweeping: 0,
            }),
        }
    }

    #[inline(always)]
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> u32 {
        self.len.get()
    }

    /// Whether a handle of this generation may be used here without a closer look.
    #[inline(always)]
    pub(crate) fn is_current(&self, generation: u64) -> bool {
        self.generation.load(Relaxed) == generation
            && (!cfg!(feature = "nalgebra") || self.on_own_thread())
    }

    #[inline(always)]
    fn on_own_thread(&self) -> bool {
        self.owner.load(Relaxed) == thread::current()
    }

    /// Appends a node.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn push(&self, op: Op, value: T, partials: [T; 2], operands: [u32; 2]) -> u32 {
        let id = self.len.get();
        if id == self.limit.get() {
            self.make_room_or_fail(op, value, operands);
        }
        // SAFETY: `len` never passes `limit`, and where they were equal there is room now.
        unsafe { self.write(Node::new(op, value, partials, operands)) };
        id
    }

    // All goes by register, so that recording puts nothing on the stack for it.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn make_room_or_fail(&self, op: Op, value: T, operands: [u32; 2]) {
        if let Err(error) = self.make_room(op.name(), value, &operands) {
            fail(error)
        }
    }

    /// Refuses an operation of two nodes before the first is appended, so that it is both or none.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn reserve_two(&self, op: Op, value: T, operands: [u32; 3]) {
        if self.len.get() + 1 >= self.limit.get() {
            self.reserve_two_or_fail(op, value, operands);
        }
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn reserve_two_or_fail(&self, op: Op, value: T, operands: [u32; 3]) {
        if let Err(error) = self.may_have_two(op, value, &operands) {
            fail(error)
        }
    }

    #[track_caller]
    fn may_have_two(&self, op: Op, value: T, operands: &[u32]) -> Result<(), Error> {
        let id = self.len.get();
        let (max_nodes, watch) = {
            let state = self.state.borrow();
            (state.max_nodes, state.watch)
        };
        if id + 1 >= max_nodes {
            return Err(Error::Full {
                op: op.name(),
                nodes: id,
            });
        }
        if watch && !value.is_finite() {
            return Err(self.non_finite(
                "forward",
                id,
                op.name(),
                value,
                operands,
                Location::caller(),
            ));
        }
        Ok(())
    }

    /// Appends a leaf, or says why not.
    #[track_caller]
    pub(crate) fn try_push_leaf(&self, value: T) -> Result<u32, Error> {
        let id = self.len.get();
        if id == self.limit.get() {
            self.make_room("leaf", value, &[])?;
        }
        Ok(self.push_leaf(value))
    }

    /// Appends a leaf, whose operands are itself.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn push_leaf(&self, value: T) -> u32 {
        let id = self.len.get();
        self.push(Op::leaf, value, [T::zero(); 2], [id; 2])
    }

    /// Appends the node of a tensor; `value` counts if it has rank 0.
    #[track_caller]
    pub(crate) fn push_aux(&self, aux: Aux<T>, value: T, name: &'static str) -> Result<u32, Error> {
        let id = self.len.get();
        if id == self.limit.get() {
            self.make_room(name, value, &[])?;
        }
        let mut state = self.state.borrow_mut();
        let index = state.aux.len() as u32;
        state.aux.push(aux);
        drop(state);
        // SAFETY: `len` never passes `limit`, and where they were equal there is room now.
        unsafe { self.write(Node::new(Op::aux, value, [T::zero(); 2], [index; 2])) };
        Ok(id)
    }

    /// Appends a node.
    ///
    /// # Safety
    ///
    /// There is room for it: `len` is below `limit`, at once or after `make_room`.
    #[inline(always)]
    unsafe fn write(&self, node: Node<T>) {
        let id = self.len.get();
        debug_assert!(id < self.limit.get());
        // SAFETY: `id < limit`, and `base + limit` is at most the end of the current chunk, whose
        // start is at most `base + id`; both are set together in `make_room` and `enter`.
        unsafe { self.base.get().wrapping_add(id as usize).write(node) }
        self.len.set(id + 1);
    }

    /// Room for one more node, or why there is none; while the watch is on, also looks at the value.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(crate) fn make_room(
        &self,
        op: &'static str,
        value: T,
        operands: &[u32],
    ) -> Result<(), Error> {
        let id = self.len.get();
        let mut state = self.state.borrow_mut();
        if id >= state.max_nodes {
            return Err(Error::Full { op, nodes: id });
        }
        if state.watch {
            if !value.is_finite() {
                drop(state);
                return Err(self.non_finite(
                    "forward",
                    id,
                    op,
                    value,
                    operands,
                    Location::caller(),
                ));
            }
            state.origins.insert(id, Location::caller());
        }
        let mut chunks = self.chunks.borrow_mut();
        if (id >> CHUNK_BITS) as usize == chunks.len() {
            // SAFETY: the layout is not empty.
            let chunk = unsafe { alloc::alloc(chunk_layout::<T>()) };
            if chunk.is_null() {
                alloc::handle_alloc_error(chunk_layout::<T>());
            }
            if !chunks.is_empty() {
                // Of the first, a small tape should touch no more than it fills.
                pages::prefer_large(chunk, chunk_layout::<T>().size());
            }
            chunks.push(chunk.cast());
            self.table.set(chunks.as_ptr());
        }
        if id < CHUNK && id >= self.touched.get() {
            // No more than the tape will need, or a quarter more.
            let end = (id + (id / 4).max(FIRST_NODES)).min(CHUNK);
            let fresh = chunks[0].wrapping_add(id as usize);
            pages::touch(fresh.cast(), (end - id) as usize * size_of::<Node<T>>());
            self.touched.set(end);
        }
        drop(chunks);
        self.enter(id, state.max_nodes, state.watch);
        Ok(())
    }

    /// Points `base` and `limit` at the chunk of node `id`, which exists.
    fn enter(&self, id: u32, max_nodes: u32, watch: bool) {
        let start = id & !(CHUNK - 1);
        let chunk = self.chunks.borrow()[(id >> CHUNK_BITS) as usize];
        self.base.set(chunk.wrapping_sub(start as usize));
        let end = match start {
            _ if watch => id + 1,
            0 => self.touched.get(),
            _ => start + CHUNK,
        };
        // A rewind may come back above a limit that was lowered meanwhile.
        self.limit.set(end.min(max_nodes).max(id));
    }

    /// A copy of a node.
    ///
    /// # Panics
    ///
    /// If the list has no such node.
    #[inline]
    pub(crate) fn node(&self, id: u32) -> Node<T> {
        assert!(id < self.len.get(), "node {id} is not on the list");
        // SAFETY: every node below `len` has been written, in the chunk of its id.
        unsafe { *self.address(id) }
    }

    /// Where a node is; it stays there until it is rewound.
    fn address(&self, id: u32) -> *mut Node<T> {
        self.chunks.borrow()[(id >> CHUNK_BITS) as usize].wrapping_add((id & (CHUNK - 1)) as usize)
    }

    /// Where the value of a scalar node is; it stays there until the node is rewound.
    pub(crate) fn value_address(&self, id: u32) -> *const T {
        assert!(id < self.len.get(), "node {id} is not on the list");
        let node = self.address(id);
        // SAFETY: the node is in bounds of its chunk.
        unsafe { &raw const (*node).value }
    }

    /// The nodes from `from` up to `to`, or to the start of `to - 1`'s chunk if that comes
    /// later: the last run of them that lies in one piece.
    ///
    /// The caller may not hold the slice while nodes go away.
    pub(crate) fn last_run(&self, from: u32, to: u32) -> &[Node<T>] {
        assert!(from < to && to <= self.len.get());
        let start = from.max((to - 1) & !(CHUNK - 1));
        // SAFETY: `start..to` lies in one chunk and below `len`, so it is written, and nodes never
        // change. While a sweep is under way, `clear` and `rewind` are refused; what an attempt takes
        // back then was recorded after the sweep began, above every node that it walks.
        unsafe { std::slice::from_raw_parts(self.address(start), (to - start) as usize) }
    }

    /// All nodes below `to`, for a walk that looks at each of them.
    ///
    /// The caller may not hold them while nodes go away.
    pub(crate) fn nodes(&self, to: u32) -> Nodes<'_, T> {
        let mut chunks = Vec::new();
        let mut end = to;
        while end > 0 {
            let chunk = self.last_run(0, end);
            chunks.push(chunk);
            end -= chunk.len() as u32;
        }
        chunks.reverse();
        Nodes { chunks }
    }

    pub(crate) fn state(&self) -> std::cell::Ref<'_, State<T>> {
        self.state.borrow()
    }

    pub(crate) fn state_mut(&self) -> std::cell::RefMut<'_, State<T>> {
        self.state.borrow_mut()
    }

    /// Bytes held by nodes, tensors and tables.
    pub(crate) fn bytes(&self) -> usize {
        let state = self.state.borrow();
        self.len.get() as usize * size_of::<Node<T>>()
            + state.aux.len() * size_of::<Aux<T>>()
            + state.many.bytes()
            + state.guards.len() * size_of::<Guard<T>>()
            + state.arena.bytes_used()
    }
}

impl<T: Real> State<T> {
    /// The nodes that a node was made of, and the node itself for each place that is none.
    pub(crate) fn operands_of<'a>(
        &'a self,
        id: u32,
        node: &Node<T>,
    ) -> impl Iterator<Item = u32> + use<'a, T> {
        let aux = self.aux_of(node);
        // Of a tensor, the slots say where its part stands.
        let slots = [node.operand(0), node.operand(1)];
        let slots = slots.into_iter().take(if aux.is_some() { 0 } else { 2 });
        let terms = self.many.terms_of_node(id, node).iter();
        slots
            .chain(terms.map(|term| term.operand))
            .chain(aux.into_iter().flat_map(|aux| aux.operands.iter().copied()))
    }

    /// The tensor part of a node, if it has one.
    pub(crate) fn aux_of(&self, node: &Node<T>) -> Option<&Aux<T>> {
        (node.op() == Op::aux).then(|| &self.aux[node.operand(0) as usize])
    }

    /// Marks the nodes from `start` to `end` as recorded without gradients.
    pub(crate) fn stop(&mut self, start: u32, end: u32) {
        if start == end {
            return;
        }
        // An outer range swallows those recorded inside it.
        while self.stopped.last().is_some_and(|&(s, _)| s >= start) {
            self.stopped.pop();
        }
        match self.stopped.last_mut() {
            Some((_, e)) if *e == start => *e = end,
            _ => self.stopped.push((start, end)),
        }
    }

    /// Lets derivatives pass again through the nodes from `end` on.
    fn unstop(&mut self, end: u32) {
        while self.stopped.last().is_some_and(|&(start, _)| start >= end) {
            self.stopped.pop();
        }
        if let Some((_, e)) = self.stopped.last_mut() {
            *e = end.min(*e);
        }
    }

    /// The range without gradients that holds `id`, if any.
    pub(crate) fn stopped_range(&self, id: u32) -> Option<(u32, u32)> {
        let next = self.stopped.partition_point(|&(start, _)| start <= id);
        let (start, end) = *self.stopped.get(next.checked_sub(1)?)?;
        (id < end).then_some((start, end))
    }
}

fn chunk_layout<T>() -> Layout {
    let nodes = Layout::array::<Node<T>>(CHUNK as usize).expect("a chunk fits in memory");
    // A chunk that is large pages begins where one can; else no node of f64 straddles two cache lines.
    let align = match cfg!(target_os = "linux") && nodes.size().is_multiple_of(pages::LARGE) {
        true => pages::LARGE,
        false => 64,
    };
    nodes
        .align_to(align)
        .expect("a power of two that memory has room for")
}
