//! Long loops that keep a few states: the bits of the plain loop, in the fewest steps that there are.

use std::cell::Cell;
use std::rc::Rc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wengert::{Budget, Tape, Tensor, Var};

use crate::bits;
use crate::common::refusal;

/// A step from captured parameters, the number of the step and the state.
type Step = fn([Var; 2], usize, &[Var]) -> Vec<Var>;

const LOOPS: &[(&str, Step)] = &[
    ("a pendulum", |[a, b], _, s| {
        let speed = s[1] - 0.1 * (a * s[0].sin() + b * s[1]);
        vec![s[0] + 0.1 * speed, speed, s[2] + s[0] * s[0]]
    }),
    ("the step counts", |[a, b], t, s| {
        let c = t as f64;
        vec![
            (s[0] * a + c).sin(),
            s[1] * 0.9 + s[0] / (b + c),
            s[2] - s[1] * 0.1,
        ]
    }),
    (
        "parts stay, repeat and change places",
        |[a, b], t, s| match t % 3 {
            0 => vec![s[1], s[0] * a, s[2]],
            1 => {
                let p = s[0] * s[1] * 0.7;
                vec![p, p, s[2] + p]
            }
            _ => vec![s[0].sin(), s[1] + s[2] * b, s[2]],
        },
    ),
    (
        "parameters and constants become state",
        |[a, b], t, s| match t % 4 {
            0 => vec![s[0] * s[2] + a, a, s[2]],
            1 => vec![s[0] * s[1] * 0.3, Var::constant(0.5), b],
            2 => vec![s[0] + s[1], s[1] * 2.0, s[2]],
            _ => vec![s[0].sin() + s[1] + b, s[1], s[0] * 0.5],
        },
    ),
    ("tensors inside", |[a, _], _, s| {
        let t = (Tensor::stack(s) * a).tanh();
        vec![t.get(&[0]) + t.get(&[1]), t.get(&[2]), t.sum() * 0.5]
    }),
];

struct Answers {
    first: Vec<u64>,
    second: Vec<f64>,
    nodes: usize,
}

fn answers(step: Step, steps: usize, budget: Option<Budget>) -> Answers {
    let tape = Tape::new();
    let x = tape.vars(&[0.7, -0.3, 0.2, 1.1, 0.4]);
    let parameters = [x[3], x[4]];
    let start = [x[0], x[1] * x[0], x[2]];
    let f = move |t: usize, s: &[Var]| step(parameters, t, s);
    let end = match budget {
        Some(budget) => tape.checkpointed_steps(&start, steps, budget, f),
        None => (0..steps).fold(start.to_vec(), |state, t| f(t, &state)),
    };
    let y = end[0] * x[3] + end[1] * end[2] + start[0];
    let nodes = tape.len();
    let mut numbers = vec![y.value()];
    for _ in 0..2 {
        numbers.extend(y.backward().of(&x));
    }
    numbers.push(tape.jvp(&[(x[0], 0.4), (x[4], 1.0)])[y]);
    let second = y.hessian(&x).into_iter().collect();
    assert_eq!(tape.len(), nodes);
    numbers.extend(y.grad(&x).iter().map(|d| d.value()));
    Answers {
        first: bits(numbers),
        second,
        nodes,
    }
}

#[test]
fn every_derivative_is_that_of_the_plain_loop() {
    for &(name, step) in LOOPS {
        for steps in [0, 1, 2, 7, 23] {
            let plain = answers(step, steps, None);
            for budget in [1, 2, 3, 5, 100].map(Budget::Snapshots) {
                let kept = answers(step, steps, Some(budget));
                assert_eq!(plain.first, kept.first, "{name}: {steps} steps, {budget:?}");
                for (a, b) in plain.second.iter().zip(&kept.second) {
                    assert!(
                        (a - b).abs() <= 1e-11 * a.abs().max(1.0),
                        "{name}: {a:e} {b:e}"
                    );
                }
                assert!(steps < 7 || kept.nodes <= 13, "{name}: {}", kept.nodes);
            }
        }
    }
}

#[test]
fn a_program_holds_all_steps() {
    let tape = Tape::new();
    let x = tape.vars(&[0.7, 1.1]);
    let a = x[1];
    let end = tape.checkpointed_steps(&x[..1], 30, Budget::Snapshots(3), move |_, s| {
        let y = (s[0] * a).sin();
        vec![if y < 0.4 { y + 0.5 } else { y }]
    });
    let program = tape.freeze(&x, &end).unwrap();
    let (value, gradient) = program.value_and_gradient(&[0.7, 1.1]).unwrap();
    assert_eq!(value, end[0].value());
    let wanted = end[0].backward().of(&x);
    for (a, b) in gradient.iter().zip(wanted) {
        assert!((a - b).abs() <= 1e-14 * b.abs());
    }
    assert!(
        program
            .value(&[0.1, 0.1])
            .unwrap_err()
            .to_string()
            .contains("another way")
    );
}

#[test]
fn loops_and_checkpoints_nest() {
    let run = |plain: bool| {
        let tape = Rc::new(Tape::new());
        let x = tape.vars(&[0.7, 1.1]);
        let a = x[1];
        let inside = Rc::downgrade(&tape);
        let inner = move |_: usize, s: &[Var]| vec![(s[0] * a).sin() + s[0] / 3.0];
        let outer = move |t: usize, s: &[Var]| {
            let tape = inside.upgrade().expect("the tape lives");
            let y = match plain {
                true => (0..6).fold(s.to_vec(), |s, t| inner(t, &s))[0],
                false => tape.checkpointed_steps(s, 6, Budget::Snapshots(2), inner)[0],
            };
            let f = move |y: &[Var]| y[0] * y[0] * 0.5 + a * t as f64;
            vec![if plain {
                f(&[y])
            } else {
                tape.checkpoint(&[y], f)
            }]
        };
        let end = match plain {
            true => (0..5).fold(x[..1].to_vec(), |s, t| outer(t, &s)),
            false => tape.checkpointed_steps(&x[..1], 5, Budget::Snapshots(2), outer),
        };
        let mut numbers = vec![end[0].value(), tape.jvp(&[(x[0], 1.0)])[end[0]]];
        numbers.extend(end[0].backward().of(&x));
        numbers.extend(end[0].grad(&x).iter().map(|d| d.value()));
        bits(numbers)
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn random_numbers_are_drawn_again() {
    let run = |budget: Option<Budget>| {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let tape = Tape::new();
        let x = tape.var(0.7);
        let step = |_: usize, s: &[Var], rng: &mut ChaCha8Rng| {
            vec![(s[0] * rng.random_range(0.5..1.5)).sin()]
        };
        let end = match budget {
            Some(budget) => tape.checkpointed_steps_with(&[x], &mut rng, 40, budget, step),
            None => (0..40).fold(vec![x], |s, t| step(t, &s, &mut rng)),
        };
        bits([
            end[0].value(),
            end[0].backward()[x],
            tape.jvp(&[(x, 1.0)])[end[0]],
            rng.random(),
        ])
    };
    for budget in [
        Budget::Snapshots(1),
        Budget::Snapshots(4),
        Budget::Bytes(2000),
    ] {
        assert_eq!(run(Some(budget)), run(None), "{budget:?}");
    }
}

#[test]
fn a_loop_runs_as_often_as_its_budget_says() {
    // A step with a tensor of 136 000 bytes is turned back alone. With s states kept, 20 of them take at least
    // 20 r - (s + r)! / ((s + 1)! (r - 1)!) steps forward, and each runs once more to be turned.
    for (states, least) in [(20, 19), (5, 33), (3, 45)] {
        let calls = Rc::new(Cell::new(0));
        let counted = calls.clone();
        let tape = Tape::new();
        let x = tape.var(0.5);
        let wide = tape.constant(ndarray::Array1::from_elem(17_000, 1e-4));
        let budget = Budget::Snapshots(states);
        let end = tape.checkpointed_steps(&[x], 20, budget, move |_, s| {
            counted.set(counted.get() + 1);
            vec![(wide * s[0]).sum()]
        });
        assert_eq!(calls.take(), 20);
        end[0].backward();
        let first = calls.take();
        assert!(first <= least + 20, "{states} states: {first}");
        end[0].backward();
        assert_eq!(calls.take(), least + 20, "{states} states");
        tape.jvp(&[(x, 1.0)]);
        assert_eq!(calls.take(), 20);
    }
}

#[test]
fn steps_of_very_different_size() {
    let run = |budget: Option<Budget>| {
        let tape = Tape::new();
        let x = tape.vars(&[0.7, 0.999]);
        let a = x[1];
        let step = move |t: usize, s: &[Var]| {
            // The first steps are small, so that many are turned back at once at first.
            let count = if t < 3000 { 1 } else { 1 + 3 * (t - 3000) };
            vec![(0..count).fold(s[0], |y, _| y * a)]
        };
        let end = match budget {
            Some(budget) => tape.checkpointed_steps(&x[..1], 3170, budget, step),
            None => (0..3170).fold(vec![x[0]], |s, t| step(t, &s)),
        };
        let gradient = end[0].backward().of(&x);
        bits([
            end[0].value(),
            gradient[0],
            gradient[1],
            tape.jvp(&[(a, 1.0)])[end[0]],
        ])
    };
    let plain = run(None);
    for budget in [3, 50].map(Budget::Snapshots) {
        assert_eq!(run(Some(budget)), plain, "{budget:?}");
    }
}

#[test]
fn bad_input_is_refused() {
    let tape = Tape::new();
    let x = tape.vars(&[1.0, 2.0]);
    let before = (tape.len(), tape.bytes());
    let cases: &[(&str, Budget, fn(usize, &[Var]) -> Vec<Var>)] = &[
        ("a budget of 0 states", Budget::Snapshots(0), |_, s| {
            s.to_vec()
        }),
        (
            "a budget of 40 bytes does not hold one state, which takes",
            Budget::Bytes(40),
            |_, s| s.to_vec(),
        ),
        (
            "step 3 gave 1 scalars from a state of 2",
            Budget::Snapshots(2),
            |t, s| match t {
                3 => vec![s[0] * 2.0],
                _ => vec![s[0] * s[1], s[1]],
            },
        ),
    ];
    for &(meant, budget, step) in cases {
        let sentence = refusal(|| tape.checkpointed_steps(&x, 5, budget, step));
        assert!(
            sentence.starts_with(&format!("checkpointed_steps: {meant}")),
            "{sentence}"
        );
        assert_eq!((tape.len(), tape.bytes()), before);
    }
}

#[test]
fn a_loop_that_does_something_else_is_refused() {
    // The step that changes, what it then does instead, and what is said of it.
    let cases: &[(usize, fn(Var) -> Var, &str)] = &[
        (19, |x| x * 2.0, "for scalar 0, which was"),
        (11, |x| x * 2.0, "for scalar 0, which was"),
        (0, |x| x * 2.0, "for scalar 0, which was"),
        (7, |x| x + x * 0.0, "recorded other operations"),
    ];
    for &(place, other, meant) in cases {
        let changed = Rc::new(Cell::new(false));
        let read = changed.clone();
        let tape = Tape::new();
        let x = tape.var(0.5);
        let end = tape.checkpointed_steps(&[x], 20, Budget::Snapshots(3), move |t, s| {
            vec![if read.get() && t == place {
                other(s[0])
            } else {
                s[0] * 1.0
            }]
        });
        let before = (tape.len(), tape.bytes());
        changed.set(true);
        let sentence = end[0].try_backward().unwrap_err().to_string();
        assert!(
            sentence.contains(meant) && sentence.contains("checkpointed_steps_with"),
            "{place}: {sentence}"
        );
        assert!(refusal(|| tape.jvp(&[(x, 1.0)])).contains("run once more"));
        assert!(end[0].try_grad(&[x]).is_err());
        assert_eq!((tape.len(), tape.bytes()), before);
        changed.set(false);
        assert_eq!(end[0].backward()[x], 1.0);
    }
}

#[test]
fn a_step_that_panics_leaves_the_tape_as_it_was() {
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    let tape = Tape::new();
    let x = tape.var(0.5);
    let step = move |_: usize, s: &[Var], drawn: &mut u32| {
        *drawn += 1;
        counted.set(counted.get() + 1);
        let y = s[0].sin();
        assert!(
            counted.get() != 13,
            "{} is an unlucky number",
            counted.get()
        );
        vec![y]
    };
    let budget = Budget::Snapshots(3);
    let (mut drawn, before) = (0, (tape.len(), tape.bytes()));
    let sentence =
        refusal(|| tape.checkpointed_steps_with(&[x], &mut drawn, 20, budget, step.clone()));
    assert_eq!(sentence, "13 is an unlucky number");
    assert_eq!((tape.len(), tape.bytes(), drawn), (before.0, before.1, 0));
    let end = tape.checkpointed_steps_with(&[x], &mut drawn, 20, budget, step);
    assert_eq!(drawn, 20);
    let wanted = end[0].backward()[x];
    for unlucky in [1, 10, 20] {
        let before = (tape.len(), tape.bytes());
        calls.set(13 - unlucky);
        assert_eq!(refusal(|| end[0].backward()), "13 is an unlucky number");
        assert_eq!((tape.len(), tape.bytes()), before);
        assert_eq!(end[0].backward()[x], wanted);
    }
}
