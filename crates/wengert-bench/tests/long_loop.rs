//! A loop of a million steps and its gradient fit into little memory.

use wengert::{Budget, Tape};
use wengert_bench::heap::{Counting, peak_of};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const STEPS: usize = 1_000_000;

#[test]
fn a_million_steps_stay_below_64_megabytes() {
    let run = || {
        let tape = Tape::new();
        let (x, a) = (tape.var(0.3), tape.var(0.999_999));
        let end = tape.checkpointed_steps(&[x, a], STEPS, Budget::Bytes(1 << 20), |_, s| {
            vec![s[0] * s[1] + 1e-6, s[1]]
        });
        let longest = tape.len();
        let g = end[0].backward();
        (longest, end[0].value(), g[x], g[a])
    };
    let (peak, (nodes, end, by_x, by_a)) = peak_of(run);
    assert!(peak < 64 << 20, "{peak} bytes");
    assert_eq!(nodes, 3);

    // By hand: y' = y a + c, so dy/dx is a product and dy/da a sum over the steps.
    let (mut y, mut dx, mut da) = (0.3_f64, 1.0, 0.0);
    for _ in 0..STEPS {
        (y, dx, da) = (y * 0.999_999 + 1e-6, dx * 0.999_999, da * 0.999_999 + y);
    }
    assert_eq!(end, y);
    for (got, wanted) in [(by_x, dx), (by_a, da)] {
        assert!((got - wanted).abs() <= 1e-9 * wanted, "{got} {wanted}");
    }
}
