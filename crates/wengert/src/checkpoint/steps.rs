//! Running a loop step by step, without keeping its nodes.

use std::any::Any;
use std::marker::PhantomData;

use super::digest::Bounds;
use super::state::{Snapshot, State};
use crate::error::Error;
use crate::list::{List, Position};
use crate::real::Real;
use crate::var::Var;

/// The user's closure, without its types: the state after a step from the one before it.
trait Body<T: Real> {
    fn run(&self, step: usize, state: &[Var<T>], context: &mut dyn Any) -> Vec<Var<T>>;
    fn copy(&self, context: &dyn Any) -> Box<dyn Any>;
}

struct Closure<C, F> {
    f: F,
    context: PhantomData<fn(C)>,
}

impl<T: Real, C: Clone + 'static, F> Body<T> for Closure<C, F>
where
    F: Fn(usize, &[Var<T>], &mut C) -> Vec<Var<T>>,
{
    fn run(&self, step: usize, state: &[Var<T>], context: &mut dyn Any) -> Vec<Var<T>> {
        (self.f)(step, state, of_its_type(context.downcast_mut()))
    }
    fn copy(&self, context: &dyn Any) -> Box<dyn Any> {
        Box::new(of_its_type(context.downcast_ref::<C>()).clone())
    }
}

pub(super) fn of_its_type<C>(context: Option<C>) -> C {
    context.expect("the context has the type that the closure takes")
}

/// A loop whose steps are not kept on the list; a region is a loop of one step.
pub(super) struct Loop<T: Real> {
    pub(super) op: &'static str,
    body: Box<dyn Body<T>>,
    pub(super) steps: usize,
    /// How many states are kept at a time, that at the start among them.
    pub(super) states: usize,
}

/// So many bytes of steps stand on the list together, or one step: enough to make little of what a stretch costs beside its
/// steps, and few enough to stay in a cache.
pub(super) const STRETCH: usize = 1 << 17;

/// Steps that stand on the list together, until they are taken back.
pub(super) struct Stretch<'a, T: Real> {
    /// Where the list ended before them.
    pub(super) position: Position,
    /// The state before them, and its scalars.
    pub(super) before: &'a State<T>,
    pub(super) given: &'a [Var<T>],
    /// The step after them.
    pub(super) end: usize,
    /// The state then, and its scalars.
    pub(super) after: &'a State<T>,
    pub(super) next: &'a [Var<T>],
}

/// Who looks at what a loop records before it is taken back.
pub(super) trait Visitor<T: Real> {
    /// A step has been recorded; `asked` comparisons had been noted before it.
    fn step(&mut self, _list: &List<T>, _bounds: Bounds, _asked: usize) {}
    /// A stretch has been recorded.
    fn stretch(&mut self, _stretch: &Stretch<'_, T>) -> Result<(), Error> {
        Ok(())
    }
}

/// Nobody.
impl<T: Real> Visitor<T> for () {}

impl<T: Real> Loop<T> {
    pub(super) fn new<C: Clone + 'static>(
        op: &'static str,
        [steps, states]: [usize; 2],
        f: impl Fn(usize, &[Var<T>], &mut C) -> Vec<Var<T>> + 'static,
    ) -> Self {
        let context = PhantomData;
        Self {
            op,
            body: Box::new(Closure { f, context }),
            steps,
            states: states.min(steps.max(1)),
        }
    }

    /// Records one step.
    #[track_caller]
    pub(super) fn step(
        &self,
        list: &'static List<T>,
        step: usize,
        state: &[Var<T>],
        context: &mut dyn Any,
    ) -> Result<Vec<Var<T>>, Error> {
        let op = self.op;
        let next = self.body.run(step, state, context);
        if next.len() != state.len() && self.steps > 1 {
            return Err(Error::Argument {
                op,
                detail: format!(
                    "step {step} gave {} scalars from a state of {}; a step gives the next state, which has as many",
                    next.len(),
                    state.len()
                ),
            });
        }
        check_own(op, list, &next)?;
        Ok(next)
    }

    /// Records steps until they take `bytes`, but at least one, and none from `to` on; then takes them back.
    #[track_caller]
    pub(super) fn stretch(
        &self,
        list: &'static List<T>,
        from: Snapshot<T>,
        to: usize,
        bytes: usize,
        visitor: &mut impl Visitor<T>,
    ) -> Result<Snapshot<T>, Error> {
        let Snapshot {
            mut at,
            state: before,
            mut context,
        } = from;
        let _taken_back = list.attempt();
        let (position, most) = (list.position(), list.bytes() + bytes);
        let outside = position.nodes;
        let given = before.record(list);
        let mut next = given.clone();
        loop {
            let (start, asked) = (list.len(), list.state().guards.len());
            next = self.step(list, at, &next, &mut *context)?;
            visitor.step(list, Bounds { outside, start }, asked);
            at += 1;
            if at == to || list.bytes() >= most {
                break;
            }
        }
        let state = State::of(&next, outside);
        visitor.stretch(&Stretch {
            position,
            before: &before,
            given: &given,
            end: at,
            after: &state,
            next: &next,
        })?;
        Ok(Snapshot { at, state, context })
    }

    /// Goes from a state to the one before step `to`.
    #[track_caller]
    pub(super) fn advance(
        &self,
        list: &'static List<T>,
        mut from: Snapshot<T>,
        to: usize,
        visitor: &mut impl Visitor<T>,
    ) -> Result<Snapshot<T>, Error> {
        while from.at < to {
            from = self.stretch(list, from, to, STRETCH, visitor)?;
        }
        Ok(from)
    }

    /// A copy of a kept state, to be used up.
    pub(super) fn copy(&self, snapshot: &Snapshot<T>) -> Snapshot<T> {
        Snapshot {
            at: snapshot.at,
            state: snapshot.state.clone(),
            context: self.body.copy(&*snapshot.context),
        }
    }

    /// Why a second recording must not be used, if it differs from the first.
    pub(super) fn compare(&self, first: &State<T>, again: &State<T>) -> Result<(), Error> {
        let what = match first.difference(again) {
            Some((i, was, is)) => {
                format!("gave {is:?} for scalar {i}, which was {was:?}")
            }
            None if !again.is_shared_like(first) => "gave other nodes than".to_owned(),
            None => return Ok(()),
        };
        Err(self.not_the_same(&what))
    }

    pub(super) fn not_the_same(&self, what: &str) -> Error {
        Error::Argument {
            op: self.op,
            detail: format!(
                "run once more, the closure {what} when it ran first; it may depend on its arguments and on what never changes, so pass random numbers and other state by {}_with",
                self.op
            ),
        }
    }
}

/// Refuses handles that are not of this list; a constant is of any.
pub(super) fn check_own<T: Real>(
    op: &'static str,
    list: &'static List<T>,
    vars: &[Var<T>],
) -> Result<(), Error> {
    for var in vars.iter().filter(|var| !var.is_constant()) {
        var.try_check(op)?;
        if !std::ptr::eq(var.list(), list) {
            return Err(Error::Foreign { op });
        }
    }
    Ok(())
}
