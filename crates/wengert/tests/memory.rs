//! Every way into the modules with unsafe code, small enough for Miri and AddressSanitizer.

use ndarray::array;
use wengert::{CustomOp, Tape, Tensor, Var};

#[test]
fn nodes_cross_the_end_of_a_chunk() {
    let mut tape = Tape::new();
    for _ in 0..2 {
        let x = tape.var(1.0);
        let mut y = x;
        // A chunk holds 2^16 nodes; the operation with three places is two nodes, which may straddle.
        for i in 0..66_000 {
            y = if i == 65_533 {
                y.mul_add(x, x) - 1.0
            } else {
                y + 0.0
            };
        }
        let g = y.backward();
        assert_eq!((y.value(), g[x], g[y]), (1.0, 3.0, 1.0));
        tape.clear();
    }
}

/// Nodes of five chunks.
const LONG: usize = if cfg!(miri) { 5 * 64 } else { 5 << 16 };

#[test]
fn old_values_are_read_when_many_chunks_have_come() {
    let mut tape = Tape::new();
    let x = tape.var(3.0);
    let half = x * 0.5;
    let mark = tape.mark();
    for round in 0..2 {
        let mut y = x;
        for k in 0..LONG {
            y += x * f64::from(u32::from(k % 7 == 0));
        }
        // Made before the table of chunks grew, and, from the second round on, before a rewind.
        assert_eq!((half.value(), (half * x).value()), (1.5, 4.5), "{round}");
        assert_eq!(y.backward()[x], 1.0 + LONG.div_ceil(7) as f64);
        tape.rewind(mark);
    }
}

#[test]
fn long_lists_are_given_back_and_taken_again() {
    let record = |tape: &Tape| {
        let x = tape.var(2.0);
        let y = (0..LONG).fold(x, |y, _| y + x);
        assert_eq!(y.value(), 2.0 * (LONG + 1) as f64);
        y
    };
    let tapes: Vec<Tape> = (0..6).map(|_| Tape::new()).collect();
    let stale: Vec<Var> = tapes.iter().map(record).collect();
    drop(tapes);
    for _ in 0..6 {
        let tape = Tape::new();
        let y = record(&tape);
        assert_eq!(y.backward()[y], 1.0);
    }
    for y in stale {
        assert!(std::panic::catch_unwind(move || y.value()).is_err());
    }
}

#[test]
fn constants_have_no_node_to_read() {
    for bits in [
        0,
        1,
        u64::MAX,
        u64::MAX >> 1,
        0xfff0_0000_0000_0001,
        1.5_f64.to_bits(),
    ] {
        let number = f64::from_bits(bits);
        let constant: Var = Var::constant(number);
        assert_eq!(constant.value().is_nan(), number.is_nan());
        let single: Var<f32> = Var::constant(f32::from_bits(bits as u32));
        assert_eq!(
            single.value().is_nan(),
            f32::from_bits(bits as u32).is_nan()
        );
        let tape = Tape::new();
        let x = tape.var(1.0);
        assert_eq!((x * constant).value().is_nan(), number.is_nan());
    }
}

#[test]
fn views_and_adjoints_outlive_what_is_recorded_after_them() {
    let mut tape = Tape::new();
    let w = tape.tensor(array![[1.0, 2.0], [3.0, 4.0]]);
    let view = tape.view(w);
    // More than the arena's first chunks hold, so that it grows while the view lives.
    let big = tape.tensor_from(&[100, 50], vec![1.0; 5000]);
    let loss = big.square().sum() + w.sum();
    assert_eq!(view[[1, 1]], 4.0);
    let g = loss.backward();
    assert_eq!(g[big][[99, 49]], 2.0);
    let mark = tape.mark();
    for _ in 0..3 {
        let y = (w * 2.0).sum();
        let g = y.backward();
        assert_eq!(g[w][[0, 1]], 2.0);
        tape.rewind(mark);
    }
    drop(tape);
    assert_eq!(g[big].len(), 5000);
}

#[test]
fn a_list_is_used_again_after_its_tape() {
    let stale: Vec<Var> = (0..4)
        .map(|i| {
            let tape = Tape::new();
            let x = tape.var(f64::from(i));
            assert_eq!((x * x).backward()[x], 2.0 * f64::from(i));
            x
        })
        .collect();
    let tape = Tape::new();
    let fresh = tape.var(7.0);
    for x in stale {
        let refused = std::panic::catch_unwind(|| x + fresh);
        assert!(refused.is_err());
    }
    assert_eq!(tape.len(), 1);
}

#[test]
fn a_custom_rule_records_and_is_taken_back() {
    let tape = Tape::new();
    let x = tape.tensor(array![1.0, 2.0, 3.0]);
    let cube = CustomOp::new("cube", |x| x[0].mapv(|x: f64| x * x * x))
        .vjp(|g, x, _| vec![g * x[0].square() * 3.0])
        .jvp(|t, x, _| t[0] * x[0].square() * 3.0);
    let y = cube.call(&[x]).sum();
    let before = tape.len();
    assert_eq!(y.backward()[x], array![3.0, 12.0, 27.0].into_dyn());
    assert_eq!(tape.len(), before);
    let t = tape.jvp_tensors(&[(x, array![1.0, 0.0, 0.0].into_dyn())]);
    assert_eq!(t[y], 3.0);
}

#[test]
fn many_parts_of_one_tensor_cost_what_they_hold() {
    // A contribution as large as the whole for each part would be 200 GB.
    let n = 50_000;
    let tape = Tape::new();
    let x = tape.tensor(ndarray::Array1::linspace(0.0, 1.0, n));
    let mut parts: Vec<Tensor> = (0..n).map(|i| x.slice(ndarray::s![i..=i])).collect();
    parts.extend((0..n).map(|i| x.index_select(0, &[i, i])));
    let y = Tensor::concat(&parts, 0).square().sum() + x.get(&[7]);
    let g = &y.backward()[x];
    for i in [0, 7, n - 1] {
        let own = if i == 7 { 1.0 } else { 0.0 };
        assert_eq!(g[[i]], 6.0 * x.value()[[i]] + own);
    }
}

#[test]
fn empty_tensors() {
    let tape = Tape::new();
    let none = tape.tensor_from(&[0, 3], Vec::new());
    assert_eq!(none.sum().backward()[none].shape(), [0, 3]);
    assert_eq!(
        none.matmul(tape.tensor_from(&[3, 2], vec![1.0; 6]))
            .shape()
            .as_slice(),
        [0, 2]
    );
    assert_eq!(Tensor::concat(&[none, none], 0).shape().as_slice(), [0, 3]);
}

#[test]
fn steps_of_rising_size_keep_no_more_than_a_few_steps_worth() {
    let mut tape = Tape::new();
    for k in 0..60 {
        tape.clear();
        let x = tape.tensor_from(&[100_000 + 5_000 * k], vec![1.0; 100_000 + 5_000 * k]);
        (x * 2.0 + 1.0).sum().backward();
    }
    let live = 3 * 8 * (100_000 + 5_000 * 59);
    assert!(tape.bytes() < 3 * live, "{} for {live}", tape.bytes());
    // What is refused for want of memory leaves no trace.
    let x = tape.tensor_from(&[1], [1.0]);
    let before = tape.bytes();
    for _ in 0..10 {
        assert!(x.try_broadcast_to(&[1 << 50]).is_err());
        assert!(x.try_broadcast_to(&[usize::MAX]).is_err());
    }
    assert_eq!(tape.bytes(), before);
}

#[test]
fn empty_tensors_with_lengths_that_nobody_can_count_through() {
    let tape = Tape::new();
    let wide = tape.tensor_from(&[1 << 32, 0], []);
    assert_eq!(Tensor::concat(&[wide, wide], 1).shape()[..], [1 << 32, 0]);
    assert_eq!(wide.softmax(1).shape()[..], [1 << 32, 0]);
    assert_eq!(wide.exp().sum().backward()[wide].len(), 0);
    assert!(tape.try_tensor_from(&[usize::MAX, 0, 2], []).is_err());
    assert!(wide.try_reshape(&[usize::MAX, usize::MAX, 0]).is_err());
}
