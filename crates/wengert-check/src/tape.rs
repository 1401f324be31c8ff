//! A recorded tape, node by node.

use std::collections::BTreeSet;

use ndarray::{ArrayD, IxDyn};
use wengert::rules::OPS;
use wengert::{NodeInfo, Tape, Tensor, Var};

use crate::options::{Check, Random};
use crate::report::Report;

/// Finds the first node on the way to `y` whose local rule is wrong, with the default options.
///
/// ```
/// use wengert::{CustomOp, Tape};
/// use wengert_check::check_tape;
///
/// let wrong = CustomOp::new("cube", |x| x[0].mapv(|x: f64| x * x * x)).vjp(|g, x, _| vec![g * x[0].square() * 2.0]);
/// let tape = Tape::new();
/// tape.watch_non_finite(true); // so that the report can name the source line
/// let x = tape.var(0.5);
/// let y = wrong.call_scalars(&[x.sin()]).exp();
///
/// let report = check_tape(&tape, y);
/// assert!(report.is_fail());
/// assert!(report.worst().unwrap().op.as_ref().unwrap().contains("cube"));
/// ```
pub fn check_tape(tape: &Tape, y: Var) -> Report {
    Check::new().tape(tape, y)
}

impl Check {
    /// Finds the first node on the way to `y` whose local rule is wrong.
    ///
    /// Each node's rule is compared with differences of its own operation, recorded again on a tape aside, so the way to `y` is searched in
    /// one pass and the tape stays as it is. A scalar node is checked at the numbers that it was recorded with, by the partials that it
    /// keeps; the operation of a tensor node at random numbers in operands of the recorded shapes. What [`implicit`](wengert::implicit)
    /// has recorded cannot be recorded again and is named in a note.
    ///
    /// A checkpoint is passed over, with a note: its operations are not on the tape. Leave it out to have them checked.
    ///
    /// Reports name source lines if [`Tape::watch_non_finite`] was on while recording.
    ///
    /// # Panics
    ///
    /// If `y` is a constant, stale, or of another tape.
    ///
    /// See [`check_tape`] for an example.
    #[track_caller]
    pub fn tape(&self, tape: &Tape, y: Var) -> Report {
        let nodes = tape.nodes();
        let root = y.index();
        let way = way_to(&nodes, root);
        let mut report = Report::new(
            &format!("local rules on the way to {}", name(&nodes[root])),
            self.get_seed(),
            &[],
        );
        let (way, aside): (Vec<usize>, Vec<usize>) =
            way.into_iter().partition(|&index| nodes[index].repeatable);
        let (checkpoints, only_here): (Vec<usize>, Vec<usize>) = aside
            .into_iter()
            .partition(|&index| nodes[index].op == "checkpoint");
        if !checkpoints.is_empty() {
            report.notes.push(format!(
                "{} nodes of checkpoints are passed over: their operations are not on the tape; record without a checkpoint to have them checked",
                checkpoints.len()
            ));
        }
        if !only_here.is_empty() {
            report.notes.push(format!(
                "{} not checked, for the solver's answer is right at its own operands alone; check the function that solves",
                only_here
                    .iter()
                    .map(|&index| format!("{}, {},", name(&nodes[index]), nodes[index].op))
                    .collect::<Vec<_>>()
                    .join(" ")
            ));
        }
        let mut random = self.random(12);
        for (count, index) in way.iter().enumerate() {
            let found = self.node(tape, &nodes, *index, &mut random);
            if found.is_pass() {
                continue;
            }
            let stop = found.is_fail();
            report = report.and(found);
            if stop {
                report.notes.push(format!(
                    "{count} of the {} operations come before it, and none of them is wrong",
                    way.len()
                ));
                return report;
            }
        }
        report.notes.push(format!(
            "{} operations checked; what passed is not listed",
            way.len()
        ));
        report
    }

    /// The local rule of one node.
    fn node(&self, tape: &Tape, nodes: &[NodeInfo], index: usize, random: &mut Random) -> Report {
        let node = &nodes[index];
        let operands: Vec<ArrayD<f64>> = node
            .operands
            .iter()
            .enumerate()
            .map(|(place, operand)| numbers(node, place, &nodes[*operand], random))
            .collect();
        let names: Vec<String> = node
            .operands
            .iter()
            .map(|operand| name(&nodes[*operand]))
            .collect();
        let shapes: Vec<(&str, &[usize])> = names
            .iter()
            .zip(&operands)
            .map(|(name, array)| (name.as_str(), array.shape()))
            .collect();
        let check = self.clone().order_one().inputs(&shapes);
        let mut report = if node.partials.is_empty() {
            check.tensor(|operands| tape.repeat(index, operands), &operands)
        } else {
            let x: Vec<f64> = operands.iter().flatten().copied().collect();
            let value = |x: &[f64]| {
                let aside = Tape::new();
                let operands: Vec<Tensor> = aside.vars(x).into_iter().map(Tensor::from).collect();
                tape.repeat(index, &operands).item().value()
            };
            // So few inputs need no random directions beside them.
            check
                .directions(0)
                .gradient(value, |_| node.partials.clone(), &x)
        };
        for entry in &mut report.entries {
            entry.place = format!("{}: {}", name(node), entry.place);
            entry.op = Some(node.op.clone());
            entry.line = tape.origin(index).map(ToString::to_string);
        }
        report
    }
}

/// The operations that a derivative of `root` passes through, in order.
fn way_to(nodes: &[NodeInfo], root: usize) -> Vec<usize> {
    let mut open = BTreeSet::from([root]);
    let mut way = Vec::new();
    // Operands come before their node, so the last of the open ones is reached from nowhere else.
    while let Some(index) = open.pop_last() {
        let node = &nodes[index];
        if node.differentiable && !node.operands.is_empty() {
            open.extend(&node.operands);
            way.push(index);
        }
    }
    way.reverse();
    way
}

fn name(node: &NodeInfo) -> String {
    node.name.as_ref().map_or_else(
        || format!("node {}", node.index),
        |name| format!("`{name}` (node {})", node.index),
    )
}

/// What to check an operation at: the number that an operand has, or random ones where the operation is defined.
fn numbers(node: &NodeInfo, place: usize, operand: &NodeInfo, random: &mut Random) -> ArrayD<f64> {
    if let Some(value) = operand.value {
        return ArrayD::from_elem(IxDyn(&[]), value);
    }
    let rule = OPS.iter().find(|op| op.name == node.op);
    let range = rule
        .and_then(|op| op.inputs.get(place))
        .map_or(-1.5..1.5, |(_, range)| range.clone());
    ArrayD::from_shape_simple_fn(IxDyn(&operand.shape), || {
        range.start + (range.end - range.start) * random.uniform()
    })
}
