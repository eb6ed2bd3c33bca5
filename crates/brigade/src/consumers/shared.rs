//! What all handles and threads of some consumers refer to, and how producers get items in.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::lock::duty::Owed;
use crate::pool::tally::Tally;
use crate::primitive::atomic::AtomicUsize;
use crate::primitive::{Mutex, MutexGuard, thread};
use crate::waiting::{self, Subject};

use super::error::{RejectReason, Rejected};
use super::line::{Left, Progress};
use super::serving;
use super::state::{Batch, Phase, State};

pub(crate) struct Shared<T> {
    pub(crate) name: Arc<str>,
    pub(crate) capacity: usize,
    pub(crate) workers: usize,
    pub(crate) state: Mutex<State<T>>,
    /// What each consumer has timed.
    pub(crate) tallies: Vec<Tally>,
    pub(crate) histograms: bool,
    pub(crate) threads: Mutex<Vec<thread::JoinHandle<()>>>,
    /// Handles through which items may still come.
    pub(crate) handles: AtomicUsize,
}

/// How long a producer waits for room.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    None,
    Until(Option<Instant>),
}

/// What a first look at the buffer leads to.
enum First<T> {
    Accepted,
    InLine(u64),
    Refused(Rejected<T>),
}

/// Wakes them all; never under a lock, for wakers are foreign code.
pub(crate) fn wake(wakes: impl IntoIterator<Item = Waker>) {
    wakes.into_iter().for_each(Waker::wake);
}

impl<T> Shared<T> {
    pub(crate) fn new(
        name: Arc<str>,
        capacity: usize,
        workers: usize,
        batch: Batch,
        histograms: bool,
    ) -> Self {
        Self {
            name,
            capacity,
            workers,
            state: Mutex::new(State::new(capacity, batch)),
            tallies: (0..workers).map(|_| Tally::new(histograms)).collect(),
            histograms,
            threads: Mutex::new(Vec::new()),
            handles: AtomicUsize::new(1),
        }
    }

    /// What stands for the consumers in the wait graph.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// What that is called there.
    pub(crate) fn name_of_work(&self) -> String {
        format!("the work of consumers `{}`", self.name)
    }

    /// Notes that this thread is a consumer.
    pub(crate) fn begin_to_serve(&self) {
        serving::begin(self.address());
    }

    /// True on a thread of these very consumers.
    pub(crate) fn is_served_here(&self) -> bool {
        serving::is_here(self.address())
    }

    /// Puts an item into the buffer, or says why not.
    #[inline]
    pub(crate) fn admit(&self, item: T, patience: Patience) -> Result<(), Rejected<T>> {
        let mut state = self.state.lock();
        if state.phase == Phase::Open && state.has_room() {
            state.accept(item);
            let call = state.call_for_new();
            drop(state);
            wake(call);
            return Ok(());
        }
        match patience {
            Patience::None => Err(self.refuse_at_once(state, item)),
            Patience::Until(deadline) => {
                drop(state);
                self.wait_for_room(item, deadline)
            }
        }
    }

    #[cold]
    fn refuse_at_once(&self, mut state: MutexGuard<'_, State<T>>, item: T) -> Rejected<T> {
        let reason = if state.phase == Phase::Open {
            state.counts.refused_full += 1;
            self.full(&state, Duration::ZERO)
        } else {
            state.counts.refused_shut_down += 1;
            self.shut_down_reason()
        };
        Rejected { item, reason }
    }

    pub(crate) fn shut_down_reason(&self) -> RejectReason {
        RejectReason::ShutDown {
            consumers: Arc::clone(&self.name),
        }
    }

    fn full(&self, state: &State<T>, waited: Duration) -> RejectReason {
        RejectReason::Full {
            consumers: Arc::clone(&self.name),
            capacity: self.capacity,
            waited,
            retry_after: state.pace.retry_after(state.line.len()),
        }
    }

    /// Waits in line until someone makes room and lets the item in.
    #[cold]
    fn wait_for_room(&self, item: T, deadline: Option<Instant>) -> Result<(), Rejected<T>> {
        let began = Instant::now();
        let (mut item, mut ticket) = (Some(item), None);
        let name = || self.name_of_work();
        let subject = Subject {
            awaited: Owed::Duty(self.address()),
            name: &name,
        };
        // Of several consumers any one can make room, and the wait graph knows no "any".
        let known = (self.workers == 1).then_some(&subject);
        let outcome = waiting::wait(known, deadline, |waker| match ticket {
            Some(ticket) => self.look_in_line(ticket),
            None => {
                let first = self.look_first(item.take()?, waker, deadline);
                match first {
                    First::Accepted => Some(Ok(())),
                    First::Refused(refused) => Some(Err(refused)),
                    First::InLine(got) => {
                        ticket = Some(got);
                        None
                    }
                }
            }
        });
        let report = match outcome {
            Ok(Some(result)) => return result,
            Ok(None) => None,
            Err(report) => Some(report),
        };
        let Some(ticket) = ticket else {
            unreachable!("the first look led to an end or into the line");
        };
        let mut state = self.state.lock();
        match state.line.leave(ticket) {
            Left::Admitted => Ok(()),
            Left::TurnedAway(item) => {
                state.counts.refused_shut_down += 1;
                let reason = self.shut_down_reason();
                Err(Rejected { item, reason })
            }
            Left::Waiting(item, _own) => {
                let reason = if report.is_some() {
                    state.counts.refused_deadlock += 1;
                    self.deadlock(report)
                } else {
                    state.counts.refused_after_wait += 1;
                    self.full(&state, began.elapsed().max(Duration::from_nanos(1)))
                };
                drop(state);
                Err(Rejected { item, reason })
            }
        }
    }

    fn deadlock(&self, report: Option<Box<crate::lock::Report>>) -> RejectReason {
        RejectReason::Deadlock {
            consumers: Arc::clone(&self.name),
            report,
        }
    }

    fn look_first(&self, item: T, waker: &Waker, deadline: Option<Instant>) -> First<T> {
        let waker = waker.clone();
        let makes_room = self.is_served_here();
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return First::Refused(self.refuse_at_once(state, item));
        }
        if state.has_room() {
            state.accept(item);
            let call = state.call_for_new();
            drop(state);
            wake(call);
            return First::Accepted;
        }
        let is_stuck = makes_room && deadline.is_none();
        if is_stuck && state.line.stuck() + 1 >= state.live {
            state.counts.refused_deadlock += 1;
            let reason = self.deadlock(None);
            return First::Refused(Rejected { item, reason });
        }
        let (ticket, call) = state.join_line(item, waker, is_stuck);
        drop(state);
        wake(call);
        First::InLine(ticket)
    }

    fn look_in_line(&self, ticket: u64) -> Option<Result<(), Rejected<T>>> {
        let mut state = self.state.lock();
        match state.line.progress(ticket) {
            Progress::Waiting => None,
            Progress::Admitted => Some(Ok(())),
            Progress::TurnedAway(item) => {
                state.counts.refused_shut_down += 1;
                let reason = self.shut_down_reason();
                Some(Err(Rejected { item, reason }))
            }
        }
    }
}
