//! Fusion whose terms nobody else needs, as one instruction each.
//!
//! A sum of products is most of what linear algebra records: every product a result of its own, and every partial
//! sum. As one instruction it reads its factors and writes one number. The terms are added in the order in which they
//! were, so no bit changes.

use crate::program::build::{Instruction, Place, Which};
use crate::rules::Op;

/// What becomes of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Alone,
    /// Part of a later sum.
    Absorbed,
    /// The sum of some terms, from one to before the other.
    Sum(u32, u32),
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

/// The sums among some instructions.
pub(super) struct Fusion {
    pub(super) shapes: Vec<Shape>,
    pub(super) terms: Vec<Summand>,
}

impl Fusion {
    /// Finds the sums; what a root names stays an instruction.
    pub(super) fn of(instructions: &[Instruction], roots: impl Iterator<Item = Place>) -> Self {
        let mut uses = vec![0_u32; instructions.len()];
        let arguments = instructions.iter().flat_map(Instruction::args).copied();
        for place in arguments.chain(roots) {
            if let Which::Result(number) = place.which() {
                uses[number] += 1;
            }
        }
        let mut found = Self {
            shapes: vec![Shape::Alone; instructions.len()],
            terms: Vec::new(),
        };
        let lengths = lengths(instructions, &uses);
        for number in (0..instructions.len()).rev() {
            if lengths[number] > 0 && found.shapes[number] == Shape::Alone {
                found.take(instructions, &uses, &lengths, number);
            }
        }
        found
    }

    /// How many instructions are part of others.
    pub(super) fn absorbed(&self) -> usize {
        let absorbed = |shape: &&Shape| **shape == Shape::Absorbed;
        self.shapes.iter().filter(absorbed).count()
    }

    /// The terms of a sum.
    pub(super) fn terms_of(&self, shape: Shape) -> Option<&[Summand]> {
        match shape {
            Shape::Sum(start, end) => Some(&self.terms[start as usize..end as usize]),
            _ => None,
        }
    }

    /// Makes the sum that ends with an instruction one, if it is worth it.
    fn take(&mut self, instructions: &[Instruction], uses: &[u32], lengths: &[u32], number: usize) {
        let start = self.terms.len();
        let mut products = 0;
        let mut at = number;
        loop {
            let (rest, term, minus) = split(&instructions[at], |place| {
                partial_sum(instructions, uses, place).map_or(0, |number| lengths[number])
            });
            products += usize::from(self.push(instructions, uses, term, minus));
            let Some(next) = partial_sum(instructions, uses, rest) else {
                products += usize::from(self.push(instructions, uses, rest, false));
                break;
            };
            self.shapes[next] = Shape::Absorbed;
            at = next;
        }
        let end = self.terms.len();
        if products == 0 && end - start == 2 {
            // Two numbers: the rule of addition does no more.
            self.terms.truncate(start);
            return;
        }
        self.terms[start..].reverse();
        self.shapes[number] = Shape::Sum(start as u32, end as u32);
    }

    /// Appends a term, and says whether it is a product that is absorbed.
    fn push(
        &mut self,
        instructions: &[Instruction],
        uses: &[u32],
        place: Place,
        minus: bool,
    ) -> bool {
        let product = only_use(uses, place).filter(|&number| {
            let factor = &instructions[number];
            !factor.stopped && matches!(factor.op, Op::mul | Op::square)
        });
        let factors = match product {
            None => [place; 2],
            Some(number) => {
                self.shapes[number] = Shape::Absorbed;
                let args = instructions[number].args();
                [args[0], *args.last().expect("a product has factors")]
            }
        };
        self.terms.push(Summand {
            factors,
            product: product.is_some(),
            minus,
        });
        product.is_some()
    }
}

/// For each sum or difference of two, how many of them end with it; zero for everything else.
fn lengths(instructions: &[Instruction], uses: &[u32]) -> Vec<u32> {
    let mut lengths = vec![0_u32; instructions.len()];
    for (number, instruction) in instructions.iter().enumerate() {
        if is_sum(instruction) {
            let length =
                |place| partial_sum(instructions, uses, place).map_or(0, |number| lengths[number]);
            let (rest, _, _) = split(instruction, length);
            lengths[number] = 1 + length(rest);
        }
    }
    lengths
}

fn is_sum(instruction: &Instruction) -> bool {
    !instruction.stopped && matches!(instruction.op, Op::add | Op::sub)
}

/// The instruction whose result this is, if nobody else uses it.
fn only_use(uses: &[u32], place: Place) -> Option<usize> {
    match place.which() {
        Which::Result(number) if uses[number] == 1 => Some(number),
        _ => None,
    }
}

fn partial_sum(instructions: &[Instruction], uses: &[u32], place: Place) -> Option<usize> {
    only_use(uses, place).filter(|&number| is_sum(&instructions[number]))
}

/// The partial sum to go on with, the last term, and whether that is subtracted.
fn split(instruction: &Instruction, length: impl Fn(Place) -> u32) -> (Place, Place, bool) {
    let [x, y] = *instruction.args() else {
        unreachable!("a sum has two operands")
    };
    match instruction.op {
        Op::sub => (x, y, true),
        // Of two sums the longer goes on; the order of two operands does not matter for the bits.
        _ if length(y) > length(x) => (y, x, false),
        _ => (x, y, false),
    }
}
