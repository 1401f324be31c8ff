//! One tensor of many.

use crate::error::Error;
use crate::real::Real;
use crate::rules::structural::{Concat, Stack};
use crate::tensor::{Tensor, record};
use crate::var::Var;

impl<T: Real> Tensor<T> {
    /// Scalars as a vector of the same tape.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.var(2.0);
    /// let v = wengert::Tensor::stack(&[x, x * x]);
    /// assert_eq!(v.sum().backward()[x], 5.0);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Tensor::try_stack`] fails.
    #[track_caller]
    pub fn stack(scalars: &[Var<T>]) -> Tensor<T> {
        crate::error::or_panic(Self::try_stack(scalars))
    }

    /// Scalars as a vector of the same tape.
    ///
    /// # Errors
    ///
    /// If there is none, or one is a constant, stale or foreign.
    #[track_caller]
    pub fn try_stack(scalars: &[Var<T>]) -> Result<Tensor<T>, Error> {
        let Some(anchor) = scalars.iter().find(|scalar| !scalar.is_constant()) else {
            refuse_nothing("stack", scalars)?;
            return Err(Error::Constant {
                op: "stack",
                kind: "Var",
            });
        };
        anchor.try_check("stack")?;
        let attempt = anchor.list().attempt();
        let tensors = scalars
            .iter()
            .map(|scalar| {
                if scalar.is_constant() {
                    return anchor
                        .list()
                        .try_leaf(&[], false, |to| to[0] = scalar.value());
                }
                scalar.try_check("stack")?;
                Ok(Tensor::new(scalar.list(), scalar.generation(), scalar.id()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        attempt.settle(Self::try_stack_tensors(&tensors, 0))
    }

    /// Tensors of one shape, one after another along a new axis.
    ///
    /// # Panics
    ///
    /// As [`Tensor::try_stack_tensors`] fails.
    #[track_caller]
    pub fn stack_tensors(tensors: &[Tensor<T>], axis: usize) -> Tensor<T> {
        crate::error::or_panic(Self::try_stack_tensors(tensors, axis))
    }

    /// Tensors of one shape, one after another along a new axis.
    ///
    /// # Errors
    ///
    /// If there is none, shapes differ, the axis is out of range, or a handle is stale or foreign.
    #[track_caller]
    pub fn try_stack_tensors(tensors: &[Tensor<T>], axis: usize) -> Result<Tensor<T>, Error> {
        refuse_nothing("stack", tensors)?;
        record(Stack { axis }.into(), tensors)
    }

    /// Tensors one after another along an axis that they have.
    ///
    /// # Panics
    ///
    /// As [`Tensor::try_concat`] fails.
    #[track_caller]
    pub fn concat(tensors: &[Tensor<T>], axis: usize) -> Tensor<T> {
        crate::error::or_panic(Self::try_concat(tensors, axis))
    }

    /// Tensors one after another along an axis that they have.
    ///
    /// # Errors
    ///
    /// If there is none, the other axes differ, the axis is out of range, or a handle is stale or foreign.
    #[track_caller]
    pub fn try_concat(tensors: &[Tensor<T>], axis: usize) -> Result<Tensor<T>, Error> {
        refuse_nothing("concat", tensors)?;
        // A tensor without that axis is refused by the operation itself.
        let lengths = tensors
            .iter()
            .map(|tensor| match tensor.try_check("concat") {
                Ok(()) => tensor.shape().get(axis).copied().unwrap_or(0),
                Err(_) => 0,
            });
        record(Concat::new(axis, lengths).into(), tensors)
    }
}

fn refuse_nothing<H>(op: &'static str, handles: &[H]) -> Result<(), Error> {
    if handles.is_empty() {
        return Err(Error::Empty {
            op,
            detail: "there is nothing to join; give at least one tensor".to_owned(),
        });
    }
    Ok(())
}
