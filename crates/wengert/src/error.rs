//! What can go wrong, each in one sentence that names the operation, what clashes and the way out.

use crate::tensor::Shape;

/// Why an operation was refused; the tape is as it was before the call.
///
/// Operators and short names panic with the same sentence; the `try_` forms return it.
///
/// ```
/// let tape = wengert::Tape::new();
/// let a = tape.tensor_from(&[2, 3], vec![0.0; 6]);
/// let b = tape.tensor_from(&[4], vec![0.0; 4]);
/// let error = a.try_add(b).unwrap_err();
/// assert!(error.to_string().contains("[2, 3]"));
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The shapes of an elementwise operation do not broadcast.
    #[error(
        "{op}: shapes {shapes} do not broadcast; aligned from the right, each pair of axes must be equal or one of them 1: reshape or unsqueeze one of them"
    )]
    Broadcast {
        /// The operation.
        op: &'static str,
        /// The shapes of its operands.
        shapes: Shapes,
    },
    /// The shapes fit no reading of the operation.
    #[error("{op}: {detail}; got {shapes}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// What it wants and what to do.
        detail: String,
        /// The shapes it was given.
        shapes: Shapes,
    },
    /// An axis is not one of the tensor's.
    #[error(
        "{op}: axis {axis} is out of range for shape {shape:?}, which has {} axes counted from 0",
        shape.len()
    )]
    Axis {
        /// The operation.
        op: &'static str,
        /// The axis asked for.
        axis: isize,
        /// The tensor's shape.
        shape: Shape,
    },
    /// An axis is named twice.
    #[error("{op}: axis {axis} is named twice; name each axis once")]
    RepeatedAxis {
        /// The operation.
        op: &'static str,
        /// The axis.
        axis: usize,
    },
    /// An index lies outside its axis.
    #[error("{op}: index {index} is out of range for axis {axis} of length {length}")]
    Index {
        /// The operation.
        op: &'static str,
        /// The index asked for.
        index: isize,
        /// The axis.
        axis: usize,
        /// Its length.
        length: usize,
    },
    /// An operation that needs at least one element or operand got none.
    #[error("{op}: {detail}")]
    Empty {
        /// The operation.
        op: &'static str,
        /// What is empty and what to do.
        detail: String,
    },
    /// The length of the data is not the product of the shape.
    #[error("{op}: shape {shape:?} holds {expected} numbers but {got} were given")]
    DataLength {
        /// The operation.
        op: &'static str,
        /// The shape asked for.
        shape: Shape,
        /// The number of elements of the shape.
        expected: usize,
        /// The number of elements given.
        got: usize,
    },
    /// An argument that is not a shape has a value that makes no sense.
    #[error("{op}: {detail}")]
    Argument {
        /// The operation.
        op: &'static str,
        /// What is wrong and what to do.
        detail: String,
    },
    /// The handle's node is gone: its tape was cleared, rewound or dropped.
    #[error(
        "{op}: stale {kind}: node {node} was recorded in generation {recorded} of its tape, which has since been {fate} (now generation {current}); record it again"
    )]
    Stale {
        /// The operation.
        op: &'static str,
        /// `Var` or `Tensor`.
        kind: &'static str,
        /// The node's place on the list.
        node: u32,
        /// The generation in which it was recorded.
        recorded: u64,
        /// What happened to the tape.
        fate: &'static str,
        /// The tape's generation now.
        current: u64,
    },
    /// Operands come from two tapes.
    #[error(
        "{op}: the operands were recorded on two different tapes; record both on one tape, or take the number of one: x.value()"
    )]
    Foreign {
        /// The operation.
        op: &'static str,
    },
    /// A handle was used on a thread that does not own its tape.
    #[error(
        "{op}: this handle's tape belongs to another thread; a tape is used on the thread that made it: make one tape for each thread"
    )]
    WrongThread {
        /// The operation.
        op: &'static str,
    },
    /// The tape holds as many nodes as it may.
    #[error(
        "{op}: the tape is full: it holds {nodes} nodes, its limit; clear() or rewind(mark) it between steps, or split the computation"
    )]
    Full {
        /// The operation.
        op: &'static str,
        /// How many nodes it holds.
        nodes: u32,
    },
    /// The result is larger than the memory that the machine can give.
    #[error(
        "{op}: there is no memory for a result of shape {shape:?}; make it smaller, or split the computation"
    )]
    Memory {
        /// The operation.
        op: &'static str,
        /// The shape of the result.
        shape: Shape,
    },
    /// A derivative was asked of something that has none.
    #[error(
        "{op}: the {kind} is a constant: it was not recorded on a tape, so nothing can be differentiated; make its inputs with tape.var(..) or tape.tensor(..)"
    )]
    Constant {
        /// The operation.
        op: &'static str,
        /// `Var` or `Tensor`.
        kind: &'static str,
    },
    /// A rule that was asked for is missing.
    #[error("{op} has no {rule} rule; give it one with CustomOp::{rule}")]
    NoRule {
        /// The operation.
        op: String,
        /// `vjp` or `jvp`.
        rule: &'static str,
    },
    /// A program's input would have made the recorded function take another branch.
    #[error(
        "program: the branch at {location} would go another way: {question}; record the program again at this input, or write the branch with max, min, abs, relu or step"
    )]
    BranchChanged {
        /// The comparison and its answers, with the numbers of this run and the nodes of the list that they were.
        question: String,
        /// File, line and column of the comparison.
        location: String,
    },
    /// The watch found a number that is not finite.
    #[error(
        "{direction}: node {node}, {op}, made {value} from operands {operands}, recorded at {location}"
    )]
    NonFinite {
        /// `forward` or `backward`.
        direction: &'static str,
        /// The node's place on the list.
        node: u32,
        /// Its operation, with its name if it has one.
        op: String,
        /// The number that is not finite.
        value: f64,
        /// The operands, as text.
        operands: String,
        /// File, line and column of the call that recorded it.
        location: String,
    },
}

/// The shapes of some operands, printed as `[2, 3] and [4]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Shapes(pub Vec<Shape>);

impl std::fmt::Display for Shapes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, shape) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" and ")?;
            }
            write!(f, "{:?}", shape.as_slice())?;
        }
        Ok(())
    }
}

/// The value, or a panic at the caller's line with the error's sentence.
#[track_caller]
#[inline]
pub(crate) fn or_panic<V>(result: Result<V, Error>) -> V {
    match result {
        Ok(value) => value,
        Err(error) => fail(error),
    }
}

#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn fail(error: Error) -> ! {
    panic!("{error}")
}
