//! The end of a pool, and waiting for it to come to rest.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::lock::{Report, action};
use crate::primitive::MutexGuard;
use crate::waiting::{self, Parking, Subject};

use super::crew::Awaited;
use super::inline;
use super::job::{Job, NotRun, Unstarted};
use super::member::Membership;
use super::priority::Priority;
use super::shared::{Phase, Shared, State, Wakes};

/// How a pool ends. In both ways it takes no more tasks from the first moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// What is queued still runs; what has not begun by the end of `timeout` is handed back. What runs then goes on by
    /// itself, and is not asked to stop.
    Drain {
        /// How long queued and running tasks may take.
        timeout: Duration,
    },
    /// What is queued is handed back at once, but for scopes' tasks, which run; running tasks are asked to stop
    /// ([`task::is_cancelled`](crate::task::is_cancelled)) and end.
    Now {
        /// How long to wait for running tasks.
        timeout: Duration,
    },
}

impl Shutdown {
    /// Drains without a limit of time.
    pub fn drain() -> Self {
        Self::Drain {
            timeout: Duration::MAX,
        }
    }

    /// Ends now, and waits for running tasks without a limit of time.
    pub fn now() -> Self {
        Self::Now {
            timeout: Duration::MAX,
        }
    }
}

/// What a pool had done when it ended, and what it had not.
#[derive(Debug)]
#[must_use = "the report hands back the tasks that did not run"]
#[non_exhaustive]
pub struct ShutdownReport {
    /// How many tasks ran to their end in the life of the pool.
    pub completed: u64,
    /// How many panicked.
    pub panicked: u64,
    /// Accepted tasks that did not run, the most urgent first, in their order.
    pub unstarted: Vec<Unstarted>,
    /// How many threads were still inside a task when the timeout ended (they go on by themselves).
    pub running: usize,
}

impl Shared {
    /// Ends the pool and waits for its workers, but for those that this very call is made on.
    pub(crate) fn shut_down(self: &Arc<Self>, how: Shutdown) -> ShutdownReport {
        let (timeout, drain) = match how {
            Shutdown::Drain { timeout } => (timeout, true),
            Shutdown::Now { timeout } => (timeout, false),
        };
        let deadline = Instant::now().checked_add(timeout);
        let awaits = self.awaits(Awaited {
            rest: true,
            shutdown: true,
        });
        let state = self.lock();
        let mut unstarted = if drain {
            self.close(state)
        } else {
            self.halt(state)
        };
        let all_left = |state: &State| {
            let crew = &state.crew;
            crew.live + crew.starting + crew.outside == crew.awaiting_shutdown
                && state.queued() == 0
        };
        // If that would never end, as if the time were over.
        let left = self
            .wait_until(deadline, all_left)
            .unwrap_or_else(|report| {
                action::tell(&report);
                false
            });
        if !left {
            unstarted.append(&mut self.halt(self.lock()));
        }
        self.join_departed();
        let state = self.lock();
        let crew = &state.crew;
        // Who waited for the shutdown inside a task, and does not any more, was not left behind.
        let running = match left {
            true => 0,
            false => (crew.live + crew.outside).saturating_sub(crew.awaiting_shutdown),
        };
        let totals = self.totals(&state);
        drop(state);
        drop(awaits);
        let (completed, panicked) = (totals.completed, totals.panicked);
        ShutdownReport {
            completed,
            panicked,
            unstarted,
            running,
        }
    }

    /// Takes no more tasks.
    fn close(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> Vec<Unstarted> {
        state.phase = state.phase.max(Phase::Draining);
        self.dismiss(state);
        Vec::new()
    }

    /// Takes no more tasks and gives up those that have not begun, but for scopes' tasks.
    fn halt(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> Vec<Unstarted> {
        state.phase = Phase::Halted;
        self.halted.store(true, Relaxed);
        state.take_back_hoards();
        let jobs = state.queue.take_all();
        self.dismiss(state);
        jobs.into_iter()
            .filter_map(|(job, priority)| self.hand_back(job, priority))
            .collect()
    }

    /// Sends waiting producers away and wakes parked workers: with nothing to do, they leave.
    fn dismiss(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut wakes = Wakes::none();
        state.line.turn_away(&mut wakes);
        state.crew.call_all(&mut wakes.list().calls);
        wakes.list().wakers.append(&mut state.watchers);
        self.release(state, wakes);
    }

    fn hand_back(&self, job: Job, priority: Priority) -> Option<Unstarted> {
        let task = job.hand_back(self, NotRun::ShutDown);
        if task.is_none() {
            self.lock().stale -= 1; // a husk, counted as such by whoever took its work
        }
        task.map(|task| Unstarted { priority, task })
    }

    /// Counts a task that was accepted and will not run.
    pub(crate) fn count_not_run(&self, why: NotRun) {
        let mut wakes = Wakes::none();
        let mut state = self.lock();
        match why {
            NotRun::Discarded => {
                state.events.discarded += 1;
                state.stale += 1; // it counted as one that waits until now
                state.tell_watchers_of_rest(&mut wakes);
            }
            NotRun::ShutDown => state.events.handed_back += 1,
        }
        drop(state);
        wakes
            .into_wakers()
            .into_iter()
            .for_each(|waker| self.wake(waker));
    }

    /// Waits until no task is queued or running, but for those that wait for the same.
    pub(crate) fn wait_for_rest(self: &Arc<Self>, deadline: Option<Instant>) -> bool {
        let awaits = self.awaits(Awaited {
            rest: true,
            shutdown: false,
        });
        let inside = awaits.awaited.is_some();
        let rested = self.wait_until(deadline, |state| {
            // Tasks that wait for rest leave each other out of account; nobody else does.
            state.at_rest() && (inside || state.crew.awaiting_rest == 0)
        });
        drop(awaits);
        rested.unwrap_or_else(|report| {
            match deadline {
                Some(_) => action::tell(&report),
                None => action::fail(&report),
            }
            false
        })
    }

    /// The task or hook that this thread is inside of, if any, begins to wait for `awaited`.
    fn awaits(self: &Arc<Self>, mut awaited: Awaited) -> Awaits<'_> {
        let inside = inline::is_inside(self);
        if inside {
            let member = Membership::of(self);
            // A hook is no task, and in nobody's way who waits for those to end.
            awaited.rest &= member.as_ref().is_none_or(|member| member.active.get());
            let mut wakes = Wakes::none();
            let mut state = self.lock();
            state.crew.awaits(awaited, 1);
            state.tell_watchers_of_rest(&mut wakes);
            self.release(state, wakes);
            if let Some(member) = member {
                member.awaited.set(awaited);
            }
        }
        Awaits {
            shared: self,
            awaited: inside.then_some(awaited),
        }
    }

    /// Waits until `condition` holds; it is looked at when a worker runs out of tasks or leaves. Errs if a worker waits
    /// for this thread, so that it never would.
    fn wait_until(
        self: &Arc<Self>,
        deadline: Option<Instant>,
        condition: impl Fn(&State) -> bool,
    ) -> Result<bool, Box<Report>> {
        let subject = Subject {
            awaited: &|| self.rest(),
            name: &|| format!("the workers of pool `{}`", self.name),
        };
        let ready = waiting::wait(Some(&subject), deadline, |waker| {
            let mut state = self.lock();
            if condition(&state) {
                return Some(());
            }
            if !state.watchers.iter().any(|known| known.will_wake(waker)) {
                state.watchers.push(waker.clone());
            }
            None
        });
        if !matches!(ready, Ok(Some(()))) {
            let parking = Parking::current();
            let own = |known: &Waker| known.will_wake(parking.waker_ref());
            self.lock().watchers.retain(|known| !own(known));
        }
        ready.map(|ready| ready.is_some())
    }
}

/// While this lives, a task waits for something that it would itself keep from coming.
struct Awaits<'a> {
    shared: &'a Arc<Shared>,
    awaited: Option<Awaited>,
}

impl Drop for Awaits<'_> {
    fn drop(&mut self) {
        let Some(awaited) = self.awaited else { return };
        self.shared.lock().crew.awaits(awaited, -1);
        if let Some(member) = Membership::of(self.shared) {
            member.awaited.take();
        }
    }
}
