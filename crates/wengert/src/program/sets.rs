//! Sets of inputs, as unions that are carried out where somebody asks for their members.
//!
//! What a sum hands on to the next sum is never listed. What is listed stands once: a set that grows out of another is
//! the first so many members of the same [`Trunk`], so that n partial sums take the room of the longest.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;

type Map<K, V> = HashMap<K, V, FxBuildHasher>;

/// A set, by its number: none, that of an input alone, or a union, whose number is higher than those of its parts.
pub(super) type Set = u32;
pub(super) const EMPTY: Set = 0;

/// The set of an input alone.
pub(super) fn alone(input: usize) -> Set {
    input as Set + 1
}

/// Unions, not carried out.
pub(super) struct Unions {
    inputs: usize,
    parts: Vec<Set>,
    /// Where the parts of each begin, and the last end.
    starts: Vec<usize>,
}

impl Unions {
    pub(super) fn new(inputs: usize) -> Self {
        Self {
            inputs,
            parts: Vec::new(),
            starts: vec![0],
        }
    }

    /// The union of some sets, which are emptied.
    pub(super) fn of(&mut self, sets: &mut Vec<Set>) -> Set {
        sets.sort_unstable();
        sets.dedup();
        let first = usize::from(sets.first() == Some(&EMPTY));
        let set = match sets[first..] {
            [] => EMPTY,
            [one] => one,
            ref several => {
                self.parts.extend_from_slice(several);
                self.starts.push(self.parts.len());
                (self.inputs + self.starts.len() - 1) as Set
            }
        };
        sets.clear();
        set
    }

    pub(super) fn is_union(&self, set: Set) -> bool {
        set as usize > self.inputs
    }

    pub(super) fn parts(&self, union: Set) -> &[Set] {
        let k = union as usize - self.inputs - 1;
        &self.parts[self.starts[k]..self.starts[k + 1]]
    }

    /// One more than the highest number.
    pub(super) fn end(&self) -> Set {
        (self.inputs + self.starts.len()) as Set
    }
}

/// The first so many members of a trunk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Members {
    trunk: u32,
    length: u32,
}

/// Members in the order in which they came.
struct Trunk {
    members: Vec<u32>,
    /// Where each stands, if they are more than [`FEW`].
    places: Map<u32, u32>,
    /// How many sets are the first so many of these.
    sets: u32,
    /// For this trunk and older ones: with how many of the other's members each of this one's has met. It falls along
    /// the trunk, so what is new in a product of two sets is found without a look at what is not.
    met: Map<u32, Vec<u32>>,
}

/// Up to so many are looked through one by one.
const FEW: usize = 16;

impl Trunk {
    fn of(members: Vec<u32>) -> Self {
        let mut trunk = Self {
            members: Vec::new(),
            places: Map::default(),
            sets: 0,
            met: Map::default(),
        };
        trunk.extend(&members);
        trunk
    }

    fn extend(&mut self, more: &[u32]) {
        let indexed = match self.members.len() {
            few if few <= FEW => 0,
            many => many,
        };
        self.members.extend_from_slice(more);
        if self.members.len() > FEW {
            let members = self.members.iter().copied().zip(0..);
            self.places.extend(members.skip(indexed));
        }
    }

    /// In how many numbers' room it stands, about.
    fn size(&self) -> usize {
        32 + self.members.len() + self.met.values().map(Vec::len).sum::<usize>()
    }

    fn first(&self, length: u32) -> &[u32] {
        &self.members[..length as usize]
    }

    /// Whether a number is among the first so many.
    fn has(&self, member: u32, length: u32) -> bool {
        match self.members.len() <= FEW {
            true => self.first(length).contains(&member),
            false => self.places.get(&member).is_some_and(|&at| at < length),
        }
    }
}

/// Unions that are carried out in their order, each once, and let go after the last that asks.
pub(super) struct Sets {
    unions: Unions,
    /// Who alone asks for a union, and carries it out with its own; nobody, or more than one, and it is carried out by itself.
    owner: Vec<Owner>,
    /// How many will yet ask for it.
    demands: Vec<u32>,
    /// What has been carried out.
    done: Vec<Option<Members>>,
    /// Unions from here on have not been carried out.
    next: Set,
    trunks: Vec<Option<Box<Trunk>>>,
    /// Sets that began a trunk, by hash.
    known: Map<u64, Members>,
    /// Trunks that no set stands on, with their sizes, and the sum of these: the same set may come again.
    left: VecDeque<(u32, usize)>,
    left_size: usize,
    /// Up to what size they are kept.
    pub(super) room: usize,
    /// In which round each input was last seen.
    seen: Vec<u32>,
    round: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    One(Set),
    Itself,
}

impl Sets {
    /// Of some unions, for everybody who asks.
    pub(super) fn new(unions: Unions, asked: impl Iterator<Item = Set>) -> Self {
        let count = unions.end() as usize;
        let mut owner = vec![Owner::Nobody; count];
        let mut demands = vec![0; count];
        for set in asked {
            owner[set as usize] = Owner::Itself;
            demands[set as usize] += 1;
        }
        for union in (unions.inputs as Set + 1..unions.end()).rev() {
            let above = match owner[union as usize] {
                Owner::Nobody => continue,
                Owner::One(above) => above,
                Owner::Itself => union,
            };
            for &part in unions.parts(union) {
                if unions.is_union(part) {
                    demands[part as usize] += 1;
                    owner[part as usize] = match owner[part as usize] {
                        Owner::Nobody => Owner::One(above),
                        Owner::One(other) if other == above => Owner::One(above),
                        _ => Owner::Itself,
                    };
                }
            }
        }
        Self {
            owner,
            demands,
            done: vec![None; count],
            next: unions.inputs as Set + 1,
            trunks: Vec::new(),
            known: Map::default(),
            left: VecDeque::new(),
            left_size: 0,
            room: 0,
            seen: vec![0; unions.inputs],
            round: 0,
            unions,
        }
    }

    /// The members of a set that is not empty, which [`Sets::new`] was told of; one question less will follow.
    pub(super) fn ask(&mut self, set: Set) -> Members {
        while self.next <= set {
            let union = self.next;
            self.next += 1;
            if self.owner[union as usize] == Owner::Itself {
                let members = self.carry_out(union);
                self.keep(union, members);
            }
        }
        match self.done[set as usize] {
            Some(members) => members,
            None => {
                let members = self.begin(vec![set - 1]);
                self.keep(set, members);
                members
            }
        }
    }

    /// What [`Sets::ask`] gave is no longer looked at.
    pub(super) fn let_go(&mut self, set: Set) {
        self.demands[set as usize] -= 1;
        if self.demands[set as usize] == 0
            && let Some(members) = self.done[set as usize].take()
        {
            let trunk = self.trunk_mut(members.trunk);
            trunk.sets -= 1;
            if trunk.sets == 0 {
                let size = trunk.size();
                self.left.push_back((members.trunk, size));
                self.left_size += size;
            }
            while self.left_size > self.room
                && let Some((trunk, size)) = self.left.pop_front()
            {
                self.left_size -= size;
                let trunk = &mut self.trunks[trunk as usize];
                if trunk.as_ref().is_some_and(|trunk| trunk.sets == 0) {
                    *trunk = None;
                }
            }
        }
    }

    pub(super) fn list(&self, members: Members) -> &[u32] {
        self.trunk(members.trunk).first(members.length)
    }

    fn trunk(&self, trunk: u32) -> &Trunk {
        self.trunks[trunk as usize]
            .as_ref()
            .expect("a set keeps its trunk")
    }

    fn trunk_mut(&mut self, trunk: u32) -> &mut Trunk {
        self.trunks[trunk as usize]
            .as_mut()
            .expect("a set keeps its trunk")
    }

    fn keep(&mut self, set: Set, members: Members) {
        self.done[set as usize] = Some(members);
        self.trunk_mut(members.trunk).sets += 1;
    }

    /// Lists a union: on the trunk of its largest part, if that can be.
    fn carry_out(&mut self, union: Set) -> Members {
        let mut inputs = Vec::new();
        let mut sets = Vec::new();
        let mut open = vec![union];
        while let Some(set) = open.pop() {
            for &part in self.unions.parts(set) {
                if !self.unions.is_union(part) {
                    inputs.push(part - 1);
                } else if let Some(members) = self.done[part as usize] {
                    sets.push((part, members));
                } else if self.owner[part as usize] != Owner::Nobody {
                    // Seen once is enough.
                    self.owner[part as usize] = Owner::Nobody;
                    open.push(part);
                }
            }
        }
        // Of those on one trunk the largest holds the others.
        let mut largest: Vec<Members> = sets.iter().map(|&(_, members)| members).collect();
        largest.sort_unstable_by_key(|members| (members.trunk, std::cmp::Reverse(members.length)));
        largest.dedup_by_key(|members| members.trunk);
        // Of two as large the older goes on: so equal sets end on one trunk.
        let base = largest
            .iter()
            .copied()
            .rev()
            .max_by_key(|members| members.length);
        self.round += 1;
        let mut new = Vec::new();
        let mut add = |of: &Self, seen: &mut [u32], input: u32| {
            let is_in = |base: Members| of.trunk(base.trunk).has(input, base.length);
            if seen[input as usize] != of.round && !base.is_some_and(is_in) {
                seen[input as usize] = of.round;
                new.push(input);
            }
        };
        let mut seen = std::mem::take(&mut self.seen);
        for members in largest.into_iter().filter(|&members| Some(members) != base) {
            for &input in self.list(members) {
                add(self, &mut seen, input);
            }
        }
        for input in inputs {
            add(self, &mut seen, input);
        }
        self.seen = seen;
        let members = self.grow(base, new);
        // The result may stand on a trunk that only its parts keep.
        self.trunk_mut(members.trunk).sets += 1;
        for (part, _) in sets {
            self.let_go(part);
        }
        self.trunk_mut(members.trunk).sets -= 1;
        members
    }

    /// A set and what is not in it.
    fn grow(&mut self, base: Option<Members>, mut new: Vec<u32>) -> Members {
        let Some(base) = base else {
            return self.begin(new);
        };
        let grown = Members {
            length: base.length + new.len() as u32,
            ..base
        };
        let (seen, round) = (&self.seen, self.round);
        let trunk = self.trunks[base.trunk as usize]
            .as_mut()
            .expect("a set keeps its trunk");
        let after = &trunk.members[base.length as usize..];
        if after.is_empty() {
            trunk.extend(&new);
            return grown;
        }
        if after.len() >= new.len()
            && after[..new.len()]
                .iter()
                .all(|&input| seen[input as usize] == round)
        {
            return grown;
        }
        new.splice(0..0, trunk.first(base.length).iter().copied());
        self.begin(new)
    }

    /// A set on a trunk of its own, unless it is there.
    fn begin(&mut self, members: Vec<u32>) -> Members {
        let hash = |&input: &u32| {
            FxBuildHasher
                .hash_one(input)
                .rotate_left(7)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        };
        let length = members.len() as u32;
        let hash = members
            .iter()
            .map(hash)
            .fold(u64::from(length), u64::wrapping_add);
        let fresh = Members {
            trunk: self.trunks.len() as u32,
            length,
        };
        let known = *self.known.entry(hash).or_insert(fresh);
        if let Some(Some(trunk)) = self.trunks.get(known.trunk as usize)
            && known.length == length
            && members.iter().all(|&input| trunk.has(input, length))
        {
            return known;
        }
        self.known.insert(hash, fresh);
        self.trunks.push(Some(Box::new(Trunk::of(members))));
        fresh
    }

    /// Calls `pair` with every two members of two sets, once for each two that have not met on these trunks.
    pub(super) fn meet(&mut self, a: Members, b: Members, mut pair: impl FnMut(u32, u32)) {
        let (old, new) = if a.trunk <= b.trunk { (a, b) } else { (b, a) };
        if old.length as usize * new.length as usize <= FEW {
            for &x in self.list(old) {
                self.list(new).iter().for_each(|&y| pair(x, y));
            }
            return;
        }
        let same = old.trunk == new.trunk;
        let (rows, columns) = match same {
            true => (old.length.min(new.length), old.length.max(new.length)),
            false => (new.length, old.length),
        };
        let mut met = self
            .trunk_mut(new.trunk)
            .met
            .remove(&old.trunk)
            .unwrap_or_default();
        if met.len() < rows as usize {
            met.resize(rows as usize, 0);
        }
        let others = self.trunk(old.trunk).first(columns);
        let own = self.trunk(new.trunk).first(rows);
        for (k, (met, &x)) in met.iter_mut().zip(own).enumerate().rev() {
            if *met >= columns {
                break;
            }
            // On one trunk every two meet once.
            let from = if same {
                k.max(*met as usize)
            } else {
                *met as usize
            };
            others[from..].iter().for_each(|&y| pair(x, y));
            *met = columns;
        }
        self.trunk_mut(new.trunk).met.insert(old.trunk, met);
    }
}
