//! Gradients of functions of a slice, on a tape that is used again and again; programs of a data point.

use wengert::{Program, Tape, Var};

use crate::objectives::OverPoints;

/// Clears the tape and records `f` at `x`; gives the inputs and the result.
pub fn record<R>(tape: &mut Tape, x: &[f64], f: impl FnOnce(&[Var]) -> R) -> (Vec<Var>, R) {
    tape.clear();
    let x = tape.vars(x);
    let y = f(&x);
    (x, y)
}

/// The gradient of `f` at `x`, which is recorded on the tape after what was there has gone.
pub fn gradient(tape: &mut Tape, x: &[f64], f: impl FnOnce(&[Var]) -> Var) -> Vec<f64> {
    let (x, y) = record(tape, x, f);
    let g = y.backward();
    x.iter().map(|&x| g[x]).collect()
}

/// What a data point adds to a function, as a program: its inputs are the variables and then the numbers of the point.
///
/// # Panics
///
/// If the columns are empty.
pub fn program_of_a_point<O: OverPoints>(
    objective: &O,
    x: &[f64],
    columns: &[Vec<f64>],
) -> Program {
    let first = columns.iter().map(|column| column[0]);
    let example: Vec<f64> = x.iter().copied().chain(first).collect();
    let (shared, own) = (..x.len(), x.len()..);
    let program = Program::record(|all| objective.at_point(&all[shared], &all[own]), &example);
    program.expect("no function here asks what cannot be asked again")
}
