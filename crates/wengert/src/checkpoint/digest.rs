//! What a region recorded, boiled down to a few bits: a second recording that differs is found out.

use std::fmt::{self, Write as _};

use crate::list::{List, Node};
use crate::real::Real;
use crate::rules::Op;
use crate::rules::structural::TensorOp;

/// Odd numbers without a pattern, from the digits of irrational ones.
const ODD: [u64; 4] = [
    0x9e37_79b9_7f4a_7c15,
    0x6a09_e667_f3bc_c909,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
];

/// Operations, operands, partials and the numbers of tensors, mixed.
///
/// Of steps of a loop, which are recorded again in another order, the digests are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Digest {
    whole: u64,
    /// The same, but for the places of operands from outside: a region inside another is recorded again elsewhere.
    movable: u64,
}

impl Digest {
    pub(super) fn add(&mut self, step: Self) {
        self.whole = self.whole.wrapping_add(step.whole);
        self.movable = self.movable.wrapping_add(step.movable);
    }

    fn mix(&mut self, word: Self) {
        let mix = |sum: u64, word: u64| (sum.rotate_left(23) ^ word).wrapping_mul(ODD[0]);
        self.whole = mix(self.whole, word.whole);
        self.movable = mix(self.movable, word.movable);
    }

    fn same(word: u64) -> Self {
        Self {
            whole: word,
            movable: word,
        }
    }

    /// A word in which another one goes in at one of four places.
    fn with(mut self, place: usize, word: Self) -> Self {
        let times = |word: u64| word.wrapping_mul(ODD[place]).rotate_left(29);
        self.whole = self.whole.wrapping_add(times(word.whole));
        self.movable = self.movable.wrapping_add(times(word.movable));
        self
    }
}

/// What is printed is mixed in.
impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes()
            .for_each(|byte| self.mix(Self::same(byte.into())));
        Ok(())
    }
}

/// Where a region, or one step of a loop, begins.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Nodes before this one were there before the region.
    pub(super) outside: u32,
    /// Nodes between the two hold the state before the step.
    pub(super) start: u32,
}

impl Bounds {
    /// A node's place, the same wherever the step is recorded; `read` is told of those from outside.
    fn place(self, id: u32, read: &mut impl FnMut(u32)) -> Digest {
        if id >= self.start {
            return Digest::same(u64::from(id - self.start) << 2 | 1);
        }
        if id >= self.outside {
            return Digest::same(2);
        }
        read(id);
        Digest {
            whole: u64::from(id) << 2 | 3,
            movable: 3,
        }
    }
}

/// The digest of the nodes since `bounds.start`.
pub(super) fn digest<T: Real>(list: &List<T>, bounds: Bounds, mut read: impl FnMut(u32)) -> Digest {
    let mut digest = Digest::default();
    let mut end = list.len();
    while end > bounds.start {
        let run = list.last_run(bounds.start, end);
        let start = end - run.len() as u32;
        for (id, node) in (start..end).zip(run).rev() {
            digest.mix(match node.op() {
                Op::aux => tensor(list, node, bounds, &mut read),
                Op::sum | Op::dot => many(list, id, node, bounds, &mut read),
                _ => scalar(id, node, bounds, &mut read),
            });
        }
        end = start;
    }
    let state = list.state();
    let stopped = state
        .stopped
        .partition_point(|&(_, end)| end <= bounds.start);
    for &(from, to) in &state.stopped[stopped..] {
        let from = from.max(bounds.start) - bounds.start;
        let range = u64::from(from) << 32 | u64::from(to - bounds.start);
        digest.mix(Digest::same(range));
    }
    digest
}

/// The bits of a number; one word for all NaNs, whose bits no arithmetic promises.
pub(super) fn bits<T: Real>(x: T) -> u64 {
    match x.is_nan() {
        true => u64::MAX,
        false => x.as_f64().to_bits(),
    }
}

fn scalar<T: Real>(id: u32, node: &Node<T>, bounds: Bounds, read: &mut impl FnMut(u32)) -> Digest {
    let mut word = Digest::same(node.op() as u64);
    for slot in [0, 1] {
        let operand = node.operand(slot);
        // A slot without an operand points at the node itself.
        if operand != id {
            word = word.with(slot, bounds.place(operand, read));
        }
        word = word.with(2 + slot, Digest::same(bits(node.partials[slot])));
    }
    word
}

fn many<T: Real>(
    list: &List<T>,
    id: u32,
    node: &Node<T>,
    bounds: Bounds,
    read: &mut impl FnMut(u32),
) -> Digest {
    let mut digest = Digest::same(node.op() as u64);
    for term in list.state().many.terms_of(id) {
        // A constant's operand is the node itself.
        if term.operand != id {
            digest.mix(bounds.place(term.operand, read));
        }
        digest.mix(Digest::same(bits(term.partial)));
    }
    digest
}

fn tensor<T: Real>(
    list: &List<T>,
    node: &Node<T>,
    bounds: Bounds,
    read: &mut impl FnMut(u32),
) -> Digest {
    let state = list.state();
    let aux = state.aux_of(node).expect("the node is a tensor's");
    let mut digest = Digest::same(aux.differentiable.into());
    write!(digest, "{:?}{:?}", aux.op, aux.shape).expect("a digest takes all");
    if let TensorOp::Checkpoint(output) = &aux.op {
        digest.mix(Digest::same(output.region.digest().movable));
    }
    for &operand in &aux.operands {
        digest.mix(bounds.place(operand, read));
    }
    let id = aux.node;
    drop(state);
    list.with_view(id, |view| {
        for &x in view.data {
            digest.mix(Digest::same(bits(x)));
        }
    });
    digest
}
