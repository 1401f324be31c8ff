//! Reverse-mode automatic differentiation: one tape, one table of rules, two sweeps.
//!
//! ```
//! use wengert::Tape;
//!
//! let tape = Tape::new();
//! let (x, y) = (tape.var(1.0), tape.var(2.0));
//! let z = (x * y).sin() + x;
//! let g = z.backward();
//! assert_eq!(g[x], 2.0 * 2.0_f64.cos() + 1.0);
//! ```

mod arena;
mod broadcast;
mod error;
mod grad;
mod inspect;
mod list;
pub mod num;
mod numeric;
mod operators;
mod real;
pub mod rules;
mod special;
mod sweep;
mod sweep_numeric;
mod sweep_recorded;
mod tape;
mod tensor;
mod tensor_ops;
mod thread;
mod transforms;
mod var;

pub use error::{Error, Shapes};
pub use grad::Gradients;
pub use inspect::NodeInfo;
pub use real::Real;
pub use rules::custom::CustomOp;
pub use tape::{AsArray, Mark, Tape};
pub use tensor::{Shape, Tensor};
pub use transforms::{Point, grad, hessian, hvp, jacobian, jvp, value_and_grad};
pub use var::Var;
