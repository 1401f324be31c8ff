//! What closures and tapes can do to a checkpoint.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ndarray::array;
use wengert::{Tape, Tensor, Var};

use crate::common::refusal;

/// Every way to run the region of `y` again.
fn sweeps(tape: &Tape, x: Var, y: Var) -> Vec<Box<dyn Fn() -> f64 + '_>> {
    vec![
        Box::new(move || y.backward()[x]),
        Box::new(move || y.grad(&[x])[0].value()),
        Box::new(move || tape.jvp(&[(x, 1.0)])[y]),
        Box::new(move || {
            tape.freeze(&[x], &[y])
                .unwrap()
                .gradient(&[x.value()])
                .unwrap()[0]
        }),
    ]
}

#[test]
fn a_closure_that_does_something_else_is_refused() {
    let cases: &[(&str, fn(Var, f64) -> Var, &str)] = &[
        (
            "another value",
            |x, c| x * c,
            "gave 6.0 for scalar 0, which was 4.0",
        ),
        (
            "another branch of the same value",
            |x, c| if c == 2.0 { x * x } else { x + x },
            "recorded other operations",
        ),
        (
            "a constant",
            |x, c| if c == 2.0 { x * x } else { Var::constant(4.0) },
            "gave other nodes",
        ),
        (
            "an input",
            |x, c| if c == 2.0 { x * 1.0 } else { x },
            "gave other nodes",
        ),
        (
            "without a derivative",
            |x, c| {
                if c == 2.0 {
                    x.square()
                } else {
                    x.square().detach()
                }
            },
            "recorded other operations",
        ),
        (
            "another partial",
            |x, c| (x - 2.0) * c,
            "recorded other operations",
        ),
        (
            "a tensor",
            |x, c| {
                (Tensor::from(x) - 2.0)
                    .powi(if c == 2.0 { 1 } else { 2 })
                    .item()
            },
            "recorded other operations",
        ),
    ];
    for &(name, f, meant) in cases {
        let c = Rc::new(Cell::new(2.0));
        let read = c.clone();
        let tape = Tape::new();
        let x = tape.var(2.0);
        let y = tape.checkpoint(&[x], move |x| f(x[0], read.get())) + x;
        let before = (tape.len(), tape.bytes());
        for (k, sweep) in sweeps(&tape, x, y).iter().enumerate() {
            if name == "a tensor" && k == 3 {
                continue;
            }
            c.set(2.0);
            let right = sweep();
            let kept = (tape.len(), tape.bytes());
            assert_eq!(kept == before, k != 1, "{name}");
            c.set(3.0);
            let sentence = refusal(sweep);
            assert!(sentence.contains(meant), "{name} {k}: {sentence}");
            assert!(
                sentence.contains("checkpoint_with"),
                "{name} {k}: {sentence}"
            );
            assert_eq!((tape.len(), tape.bytes()), kept, "{name} {k}");
            c.set(2.0);
            assert_eq!(sweep(), right, "{name} {k}");
            if k == 1 {
                break;
            }
        }
        c.set(3.0);
        assert!(
            y.try_backward().unwrap_err().to_string().contains(meant),
            "{name}"
        );
    }
}

#[test]
fn another_handle_of_the_same_value_is_found_out() {
    let tape = Rc::new(Tape::new());
    let (x, a, b) = (tape.var(2.0), tape.var(3.0), tape.var(3.0));
    let second = Rc::new(Cell::new(false));
    let read = second.clone();
    let choose = move |x: &[Var]| x[0] * if read.get() { b } else { a };
    let inside = Rc::downgrade(&tape);
    let y = tape.checkpoint(&[x], choose.clone());
    let z = tape.checkpoint(&[x], move |x| {
        let tape = inside.upgrade().expect("the tape lives");
        tape.checkpoint(x, choose.clone()) + 1.0
    });
    assert_eq!((y.backward()[a], z.backward()[a]), (2.0, 2.0));
    second.set(true);
    for y in [y, z] {
        let sentence = y.try_backward().unwrap_err().to_string();
        assert!(sentence.contains("recorded other operations"), "{sentence}");
    }
}

#[test]
fn a_closure_that_panics_leaves_the_tape_as_it_was() {
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    let angry_at = Rc::new(Cell::new(1));
    let mood = angry_at.clone();
    let tape = Tape::new();
    let x = tape.var(1.5);
    let f = move |x: &[Var], drawn: &mut u32| {
        counted.set(counted.get() + 1);
        *drawn += 1;
        let y = x[0].sin();
        assert!(counted.get() != mood.get(), "the closure is angry");
        if y < 2.0 { y * x[0] } else { y }
    };
    let mut drawn = 0;
    let before = (tape.len(), tape.bytes());
    assert_eq!(
        refusal(|| tape.checkpoint_with(&[x], &mut drawn, f.clone())),
        "the closure is angry"
    );
    assert_eq!((tape.len(), tape.bytes(), drawn), (before.0, before.1, 0));
    let y = tape.checkpoint_with(&[x], &mut drawn, f) * x;
    assert_eq!(drawn, 1);
    for sweep in &sweeps(&tape, x, y) {
        let before = (tape.len(), tape.bytes());
        angry_at.set(calls.get() + 1);
        assert_eq!(refusal(sweep), "the closure is angry");
        assert_eq!((tape.len(), tape.bytes()), before);
        assert_eq!((x * x).backward()[x], 3.0);
    }
    let wanted = 2.0 * 1.5 * 1.5_f64.sin() + 1.5 * 1.5 * 1.5_f64.cos();
    assert!((y.backward()[x] - wanted).abs() < 1e-14);
}

#[test]
fn handles_that_leak_are_stale() {
    let leak = Rc::new(Cell::new(Var::constant(0.0)));
    let out = leak.clone();
    let tape = Tape::new();
    let x = tape.var(1.5);
    let y = tape.checkpoint(&[x], move |x| {
        out.set(x[0] * 3.0);
        out.get() + 1.0
    });
    for _ in 0..2 {
        let sentence = refusal(|| leak.get() + x);
        assert!(
            sentence.contains("stale Var") && sentence.contains("rewound"),
            "{sentence}"
        );
        y.backward();
    }
    // A handle of the run before is as stale for the closure itself.
    let last = Cell::new(Var::constant(2.0));
    let z = tape.checkpoint(&[x], move |x| {
        let y = x[0] * last.get();
        last.set(y);
        y
    });
    let sentence = refusal(|| z.backward());
    assert!(sentence.contains("mul: stale Var"), "{sentence}");
}

#[test]
fn handles_that_do_not_belong_are_refused() {
    let tape = Tape::new();
    let other = Tape::new();
    let x = tape.var(1.5);
    let foreign = other.var(2.0);
    let stale = {
        let gone = Tape::new();
        gone.var(1.0)
    };
    let before = (tape.len(), tape.bytes());
    let refused: [(&str, Box<dyn Fn() -> Var>); 6] = [
        (
            "checkpoint: the operands were recorded on two different tapes",
            Box::new(|| tape.checkpoint(&[x, foreign], |x| x[0])),
        ),
        (
            "checkpoint: the operands were recorded on two different tapes",
            Box::new(|| tape.checkpoint(&[x], move |_| foreign)),
        ),
        (
            "mul: the operands were recorded on two different tapes",
            Box::new(|| tape.checkpoint(&[x], move |x| x[0] * foreign)),
        ),
        (
            "checkpoint: stale Var",
            Box::new(|| tape.checkpoint(&[stale], |x| x[0])),
        ),
        (
            "checkpoint: stale Var",
            Box::new(|| tape.checkpoint(&[x], move |_| stale)),
        ),
        (
            "add: stale Var",
            Box::new(|| tape.checkpoint(&[x], move |x| x[0] + stale)),
        ),
    ];
    for (meant, call) in refused {
        let sentence = refusal(call);
        assert!(sentence.starts_with(meant), "{sentence}");
        assert_eq!((tape.len(), tape.bytes()), before, "{sentence}");
    }
    assert_eq!(other.len(), 1);
    // A constant is of any tape, and what does not depend on a node is no node.
    let y = tape.checkpoint(&[Var::constant(3.0)], |c| c[0] * 2.0);
    assert!(y.is_constant() && y.value() == 6.0);
    let none: Vec<Var> = tape.checkpoint(&[x], |_| Vec::new());
    assert!(none.is_empty());
    assert_eq!(tape.len(), before.0);
}

#[test]
fn a_full_tape_is_left_as_it_was() {
    let f = |x: &[Var]| {
        let y = x[0].sin() * x[0];
        [y, y.exp(), y.ln()]
    };
    let tape = Tape::new();
    let x = tape.var(1.5);
    let [p, q, r] = tape.checkpoint(&[x], f);
    let y = p * q + r;
    let wanted = y.backward()[x];
    let before = (tape.len(), tape.bytes());
    for (limit, meant) in [(6, "sin: the tape is full"), (9, "ln: the tape is full")] {
        tape.limit_nodes(limit);
        assert!(refusal(|| tape.checkpoint(&[x], f)).starts_with(meant));
        assert!(refusal(|| y.backward()).starts_with(meant));
        assert_eq!((tape.len(), tape.bytes()), before);
    }
    tape.limit_nodes(10);
    assert_eq!(y.backward()[x], wanted);
}

#[test]
fn the_watch_sees_into_regions() {
    let tape = Tape::new();
    tape.watch_non_finite(true);
    let x = tape.var(0.0).named("x");
    let sentence = refusal(|| tape.checkpoint(&[x], |x| 1.0 / x[0]));
    assert!(
        sentence.contains("forward: node 1, div") && sentence.contains("`x` = 0"),
        "{sentence}"
    );
    assert!(sentence.contains("checkpoint/refused.rs"), "{sentence}");
    assert_eq!(tape.len(), 1);

    let y = tape.checkpoint(&[x], |x| x[0].sqrt()) * 2.0;
    assert!(
        tape.origin(1)
            .unwrap()
            .file()
            .ends_with("checkpoint/refused.rs")
    );
    let sentence = y.try_backward().unwrap_err().to_string();
    assert!(sentence.contains("backward: node 3, sqrt"), "{sentence}");
    assert_eq!(tape.len(), 3);
    tape.watch_non_finite(false);
    assert_eq!(y.backward()[x], f64::INFINITY);
}

#[test]
fn the_list_says_what_stands_on_it() {
    let tape = Tape::new();
    let x = tape.vars(&[2.0, 3.0]);
    let y = tape.checkpoint(&x, |x| {
        let p = (x[0] * x[1]).named("inside");
        [p, p + 1.0]
    });
    y[1].named("next");
    let lines: Vec<String> = tape
        .nodes()
        .iter()
        .skip(2)
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        lines,
        [
            "   2  checkpoint   0, 1         6",
            "   3  checkpoint   2            7  `next`"
        ]
    );
    assert!(tape.nodes()[2].differentiable && !tape.nodes()[2].repeatable);
    let sentence = tape
        .try_repeat(2, &[Tensor::from(x[0]), Tensor::from(x[1])])
        .unwrap_err()
        .to_string();
    assert!(
        sentence.contains("node 2 stands for a region"),
        "{sentence}"
    );
    let report = wengert_check::check_tape(&tape, y[1] * x[0]);
    assert!(report.is_pass(), "{report}");
    assert!(
        report
            .to_string()
            .contains("2 nodes of checkpoints are passed over"),
        "{report}"
    );
}

#[test]
fn the_tape_is_held_while_a_region_is_recorded() {
    let tape = Rc::new(Tape::new());
    let x = tape.var(1.0);
    let inside = Rc::downgrade(&tape);
    let sentence = refusal(|| {
        tape.checkpoint(&[x], move |x| {
            let tape = inside.upgrade().expect("the tape lives");
            let tensor = Tensor::stack(x);
            tape.view(tensor).sum() * x[0]
        })
    });
    assert!(sentence.contains("use value()"), "{sentence}");
    assert_eq!(tape.len(), 1);
}

#[test]
fn a_closure_that_drops_the_tape_stops_the_sweep() {
    for way in 0..3 {
        let slot = Rc::new(RefCell::new(None));
        let taken = slot.clone();
        let tape = Tape::new();
        let x = tape.var(1.5);
        let y = tape.checkpoint(&[x * x], move |x| {
            drop(taken.borrow_mut().take());
            x[0].sin()
        }) * x;
        *slot.borrow_mut() = Some(tape);
        let sentence = refusal(|| match way {
            0 => y.backward()[x],
            1 => y.grad(&[x])[0].value(),
            _ => y.hessian(&[x])[[0, 0]],
        });
        assert!(sentence.contains("cleared or dropped"), "{sentence}");
        assert!(refusal(|| x + 1.0).contains("dropped"));
        let fresh = Tape::new();
        let z = fresh.var(2.0);
        assert_eq!((z * z).backward()[z], 4.0);
    }
}

#[test]
fn what_a_closure_holds_goes_with_its_nodes() {
    let held = Rc::new(());
    let mut tape = Tape::new();
    let x = tape.var(1.0);
    let mark = tape.mark();
    let record = |tape: &Tape| {
        let held = held.clone();
        tape.checkpoint(&[x], move |x| {
            let _here = &held;
            x[0].sin()
        })
    };
    record(&tape).backward();
    assert_eq!(Rc::strong_count(&held), 2);
    tape.rewind(mark);
    assert_eq!(Rc::strong_count(&held), 1);
    record(&tape);
    drop(tape);
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn adjoints_of_constants_stay_refused_and_others_known() {
    let tape = Tape::new();
    let (x, c) = (tape.var(2.0), tape.constant(array![3.0, 4.0]));
    let y = tape.checkpoint(&[x], move |x| (c * x[0]).sum());
    let z = y * y;
    let g = z.backward();
    assert_eq!((g[y], g[x]), (28.0, 196.0));
    assert!(g.get_tensor(c).is_none());
    let frozen = tape.no_grad(|| tape.checkpoint(&[x], |x| x[0] * x[0]));
    let g = (frozen * x).backward();
    assert_eq!(g[x], 4.0);
    assert!(g.get(frozen).is_none());
}
