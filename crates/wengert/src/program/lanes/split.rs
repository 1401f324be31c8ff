//! What all points share, apart from what each computes.

use std::sync::Arc;

use crate::program::lanes::block::Scratches;
use crate::program::lanes::sums::PointTerm;
use crate::program::lanes::{Lanes, SHARED, Second};
use crate::program::sums::Term;
use crate::program::{Code, Guarded, Kind, Run};

impl Lanes {
    pub(super) fn of(code: &Arc<Code>, shared: usize) -> Self {
        let points = code.inputs - shared;
        let mut slots = Vec::with_capacity(code.slots());
        slots.extend((0..shared as u32).map(|slot| slot | SHARED));
        slots.extend(0..points as u32);
        slots.extend((0..code.constants.len() as u32).map(|k| (shared as u32 + k) | SHARED));
        let mut split = Self {
            shared: Arc::new(Code {
                inputs: shared,
                constants: code.constants.clone(),
                args: Vec::new(),
                terms: Vec::new(),
                runs: Vec::new(),
                outputs: Vec::new(),
                guards: Vec::new(),
            }),
            args: Vec::new(),
            terms: Vec::new(),
            firsts: Vec::new(),
            runs: Vec::new(),
            inputs: points,
            outputs: Vec::new(),
            untouched: Vec::new(),
            guards: Vec::new(),
            code: Arc::clone(code),
            second: Second::default(),
            scratches: Scratches::default(),
        };
        for run in &code.runs {
            let (shared_start, start) = (split.shared.args.len(), split.args.len());
            for args in code.args_of(run) {
                let slot = match run.kind {
                    Kind::Rule(op) => {
                        // Unused places name slot 0, whatever that is.
                        let args = args.map(|slot| slots[slot as usize]);
                        let (inputs, _) = op.visit(crate::inspect::Arity);
                        let own = args[..inputs].iter().any(|slot| slot & SHARED == 0);
                        split.push(args, own)
                    }
                    Kind::Sum => split.push_sum(code.terms_of(args), &slots),
                };
                slots.push(slot);
            }
            let part = |start: usize, end: usize| Run {
                start: start as u32,
                end: end as u32,
                ..*run
            };
            if split.shared.args.len() > shared_start {
                let new = part(shared_start, split.shared.args.len());
                split.shared_mut().runs.push(new);
            }
            if split.args.len() > start {
                split.runs.push(part(start, split.args.len()));
            }
        }
        let outputs = code.outputs.iter();
        split.outputs = outputs.map(|&slot| slots[slot as usize]).collect();
        for guard in &code.guards {
            split.push_guard(guard, guard.sides.map(|slot| slots[slot as usize]));
        }
        split.find_firsts();
        split
    }

    fn shared_mut(&mut self) -> &mut Code {
        Arc::make_mut(&mut self.shared)
    }

    /// Appends an instruction to those of the points or to the shared ones, and gives its slot.
    fn push(&mut self, args: [u32; 3], own: bool) -> u32 {
        if own {
            self.args.push(args);
            return (self.inputs + self.args.len() - 1) as u32;
        }
        let slot = self.shared.slots() as u32;
        self.shared_mut().args.push(args.map(|slot| slot & !SHARED));
        slot | SHARED
    }

    /// Appends a sum. What its shared terms alone decide is a sum of its own, and computed once.
    fn push_sum(&mut self, terms: &[Term], slots: &[u32]) -> u32 {
        let is_shared = |term: &Term| term.slots().all(|slot| slots[slot] & SHARED != 0);
        let head = terms.iter().take_while(|term| is_shared(term)).count();
        if head == terms.len() {
            return self.push_shared_sum(terms, slots);
        }
        let start = self.terms.len() as u32;
        let (head, tail) = terms.split_at(head);
        if !head.is_empty() {
            let slot = self.push_shared_sum(head, slots);
            self.terms.push(PointTerm::Shared { slot, minus: false });
        }
        for &term in tail {
            let minus = term.minus();
            let first = slots[term.first()];
            let term = match term.second().map(|slot| slots[slot]) {
                None if first & SHARED != 0 => PointTerm::Shared { slot: first, minus },
                None => PointTerm::Own {
                    slot: first,
                    minus,
                    is_first: false,
                },
                Some(second) => match (first & SHARED != 0, second & SHARED != 0) {
                    (true, true) => {
                        let product =
                            Term::new(term.first() as u32, term.second().map(|s| s as u32), false);
                        let slot = self.push_shared_sum(&[product], slots);
                        PointTerm::Shared { slot, minus }
                    }
                    (false, false) => PointTerm::Product {
                        slots: [first, second],
                        minus,
                        firsts: [false; 2],
                    },
                    (one, _) => {
                        let (slot, by) = if one {
                            (second, first)
                        } else {
                            (first, second)
                        };
                        PointTerm::Scaled {
                            slot,
                            by,
                            minus,
                            is_first: false,
                        }
                    }
                },
            };
            self.terms.push(term);
        }
        self.push([start, self.terms.len() as u32, 0], true)
    }

    fn push_shared_sum(&mut self, terms: &[Term], slots: &[u32]) -> u32 {
        let start = self.shared.terms.len() as u32;
        let slot = |slot: usize| slots[slot] & !SHARED;
        let terms = terms
            .iter()
            .map(|term| Term::new(slot(term.first()), term.second().map(slot), term.minus()));
        self.shared_mut().terms.extend(terms);
        self.push([start, self.shared.terms.len() as u32, 0], false)
    }

    fn push_guard(&mut self, guard: &Guarded, sides: [u32; 2]) {
        let shared = sides.iter().all(|side| side & SHARED != 0);
        let (guards, sides) = match shared {
            true => (
                &mut self.shared_mut().guards,
                sides.map(|side| side & !SHARED),
            ),
            false => (&mut self.guards, sides),
        };
        guards.push(Guarded {
            sides,
            ..guard.clone()
        });
    }

    /// Walks as the reverse sweep does.
    fn find_firsts(&mut self) {
        let mut touched = vec![false; self.inputs + self.args.len()];
        for &output in self.outputs.iter().filter(|&&output| output & SHARED == 0) {
            touched[output as usize] = true;
        }
        let mut is_first =
            |slot: u32| slot & SHARED == 0 && !std::mem::replace(&mut touched[slot as usize], true);
        self.firsts = vec![0; self.args.len()];
        for run in self.runs.iter().rev().filter(|run| !run.stopped) {
            for at in run.start as usize..run.end as usize {
                let args = self.args[at];
                match run.kind {
                    Kind::Rule(op) => {
                        let (inputs, _) = op.visit(crate::inspect::Arity);
                        for (k, &slot) in args[..inputs].iter().enumerate() {
                            self.firsts[at] |= u8::from(is_first(slot)) << k;
                        }
                    }
                    Kind::Sum => {
                        for term in &mut self.terms[args[0] as usize..args[1] as usize] {
                            term.find_firsts(&mut is_first);
                        }
                    }
                }
            }
        }
        let untouched = touched.iter().zip(0..).filter(|(touched, _)| !**touched);
        self.untouched = untouched.map(|(_, slot)| slot).collect();
    }
}
