//! The loops over a program's instructions, compiled once for each type of number.
//!
//! They could be generic, but then every crate that runs a program would compile the table of rules again, a dozen times.

use pulp::Arch;

use crate::error::Error;
use crate::guards::Side;
use crate::list::List;
use crate::num::{Dual, N};
use crate::program::code::Code;
use crate::program::dispatch::Baseline;
use crate::program::instructions::Evaluate;
use crate::program::lanes::{Block, Sought, block, write};
use crate::program::wide::Wide;
use crate::program::{build, directions, replay};
use crate::real::Real;
use crate::rules::Op;

/// What making a program and running it is made of.
#[doc(hidden)]
#[allow(private_interfaces, reason = "sealed")]
pub trait Compiled: Wide {
    fn build(
        list: &'static List<Self>,
        inputs: &[u32],
        outputs: &[Side<Self>],
    ) -> Result<(Code, Vec<Self>), Error>
    where
        Self: Real;
    fn evaluate(op: Op, numbers: &[Self]) -> Self;
    fn run(code: &Code, values: &mut [Self]);
    fn push(code: &Code, values: &[Self], tangents: &mut [Self]);
    fn pull(code: &Code, values: &[Self], adjoints: &mut [Self]);
    fn pull_twice(
        code: &Code,
        values: &[Self],
        tangents: &[Self],
        adjoints: (&mut [Self], &mut [Self]),
    );
    fn push_several(code: &Code, values: &[Self], tangents: &mut [Self::Few]);
    fn pull_two(code: &Code, values: &[Self], adjoints: &mut [[Self; 2]]);
    fn pull_several(code: &Code, values: &[Self], adjoints: &mut [Self::Few]);
    fn pull_twice_several(
        code: &Code,
        values: &[Self],
        tangents: &[Self::Few],
        adjoints: (&mut [Self], &mut [Self::Few]),
    );
    fn run_block(block: &mut Block<'_, Self>) -> Result<(), Error>
    where
        Self: Real;
    fn write_values(block: &Block<'_, Self>, rows: &mut [Self])
    where
        Self: Real;
    fn write_jacobians(block: &mut Block<'_, Self>, matrices: &mut [Self])
    where
        Self: Real;
    fn push_block(block: &mut Block<'_, Self>)
    where
        Self: Real;
    fn pull_block(block: &mut Block<'_, Self>, sought: Sought)
    where
        Self: Real;
    fn pull_block_twice(block: &mut Block<'_, Self>, sought: Sought)
    where
        Self: Real;
}

/// `inline` leaves the compiling to the crates that need it.
macro_rules! compiled {
    ($t:ty $(, $inline:meta)?) => {
        #[allow(private_interfaces, reason = "sealed")]
        impl Compiled for $t {
            $(#[$inline])?
            fn build(
                list: &'static List<Self>,
                inputs: &[u32],
                outputs: &[Side<Self>],
            ) -> Result<(Code, Vec<Self>), Error> {
                build::build(list, inputs, outputs)
            }
            $(#[$inline])?
            fn evaluate(op: Op, numbers: &[Self]) -> Self {
                op.visit(Evaluate(numbers))
            }
            $(#[$inline])?
            fn run(code: &Code, values: &mut [Self]) {
                replay::run(code, values);
            }
            $(#[$inline])?
            fn push(code: &Code, values: &[Self], tangents: &mut [Self]) {
                replay::push(code, values, tangents, Baseline);
            }
            $(#[$inline])?
            fn pull(code: &Code, values: &[Self], adjoints: &mut [Self]) {
                replay::pull(code, values, adjoints, Baseline);
            }
            $(#[$inline])?
            fn pull_twice(
                code: &Code,
                values: &[Self],
                tangents: &[Self],
                adjoints: (&mut [Self], &mut [Self]),
            ) {
                replay::pull_twice(code, values, tangents, adjoints);
            }
            $(#[$inline])?
            fn push_several(code: &Code, values: &[Self], tangents: &mut [Self::Few]) {
                replay::push(code, values, tangents, Arch::new());
            }
            $(#[$inline])?
            fn pull_two(code: &Code, values: &[Self], adjoints: &mut [[Self; 2]]) {
                replay::pull(code, values, adjoints, Baseline);
            }
            $(#[$inline])?
            fn pull_several(code: &Code, values: &[Self], adjoints: &mut [Self::Few]) {
                replay::pull(code, values, adjoints, Arch::new());
            }
            $(#[$inline])?
            fn pull_twice_several(
                code: &Code,
                values: &[Self],
                tangents: &[Self::Few],
                adjoints: (&mut [Self], &mut [Self::Few]),
            ) {
                directions::pull_twice(code, values, tangents, adjoints);
            }
            $(#[$inline])?
            fn run_block(block: &mut Block<'_, Self>) -> Result<(), Error> {
                block::run(block)
            }
            $(#[$inline])?
            fn write_values(block: &Block<'_, Self>, rows: &mut [Self]) {
                write::values(block, rows);
            }
            $(#[$inline])?
            fn write_jacobians(block: &mut Block<'_, Self>, matrices: &mut [Self]) {
                write::jacobians(block, matrices);
            }
            $(#[$inline])?
            fn push_block(block: &mut Block<'_, Self>) {
                block::push(block);
            }
            $(#[$inline])?
            fn pull_block(block: &mut Block<'_, Self>, sought: Sought) {
                block::pull::<Self, N<Self>, 1>(block, sought);
            }
            $(#[$inline])?
            fn pull_block_twice(block: &mut Block<'_, Self>, sought: Sought) {
                block::pull::<Self, Dual<N<Self>>, 2>(block, sought);
            }
        }
    };
}

compiled!(f64);
compiled!(f32, inline);
