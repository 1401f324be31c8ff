//! Operations of the user's own.

use std::fmt;
use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewD};

use crate::error::{Error, Shapes};
use crate::real::Real;
use crate::tensor::{Shape, Tensor};

type Value<T> = dyn Fn(&[ArrayViewD<'_, T>]) -> ArrayD<T>;
type Vjp<T> = dyn Fn(Tensor<T>, &[Tensor<T>], Tensor<T>) -> Vec<Tensor<T>>;
type Jvp<T> = dyn Fn(&[Tensor<T>], &[Tensor<T>], Tensor<T>) -> Tensor<T>;

/// An operation that the library does not have: its value, and its derivatives in recorded operations.
///
/// A scalar counts as a tensor of rank 0. Because the rules are written with handles, they can be
/// differentiated again; `wengert_check::Check::custom` checks them. A derivative whose rule is missing fails at the call with the
/// operation's name.
///
/// ```
/// use wengert::{CustomOp, Tape};
///
/// let cube = CustomOp::new("cube", |x| x[0].mapv(|x: f64| x * x * x))
///     .vjp(|g, x, _| vec![g * x[0].square() * 3.0]);
///
/// let tape = Tape::new();
/// let x = tape.var(2.0);
/// let y = cube.call_scalars(&[x]);
/// assert_eq!(y.value(), 8.0);
/// assert_eq!(y.backward()[x], 12.0);
/// assert_eq!(y.grad(&[x])[0].backward()[x], 12.0); // 6 x
/// ```
#[derive(Clone)]
pub struct CustomOp<T: Real = f64> {
    name: Arc<str>,
    value: Arc<Value<T>>,
    vjp: Option<Arc<Vjp<T>>>,
    jvp: Option<Arc<Jvp<T>>>,
    /// The value can be computed at the inputs of one call alone.
    pub(crate) only_here: bool,
}

/// A custom operation on the tape: the operation, and this call's result, until it is in its place.
#[derive(Clone)]
pub(crate) struct Custom<T: Real> {
    pub(crate) op: CustomOp<T>,
    result: Arc<ArrayD<T>>,
}

impl<T: Real> CustomOp<T> {
    /// An operation with a name and a value: from the inputs' arrays to the output's.
    pub fn new(
        name: impl Into<String>,
        value: impl Fn(&[ArrayViewD<'_, T>]) -> ArrayD<T> + 'static,
    ) -> Self {
        Self {
            name: name.into().into(),
            value: Arc::new(value),
            vjp: None,
            jvp: None,
            only_here: false,
        }
    }

    /// An operation whose value is right at the inputs of its call alone, so that it cannot be repeated at others.
    pub(crate) fn only_here(mut self) -> Self {
        self.only_here = true;
        self
    }

    /// The rule of the reverse sweep: from the output's cotangent, the inputs and the output, the
    /// cotangent of each input.
    ///
    /// A cotangent of a broadcast shape is summed to its input's shape.
    #[must_use]
    pub fn vjp(
        mut self,
        vjp: impl Fn(Tensor<T>, &[Tensor<T>], Tensor<T>) -> Vec<Tensor<T>> + 'static,
    ) -> Self {
        self.vjp = Some(Arc::new(vjp));
        self
    }

    /// The rule of the forward sweep: from the inputs' tangents, the inputs and the output, the
    /// tangent of the output. An input that does not vary has a tangent of zeros.
    #[must_use]
    pub fn jvp(
        mut self,
        jvp: impl Fn(&[Tensor<T>], &[Tensor<T>], Tensor<T>) -> Tensor<T> + 'static,
    ) -> Self {
        self.jvp = Some(Arc::new(jvp));
        self
    }

    /// The operation's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Records the operation on tensors.
    ///
    /// # Panics
    ///
    /// As [`CustomOp::try_call`] fails.
    #[track_caller]
    pub fn call(&self, inputs: &[Tensor<T>]) -> Tensor<T> {
        crate::error::or_panic(self.try_call(inputs))
    }

    /// Records the operation on tensors.
    ///
    /// # Errors
    ///
    /// If there is no input, a handle is stale or foreign, or the tape is full.
    #[track_caller]
    pub fn try_call(&self, inputs: &[Tensor<T>]) -> Result<Tensor<T>, Error> {
        self.record(inputs, |_| Ok(()))
    }

    /// Records the operation if the shape of its value is accepted.
    #[track_caller]
    fn record(
        &self,
        inputs: &[Tensor<T>],
        accept: impl FnOnce(&[usize]) -> Result<(), Error>,
    ) -> Result<Tensor<T>, Error> {
        let Some(first) = inputs.first() else {
            return Err(Error::Empty {
                op: "custom",
                detail: format!(
                    "`{}` was called without inputs; give at least one",
                    self.name
                ),
            });
        };
        for input in inputs {
            input.try_check("custom")?;
        }
        let views: Vec<ArrayD<T>> = inputs.iter().map(|input| input.value()).collect();
        let views: Vec<ArrayViewD<'_, T>> = views.iter().map(|array| array.view()).collect();
        let result = (self.value)(&views).as_standard_layout().into_owned();
        first.try_check("custom")?;
        accept(result.shape())?;
        let custom = Custom {
            op: self.clone(),
            result: Arc::new(result),
        };
        crate::tensor::record(custom.into(), inputs)
    }

    /// Records the operation on scalars; the value must have rank 0.
    ///
    /// # Panics
    ///
    /// If the value has another rank, or as [`CustomOp::call`] panics.
    #[track_caller]
    pub fn call_scalars(&self, inputs: &[crate::Var<T>]) -> crate::Var<T> {
        let inputs: Vec<Tensor<T>> = inputs.iter().map(|&input| Tensor::from(input)).collect();
        let scalar = |shape: &[usize]| match shape {
            [] => Ok(()),
            _ => Err(Error::Shape {
                op: "custom",
                detail: format!(
                    "the value of `{}` must have rank 0 to be a scalar; use call for tensors",
                    self.name
                ),
                shapes: Shapes(vec![shape.into()]),
            }),
        };
        crate::error::or_panic(self.record(&inputs, scalar)).item()
    }
}

impl<T: Real> fmt::Debug for CustomOp<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomOp")
            .field("name", &self.name)
            .field("vjp", &self.vjp.is_some())
            .field("jvp", &self.jvp.is_some())
            .finish_non_exhaustive()
    }
}

impl<T: Real> Custom<T> {
    pub(crate) fn name(&self) -> &'static str {
        "custom"
    }

    pub(crate) fn shape(&self) -> Shape {
        self.result.shape().into()
    }

    pub(crate) fn evaluate(&self, to: &mut [T]) {
        for (to, &from) in to.iter_mut().zip(self.result.iter()) {
            *to = from;
        }
    }

    /// The cotangents of all inputs, in recorded operations.
    #[track_caller]
    pub(crate) fn pull_back(
        &self,
        g: Tensor<T>,
        inputs: &[Tensor<T>],
        output: Tensor<T>,
    ) -> Result<Vec<Tensor<T>>, Error> {
        let Some(vjp) = &self.op.vjp else {
            return Err(Error::NoRule {
                op: format!("custom op `{}`", self.op.name),
                rule: "vjp",
            });
        };
        let cotangents = vjp(g, inputs, output);
        if cotangents.len() != inputs.len() {
            return Err(Error::Argument {
                op: "custom",
                detail: format!(
                    "the vjp of `{}` returned {} cotangents for {} inputs; return one for each",
                    self.op.name,
                    cotangents.len(),
                    inputs.len()
                ),
            });
        }
        for (cotangent, input) in cotangents.iter().zip(inputs) {
            self.own(*cotangent, output)?;
            let (from, to) = (cotangent.shape(), input.shape());
            let sums = from.len() >= to.len()
                && to
                    .iter()
                    .rev()
                    .zip(from.iter().rev())
                    .all(|(&t, &f)| t == f || t == 1);
            if !sums {
                return Err(Error::Shape {
                    op: "custom",
                    detail: format!(
                        "the vjp of `{}` returned a cotangent whose shape does not sum to its input's",
                        self.op.name
                    ),
                    shapes: Shapes(vec![from, to]),
                });
            }
        }
        Ok(cotangents)
    }

    /// Refuses what a rule returned if it is not on the output's tape.
    fn own(&self, returned: Tensor<T>, output: Tensor<T>) -> Result<(), Error> {
        returned.try_check("custom")?;
        if std::ptr::eq(returned.list, output.list) {
            Ok(())
        } else {
            Err(Error::Foreign { op: "custom" })
        }
    }

    /// The tangent of the output, in recorded operations.
    #[track_caller]
    pub(crate) fn push_forward(
        &self,
        tangents: &[Tensor<T>],
        inputs: &[Tensor<T>],
        output: Tensor<T>,
    ) -> Result<Tensor<T>, Error> {
        let Some(jvp) = &self.op.jvp else {
            return Err(Error::NoRule {
                op: format!("custom op `{}`", self.op.name),
                rule: "jvp",
            });
        };
        let tangent = jvp(tangents, inputs, output);
        self.own(tangent, output)?;
        if tangent.shape() != output.shape() {
            return Err(Error::Shape {
                op: "custom",
                detail: format!(
                    "the jvp of `{}` returned a tangent of another shape than the output's",
                    self.op.name
                ),
                shapes: Shapes(vec![tangent.shape(), output.shape()]),
            });
        }
        Ok(tangent)
    }
}

impl<T: Real> fmt::Debug for Custom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.op.fmt(f)
    }
}

impl<T: Real> From<Custom<T>> for crate::rules::structural::TensorOp<T> {
    fn from(custom: Custom<T>) -> Self {
        Self::Custom(custom)
    }
}
