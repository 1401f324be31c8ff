//! The smallest input for which a check fails, and a test that shows it.

use std::fmt;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use crate::report::Report;

/// A value that can be written as Rust source, to the last bit.
///
/// ```
/// use wengert_check::Literal;
/// assert_eq!(vec![0.1, f64::NAN].literal(), "vec![0.1, f64::NAN]");
/// assert_eq!((vec![2usize, 3], -1.5f32).literal(), "(vec![2usize, 3usize], -1.5f32)");
/// ```
pub trait Literal {
    /// The value as Rust source.
    fn literal(&self) -> String;
}

impl Literal for f64 {
    fn literal(&self) -> String {
        match self {
            x if x.is_nan() => "f64::NAN".to_owned(),
            x if x.is_infinite() && *x > 0.0 => "f64::INFINITY".to_owned(),
            x if x.is_infinite() => "f64::NEG_INFINITY".to_owned(),
            x => format!("{x:?}"),
        }
    }
}

impl Literal for f32 {
    fn literal(&self) -> String {
        match self {
            x if x.is_nan() => "f32::NAN".to_owned(),
            x if x.is_infinite() && *x > 0.0 => "f32::INFINITY".to_owned(),
            x if x.is_infinite() => "f32::NEG_INFINITY".to_owned(),
            x => format!("{x:?}f32"),
        }
    }
}

macro_rules! with_suffix {
    ($($kind:ident)*) => {$(
        impl Literal for $kind {
            fn literal(&self) -> String {
                format!(concat!("{}", stringify!($kind)), self)
            }
        }
    )*};
}

with_suffix! { usize isize u64 i64 u32 i32 }

impl Literal for bool {
    fn literal(&self) -> String {
        self.to_string()
    }
}

impl<T: Literal> Literal for Vec<T> {
    fn literal(&self) -> String {
        let items: Vec<String> = self.iter().map(Literal::literal).collect();
        format!("vec![{}]", items.join(", "))
    }
}

macro_rules! tuple {
    ($($name:ident $index:tt),*) => {
        impl<$($name: Literal),*> Literal for ($($name,)*) {
            fn literal(&self) -> String {
                let items = [$(self.$index.literal()),*];
                format!("({})", items.join(", "))
            }
        }
    };
}

tuple! { A 0, B 1 }
tuple! { A 0, B 1, C 2 }
tuple! { A 0, B 1, C 2, D 3 }

/// The smallest input that was found to fail; its `Display` is the report and the test.
///
/// See [`find_failure`](fn@crate::find_failure) for an example.
#[derive(Debug, Clone)]
pub struct Failure<T> {
    /// The input.
    pub input: T,
    /// What the check says there.
    pub report: Report,
    /// A test that shows it, as Rust source to paste.
    pub test: String,
}

impl<T> fmt::Display for Failure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\nThis test shows it:\n\n{}", self.report, self.test)
    }
}

/// Tries a check on many inputs and shrinks the first failing one to the smallest that still fails.
///
/// `source` is the Rust source of `check`, for the test to paste; the macro [`find_failure!`](macro@crate::find_failure) takes it from the code itself.
/// The same seed tries the same inputs. An inconclusive report is not a failure.
///
/// ```
/// use wengert_check::{check, find_failure, strategies};
///
/// let square = |x: &[f64]| x[0] * x[0];
/// let wrong = |x: &[f64]| vec![if x[0] < 1.0 { 2.0 * x[0] } else { x[0] }];
/// let inputs = strategies::points(1..=1, strategies::ordinary());
/// let failure = find_failure("|x| check(square, wrong, x)", inputs, 200, 0, |x| check(square, wrong, x)).unwrap();
/// assert_eq!(failure.input, [1.0]);
/// assert!(failure.test.contains("vec![1.0]"));
/// ```
pub fn find_failure<S>(
    source: &str,
    inputs: S,
    cases: u32,
    seed: u64,
    check: impl Fn(&S::Value) -> Report,
) -> Option<Failure<S::Value>>
where
    S: Strategy,
    S::Value: Literal,
{
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&inputs, |input| {
        if check(&input).is_fail() {
            Err(TestCaseError::fail("wrong"))
        } else {
            Ok(())
        }
    });
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(_, input)) => {
            let report = check(&input);
            let test = test_text(source, &input.literal());
            Some(Failure {
                input,
                report,
                test,
            })
        }
        Err(TestError::Abort(why)) => panic!("no inputs to check: {why}"),
    }
}

/// Makes a check on an input; the type of the input is known to the closure, so that a printed test compiles as it stands.
///
/// ```
/// let input = vec![2.0];
/// wengert_check::on(&input, |x| wengert_check::check(|x| x[0].ln(), |x| vec![1.0 / x[0]], x)).assert_pass();
/// ```
pub fn on<T>(input: &T, check: impl FnOnce(&T) -> Report) -> Report {
    check(input)
}

fn test_text(source: &str, literal: &str) -> String {
    format!(
        "#[test]\nfn found_by_the_checker() {{\n    let input = {literal};\n    let report = wengert_check::on(&input, {source});\n    report.assert_pass();\n}}\n"
    )
}

/// [`find_failure`](fn@crate::find_failure) with the source of the check taken from the code: `find_failure!(inputs, |input| check)`, 256 cases, seed 0.
///
/// ```
/// use wengert_check::{check, find_failure, strategies};
///
/// let sine = |x: &[f64]| x[0].sin();
/// let wrong = |x: &[f64]| vec![1.0 - 0.5 * x[0] * x[0]];
/// let failure = find_failure!(strategies::points(1..=1, strategies::ordinary()), |x| check(sine, wrong, x)).unwrap();
/// println!("{failure}");
/// # assert!(failure.test.contains("on(&input, |x| check(sine, wrong, x))"));
/// ```
#[macro_export]
macro_rules! find_failure {
    ($inputs:expr, $check:expr $(,)?) => {
        $crate::find_failure(stringify!($check), $inputs, 256, 0, $check)
    };
}
