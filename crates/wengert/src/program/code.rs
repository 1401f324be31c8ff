//! Instructions, and what goes with them.

use std::panic::Location;
use std::sync::Arc;

use crate::error::Error;
use crate::guards::Asked;
use crate::program::instructions::Place;
use crate::program::sums::{Sums, Term};
use crate::real::Real;
use crate::rules::Op;

/// The instructions and what goes with them.
///
/// Every number has a slot: the inputs come first, then the constants, then the results in the order in which
/// they run. The arguments of an instruction stand in slots before its run's.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) inputs: usize,
    /// How many; their numbers stand beside the code, which is the same for every type of number.
    pub(super) constants: usize,
    /// The slots of each instruction's inputs and parameters; of a sum, where its terms begin and end.
    pub(super) args: Vec<[u32; 3]>,
    /// The terms of all sums.
    pub(super) terms: Vec<Term>,
    pub(super) runs: Vec<Run>,
    pub(super) outputs: Vec<u32>,
    pub(super) guards: Vec<Guarded>,
}

/// Two bits of a slot's number are left for what goes with it.
pub(super) const MAX_SLOTS: u32 = 1 << 30;

#[cold]
pub(super) fn too_large(op: &'static str) -> Error {
    Error::Argument {
        op,
        detail: format!(
            "inputs, constants and instructions are {MAX_SLOTS} or more, and a program can have fewer; freeze a part of the tape"
        ),
    }
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A row of the table.
    Rule(Op),
    /// Adds numbers and products of two.
    Sum,
}

/// Instructions of one kind that do not depend on each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) kind: Kind,
    /// No derivative passes.
    pub(super) stopped: bool,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A question that was asked while recording, before its numbers have slots.
pub(super) struct Question {
    pub(super) sides: [Place; 2],
    pub(super) nodes: [Option<u32>; 2],
    pub(super) asked: Asked,
    pub(super) line: &'static Location<'static>,
}

/// A question that was asked while recording.
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    pub(super) sides: [u32; 2],
    /// Which nodes of the list the sides were, for messages.
    pub(super) nodes: [Option<u32>; 2],
    pub(super) asked: Asked,
    /// File, line and column of the question.
    pub(super) line: Arc<str>,
}

impl Code {
    pub(super) fn first(&self) -> usize {
        self.inputs + self.constants
    }

    pub(super) fn slots(&self) -> usize {
        self.first() + self.args.len()
    }

    pub(super) fn args_of(&self, run: &Run) -> &[[u32; 3]] {
        &self.args[run.start as usize..run.end as usize]
    }

    /// Calls `each` with the slot of every number through which a derivative passes into an instruction.
    pub(super) fn each_operand(&self, kind: Kind, args: &[u32; 3], each: impl FnMut(usize)) {
        match kind {
            Kind::Rule(op) => {
                let (inputs, _) = op.arity();
                args[..inputs]
                    .iter()
                    .map(|&slot| slot as usize)
                    .for_each(each);
            }
            Kind::Sum => self
                .terms_of(args)
                .iter()
                .flat_map(|term| term.slots())
                .for_each(each),
        }
    }

    /// The slot of the only output; `advice` says who takes several.
    pub(super) fn only_output(&self, op: &'static str, advice: &str) -> Result<usize, Error> {
        match *self.outputs {
            [output] => Ok(output as usize),
            ref outputs => Err(Error::Argument {
                op,
                detail: format!(
                    "the program has {} outputs, and this is about one: record one, or their sum with weights; {advice}",
                    outputs.len()
                ),
            }),
        }
    }

    /// The terms of a sum.
    pub(super) fn terms_of(&self, args: &[u32; 3]) -> &[Term] {
        &self.terms[args[0] as usize..args[1] as usize]
    }

    /// The sums of a run, beside everything's values.
    pub(super) fn sums_of<'a, T>(&'a self, run: &Run, values: &'a [T]) -> Sums<'a, T> {
        Sums {
            args: self.args_of(run),
            terms: &self.terms,
            values,
        }
    }

    pub(super) fn slot_of(&self, run: &Run) -> usize {
        self.first() + run.start as usize
    }
}

/// Of programs at one input.
pub(super) const TAKE_SEVERAL: &str = "vjp and jacobian take several";

#[cold]
pub(super) fn branch_changed<T: Real>(guard: &Guarded, x: T, y: T, point: Option<usize>) -> Error {
    let number = |x: T, node: Option<u32>| match node {
        Some(node) => format!("{x} (node {node})"),
        None => x.to_string(),
    };
    let [left, right] = guard.nodes;
    let question = guard.asked.words(&number(x, left), &number(y, right));
    Error::BranchChanged {
        question: match point {
            Some(point) => format!("{question} at point {point}"),
            None => question,
        },
        location: guard.line.to_string(),
    }
}

pub(super) fn check_length(
    op: &'static str,
    what: &str,
    got: usize,
    wanted: usize,
) -> Result<(), Error> {
    if got == wanted {
        return Ok(());
    }
    Err(Error::Argument {
        op,
        detail: format!("{got} {what} were given where {wanted} are due"),
    })
}
