//! A look at the list: what stands on it, node by node.

use std::fmt;

use smallvec::SmallVec;

use crate::error::{Error, or_panic};
use crate::list::{Aux, List, Node, Term};
use crate::num::Arg;
use crate::real::Real;
use crate::rules::Op;
use crate::rules::structural::TensorOp;
use crate::tape::Tape;
use crate::tensor::{Shape, Tensor, record, record_elementwise};

/// One entry of the list, as [`Tape::nodes`] shows it.
///
/// Its `Display` is one line: index, operation, operands and value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeInfo<T: Real = f64> {
    /// The place on the list, counted from 0.
    pub index: usize,
    /// The operation's name; `leaf` for an input.
    pub op: String,
    /// The operands that are nodes, by their places.
    pub operands: Vec<usize>,
    /// What the operation was given, in order: nodes, constants and parameters.
    pub arguments: Vec<Argument>,
    /// The partial with respect to each operand; empty for a tensor operation, which keeps none.
    pub partials: Vec<T>,
    /// The number, if the node has rank 0; a `pair` has none.
    pub value: Option<T>,
    /// The lengths of the axes; empty for rank 0.
    pub shape: Shape,
    /// The name given by `named`.
    pub name: Option<String>,
    /// Whether a derivative passes through the node.
    pub differentiable: bool,
    /// Whether [`Tape::repeat`] can record the operation again on other operands: not for an input, a `pair`, a checkpoint, or an
    /// answer of [`implicit`](crate::implicit), which a solver has found for its own operands.
    pub repeatable: bool,
}

impl<T: Real> fmt::Display for NodeInfo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4}  {:<12}", self.index, self.op)?;
        let arguments: Vec<String> = self.arguments.iter().map(Argument::to_string).collect();
        write!(f, " {:<12}", arguments.join(", "))?;
        match self.value {
            Some(value) => write!(f, " {value}")?,
            None if self.shape.is_empty() => {}
            None => write!(f, " shape {:?}", self.shape.as_slice())?,
        }
        match &self.name {
            Some(name) => write!(f, "  `{name}`"),
            None => Ok(()),
        }
    }
}

/// What an operation was given: a node, by its place on the list, or a constant.
///
/// A node is printed as a whole number, a constant with its decimal point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    /// A node.
    Node(usize),
    /// A constant or a parameter.
    Constant(f64),
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Argument::Node(index) => write!(f, "{index}"),
            Argument::Constant(c) => write!(f, "{c:?}"),
        }
    }
}

/// The places of a scalar operation in order: each an operand with its partial, or a constant.
pub(crate) type Places<T> = SmallVec<[Result<(u32, T), T>; 3]>;

impl<T: Real> Aux<T> {
    fn arguments(&self) -> Vec<Argument> {
        let mut operands = self.operands.iter().map(|&id| Argument::Node(id as usize));
        let TensorOp::Map(map) = &self.op else {
            return operands.collect();
        };
        let (inputs, params) = map.op.arity();
        let constants = map.constants.iter().take(inputs);
        let mut arguments: Vec<Argument> = constants
            .filter_map(|constant| constant.map(Argument::Constant).or_else(|| operands.next()))
            .collect();
        arguments.extend(
            map.params
                .iter()
                .take(params)
                .map(|&p| Argument::Constant(p)),
        );
        arguments
    }
}

impl<T: Real> List<T> {
    /// The places of a scalar node's operation; an operation with three keeps the first two in
    /// the pair before it.
    pub(crate) fn places(&self, id: u32, node: &Node<T>) -> Places<T> {
        let place = |own: u32, node: &Node<T>, slot: usize| {
            let operand = node.operand(slot);
            if operand == own {
                Err(node.partials[slot])
            } else {
                Ok((operand, node.partials[slot]))
            }
        };
        if matches!(node.op(), Op::leaf | Op::aux) {
            return Places::new();
        }
        if matches!(node.op(), Op::sum | Op::dot) {
            return self.places_of_many(id, node);
        }
        let (own, pair, count) = match node.op() {
            Op::pair => (id, *node, 2),
            op => {
                let (inputs, params) = op.arity();
                match inputs + params {
                    3 => (node.operand(0), self.node(node.operand(0)), 3),
                    count => (id, *node, count),
                }
            }
        };
        let all = [
            place(own, &pair, 0),
            place(own, &pair, 1),
            place(id, node, 1),
        ];
        Places::from_buf_and_len(all, count)
    }

    fn places_of_many(&self, id: u32, node: &Node<T>) -> Places<T> {
        let state = self.state();
        let terms = state.many.terms_of(id);
        let place = |(k, term): (usize, &Term<T>)| match term.operand {
            own if own == id && node.op() == Op::sum => Err(term.partial),
            // The partial with respect to the other factor is this one.
            own if own == id => Err(terms[k ^ 1].partial),
            operand => Ok((operand, term.partial)),
        };
        terms.iter().enumerate().map(place).collect()
    }
}

impl<T: Real> Tape<T> {
    /// The whole list, in the order in which it was recorded.
    ///
    /// An operation with three operands takes two entries, of which the first is called `pair`.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.var(2.0).named("x");
    /// let y = x * x + 1.0;
    /// let list = tape.nodes();
    /// assert_eq!(list[1].op, "mul");
    /// assert_eq!(list[1].operands, [0, 0]);
    /// assert_eq!(list[2].partials, [1.0]);
    /// assert_eq!(list[0].to_string(), "   0  leaf                      2  `x`");
    /// ```
    pub fn nodes(&self) -> Vec<NodeInfo<T>> {
        (0..self.list().len())
            .map(|id| self.node_info(id))
            .collect()
    }

    /// The handle of a node, by its place on the list; a scalar's as a tensor of rank 0.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.var(2.0);
    /// assert_eq!(tape.handle(x.index()).item().value(), 2.0);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no such node, or it is the `pair` of an operation with three operands.
    #[track_caller]
    pub fn handle(&self, index: usize) -> Tensor<T> {
        assert!(
            index < self.len(),
            "handle: node {index} is not on the list, which has {} nodes",
            self.len()
        );
        assert!(
            self.list().node(index as u32).op() != Op::pair,
            "handle: node {index} is one half of an operation with three operands; take the next node"
        );
        Tensor::new(self.list(), self.list().generation(), index as u32)
    }

    fn node_info(&self, id: u32) -> NodeInfo<T> {
        let list = self.list();
        let node = list.node(id);
        let places = list.places(id, &node);
        let state = list.state();
        let aux = state.aux_of(&node);
        NodeInfo {
            index: id as usize,
            op: match aux {
                Some(aux) => aux.op.to_string(),
                None => node.op().name().to_owned(),
            },
            operands: match aux {
                Some(aux) => aux.operands.iter().map(|&id| id as usize).collect(),
                None => places
                    .iter()
                    .flatten()
                    .map(|&(id, _)| id as usize)
                    .collect(),
            },
            arguments: match aux {
                Some(aux) => aux.arguments(),
                None => places
                    .iter()
                    .map(|place| match place {
                        Ok((id, _)) => Argument::Node(*id as usize),
                        Err(constant) => Argument::Constant(constant.as_f64()),
                    })
                    .collect(),
            },
            partials: places
                .iter()
                .flatten()
                .map(|&(_, partial)| partial)
                .collect(),
            value: aux
                .is_none_or(|aux| aux.shape.is_empty())
                .then_some(node.value)
                .filter(|_| node.op() != Op::pair),
            shape: aux.map_or_else(Shape::new, |aux| aux.shape.clone()),
            name: state.names.get(&id).cloned(),
            differentiable: aux.is_none_or(|aux| aux.differentiable)
                && state.stopped_range(id).is_none(),
            repeatable: match aux.map(|aux| &aux.op) {
                Some(TensorOp::Custom(custom)) => !custom.op.only_here,
                Some(op) => !matches!(op, TensorOp::Leaf | TensorOp::Checkpoint(_)),
                None => !matches!(node.op(), Op::leaf | Op::pair),
            },
        }
    }

    /// Where a node was recorded, if the watch was on then.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// tape.watch_non_finite(true);
    /// let x = tape.var(2.0);
    /// assert!(tape.origin(x.index()).unwrap().file().ends_with(".rs"));
    /// ```
    pub fn origin(&self, index: usize) -> Option<&'static std::panic::Location<'static>> {
        self.list().origin(u32::try_from(index).ok()?)
    }

    /// Records the operation of node `index` again, on other operands.
    ///
    /// `operands` stand for the node's own, in order; see [`NodeInfo::operands`].
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let y = tape.var(2.0).powi(3);
    /// let again = tape.repeat(y.index(), &[tape.tensor(ndarray::array![1.0, 2.0])]);
    /// assert_eq!(again.value(), ndarray::array![1.0, 8.0].into_dyn());
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Tape::try_repeat`] fails.
    #[track_caller]
    pub fn repeat(&self, index: usize, operands: &[Tensor<T>]) -> Tensor<T> {
        or_panic(self.try_repeat(index, operands))
    }

    /// Records the operation of node `index` again, on other operands.
    ///
    /// # Errors
    ///
    /// If there is no such node, it is not [repeatable](NodeInfo::repeatable), the number of operands is another, or the
    /// operation refuses them.
    #[track_caller]
    pub fn try_repeat(&self, index: usize, operands: &[Tensor<T>]) -> Result<Tensor<T>, Error> {
        let refuse = |detail: String| {
            Err(Error::Argument {
                op: "repeat",
                detail,
            })
        };
        let list = self.list();
        if index >= self.len() {
            return refuse(format!(
                "node {index} is not on the list, which has {} nodes",
                self.len()
            ));
        }
        let node = list.node(index as u32);
        let info = self.node_info(index as u32);
        if info.operands.len() != operands.len() || operands.is_empty() {
            return refuse(format!(
                "node {index}, {}, has {} operands but {} were given; give one for each",
                info.op,
                info.operands.len(),
                operands.len()
            ));
        }
        if let Some(place) = list.aux_index(index as u32) {
            let op = list.state().aux[place].op.clone();
            return match op {
                TensorOp::Custom(custom) if custom.op.only_here => refuse(format!(
                    "node {index}, {}, is right for the operands alone that a solver has found it for; repeat what recorded it",
                    info.op
                )),
                TensorOp::Custom(custom) => custom.op.try_call(operands),
                TensorOp::Checkpoint(_) => refuse(format!(
                    "node {index} stands for a region of the list, which has inputs and handles of its own; call the function that records it"
                )),
                op => record(op, operands),
            };
        }
        if node.op() == Op::pair {
            return refuse(format!(
                "node {index} is one half of an operation with three operands; repeat the next node"
            ));
        }
        let mut given = operands.iter();
        if matches!(node.op(), Op::sum | Op::dot) {
            return self.repeat_many(node.op(), &list.places(index as u32, &node), operands);
        }
        let (inputs, _) = node.op().arity();
        let mut args: SmallVec<[Arg<Tensor<T>>; 3]> = SmallVec::new();
        let mut params: SmallVec<[f64; 2]> = SmallVec::new();
        for (k, place) in list.places(index as u32, &node).into_iter().enumerate() {
            match place {
                Ok(_) => args.push(Arg::Value(*given.next().expect("counted above"))),
                Err(constant) if k < inputs => args.push(Arg::Constant(constant.as_f64())),
                Err(constant) => params.push(constant.as_f64()),
            }
        }
        record_elementwise(node.op(), &args, &params)
    }

    fn repeat_many(
        &self,
        op: Op,
        places: &Places<T>,
        operands: &[Tensor<T>],
    ) -> Result<Tensor<T>, Error> {
        let mut given = operands.iter();
        let args: Vec<Arg<Tensor<T>>> = places
            .iter()
            .map(|place| match place {
                Ok(_) => Arg::Value(*given.next().expect("as many as there are operands")),
                Err(constant) => Arg::Constant(constant.as_f64()),
            })
            .collect();
        let apply = |op: Op, x: Arg<Tensor<T>>, y: Arg<Tensor<T>>| match (op, x, y) {
            (Op::mul, Arg::Constant(x), Arg::Constant(y)) => Ok(Arg::Constant(x * y)),
            (_, Arg::Constant(x), Arg::Constant(y)) => Ok(Arg::Constant(x + y)),
            _ => record_elementwise(op, &[x, y], &[]).map(Arg::Value),
        };
        let terms: Vec<Arg<Tensor<T>>> = match op {
            Op::sum => args,
            _ => args
                .chunks(2)
                .map(|pair| apply(Op::mul, pair[0], pair[1]))
                .collect::<Result<_, _>>()?,
        };
        let mut terms = terms.into_iter();
        let first = terms.next().expect("an operation on many has terms");
        match terms.try_fold(first, |sum, term| apply(Op::add, sum, term))? {
            Arg::Value(sum) => Ok(sum),
            Arg::Constant(_) => unreachable!("one operand at least is a tensor"),
        }
    }
}
