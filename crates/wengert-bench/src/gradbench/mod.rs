//! A tool for [GradBench](https://github.com/gradbench/gradbench), the suite that runs one set of problems
//! against many engines.
//!
//! The suite and a tool are two processes that talk in JSON, one message a line. The binary `gradbench-wengert`
//! answers on its standard output what it reads on its standard input:
//!
//! ```sh
//! cargo build --release -p wengert-bench --bin gradbench-wengert
//! echo '{"id": 0, "kind": "evaluate", "module": "hello", "function": "double", "input": 3}' |
//!     ./target/release/gradbench-wengert
//! ```
//!
//! With the suite's own program, in its repository:
//!
//! ```sh
//! ./gradbench run --eval "./gradbench repo eval lse" --tool path/to/gradbench-wengert
//! ```
//!
//! All twelve evals are answered. Each function is written once and runs in plain `f64` when its value is asked
//! for, on a tape or as a program when its derivative is:
//!
//! | eval | written for | its derivative |
//! |---|---|---|
//! | `hello` | any number | a gradient |
//! | `gmm`, `llsq` | any number | a program of one data point, run over all of them |
//! | `ba` | any number | a program of one observation, run over blocks of them |
//! | `lstm`, `det`, `ode` | any number | a program |
//! | `ht` | any number | a program forward, eight parameters at a time; which weights are zero is asked again at each run |
//! | `kmeans` | any vector | the gradient, recorded, and its tangent: which centroid is nearest is a plain choice |
//! | `lse` | any vector | a gradient on tensors, a few nodes however long the vector is |
//! | `saddle`, `particle` | any number | derivatives of functions that take derivatives, in four pairs of modes |
//!
//! A program that the lengths of the input alone decide (`gmm`, `llsq`, `lstm`, `det`, `ode`), or that asks again what else decided it (`ht`), is
//! recorded before the evaluations, in the timing `prepare`; what a first call takes with it is told on standard error.
//!
//! A message that makes no sense is answered with a sentence that says why, and so is a function that panics. A
//! number that is not finite is `null`, since JSON has no word for it.

mod ba;
mod descent;
mod det;
mod gmm;
mod hello;
mod ht;
mod input;
mod kmeans;
mod llsq;
mod lse;
mod lstm;
mod ode;
mod particle;
mod protocol;
mod runs;
mod saddle;
mod vector;

use serde_json::value::RawValue;

use descent::Mode::{Forward, Reverse};
use input::Refusal;
pub use protocol::serve;
use runs::Evaluation;

type Function = fn(&RawValue) -> Result<Evaluation, Refusal>;

/// Every function by its module and its name.
const FUNCTIONS: &[(&str, &str, Function)] = &[
    ("hello", "square", hello::square),
    ("hello", "double", hello::double),
    ("gmm", "objective", gmm::objective),
    ("gmm", "jacobian", gmm::jacobian),
    ("ba", "objective", ba::objective),
    ("ba", "jacobian", ba::jacobian),
    ("ht", "objective", ht::objective),
    ("ht", "jacobian", ht::jacobian),
    ("lstm", "objective", lstm::objective),
    ("lstm", "jacobian", lstm::jacobian),
    ("det", "primal", det::primal),
    ("det", "gradient", det::gradient),
    ("kmeans", "cost", kmeans::cost),
    ("kmeans", "dir", kmeans::dir),
    ("llsq", "primal", llsq::primal),
    ("llsq", "gradient", llsq::gradient),
    ("lse", "primal", lse::primal),
    ("lse", "gradient", lse::gradient),
    ("ode", "primal", ode::primal),
    ("ode", "gradient", ode::gradient),
    ("saddle", "ff", |input| {
        saddle::find(Forward, Forward, input)
    }),
    ("saddle", "fr", |input| {
        saddle::find(Forward, Reverse, input)
    }),
    ("saddle", "rf", |input| {
        saddle::find(Reverse, Forward, input)
    }),
    ("saddle", "rr", |input| {
        saddle::find(Reverse, Reverse, input)
    }),
    ("particle", "ff", |input| {
        particle::find(Forward, Forward, input)
    }),
    ("particle", "fr", |input| {
        particle::find(Forward, Reverse, input)
    }),
    ("particle", "rf", |input| {
        particle::find(Reverse, Forward, input)
    }),
    ("particle", "rr", |input| {
        particle::find(Reverse, Reverse, input)
    }),
];
