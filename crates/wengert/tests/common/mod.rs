//! What the tests of tensors share: random numbers, central differences, refusals.
#![allow(dead_code, reason = "each test file uses its part")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::{ArrayD, IxDyn};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wengert::{Error, Tape, Tensor};

/// Random numbers of either sign, 0.2 or more away from 0.
pub(crate) fn numbers(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        let size: f64 = rng.random_range(0.2..2.0);
        if rng.random() { size } else { -size }
    })
}

#[track_caller]
pub(crate) fn assert_close(what: &str, got: f64, wanted: f64, tolerance: f64) {
    let scale = wanted.abs().max(1.0);
    assert!(
        (got - wanted).abs() <= tolerance * scale,
        "{what}: got {got:e}, wanted {wanted:e}"
    );
}

fn inner(a: &ArrayD<f64>, b: &ArrayD<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The central difference of `f` at each element of `x`.
fn differences(x: &ArrayD<f64>, f: impl Fn(&ArrayD<f64>) -> f64) -> Vec<f64> {
    let h = 1e-5;
    (0..x.len())
        .map(|i| {
            let at = |step: f64| {
                let mut x = x.clone();
                x.as_slice_mut().expect("in C order")[i] += step;
                f(&x)
            };
            (at(h) - at(-h)) / (2.0 * h)
        })
        .collect()
}

/// Gradient, tangent and the gradient's own gradient of `method`, against central differences.
#[track_caller]
pub(crate) fn check(name: &str, shape: &[usize], seed: u64, method: impl Fn(Tensor) -> Tensor) {
    let at = numbers(shape, 100 + seed);
    let direction = numbers(shape, 200 + seed);
    let tape = Tape::new();
    let x = tape.tensor(&at);
    let y = method(x);
    let u = numbers(&y.shape(), 300 + seed);

    let gradient = y.backward_with(u.view())[x].clone();
    let value = |at: &ArrayD<f64>| {
        let tape = Tape::new();
        inner(&method(tape.tensor(at)).value(), &u)
    };
    for (i, (&got, wanted)) in gradient.iter().zip(differences(&at, value)).enumerate() {
        assert_close(&format!("{name}: gradient at {i}"), got, wanted, 1e-8);
    }

    let tangent = tape.jvp_tensors(&[(x, direction.clone())])[y].clone();
    let (forward, backward) = (inner(&tangent, &u), inner(&gradient, &direction));
    assert_close(
        &format!("{name}: <u, Jv> = <J^T u, v>"),
        forward,
        backward,
        1e-12,
    );

    let recorded = y.vjp(tape.constant(&u), &[x])[0];
    assert_eq!(recorded.value(), gradient, "{name}: the recorded gradient");
    let second = recorded.backward_with(direction.view())[x].clone();
    let slope = |at: &ArrayD<f64>| {
        let tape = Tape::new();
        let x = tape.tensor(at);
        inner(&method(x).backward_with(u.view())[x], &direction)
    };
    for (i, (&got, wanted)) in second.iter().zip(differences(&at, slope)).enumerate() {
        assert_close(&format!("{name}: second order at {i}"), got, wanted, 1e-7);
    }
}

/// The call fails with the error that is meant, and nothing is left of it on the tape.
#[track_caller]
pub(crate) fn refused(
    tape: &Tape,
    what: &str,
    call: impl FnOnce() -> Result<(), Error>,
    is_meant: impl Fn(&Error) -> bool,
) {
    let before = (tape.len(), tape.bytes());
    let error = call().expect_err(what);
    assert!(is_meant(&error), "{what}: {error:?}");
    assert!(error.to_string().len() > 20, "{what}: {error}");
    assert_eq!(
        (tape.len(), tape.bytes()),
        before,
        "{what}: the tape has changed"
    );
}

/// The sentence with which a call panics.
pub(crate) fn refusal<R>(run: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(run))
        .err()
        .expect("a refusal");
    match payload.downcast::<String>() {
        Ok(sentence) => *sentence,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_owned(),
    }
}
