//! Which derivatives can be other than zero.

use std::collections::HashSet;
use std::rc::Rc;

use rustc_hash::FxBuildHasher;

use crate::program::{Code, Kind};
use crate::rules::Op;

/// Inputs in rising order; nodes that depend on the same inputs share one list.
type Inputs = Rc<[u32]>;

/// Lists whose union is meant. A long sum hands its parts on, and they are put together once, at its end.
type Parts = Vec<Inputs>;

/// For each output, the inputs that it depends on, differentiably.
pub(super) fn jacobian(code: &Code) -> Vec<Vec<u32>> {
    let mut rows = vec![Vec::new(); code.outputs.len()];
    walk(
        code,
        code.inputs,
        |_, _| None,
        |output, inputs| rows[output] = inputs.to_vec(),
    );
    rows
}

/// For each input, the inputs beside which it occurs in an operation that is not linear in both, in rising order.
///
/// Of the first `n` inputs alone.
pub(super) fn hessian(code: &Code, n: usize) -> Vec<Vec<u32>> {
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); n];
    // A block of pairs is entered once, however many operations have it.
    let mut entered = HashSet::with_hasher(FxBuildHasher);
    let mut kept: Vec<Inputs> = Vec::new();
    walk(
        code,
        n,
        |op, parts| {
            let pairs: &[(usize, usize)] = match (op, parts.len()) {
                (op, _) if is_linear(op) => return None,
                (Op::mul, _) => &[(0, 1)],
                (Op::div, _) => &[(0, 1), (1, 1)],
                (_, 1) => &[(0, 0)],
                (_, 2) => &[(0, 0), (0, 1), (1, 1)],
                _ => &[(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)],
            };
            let inputs: Vec<Inputs> = parts.iter_mut().map(whole).collect();
            for &(a, b) in pairs {
                let (x, y) = (&inputs[a], &inputs[b]);
                let (p, q) = (x.as_ptr() as usize, y.as_ptr() as usize);
                if x.is_empty() || y.is_empty() || !entered.insert((p.min(q), p.max(q))) {
                    continue;
                }
                // The lists stay, so that no other takes their address.
                kept.extend([x.clone(), y.clone()]);
                for &i in x.iter() {
                    rows[i as usize].extend_from_slice(y);
                }
                if p != q {
                    for &j in y.iter() {
                        rows[j as usize].extend_from_slice(x);
                    }
                }
            }
            Some(whole(&mut inputs.into_iter().collect()))
        },
        |_, _| {},
    );
    for row in &mut rows {
        row.sort_unstable();
        row.dedup();
    }
    rows
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

/// Carries the sets of the first `n` inputs through the program. `operation` gets the opcode and the sets of the inputs, and
/// gives the result's, if it needed to know them; `output` gets the number of an output and its set.
fn walk(
    code: &Code,
    n: usize,
    mut operation: impl FnMut(Op, &mut [Parts]) -> Option<Inputs>,
    mut output: impl FnMut(usize, &[u32]),
) {
    let mut uses = vec![0_u32; code.slots()];
    for run in code.runs.iter().filter(|run| !run.stopped) {
        for args in code.args_of(run) {
            code.each_operand(run.kind, args, |slot| uses[slot] += 1);
        }
    }
    for &slot in &code.outputs {
        uses[slot as usize] += 1;
    }
    let mut sets: Vec<Parts> = vec![Parts::new(); code.slots()];
    for (k, set) in sets[..n].iter_mut().enumerate() {
        set.push(Rc::from([k as u32]));
    }
    // A set is let go after its last use, so that memory follows what is alive.
    let mut take = |sets: &mut Vec<Parts>, slot: usize| {
        uses[slot] -= 1;
        if uses[slot] == 0 {
            return std::mem::take(&mut sets[slot]);
        }
        vec![whole(&mut sets[slot])]
    };
    for run in code.runs.iter().filter(|run| !run.stopped) {
        let first = code.slot_of(run);
        for (args, slot) in code.args_of(run).iter().zip(first..) {
            let mut apply = |op: Op, slots: &mut dyn Iterator<Item = usize>| {
                let mut parts: Vec<Parts> = slots.map(|slot| take(&mut sets, slot)).collect();
                match operation(op, &mut parts) {
                    Some(inputs) => vec![inputs],
                    None => parts.into_iter().reduce(join).unwrap_or_default(),
                }
            };
            sets[slot] = match run.kind {
                Kind::Rule(op) => {
                    let (inputs, _) = op.visit(crate::inspect::Arity);
                    apply(op, &mut args[..inputs].iter().map(|&slot| slot as usize))
                }
                Kind::Sum => {
                    let terms = code.terms_of(args).iter().map(|term| {
                        let op = term.second().map_or(Op::copy, |_| Op::mul);
                        apply(op, &mut term.slots())
                    });
                    terms.reduce(join).unwrap_or_default()
                }
            };
        }
    }
    for (k, &slot) in code.outputs.iter().enumerate() {
        output(k, &whole(&mut sets[slot as usize]));
    }
}

fn join(a: Parts, b: Parts) -> Parts {
    let (mut more, fewer) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    more.extend(fewer);
    more
}

/// The union of the parts, which take its place; one of them, if it holds all the others.
fn whole(parts: &mut Parts) -> Inputs {
    let all = match &parts[..] {
        [one] => return one.clone(),
        several => {
            let mut all = several.concat();
            all.sort_unstable();
            all.dedup();
            match several.iter().find(|part| part.len() == all.len()) {
                Some(same) => same.clone(),
                None => all.into(),
            }
        }
    };
    *parts = vec![all.clone()];
    all
}
