//! Sums and dot products of many scalars, which are one node each, beside chains of additions.

use wengert::{Error, Tape, Var};

fn chain(terms: &[Var]) -> Var {
    let mut terms = terms.iter().copied();
    let first = terms.next().unwrap();
    terms.fold(first, |sum, term| sum + term)
}

fn products(x: &[Var], y: &[Var]) -> Var {
    chain(&x.iter().zip(y).map(|(&x, &y)| x * y).collect::<Vec<_>>())
}

type F = Box<dyn Fn(&[Var]) -> Var>;

/// What is recorded as one node, and the same as a chain.
fn cases() -> Vec<(&'static str, F, F)> {
    fn case(
        what: &'static str,
        one: impl Fn(&[Var]) -> Var + 'static,
        many: impl Fn(&[Var]) -> Var + 'static,
    ) -> (&'static str, F, F) {
        (what, Box::new(one), Box::new(many))
    }
    let mixed = |x: &[Var]| -> Vec<Var> {
        let mut terms: Vec<Var> = x.iter().map(|&x| x.sin()).collect();
        terms.insert(0, Var::constant(0.25));
        terms.insert(4, Var::constant(-3.0));
        terms.extend([x[1], x[1], x[0] * x[1], Var::constant(1e-3)]);
        terms
    };
    vec![
        case("sum", |x| x.iter().sum(), chain),
        case(
            "mixed",
            move |x| mixed(x).iter().sum::<Var>().exp(),
            move |x| chain(&mixed(x)).exp(),
        ),
        case(
            "squares",
            |x| Var::dot(x, x).sqrt(),
            |x| products(x, x).sqrt(),
        ),
        case(
            "dot",
            |x| Var::dot(&x[1..], &x[..x.len() - 1]),
            |x| products(&x[1..], &x[..x.len() - 1]),
        ),
        case(
            "with constants",
            |x| {
                Var::dot(
                    x,
                    &x.iter()
                        .map(|x| Var::constant(x.index() as f64))
                        .collect::<Vec<_>>(),
                ) * x[0]
            },
            |x| {
                products(
                    x,
                    &x.iter()
                        .map(|x| Var::constant(x.index() as f64))
                        .collect::<Vec<_>>(),
                ) * x[0]
            },
        ),
        case(
            "with constants on both sides",
            move |x| {
                Var::dot(
                    &mixed(x),
                    &mixed(&x.iter().rev().copied().collect::<Vec<_>>()),
                )
            },
            move |x| {
                products(
                    &mixed(x),
                    &mixed(&x.iter().rev().copied().collect::<Vec<_>>()),
                )
            },
        ),
        case(
            "one in another",
            |x| {
                (0..9)
                    .map(|k| (0..9).map(|i| x[i] * f64::from(k)).sum::<Var>().tanh())
                    .sum()
            },
            |x| {
                chain(
                    &(0..9)
                        .map(|k| {
                            chain(&(0..9).map(|i| x[i] * f64::from(k)).collect::<Vec<_>>()).tanh()
                        })
                        .collect::<Vec<_>>(),
                )
            },
        ),
        case(
            "a detached term",
            |x| x.iter().map(|x| *x * x.detach()).sum(),
            |x| chain(&x.iter().map(|x| *x * x.detach()).collect::<Vec<_>>()),
        ),
    ]
}

fn point(n: usize) -> Vec<f64> {
    (0..n).map(|k| 0.3 + ((k * 7) % 11) as f64 / 5.0).collect()
}

#[track_caller]
fn close(what: &str, got: &[f64], wanted: &[f64]) {
    let scale = wanted.iter().fold(1.0_f64, |s, x| s.max(x.abs()));
    let near = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-13 * scale;
    assert!(
        got.len() == wanted.len() && got.iter().zip(wanted).all(near),
        "{what}: {got:?} is not {wanted:?}"
    );
}

#[test]
fn one_node_is_what_a_chain_is() {
    for n in [9, 10, 33] {
        let x = point(n);
        let v: Vec<f64> = x.iter().map(|x| 1.0 - x).collect();
        for (what, one, many) in cases() {
            let tape = Tape::new();
            let inputs = tape.vars(&x);
            let (z, plain) = (one(&inputs), many(&inputs));
            assert_eq!(z.value().to_bits(), plain.value().to_bits(), "{what}");
            let g = z.backward().of(&inputs);
            close(what, &g, &plain.backward().of(&inputs));
            let recorded: Vec<f64> = z.grad(&inputs).iter().map(|g| g.value()).collect();
            assert_eq!(recorded, g, "{what}");
            close(what, &z.hvp(&inputs, &v), &plain.hvp(&inputs, &v));
            close(
                what,
                &z.hessian(&inputs).into_raw_vec_and_offset().0,
                &plain.hessian(&inputs).into_raw_vec_and_offset().0,
            );
            let seeds: Vec<(Var, f64)> = inputs.iter().copied().zip(v.iter().copied()).collect();
            let tangents = tape.jvp(&seeds);
            close(what, &[tangents[z]], &[tangents[plain]]);

            let programs = [z, plain].map(|z| tape.freeze(&inputs, &[z]).unwrap());
            assert_eq!(programs[0].len(), programs[1].len(), "{what}");
            assert_eq!(
                programs[0].value(&v).unwrap()[0].to_bits(),
                programs[1].value(&v).unwrap()[0].to_bits(),
                "{what}"
            );
            close(what, &programs[0].gradient(&x).unwrap(), &g);
        }
    }
}

#[test]
fn how_many_nodes() {
    let tape = Tape::new();
    let x = tape.vars(&point(100));
    for (n, nodes) in [(0, 0), (1, 0), (2, 1), (7, 6), (8, 1), (100, 1)] {
        let before = tape.len();
        let sum: Var = x[..n].iter().sum();
        assert_eq!(tape.len() - before, nodes, "{n}");
        assert_eq!(sum.is_constant(), n == 0);
    }
    for (n, nodes) in [(0, 0), (1, 1), (3, 1), (100, 1)] {
        let before = tape.len();
        let _ = Var::dot(&x[..n], &x[..n]);
        assert_eq!(tape.len() - before, nodes, "{n}");
    }
    let before = tape.len();
    let constants = vec![Var::constant(2.0); 10];
    assert!(constants.iter().sum::<Var>().is_constant());
    assert_eq!(Var::dot(&constants, &constants).value(), 40.0);
    assert_eq!(tape.len(), before);
}

#[test]
fn in_single_precision() {
    let tape = Tape::new_f32();
    let x = tape.vars(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let z = x.iter().sum::<Var<f32>>() * Var::dot(&x, &x);
    assert_eq!(z.value(), 36.0 * 204.0);
    assert_eq!(z.backward()[x[1]], 204.0 + 36.0 * 4.0);
}

#[test]
fn memory_goes_with_the_nodes() {
    let mut tape = Tape::new();
    let x = tape.vars(&point(50));
    let mark = tape.mark();
    let step = |tape: &Tape| {
        let z = x.iter().map(|x| x.sin()).sum::<Var>() + Var::dot(&x, &x);
        let g = z.backward().of(&x);
        (z.value(), g, tape.bytes())
    };
    let first = step(&tape);
    for _ in 0..3 {
        tape.rewind(mark);
        assert_eq!(step(&tape), first);
    }
    tape.clear();
    assert_eq!(tape.bytes(), 0);
}

#[test]
fn what_stands_on_the_list() {
    let tape = Tape::new();
    let x = tape.vars(&[1.0, 2.0, 3.0, 4.0]);
    let c = Var::constant(0.5);
    let z = Var::dot(&[x[0], c, x[2], x[3]], &[x[1], x[2], c, x[3]]);
    let info = &tape.nodes()[z.index()];
    assert_eq!(
        (info.op.as_str(), &info.operands[..]),
        ("dot", &[0, 1, 2, 2, 3, 3][..])
    );
    assert_eq!(info.partials, [2.0, 1.0, 0.5, 0.5, 4.0, 4.0]);
    assert_eq!(
        info.to_string(),
        "   4  dot          0, 1, 0.5, 2, 2, 0.5, 3, 3 21"
    );
    let operands: Vec<_> = info.operands.iter().map(|&k| tape.handle(k)).collect();
    assert_eq!(tape.repeat(z.index(), &operands).item().value(), 21.0);
    let sum: Var = [x[0], x[1], x[2], c, x[3], x[0], x[1], x[2]].iter().sum();
    let info = &tape.nodes()[sum.index()];
    assert_eq!(info.to_string().split_whitespace().nth(1), Some("sum"));
    let operands: Vec<_> = info.operands.iter().map(|&k| tape.handle(k)).collect();
    assert_eq!(
        tape.repeat(sum.index(), &operands).item().value(),
        sum.value()
    );
}

#[test]
fn derivatives_stop_and_numbers_are_watched() {
    let tape = Tape::new();
    let x = tape.vars(&point(10));
    let z = tape.no_grad(|| Var::dot(&x, &x)) * x[0] + x.iter().sum::<Var>();
    let g = z.backward();
    assert_eq!((g[x[1]], g[x[0]] > 2.0), (1.0, true));

    tape.watch_non_finite(true);
    let mut large = tape.vars(&[1.0; 6]);
    large.extend([tape.var(1e308).named("large"), tape.var(1e308)]);
    let nodes = tape.len();
    let said = |f: &dyn Fn() -> Var| {
        let f = std::panic::AssertUnwindSafe(f);
        let why = std::panic::catch_unwind(|| f().backward());
        *why.unwrap_err().downcast::<String>().unwrap()
    };
    let why = said(&|| large.iter().sum());
    assert!(
        why.contains("forward") && why.contains("sum, made inf"),
        "{why}"
    );
    assert!(why.contains("`large` = 1e308"), "{why}");
    assert_eq!(tape.len(), nodes);
    let small = tape.vars(&[1e-300; 8]);
    let why = said(&|| Var::dot(&large, &small) * 1e10);
    assert!(
        why.contains("backward") && why.contains("dot, made inf"),
        "{why}"
    );
}

#[test]
fn what_is_refused_leaves_the_tape_as_it_was() {
    let other = Tape::new();
    let mut tape = Tape::new();
    let x = tape.vars(&point(10));
    let foreign = other.vars(&point(10));
    let mark = tape.mark();
    let gone = tape.vars(&point(10));
    tape.rewind(mark);
    let nodes = tape.len();
    assert!(matches!(
        Var::try_dot(&x, &foreign),
        Err(Error::Foreign { op: "dot" })
    ));
    assert!(matches!(
        Var::try_dot(&x, &gone),
        Err(Error::Stale { op: "dot", .. })
    ));
    let why = Var::try_dot(&x, &x[1..]).unwrap_err().to_string();
    assert!(why.contains("lists of 10 and 9 scalars"), "{why}");
    for terms in [[x.clone(), gone].concat(), [x.clone(), foreign].concat()] {
        assert!(std::panic::catch_unwind(|| terms.iter().sum::<Var>()).is_err());
    }
    assert_eq!(tape.len(), nodes);
    let sum = x.iter().sum::<Var>();
    assert_eq!(sum.backward()[x[3]], 1.0);
}

#[test]
#[should_panic(expected = "the tape was cleared or rewound while the terms were being computed")]
fn a_tape_that_is_rewound_between_the_terms() {
    let mut tape = Tape::new();
    let x = tape.vars(&point(20));
    let _ = (0..20)
        .map(|k| {
            if k == 15 {
                let mark = tape.mark();
                let _ = tape.var(1.0);
                tape.rewind(mark);
            }
            x[k]
        })
        .sum::<Var>();
}
