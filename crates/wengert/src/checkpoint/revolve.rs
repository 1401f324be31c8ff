//! In which order to go back through a loop of which only a few states can be kept.
//!
//! A. Griewank, A. Walther: Algorithm 799: revolve. ACM Transactions on Mathematical Software 26 (2000), 19-45.
//!
//! With s states kept at a time, of which the start is one, and no step run forward more than r times before it is
//! turned back, loops of up to beta(s, r) = (s + r)! / (s! r!) steps can be reversed. The least number of steps
//! forward for l steps, where beta(s, r - 1) < l <= beta(s, r), is r l - beta(s + 1, r - 1).

/// (s + r)! / (s! r!), or the largest number there is.
fn beta(s: usize, r: usize) -> usize {
    let (large, small) = (s.max(r) as u128, s.min(r) as u128);
    let mut product = 1_u128;
    for k in 1..=small {
        // Exact at every step: it is the binomial of `large + k` over `k`.
        product = product * (large + k) / k;
        if product > usize::MAX as u128 {
            return usize::MAX;
        }
    }
    product as usize
}

/// How many steps to go before the next state is kept, for `steps` steps from a kept state, which is one of
/// `states`; both are at least 2.
fn stride(steps: usize, states: usize) -> usize {
    let mut r = 1;
    while beta(states, r) < steps {
        r += 1;
    }
    // Neither part may then need more than r - 1 and r repetitions.
    beta(states, r - 1).min(steps - beta(states - 1, r - 1))
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Go from the newest kept state to the one before this step, and keep it too.
    Keep(usize),
    /// Go from the newest kept state to the one before this step; turn back it and those after it.
    Turn(usize),
    /// Let go of the newest kept state.
    Drop,
}

/// The way back through a loop: every step is turned back once, the last ones first.
pub(super) struct Schedule {
    /// The steps before which the kept states stand; the first is 0.
    kept: Vec<usize>,
    states: usize,
    /// How many steps are turned back at once. The schedule is that of a loop whose steps are so many.
    group: usize,
    /// The steps that are not turned yet.
    left: usize,
}

impl Schedule {
    /// For a loop of `steps` steps with room for `states` states, some of which are kept already.
    pub(super) fn new(kept: Vec<usize>, steps: usize, states: usize, group: usize) -> Self {
        Self {
            kept,
            states,
            group,
            left: steps,
        }
    }

    /// What to do next; nothing if all steps have been turned back. A [`Move::Turn`] is answered by
    /// [`Schedule::turned`] or [`Schedule::smaller`].
    pub(super) fn next(&mut self) -> Option<Move> {
        let newest = *self.kept.last()?;
        if self.left == 0 {
            return None;
        }
        if newest == self.left {
            self.kept.pop();
            return Some(Move::Drop);
        }
        let groups = (self.left - newest).div_ceil(self.group);
        let room = self.states - self.kept.len();
        if groups == 1 || room == 0 {
            return Some(Move::Turn(newest + (groups - 1) * self.group));
        }
        let next = newest + stride(groups, room + 1) * self.group;
        self.kept.push(next);
        Some(Move::Keep(next))
    }

    /// The steps from this one on have been turned back.
    pub(super) fn turned(&mut self, step: usize) {
        self.left = step;
    }

    /// The steps are too large for so many at once.
    pub(super) fn smaller(&mut self) {
        self.group = self.group.div_ceil(2);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// The steps forward, if each is turned back once, in its turn, and no more states are kept than there is room for.
    fn steps_forward(steps: usize, states: usize, group: usize) -> usize {
        let mut schedule = Schedule::new(vec![0], steps, states, group);
        let (mut kept, mut left, mut forward) = (vec![0], steps, 0);
        while let Some(next) = schedule.next() {
            let newest = *kept.last().expect("the start is kept");
            match next {
                Move::Keep(at) => {
                    assert!(newest < at && at < left);
                    forward += at - newest;
                    kept.push(at);
                    assert!(kept.len() <= states);
                }
                Move::Turn(at) => {
                    assert!(newest <= at && at < left && left - at <= group);
                    forward += at - newest;
                    left = at;
                    schedule.turned(at);
                }
                Move::Drop => {
                    assert_eq!(newest, left);
                    kept.pop();
                }
            }
        }
        assert_eq!((left, kept), (0, vec![0]));
        forward
    }

    /// The least number of steps forward, by trying every place for the next state.
    fn by_trial(l: usize, s: usize, known: &mut HashMap<(usize, usize), usize>) -> usize {
        if l == 1 || s == 1 {
            return l * (l - 1) / 2;
        }
        if let Some(&least) = known.get(&(l, s)) {
            return least;
        }
        let places = 1..l;
        let least = places
            .map(|m| m + by_trial(l - m, s - 1, known) + by_trial(m, s, known))
            .min()
            .expect("there is a place");
        known.insert((l, s), least);
        least
    }

    #[test]
    fn no_schedule_has_fewer_steps() {
        let mut known = HashMap::new();
        for s in 1..12 {
            for l in (1..60).chain([84, 85, 86, 100, 120]) {
                let r = (0..).find(|&r| beta(s, r) >= l).expect("beta grows");
                let closed_form = match r {
                    0 => 0,
                    r => r * l - beta(s + 1, r - 1),
                };
                assert_eq!(
                    closed_form,
                    by_trial(l, s, &mut known),
                    "{l} steps, {s} states"
                );
                assert_eq!(steps_forward(l, s, 1), closed_form, "{l} steps, {s} states");
                // Of groups each step counts as often as its group; the last may be short.
                let grouped = steps_forward(7 * l - 3, s, 7);
                assert!(grouped <= 7 * closed_form, "{l} groups, {s} states");
            }
        }
    }

    #[test]
    fn binomials_that_are_too_large_to_count_are_the_largest_number() {
        assert_eq!(beta(1413, 2), 1_000_405);
        assert_eq!(beta(3, 1_000_000), 166_667_666_668_500_001);
        assert_eq!(beta(1 << 40, 1 << 40), usize::MAX);
    }
}
