//! Instructions before they have slots, in the order in which they were recorded, each once.

use std::hash::BuildHasher;
use std::num::NonZeroU32;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::program::MAX_SLOTS;
use crate::real::Real;
use crate::rules::Op;
use crate::rules::expand::{Elementwise, Visitor, value_at};

/// What an instruction works on: an input, a constant, or the result of an earlier instruction, by its number.
///
/// Two bits for which, the rest for the number: there is one for each node of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(NonZeroU32);

/// A [`Place`], taken apart.
pub(super) enum Which {
    Input(usize),
    Constant(usize),
    Result(usize),
}

const INPUT: u32 = MAX_SLOTS;
const CONSTANT: u32 = 2 * MAX_SLOTS;
const RESULT: u32 = 3 * MAX_SLOTS;

impl Place {
    /// Stands where an instruction has fewer than three.
    pub(super) const PAD: Self = Self(NonZeroU32::new(INPUT).expect("no kind is zero"));

    fn new(which: u32, number: usize) -> Self {
        Self(NonZeroU32::new(which | number as u32).expect("no kind is zero"))
    }

    pub(super) fn input(number: usize) -> Self {
        Self::new(INPUT, number)
    }

    fn constant(number: usize) -> Self {
        Self::new(CONSTANT, number)
    }

    fn result(number: usize) -> Self {
        Self::new(RESULT, number)
    }

    #[inline]
    pub(super) fn which(self) -> Which {
        let number = (self.0.get() & (MAX_SLOTS - 1)) as usize;
        match self.0.get() & RESULT {
            RESULT => Which::Result(number),
            CONSTANT => Which::Constant(number),
            _ => Which::Input(number),
        }
    }

    #[inline]
    pub(super) fn is_constant(self) -> bool {
        matches!(self.which(), Which::Constant(_))
    }
}

/// An operation of the table on up to three places, its parameters among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    args: [Place; 3],
    pub(super) op: Op,
    /// No derivative passes.
    pub(super) stopped: bool,
    count: u8,
}

impl Instruction {
    pub(super) fn args(&self) -> &[Place] {
        &self.args[..self.count.into()]
    }

    /// Turns the operands of a sum or a product round, which does not matter for its bits.
    pub(super) fn swap(&mut self) {
        self.args.swap(0, 1);
    }

    fn hash(&self) -> u64 {
        let [a, b, c] = self.args.map(|arg| u64::from(arg.0.get()));
        let op = u64::from(self.op as u8) << 8 | u64::from(self.stopped);
        FxBuildHasher.hash_one((a << 32 | b, c << 32 | op))
    }
}

/// How many users of a place are looked through one by one.
const FEW: usize = 32;
/// No user.
const NOBODY: u32 = 0;
/// More than [`FEW`] users, which are found by their hashes.
const MANY: u32 = u32::MAX;

/// Instructions in the order in which they were recorded, each once.
///
/// Whether one is there already is asked of its newest operand: what uses it is little and was recorded not long
/// ago. A table by hashes alone would be two misses of the cache for each instruction.
pub(super) struct Builder<T> {
    constants: Vec<T>,
    instructions: Vec<Instruction>,
    constants_by_hash: HashTable<u32>,
    /// For each input, constant and result the last instruction of which it is the newest operand: its number and one.
    users: [Vec<u32>; 3],
    /// For each instruction the user of the same place before it.
    before: Vec<u32>,
    by_hash: HashTable<u32>,
    /// How many instructions are expected at most.
    most: usize,
}

impl<T: Real> Builder<T> {
    /// For so many instructions, or fewer.
    pub(super) fn for_at_most(most: usize) -> Self {
        Self {
            constants: Vec::new(),
            instructions: Vec::new(),
            constants_by_hash: HashTable::new(),
            users: Default::default(),
            before: Vec::new(),
            by_hash: HashTable::new(),
            most,
        }
    }

    /// The constants and the instructions.
    pub(super) fn finish(self) -> (Vec<T>, Vec<Instruction>) {
        (self.constants, self.instructions)
    }

    pub(super) fn numbers(&self) -> usize {
        self.constants.len() + self.instructions.len()
    }

    pub(super) fn constant(&mut self, value: T) -> Place {
        let constants = &self.constants;
        let of = |number: &u32| bits(constants[*number as usize]);
        let hash = |bits: u64| FxBuildHasher.hash_one(bits);
        let wanted = bits(value);
        let entry = self.constants_by_hash.entry(
            hash(wanted),
            |number| of(number) == wanted,
            |number| hash(of(number)),
        );
        let next = constants.len();
        let number = *entry.or_insert(next as u32).get() as usize;
        if number == next {
            self.constants.push(value);
        }
        Place::constant(number)
    }

    fn number(&self, place: Place) -> Option<T> {
        match place.which() {
            Which::Constant(number) => Some(self.constants[number]),
            _ => None,
        }
    }

    /// The place of an operation's result, of the first `count` of three places: a constant, something that is there
    /// already, or a new instruction.
    #[inline]
    pub(super) fn emit(
        &mut self,
        op: Op,
        mut args: [Place; 3],
        count: usize,
        stopped: bool,
    ) -> Place {
        let constant = args[..count].iter().any(|arg| arg.is_constant());
        if (constant || op == Op::copy)
            && let Some(place) = self.fold(op, &args[..count], stopped)
        {
            return place;
        }
        // Of a sum and a product the order of the operands does not matter, not even for the bits.
        if matches!(op, Op::add | Op::mul) && args[1] < args[0] {
            args.swap(0, 1);
        }
        Place::result(self.once(Instruction {
            args,
            op,
            stopped,
            count: count as u8,
        }))
    }

    /// What needs no instruction.
    fn fold(&mut self, op: Op, args: &[Place], stopped: bool) -> Option<Place> {
        let mut numbers = [None; 3];
        for (number, &arg) in numbers.iter_mut().zip(args) {
            *number = self.number(arg);
        }
        if numbers[..args.len()].iter().all(Option::is_some) {
            let numbers = numbers.map(Option::unwrap_or_default);
            return Some(self.constant(T::evaluate(op, &numbers[..args.len()])));
        }
        match stopped {
            true => None,
            false => unchanged(op, args, numbers),
        }
    }

    /// A sum of many, or of products of two, as the operations that it stands for.
    pub(super) fn emit_many(&mut self, op: Op, args: &[Place], stopped: bool) -> Place {
        let terms: Vec<Place> = match op {
            Op::dot => args
                .chunks(2)
                .map(|factors| self.emit(Op::mul, [factors[0], factors[1], Place::PAD], 2, stopped))
                .collect(),
            _ => args.to_vec(),
        };
        let sum = |sum, term| self.emit(Op::add, [sum, term, Place::PAD], 2, stopped);
        terms
            .into_iter()
            .reduce(sum)
            .expect("an operation on many has terms")
    }

    /// The number of an instruction, which is appended unless it is there.
    fn once(&mut self, new: Instruction) -> usize {
        let newest = new.args().iter().max().expect("no operation is of nothing");
        let (kind, place) = match newest.which() {
            Which::Input(number) => (0, number),
            Which::Constant(number) => (1, number),
            Which::Result(number) => (2, number),
        };
        let next = self.instructions.len();
        let users = &mut self.users[kind];
        if users.len() <= place {
            grow(users, place + 1, self.most);
            users.resize(place + 1, NOBODY);
        }
        let mut before = users[place];
        if before != MANY {
            let (mut user, mut length) = (before, 0);
            while user != NOBODY {
                let number = user as usize - 1;
                if self.instructions[number] == new {
                    return number;
                }
                user = self.before[number];
                length += 1;
            }
            if length < FEW {
                users[place] = next as u32 + 1;
            } else {
                users[place] = MANY;
                let mut user = before;
                while user != NOBODY {
                    let number = user - 1;
                    let hash = self.instructions[number as usize].hash();
                    let again = |&number: &u32| self.instructions[number as usize].hash();
                    self.by_hash.insert_unique(hash, number, again);
                    user = self.before[number as usize];
                }
                before = MANY;
            }
        }
        if before == MANY {
            let instructions = &self.instructions;
            let entry = self.by_hash.entry(
                new.hash(),
                |&number| instructions[number as usize] == new,
                |&number| instructions[number as usize].hash(),
            );
            let number = *entry.or_insert(next as u32).get() as usize;
            if number < next {
                return number;
            }
        }
        grow(&mut self.before, next + 1, self.most);
        self.before.push(before);
        grow(&mut self.instructions, next + 1, self.most);
        self.instructions.push(new);
        next
    }
}

/// Makes room, doubling it, but for no more than there can be.
#[inline]
fn grow<T>(vec: &mut Vec<T>, wanted: usize, most: usize) {
    if wanted > vec.capacity() {
        let room = (2 * vec.capacity()).max(1024);
        let room = if wanted > most { room } else { room.min(most) };
        vec.reserve_exact(room.max(wanted) - vec.len());
    }
}

/// The operand that an operation gives back bit by bit, NaN and signed zeros included, with partial 1.
fn unchanged<T: Real>(op: Op, args: &[Place], numbers: [Option<T>; 3]) -> Option<Place> {
    let is = |k: usize, c: f64| numbers[k].is_some_and(|number| bits(number) == c.to_bits());
    match op {
        Op::copy => Some(args[0]),
        Op::mul | Op::div if is(1, 1.0) => Some(args[0]),
        Op::mul if is(0, 1.0) => Some(args[1]),
        Op::sub if is(1, 0.0) => Some(args[0]),
        Op::add if is(1, -0.0) => Some(args[0]),
        Op::add if is(0, -0.0) => Some(args[1]),
        Op::powi | Op::powf if is(1, 1.0) => Some(args[0]),
        _ => None,
    }
}

/// The value of an operation at numbers, parameters among them.
pub(crate) struct Evaluate<'a, T>(pub(crate) &'a [T]);

impl<T: Real> Visitor for Evaluate<'_, T> {
    type Output = T;
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) -> T {
        let (x, p) = self.0.split_at(A);
        let p: SmallVec<[f64; 3]> = p.iter().map(|p| p.as_f64()).collect();
        value_at::<T, E, A, P>(x, &p)
    }
}

/// What tells numbers apart, zeros of either sign too.
pub(super) fn bits<T: Real>(number: T) -> u64 {
    number.as_f64().to_bits()
}
