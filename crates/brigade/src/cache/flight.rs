//! One computation, and those who wait for it.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crate::lock::duty::Owed;
use crate::primitive::Mutex;

/// A computation that is under way, or has ended.
///
/// Invariant: once `ended` is set it stays, and nobody is in `waiting` any more.
pub(super) struct Flight<T> {
    state: Mutex<State<T>>,
    /// The duty of the thread that computes; `None` if a future does, which goes from thread to thread.
    thread: Option<usize>,
}

struct State<T> {
    ended: Option<Ended<T>>,
    /// Whom to wake at the end; by number, so that who waits no longer leaves nothing behind.
    waiting: BTreeMap<u64, Waker>,
    next_number: u64,
}

/// How a computation ended.
pub(super) enum Ended<T> {
    Done(Arc<T>),
    /// By a panic, an error, or because the future that computed was dropped: whoever waited tries again.
    Abandoned,
}

// Not derived, for that would ask for `T: Clone`.
impl<T> Clone for Ended<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Done(value) => Self::Done(Arc::clone(value)),
            Self::Abandoned => Self::Abandoned,
        }
    }
}

impl<T> Flight<T> {
    pub(super) fn new(thread: Option<usize>) -> Arc<Self> {
        let state = State {
            ended: None,
            waiting: BTreeMap::new(),
            next_number: 0,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            thread,
        })
    }

    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// What whoever waits for this waits for, for the wait graph.
    pub(super) fn owed(&self) -> Owed {
        Owed::Duty(self.thread.unwrap_or_else(|| self.address()))
    }

    /// Tells everybody how it ended.
    pub(super) fn end(&self, ended: Ended<T>) {
        let mut state = self.state.lock();
        state.ended = Some(ended);
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        // Without the lock: wakers are foreign code.
        waiting.into_values().for_each(Waker::wake);
    }
}

/// One caller that waits for a computation. Dropping it is to wait no longer.
pub(super) struct Waiting<T> {
    flight: Arc<Flight<T>>,
    number: Option<u64>,
}

impl<T> Waiting<T> {
    pub(super) fn new(flight: Arc<Flight<T>>) -> Self {
        Self {
            flight,
            number: None,
        }
    }

    pub(super) fn flight(&self) -> &Arc<Flight<T>> {
        &self.flight
    }

    /// How the computation ended, or `None`; then `waker` will be woken when it has.
    pub(super) fn poll(&mut self, waker: &Waker) -> Option<Ended<T>> {
        if let Some(known) = self.look(waker) {
            return known;
        }
        let waker = waker.clone(); // without the lock: a waker's clone is foreign code
        let mut state = self.flight.state.lock();
        if let Some(ended) = &state.ended {
            return Some(ended.clone());
        }
        let number = self.number.unwrap_or(state.next_number);
        if self.number.is_none() {
            state.next_number += 1;
            self.number = Some(number);
        }
        let replaced = state.waiting.insert(number, waker);
        drop(state);
        drop(replaced); // without the lock, too
        None
    }

    /// How it ended; `Some(None)` if it has not, but knows whom to wake.
    fn look(&self, waker: &Waker) -> Option<Option<Ended<T>>> {
        let state = self.flight.state.lock();
        if let Some(ended) = &state.ended {
            return Some(Some(ended.clone()));
        }
        let known = self.number.and_then(|number| state.waiting.get(&number));
        known
            .is_some_and(|known| known.will_wake(waker))
            .then_some(None)
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let waker = self.flight.state.lock().waiting.remove(&number);
            drop(waker); // when the lock is released
        }
    }
}
