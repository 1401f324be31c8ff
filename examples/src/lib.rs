//! What the examples need besides wengert: data, files, threads, tables and pictures.
//!
//! Nothing here knows a derivative. The examples themselves stand beside this folder: `digits` (a network learns to read handwritten
//! digits), `bundle_adjustment` (cameras and points from images, by sparse least squares), `gmm` (a Gaussian mixture by gradient
//! ascent), `hmc` (what a logistic regression may be, by Hamiltonian Monte Carlo), `ode_fit` (the rates of a differential equation, through
//! thousands of steps), `fit.rs` (a curve by argmin's solvers), `rosenbrock.rs` (Newton's method with the Hessian against gradient descent) and `one_screen.rs` (the whole idea of a tape, to be read). Run one by
//! `cargo run --release --example digits`.

pub mod bal;
mod confusion;
mod crew;
mod curve;
pub mod digits;
mod error;
mod exit;
pub mod idx;
mod images;
mod linear;
pub mod options;
mod params;
pub mod picture;
mod unpack;

pub use confusion::Confusion;
pub use crew::Crew;
pub use curve::{Epoch, write_curve};
pub use error::Error;
pub use exit::exit_code;
pub use images::{Batch, Images};
pub use linear::solve_positive_definite;
pub use params::{Param, Params};
