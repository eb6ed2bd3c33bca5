//! What the handle and the threads refer to, and how messages get in.

use std::hash::Hash;
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::consumers::closing::Phase;
use crate::consumers::line::{Left, Progress};
use crate::consumers::serving;
use crate::consumers::shared::{Patience, wake};
use crate::lock::Report;
use crate::lock::duty::{Awaited, Needs, Owed};
use crate::primitive::Mutex;
use crate::waiting::{self, Subject};

use super::error::{RejectReason, Rejected};
use super::route::Router;
use super::state::{Letter, State};

pub(crate) struct Shared<K, M> {
    pub(crate) name: Arc<str>,
    pub(crate) buffer: usize,
    pub(crate) histograms: bool,
    pub(crate) router: Router,
    pub(crate) state: Mutex<State<K, M>>,
}

/// A sender's place in line, for the wait graph.
struct PlaceInLine<K, M> {
    shared: Arc<Shared<K, M>>,
    hash: u64,
    /// Set before anyone asks.
    ticket: OnceLock<u64>,
}

impl<K: Send, M: Send> Awaited for PlaceInLine<K, M> {
    fn needs(&self) -> Needs {
        let state = self.shared.state.lock();
        if !self
            .ticket
            .get()
            .is_some_and(|ticket| state.line.is_in(*ticket))
        {
            return Needs::Nobody;
        }
        let workers = state.room_makers(self.hash).into_iter();
        let duties: Vec<_> = workers
            .map(|worker| state.seats[worker].address())
            .collect();
        let threads = duties.len();
        Needs::Any { duties, threads }
    }
}

impl<K, M> Shared<K, M> {
    /// What stands for all workers together in the wait graph.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(crate) fn is_served_here(&self) -> bool {
        serving::is_here(self.address())
    }

    /// Hands a message to the worker of its key, or says why not.
    pub(crate) fn admit(
        self: &Arc<Self>,
        key: K,
        message: M,
        patience: Patience,
    ) -> Result<(), Rejected<K, M>>
    where
        K: Hash + Send + 'static,
        M: Send + 'static,
    {
        let hash = self.router.hash(&key);
        let Err(refused) = self.try_admit(Letter::new(key, message, hash), None) else {
            return Ok(());
        };
        match patience {
            Patience::Until(deadline) => self.wait_for_room(refused, deadline),
            Patience::None => Err(self.refuse(refused, Duration::ZERO)),
        }
    }

    /// Takes a message in if there is room; otherwise puts it in line if there is a waker to tell, and returns its
    /// ticket.
    fn try_admit(
        &self,
        letter: Letter<K, M>,
        waker: Option<&Waker>,
    ) -> Result<Option<u64>, Letter<K, M>> {
        let waker = waker.cloned();
        let mut wakes = Vec::new();
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Err(letter);
        }
        if state.has_room(state.route(letter.hash)) {
            state.accept(letter, &mut wakes);
            drop(state);
            wake(wakes);
            return Ok(None);
        }
        match waker {
            Some(waker) => Ok(Some(state.line.join(letter, waker))),
            None => Err(letter),
        }
    }

    /// The refusal of a message that cannot go in now.
    #[cold]
    fn refuse(&self, letter: Letter<K, M>, waited: Duration) -> Rejected<K, M> {
        let workers = Arc::clone(&self.name);
        let mut state = self.state.lock();
        let reason = if state.phase == Phase::Open {
            if waited.is_zero() {
                state.counts.refused_full += 1;
            } else {
                state.counts.refused_after_wait += 1;
            }
            RejectReason::Full {
                workers,
                worker: state.route(letter.hash),
                capacity: self.buffer,
                waited,
                retry_after: state.pace.retry_after(state.line.len()),
            }
        } else {
            state.counts.refused_shut_down += 1;
            RejectReason::ShutDown { workers }
        };
        drop(state);
        reject(letter, reason)
    }

    #[cold]
    fn wait_for_room(
        self: &Arc<Self>,
        letter: Letter<K, M>,
        deadline: Option<Instant>,
    ) -> Result<(), Rejected<K, M>>
    where
        K: Send + 'static,
        M: Send + 'static,
    {
        let began = Instant::now();
        let place = Arc::new(PlaceInLine {
            shared: Arc::clone(self),
            hash: letter.hash,
            ticket: OnceLock::new(),
        });
        let (mut letter, ticket) = (Some(letter), &place.ticket);
        let name = || self.name_of_room(place.hash);
        let subject = Subject {
            awaited: &|| Owed::Room(Arc::clone(&place) as Arc<dyn Awaited>),
            name: &name,
        };
        let ended = waiting::wait(Some(&subject), deadline, |waker| match ticket.get() {
            Some(ticket) => self.look_in_line(*ticket),
            None => match self.try_admit(letter.take()?, Some(waker)) {
                Ok(Some(got)) => {
                    ticket.get_or_init(|| got);
                    None
                }
                Ok(None) => Some(Ok(())),
                Err(letter) => Some(Err(letter)),
            },
        });
        let waited = began.elapsed().max(Duration::from_nanos(1));
        let report = match ended {
            Ok(Some(Ok(()))) => return Ok(()),
            Ok(Some(Err(letter))) => return Err(self.refuse(letter, waited)),
            Ok(None) => None,
            Err(report) => Some(report),
        };
        let Some(ticket) = ticket.get() else {
            unreachable!("the first look led to an end or into the line");
        };
        self.leave_line(*ticket, waited, report)
    }

    /// What whoever waits for room for such a message waits for, at the moment.
    fn name_of_room(&self, hash: u64) -> String {
        let workers = self.state.lock().room_makers(hash);
        let workers: Vec<_> = workers.iter().map(ToString::to_string).collect();
        let workers = workers.join(" or ");
        format!("room in the buffer of worker {workers} of `{}`", self.name)
    }

    /// Whether the message is in, or sent home; `None` while it waits.
    fn look_in_line(&self, ticket: u64) -> Option<Result<(), Letter<K, M>>> {
        match self.state.lock().line.progress(ticket) {
            Progress::Admitted => Some(Ok(())),
            Progress::TurnedAway(letter) => Some(Err(letter)),
            Progress::Waiting => None,
        }
    }

    /// The wait is over: because of its deadline, or because it would never end.
    fn leave_line(
        &self,
        ticket: u64,
        waited: Duration,
        report: Option<Box<Report>>,
    ) -> Result<(), Rejected<K, M>> {
        let mut state = self.state.lock();
        match (state.line.leave(ticket), report) {
            (Left::Admitted, _) => Ok(()),
            (Left::Waiting(letter, _own), Some(report)) => {
                state.counts.refused_deadlock += 1;
                drop(state);
                let workers = Arc::clone(&self.name);
                Err(reject(letter, RejectReason::Deadlock { workers, report }))
            }
            (Left::TurnedAway(letter) | Left::Waiting(letter, _), _) => {
                drop(state);
                Err(self.refuse(letter, waited))
            }
        }
    }
}

fn reject<K, M>(letter: Letter<K, M>, reason: RejectReason) -> Rejected<K, M> {
    Rejected {
        key: letter.key,
        message: letter.message,
        reason,
    }
}
