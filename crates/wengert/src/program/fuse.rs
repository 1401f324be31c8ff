//! Fusion of sums whose terms nobody else needs, as one instruction each.
//!
//! A sum of products is most of what linear algebra records: every product a result of its own, and every partial
//! sum. As one instruction it reads its factors and writes one number. The terms are added in the order in which they
//! were, but that the two operands of an addition may change places, so no bit changes.

use crate::program::instructions::{Instruction, Place, Which};
use crate::rules::Op;

/// What becomes of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Alone,
    /// Part of a later sum, the only one that uses it.
    Absorbed,
    /// The last addition of a sum.
    Sum,
}

/// A place, or the product of two, added or subtracted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summand {
    pub(super) factors: [Place; 2],
    pub(super) product: bool,
    pub(super) minus: bool,
}

impl Summand {
    pub(super) fn factors(&self) -> &[Place] {
        &self.factors[..1 + usize::from(self.product)]
    }
}

/// Some instructions, and the sums among them.
pub(super) struct Fusion {
    pub(super) instructions: Vec<Instruction>,
    pub(super) shapes: Vec<Shape>,
    /// How many instructions are not part of others.
    pub(super) left: usize,
    /// How many terms the sums have together.
    pub(super) terms: usize,
}

impl Fusion {
    /// Finds the sums; what a root names stays an instruction.
    pub(super) fn of(
        mut instructions: Vec<Instruction>,
        roots: impl Iterator<Item = Place>,
    ) -> Self {
        let shared = shared(&instructions, roots);
        lead_with_the_longest(&mut instructions, &shared);
        let mut found = Self {
            shapes: vec![Shape::Alone; instructions.len()],
            left: instructions.len(),
            terms: 0,
            instructions,
        };
        for number in (0..found.instructions.len()).rev() {
            if found.shapes[number] == Shape::Alone && is_sum(&found.instructions[number]) {
                found.take(&shared, number);
            }
        }
        found
    }

    /// Appends the terms of a sum, in the order in which they are added.
    pub(super) fn terms_of(&self, number: usize, terms: &mut Vec<Summand>) {
        let start = terms.len();
        let mut at = number;
        loop {
            let (rest, term, minus) = split(&self.instructions[at]);
            terms.push(self.summand(term, minus));
            match self.absorbed(rest) {
                Some(next) if is_sum(&self.instructions[next]) => at = next,
                _ => break terms.push(self.summand(rest, false)),
            }
        }
        terms[start..].reverse();
    }

    fn summand(&self, place: Place, minus: bool) -> Summand {
        let factors = match self
            .absorbed(place)
            .map(|number| self.instructions[number].args())
        {
            None => {
                return Summand {
                    factors: [place; 2],
                    product: false,
                    minus,
                };
            }
            Some(&[x]) => [x, x],
            Some(factors) => [factors[0], factors[1]],
        };
        Summand {
            factors,
            product: true,
            minus,
        }
    }

    fn absorbed(&self, place: Place) -> Option<usize> {
        result(place).filter(|&number| self.shapes[number] == Shape::Absorbed)
    }

    /// Makes the sum that ends with an instruction one, if it is worth it.
    fn take(&mut self, shared: &[bool], number: usize) {
        let (mut terms, mut absorbed) = (2, 0);
        let mut at = number;
        loop {
            let (rest, term, _) = split(&self.instructions[at]);
            absorbed += usize::from(self.absorb(shared, term, is_product).is_some());
            match self.absorb(shared, rest, is_sum) {
                Some(next) => at = next,
                None => {
                    absorbed += usize::from(self.absorb(shared, rest, is_product).is_some());
                    break;
                }
            }
            absorbed += 1;
            terms += 1;
        }
        // Of two numbers alone the rule of addition makes no more.
        if absorbed > 0 {
            self.shapes[number] = Shape::Sum;
            self.left -= absorbed;
            self.terms += terms;
        }
    }

    /// Takes in the instruction whose result this is, if nobody else uses it and it is of a kind.
    fn absorb(
        &mut self,
        shared: &[bool],
        place: Place,
        kind: impl Fn(&Instruction) -> bool,
    ) -> Option<usize> {
        let number = only_use(shared, place).filter(|&number| kind(&self.instructions[number]))?;
        self.shapes[number] = Shape::Absorbed;
        Some(number)
    }
}

/// Which instructions' results are used more than once.
fn shared(instructions: &[Instruction], roots: impl Iterator<Item = Place>) -> Vec<bool> {
    let mut uses = vec![0_u8; instructions.len()];
    let arguments = instructions.iter().flat_map(Instruction::args).copied();
    for number in arguments.chain(roots).filter_map(result) {
        uses[number] = uses[number].saturating_add(1);
    }
    // In place: both take a byte.
    uses.into_iter().map(|uses| uses > 1).collect()
}

/// Turns every addition round whose second operand is the longer sum: that is the one which goes on.
fn lead_with_the_longest(instructions: &mut [Instruction], shared: &[bool]) {
    // How many additions and subtractions end with each; zero for everything else.
    let mut lengths = vec![0_u32; instructions.len()];
    for number in 0..instructions.len() {
        if !is_sum(&instructions[number]) {
            continue;
        }
        let length = |place| only_use(shared, place).map_or(0, |number| lengths[number]);
        let (rest, term, minus) = split(&instructions[number]);
        let (rest, term) = (length(rest), length(term));
        lengths[number] = 1 + if minus { rest } else { rest.max(term) };
        if !minus && term > rest {
            instructions[number].swap();
        }
    }
}

fn is_sum(instruction: &Instruction) -> bool {
    !instruction.stopped && matches!(instruction.op, Op::add | Op::sub)
}

fn is_product(instruction: &Instruction) -> bool {
    !instruction.stopped && matches!(instruction.op, Op::mul | Op::square)
}

fn result(place: Place) -> Option<usize> {
    match place.which() {
        Which::Result(number) => Some(number),
        _ => None,
    }
}

/// The instruction whose result this is, if nobody else uses it.
fn only_use(shared: &[bool], place: Place) -> Option<usize> {
    result(place).filter(|&number| !shared[number])
}

/// The partial sum to go on with, the last term, and whether that is subtracted.
fn split(instruction: &Instruction) -> (Place, Place, bool) {
    let [x, y] = *instruction.args() else {
        unreachable!("a sum has two operands")
    };
    (x, y, instruction.op == Op::sub)
}
