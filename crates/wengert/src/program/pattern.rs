//! Which derivatives can be other than zero.

use crate::program::sets::{EMPTY, Set, Sets, Unions, alone};
use crate::program::{Code, Kind};
use crate::rules::Op;

/// For each output, the inputs that it depends on, differentiably.
pub(super) fn jacobian(code: &Code) -> Vec<Vec<u32>> {
    let (unions, set_of) = walk(code, code.inputs, |_, _| {});
    let outputs = || code.outputs.iter().map(|&slot| set_of[slot as usize]);
    let mut sets = Sets::new(unions, outputs().filter(|&set| set != EMPTY));
    let row = |set: Set| {
        if set == EMPTY {
            return Vec::new();
        }
        let members = sets.ask(set);
        let mut row = sets.list(members).to_vec();
        sets.let_go(set);
        row.sort_unstable();
        row
    };
    outputs().map(row).collect()
}

/// For each input, the inputs beside which it occurs in an operation that is not linear in both, in rising order.
///
/// Of the first `n` inputs alone.
pub(super) fn hessian(code: &Code, n: usize) -> Vec<Vec<u32>> {
    let mut meetings: Vec<[Set; 2]> = Vec::new();
    let (unions, _) = walk(code, n, |op, sets| {
        let pairs: &[(usize, usize)] = match (op, sets.len()) {
            (op, _) if is_linear(op) => &[],
            (Op::mul, _) => &[(0, 1)],
            (Op::div, _) => &[(0, 1), (1, 1)],
            (_, 1) => &[(0, 0)],
            (_, 2) => &[(0, 0), (0, 1), (1, 1)],
            _ => &[(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)],
        };
        let pairs = pairs.iter().map(|&(a, b)| [sets[a], sets[b]]);
        meetings.extend(pairs.filter(|pair| !pair.contains(&EMPTY)));
    });
    let meetings = taken_apart(&unions, meetings);
    let mut sets = Sets::new(unions, meetings.iter().flatten().copied());
    let mut upper = Upper::new(n);
    for [a, b] in meetings {
        let (x, y) = (sets.ask(a), sets.ask(b));
        sets.meet(x, y, |i, j| upper.enter(i, j));
        sets.room = upper.entries;
        sets.let_go(a);
        sets.let_go(b);
    }
    upper.mirrored()
}

/// Of more parts a set is not taken apart.
const MOST_PARTS: usize = 4;

/// The same meetings; where a set is a large one, which others grow out of too, and little else, of these parts instead.
///
/// A state of a long sum beside its own observation is a set of its own, all of whose pairs but few the states before it have had; of the
/// states alone that is known.
fn taken_apart(unions: &Unions, meetings: Vec<[Set; 2]>) -> Vec<[Set; 2]> {
    let mut uses = vec![0_u32; unions.end() as usize];
    for &set in meetings.iter().flatten() {
        uses[set as usize] = 1;
    }
    let asked = uses.clone();
    let mut within = vec![0_u32; uses.len()];
    for union in (0..unions.end()).rev().filter(|&set| unions.is_union(set)) {
        if uses[union as usize] > 0 {
            for &part in unions.parts(union) {
                uses[part as usize] += 1;
                within[part as usize] += 1;
            }
        }
    }
    let parts = |set: Set| -> Vec<Set> {
        let is_shared = |part: &Set| {
            let part = *part as usize;
            within[part] + asked[part] > 1
        };
        if unions.is_union(set) && within[set as usize] == 0 {
            let parts = unions.parts(set);
            let mut large = parts.iter().filter(|&&part| unions.is_union(part));
            if parts.len() <= MOST_PARTS && large.any(is_shared) {
                return parts.to_vec();
            }
        }
        vec![set]
    };
    let mut all = Vec::with_capacity(meetings.len());
    for [a, b] in meetings {
        let (of_a, of_b) = (parts(a), parts(b));
        for (k, &x) in of_a.iter().enumerate() {
            let from = if a == b { k } else { 0 };
            all.extend(of_b[from..].iter().map(|&y| [x, y]));
        }
    }
    all
}

/// Whether the partials are constants, piece by piece.
fn is_linear(op: Op) -> bool {
    use Op::*;
    matches!(
        op,
        neg | copy
            | add
            | sub
            | abs
            | sign
            | relu
            | leaky_relu
            | relu6
            | hard_tanh
            | hard_sigmoid
            | clamp
            | maximum
            | max
            | min
            | signum
            | minimum
            | select
            | step
            | floor
            | ceil
            | round
            | trunc
            | fract
            | gt
            | ge
            | lt
            | le
            | eq
            | ne
    )
}

/// Carries the sets of the first `n` inputs through what the outputs depend on, differentiably: gives the unions and
/// each slot's set, and tells each operation and the sets of its inputs.
fn walk(code: &Code, n: usize, mut operation: impl FnMut(Op, &[Set])) -> (Unions, Vec<Set>) {
    let live = live(code);
    let mut unions = Unions::new(n);
    let mut set_of = vec![EMPTY; code.slots()];
    for (input, set) in set_of[..n].iter_mut().enumerate() {
        *set = alone(input);
    }
    let mut parts = Vec::new();
    for run in code.runs.iter().filter(|run| !run.stopped) {
        let first = code.slot_of(run);
        for (args, slot) in code.args_of(run).iter().zip(first..) {
            if !live[slot] {
                continue;
            }
            match run.kind {
                Kind::Rule(op) => {
                    let (inputs, _) = op.arity();
                    parts.extend(args[..inputs].iter().map(|&slot| set_of[slot as usize]));
                    operation(op, &parts);
                }
                Kind::Sum => {
                    for term in code.terms_of(args) {
                        let from = parts.len();
                        parts.extend(term.slots().map(|slot| set_of[slot]));
                        if term.second().is_some() {
                            operation(Op::mul, &parts[from..]);
                        }
                    }
                }
            }
            set_of[slot] = unions.of(&mut parts);
        }
    }
    (unions, set_of)
}

/// The slots through which a derivative passes to an output.
fn live(code: &Code) -> Vec<bool> {
    let mut live = vec![false; code.slots()];
    for &slot in &code.outputs {
        live[slot as usize] = true;
    }
    for run in code.runs.iter().rev().filter(|run| !run.stopped) {
        for (args, slot) in code.args_of(run).iter().zip(code.slot_of(run)..) {
            if live[slot] {
                code.each_operand(run.kind, args, |operand| live[operand] = true);
            }
        }
    }
    live
}

/// The entries of a symmetric matrix on and above its diagonal, some of them more than once.
struct Upper {
    rows: Vec<Vec<u32>>,
    /// At how many entries a row is sorted, and what is there twice is taken out.
    limits: Vec<usize>,
    entries: usize,
}

impl Upper {
    fn new(n: usize) -> Self {
        Self {
            rows: vec![Vec::new(); n],
            limits: vec![32; n],
            entries: 0,
        }
    }

    fn enter(&mut self, i: u32, j: u32) {
        let (i, j) = (i.min(j) as usize, i.max(j));
        let row = &mut self.rows[i];
        row.push(j);
        self.entries += 1;
        if row.len() == self.limits[i] {
            row.sort_unstable();
            row.dedup();
            self.entries -= self.limits[i] - row.len();
            self.limits[i] = self.limits[i].max(2 * row.len());
        }
    }

    /// All rows, each in rising order.
    fn mirrored(self) -> Vec<Vec<u32>> {
        let mut all: Vec<Vec<u32>> = vec![Vec::new(); self.rows.len()];
        for (i, mut row) in self.rows.into_iter().enumerate() {
            row.sort_unstable();
            row.dedup();
            for &j in row.iter().filter(|&&j| j as usize != i) {
                all[j as usize].push(i as u32);
            }
            all[i].append(&mut row);
        }
        all
    }
}
