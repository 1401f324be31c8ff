//! What all points share, apart from what each computes.

use std::sync::Arc;

use crate::program::lanes::block::Scratches;
use crate::program::lanes::sums::PointTerm;
use crate::program::lanes::{Lanes, PointRun, SHARED, STILL, Second};
use crate::program::sums::Term;
use crate::program::{Code, Guarded, Kind, Run};

/// For each number, whether a shared input moves it.
fn varies(code: &Code, shared: usize) -> Vec<bool> {
    let mut varies = vec![false; code.slots()];
    varies[..shared].fill(true);
    for run in code.runs.iter().filter(|run| !run.stopped) {
        for (args, place) in code.args_of(run).iter().zip(code.slot_of(run)..) {
            let mut any = false;
            code.each_operand(run.kind, args, |slot| any |= varies[slot]);
            varies[place] = any;
        }
    }
    varies
}

impl Lanes {
    pub(super) fn of(code: &Arc<Code>, shared: usize) -> Self {
        let points = code.inputs - shared;
        let mut slots = vec![0; code.slots()];
        let constants = 0..code.constants.len() as u32;
        let first = (0..shared as u32)
            .map(|slot| slot | SHARED)
            .chain(0..points as u32)
            .chain(constants.map(|k| (shared as u32 + k) | SHARED));
        slots
            .iter_mut()
            .zip(first)
            .for_each(|(to, slot)| *to = slot);
        let varies = varies(code, shared);
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
        // Of each run, first what no shared input moves: to a sum over points it is a constant.
        let halves = code.runs.iter().flat_map(|run| [(run, false), (run, true)]);
        for (run, moving) in halves {
            let (shared_start, start) = (split.shared.args.len(), split.args.len());
            let all = code.args_of(run).iter().zip(code.slot_of(run)..);
            for (args, place) in all.filter(|&(_, place)| varies[place] == moving) {
                slots[place] = match run.kind {
                    Kind::Rule(op) => {
                        // Unused places name slot 0, whatever that is.
                        let args = args.map(|slot| slots[slot as usize]);
                        let (inputs, _) = op.visit(crate::inspect::Arity);
                        let own = args[..inputs].iter().any(|slot| slot & SHARED == 0);
                        split.push(args, own)
                    }
                    Kind::Sum => split.push_sum(code.terms_of(args), &slots, &varies),
                };
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
                split.runs.push(PointRun {
                    run: part(start, split.args.len()),
                    moving,
                });
            }
        }
        let outputs = code.outputs.iter();
        split.outputs = outputs.map(|&slot| slots[slot as usize]).collect();
        for guard in &code.guards {
            split.push_guard(guard, guard.sides.map(|slot| slots[slot as usize]));
        }
        let mut still = vec![false; points + split.args.len()];
        let mut still_shared = vec![false; split.shared.slots()];
        for (&slot, &varies) in slots.iter().zip(&varies) {
            match slot & SHARED {
                0 => still[slot as usize] = !varies,
                _ => still_shared[(slot & !SHARED) as usize] = !varies,
            }
        }
        split.find_firsts(&still, &still_shared);
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
    fn push_sum(&mut self, terms: &[Term], slots: &[u32], varies: &[bool]) -> u32 {
        let is_shared = |term: &Term| term.slots().all(|slot| slots[slot] & SHARED != 0);
        let head = terms.iter().take_while(|term| is_shared(term)).count();
        if head == terms.len() {
            return self.push_shared_sum(terms, slots);
        }
        let start = self.terms.len() as u32;
        let (head, tail) = terms.split_at(head);
        if !head.is_empty() {
            let slot = self.push_shared_sum(head, slots);
            self.terms.push(PointTerm::Shared {
                slot,
                minus: false,
                still: !head
                    .iter()
                    .flat_map(|term| term.slots())
                    .any(|slot| varies[slot]),
            });
        }
        for &term in tail {
            let minus = term.minus();
            let first = slots[term.first()];
            let still = |slot: usize| !varies[slot];
            let term = match term.second() {
                None if first & SHARED != 0 => PointTerm::Shared {
                    slot: first,
                    minus,
                    still: still(term.first()),
                },
                None => PointTerm::Own {
                    slot: first,
                    minus,
                    is_first: false,
                    still: still(term.first()),
                },
                Some(other) => match (first & SHARED != 0, slots[other] & SHARED != 0) {
                    (true, true) => {
                        let product = Term::new(term.first() as u32, Some(other as u32), false);
                        PointTerm::Shared {
                            slot: self.push_shared_sum(&[product], slots),
                            minus,
                            still: still(term.first()) && still(other),
                        }
                    }
                    (false, false) => PointTerm::Product {
                        slots: [first, slots[other]],
                        minus,
                        firsts: [false; 2],
                        still: [term.first(), other].map(still),
                    },
                    (is_shared, _) => {
                        let (own, by) = match is_shared {
                            true => (other, term.first()),
                            false => (term.first(), other),
                        };
                        PointTerm::Scaled {
                            slot: slots[own],
                            by: slots[by],
                            minus,
                            is_first: false,
                            still: [own, by].map(still),
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
    fn find_firsts(&mut self, still: &[bool], still_shared: &[bool]) {
        let mut touched = vec![false; self.inputs + self.args.len()];
        for &output in self.outputs.iter().filter(|&&output| output & SHARED == 0) {
            touched[output as usize] = true;
        }
        let mut is_first =
            |slot: u32| slot & SHARED == 0 && !std::mem::replace(&mut touched[slot as usize], true);
        self.firsts = vec![0; self.args.len()];
        let stands_still = |slot: u32| match slot & SHARED {
            0 => still[slot as usize],
            _ => still_shared[(slot & !SHARED) as usize],
        };
        let runs = self.runs.iter().rev().map(|run| &run.run);
        for run in runs.filter(|run| !run.stopped) {
            for at in run.start as usize..run.end as usize {
                let args = self.args[at];
                match run.kind {
                    Kind::Rule(op) => {
                        let (inputs, _) = op.visit(crate::inspect::Arity);
                        for (k, &slot) in args[..inputs].iter().enumerate() {
                            self.firsts[at] |= u8::from(is_first(slot)) << k;
                            self.firsts[at] |= u8::from(stands_still(slot)) << (STILL + k);
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
