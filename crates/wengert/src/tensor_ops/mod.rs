//! The methods of tensors that are not elementwise.

mod indexing;
mod joining;
mod layout;
mod losses;
mod reductions;

use crate::error::Error;
use crate::num::Arg;
use crate::real::Real;
use crate::rules::Op;
use crate::tensor::{Shape, Tensor, record_elementwise};

/// Both forms of a method that can fail: `name` panics at the caller's line, `try_name` returns the error.
///
/// The handle is checked before the body runs, and if the body fails, what it recorded is taken back.
macro_rules! fallible {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident ( $self:ident $(, $arg:ident : $ty:ty)* ) -> $out:ty $body:block
    )*) => {
        pastey::paste! {
            impl<T: Real> Tensor<T> {
                $(
                    $(#[doc = $doc])*
                    ///
                    /// # Panics
                    ///
                    #[doc = concat!("As [`Tensor::try_", stringify!($name), "`] fails.")]
                    #[track_caller]
                    pub fn $name($self $(, $arg: $ty)*) -> $out {
                        $crate::error::or_panic($self.[<try_ $name>]($($arg),*))
                    }

                    $(#[doc = $doc])*
                    ///
                    /// # Errors
                    ///
                    /// If shapes or arguments do not fit, an axis or an index is out of range, a
                    /// handle is stale or foreign, or the tape is full.
                    #[track_caller]
                    pub fn [<try_ $name>]($self $(, $arg: $ty)*) -> Result<$out, $crate::Error> {
                        $self.try_check(stringify!($name))?;
                        // Several nodes or none.
                        $self.list.attempt().settle($self.[<$name _in_steps>]($($arg),*))
                    }

                    #[track_caller]
                    fn [<$name _in_steps>]($self $(, $arg: $ty)*) -> Result<$out, $crate::Error> $body
                )*
            }
        }
    };
}
use fallible;

pub(crate) fn refuse_empty(op: &'static str, count: usize) -> Result<(), Error> {
    if count == 0 {
        return Err(Error::Empty {
            op,
            detail: "there is no element; give at least one along the reduced axes".to_owned(),
        });
    }
    Ok(())
}

impl<T: Real> Tensor<T> {
    /// An elementwise operation of the table on this tensor alone.
    #[track_caller]
    fn try_map(self, op: Op, params: &[f64]) -> Result<Self, Error> {
        record_elementwise(op, &[Arg::Value(self)], params)
    }

    /// A tensor of the same tape whose adjoint is of no use to anybody.
    #[track_caller]
    fn try_constant(self, shape: &[usize], fill: impl FnOnce(&mut [T])) -> Result<Self, Error> {
        self.list.try_leaf(shape, false, fill)
    }

    /// Refuses another operand that is stale or of another tape, where an operation might touch it first.
    fn try_same_tape(self, op: &'static str, other: Self) -> Result<(), Error> {
        other.try_check(op)?;
        match std::ptr::eq(self.list, other.list) {
            true => Ok(()),
            false => Err(Error::Foreign { op }),
        }
    }

    fn all_axes(self) -> Shape {
        (0..self.rank()).collect()
    }
}
