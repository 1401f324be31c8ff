//! The tape on one screen and wengert's compute the same bits.

#[path = "../one_screen.rs"]
#[expect(dead_code, reason = "its `main` is the example's")]
pub mod one_screen;

/// Evaluates a formula on both tapes and compares value and gradient bit by bit.
macro_rules! same_bits {
    ($formula:expr; $($x:ident = $at:expr),+) => {{
        let tape = one_screen::Tape::default();
        $(let $x = tape.var($at);)+
        let f = $formula;
        let adjoint = f.backward();
        let small = [f.value(), $(adjoint[$x.index()]),+].map(f64::to_bits);

        let tape = wengert::Tape::new();
        $(let $x = tape.var($at);)+
        let f = $formula;
        let gradients = f.backward();
        let real = [f.value(), $(gradients[$x]),+].map(f64::to_bits);

        assert_eq!(small, real, "{}", stringify!($formula));
    }};
}

#[test]
fn gradients_equal_wengerts_bit_for_bit() {
    for k in 1..=20 {
        let (p, q, r) = (
            0.37 * f64::from(k),
            7.1 / f64::from(k),
            (1.3 * f64::from(k)).sin(),
        );
        same_bits!(x.ln() + x * y - y.sin(); x = p, y = q);
        same_bits!(x * x * x; x = r);
        same_bits!(x / y - y / x; x = p, y = q);
        same_bits!((x * y).sin() * (x - y).exp(); x = r, y = q);
        // Several consumers of several nodes.
        same_bits!({ let s = x * y + z; s * s.sin() + (s - x) / (s * s + y) }; x = p, y = q, z = r);
        // A neuron with its sigmoid written out.
        same_bits!({
            let (one, zero) = (w / w, w - w);
            let y = one / (one + (zero - (w * x + b)).exp());
            (y - t) * (y - t)
        }; w = r, x = p, b = q, t = 0.25);
    }
}

#[test]
fn a_long_chain_is_the_same_too() {
    macro_rules! chain {
        ($x:expr) => {{
            let mut y = $x;
            for _ in 0..1000 {
                y = (y * $x + $x.sin()).sin();
            }
            y
        }};
    }
    same_bits!(chain!(x); x = 0.8);
}

#[test]
fn the_adjoints_of_the_example_are_those_of_the_formula() {
    let tape = one_screen::Tape::default();
    let (x, y) = (tape.var(2.0), tape.var(5.0));
    let f = x.ln() + x * y - y.sin();
    let adjoint = f.backward();
    assert_eq!(adjoint[x.index()], 1.0 / 2.0 + 5.0);
    assert_eq!(adjoint[y.index()], 2.0 - 5.0_f64.cos());
}
