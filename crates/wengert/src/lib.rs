#![doc = include_str!("../README.md")]
//!
//! # Map of the crate
//!
//! | To | use |
//! |---|---|
//! | record | [`Tape`], its handles [`Var`] (scalar) and [`Tensor`] (array) |
//! | get derivatives as numbers | [`Var::backward`], [`Tensor::backward_with`], [`Tape::jvp`]: a [`Gradients`] |
//! | get derivatives as nodes | [`Var::grad`], [`Var::grad_tensors`], [`Tensor::vjp`], [`Tensor::jvp`] |
//! | differentiate a function | [`grad`], [`value_and_grad`], [`jacobian`], [`hessian`], [`hvp`], [`jvp`] |
//! | differentiate what a solver has found | [`implicit`]: a root, a fixed point, a minimum |
//! | run what was recorded, many times | [`Program`], with a [`Workspace`]; over data points, [`Lanes`]; sparse, [`Pattern`] |
//! | sum over data points on a tape | [`Tape::sum_over`], [`PointSum`] |
//! | add an operation | [`CustomOp`] |
//! | save memory | [`Tape::checkpoint`]; over long loops, [`Tape::checkpointed_steps`] |
//! | look at the list | [`Tape::nodes`], [`Var::named`], [`Tape::watch_non_finite`] |
//! | see every rule | [`rules::OPS`], [`rules::samples`] |
//!
//! # What holds
//!
//! * An operand stands before its node: recording order is a topological order.
//! * A handle whose node is gone is refused, in release builds too; so is one of another tape.
//! * After an error or a panic the tape is as it was before the call.
//! * Values never change once recorded; a sweep leaves the tape as it was.
//! * The same program on the same machine gives the same bits.
//! * An adjoint of exactly zero contributes nothing, even through an infinite partial.

// First, so that the pages of the handles begin with what they are.
mod tape;
mod tensor;
mod var;

mod tensor_ops;
mod var_std;

mod arena;
mod broadcast;
mod checkpoint;
mod error;
mod grad;
mod gradients;
mod guards;
pub mod implicit;
mod inspect;
mod list;
mod many;
#[cfg(feature = "nalgebra")]
mod nalgebra;
pub mod num;
mod numeric;
mod operators;
mod pages;
mod program;
mod real;
pub mod rules;
mod special;
mod sweep;
mod sweep_numeric;
mod sweep_recorded;
mod thread;
mod transforms;
mod var_traits;

pub use checkpoint::Budget;
pub use error::{Error, Shapes};
pub use gradients::Gradients;
pub use inspect::{Argument, NodeInfo};
#[cfg(feature = "argmin")]
pub use program::Objective;
pub use program::{Lanes, Outputs, Over, Pattern, PointSum, Program, Sparse, Workspace};
pub use real::Real;
pub use rules::custom::CustomOp;
pub use tape::{AsArray, Mark, Tape};
pub use tensor::{Shape, Tensor};
pub use transforms::{Point, grad, hessian, hvp, jacobian, jvp, value_and_grad};
pub use var::Var;
