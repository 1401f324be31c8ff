use super::*;

fn smooth(f: impl Fn(f64) -> f64, x: f64) -> Estimate {
    match slope(|x| f(x[0]), &[x], &[1.0]) {
        Slope::Smooth(found) => found,
        other => panic!("at {x}: {other:?}"),
    }
}

#[test]
fn bounds_hold_and_are_tight_for_smooth_functions() {
    type Case = (&'static str, fn(f64) -> f64, fn(f64) -> f64, &'static [f64]);
    let cases: &[Case] = &[
        (
            "sin",
            f64::sin,
            f64::cos,
            &[-20.0, -1.0, 0.0, 0.3, 2.0, 50.0],
        ),
        (
            "exp",
            f64::exp,
            f64::exp,
            &[-30.0, -1.0, 0.0, 1.0, 10.0, 300.0],
        ),
        ("ln", f64::ln, |x| 1.0 / x, &[1e-6, 0.01, 0.5, 3.0, 1e6]),
        (
            "sqrt",
            f64::sqrt,
            |x| 0.5 / x.sqrt(),
            &[1e-6, 0.01, 1.0, 1e6],
        ),
        (
            "tanh",
            f64::tanh,
            |x| 1.0 / x.cosh().powi(2),
            &[-3.0, -0.2, 0.0, 1.0, 4.0],
        ),
        (
            "recip",
            |x| 1.0 / x,
            |x| -1.0 / (x * x),
            &[-2.0, 1e-4, 0.1, 7.0],
        ),
        (
            "atan",
            f64::atan,
            |x| 1.0 / (1.0 + x * x),
            &[-3.0, 0.0, 1.0, 100.0],
        ),
        ("square", |x| x * x, |x| 2.0 * x, &[-2.0, 0.5, 1e5]),
        ("offset", |x| 1e4 + x.sin(), f64::cos, &[0.3, 1.0]),
    ];
    for (name, f, df, points) in cases {
        for &x in *points {
            let found = smooth(f, x);
            let error = (found.value - df(x)).abs();
            assert!(
                error <= found.bound,
                "{name} at {x}: error {error:e}, {found:?}"
            );
            let size = df(x).abs().max(1e-15 * f(x).abs());
            let limit = if *name == "offset" { 1e-9 } else { 2e-10 };
            assert!(
                found.bound <= limit * size.max(1e-3 * f(x).abs()),
                "{name} at {x}: {found:?} of {}",
                df(x)
            );
        }
    }
}

#[test]
fn kinks_are_seen_from_both_sides() {
    for (f, l, r) in [
        ((|x: f64| x.abs()) as fn(f64) -> f64, -1.0, 1.0),
        (|x| x.max(0.0), 0.0, 1.0),
        (|x| 3.0 + x.max(0.0).sin() + 2.0 * x, 2.0, 3.0),
        (|x| x.exp().max(1.0 + 1.001 * x), 1.0, 1.001),
    ] {
        match slope(|x| f(x[0]), &[0.0], &[1.0]) {
            Slope::Kink { left, right } => {
                assert!(left.covers(l) && right.covers(r), "{left:?} {right:?}");
                assert!(left.bound + right.bound < 1e-5);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_kink_nearby_does_not_spoil_the_slope() {
    for distance in [0.05, 1e-3, 1e-5] {
        let found = smooth(|x| x.abs(), distance);
        assert!(found.covers(1.0) && found.bound < 1e-9, "{found:?}");
        let found = slope(|x| 1.0 + x[0].max(0.0), &[-distance], &[1.0]);
        assert!(
            matches!(found, Slope::Flat { bound } if bound < 1e-8),
            "{found:?}"
        );
        let found = smooth(|x| 1.0 + x.max(0.0), distance);
        assert!(found.covers(1.0) && found.bound < 1e-8, "{found:?}");
    }
}

#[test]
fn edges_jumps_and_holes_are_named() {
    assert_eq!(slope(|x| x[0].sqrt(), &[0.0], &[1.0]), Slope::Steep);
    assert_eq!(slope(|x| x[0].cbrt(), &[0.0], &[1.0]), Slope::Unsettled);
    assert_eq!(slope(|x| x[0].floor(), &[2.0], &[1.0]), Slope::Unsettled);
    assert_eq!(slope(|x| x[0].ln(), &[-1.0], &[1.0]), Slope::Undefined);
    match slope(|x| x[0].sqrt().powi(4), &[0.0], &[1.0]) {
        Slope::Edge {
            side: Side::Right,
            slope,
        } => assert!(slope.covers(0.0), "{slope:?}"),
        other => panic!("{other:?}"),
    }
    match slope(|x| (1.0 - x[0]).sqrt().powi(2), &[1.0], &[2.0]) {
        Slope::Edge {
            side: Side::Left,
            slope,
        } => assert!(slope.covers(-2.0), "{slope:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flat_function_is_flat_and_a_spike_is_not() {
    assert!(matches!(slope(|_| 5.0, &[1.0], &[1.0]), Slope::Flat { bound } if bound < 1e-13));
    let spike = |x: &[f64]| (-((x[0] - 1e-5) / 1e-4).powi(2)).exp();
    match slope(spike, &[0.0], &[1.0]) {
        Slope::Smooth(found) => {
            let truth = 2e3 * (-0.01_f64).exp();
            assert!(
                found.covers(truth) && found.bound < 1e-8 * truth,
                "{found:?} {truth}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn noise_widens_the_bound() {
    let hash = |x: f64| {
        ((x.to_bits().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64) / (1u64 << 24) as f64
    };
    for size in [1e-9, 1e-6, 1e-3] {
        let mut covered = 0;
        for k in 0..50 {
            let x = 0.3 + 0.01 * f64::from(k);
            let found = smooth(|x| x.sin() + size * hash(x), x);
            assert!(found.bound > size, "{found:?}");
            covered += i32::from(found.covers(x.cos()));
        }
        assert_eq!(covered, 50, "size {size}");
    }
    let found = smooth(|x| f64::from((x as f32).sin()), 0.4);
    assert!(
        found.covers(0.4f64.cos()) && found.bound > 1e-7,
        "{found:?}"
    );
}

#[test]
fn every_output_has_its_own_slope() {
    let f = |x: &[f64]| vec![x[0] * x[1], x[0].abs(), 3.0, x[1].exp()];
    let probe = Probe::new(Box::new(f), &[0.0, 2.0], &[vec![0.7, -0.4]]);
    let found = probe.slopes(&[1.0, 0.0]);
    assert!(matches!(found[0], Slope::Smooth(found) if found.covers(2.0)));
    assert!(matches!(found[1], Slope::Kink { .. }));
    assert!(matches!(found[2], Slope::Flat { .. }));
    assert!(matches!(found[3], Slope::Flat { .. }));
}

#[test]
fn random_smooth_functions_are_covered_and_none_is_taken_for_a_kink() {
    use rand::{RngExt, SeedableRng};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    for _ in 0..3000 {
        let p: [f64; 8] = std::array::from_fn(|_| random.random_range(-3.0..3.0));
        let x: f64 = random.random_range(-3.0..3.0);
        let bell = |x: f64| 1.0 + (p[6] * x + p[7]).powi(2);
        let f = |x: f64| {
            p[0] * (p[1] * x + p[2]).sin()
                + p[3] * (p[4] * x).tanh()
                + (p[5] * x).exp()
                + 1.0 / bell(x)
        };
        let truth = p[0] * p[1] * (p[1] * x + p[2]).cos()
            + p[3] * p[4] * (p[4] * x).cosh().powi(-2)
            + p[5] * (p[5] * x).exp()
            - 2.0 * p[6] * (p[6] * x + p[7]) / bell(x).powi(2);
        let found = smooth(f, x);
        assert!(found.covers(truth), "{p:?} at {x}: {found:?}, {truth}");
        assert!(
            found.bound <= 1e-8 * truth.abs().max(0.1),
            "{p:?} at {x}: {found:?}, {truth}"
        );
    }
}
