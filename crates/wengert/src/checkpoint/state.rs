//! The state of a loop between two steps, in numbers.

use std::any::Any;

use smallvec::SmallVec;

use super::digest::bits;
use crate::list::List;
use crate::real::Real;
use crate::var::Var;

/// The numbers of a state, and which of its components were one node.
#[derive(Clone)]
pub(super) struct State<T: Real> {
    numbers: Box<[T]>,
    /// The components that are no nodes of their own, in order.
    shared: Box<[(usize, Shared<T>)]>,
}

/// Whose node a component is.
///
/// Adjoints meet in a node in the order in which it was used. So that they do so when the state is recorded again,
/// what was one node becomes one node again.
#[derive(Clone, Copy)]
enum Shared<T: Real> {
    /// That of an earlier component.
    With(usize),
    /// One from before the region, or none: a constant.
    Handle(Var<T>),
}

impl<T: Real> State<T> {
    /// The state of these scalars; nodes from `outside` on are about to be taken back.
    pub(super) fn of(vars: &[Var<T>], outside: u32) -> Self {
        let mut inside: SmallVec<[(u32, usize); 8]> = SmallVec::new();
        let mut shared = Vec::new();
        for (i, &var) in vars.iter().enumerate() {
            match var.is_constant() || var.id() < outside {
                true => shared.push((i, Shared::Handle(var))),
                false => inside.push((var.id(), i)),
            }
        }
        inside.sort_unstable();
        for same in inside.chunk_by(|a, b| a.0 == b.0) {
            shared.extend(same[1..].iter().map(|&(_, i)| (i, Shared::With(same[0].1))));
        }
        shared.sort_unstable_by_key(|&(i, _)| i);
        Self {
            numbers: vars.iter().map(|var| var.value()).collect(),
            shared: shared.into(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The components that are nodes of their own, with their numbers.
    pub(super) fn own(&self) -> impl Iterator<Item = (usize, T)> {
        let mut shared = self.shared.iter().map(|&(i, _)| i).peekable();
        let numbers = self.numbers.iter().copied().enumerate();
        numbers.filter(move |&(i, _)| shared.next_if_eq(&i).is_none())
    }

    /// The state as scalars, those of its own made by `node`.
    pub(super) fn vars(
        &self,
        list: &'static List<T>,
        mut node: impl FnMut(T) -> Var<T>,
    ) -> Vec<Var<T>> {
        let mut vars = Vec::with_capacity(self.len());
        let mut shared = self.shared.iter().peekable();
        for (i, &number) in self.numbers.iter().enumerate() {
            vars.push(match shared.next_if(|&&(at, _)| at == i) {
                None => node(number),
                Some(&(_, Shared::With(first))) => vars[first],
                Some(&(_, Shared::Handle(var))) if var.is_constant() => var,
                // With the generation of today, so that operations on it need no closer look.
                Some(&(_, Shared::Handle(var))) => Var::at(list.place(var.id())),
            });
        }
        vars
    }

    /// The state as scalars on the list.
    #[track_caller]
    pub(super) fn record(&self, list: &'static List<T>) -> Vec<Var<T>> {
        self.vars(list, |number| {
            let id = list.push_leaf(number);
            Var::at(list.place(id))
        })
    }

    /// The first component in which another state differs, with the numbers of both.
    pub(super) fn difference(&self, other: &Self) -> Option<(usize, T, T)> {
        let numbers = self.numbers.iter().zip(&other.numbers);
        let (i, (&mine, &its)) = numbers
            .enumerate()
            .find(|(_, (mine, its))| bits(**mine) != bits(**its))?;
        Some((i, mine, its))
    }

    /// Whether the same components are nodes of the same others.
    pub(super) fn is_shared_like(&self, other: &Self) -> bool {
        let same = |(mine, its): (&(usize, Shared<T>), &(usize, Shared<T>))| {
            mine.0 == its.0
                && match (mine.1, its.1) {
                    (Shared::With(a), Shared::With(b)) => a == b,
                    (Shared::Handle(a), Shared::Handle(b)) => {
                        (a.is_constant() && b.is_constant())
                            || (!a.is_constant() && !b.is_constant() && a.id() == b.id())
                    }
                    _ => false,
                }
        };
        self.len() == other.len()
            && self.shared.len() == other.shared.len()
            && self.shared.iter().zip(&other.shared).all(same)
    }
}

/// A state that is kept, with what else the loop carries from step to step.
pub(super) struct Snapshot<T: Real> {
    /// The step that comes next.
    pub(super) at: usize,
    pub(super) state: State<T>,
    pub(super) context: Box<dyn Any>,
}

impl<T: Real> Snapshot<T> {
    /// The bytes that one with so many scalars and a context of type `C` takes.
    pub(super) fn bytes<C>(scalars: usize) -> usize {
        size_of::<Self>() + scalars * size_of::<T>() + size_of::<C>()
    }
}
