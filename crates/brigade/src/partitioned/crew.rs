//! The threads: starting them, changing their number, and the end.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::consumers::closing::{Phase, shut_down};
use crate::consumers::ledger::Ledger;
use crate::consumers::shared::wake;
use crate::consumers::watching::wait_until;
use crate::lock::duty::{Awaited, Needs, Owed};
use crate::pool::Shutdown;
use crate::primitive::{Mutex, thread};
use crate::waiting::Subject;

use super::error::{StartError, WaitError};
use super::shared::Shared;
use super::state::{Seat, State};
use super::worker::{Work, Worker};

/// Starts and ends workers; does not know what their state is.
pub(crate) struct Crew {
    /// By the number of the worker. Locked for as long as the number of workers changes.
    threads: Mutex<Vec<Option<thread::JoinHandle<()>>>>,
    start: Box<dyn Fn(usize) -> io::Result<thread::JoinHandle<()>> + Send + Sync>,
}

/// What the workers had done when they ended, and what they had not.
#[derive(Debug)]
#[must_use = "the report hands back the messages that were not handled"]
#[non_exhaustive]
pub struct ShutdownReport<K, M> {
    /// How many messages were handled in the life of the workers.
    pub handled: u64,
    /// How many made their handler panic.
    pub panicked: u64,
    /// Accepted messages that no handler has, with their keys, in the order in which they were sent.
    pub unhandled: Vec<(K, M)>,
    /// How many messages handlers still had when the timeout ended (they go on by themselves).
    pub running: usize,
}

/// That all messages accepted before the mark are handled, for the wait graph.
struct Rest<K, M> {
    shared: Arc<Shared<K, M>>,
    mark: u64,
}

impl<K: Send, M: Send> Awaited for Rest<K, M> {
    fn needs(&self) -> Needs {
        Needs::Each(self.shared.state.lock().holders(self.mark))
    }
}

impl Crew {
    pub(crate) fn new<K, M, S>(
        shared: &Arc<Shared<K, M>>,
        work: Work<K, M, S>,
        stack_size: Option<usize>,
    ) -> Self
    where
        K: Send + 'static,
        M: Send + 'static,
        S: 'static,
    {
        let (shared, work) = (Arc::clone(shared), Arc::new(work));
        let start = move |number| {
            let mut builder =
                thread::Builder::new().name(format!("{}-worker-{number}", shared.name));
            if let Some(bytes) = stack_size {
                builder = builder.stack_size(bytes);
            }
            let (shared, work) = (Arc::clone(&shared), Arc::clone(&work));
            builder.spawn(move || Worker::new(number, shared, work).run())
        };
        Self {
            threads: Mutex::new(Vec::new()),
            start: Box::new(start),
        }
    }

    /// Changes the number of workers.
    pub(crate) fn resize<K, M>(
        &self,
        shared: &Shared<K, M>,
        workers: usize,
    ) -> Result<(), StartError> {
        let name = || Arc::clone(&shared.name);
        if workers == 0 {
            return Err(StartError::Invalid {
                workers: name(),
                problem: "nobody would handle the messages; ask for one worker or more",
            });
        }
        let mut threads = self.threads.lock();
        let Some(missing) = shared.seat(workers) else {
            return Err(StartError::ShutDown { workers: name() });
        };
        for (place, number) in missing.iter().enumerate() {
            match (self.start)(*number) {
                Ok(thread) => {
                    if threads.len() <= *number {
                        threads.resize_with(number + 1, || None);
                    }
                    threads[*number] = Some(thread);
                }
                Err(error) => {
                    // Those below it are there, and at least one is needed to send to.
                    let running = shared.unseat(&missing[place..]);
                    return Err(StartError::NoThread {
                        workers: name(),
                        running,
                        error,
                    });
                }
            }
        }
        Ok(())
    }

    /// The workers have left; their threads end now, if they have not yet.
    pub(crate) fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads.into_iter().flatten() {
            let _ = thread.join(); // workers catch what handlers and states throw
        }
    }
}

impl<K, M> Shared<K, M> {
    /// Spreads keys over so many workers; returns those that need a thread. `None` after the end has begun.
    fn seat(&self, workers: usize) -> Option<Vec<usize>> {
        let mut wakes = Vec::new();
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return None;
        }
        while state.seats.len() < workers {
            let seat = Seat::new(self.histograms);
            state.seats.push(seat);
        }
        let is_empty = |number: &usize| !state.seats[*number].is_taken;
        let missing: Vec<_> = (0..workers).filter(is_empty).collect();
        for number in &missing {
            state.seats[*number].is_taken = true;
        }
        state.live += missing.len();
        state.spread(workers, &mut wakes);
        drop(state);
        wake(wakes);
        Some(missing)
    }

    /// Those could not be started: spreads keys over the workers below them. Returns how many these are.
    fn unseat(&self, missing: &[usize]) -> usize {
        let mut wakes = Vec::new();
        let mut state = self.state.lock();
        for number in missing {
            state.seats[*number].is_taken = false;
        }
        state.live -= missing.len();
        let running = missing.first().copied().unwrap_or(state.workers);
        state.spread(running.max(1), &mut wakes);
        drop(state);
        wake(wakes);
        running
    }
}

impl<K: Send + 'static, M: Send + 'static> Shared<K, M> {
    /// Waits until all messages accepted so far are handled or handed back.
    pub(crate) fn wait_for_rest(
        self: &Arc<Self>,
        limit: Option<Duration>,
    ) -> Result<(), WaitError> {
        let workers = Arc::clone(&self.name);
        if self.is_served_here() {
            return Err(WaitError::InHandler { workers });
        }
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mark = Ledger::mark(&mut self.state.lock().ledger);
        let settled = |state: &State<K, M>| state.ledger.is_settled(mark);
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
                workers,
                limit: limit.unwrap_or(Duration::MAX),
            }),
            Err(report) => Err(WaitError::Deadlock { workers, report }),
        }
    }
}

impl<K, M> Shared<K, M> {
    fn name_of_work(&self) -> String {
        format!("the workers of `{}`", self.name)
    }

    /// Ends the workers; waits for them, unless this is one of them.
    pub(crate) fn shut_down(&self, crew: &Crew, how: Shutdown) -> ShutdownReport<K, M> {
        let name = || self.name_of_work();
        let all: (usize, &dyn Fn() -> String) = (self.address(), &name);
        let is_one = self.is_served_here();
        let unhandled = shut_down(&self.state, how, all, is_one, || crew.join());
        let state = self.state.lock();
        ShutdownReport {
            handled: state.counts.handled,
            panicked: state.counts.panicked,
            unhandled,
            running: state.running(),
        }
    }
}
