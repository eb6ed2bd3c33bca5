//! Waiting until all is handled, and the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::lock::duty::{Awaited, Needs, Owed};
use crate::pool::Shutdown;
use crate::waiting::Subject;

use super::closing::shut_down;
use super::error::WaitError;
use super::shared::{Seat, Shared};
use super::state::State;
use super::watching::wait_until;

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
        let holders = shared.seats.iter().filter(|seat| seat.holds(*mark));
        let holders: Vec<_> = holders.map(Seat::address).collect();
        if holders.is_empty() {
            // Those that are left wait for whichever consumer takes them.
            return shared.any_consumer(&state);
        }
        Needs::Each(holders)
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
        let settled = |state: &State<T>| state.ledger.is_settled(mark);
        let rest = || Rest {
            shared: Arc::clone(self),
            mark,
        };
        let name = || self.name_of_work();
        let subject = Subject {
            awaited: &|| Owed::Rest(Arc::new(rest())),
            name: &name,
        };
        match wait_until(&self.state, Some(&subject), deadline, settled) {
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
        let name = || self.name_of_work();
        let all: (usize, &dyn Fn() -> String) = (self.address(), &name);
        let is_one = self.is_served_here();
        let unhandled = shut_down(&self.state, how, all, is_one, || self.join_threads());
        let state = self.state.lock();
        ShutdownReport {
            handled: state.counts.handled,
            failed: state.counts.failed,
            unhandled,
            running: state.running,
        }
    }

    /// The consumers have left; their threads end now, if they have not yet.
    fn join_threads(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            let _ = thread.join(); // consumers catch what items and handlers throw
        }
    }
}
