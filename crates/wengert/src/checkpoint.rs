//! Checkpoints: what lies between some inputs and what is made of them is not kept on the list, but recorded again when
//! a sweep comes to it. Less memory for more time.

mod digest;
mod region;
mod revolve;
mod state;
mod steps;
mod sweeps;

use crate::error::{Error, or_panic};
use crate::program::Outputs;
use crate::real::Real;
use crate::tape::Tape;
use crate::var::Var;

pub(crate) use region::{Output, Region};
use state::Snapshot;
use steps::Loop;

/// How much of a loop's past [`Tape::checkpointed_steps`] may keep.
///
/// With s states kept at a time, that at the start among them, a sweep back over up to (s + r)! / (s! r!) steps runs no
/// step more than r times before the run that is differentiated: 10^6 steps 2 times with 1413 states, 3 times with 180 and
/// 4 times with 68. No schedule has fewer steps in all (A. Griewank, A. Walther: Algorithm 799: revolve, ACM Transactions on
/// Mathematical Software 26, 2000). Small steps count in groups that take 128 KiB on the list, which are differentiated
/// together: 10^6 steps of ten nodes are some 2500 groups, and 70 states do where 1413 would.
///
/// ```
/// use wengert::{Budget, Tape};
///
/// // Growth in a thousand steps, of which at most ten are kept.
/// let tape = Tape::new();
/// let (start, rate) = (tape.var(2.0), tape.var(0.05));
/// let end = tape.checkpointed_steps(&[start, rate], 1000, Budget::Snapshots(10), |_, s| {
///     vec![s[0] + s[0] * s[1] / 1000.0, s[1]]
/// });
/// assert_eq!(tape.len(), 3);
/// let g = end[0].backward();
/// assert!((g[start] - 0.05_f64.exp()).abs() < 1e-5);
/// assert!((g[rate] - 2.0 * 0.05_f64.exp()).abs() < 1e-3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Budget {
    /// So many states at a time, that at the start among them; at least 1.
    Snapshots(usize),
    /// As many states as fit into so many bytes. A state takes the bytes of its numbers, some tens more, and the size
    /// of the context's type; what the context holds on the heap is not counted.
    Bytes(usize),
}

impl Budget {
    /// The number of states, each of which takes `bytes`.
    fn states(self, op: &'static str, bytes: usize) -> Result<usize, Error> {
        let (states, detail) = match self {
            Budget::Snapshots(states) => (
                states,
                "a budget of 0 states leaves not even that at the start; allow at least 1, and some tens for thousands of steps".to_owned(),
            ),
            Budget::Bytes(budget) => (
                budget / bytes,
                format!("a budget of {budget} bytes does not hold one state, which takes {bytes} here; allow some tens of them"),
            ),
        };
        match states {
            0 => Err(Error::Argument { op, detail }),
            states => Ok(states),
        }
    }
}

impl<T: Real> Tape<T> {
    /// Runs `f` on `inputs` and keeps on the list only what it gives; a derivative runs it again.
    ///
    /// What `f` records is taken back at once. A backward sweep that comes to its results runs `f` once more at the end
    /// of the list, carries the adjoints through what it records, and takes that back: the memory of the region is
    /// needed only then, for twice its time. Values, gradients and tangents have the bits that they would have
    /// without the checkpoint. Besides `inputs`, `f` may use any handle of the tape that it has captured; adjoints reach
    /// those too. (Operations on `inputs` are the faster ones: captured handles are looked at more closely.)
    /// Checkpoints nest.
    ///
    /// Recorded derivatives ([`Var::grad`], [`Tensor::vjp`](crate::Tensor::vjp) and their kin) record the region again and keep it, so that
    /// they can be differentiated again: higher orders save no memory. [`Tape::freeze`] puts the region's operations into
    /// the program.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let (x, a) = (tape.var(0.5), tape.var(2.0));
    /// let y = tape.checkpoint(&[x], move |x| (a * x[0]).sin().exp());
    /// assert_eq!(tape.len(), 3);
    /// let g = y.backward();
    /// assert_eq!(g[a], 0.5 * 1.0_f64.cos() * 1.0_f64.sin().exp());
    /// assert_eq!(tape.len(), 3);
    /// ```
    ///
    /// `f` must do the same each time that it runs. If it gives other bits, or records other operations, than at
    /// first, the sweep is refused. What `f` holds lives as long as its results: a closure that owns the tape keeps the
    /// tape alive until it is cleared.
    ///
    /// # Panics
    ///
    /// If an input is stale or of another tape, so is what `f` gives, or the tape is full; and where `f` panics. A sweep
    /// panics where `f` does when it runs again. In each case the tape is as it was.
    #[track_caller]
    pub fn checkpoint<O: Outputs<T>>(
        &self,
        inputs: &[Var<T>],
        f: impl Fn(&[Var<T>]) -> O + 'static,
    ) -> O {
        self.checkpoint_with(inputs, &mut (), move |inputs, _| f(inputs))
    }

    /// [`Tape::checkpoint`] for an `f` that draws random numbers or changes other state, `context`.
    ///
    /// A copy of `context` is kept, and whenever `f` runs again it gets a copy of that; so it draws the same numbers.
    /// After the call `context` has moved on.
    ///
    /// ```
    /// use rand::{RngExt, SeedableRng};
    /// use rand_chacha::ChaCha8Rng;
    ///
    /// let mut rng = ChaCha8Rng::seed_from_u64(1);
    /// let tape = wengert::Tape::new();
    /// let x = tape.var(3.0);
    /// let y = tape.checkpoint_with(&[x], &mut rng, |x, rng| x[0] * x[0] * rng.random::<f64>());
    /// assert!((y.backward()[x] - 2.0 * y.value() / 3.0).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Tape::checkpoint`]. If `f` panics, `context` is as it was.
    #[track_caller]
    pub fn checkpoint_with<C: Clone + 'static, O: Outputs<T>>(
        &self,
        inputs: &[Var<T>],
        context: &mut C,
        f: impl Fn(&[Var<T>], &mut C) -> O + 'static,
    ) -> O {
        let f = move |_, inputs: &[Var<T>], context: &mut C| f(inputs, context).into_vars();
        let region = Loop::new("checkpoint", [1, 1], f);
        O::from_vars(or_panic(Region::record(
            self.list(),
            region,
            inputs,
            context,
        )))
    }

    /// Runs a loop of which the list keeps only the last state; a derivative runs it again, from states kept on the way.
    ///
    /// `f` gives the state after step t, counted from 0, from t and the state before it. All states have the
    /// length of `state`. A backward sweep goes from the last steps to the first: it records as many as take 128 KiB,
    /// but at least one, differentiates them and takes them back, and runs forward again from the kept states to the
    /// others. So the memory is that of the `budget` and of 128 KiB or one step, whatever the number of steps; see
    /// [`Budget`] for the time. Each sweep back runs the loop again; the first finds the states that this call has kept.
    /// All else is as in [`Tape::checkpoint`].
    ///
    /// A parameter can be captured, or stand in the state and be handed on as it is: then it costs the state nothing,
    /// and operations on it are faster.
    ///
    /// ```
    /// use wengert::{Budget, Tape};
    ///
    /// // A pendulum of length 1 from the angle 2, by Euler's semi-implicit steps of a thousandth of a second.
    /// let tape = Tape::new();
    /// let (angle, gravity) = (tape.var(2.0), tape.var(9.81));
    /// let start = [angle, tape.var(0.0)];
    /// let end = tape.checkpointed_steps(&start, 2000, Budget::Snapshots(20), move |_, s| {
    ///     let speed = s[1] - 1e-3 * gravity * s[0].sin();
    ///     vec![s[0] + 1e-3 * speed, speed]
    /// });
    /// let g = end[0].backward();
    /// println!("angle {} after 2 s; by gravity {}", end[0], g[gravity]);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Tape::checkpoint`]; if the budget holds no state, or `f` gives a state of another length.
    #[track_caller]
    pub fn checkpointed_steps(
        &self,
        state: &[Var<T>],
        steps: usize,
        budget: Budget,
        f: impl Fn(usize, &[Var<T>]) -> Vec<Var<T>> + 'static,
    ) -> Vec<Var<T>> {
        self.checkpointed_steps_with(state, &mut (), steps, budget, move |t, state, _| {
            f(t, state)
        })
    }

    /// [`Tape::checkpointed_steps`] for an `f` that draws random numbers or changes other state, `context`.
    ///
    /// With each state that is kept, a copy of `context` is kept, from which the steps after it run again. After the call
    /// `context` has moved on.
    ///
    /// # Panics
    ///
    /// As [`Tape::checkpointed_steps`]. If `f` panics, `context` is as it was.
    #[track_caller]
    pub fn checkpointed_steps_with<C: Clone + 'static>(
        &self,
        state: &[Var<T>],
        context: &mut C,
        steps: usize,
        budget: Budget,
        f: impl Fn(usize, &[Var<T>], &mut C) -> Vec<Var<T>> + 'static,
    ) -> Vec<Var<T>> {
        let op = "checkpointed_steps";
        let states = or_panic(budget.states(op, Snapshot::<T>::bytes::<C>(state.len())));
        let region = Loop::new(op, [steps, states], f);
        or_panic(Region::record(self.list(), region, state, context))
    }
}
