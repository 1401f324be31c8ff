//! Sparsity patterns beside the same found with full sets, and on shapes where sets grow.

use std::collections::BTreeSet;

use proptest::prelude::*;
use wengert::{Pattern, Program, Var};

fn entries(program: &Program, pattern: &Pattern) -> BTreeSet<(usize, usize)> {
    let x = vec![0.5; program.inputs()];
    let matrix = program.workspace().sparse(pattern, &x).unwrap();
    let row = |(i, ends): (usize, &[usize])| {
        let columns = &matrix.columns()[ends[0]..ends[1]];
        columns.iter().map(|&j| (i, j as usize)).collect::<Vec<_>>()
    };
    matrix
        .starts()
        .windows(2)
        .enumerate()
        .flat_map(row)
        .collect()
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(usize, usize),
    Sub(usize, usize),
    Scale(usize),
    Mul(usize, usize),
    Div(usize, usize),
    Sin(usize),
    Both(usize, usize),
    Detach(usize),
    /// The sum of so many values up to one.
    Sum(usize, usize),
}
use Step::*;

impl Step {
    /// The step on values that are there.
    fn among(self, count: usize) -> Self {
        let at = |back: usize| count - 1 - back % count;
        match self {
            Add(a, b) => Add(at(a), at(b)),
            Sub(a, b) => Sub(at(a), at(b)),
            Scale(a) => Scale(at(a)),
            Mul(a, b) => Mul(at(a), at(b)),
            Div(a, b) => Div(at(a), at(b)),
            Sin(a) => Sin(at(a)),
            Both(a, b) => Both(at(a), at(b)),
            Detach(a) => Detach(at(a)),
            Sum(a, many) => Sum(at(a), many),
        }
    }

    fn operands(self) -> Vec<usize> {
        match self {
            Add(a, b) | Sub(a, b) | Mul(a, b) | Div(a, b) | Both(a, b) => vec![a, b],
            Scale(a) | Sin(a) => vec![a],
            Detach(_) => vec![],
            Sum(a, many) => (a.saturating_sub(many)..=a).collect(),
        }
    }

    fn record(self, v: &[Var]) -> Var {
        match self {
            Add(a, b) => v[a] + v[b],
            Sub(a, b) => v[a] - v[b],
            Scale(a) => v[a] * 0.3,
            Mul(a, b) => v[a] * v[b],
            Div(a, b) => v[a] / v[b],
            Sin(a) => v[a].sin(),
            Both(a, b) => v[a].atan2(v[b]),
            Detach(a) => v[a].detach(),
            Sum(..) => self.operands().into_iter().map(|a| v[a]).sum(),
        }
    }

    /// The pairs of operands in which it is not linear.
    fn pairs(self) -> Vec<(usize, usize)> {
        match self {
            Mul(a, b) => vec![(a, b)],
            Div(a, b) => vec![(a, b), (b, b)],
            Sin(a) => vec![(a, a)],
            Both(a, b) => vec![(a, a), (a, b), (b, b)],
            Add(..) | Sub(..) | Scale(_) | Detach(_) | Sum(..) => vec![],
        }
    }
}

/// What each value depends on, by full sets.
fn depends(n: usize, steps: &[Step]) -> Vec<BTreeSet<usize>> {
    let mut sets: Vec<BTreeSet<usize>> = (0..n).map(|input| [input].into()).collect();
    for step in steps {
        let operands = step.operands().into_iter();
        let set = operands.flat_map(|a| sets[a].clone()).collect();
        sets.push(set);
    }
    sets
}

/// Compares both patterns; the last value alone is the Hessian's.
fn check(n: usize, steps: &[Step], outputs: &[usize]) {
    let mut count = n - 1;
    let among = |step: &Step| {
        count += 1;
        step.among(count)
    };
    let steps: Vec<Step> = steps.iter().map(among).collect();
    let values = |x: &[Var]| {
        let mut values = x.to_vec();
        steps
            .iter()
            .for_each(|step| values.push(step.record(&values)));
        values
    };
    let sets = depends(n, &steps);
    let outputs: Vec<usize> = outputs.iter().map(|k| k % sets.len()).collect();
    let program = Program::record(
        |x| {
            let values = values(x);
            outputs.iter().map(|&k| values[k]).collect::<Vec<_>>()
        },
        &vec![0.5; n],
    )
    .unwrap();
    let wanted = outputs.iter().enumerate();
    let wanted = wanted.flat_map(|(i, &k)| sets[k].iter().map(move |&j| (i, j)));
    assert_eq!(
        entries(&program, &program.jacobian_pattern()),
        wanted.collect()
    );

    let mut live = vec![false; sets.len()];
    live[sets.len() - 1] = true;
    let mut wanted = BTreeSet::new();
    for (k, step) in steps.iter().enumerate().rev() {
        if live[n + k] {
            step.operands().into_iter().for_each(|a| live[a] = true);
            for (a, b) in step.pairs() {
                for &i in &sets[a] {
                    wanted.extend(sets[b].iter().flat_map(|&j| [(i, j), (j, i)]));
                }
            }
        }
    }
    let last = Program::record(|x| values(x).pop().unwrap(), &vec![0.5; n]).unwrap();
    assert_eq!(entries(&last, &last.hessian_pattern().unwrap()), wanted);
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    // Most operands are values of not long ago, so that sets grow.
    let near = || prop_oneof![4 => 0..4_usize, 1 => 0..1000_usize];
    let two = move || (near(), near());
    let step = prop_oneof![
        6 => two().prop_map(|(a, b)| Add(a, b)),
        2 => two().prop_map(|(a, b)| Sub(a, b)),
        2 => near().prop_map(Scale),
        2 => two().prop_map(|(a, b)| Mul(a, b)),
        1 => two().prop_map(|(a, b)| Div(a, b)),
        1 => near().prop_map(Sin),
        1 => two().prop_map(|(a, b)| Both(a, b)),
        1 => near().prop_map(Detach),
        2 => (near(), 1..20_usize).prop_map(|(a, many)| Sum(a, many)),
    ];
    prop::collection::vec(step, 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn as_with_full_sets(
        n in 1..60_usize,
        steps in steps(120),
        outputs in prop::collection::vec(0..1000_usize, 0..20),
    ) {
        check(n, &steps, &outputs);
    }

    /// Linear steps between few that are not, over more inputs than are looked through one by one.
    #[test]
    fn of_sums_that_grow(
        (n, stride) in (20..50_usize, 1..7_usize),
        shape in prop::collection::vec((0..4_usize, 0..3_usize), 1..60),
    ) {
        let steps: Vec<Step> = shape.iter().enumerate().map(|(k, &(shape, back))| match shape {
            // Counted back from the last value: an input, which one after the other, and a value of not long ago.
            0 | 1 => Add(back, k + n - 1 - k * stride % n),
            2 => Mul(back, 2 * back),
            _ => Add(back, back + 1),
        }).collect();
        let outputs: Vec<usize> = (n..n + steps.len()).collect();
        check(n, &steps, &outputs);
    }
}

fn cumulative(x: &[Var]) -> Vec<Var> {
    let mut sum = Var::constant(0.0);
    let next = |&x: &Var| {
        sum += x;
        sum
    };
    x.iter().map(next).collect()
}

#[test]
fn shapes_whose_sets_are_much_larger_than_their_matrices() {
    type Shape = fn(&[Var]) -> Var;
    let linear: Shape = |x| {
        let sums = cumulative(x).into_iter().enumerate();
        sums.map(|(k, s)| s * (2.0 + k as f64) + x[k].sin()).sum()
    };
    let tree: Shape = |x| {
        let mut level = x.to_vec();
        let mut all = x[0].square();
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| pair.iter().copied().sum())
                .collect();
            all += level.iter().copied().sum::<Var>();
        }
        all
    };
    let ladder: Shape = |x| {
        let (mut a, mut b) = (x[0] * x[1], x[1]);
        for &x in x {
            (a, b) = (a + b + x, a - b);
        }
        a + b
    };
    let unused: Shape = |x| {
        let squares: Var = cumulative(x).into_iter().map(|s| s * s).sum();
        x[0] * x[0] + squares.detach()
    };
    let n = 100_000;
    for (what, shape, nonzeros, inputs) in [
        ("linear in cumulative sums", linear, n, n),
        ("the sums of a tree", tree, 1, n),
        ("a ladder", ladder, 2, n),
        ("squares that no derivative passes", unused, 1, 1),
    ] {
        let program = Program::record(shape, &vec![0.5; n]).unwrap();
        assert_eq!(program.hessian_pattern().unwrap().len(), nonzeros, "{what}");
        assert_eq!(program.jacobian_pattern().len(), inputs, "{what}");
    }
    let squares: Shape = |x| cumulative(x).into_iter().map(|s| s * s).sum();
    let ends: Shape = |x| {
        let reversed: Vec<Var> = x.iter().rev().copied().collect();
        let (from, to) = (cumulative(x), cumulative(&reversed));
        (1..x.len())
            .map(|k| from[k - 1] * to[x.len() - k - 1])
            .sum()
    };
    let ring: Shape = |x| {
        let mut sum = x[0];
        (0..200_000)
            .map(|k| {
                sum += x[k % x.len()];
                sum * sum
            })
            .sum()
    };
    let points: Shape = |x| {
        let point = |k: usize| x.iter().map(|&x| x * (k as f64 + 0.5)).sum::<Var>();
        (0..600).map(|k| point(k).tanh()).sum()
    };
    // The states of a random walk, a full block, each beside an observation of its own.
    let walk: Shape = |x| {
        let (steps, seen) = x.split_at(x.len() / 2);
        let states = cumulative(steps).into_iter().zip(seen);
        states.map(|(s, &seen)| (s - seen).square()).sum()
    };
    let n = 600;
    for (what, shape, nonzeros) in [
        (
            "a random walk",
            walk,
            n * n / 4 + n / 2 * (n / 2 + 1) + n / 2,
        ),
        ("squares of cumulative sums", squares, n * n),
        ("sums from both ends", ends, n * (n - 1)),
        ("a sum round and round", ring, n * n),
        ("many points", points, n * n),
    ] {
        let program = Program::record(shape, &vec![0.5; n]).unwrap();
        assert_eq!(program.hessian_pattern().unwrap().len(), nonzeros, "{what}");
    }
}
