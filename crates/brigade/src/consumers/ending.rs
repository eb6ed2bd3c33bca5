//! Waiting until all is handled, and the end.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::lock::duty::{Awaited, Needs, Owed};
use crate::lock::{Report, action};
use crate::pool::Shutdown;
use crate::waiting::Subject;

use super::error::WaitError;
use super::shared::{Shared, wake};
use super::state::State;
use super::watching::{Watched, wait_until};

/// What the consumers had done when they ended, and what they had not.
///
/// `handled + failed + unhandled.len() + running` is what was produced, but for what earlier shutdowns handed back.
#[derive(Debug)]
#[must_use = "the report hands back the items that were not handled"]
#[non_exhaustive]
pub struct ShutdownReport<T> {
    /// How many items were handled in the life of the consumers.
    pub handled: u64,
    /// How many were given to the failure handler.
    pub failed: u64,
    /// Accepted items that no handler has, in the order in which they were produced. Those that were to be tried
    /// again are among them.
    pub unhandled: Vec<T>,
    /// How many items handlers still had when the timeout ended (they go on by themselves).
    pub running: usize,
}

/// That all items entered before the mark are settled, for the wait graph.
struct Rest<T> {
    shared: Arc<Shared<T>>,
    mark: u64,
}

impl<T: Send> Awaited for Rest<T> {
    fn needs(&self) -> Needs {
        let Self { shared, mark } = self;
        let state = shared.state.lock();
        if state.ledger.is_settled(*mark) {
            return Needs::Nobody;
        }
        let seats: Vec<_> = state.holders(*mark).collect();
        if seats.is_empty() {
            // Those that are left wait for whichever consumer takes them.
            return shared.any_consumer(&state);
        }
        let address = |number| shared.address_of_seat(number);
        Needs::Each(seats.into_iter().map(address).collect())
    }
}

impl<T: Send + 'static> Shared<T> {
    /// Waits until all items accepted so far are settled.
    pub(crate) fn wait_for_rest(
        self: &Arc<Self>,
        limit: Option<Duration>,
    ) -> Result<(), WaitError> {
        let consumers = || self.name.clone();
        if self.is_served_here() {
            return Err(WaitError::InHandler {
                consumers: consumers(),
            });
        }
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mark = self.state.lock().ledger.mark();
        let rest = Owed::Rest(Arc::new(Rest {
            shared: Arc::clone(self),
            mark,
        }));
        match self.wait_until(rest, deadline, |state| state.ledger.is_settled(mark)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(WaitError::TimedOut {
                consumers: consumers(),
                limit: limit.unwrap_or(Duration::MAX),
            }),
            Err(report) => Err(WaitError::Deadlock {
                consumers: consumers(),
                report,
            }),
        }
    }
}

impl<T> Shared<T> {
    /// Ends the consumers; waits for them, unless this is one of them.
    pub(crate) fn shut_down(&self, how: Shutdown) -> ShutdownReport<T> {
        let (timeout, halts) = match how {
            Shutdown::Drain { timeout } => (timeout, false),
            Shutdown::Now { timeout } => (timeout, true),
        };
        let mut unhandled = self.close(halts);
        if !self.is_served_here() {
            let deadline = Instant::now().checked_add(timeout);
            // If that would never end, as if the time were over.
            let all = Owed::Duty(self.address());
            let left = self.wait_until(all, deadline, |state| state.live == 0);
            let left = left.unwrap_or_else(|report| {
                action::tell(&report);
                false
            });
            if left {
                self.join_threads();
            } else {
                unhandled.append(&mut self.close(true));
            }
        }
        let state = self.state.lock();
        ShutdownReport {
            handled: state.counts.handled,
            failed: state.counts.failed,
            unhandled,
            running: state.running,
        }
    }

    /// Takes no more items; if it `halts`, also gives back those that wait.
    fn close(&self, halts: bool) -> Vec<T> {
        let mut wakes = Vec::new();
        let mut state = self.state.lock();
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

    /// The consumers have left; their threads end now, if they have not yet.
    fn join_threads(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            let _ = thread.join(); // consumers catch what items and handlers throw
        }
    }

    /// Waits until `condition` holds; it is looked at when the last item that someone may wait for is settled, and
    /// when a consumer leaves. The wait graph may know that it will never hold, because of what is `awaited`.
    fn wait_until(
        &self,
        awaited: Owed,
        deadline: Option<Instant>,
        condition: impl Fn(&State<T>) -> bool,
    ) -> Result<bool, Box<Report>> {
        let name = || self.name_of_work();
        let subject = Subject {
            awaited,
            name: &name,
        };
        wait_until(&self.state, Some(&subject), deadline, condition)
    }
}

impl<T> Watched for State<T> {
    fn watchers(&mut self) -> &mut Vec<Waker> {
        &mut self.watchers
    }
}
