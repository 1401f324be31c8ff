//! Random lives of a tape against a model of it: a handle is accepted exactly if the model says
//! that its node is there, and then its value and gradient are right.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use wengert::{Mark, Tape, Tensor, Var};

#[derive(Clone, Debug)]
enum Step {
    Leaf(f64),
    Add(usize, usize),
    Mul(usize, usize),
    Sine(usize),
    Lerp(usize, usize),
    Through(usize, usize),
    Detach(usize),
    Frozen(usize, usize),
    Mark,
    Rewind(usize),
    Clear,
    Replace,
    Hessian(usize),
    Check(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..64_usize;
    prop_oneof![
        2 => (-1.0..1.0).prop_map(Step::Leaf),
        4 => (at.clone(), at.clone()).prop_map(|(a, b)| Step::Add(a, b)),
        4 => (at.clone(), at.clone()).prop_map(|(a, b)| Step::Mul(a, b)),
        2 => at.clone().prop_map(Step::Sine),
        1 => (at.clone(), at.clone()).prop_map(|(a, b)| Step::Lerp(a, b)),
        2 => (at.clone(), at.clone()).prop_map(|(a, b)| Step::Through(a, b)),
        1 => at.clone().prop_map(Step::Detach),
        1 => (at.clone(), at.clone()).prop_map(|(a, b)| Step::Frozen(a, b)),
        2 => Just(Step::Mark),
        2 => at.clone().prop_map(Step::Rewind),
        1 => Just(Step::Clear),
        1 => Just(Step::Replace),
        1 => at.clone().prop_map(Step::Hessian),
        3 => at.prop_map(Step::Check),
    ]
}

/// A handle and what the model knows of its node.
struct Known {
    var: Var,
    /// Which node it is, of all that there ever were.
    node: u64,
    value: f64,
    /// The derivative with respect to each leaf that there ever was.
    slope: Vec<f64>,
}

struct Model {
    tape: Tape,
    known: Vec<Known>,
    /// The nodes on the tape now, in order.
    live: Vec<u64>,
    next: u64,
    /// The handles of leaves, by their place in `Known::slope`.
    leaves: Vec<usize>,
    /// With the length then, the last node then, and the number of clearings.
    marks: Vec<(Mark, usize, Option<u64>, u32)>,
    clearings: u32,
}

impl Model {
    fn new() -> Self {
        Self {
            tape: Tape::new(),
            known: Vec::new(),
            live: Vec::new(),
            next: 0,
            leaves: Vec::new(),
            marks: Vec::new(),
            clearings: 0,
        }
    }

    fn pick(&self, at: usize) -> Option<usize> {
        (!self.known.is_empty()).then(|| at % self.known.len())
    }

    fn is_live(&self, k: usize) -> bool {
        self.live.contains(&self.known[k].node)
    }

    /// Takes note of what was recorded: the handle belongs to the last of the new nodes.
    fn learn(&mut self, var: Var, value: f64, slope: Vec<f64>) {
        while self.live.len() < self.tape.len() {
            self.live.push(self.next);
            self.next += 1;
        }
        self.known.push(Known {
            var,
            node: self.live[var.index()],
            value,
            slope,
        });
    }

    /// Records an operation of two handles, or sees it refused.
    fn record(
        &mut self,
        (a, b): (usize, usize),
        run: impl Fn(&Tape, Var, Var) -> Var,
        value: impl Fn(f64, f64) -> f64,
        partials: impl Fn(f64, f64) -> [f64; 2],
    ) {
        let (Some(a), Some(b)) = (self.pick(a), self.pick(b)) else {
            return;
        };
        let (x, y) = (&self.known[a], &self.known[b]);
        let accepted = self.is_live(a) && self.is_live(b);
        let before = self.tape.len();
        let result = catch_unwind(AssertUnwindSafe(|| run(&self.tape, x.var, y.var)));
        assert_eq!(result.is_ok(), accepted, "{:?} {:?}", x.var, y.var);
        let Ok(z) = result else {
            assert_eq!(self.tape.len(), before);
            return;
        };
        let [dx, dy] = partials(x.value, y.value);
        let value = value(x.value, y.value);
        let at = |slope: &[f64], leaf: usize| slope.get(leaf).copied().unwrap_or(0.0);
        let slope = (0..self.leaves.len())
            .map(|leaf| dx * at(&x.slope, leaf) + dy * at(&y.slope, leaf))
            .collect();
        self.learn(z, value, slope);
    }

    /// Every handle is what the model says.
    fn check(&self, at: usize) {
        let Some(k) = self.pick(at) else { return };
        let known = &self.known[k];
        let Ok(gradients) = known.var.try_backward() else {
            assert!(!self.is_live(k), "{:?} was refused", known.var);
            assert!(catch_unwind(AssertUnwindSafe(|| known.var.value())).is_err());
            return;
        };
        assert!(self.is_live(k), "{:?} was accepted", known.var);
        close(known.var.value(), known.value);
        for (leaf, &handle) in self.leaves.iter().enumerate() {
            let wanted = known.slope.get(leaf).copied().unwrap_or(0.0);
            match gradients.get(self.known[handle].var) {
                Some(&found) => {
                    assert!(self.is_live(handle));
                    close(found, wanted);
                }
                None => assert!(!self.is_live(handle)),
            }
        }
    }

    fn rewind(&mut self, at: usize) {
        if self.marks.is_empty() {
            return;
        }
        let (mark, length, last, clearings) = self.marks[at % self.marks.len()];
        let stands = clearings == self.clearings
            && self.live.len() >= length
            && last == length.checked_sub(1).map(|last| self.live[last]);
        let result = catch_unwind(AssertUnwindSafe(|| self.tape.rewind(mark)));
        assert_eq!(result.is_ok(), stands, "{mark:?}");
        if stands {
            self.live.truncate(length);
        }
        assert_eq!(self.tape.len(), self.live.len());
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Leaf(x) => {
                let var = self.tape.var(x);
                let mut slope = vec![0.0; self.leaves.len()];
                slope.push(1.0);
                self.leaves.push(self.known.len());
                self.learn(var, x, slope);
            }
            Step::Add(a, b) => self.record((a, b), |_, x, y| x + y, |x, y| x + y, |_, _| [1.0; 2]),
            Step::Mul(a, b) => {
                // Halved, so that values stay small.
                self.record(
                    (a, b),
                    |_, x, y| x * y * 0.5,
                    |x, y| x * y * 0.5,
                    |x, y| [0.5 * y, 0.5 * x],
                );
            }
            Step::Sine(a) => self.record(
                (a, a),
                |_, x, _| x.sin(),
                |x, _| x.sin(),
                |x, _| [x.cos(), 0.0],
            ),
            Step::Lerp(a, b) => self.record(
                (a, b),
                |_, x, y| x.lerp(y, 0.25),
                |x, y| 0.75 * x + 0.25 * y,
                |_, _| [0.75, 0.25],
            ),
            Step::Through(a, b) => self.record(
                (a, b),
                |_, x, y| (Tensor::stack(&[x, y, x]).sin() * y).sum(),
                |x, y| (2.0 * x.sin() + y.sin()) * y,
                |x, y| [2.0 * x.cos() * y, y.cos() * y + 2.0 * x.sin() + y.sin()],
            ),
            Step::Detach(a) => self.record((a, a), |_, x, _| x.detach(), |x, _| x, |_, _| [0.0; 2]),
            Step::Frozen(a, b) => self.record(
                (a, b),
                |tape, x, y| tape.no_grad(|| (Tensor::from(x) * y).sum()) + y,
                |x, y| x * y + y,
                |_, _| [0.0, 1.0],
            ),
            Step::Mark => {
                let mark = self.tape.mark();
                let last = self.live.last().copied();
                self.marks
                    .push((mark, self.live.len(), last, self.clearings));
            }
            Step::Rewind(at) => self.rewind(at),
            Step::Clear => {
                self.tape.clear();
                self.live.clear();
                self.clearings += 1;
            }
            Step::Replace => {
                // The new tape may get the old one's list, or another one's.
                let other = Tape::new();
                self.tape = Tape::new();
                self.live.clear();
                self.clearings += 1;
                assert!(other.is_empty() && self.tape.is_empty());
            }
            Step::Hessian(at) => {
                let Some(k) = self.pick(at).filter(|&k| self.is_live(k)) else {
                    return;
                };
                let leaf = self.leaves.iter().copied().find(|&leaf| self.is_live(leaf));
                let Some(leaf) = leaf else { return };
                let before = (self.tape.len(), self.tape.bytes());
                let (y, x) = (self.known[k].var, self.known[leaf].var);
                let h = y.hessian(&[x])[[0, 0]];
                close(h, y.hvp(&[x], &[1.0])[0]);
                assert_eq!((self.tape.len(), self.tape.bytes()), before);
            }
            Step::Check(at) => self.check(at),
        }
    }
}

fn close(found: f64, wanted: f64) {
    // A chain of products may have grown beyond all numbers.
    if found.is_finite() && wanted.is_finite() && wanted.abs() < 1e100 {
        let tolerance = 1e-9 * wanted.abs().max(1.0);
        assert!((found - wanted).abs() <= tolerance, "{found}, not {wanted}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_handle_is_accepted_exactly_while_its_node_is_there(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let mut model = Model::new();
        for step in &steps {
            model.take(step);
            assert_eq!(model.tape.len(), model.live.len());
        }
        for k in 0..model.known.len() {
            model.check(k);
        }
    }
}
