//! In which order instructions run.
//!
//! An instruction alone costs a dispatch on its opcode that no processor foresees. So instructions that do
//! not depend on each other and have the same opcode stand together, in runs, and the dispatch is paid once
//! for each run. They are gathered within windows of the recorded order, which keeps what is used together
//! in the cache.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use crate::program::fuse::{Fusion, Shape, Summand};
use crate::program::instructions::{Instruction, Place, Which};
use crate::program::sums::Term;
use crate::program::{Code, Guarded, Kind, Question, Run};
use crate::rules::Op;

/// How many instructions are put in a new order at a time.
const WINDOW: usize = 1 << WINDOW_BITS;
const WINDOW_BITS: u32 = 12;
/// A sum has at most one term more than there are instructions.
const TERMS_BITS: u32 = 31;
// Of a key, level, kind, terms and number within the window: a level is at most the window's length, a kind takes nine bits.
const _: () = assert!(WINDOW_BITS + 9 + TERMS_BITS + WINDOW_BITS <= u64::BITS);

/// Numbers the places and orders the instructions.
pub(super) fn schedule(
    inputs: usize,
    constants: usize,
    instructions: Vec<Instruction>,
    outputs: &[Place],
    questions: Vec<Question>,
) -> Code {
    let asked = questions.iter().flat_map(|question| &question.sides);
    let sums = Fusion::of(instructions, outputs.iter().chain(asked).copied());
    let first = inputs + constants;
    let mut slot_of = vec![0_u32; sums.instructions.len()];
    let mut code = Code {
        inputs,
        constants,
        args: Vec::with_capacity(sums.left),
        terms: Vec::with_capacity(sums.terms),
        runs: Vec::new(),
        outputs: Vec::new(),
        guards: Vec::new(),
    };
    let mut window = Window::default();
    for start in (0..sums.instructions.len()).step_by(WINDOW) {
        window.order(&sums, start);
        let mut before = None;
        for &key in &window.order {
            let k = (key & (WINDOW as u64 - 1)) as usize;
            let instruction = &sums.instructions[start + k];
            let at = code.args.len();
            slot_of[start + k] = (first + at) as u32;
            let mut args = [0; 3];
            let kind = match sums.shapes[start + k] {
                Shape::Sum => {
                    args[0] = code.terms.len() as u32;
                    code.terms.extend(window.terms_of(k).iter().map(|term| {
                        let [x, y] = term.factors.map(|place| slot(inputs, &slot_of, place));
                        Term::new(x, term.product.then_some(y), term.minus)
                    }));
                    args[1] = code.terms.len() as u32;
                    Kind::Sum
                }
                _ => {
                    for (to, &arg) in args.iter_mut().zip(instruction.args()) {
                        *to = slot(inputs, &slot_of, arg);
                    }
                    Kind::Rule(instruction.op)
                }
            };
            code.args.push(args);
            let same = Some((window.levels[k], kind, instruction.stopped));
            match code.runs.last_mut() {
                Some(run) if before == same => run.end = at as u32 + 1,
                _ => code.runs.push(Run {
                    kind,
                    stopped: instruction.stopped,
                    start: at as u32,
                    end: at as u32 + 1,
                }),
            }
            before = same;
        }
    }
    code.runs.shrink_to_fit();
    let slot = |place: Place| slot(inputs, &slot_of, place);
    code.outputs = outputs.iter().map(|&place| slot(place)).collect();
    // A line asks many times.
    let mut lines: HashMap<*const Location<'_>, Arc<str>, FxBuildHasher> = HashMap::default();
    let guarded = |question: Question| Guarded {
        sides: question.sides.map(slot),
        nodes: question.nodes,
        asked: question.asked,
        line: lines
            .entry(std::ptr::from_ref(question.line))
            .or_insert_with(|| question.line.to_string().into())
            .clone(),
    };
    code.guards = questions.into_iter().map(guarded).collect();
    code
}

/// Some instructions that are put in a new order.
#[derive(Default)]
struct Window {
    /// How many of the others each has to wait for, one after the other.
    levels: Vec<u32>,
    /// Where the terms of each end; they begin where those of the one before end.
    ends: Vec<usize>,
    terms: Vec<Summand>,
    /// In order, what stands together, and in the last bits which it is.
    order: Vec<u64>,
}

impl Window {
    /// Orders the instructions from `start` on.
    fn order(&mut self, sums: &Fusion, start: usize) {
        self.levels.clear();
        self.ends.clear();
        self.terms.clear();
        self.order.clear();
        let instructions = sums.instructions[start..].iter().take(WINDOW);
        for (k, (instruction, shape)) in instructions.zip(&sums.shapes[start..]).enumerate() {
            let from = self.terms.len();
            if *shape == Shape::Sum {
                sums.terms_of(start + k, &mut self.terms);
            }
            let below = |&place: &Place| match place.which() {
                Which::Result(number) => Some(self.levels[number.checked_sub(start)?] + 1),
                _ => None,
            };
            let terms = &self.terms[from..];
            let level = match shape {
                Shape::Alone => instruction.args().iter().filter_map(below).max(),
                Shape::Absorbed => None,
                Shape::Sum => terms
                    .iter()
                    .flat_map(Summand::factors)
                    .filter_map(below)
                    .max(),
            };
            let level = level.unwrap_or(0);
            // Sums stand together by the number of their terms, so that a processor foresees where each ends.
            let (op, stopped) = match shape {
                Shape::Sum => (Op::add, false),
                _ => (instruction.op, instruction.stopped),
            };
            if *shape != Shape::Absorbed {
                let key = u64::from(level) << 8 | op as u64;
                let key = key << 1 | u64::from(stopped);
                let key = key << TERMS_BITS | terms.len() as u64;
                self.order.push(key << WINDOW_BITS | k as u64);
            }
            self.levels.push(level);
            self.ends.push(self.terms.len());
        }
        self.order.sort_unstable();
    }

    fn terms_of(&self, k: usize) -> &[Summand] {
        let start = k.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.terms[start..self.ends[k]]
    }
}

/// Where a place's number stands: inputs first, then constants, then results in the order in which they run.
fn slot(inputs: usize, slot_of: &[u32], place: Place) -> u32 {
    match place.which() {
        Which::Input(number) => number as u32,
        Which::Constant(number) => (inputs + number) as u32,
        Which::Result(number) => slot_of[number],
    }
}
