//! A region that is not kept on the list gives what it would give if it were: the same bits, or a refusal.

mod refused;
mod same;
mod steps;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The sentence with which a call panics.
fn refusal<R>(run: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(run))
        .err()
        .expect("a refusal");
    match payload.downcast::<String>() {
        Ok(sentence) => *sentence,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_owned(),
    }
}

fn bits(numbers: impl IntoIterator<Item = f64>) -> Vec<u64> {
    numbers.into_iter().map(f64::to_bits).collect()
}
