//! In which order instructions run.
//!
//! An instruction alone costs a dispatch on its opcode that no processor foresees. So instructions that do
//! not depend on each other and have the same opcode stand together, in runs, and the dispatch is paid once
//! for each run. They are gathered within windows of the recorded order, which keeps what is used together
//! in the cache.

use crate::program::build::{Builder, Instruction, Place, Which};
use crate::program::fuse::{Fusion, Shape, Summand};
use crate::program::sums::Term;
use crate::program::{Code, Guarded, Kind, Question, Run};
use crate::rules::Op;

/// How many instructions are put in a new order at a time.
const WINDOW: usize = 4096;

/// Numbers the places and orders the instructions.
pub(super) fn schedule(
    inputs: usize,
    builder: Builder,
    outputs: &[Place],
    questions: Vec<Question>,
) -> Code {
    let Builder {
        constants,
        instructions,
        ..
    } = builder;
    let asked = questions.iter().flat_map(|question| &question.sides);
    let sums = Fusion::of(&instructions, outputs.iter().chain(asked).copied());
    let first = inputs + constants.len();
    let mut slot_of = vec![0_u32; instructions.len()];
    let mut code = Code {
        inputs,
        constants,
        args: Vec::with_capacity(instructions.len() - sums.absorbed()),
        terms: Vec::with_capacity(sums.terms.len()),
        runs: Vec::new(),
        outputs: Vec::new(),
        guards: Vec::new(),
    };
    let mut levels = [0_u32; WINDOW];
    for (window, some) in instructions.chunks(WINDOW).enumerate() {
        let start = window * WINDOW;
        let below = |levels: &[u32], place: Place| match place.which() {
            Which::Result(number) => Some(levels[number.checked_sub(start)?] + 1),
            _ => None,
        };
        let shapes = &sums.shapes[start..];
        for (k, (instruction, &shape)) in some.iter().zip(shapes).enumerate() {
            let level = match sums.terms_of(shape) {
                Some(terms) => terms
                    .iter()
                    .flat_map(Summand::factors)
                    .filter_map(|&place| below(&levels, place))
                    .max(),
                None => instruction
                    .args()
                    .iter()
                    .filter_map(|&place| below(&levels, place))
                    .max(),
            };
            levels[k] = level.unwrap_or(0);
        }
        let mut order: Vec<usize> = (0..some.len())
            .filter(|&k| shapes[k] != Shape::Absorbed)
            .collect();
        order.sort_by_key(|&k| (levels[k], key(&some[k], shapes[k])));
        let mut before = None;
        for k in order {
            let instruction = &some[k];
            let at = code.args.len();
            slot_of[start + k] = (first + at) as u32;
            let mut args = [0; 3];
            let kind = match sums.terms_of(shapes[k]) {
                Some(terms) => {
                    args[0] = code.terms.len() as u32;
                    code.terms.extend(terms.iter().map(|term| {
                        let [x, y] = term.factors.map(|place| slot(inputs, &slot_of, place));
                        Term::new(x, term.product.then_some(y), term.minus)
                    }));
                    args[1] = code.terms.len() as u32;
                    Kind::Sum
                }
                None => {
                    for (to, &arg) in args.iter_mut().zip(instruction.args()) {
                        *to = slot(inputs, &slot_of, arg);
                    }
                    Kind::Rule(instruction.op)
                }
            };
            code.args.push(args);
            let same = Some((levels[k], kind, instruction.stopped));
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
    let slot = |place: Place| slot(inputs, &slot_of, place);
    code.outputs = outputs.iter().map(|&place| slot(place)).collect();
    code.guards = questions
        .into_iter()
        .map(|question| Guarded {
            sides: question.sides.map(slot),
            nodes: question.nodes,
            asked: question.asked,
            line: question.line.to_string().into(),
        })
        .collect();
    code
}

/// What stands together; sums by the number of their terms, so that a processor foresees where each ends.
fn key(instruction: &Instruction, shape: Shape) -> (u8, bool, u32) {
    match shape {
        Shape::Sum(start, end) => (Op::add as u8, false, end - start),
        _ => (instruction.op as u8, instruction.stopped, 0),
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
