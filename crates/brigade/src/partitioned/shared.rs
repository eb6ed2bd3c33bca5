//! What the handle and the threads refer to, and how messages get in.

use std::hash::Hash;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::consumers::line::{Left, Progress};
use crate::consumers::serving;
use crate::consumers::shared::{Patience, wake};
use crate::lock::Report;
use crate::lock::duty::Owed;
use crate::primitive::Mutex;
use crate::waiting::{self, Subject};

use super::error::{RejectReason, Rejected};
use super::route::Router;
use super::state::{Letter, Phase, State};

pub(crate) struct Shared<K, M> {
    pub(crate) name: Arc<str>,
    pub(crate) buffer: usize,
    pub(crate) histograms: bool,
    pub(crate) router: Router,
    pub(crate) state: Mutex<State<K, M>>,
}

/// How a wait in line ended.
enum Outcome<K, M> {
    In,
    /// It is another worker now that can make room.
    Moved,
    SentHome(Letter<K, M>),
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
    pub(crate) fn admit(&self, key: K, message: M, patience: Patience) -> Result<(), Rejected<K, M>>
    where
        K: Hash,
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
            Some(waker) => Ok(Some(state.line.join(letter, waker, false))),
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
        &self,
        letter: Letter<K, M>,
        deadline: Option<Instant>,
    ) -> Result<(), Rejected<K, M>> {
        let began = Instant::now();
        let (hash, mut letter, mut ticket) = (letter.hash, Some(letter), None);
        loop {
            let worker = self.state.lock().awaited(hash);
            let ended = self.wait_for_worker(worker, deadline, |waker| match ticket {
                Some(ticket) => self.look_in_line(ticket, hash, worker),
                None => match self.try_admit(letter.take()?, Some(waker)) {
                    Ok(Some(got)) => {
                        ticket = Some(got);
                        None
                    }
                    Ok(None) => Some(Outcome::In),
                    Err(letter) => Some(Outcome::SentHome(letter)),
                },
            });
            let waited = began.elapsed().max(Duration::from_nanos(1));
            let report = match ended {
                Ok(Some(Outcome::In)) => return Ok(()),
                Ok(Some(Outcome::Moved)) => continue,
                Ok(Some(Outcome::SentHome(letter))) => return Err(self.refuse(letter, waited)),
                Ok(None) => None,
                Err(report) => Some(report),
            };
            let Some(ticket) = ticket else {
                unreachable!("the first look led to an end or into the line");
            };
            return self.leave_line(ticket, waited, report);
        }
    }

    /// Waits for a worker to make room, until `look` has an outcome.
    fn wait_for_worker<T>(
        &self,
        worker: Option<usize>,
        deadline: Option<Instant>,
        look: impl FnMut(&Waker) -> Option<T>,
    ) -> Result<Option<T>, Box<Report>> {
        let Some(worker) = worker else {
            return waiting::wait(None, deadline, look);
        };
        let identity = Arc::clone(&self.state.lock().seats[worker].identity);
        let name = || format!("worker {worker} of `{}`", self.name);
        let subject = Subject {
            awaited: Owed::Duty(Arc::as_ptr(&identity).addr()),
            name: &name,
        };
        waiting::wait(Some(&subject), deadline, look)
    }

    fn look_in_line(&self, ticket: u64, hash: u64, worker: Option<usize>) -> Option<Outcome<K, M>> {
        let mut state = self.state.lock();
        match state.line.progress(ticket) {
            Progress::Admitted => Some(Outcome::In),
            Progress::TurnedAway(letter) => Some(Outcome::SentHome(letter)),
            Progress::Waiting if state.awaited(hash) != worker => Some(Outcome::Moved),
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
