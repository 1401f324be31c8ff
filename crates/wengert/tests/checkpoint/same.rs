//! Every function with and without checkpoints.

use std::rc::Rc;

use ndarray::array;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wengert::{CustomOp, Outputs, Program, Tape, Tensor, Var};

use crate::bits;

/// A tape that makes checkpoints, or runs their closures plainly.
struct Way {
    tape: Rc<Tape>,
    checkpoints: bool,
}

impl Way {
    fn run<O: Outputs>(&self, inputs: &[Var], f: impl Fn(&[Var]) -> O + 'static) -> O {
        match self.checkpoints {
            true => self.tape.checkpoint(inputs, f),
            false => f(inputs),
        }
    }

    /// The same way, for a closure to keep.
    fn inside(&self) -> impl Fn(&[Var], fn(&[Var]) -> Var) -> Var + 'static {
        let (tape, checkpoints) = (Rc::downgrade(&self.tape), self.checkpoints);
        move |inputs, f| {
            let tape = tape.upgrade().expect("the tape lives");
            Way { tape, checkpoints }.run(inputs, f)
        }
    }
}

type Function = fn(&Way, &[Var]) -> Var;

/// Functions of three variables, with the number of nodes that they have with checkpoints.
const FUNCTIONS: &[(&str, Function, usize)] = &[
    (
        "one output",
        |w, x| w.run(x, |x| (x[0] * x[1]).sin() + x[2]).exp(),
        2,
    ),
    (
        "inputs are used before, inside and after",
        |w, x| {
            let s = x[0] * x[1] / 3.0;
            let y = w.run(&[s, x[2]], |a| a[0].sin() * a[1] + a[0] / a[1] - a[0] * 0.3);
            (y + s * x[2] + s.cos()) * x[0]
        },
        8,
    ),
    (
        "captured handles alone",
        |w, x| {
            let (a, b) = (x[0], x[1].sin());
            let y = w.run(&[], move |_| (a * b).exp() / (a + b) - b);
            y * a * b + x[2]
        },
        5,
    ),
    (
        "several outputs",
        |w, x| {
            let [p, q, r] = w.run(x, |x| {
                let p = x[0] * x[1];
                let q = p.sin() + x[2];
                [p, q, q * p / x[1]]
            });
            p * q - q / r + p + p * 0.1
        },
        9,
    ),
    (
        "one output is not used",
        |w, x| {
            let y = w.run(x, |x| vec![x[0].exp(), x[1].ln(), x[2] * x[0]]);
            y[0] * y[2]
        },
        4,
    ),
    (
        "outputs that are no nodes of their own",
        |w, x| {
            let captured = x[1];
            let y = w.run(&x[..1], move |a| {
                let s = a[0] * captured;
                vec![s, a[0], s, captured, Var::constant(3.0), s.sin()]
            });
            assert!(y[4].is_constant());
            assert_eq!(y[1].index(), 0);
            assert_eq!(y[3].index(), 1);
            assert_eq!(y[0].index(), y[2].index());
            (y[0] + y[5]) * y[2] / y[1] - y[3] * y[4] * y[2] + x[2] * y[1]
        },
        10,
    ),
    (
        "one inside another",
        |w, x| {
            let inside = w.inside();
            let c = x[2];
            let y = w.run(x, move |x| {
                let u = x[0] * x[1];
                let v = inside(&[u, c], |a| (a[0] / a[1]).sin() + a[0] * a[0]);
                let t = inside(&[v, x[0]], |a| a[0] * a[1] + a[1].sqrt());
                v * u + t.square() + c * u
            });
            y * x[0] + y / c
        },
        4,
    ),
    (
        "one after another",
        |w, x| {
            let mut s = x[0];
            let (a, b) = (x[1], x[2]);
            for _ in 0..5 {
                s = w.run(&[s], move |s| (s[0] * a).sin() + b / (s[0] + 2.0));
            }
            s * s
        },
        6,
    ),
    (
        "three operands, powers and a branch",
        |w, x| {
            w.run(x, |x| {
                let y =
                    x[0].mul_add(x[1], x[2]) + x[0].powi(3) + 2.0_f64.powf(1.5) * x[1].pow(x[2]);
                if y > x[0] { y.max(x[0]) * x[2] } else { y }
            }) * 2.0
        },
        2,
    ),
    (
        "no derivative passes",
        |w, x| {
            let y = w.run(x, |x| {
                (x[0] * x[1]).detach() * x[1] + (x[2] * x[0]).sin().detach()
            });
            let z = w.tape.no_grad(|| w.run(x, |x| x[0] * x[1] + x[2]));
            y * x[0] + z * x[1]
        },
        5,
    ),
    (
        "no derivative passes inside",
        |w, x| {
            let tape = Rc::downgrade(&w.tape);
            w.run(x, move |x| {
                let tape = tape.upgrade().expect("the tape lives");
                let s = tape.no_grad(|| (x[0] + x[1]).sin());
                s * x[0] + x[2] * s
            }) + x[0]
        },
        2,
    ),
    (
        "tensors inside",
        |w, x| {
            let all = Tensor::stack(x);
            let y = w.run(x, move |x| {
                let m = all.constant_beside(array![[1.0, -2.0, 0.5], [0.3, 1.0, 2.0]]);
                let h = m.matmul(Tensor::stack(x) * all).tanh();
                let s = h.logsumexp();
                [s * x[0], h.get(&[1]), h.square().mean()]
            });
            (y[0] + y[1] * y[2]) * all.sum()
        },
        8,
    ),
    (
        "a custom operation inside",
        |w, x| {
            let cube = CustomOp::new("cube", |x| x[0].mapv(|x: f64| x * x * x))
                .vjp(|g, x, _| vec![g * x[0].square() * 3.0])
                .jvp(|t, x, _| t[0] * x[0].square() * 3.0);
            w.run(x, move |x| cube.call_scalars(&[x[0] * x[1]]) / x[2]) + x[0]
        },
        2,
    ),
    (
        "derivatives inside",
        |w, x| {
            w.run(x, |x| {
                let c = x[2];
                let inner = wengert::grad(move |y: &[Var]| (y[0] * c).sin() * y[1]);
                let g = inner(&x[..2]);
                let y = g[0] * x[1] + g[1];
                y.grad(&x[..1])[0] * y
            }) - x[1]
        },
        2,
    ),
    (
        "sums of many inside, of captured handles too",
        |w, x| {
            let outer = [x[0].sin(), x[1].cos(), x[2]];
            let y = w.run(&[x[0]], move |a| {
                let terms = (0..12).map(|k| outer[k % 3] * a[0] * k as f64);
                terms.sum::<Var>() * Var::dot(&outer, &[outer[1], a[0], Var::constant(0.5)])
            });
            y * outer[0]
        },
        4,
    ),
    (
        "an output that is an input",
        |w, x| w.run(x, |x| x[2]) * x[0],
        1,
    ),
    (
        "an infinite partial behind a zero",
        |w, x| w.run(x, |x| ((x[0] - 0.7).sqrt() * 0.0).square() + x[1]) * x[2],
        2,
    ),
];

/// Everything that can be asked of `f`: value, adjoints, tangents and recorded derivatives of the first order; derivatives of
/// the second and the third; and the number of nodes.
fn answers(f: Function, checkpoints: bool) -> (Vec<f64>, Vec<f64>, usize) {
    let tape = Rc::new(Tape::new());
    let x = tape.vars(&[0.7, 1.3, 2.1]);
    let way = Way {
        tape: tape.clone(),
        checkpoints,
    };
    let y = f(&way, &x);
    let nodes = tape.len();
    let before = (nodes, tape.bytes());
    let g = y.backward();
    let t = tape.jvp(&[(x[0], 0.3), (x[1], -1.0), (x[2], 2.0)]);
    let mut first = vec![y.value(), g[y], t[y]];
    first.extend(g.of(&x));
    let mut higher = y.hvp(&x, &[1.0, -0.5, 0.25]);
    higher.extend(y.hessian(&x));
    assert_eq!((tape.len(), tape.bytes()), before);
    let recorded = y.grad(&x);
    first.extend(recorded.iter().map(|d| d.value()));
    let mixed = recorded[0] * recorded[1] + recorded[2];
    higher.extend(mixed.backward().of(&x));
    higher.extend(mixed.hessian(&x));
    let seeds = [(Tensor::from(x[0]), Tensor::from(tape.var(0.3)))];
    let tangent = Tensor::from(y).jvp(&seeds).item();
    first.push(tangent.value());
    higher.extend(tangent.backward().of(&x));
    // Once more, now that much has been recorded after it.
    assert_eq!(bits(y.backward().of(&x)), bits(g.of(&x)));
    (first, higher, nodes - 3)
}

#[test]
fn every_derivative_is_that_of_the_plain_run() {
    for &(name, f, nodes) in FUNCTIONS {
        let (first, higher, _) = answers(f, false);
        let (same_first, same_higher, recorded) = answers(f, true);
        assert_eq!(bits(first), bits(same_first), "{name}");
        for (a, b) in higher.into_iter().zip(same_higher) {
            assert!(
                (a - b).abs() <= 1e-12 * a.abs().max(1.0),
                "{name}: {a:e} {b:e}"
            );
        }
        assert_eq!(recorded, nodes, "{name}: nodes");
    }
}

#[test]
fn adjoints_inside_f32_too() {
    let run = |checkpoint: bool| {
        let tape = Tape::new_f32();
        let x = tape.vars(&[0.7, 1.3]);
        let a = x[1];
        let f = move |x: &[Var<f32>]| [(x[0] * a).sin() / a, x[0].exp()];
        let [p, q] = match checkpoint {
            true => tape.checkpoint(&x[..1], f),
            false => f(&x[..1]),
        };
        let y = p * q + x[0];
        let t = tape.jvp(&[(x[0], 1.0)])[y];
        let g = y.backward();
        [
            y.value(),
            t,
            g[x[0]],
            g[x[1]],
            g[p],
            g[q],
            y.hessian(&x)[[0, 1]],
        ]
        .map(f32::to_bits)
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_program_holds_the_operations_of_regions() {
    for &(name, f, _) in FUNCTIONS {
        if name.contains("tensors") || name.contains("custom") {
            continue;
        }
        let program = |checkpoints| {
            let tape = Rc::new(Tape::new());
            let x = tape.vars(&[0.7, 1.3, 2.1]);
            let way = Way {
                tape: tape.clone(),
                checkpoints,
            };
            let y = f(&way, &x);
            let before = (tape.len(), tape.bytes());
            let program = tape.freeze(&x, &[y]).unwrap();
            assert_eq!((tape.len(), tape.bytes()), before, "{name}");
            program
        };
        let (plain, unfolded) = (program(false), program(true));
        assert_eq!(plain.len(), unfolded.len(), "{name}: instructions");
        for at in [[0.7, 1.3, 2.1], [0.8, 1.1, 1.9]] {
            let answers = |program: &Program| {
                let (value, gradient) = program.value_and_gradient(&at).unwrap();
                let hvp = program.hvp(&at, &[1.0, 2.0, -1.0]).unwrap();
                bits([vec![value], gradient, hvp].concat())
            };
            assert_eq!(answers(&plain), answers(&unfolded), "{name}");
        }
    }
}

#[test]
fn a_program_asks_the_comparisons_of_regions_again() {
    // What is given is no node of the region's own: an input, and a constant.
    let smaller = |x: &[Var]| if x[0] < x[1] { x[0] } else { x[1] };
    let sign = |x: &[Var]| Var::constant(if x[0] - x[1] < 0.0 { -1.0 } else { 1.0 });
    let inside = |x: &[Var]| {
        (x[0] - x[1]).max(Var::constant(0.0)) + if x[0] < x[1] { x[0] } else { x[1] * 2.0 }
    };
    let functions: [fn(&[Var]) -> Var; 3] = [smaller, sign, inside];
    for f in functions {
        let tape = Tape::new();
        let x = tape.vars(&[1.0, 2.0]);
        let y = tape.checkpoint(&x, f) * x[0];
        let program = tape.freeze(&x, &[y]).unwrap();
        assert_eq!(
            program.value(&[1.5, 2.5]).unwrap(),
            [f(&[Var::constant(1.5), Var::constant(2.5)]).value() * 1.5]
        );
        let other = program.value(&[2.5, 1.5]).unwrap_err().to_string();
        assert!(other.contains("would go another way"), "{other}");
    }
}

#[test]
fn random_numbers_are_drawn_again() {
    let run = |checkpoint: bool| {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let tape = Tape::new();
        let x = tape.vars(&[0.7, 1.3]);
        let noisy = |x: &[Var], rng: &mut ChaCha8Rng| {
            let mut y = x[0];
            for _ in 0..4 {
                y = (y * rng.random_range(0.5..1.5)).sin() + x[1] * rng.random::<f64>();
            }
            y
        };
        let mut y = x[0];
        for _ in 0..3 {
            let inputs = [y, x[1]];
            y = match checkpoint {
                true => tape.checkpoint_with(&inputs, &mut rng, noisy),
                false => noisy(&inputs, &mut rng),
            };
        }
        let mut numbers = vec![y.value(), rng.random()];
        numbers.extend(y.backward().of(&x));
        bits(numbers)
    };
    assert_eq!(run(true), run(false));
}
