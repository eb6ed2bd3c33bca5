//! The door: who gets into the queue, who waits for room, who is refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::primitive::MutexGuard;

use super::builder::WhenFull;
use super::error::RejectReason;
use super::inline::Inline;
use super::job::{Job, NotRun, Ran, Unstarted, Work};
use super::member;
use super::panic::catch;
use super::priority::Priority;
use super::shared::{Phase, Shared, State, Wakes};

/// How long a producer waits for room.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// Not at all, whatever the pool's policy.
    None,
    /// As the policy says; if it says wait, until this moment.
    Until(Option<Instant>),
}

/// Work that was not accepted.
pub(crate) struct Refused<W> {
    pub(crate) work: W,
    pub(crate) reason: RejectReason,
}

impl Shared {
    /// Queues `work`, or says why not. Exactly one of the two, whatever else happens.
    #[inline]
    pub(crate) fn admit<W: Work>(
        self: &Arc<Self>,
        work: W,
        priority: Priority,
        patience: Patience,
    ) -> Result<(), Refused<W>> {
        if Job::fits::<W>() {
            return self.admit_in_place(work, priority, patience);
        }
        // Boxed before the lock is taken.
        self.admit_in_place(Box::new(work), priority, patience)
            .map_err(|Refused { work, reason }| Refused {
                work: *work,
                reason,
            })
    }

    #[inline]
    fn admit_in_place<W: Work>(
        self: &Arc<Self>,
        work: W,
        priority: Priority,
        patience: Patience,
    ) -> Result<(), Refused<W>> {
        let mut state = self.lock_after_workers();
        if state.phase == Phase::Open
            && state.crew.live > 0
            && state.line.is_empty()
            && state.room(self.settings.queue_capacity) > 0
        {
            let mut wakes = Wakes::none();
            state.accept_work(work, priority);
            state.call_worker(&mut wakes);
            self.release_queued(state, wakes, priority);
            return Ok(());
        }
        self.admit_slowly(state, Job::new(work), priority, patience)
            .map_err(|(job, reason)| {
                // SAFETY: the job that comes back is the one made of a `W` above: the line keeps jobs by
                // ticket, and a job that was queued does not come back.
                let work = unsafe { job.into_work::<W>() };
                Refused { work, reason }
            })
    }

    /// The way of a job that does not get in at once.
    #[cold]
    fn admit_slowly<'a>(
        self: &'a Arc<Self>,
        mut state: MutexGuard<'a, State>,
        job: Job,
        priority: Priority,
        patience: Patience,
    ) -> Result<(), (Job, RejectReason)> {
        let capacity = self.settings.queue_capacity;
        loop {
            if state.phase != Phase::Open {
                state.events.refused_shut_down += 1;
                return Err((
                    job,
                    RejectReason::ShutDown {
                        pool: Arc::clone(&self.name),
                    },
                ));
            }
            if state.crew.live > 0 {
                break;
            }
            drop(state);
            if let Err(error) = self.employ_one() {
                self.lock().events.refused_no_workers += 1;
                let (pool, error) = (Arc::clone(&self.name), error.to_string().into());
                return Err((job, RejectReason::NoWorkers { pool, error }));
            }
            state = self.lock();
        }
        let mut wakes = Wakes::none();
        // Those who came first go first, even if there is little room.
        state.admit_waiting(capacity, &mut wakes);
        if state.room(capacity) > 0 {
            state.accept(job, priority);
            state.call_worker(&mut wakes);
            self.release(state, wakes);
            return Ok(());
        }
        let Patience::Until(deadline) = patience else {
            return self.refuse_full(state, wakes, job, Duration::ZERO);
        };
        match self.settings.when_full {
            WhenFull::Refuse => self.refuse_full(state, wakes, job, Duration::ZERO),
            WhenFull::CallerRuns => {
                self.run_here(state, wakes, job);
                Ok(())
            }
            WhenFull::DiscardOldest => self.discard_for(state, wakes, job, priority),
            WhenFull::Wait if member::is_member(self) => {
                // A worker that waited for room might wait for itself. It runs the task now, unless
                // it holds a lock: the task might want that very lock.
                if !crate::lock::records::holds_any() {
                    self.run_here(state, wakes, job);
                    return Ok(());
                }
                if !state.crew.could_replace() {
                    return self.refuse_full(state, wakes, job, Duration::ZERO);
                }
                self.wait_in_line(state, wakes, job, priority, deadline)
            }
            WhenFull::Wait => self.wait_in_line(state, wakes, job, priority, deadline),
        }
    }

    #[cold]
    pub(crate) fn refuse_full(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        wakes: Wakes,
        job: Job,
        waited: Duration,
    ) -> Result<(), (Job, RejectReason)> {
        if waited.is_zero() {
            state.events.refused_full += 1;
        } else {
            state.events.refused_after_wait += 1;
        }
        let reason = self.full(&state, waited);
        self.release(state, wakes);
        Err((job, reason))
    }

    pub(crate) fn full(&self, state: &State, waited: Duration) -> RejectReason {
        RejectReason::Full {
            pool: Arc::clone(&self.name),
            capacity: self.settings.queue_capacity,
            waited,
            retry_after: state.pace.retry_after(state.line.len()),
        }
    }

    /// Runs a job on the thread that brought it.
    fn run_here(self: &Arc<Self>, mut state: MutexGuard<'_, State>, wakes: Wakes, job: Job) {
        state.events.submitted += 1;
        let inline = Inline::begin(self, &mut state);
        self.release(state, wakes);
        if inline.run_job(job) == Ran::Stale {
            // A scope's child that someone took before its ticket got here: this was the husk.
            self.lock().stale -= 1;
        }
    }

    /// Makes room by giving up the oldest of the least urgent tasks, unless all are more urgent.
    fn discard_for(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        mut wakes: Wakes,
        job: Job,
        priority: Priority,
    ) -> Result<(), (Job, RejectReason)> {
        let old = loop {
            // What counts beyond the places is on its way out, and in nobody's way.
            if state.places_taken() < self.settings.queue_capacity {
                break None;
            }
            match state.queue.pop_least_urgent(priority) {
                None => return self.refuse_full(state, wakes, job, Duration::ZERO),
                Some((husk, _)) if husk.is_stale() => {
                    state.stale -= 1;
                    wakes.list().husks.push(husk);
                }
                found => break found,
            }
        };
        state.accept(job, priority);
        // It counts until it was given up: if it is cancelled first, its husk makes no room a second time.
        state.stale -= isize::from(old.is_some());
        state.call_worker(&mut wakes);
        self.release(state, wakes);
        if let Some((old, priority)) = old
            && let Some(task) = old.hand_back(self, NotRun::Discarded)
        {
            self.give_up_discarded(Unstarted { priority, task });
        }
        Ok(())
    }

    /// The newcomer has been accepted: what becomes of the old task must not reach who brought it.
    fn give_up_discarded(&self, old: Unstarted) {
        let name = old.task.name.clone();
        let given = catch(|| match &self.settings.on_discard {
            Some(handler) => handler(old),
            None => drop(old),
        });
        if let Err(caught) = given {
            self.report_panic(name, caught);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread;

    use crate::lock::Mutex;
    use crate::pool::Pool;

    #[test]
    fn a_worker_under_a_lock_never_runs_the_task_it_has_no_room_for() {
        let pool = Arc::new(
            Pool::builder("locked")
                .workers(1)
                .queue_capacity(1)
                .build()
                .unwrap(),
        );
        let (inner, outer) = (Arc::clone(&pool), thread::current().id());
        let (told, hears) = channel();
        let task = pool.submit(move || {
            let lock = Mutex::new(());
            let held = lock.lock();
            let told_too = told.clone();
            inner
                .execute(move || told.send(thread::current().id()).unwrap())
                .unwrap();
            // The queue is full now: this one waits for room, while a spare worker makes it.
            inner
                .execute(move || told_too.send(thread::current().id()).unwrap())
                .unwrap();
            drop(held);
            thread::current().id()
        });
        let locked = task.unwrap().join().unwrap();
        let ran_on = [hears.recv().unwrap(), hears.recv().unwrap()];
        assert_ne!(locked, outer);
        assert_ne!(
            ran_on[0], locked,
            "the first was queued while its worker was busy"
        );
        assert!(pool.metrics().workers.peak <= 2);
    }

    #[test]
    fn a_worker_without_a_lock_runs_the_task_it_has_no_room_for() {
        let pool = Arc::new(
            Pool::builder("free")
                .workers(1)
                .queue_capacity(1)
                .build()
                .unwrap(),
        );
        let inner = Arc::clone(&pool);
        let (told, hears) = channel();
        let task = pool.submit(move || {
            inner.execute(|| ()).unwrap();
            inner
                .execute(move || told.send(thread::current().id()).unwrap())
                .unwrap();
            (thread::current().id(), hears.try_recv().ok())
        });
        let (worker, ran_on) = task.unwrap().join().unwrap();
        assert_eq!(
            ran_on,
            Some(worker),
            "it had run when `execute` returned, on the same thread"
        );
    }
}
