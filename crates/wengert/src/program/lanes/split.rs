//! What all points share, apart from what each computes.

use std::sync::Arc;

use crate::program::lanes::sums::PointTerm;
use crate::program::lanes::{BY_OWN, BY_SHARED, Movers, SHARED, Target};
use crate::program::sums::Term;
use crate::program::{Code, Guarded, Kind, Run};

/// A program's code split into what all data points share and what each point computes.
#[derive(Clone, Debug)]
pub(super) struct Split {
    /// What the points share, as a program whose outputs are not asked for.
    pub(super) shared: Arc<Code>,
    /// As a program's. Each input of a point has a slot, then each of its instructions.
    pub(super) args: Vec<[u32; 3]>,
    /// The terms of all sums.
    pub(super) terms: Vec<PointTerm>,
    /// The arguments of each instruction but a sum.
    pub(super) targets: Vec<[Target; 3]>,
    pub(super) runs: Vec<PointRun>,
    pub(super) inputs: usize,
    /// How many of the inputs, the last ones, have no derivatives.
    pub(super) data: usize,
    pub(super) outputs: Vec<u32>,
    /// Slots of points to which no contribution comes.
    pub(super) untouched: Vec<u32>,
    pub(super) guards: Vec<Guarded>,
}

/// Instructions of one kind, of which all or none depend on a shared input.
#[derive(Clone, Copy, Debug)]
pub(super) struct PointRun {
    pub(super) run: Run,
    /// Of all results.
    pub(super) movers: Movers,
}

/// By what each number has derivatives, if the first inputs are shared and the last ones data.
fn movers(code: &Code, shared: usize, data: usize) -> Vec<Movers> {
    let mut movers = vec![0; code.slots()];
    movers[..shared].fill(BY_SHARED);
    movers[shared..code.inputs - data].fill(BY_OWN);
    for run in code.runs.iter().filter(|run| !run.stopped) {
        for (args, place) in code.args_of(run).iter().zip(code.slot_of(run)..) {
            let mut all = 0;
            code.each_operand(run.kind, args, |slot| all |= movers[slot]);
            movers[place] = all;
        }
    }
    movers
}

impl Split {
    /// The split of a program whose first inputs are shared and the last ones data.
    pub(super) fn of(code: &Code, shared: usize, data: usize) -> Self {
        let points = code.inputs - shared;
        let mut slots = vec![0; code.slots()];
        let constants = 0..code.constants as u32;
        let first = (0..shared as u32)
            .map(|slot| slot | SHARED)
            .chain(0..points as u32)
            .chain(constants.map(|k| (shared as u32 + k) | SHARED));
        slots
            .iter_mut()
            .zip(first)
            .for_each(|(to, slot)| *to = slot);
        let movers = movers(code, shared, data);
        let mut split = Self {
            shared: Arc::new(Code {
                inputs: shared,
                constants: code.constants,
                args: Vec::new(),
                terms: Vec::new(),
                runs: Vec::new(),
                outputs: Vec::new(),
                guards: Vec::new(),
            }),
            args: Vec::new(),
            terms: Vec::new(),
            targets: Vec::new(),
            runs: Vec::new(),
            inputs: points,
            data,
            outputs: Vec::new(),
            untouched: Vec::new(),
            guards: Vec::new(),
        };
        // Of each run, first what no shared input moves: to a sum over points it is a constant.
        let halves = code.runs.iter().flat_map(|run| [(run, false), (run, true)]);
        for (run, moving) in halves {
            let (shared_start, start) = (split.shared.args.len(), split.args.len());
            let all = code.args_of(run).iter().zip(code.slot_of(run)..);
            let mut of_run = 0;
            let in_half = |place: usize| (movers[place] & BY_SHARED != 0) == moving;
            for (args, place) in all.filter(|&(_, place)| in_half(place)) {
                of_run |= movers[place];
                slots[place] = match run.kind {
                    Kind::Rule(op) => {
                        let targets = args.map(|slot| Target {
                            is_first: false,
                            movers: movers[slot as usize],
                        });
                        // Unused places name slot 0, whatever that is.
                        let args = args.map(|slot| slots[slot as usize]);
                        let (inputs, _) = op.arity();
                        let own = args[..inputs].iter().any(|slot| slot & SHARED == 0);
                        if own {
                            split.push(args, targets)
                        } else {
                            split.push_shared(args)
                        }
                    }
                    Kind::Sum => split.push_sum(code.terms_of(args), &slots, &movers),
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
                    movers: of_run,
                });
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

    /// Appends an instruction to those of the points, and gives its slot.
    fn push(&mut self, args: [u32; 3], targets: [Target; 3]) -> u32 {
        self.args.push(args);
        self.targets.push(targets);
        (self.inputs + self.args.len() - 1) as u32
    }

    /// Appends an instruction to the shared ones, and gives its slot.
    fn push_shared(&mut self, args: [u32; 3]) -> u32 {
        let slot = self.shared.slots() as u32;
        self.shared_mut().args.push(args.map(|slot| slot & !SHARED));
        slot | SHARED
    }

    /// Appends a sum. What its shared terms alone decide is a sum of its own, and computed once.
    fn push_sum(&mut self, terms: &[Term], slots: &[u32], movers: &[Movers]) -> u32 {
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
                movers: head
                    .iter()
                    .flat_map(|term| term.slots())
                    .fold(0, |all, slot| all | movers[slot]),
            });
        }
        for &term in tail {
            let minus = term.minus();
            let first = slots[term.first()];
            let target = |slot: usize| Target {
                is_first: false,
                movers: movers[slot],
            };
            let term = match term.second() {
                None if first & SHARED != 0 => PointTerm::Shared {
                    slot: first,
                    minus,
                    movers: movers[term.first()],
                },
                None => PointTerm::Own {
                    slot: first,
                    minus,
                    target: target(term.first()),
                },
                Some(other) => match (first & SHARED != 0, slots[other] & SHARED != 0) {
                    (true, true) => {
                        let product = Term::new(term.first() as u32, Some(other as u32), false);
                        PointTerm::Shared {
                            slot: self.push_shared_sum(&[product], slots),
                            minus,
                            movers: movers[term.first()] | movers[other],
                        }
                    }
                    (false, false) => PointTerm::Product {
                        slots: [first, slots[other]],
                        minus,
                        targets: [term.first(), other].map(target),
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
                            targets: [own, by].map(target),
                        }
                    }
                },
            };
            self.terms.push(term);
        }
        self.push([start, self.terms.len() as u32, 0], [Target::default(); 3])
    }

    fn push_shared_sum(&mut self, terms: &[Term], slots: &[u32]) -> u32 {
        let start = self.shared.terms.len() as u32;
        let slot = |slot: usize| slots[slot] & !SHARED;
        let terms = terms
            .iter()
            .map(|term| Term::new(slot(term.first()), term.second().map(slot), term.minus()));
        self.shared_mut().terms.extend(terms);
        self.push_shared([start, self.shared.terms.len() as u32, 0])
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
        let runs = self.runs.iter().rev().map(|run| &run.run);
        for run in runs.filter(|run| !run.stopped) {
            for at in run.start as usize..run.end as usize {
                let args = self.args[at];
                match run.kind {
                    Kind::Rule(op) => {
                        let (inputs, _) = op.arity();
                        for (target, &slot) in self.targets[at].iter_mut().zip(&args[..inputs]) {
                            target.is_first = is_first(slot);
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

    pub(super) fn args_of(&self, run: &Run) -> &[[u32; 3]] {
        &self.args[run.start as usize..run.end as usize]
    }

    /// A point's own inputs, by which there are derivatives.
    pub(super) fn sought(&self) -> usize {
        self.inputs - self.data
    }

    /// Where a run's results begin.
    pub(super) fn slot_of(&self, run: &Run) -> usize {
        self.inputs + run.start as usize
    }

    /// How many numbers a point has.
    pub(super) fn slots(&self) -> usize {
        self.inputs + self.args.len()
    }
}
