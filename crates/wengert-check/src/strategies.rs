//! `proptest` strategies for shapes and values that find mistakes in derivatives.
//!
//! They shrink to what a person would have tried first: few axes, small extents, round numbers.
//!
//! ```
//! use proptest::prelude::*;
//! use wengert_check::{check, strategies};
//!
//! proptest!(ProptestConfig::with_cases(20), |(x in strategies::points(1..=4, strategies::ordinary()))| {
//!     let value = |x: &[f64]| x.iter().map(|x| x.sin()).sum::<f64>();
//!     let gradient = |x: &[f64]| x.iter().map(|x| x.cos()).collect::<Vec<_>>();
//!     prop_assert!(!check(value, gradient, &x).is_fail());
//! });
//! ```

use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Shapes with a rank and extents in the given ranges; extents from 0 give zero-size axes, rank 0 a scalar.
///
/// ```
/// use proptest::prelude::*;
/// use wengert_check::strategies::shapes;
/// proptest!(|(shape in shapes(0..=3, 1..=4))| {
///     prop_assert!(shape.len() <= 3 && shape.iter().all(|extent| (1..=4).contains(extent)));
/// });
/// ```
pub fn shapes(
    rank: RangeInclusive<usize>,
    extent: RangeInclusive<usize>,
) -> impl Strategy<Value = Vec<usize>> {
    vec(extent, rank)
}

/// Pairs of shapes that broadcast to each other, as NumPy does: axes missing at the front, and extents of 1 on either side.
///
/// ```
/// use proptest::prelude::*;
/// use wengert_check::strategies::broadcast_pairs;
/// proptest!(|((a, b) in broadcast_pairs(0..=3, 1..=4))| {
///     for (a, b) in a.iter().rev().zip(b.iter().rev()) {
///         prop_assert!(a == b || *a == 1 || *b == 1);
///     }
/// });
/// ```
pub fn broadcast_pairs(
    rank: RangeInclusive<usize>,
    extent: RangeInclusive<usize>,
) -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let most = *rank.end();
    let side = move || (0..=most, vec(any::<bool>(), most));
    (shapes(rank, extent), side(), side()).prop_map(|(shape, a, b)| {
        let narrow = |(missing, ones): (usize, Vec<bool>)| {
            let axes = shape.iter().zip(ones).skip(missing.min(shape.len()));
            axes.map(|(extent, one)| if one { 1 } else { *extent })
                .collect()
        };
        (narrow(a), narrow(b))
    })
}

/// Numbers of ordinary size, in -3..=3 with three decimals; they shrink to 0.
///
/// ```
/// use proptest::prelude::*;
/// proptest!(|(x in wengert_check::strategies::ordinary())| prop_assert!(x.abs() <= 3.0));
/// ```
pub fn ordinary() -> impl Strategy<Value = f64> + Clone {
    (-3000..=3000_i32).prop_map(|thousandths| f64::from(thousandths) / 1000.0)
}

/// Numbers at and around the given places: on them, a rounding error beside them, and up to 0.1 away.
///
/// ```
/// use proptest::prelude::*;
/// proptest!(|(x in wengert_check::strategies::near(&[0.0, 6.0]))| {
///     prop_assert!(x.abs() <= 0.1 || (x - 6.0).abs() < 0.101);
/// });
/// ```
pub fn near(kinks: &[f64]) -> impl Strategy<Value = f64> + Clone + use<> {
    let offsets = vec![
        0.0,
        f64::EPSILON,
        -f64::EPSILON,
        1e-12,
        -1e-12,
        1e-6,
        -1e-6,
        1e-3,
        -1e-3,
        0.1,
        -0.1,
    ];
    (select(kinks.to_vec()), select(offsets)).prop_map(|(kink, offset)| kink + offset)
}

/// Numbers far out and close to zero, of both signs: where formulas cancel, overflow and underflow.
///
/// ```
/// use proptest::prelude::*;
/// proptest!(|(x in wengert_check::strategies::tails())| prop_assert!(x.abs() >= 15.0 || x.abs() <= 1e-6));
/// ```
pub fn tails() -> impl Strategy<Value = f64> + Clone {
    let sizes = vec![
        15.0,
        20.0,
        40.0,
        100.0,
        700.0,
        1e4,
        1e8,
        1e154,
        1e300,
        1e-6,
        1e-8,
        1e-154,
        1e-300,
        f64::MIN_POSITIVE,
        0.0,
    ];
    (select(sizes), any::<bool>()).prop_map(|(size, negative)| if negative { -size } else { size })
}

/// Mostly ordinary numbers, some near 0 and +-1, some in the tails.
///
/// ```
/// use proptest::prelude::*;
/// proptest!(|(x in wengert_check::strategies::numbers())| prop_assert!(x.is_finite()));
/// ```
pub fn numbers() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![8 => ordinary(), 1 => near(&[0.0, 1.0, -1.0]), 1 => tails()]
}

/// Points of as many numbers as the range says.
///
/// ```
/// use proptest::prelude::*;
/// use wengert_check::strategies::{ordinary, points};
/// proptest!(|(x in points(2..=5, ordinary()))| prop_assert!((2..=5).contains(&x.len())));
/// ```
pub fn points(
    count: RangeInclusive<usize>,
    values: impl Strategy<Value = f64>,
) -> impl Strategy<Value = Vec<f64>> {
    vec(values, count)
}

/// Arrays in row-major order: a shape, and as many numbers as it holds.
///
/// ```
/// use proptest::prelude::*;
/// use wengert_check::strategies::{arrays, ordinary, shapes};
/// proptest!(|((shape, values) in arrays(shapes(0..=3, 0..=3), ordinary()))| {
///     prop_assert_eq!(shape.iter().product::<usize>(), values.len());
/// });
/// ```
pub fn arrays(
    shapes: impl Strategy<Value = Vec<usize>>,
    values: impl Strategy<Value = f64> + Clone,
) -> impl Strategy<Value = (Vec<usize>, Vec<f64>)> {
    shapes.prop_flat_map(move |shape| {
        let count = shape.iter().product::<usize>();
        (Just(shape), vec(values.clone(), count))
    })
}
