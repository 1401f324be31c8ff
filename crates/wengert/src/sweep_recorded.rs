//! Sweeps in recorded handles: the derivative is itself on the tape.

use smallvec::SmallVec;

use crate::checkpoint::Region;
use crate::error::Error;
use crate::list::{List, Node};
use crate::num::{Num, Rec};
use crate::real::Real;
use crate::rules::Op;
use crate::rules::custom::Custom;
use crate::rules::expand::{Elementwise, Visitor};
use crate::rules::structural::Array;
use crate::sweep::{Algebra, TensorNode};
use crate::tensor::Tensor;
use crate::var::Var;

/// Adjoints or tangents as handles.
pub(crate) struct Recorded<T: Real> {
    pub(crate) list: &'static List<T>,
    /// The first node that the derivative is with respect to; the tables start here, so that a derivative of
    /// what was just recorded costs what that has cost, however long the list is.
    first: u32,
    values: Vec<Option<Value<T>>>,
    /// Nodes that depend on what the derivative is with respect to.
    relevant: Vec<bool>,
}

/// A scalar may be a constant, which is no node; a tensor never is.
#[derive(Clone, Copy)]
pub(crate) enum Value<T: Real> {
    Scalar(Var<T>),
    Tensor(Tensor<T>),
}

impl<T: Real> Recorded<T> {
    /// Nothing yet for the nodes up to and with `last`, of which those matter that depend on `sources`.
    pub(crate) fn new(list: &'static List<T>, last: u32, sources: &[u32]) -> Self {
        let first = sources.iter().copied().min().unwrap_or(last).min(last);
        let count = (last - first) as usize + 1;
        let mut sweep = Self {
            list,
            first,
            values: vec![None; count],
            relevant: vec![false; count],
        };
        for &source in sources.iter().filter(|&&source| source <= last) {
            sweep.relevant[(source - first) as usize] = true;
        }
        sweep.spread(first, last + 1);
        sweep
    }

    /// Nothing yet for the nodes up to `end`, which were recorded since.
    pub(crate) fn extend(&mut self, end: u32) {
        let known = self.first + self.relevant.len() as u32;
        let count = (end - self.first) as usize;
        self.values.resize(count, None);
        self.relevant.resize(count, false);
        self.spread(known, end);
    }

    /// Finds which of the nodes `from..to` matter.
    fn spread(&mut self, from: u32, to: u32) {
        let state = self.list.state();
        for id in from..to {
            let node = self.list.node(id);
            let mut operands = state.operands_of(id, &node);
            let depends = operands.any(|operand| self.is_relevant(operand));
            drop(operands);
            self.relevant[(id - self.first) as usize] |= depends;
        }
    }

    fn is_relevant(&self, id: u32) -> bool {
        id >= self.first && self.relevant[(id - self.first) as usize]
    }

    pub(crate) fn value(&self, id: u32) -> Option<Value<T>> {
        *self.values.get(id.checked_sub(self.first)? as usize)?
    }

    pub(crate) fn seed(&mut self, id: u32, value: Value<T>) {
        self.accumulate(id, value);
    }

    pub(crate) fn scalar(&self, id: u32) -> Option<Var<T>> {
        Some(match self.value(id)? {
            Value::Scalar(var) => var,
            Value::Tensor(tensor) => tensor.item(),
        })
    }

    fn accumulate(&mut self, id: u32, value: Value<T>) {
        let slot = &mut self.values[(id - self.first) as usize];
        *slot = Some(match (*slot, value) {
            (None, value) => value,
            (Some(Value::Scalar(sum)), Value::Scalar(term)) => Value::Scalar(sum + term),
            (Some(Value::Tensor(sum)), Value::Tensor(term)) => Value::Tensor(sum + term),
            (Some(Value::Scalar(sum)), Value::Tensor(term)) => Value::Scalar(sum + term.item()),
            (Some(Value::Tensor(sum)), Value::Scalar(term)) => Value::Scalar(sum.item() + term),
        });
    }

    fn var(&self, id: u32) -> Var<T> {
        Var::at(self.list.place(id))
    }

    /// The partial of a scalar node with respect to each operand that `keep` keeps, recorded.
    fn partials(&self, id: u32, keep: impl Fn(u32) -> bool) -> SmallVec<[(u32, Var<T>); 3]> {
        let node = self.list.node(id);
        if matches!(node.op(), Op::leaf | Op::pair) {
            return SmallVec::new();
        }
        let all = match node.op() {
            Op::sum | Op::dot => self.partials_of_many(id, &node),
            op => op.visit(Partials {
                sweep: self,
                id,
                node,
            }),
        };
        all.into_iter()
            .filter(|&(operand, _)| keep(operand))
            .collect()
    }
}

impl<T: Real> Recorded<T> {
    /// In the order in which the numeric sweep adds.
    fn partials_of_many(&self, id: u32, node: &Node<T>) -> SmallVec<[(u32, Var<T>); 3]> {
        let places = self.list.places(id, node);
        let handle = |k: usize| match places[k] {
            Ok((operand, _)) => self.var(operand),
            Err(constant) => Var::constant(constant),
        };
        (0..places.len())
            .rev()
            .filter_map(|k| {
                let (operand, partial) = places[k].ok()?;
                Some(match node.op() {
                    Op::sum => (operand, Var::constant(partial)),
                    _ => (operand, handle(k ^ 1)),
                })
            })
            .collect()
    }
}

struct Partials<'a, T: Real> {
    sweep: &'a Recorded<T>,
    id: u32,
    node: Node<T>,
}

impl<T: Real> Visitor for Partials<'_, T> {
    type Output = SmallVec<[(u32, Var<T>); 3]>;
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) -> Self::Output {
        let places = self.sweep.list.places(self.id, &self.node);
        let inputs = std::array::from_fn(|k| match places[k] {
            Ok((operand, _)) => Rec(self.sweep.var(operand)),
            Err(constant) => Rec(Var::constant(constant)),
        });
        let params = std::array::from_fn(|k| match places[A + k] {
            Ok(_) => unreachable!("a parameter is a constant"),
            Err(constant) => constant.as_f64(),
        });
        let partials = E::partials(inputs, params, Rec(self.sweep.var(self.id)));
        // The order in which the numeric sweep adds: the last operand of three comes first.
        let order = if A + P == 3 { [2, 0, 1] } else { [0, 1, 2] };
        order
            .into_iter()
            .filter(|&k| k < A)
            .filter_map(|k| Some((places[k].ok()?.0, partials[k].0)))
            .collect()
    }
}

/// Adjoint times partial; nothing for a partial that is zero whatever the inputs, unless the
/// adjoint is infinite or NaN, which the numeric sweep would pass on as NaN.
fn times<T: Real>(g: Var<T>, partial: Var<T>) -> Option<Var<T>> {
    if partial.is_constant() {
        if partial.value() == T::zero() && g.value().is_finite() {
            return None;
        }
        if partial.value() == T::one() {
            return Some(g);
        }
    }
    Some(Rec(g).absorb_mul(Rec(partial)).0)
}

impl<T: Real> Algebra<T> for Recorded<T> {
    type Value = Tensor<T>;

    fn primal(&self, id: u32) -> Tensor<T> {
        Tensor::new(self.list, self.list.generation(), id)
    }

    fn get(&self, id: u32) -> Option<Tensor<T>> {
        Some(match self.value(id)? {
            Value::Tensor(tensor) => tensor,
            Value::Scalar(var) if var.is_constant() => {
                self.primal(self.list.push_leaf(var.value()))
            }
            Value::Scalar(var) => Tensor::from(var),
        })
    }

    fn add(&mut self, id: u32, contribution: Tensor<T>) {
        self.accumulate(id, Value::Tensor(contribution));
    }

    fn wants(&self, id: u32) -> bool {
        self.is_relevant(id) && self.list.is_differentiable(id)
    }

    fn pull_back_scalars(&mut self, low: u32, high: u32) -> Result<(), Error> {
        for id in (low..high).rev() {
            if !self.is_relevant(id) {
                continue;
            }
            let Some(g) = self.scalar(id) else { continue };
            for (operand, partial) in self.partials(id, |operand| self.is_relevant(operand)) {
                if let Some(contribution) = times(g, partial) {
                    self.accumulate(operand, Value::Scalar(contribution));
                }
            }
        }
        Ok(())
    }

    fn push_forward_scalars(&mut self, low: u32, high: u32) {
        for id in low..high {
            if self.is_seeded(id) || !self.is_relevant(id) {
                continue;
            }
            for (operand, partial) in self.partials(id, |operand| self.value(operand).is_some()) {
                let tangent = self.scalar(operand).expect("kept because it is there");
                // A zero partial leads to a branch that was not chosen.
                if !tangent.value().is_finite() && partial.value() == T::zero() {
                    continue;
                }
                if let Some(contribution) = times(tangent, partial) {
                    self.accumulate(id, Value::Scalar(contribution));
                }
            }
        }
    }

    fn is_seeded(&self, id: u32) -> bool {
        self.value(id).is_some()
    }

    fn pull_back_checkpoint(&mut self, region: &Region<T>, id: u32) -> Result<(), Error> {
        region.pull_back_recorded(self, id)
    }

    fn push_forward_checkpoint(&mut self, region: &Region<T>, id: u32) -> Result<(), Error> {
        match self.is_relevant(id) {
            true => region.push_forward_recorded(self, id),
            false => Ok(()),
        }
    }

    fn pull_back_custom(
        &mut self,
        custom: &Custom<T>,
        node: &TensorNode<T>,
        g: Tensor<T>,
    ) -> Result<Vec<Tensor<T>>, Error> {
        let inputs: Vec<_> = node.operands.iter().map(|&id| self.primal(id)).collect();
        custom.pull_back(g, &inputs, self.primal(node.id))
    }

    fn push_forward_custom(
        &mut self,
        custom: &Custom<T>,
        node: &TensorNode<T>,
        tangents: &[Option<Tensor<T>>],
    ) -> Result<Tensor<T>, Error> {
        let inputs: Vec<_> = node.operands.iter().map(|&id| self.primal(id)).collect();
        let tangents: Vec<_> = tangents
            .iter()
            .zip(&inputs)
            .map(|(tangent, input)| tangent.unwrap_or_else(|| input.full(&input.shape(), 0.0)))
            .collect();
        custom.push_forward(&tangents, &inputs, self.primal(node.id))
    }
}
