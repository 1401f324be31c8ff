//! Custom operations whose rules panic, record, or take the tape away in the middle of a sweep.

mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use ndarray::{ArrayD, ArrayViewD, array};
use wengert::{CustomOp, Tape, Tensor, Var};

use common::refusal;

type Slot = Rc<RefCell<Option<Tape>>>;

fn double(x: &[ArrayViewD<'_, f64>]) -> ArrayD<f64> {
    &x[0] * 2.0
}

/// An operation that doubles, and calls `first` in both of its rules.
fn doubling(first: impl Fn(Tensor) + Clone + 'static) -> CustomOp {
    let second = first.clone();
    CustomOp::new("doubling", double)
        .vjp(move |g, _, _| {
            first(g);
            vec![g * 2.0]
        })
        .jvp(move |t, _, _| {
            second(t[0]);
            t[0] * 2.0
        })
}

/// Every way to run the rules of `y`, which depends on `x`.
fn sweeps(tape: &Tape, x: Var, y: Var) -> Vec<Box<dyn Fn() -> f64 + '_>> {
    vec![
        Box::new(move || y.backward()[x]),
        Box::new(move || y.grad(&[x])[0].value()),
        Box::new(move || tape.jvp(&[(x, 1.0)])[y]),
        Box::new(move || {
            let tangent = Tensor::from(tape.var(1.0));
            Tensor::from(y)
                .jvp(&[(Tensor::from(x), tangent)])
                .item()
                .value()
        }),
    ]
}

#[test]
fn a_rule_that_panics_leaves_the_tape_as_it_was() {
    let angry = Rc::new(Cell::new(false));
    let mood = angry.clone();
    let op = doubling(move |g| {
        let _ = g * 3.0;
        assert!(!mood.get(), "the rule is angry");
    });
    let tape = Tape::new();
    let x = tape.var(1.5);
    let y = op.call_scalars(&[x.sin()]) * x;
    let calm: Vec<f64> = sweeps(&tape, x, y).iter().map(|sweep| sweep()).collect();
    assert_eq!(calm, [calm[0]; 4]);
    angry.set(true);
    for (k, sweep) in sweeps(&tape, x, y).iter().enumerate() {
        let before = (tape.len(), tape.bytes());
        assert_eq!(refusal(sweep), "the rule is angry");
        // The last way records its tangent first.
        assert_eq!(tape.len(), before.0 + usize::from(k == 3));
        assert_eq!((x * x).backward()[x], 3.0);
    }
    angry.set(false);
    assert_eq!(y.backward()[x], calm[0]);
}

#[test]
fn what_a_rule_records_in_a_numeric_sweep_is_taken_back() {
    let leak = Rc::new(Cell::new(None));
    let taken = leak.clone();
    let op = doubling(move |g| {
        let inner = (g * 5.0).sum();
        // A sweep inside a sweep.
        assert_eq!(inner.backward()[g.item()], 5.0);
        taken.set(Some(inner));
    });
    let tape = Tape::new();
    let x = tape.var(1.5);
    let y = op.call_scalars(&[x]);
    let before = (tape.len(), tape.bytes());
    assert_eq!(y.backward()[x], 2.0);
    assert_eq!((tape.len(), tape.bytes()), before);
    assert!(refusal(|| leak.get().unwrap().value()).contains("stale Var"));
    // In a recorded sweep it is part of the tape.
    assert_eq!(y.grad(&[x])[0].value(), 2.0);
    assert_eq!(leak.get().unwrap().value(), 5.0);
}

#[test]
fn a_rule_that_drops_the_tape_stops_the_sweep() {
    for way in 0..4 {
        let slot: Slot = Rc::new(RefCell::new(Some(Tape::new())));
        let taken = slot.clone();
        let op = doubling(move |_| drop(taken.borrow_mut().take()));
        let (x, y) = {
            let tape = slot.borrow();
            let x = tape.as_ref().unwrap().var(1.5);
            (x, (op.call_scalars(&[x * x]) + x) * x)
        };
        let sentence = refusal(|| match way {
            0 => y.backward()[x],
            1 => y.grad(&[x])[0].value(),
            2 => y.hessian(&[x])[[0, 0]],
            _ => {
                let tangent = Tensor::from(x);
                Tensor::from(y).jvp(&[(tangent, tangent)]).item().value()
            }
        });
        assert!(
            sentence.contains("stale") || sentence.contains("dropped"),
            "{way}: {sentence}"
        );
        assert!(slot.borrow().is_none());
        assert!(refusal(|| x + 1.0).contains("dropped"));
        // Lists of new tapes are sound.
        let tapes: Vec<Tape> = (0..4).map(|_| Tape::new()).collect();
        for tape in &tapes {
            let z = tape.var(2.0);
            assert_eq!((z * z).backward()[z], 4.0);
        }
    }
}

#[test]
fn a_rule_that_clears_or_rewinds_the_tape_is_refused() {
    for rewinds in [false, true] {
        let slot: Slot = Rc::new(RefCell::new(Some(Tape::new())));
        let start = slot.borrow().as_ref().unwrap().mark();
        let taken = slot.clone();
        let op = doubling(move |_| {
            let mut tape = taken.borrow_mut();
            match rewinds {
                true => tape.as_mut().unwrap().rewind(start),
                false => tape.as_mut().unwrap().clear(),
            }
        });
        let x = slot.borrow().as_ref().unwrap().var(1.5);
        let y = op.call_scalars(&[x]) * x;
        for sweep in [
            (|y, x| assert!(y.backward()[x] > 0.0)) as fn(Var, Var),
            |y, x| assert!(!y.grad(&[x]).is_empty()),
            |y, x| assert!(!y.hvp(&[x], &[1.0]).is_empty()),
        ] {
            let sentence = refusal(|| sweep(y, x));
            assert!(
                sentence.contains("a derivative is being computed on this tape"),
                "{sentence}"
            );
        }
        assert_eq!((x * x).backward()[x], 3.0);
        slot.borrow_mut().as_mut().unwrap().clear();
    }
}

/// A view may not outlive what it shows; what a rule records goes when the rule returns.
#[test]
fn a_rule_may_not_look_at_the_tape_in_place() {
    let tape: &'static Tape = Box::leak(Box::new(Tape::new()));
    let op = doubling(move |g| assert!(!tape.view(g).is_empty()));
    let x = tape.var(1.5);
    let y = op.call_scalars(&[x]);
    assert!(refusal(|| y.backward()).contains("use value(), which copies"));
    assert_eq!(tape.view(Tensor::from(y))[[]], 3.0);
}

#[test]
fn a_value_that_drops_the_tape_is_refused() {
    let slot: Slot = Rc::new(RefCell::new(Some(Tape::new())));
    let taken = slot.clone();
    let op = CustomOp::new("vanish", move |x| {
        drop(taken.borrow_mut().take());
        x[0].to_owned()
    });
    let x = slot.borrow().as_ref().unwrap().var(1.5);
    assert!(refusal(|| op.call_scalars(&[x])).contains("stale"));
}

#[test]
fn missing_and_wrong_rules_are_named() {
    let tape = Tape::new();
    let x = tape.var(1.5);
    let bare = CustomOp::new("bare", double);
    let y = bare.call_scalars(&[x]);
    let before = tape.len();
    assert!(refusal(|| y.backward()).contains("custom op `bare` has no vjp rule"));
    assert!(refusal(|| tape.jvp(&[(x, 1.0)])).contains("custom op `bare` has no jvp rule"));
    assert!(refusal(|| y.grad(&[x])).contains("custom op `bare` has no vjp rule"));
    let none = CustomOp::new("none", double).vjp(|_, _, _| Vec::new());
    let z = none.call_scalars(&[x]);
    assert!(
        refusal(|| z.backward()).contains("the vjp of `none` returned 0 cotangents for 1 inputs")
    );
    let w = tape.tensor(array![1.0, 2.0]);
    let wide = CustomOp::new("wide", double).vjp(|g, x, _| vec![g * x[0].unsqueeze(1)]);
    let v = wide.call(&[w]).sum();
    assert!(v.backward()[w].iter().all(|&g| g == 3.0));
    let bent = CustomOp::new("bent", double).vjp(|_, x, _| vec![x[0].get(&[0]).into()]);
    let u = bent.call(&[w]).sum();
    let sentence = refusal(|| u.backward());
    assert!(
        sentence.contains("`bent`") && sentence.contains("[2]"),
        "{sentence}"
    );
    // An operation whose value has axes is no scalar, and leaves nothing behind.
    let after = tape.len();
    let stretched = CustomOp::new("stretched", |x| {
        x[0].broadcast(ndarray::IxDyn(&[2])).unwrap().to_owned()
    });
    assert!(refusal(|| stretched.call_scalars(&[x])).contains("must have rank 0"));
    assert_eq!(tape.len(), after);
    assert!(refusal(|| bare.call(&[])).contains("`bare` was called without inputs"));
    assert!(before < after);
}

/// A cotangent or a tangent of another tape is not taken for a node of this one.
#[test]
fn a_rule_that_returns_a_stranger_is_refused() {
    let other: &'static Tape = Box::leak(Box::new(Tape::new()));
    let stranger = other.tensor(array![7.0]).sum();
    let op = CustomOp::new("stranger", double)
        .vjp(move |_, _, _| vec![stranger.into()])
        .jvp(move |_, _, _| stranger.into());
    let tape = Tape::new();
    let x = tape.var(1.5);
    let y = op.call_scalars(&[x]) * x;
    for (k, sweep) in sweeps(&tape, x, y).iter().enumerate() {
        let sentence = refusal(sweep);
        assert!(sentence.contains("two different tapes"), "{k}: {sentence}");
    }
}

/// What a rule has captured may use a tape when it is dropped, even this one.
#[test]
fn what_a_closure_captured_is_dropped_when_nothing_is_borrowed() {
    struct Last(Var, Rc<Cell<f64>>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.1
                .set((Tensor::stack(&[self.0, self.0]).sum() + self.0).value());
        }
    }
    let mut tape = Tape::new();
    let x = tape.var(1.5);
    let mark = tape.mark();
    let seen = Rc::new(Cell::new(0.0));
    let last = Last(x, seen.clone());
    let op = CustomOp::new("last", move |x| {
        let _ = &last;
        x[0].to_owned()
    });
    let y = op.call_scalars(&[x]);
    drop(op);
    assert_eq!((y.value(), seen.get()), (1.5, 0.0));
    tape.rewind(mark);
    assert_eq!(seen.get(), 4.5);
    assert_eq!((x * x).backward()[x], 3.0);
}

#[test]
fn what_a_value_records_by_itself_is_not_taken_back_with_the_operation() {
    let tape: &'static Tape = Box::leak(Box::new(Tape::new()));
    let kept = Rc::new(Cell::new(None));
    let op = {
        let kept = kept.clone();
        CustomOp::new("spy", move |_| {
            kept.set(Some(tape.view(tape.tensor(ndarray::array![1.0, 2.0]))));
            ndarray::array![0.0].into_dyn() // not of rank 0: refused
        })
    };
    let x = tape.var(1.0);
    let refused = catch_unwind(AssertUnwindSafe(|| op.call_scalars(&[x])));
    assert!(refused.is_err());
    assert_eq!(kept.take().unwrap().as_slice(), Some([1.0, 2.0].as_slice()));
    assert_eq!(tape.len(), 2);
}
