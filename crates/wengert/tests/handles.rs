//! What a handle promises: long tapes, rewinding, stale handles, names, the watch.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::array;
use wengert::{Error, Gradients, Tape, Tensor, Var};

use common::refusal;

fn with_small_stack<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(96 * 1024)
            .spawn_scoped(scope, run)
            .unwrap()
            .join()
            .unwrap()
    })
}

#[test]
fn ten_million_operations() {
    let tape = Tape::new();
    let x = tape.var(1.5);
    let mut y = x;
    for _ in 0..5_000_000 {
        y = y * 0.999 + x;
    }
    assert_eq!(tape.len(), 10_000_001);
    // y is x times a number.
    let slope = y.value() / 1.5;
    assert!((y.backward()[x] / slope - 1.0).abs() < 1e-9);
    assert!(tape.bytes() < 33 * tape.len());
}

#[test]
fn a_chain_of_a_million_on_a_small_stack() {
    with_small_stack(|| {
        let tape = Tape::new();
        let x = tape.var(0.5);
        let mut y = x;
        for _ in 0..1_000_000 {
            y = -y;
        }
        assert_eq!(y.backward()[x], 1.0);
        assert_eq!(tape.jvp(&[(x, 2.0)])[y], 2.0);
        assert_eq!(y.grad(&[x])[0].value(), 1.0);
    });
}

/// Recorded derivatives of a long chain are a list again, not a tree.
#[test]
fn a_long_chain_twice_differentiated_on_a_small_stack() {
    with_small_stack(|| {
        let tape = Tape::new();
        let x = tape.var(0.5);
        let mut y = x;
        for _ in 0..50_000 {
            y = y.sin();
        }
        let slope = y.grad(&[x])[0];
        assert_eq!(slope.value(), y.backward()[x]);
        let curvature = slope.backward()[x];
        let h = 1e-4;
        let at = |x: f64| {
            let (mut y, mut slope) = (x, 1.0);
            for _ in 0..50_000 {
                slope *= y.cos();
                y = y.sin();
            }
            slope
        };
        let measured = (at(0.5 + h) - at(0.5 - h)) / (2.0 * h);
        assert!((curvature - measured).abs() < 1e-6 * measured.abs());
    });
}

#[test]
fn a_ladder_of_diamonds_has_a_million_paths_and_few_nodes() {
    with_small_stack(|| {
        let tape = Tape::new();
        let x = tape.var(1.0);
        let mut y = x;
        for _ in 0..20 {
            let (left, right) = (y * 1.0, y * 1.0);
            y = left + right;
        }
        assert_eq!(tape.len(), 61);
        let paths = f64::from(1 << 20);
        assert_eq!(y.backward()[x], paths);
        assert_eq!(tape.jvp(&[(x, 1.0)])[y], paths);
        assert_eq!(y.grad(&[x])[0].value(), paths);
        assert!(tape.len() < 300);
        // Twenty squarings, x^(2^20), twice differentiated.
        let mut y = x;
        for _ in 0..20 {
            y = y * y;
        }
        assert_eq!(y.hessian(&[x])[[0, 0]], paths * (paths - 1.0));
        assert!(tape.len() < 400);
    });
}

#[test]
fn marks_nest() {
    let mut tape = Tape::new();
    let a = tape.var(2.0);
    let outer = tape.mark();
    let b = a * a;
    let middle = tape.mark();
    let c = b * a;
    let inner = tape.mark();
    let d = c * a;
    assert_eq!(d.backward()[a], 32.0);

    tape.rewind(inner);
    assert_eq!(c.backward()[a], 12.0);
    assert!(refusal(|| d.value()).contains("stale Var: node 3"));
    let d2 = c + a;
    assert_eq!(d2.backward()[a], 13.0);
    assert!(refusal(|| d + d2).contains("stale"));

    tape.rewind(middle);
    assert_eq!(b.backward()[a], 4.0);
    for gone in [c, d, d2] {
        assert!(refusal(|| gone.sin()).contains("stale"));
    }
    assert!(refusal(|| tape.rewind(inner)).contains("rewind: the mark is stale"));
    let c2 = b.sin();

    tape.rewind(outer);
    assert_eq!((a * 3.0).backward()[a], 3.0);
    for gone in [b, c, d, d2, c2] {
        assert!(refusal(|| gone.sin()).contains("stale"));
    }
    assert!(refusal(|| tape.rewind(middle)).contains("rewind: the mark is stale"));
    tape.rewind(outer);
    assert_eq!(tape.len(), 1);
    assert_eq!(a.value(), 2.0);
    tape.clear();
    assert!(refusal(|| a.value()).contains("cleared"));
    assert!(refusal(|| tape.rewind(outer)).contains("rewind: the mark is stale"));
}

#[test]
fn a_mark_of_an_earlier_tape_is_refused() {
    let early = Tape::new().mark();
    let mut tapes: Vec<Tape> = (0..20).map(|_| Tape::new()).collect();
    for tape in &mut tapes {
        let x = tape.var(1.0);
        assert!(catch_unwind(AssertUnwindSafe(|| tape.rewind(early))).is_err());
        assert_eq!((x.value(), tape.len()), (1.0, 1));
    }
}

#[test]
fn sentences_of_stale_handles_name_generations() {
    let mut tape = Tape::new();
    let x = tape.var(1.0);
    let (w, mark) = (tape.tensor(array![1.0, 2.0]), tape.mark());
    let v = w * 2.0;
    tape.rewind(mark);
    let Error::Stale {
        op,
        kind,
        node,
        recorded,
        fate,
        current,
    } = v.try_add(w).unwrap_err()
    else {
        panic!("another error");
    };
    assert_eq!(
        (op, kind, node, fate, current),
        ("add", "Tensor", 2, "rewound", recorded + 1)
    );
    assert_eq!(format!("{v}"), "Tensor(stale, node 2)");
    tape.clear();
    let sentence = x.try_backward().unwrap_err().to_string();
    assert!(
        sentence.contains("backward: stale Var: node 0 was recorded in generation")
            && sentence.contains("since been cleared or dropped")
            && sentence.ends_with("record it again"),
        "{sentence}"
    );
    drop(tape);
    assert!(refusal(|| w + 1.0).contains("dropped"));
}

#[test]
fn frozen_nodes_do_not_outlive_a_rewind() {
    let mut tape = Tape::new();
    let x = tape.var(3.0);
    let _first = x.detach();
    let mark = tape.mark();
    let _second = x.detach();
    tape.rewind(mark);
    // On the place of the second detached node.
    assert_eq!((x * x).backward()[x], 6.0);

    // A mark taken inside keeps what was frozen before it.
    let mut tape = Tape::new();
    let x = tape.var(3.0);
    let (frozen, mark) = tape.no_grad(|| {
        let y = x * x;
        let mark = tape.mark();
        let _ = y * x;
        (y, mark)
    });
    tape.rewind(mark);
    let z = frozen * x;
    assert_eq!(z.backward()[x], 9.0);
    assert_eq!(z.grad(&[x])[0].value(), 9.0);
    assert_eq!(tape.jvp(&[(x, 1.0)])[z], 9.0);
}

#[test]
fn no_grad_and_detach() {
    let tape = Tape::new();
    let x = tape.var(2.0);
    let w = tape.tensor(array![1.0, 3.0]);
    let frozen = tape.no_grad(|| (w * x).sum() + tape.no_grad(|| x.sin()));
    let y = frozen * x + x.detach() * x + (w.detach() * w).sum();
    let g = y.backward();
    assert_eq!(g[x], frozen.value() + 2.0);
    assert_eq!(g[w], array![1.0, 3.0].into_dyn());
    assert_eq!(y.grad(&[x])[0].value(), g[x]);
    assert_eq!(y.grad_tensors(&[w])[0].value(), g[w]);
    assert_eq!(tape.jvp(&[(x, 1.0)])[y], g[x]);
    // A panic inside leaves nothing frozen that comes after.
    let _ = catch_unwind(AssertUnwindSafe(|| tape.no_grad(|| panic!("inside"))));
    assert_eq!((x * x).backward()[x], 4.0);
}

#[test]
fn gradients_answer_for_what_was_live_at_their_sweep() {
    let mut tape = Tape::new();
    let x = tape.var(3.0);
    let mark = tape.mark();
    let gone = x * 2.0;
    tape.rewind(mark);
    let y = x * x;
    let after_y = x + 1.0;
    let g = y.backward();
    let later = x - 1.0;
    let check = |g: &Gradients| {
        assert_eq!((g[x], g[y], g[after_y]), (6.0, 1.0, 0.0));
        assert!(refusal(|| g[gone]).contains("stale Var"));
    };
    check(&g);
    assert!(refusal(|| g[later]).contains("was recorded after this sweep"));
    // Between the root and the sweep: no path.
    let tensor = tape.tensor(array![1.0, 2.0]);
    assert_eq!(y.backward()[tensor], array![0.0, 0.0].into_dyn());
    // A derivative that takes back what it recorded begins a new generation, which changes nothing.
    y.hvp(&[x], &[1.0]);
    check(&g);
    assert!(refusal(|| g[later]).contains("was recorded after this sweep"));
    let newer = x - 2.0;
    assert!(refusal(|| g[newer]).contains("was recorded after this sweep"));
    tape.clear();
    check(&g);
    let other = tape.var(1.0);
    assert!(refusal(|| g[other]).contains("was recorded after this sweep"));
    drop(tape);
    check(&g);
}

#[test]
fn the_adjoint_of_a_constant_is_refused_and_its_tangent_is_zero() {
    let tape = Tape::new();
    let x = tape.var(2.0);
    let w = tape.tensor(array![1.0, 3.0]);
    let c = tape.constant(array![1.0, 1.0]);
    let (scalars, tensors) = (
        [
            x.detach(),
            tape.no_grad(|| x * x),
            tape.no_grad(|| x.lerp(x, 0.5)),
        ],
        [c, w.detach(), c * 2.0, tape.no_grad(|| w * x)],
    );
    let y = scalars.iter().fold(x, |y, &d| y * d) + tensors.iter().fold(w, |y, &d| y * d).sum();
    let (g, t) = (y.backward(), tape.jvp(&[(x, 1.0)]));
    for d in scalars {
        assert!(refusal(|| g[d]).contains("no adjoint is computed for it"));
        assert_eq!(g.get(d), None);
        assert_eq!(t[d], 0.0);
        let error = y.try_grad(&[x, d]).unwrap_err().to_string();
        assert!(error.contains("no adjoint is computed for it"), "{error}");
    }
    for d in tensors {
        assert!(refusal(|| g[d].clone()).contains("no adjoint is computed for it"));
        assert_eq!(g.get_tensor(d), None);
        assert_eq!(t[d], array![0.0, 0.0].into_dyn());
        assert!(refusal(|| y.grad_tensors(&[d])).contains("no adjoint is computed for it"));
    }
    // An input stays one, wherever it is recorded; and what depends on a constant and on an input has an adjoint.
    let (inside, w2) = tape.no_grad(|| (tape.var(2.0), tape.tensor(array![1.0, 2.0])));
    let z = (w2 * w2).sum() * inside;
    assert_eq!(z.backward()[inside], 5.0);
    assert_eq!(z.backward()[w2], array![4.0, 8.0].into_dyn());
    assert_eq!(
        z.grad_tensors(&[w2])[0].value(),
        array![4.0, 8.0].into_dyn()
    );
    assert_eq!(g[w], (y.grad_tensors(&[w])[0]).value());
}

#[test]
fn a_limit_below_the_length_holds_after_a_rewind() {
    let mut tape = Tape::new();
    let x = tape.vars(&[1.0; 10])[9];
    let mark = tape.mark();
    tape.limit_nodes(5);
    tape.rewind(mark);
    assert!(refusal(|| x + x).contains("the tape is full: it holds 10 nodes"));
    assert_eq!(tape.len(), 10);
    tape.limit_nodes(11);
    assert_eq!((x + x).backward()[x], 2.0);
    assert!(refusal(|| x + x).contains("full"));
}

#[test]
fn the_watch_names_operation_operands_and_line_forward() {
    let tape = Tape::new();
    tape.watch_non_finite(true);
    let x = tape.var(-1.0).named("balance");
    let line = line!() + 1;
    let sentence = refusal(|| x.ln());
    for part in [
        "forward: node 1, ln, made NaN from operands `balance` = -1",
        &format!("{}:{line}:", file!()),
    ] {
        assert!(sentence.contains(part), "{sentence}");
    }
    assert_eq!(tape.len(), 1);
    let line = line!() + 1;
    let sentence = refusal(|| x / 0.0);
    for part in [
        "div, made -inf",
        "`balance`",
        &format!("{}:{line}:", file!()),
    ] {
        assert!(sentence.contains(part), "{sentence}");
    }
    let w = tape.tensor(array![1.0, 0.0]).named("w");
    let line = line!() + 1;
    let sentence = refusal(|| 1.0 / w);
    for part in [
        "div, made inf",
        "`w` of shape [2]",
        &format!("{}:{line}:", file!()),
    ] {
        assert!(sentence.contains(part), "{sentence}");
    }
    assert!(refusal(|| tape.var(f64::NAN)).contains("leaf, made NaN"));
    assert_eq!(tape.len(), 2);
    tape.watch_non_finite(false);
    assert!(x.ln().value().is_nan());
}

#[test]
fn the_watch_names_operation_operands_and_line_backward() {
    let tape = Tape::new();
    tape.watch_non_finite(true);
    let x = tape.var(0.0).named("x");
    let line = line!() + 1;
    let root = x.sqrt();
    let y = root * 2.0;
    let sentence = refusal(|| y.backward());
    for part in [
        "backward: node 1, sqrt, made inf from operands `x` = 0, recorded at",
        &format!("{}:{line}:", file!()),
    ] {
        assert!(sentence.contains(part), "{sentence}");
    }
    assert!(matches!(
        y.try_backward(),
        Err(Error::NonFinite {
            direction: "backward",
            ..
        })
    ));

    let w = tape.tensor(array![0.0, 1.0]).named("w");
    let line = line!() + 1;
    let roots = w.sqrt();
    let sentence = refusal(|| roots.sum().backward());
    for part in [
        "backward: node",
        "sqrt, made inf",
        "`w` of shape [2]",
        &format!("{}:{line}:", file!()),
    ] {
        assert!(sentence.contains(part), "{sentence}");
    }
    tape.watch_non_finite(false);
    assert_eq!(y.backward()[x], f64::INFINITY);
}

#[test]
fn a_sound_computation_passes_the_watch_unchanged() {
    let run = |watch: bool| {
        let tape = Tape::new();
        tape.watch_non_finite(watch);
        let (x, w) = (tape.var(0.3), tape.tensor(array![0.5, 1.5]));
        let y = ((w * x).tanh().sum() + x.lerp(2.0, x)).exp();
        let g = y.backward();
        (y.value(), g[x], g[w].clone(), tape.len())
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn gradients_survive_what_happens_to_the_tape() {
    let mut tape = Tape::new();
    let x = tape.var(3.0);
    let w = tape.tensor(array![1.0, 2.0]);
    let mark = tape.mark();
    let y = x * x + w.sum();
    let g = y.backward();
    tape.rewind(mark);
    assert_eq!(g[x], 6.0);
    assert_eq!(g[w], array![1.0, 1.0].into_dyn());
    let new = x * 2.0;
    assert!(g.get(new).is_none());
    assert!(refusal(|| g[new]).contains("recorded after this sweep; sweep again"));
    let h = new.backward();
    drop(tape);
    assert_eq!(h[new], 1.0);
}

#[test]
fn gradients_refuse_strangers() {
    let (one, two) = (Tape::new(), Tape::new());
    let (x, y) = (one.var(1.0), two.var(2.0));
    let w = two.tensor(array![1.0]);
    let g = (x * x).backward();
    assert!(g.get(y).is_none() && g.get_tensor(w).is_none());
    assert!(refusal(|| g[y]).contains("two different tapes"));
    assert!(refusal(|| g[w].clone()).contains("two different tapes"));
    assert!(refusal(|| g[Var::constant(1.0)]).contains("constant"));
}

#[test]
fn tapes_may_be_dropped_in_any_order() {
    let (a, b, c) = (Tape::new(), Tape::new(), Tape::new());
    let (x, y, z) = (a.var(1.0), b.var(2.0), c.var(3.0));
    drop(b);
    assert!(refusal(|| y.value()).contains("dropped"));
    assert_eq!((x * x).backward()[x], 2.0);
    drop(a);
    assert_eq!((z * z).backward()[z], 6.0);
    assert!(refusal(|| x + z).contains("stale"));
    let d = Tape::new();
    let w = d.var(4.0);
    assert!(refusal(|| y + w).contains("stale"));
    assert!(refusal(|| z + w).contains("two different tapes"));
    drop(c);
    drop(d);
}

#[test]
fn lists_go_round_and_old_handles_stay_refused() {
    let mut stale: Vec<(Var, Tensor)> = Vec::new();
    for round in 0..200 {
        let tapes: Vec<Tape> = (0..3).map(|_| Tape::new()).collect();
        for (k, tape) in tapes.iter().enumerate() {
            let x = tape.var(round as f64);
            let w = tape.tensor(array![1.0, k as f64]);
            assert_eq!((w * x).sum().backward()[x], 1.0 + k as f64);
            stale.push((x, w));
        }
        drop(tapes);
        for &(x, w) in &stale {
            assert!(matches!(x.try_backward(), Err(Error::Stale { .. })));
            assert!(matches!(w.try_add(1.0), Err(Error::Stale { .. })));
        }
    }
}

/// The result is of no interest, only whether there is one.
fn done<R>(_: R) {}

/// Operations of several nodes: all of them are recorded, or none.
#[test]
fn a_tape_is_as_before_after_an_operation_that_fails_halfway() {
    let tape = Tape::new();
    let x = tape.var(1.0);
    let w = tape.tensor(array![[1.0, 2.0], [3.0, 4.0]]);
    let v = tape.tensor(array![1.0, 2.0, 3.0]);
    let y = (x.sin() * x + w.sum()).exp();
    let one = Var::constant(1.0);
    let foreign = Tape::new().var(1.0);
    let attempts: &[&dyn Fn()] = &[
        &|| done(v.matmul(w)),
        &|| done(w.matmul(v)),
        &|| done(w.mean()),
        &|| done(w.mean_axes(&[0], true)),
        &|| done(w.get(&[0, 1])),
        &|| done(v.outer(v)),
        &|| done(tape.vars(&[1.0; 5])),
        &|| done(x.lerp(x, x)),
        &|| done(Tensor::stack(&[one, x, one, foreign])),
        &|| done(Tensor::stack(&[one, x, one, x])),
        &|| done(y.grad(&[x, x])),
        &|| done(y.grad_tensors(&[w, v])),
        &|| done(y.hessian(&[x])),
        &|| done(y.hvp(&[x], &[1.0])),
    ];
    let before = (tape.len(), tape.bytes());
    let mut failed = 0;
    for attempt in attempts {
        for room in 0..6 {
            tape.limit_nodes(before.0 + room);
            let mark = (tape.len(), tape.bytes());
            if catch_unwind(AssertUnwindSafe(attempt)).is_err() {
                assert_eq!((tape.len(), tape.bytes()), mark);
                failed += 1;
            }
        }
    }
    assert!(failed > 20);
    tape.limit_nodes(usize::MAX);
    assert_eq!((x * x).backward()[x], 2.0);
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_scalar_goes_in_two_registers() {
    assert_eq!(size_of::<Var>(), 16);
    assert_eq!(size_of::<Var<f32>>(), 16);
}

#[test]
fn constants_keep_their_numbers() {
    let numbers = [
        0.0,
        -0.0,
        1.5,
        -1e308,
        5e-324,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    for number in numbers {
        let constant: Var = Var::constant(number);
        assert!(constant.is_constant());
        assert_eq!(constant.value().to_bits(), number.to_bits());
        let single: Var<f32> = Var::constant(number as f32);
        assert_eq!(single.value().to_bits(), (number as f32).to_bits());
    }
    // Every pattern of bits that is a NaN, by its upper half.
    for upper in [
        0x7ff8_0000_u64,
        0xfff8_0000,
        0x7ff0_0000,
        0xffff_ffff,
        0x7fff_ffff,
    ] {
        for lower in [1_u64, 0, 0xffff_ffff] {
            let number = f64::from_bits(upper << 32 | lower);
            let constant: Var = Var::constant(number);
            assert!(constant.is_constant(), "{upper:x} {lower:x}");
            assert_eq!(constant.value().is_nan(), number.is_nan());
            let tape = Tape::new();
            let x = tape.var(2.0);
            assert_eq!((x + constant).value().is_nan(), number.is_nan());
            assert!((constant * constant).is_constant());
        }
    }
}
