//! The search for a failing input shrinks, repeats, and prints a test that compiles.

use wengert_check::{Report, check, find_failure, strategies};

/// x^2 + x summed, with a gradient that forgets the 1 for arrays whose size `forgets` picks.
fn sum_of_squares_if(forgets: impl Fn(usize) -> bool, x: &[f64]) -> Report {
    let one = if forgets(x.len()) { 0.0 } else { 1.0 };
    check(
        |x| x.iter().map(|x| x * x + x).sum(),
        |x| x.iter().map(|x| 2.0 * x + one).collect(),
        x,
    )
}

mod before {
    use super::*;

    fn sum_of_squares(_: &[usize], x: &[f64]) -> Report {
        sum_of_squares_if(|count| count > 0, x)
    }

    #[test]
    fn the_printed_test_is_the_one_that_is_pasted_below() {
        let inputs = strategies::arrays(strategies::shapes(1..=3, 0..=3), strategies::ordinary());
        let failure = find_failure!(inputs, |(shape, x)| sum_of_squares(shape, x)).unwrap();
        assert_eq!(failure.test, include_str!("pasted/found.rs"));
        assert!(failure.to_string().contains("FAIL") && failure.to_string().contains("#[test]"));
    }
}

mod after {
    use super::*;

    fn sum_of_squares(_: &[usize], x: &[f64]) -> Report {
        sum_of_squares_if(|_| false, x)
    }

    include!("pasted/found.rs");
}

#[test]
fn a_failure_shrinks_to_the_smallest_shape() {
    let inputs = strategies::arrays(strategies::shapes(0..=3, 1..=4), strategies::ordinary());
    let search = |seed| {
        wengert_check::find_failure("", inputs_again(&inputs), 256, seed, |(_, x)| {
            sum_of_squares_if(|count| count >= 5, x)
        })
        .unwrap()
    };
    let found = search(3);
    assert!((5..=6).contains(&found.input.1.len()), "{:?}", found.input);
    assert!(found.input.1.iter().all(|x| *x == 0.0), "{:?}", found.input);
    assert_eq!(found.input, search(3).input);
}

/// A strategy by reference, so that two searches can use it.
fn inputs_again<'a, S: proptest::strategy::Strategy>(
    inputs: &'a S,
) -> impl proptest::strategy::Strategy<Value = S::Value> + 'a {
    use proptest::strategy::Strategy as _;
    proptest::strategy::Just(()).prop_flat_map(move |()| inputs)
}

#[test]
fn a_right_gradient_gives_no_failure() {
    let inputs = strategies::points(0..=4, strategies::numbers());
    let square = |x: &[f64]| x.iter().map(|x| x * x + x).sum();
    let found = find_failure!(inputs, |x| check(
        square,
        |x| x.iter().map(|x| 2.0 * x + 1.0).collect(),
        x
    ));
    assert!(found.is_none(), "{}", found.unwrap());
}

#[test]
fn kinks_and_tails_give_no_false_alarm() {
    type Case = (&'static str, fn(f64) -> f64, fn(f64) -> f64);
    let functions: [Case; 6] = [
        ("abs", f64::abs, |x| if x == 0.0 { 0.0 } else { x.signum() }),
        ("relu", |x| x.max(0.0), |x| if x > 0.0 { 1.0 } else { 0.0 }),
        ("tanh", f64::tanh, |x| {
            (2.0 * (-x.abs()).exp() / (1.0 + (-2.0 * x.abs()).exp())).powi(2)
        }),
        (
            "softplus",
            |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p(),
            |x| 1.0 / (1.0 + (-x).exp()),
        ),
        ("atan", f64::atan, |x| 1.0 / (1.0 + x * x)),
        ("hypot", |x| x.hypot(1.0), |x| x / x.hypot(1.0)),
    ];
    for (name, f, df) in functions {
        let values = proptest::prop_oneof![
            strategies::near(&[0.0]),
            strategies::tails(),
            strategies::ordinary()
        ];
        let inputs = strategies::points(1..=1, values);
        let found = wengert_check::find_failure("", inputs, 300, 1, |x| {
            check(|x| f(x[0]), |x| vec![df(x[0])], x)
        });
        assert!(found.is_none(), "{name}: {}", found.unwrap());
    }
}
