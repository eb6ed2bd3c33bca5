//! The end of threads that handle what others hand in: no more is taken, what waits is handled or handed back, and all
//! threads leave.

use std::task::Waker;
use std::time::Instant;

use crate::lock::action;
use crate::lock::duty::Owed;
use crate::pool::Shutdown;
use crate::primitive::Mutex;
use crate::waiting::Subject;

use super::shared::wake;
use super::watching::wait_until;

/// How far the end has come. The later, the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    /// What waits is still handled.
    Draining,
    /// What waited was handed back.
    Halted,
}

/// What such threads share under a lock.
pub(crate) trait Closing {
    type Item;

    /// The wakers of those who wait for a change, and are woken by it.
    fn watchers(&mut self) -> &mut Vec<Waker>;
    /// Takes no more items and sends away those who wait for room.
    fn close(&mut self, wakes: &mut Vec<Waker>);
    /// Gives back all that waits, in the order in which it was accepted.
    fn halt(&mut self, wakes: &mut Vec<Waker>) -> Vec<Self::Item>;
    /// How many threads have not left.
    fn live(&self) -> usize;
}

/// Ends the threads with this duty, which goes by that name, as `how` says; returns what was handed back. Then they are
/// waited for and joined, unless this `is_one` of them.
pub(crate) fn shut_down<S: Closing>(
    state: &Mutex<S>,
    how: Shutdown,
    (duty, name): (usize, &dyn Fn() -> String),
    is_one: bool,
    join: impl FnOnce(),
) -> Vec<S::Item> {
    let (timeout, halts) = match how {
        Shutdown::Drain { timeout } => (timeout, false),
        Shutdown::Now { timeout } => (timeout, true),
    };
    let mut unhandled = close(state, halts);
    if is_one {
        return unhandled;
    }
    let deadline = Instant::now().checked_add(timeout);
    let all = Subject {
        awaited: &|| Owed::Duty(duty),
        name,
    };
    let left = wait_until(state, Some(&all), deadline, |state| state.live() == 0);
    // If that would never be, as if the time were over.
    let left = left.unwrap_or_else(|report| {
        action::tell(&report);
        false
    });
    if left {
        join();
    } else {
        unhandled.append(&mut close(state, true));
    }
    unhandled
}

/// Takes no more items; if it `halts`, also gives back those that wait.
fn close<S: Closing>(state: &Mutex<S>, halts: bool) -> Vec<S::Item> {
    let mut wakes = Vec::new();
    let mut state = state.lock();
    let unhandled = if halts {
        state.halt(&mut wakes)
    } else {
        state.close(&mut wakes);
        Vec::new()
    };
    drop(state);
    wake(wakes);
    unhandled
}
