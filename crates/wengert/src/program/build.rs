//! From a list to instructions: only what is needed, each thing once, constants computed.

use std::collections::HashMap;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::error::Error;
use crate::guards::{Asked, Side};
use crate::list::{List, Nodes, State};
use crate::program::schedule::schedule;
use crate::program::unfold::Unfolded;
use crate::program::{Code, MAX_SLOTS, Question, too_large};
use crate::rules::Op;
use crate::rules::expand::{Elementwise, Visitor, value_at};

/// What an instruction works on: an input, a constant, or the result of an earlier instruction, by its number.
///
/// Two bits for which, the rest for the number: instructions are hashed by the million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u32);

/// A [`Place`], taken apart.
pub(super) enum Which {
    Input(usize),
    Constant(usize),
    Result(usize),
}

const CONSTANT: u32 = MAX_SLOTS;
const RESULT: u32 = 2 * MAX_SLOTS;

impl Place {
    fn input(number: usize) -> Self {
        Self(number as u32)
    }

    fn constant(number: usize) -> Self {
        Self(CONSTANT | number as u32)
    }

    fn result(number: usize) -> Self {
        Self(RESULT | number as u32)
    }

    pub(super) fn which(self) -> Which {
        let number = (self.0 & (CONSTANT - 1)) as usize;
        match self.0 & !(CONSTANT - 1) {
            RESULT => Which::Result(number),
            CONSTANT => Which::Constant(number),
            _ => Which::Input(number),
        }
    }
}

/// An operation of the table on up to three places, its parameters among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) op: Op,
    /// No derivative passes.
    pub(super) stopped: bool,
    count: u8,
    args: [Place; 3],
}

impl Instruction {
    pub(super) fn args(&self) -> &[Place] {
        &self.args[..self.count.into()]
    }

    fn hash(&self) -> u64 {
        let [a, b, c] = self.args.map(|arg| u64::from(arg.0));
        let op = u64::from(self.op as u8) << 8 | u64::from(self.stopped);
        FxBuildHasher.hash_one((a << 32 | b, c << 32 | op))
    }
}

/// Instructions in the order in which they were recorded, each once.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) constants: Vec<f64>,
    pub(super) instructions: Vec<Instruction>,
    constant_of: HashMap<u64, u32, FxBuildHasher>,
    known: HashTable<u32>,
}

impl Builder {
    fn numbers(&self) -> usize {
        self.constants.len() + self.instructions.len()
    }

    fn constant(&mut self, value: f64) -> Place {
        let next = self.constants.len() as u32;
        let number = *self.constant_of.entry(value.to_bits()).or_insert(next);
        if number == next {
            self.constants.push(value);
        }
        Place::constant(number as usize)
    }

    fn number(&self, place: Place) -> Option<f64> {
        match place.which() {
            Which::Constant(number) => Some(self.constants[number]),
            _ => None,
        }
    }

    /// The place of an operation's result: a constant, something that is there already, or a new instruction.
    fn emit(&mut self, op: Op, given: &[Place], stopped: bool) -> Place {
        let count = given.len() as u8;
        let mut args = [Place::input(0); 3];
        args[..given.len()].copy_from_slice(given);
        let given = given.len();
        let numbers = args.map(|arg| self.number(arg));
        if numbers[..given].iter().all(Option::is_some) {
            let numbers = numbers.map(Option::unwrap_or_default);
            return self.constant(op.visit(Evaluate(&numbers[..given])));
        }
        if !stopped && let Some(same) = unchanged(op, args, numbers) {
            return same;
        }
        // Of a sum and a product the order of the operands does not matter, not even for the bits.
        if matches!(op, Op::add | Op::mul) && args[1] < args[0] {
            args.swap(0, 1);
        }
        let new = Instruction {
            op,
            stopped,
            count,
            args,
        };
        let instructions = &self.instructions;
        let entry = self.known.entry(
            new.hash(),
            |&number| instructions[number as usize] == new,
            |&number| instructions[number as usize].hash(),
        );
        let number = *entry.or_insert(self.instructions.len() as u32).get() as usize;
        if number == self.instructions.len() {
            self.instructions.push(new);
        }
        Place::result(number)
    }
}

impl Builder {
    /// A sum of many, or of products of two, as the operations that it stands for.
    fn emit_many(&mut self, op: Op, args: &[Place], stopped: bool) -> Place {
        let terms: Vec<Place> = match op {
            Op::dot => args
                .chunks(2)
                .map(|factors| self.emit(Op::mul, factors, stopped))
                .collect(),
            _ => args.to_vec(),
        };
        let sum = |sum, term| self.emit(Op::add, &[sum, term], stopped);
        terms
            .into_iter()
            .reduce(sum)
            .expect("an operation on many has terms")
    }
}

/// The operand that an operation gives back bit by bit, NaN and signed zeros included, with partial 1.
fn unchanged(op: Op, args: [Place; 3], numbers: [Option<f64>; 3]) -> Option<Place> {
    let is = |k: usize, c: f64| numbers[k].is_some_and(|number| number.to_bits() == c.to_bits());
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
struct Evaluate<'a>(&'a [f64]);

impl Visitor for Evaluate<'_> {
    type Output = f64;
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) -> f64 {
        let (x, p) = self.0.split_at(A);
        value_at::<f64, E, A, P>(x, p)
    }
}

/// What was recorded between the inputs and the outputs, as code.
pub(super) fn build(
    list: &'static List<f64>,
    inputs: &[u32],
    outputs: &[Side<f64>],
) -> Result<Code, Error> {
    let _taken_back = list.attempt();
    let unfolded = Unfolded::of(list, inputs)?;
    let state = list.state();
    let roots = state
        .guards
        .iter()
        .flat_map(|guard| &guard.sides)
        .chain(outputs);
    let roots: Vec<u32> = roots
        .filter_map(|side| match side {
            Side::Node(id) => Some(*id),
            Side::Number(_) => None,
        })
        .collect();
    let count = match unfolded.is_empty() {
        true => roots.iter().max().map_or(0, |last| last + 1),
        false => list.len(),
    };
    let nodes = list.nodes(count);
    let order = unfolded.order(count);
    let mut needs = depends(&nodes, &state, inputs, &order);
    want(
        &mut needs,
        &nodes,
        &state,
        inputs,
        &roots,
        (&order, &unfolded),
    )?;
    let computed = needs.iter().filter(|&&need| need == Need::Computed).count();
    let mut builder = Builder {
        instructions: Vec::with_capacity(computed),
        known: HashTable::with_capacity(computed),
        ..Builder::default()
    };
    let mut places: Vec<Option<Place>> = vec![None; needs.len()];
    for (k, &id) in inputs.iter().enumerate() {
        if let Some(place) = places.get_mut(id as usize) {
            *place = Some(Place::input(k));
        }
    }
    for id in order {
        if needs[id as usize] != Need::Computed || places[id as usize].is_some() {
            continue;
        }
        if let Some(again) = unfolded.again(id) {
            places[id as usize] = places[again as usize];
            continue;
        }
        let node = nodes.get(id);
        let given = list.places(id, node);
        let given = given.iter().map(|place| match *place {
            Err(constant) => builder.constant(constant),
            Ok((operand, _)) => match places[operand as usize] {
                Some(place) => place,
                None => builder.constant(nodes.get(operand).value),
            },
        });
        let args: SmallVec<[Place; 3]> = given.collect();
        // An operation on many becomes at most two instructions for each of its places.
        if builder.numbers() + 2 * args.len() >= MAX_SLOTS as usize {
            return Err(too_large("freeze"));
        }
        let stopped = state.stopped_range(id).is_some();
        places[id as usize] = Some(match node.op() {
            op @ (Op::sum | Op::dot) => builder.emit_many(op, &args, stopped),
            op => builder.emit(op, &args, stopped),
        });
    }
    let mut place_of = |side: Side<f64>| match side {
        Side::Number(number) => builder.constant(number),
        Side::Node(id) => match places.get(id as usize).copied().flatten() {
            Some(place) => place,
            None => builder.constant(nodes.get(id).value),
        },
    };
    let outputs: Vec<Place> = outputs.iter().map(|&side| place_of(side)).collect();
    let mut questions = Vec::new();
    for guard in &state.guards {
        let sides = guard.sides.map(&mut place_of);
        if sides
            .iter()
            .any(|side| !matches!(side.which(), Which::Constant(_)))
        {
            questions.push(Question {
                sides,
                nodes: guard.sides.map(|side| match side {
                    Side::Node(id) => Some(id),
                    Side::Number(_) => None,
                }),
                asked: guard.asked,
                line: guard.line,
            });
        }
    }
    if let Some(question) = questions
        .iter()
        .find(|question| question.asked == Asked::Other)
    {
        return Err(Error::Argument {
            op: "freeze",
            detail: format!(
                "the question that {} asks about a value cannot be asked again in a replay; compare with <, <= or ==",
                question.line
            ),
        });
    }
    Ok(schedule(inputs.len(), builder, &outputs, questions))
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Does not depend on the inputs, or is not needed.
    Not,
    /// Depends on the inputs.
    Depends,
    /// Depends on the inputs, and an output or a question depends on it.
    Computed,
}

/// Which nodes depend on the inputs, of those in `order`.
pub(super) fn depends(
    nodes: &Nodes<'_, f64>,
    state: &State<f64>,
    inputs: &[u32],
    order: &[u32],
) -> Vec<Need> {
    let count = order.iter().max().map_or(0, |last| last + 1);
    let first = inputs.iter().copied().min().unwrap_or(count);
    let mut needs = vec![Need::Not; count as usize];
    for &input in inputs.iter().filter(|&&input| input < count) {
        needs[input as usize] = Need::Depends;
    }
    for &id in order.iter().filter(|&&id| id >= first) {
        let node = nodes.get(id);
        // A place that is none points at the node itself, whose own need does not change.
        let mut operands = state.operands_of(id, node);
        if operands.any(|operand| needs[operand as usize] != Need::Not) {
            needs[id as usize] = Need::Depends;
        }
    }
    needs
}

/// Finds which of the nodes that depend on the inputs are needed for the `roots`.
fn want(
    needs: &mut [Need],
    nodes: &Nodes<'_, f64>,
    state: &State<f64>,
    inputs: &[u32],
    roots: &[u32],
    (order, unfolded): (&[u32], &Unfolded),
) -> Result<(), Error> {
    let want = |needs: &mut [Need], id: u32| {
        if needs[id as usize] == Need::Depends {
            needs[id as usize] = Need::Computed;
        }
    };
    for &root in roots {
        want(needs, root);
    }
    let mut sorted = inputs.to_vec();
    sorted.sort_unstable();
    for &id in order.iter().rev() {
        if needs[id as usize] != Need::Computed {
            continue;
        }
        let node = nodes.get(id);
        if node.op() == Op::leaf || sorted.binary_search(&id).is_ok() {
            continue;
        }
        if let Some(again) = unfolded.again(id) {
            want(needs, again);
            continue;
        }
        if let Some(aux) = state.aux_of(node) {
            return Err(Error::Argument {
                op: "freeze",
                detail: format!(
                    "node {id}, {}, is an operation on tensors; a program holds operations on scalars",
                    aux.op
                ),
            });
        }
        for operand in state.operands_of(id, node) {
            want(needs, operand);
        }
        if node.op() == Op::pair {
            // Half of an operation with three operands, and no operation itself.
            needs[id as usize] = Need::Not;
        }
    }
    Ok(())
}
