//! Memory that one call leaves to the next, on whichever thread.

use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

/// What nobody uses now.
pub(super) struct Pool<X>(Mutex<Vec<X>>);

impl<X> Pool<X> {
    /// Something that lies there, or else something new; it comes back when the loan is dropped.
    pub(super) fn lend(&self, new: impl FnOnce() -> X) -> Lent<'_, X> {
        let spare = self.0.lock().expect(LOCK).pop();
        Lent {
            pool: self,
            thing: Some(spare.unwrap_or_else(new)),
        }
    }
}

impl<X> Default for Pool<X> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Empty: what lies there is of use to whoever asks first.
impl<X> Clone for Pool<X> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

pub(super) struct Lent<'a, X> {
    pool: &'a Pool<X>,
    /// There until it is given back.
    thing: Option<X>,
}

impl<X> Deref for Lent<'_, X> {
    type Target = X;
    fn deref(&self) -> &X {
        self.thing.as_ref().expect(LENT)
    }
}

impl<X> DerefMut for Lent<'_, X> {
    fn deref_mut(&mut self) -> &mut X {
        self.thing.as_mut().expect(LENT)
    }
}

impl<X> Drop for Lent<'_, X> {
    fn drop(&mut self) {
        if let Some(thing) = self.thing.take() {
            self.pool.0.lock().expect(LOCK).push(thing);
        }
    }
}

const LOCK: &str = "nobody panics who holds the lock";
const LENT: &str = "given back only when dropped";
