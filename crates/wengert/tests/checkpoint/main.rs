//! A region that is not kept on the list gives what it would give if it were: the same bits, or a refusal.

#[path = "../common/mod.rs"]
mod common;
mod refused;
mod same;
mod steps;

fn bits(numbers: impl IntoIterator<Item = f64>) -> Vec<u64> {
    numbers.into_iter().map(f64::to_bits).collect()
}
