//! What the workers do, and what a run's threads share.
//!
//! The door is [`Work`], which carries out a job from its beginning to its last trace: its locks (`waits.rs`), its
//! process (`attempt.rs`), its output and its line in the job log (`finish.rs`). The thread that reads jobs and hands them
//! to the pool has its body here too ([`feed()`]), as has the one that changes the number of workers ([`resize()`]). The
//! main thread is told what they come across as an [`Event`].

mod attempt;
mod event;
mod feed;
mod finish;
mod give_up_turn;
mod resize;
mod waits;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use brigade::Pool;
use brigade::pool::Panic;
use parking_lot::Mutex;

use crate::run::job::{Failure, Job};
use crate::run::joblog::JobLog;
use crate::run::latch::Latch;
use crate::run::output::{EventStream, Happening, Order, Output, Results, WINDOW};
use crate::run::policy::{Pace, Policy};
use crate::run::process::Children;
use crate::run::staffing::HeldBack;
use crate::run::tally::{Counts, Tally};
use crate::run::waiting::{Locks, Parked};

use self::finish::Ended;

pub(crate) use self::event::Event;
pub(crate) use self::feed::{Fed, Supply, feed, hand_over};
pub(crate) use self::resize::resize;

/// What a run's threads share.
#[derive(Debug)]
pub(crate) struct Work {
    locks: Locks,
    policy: Policy,
    pub(crate) log: Option<JobLog>,
    /// Set when no job is to begin any more.
    pub(crate) stopping: Latch,
    pub(crate) children: Children,
    pub(crate) output: Output,
    results: Option<Results>,
    /// For programs that follow the run.
    event_stream: Option<EventStream>,
    pub(crate) events: SyncSender<Event>,
    pub(crate) parked: Arc<Parked>,
    pace: Pace,
    pub(crate) held_back: HeldBack,
    /// If outputs are printed in the order of the input.
    order: Option<Order<Ended>>,
    tally: Tally,
    not_run: Mutex<Vec<Job>>,
}

/// Where a run writes to.
pub(crate) struct Outlets {
    pub(crate) output: Output,
    pub(crate) results: Option<Results>,
    pub(crate) event_stream: Option<EventStream>,
    pub(crate) log: Option<JobLog>,
}

impl Work {
    /// # Errors
    /// As `pipe(2)`: mostly that too many files are open.
    pub(crate) fn new(
        locks: Locks,
        policy: Policy,
        outlets: Outlets,
        events: SyncSender<Event>,
    ) -> io::Result<Self> {
        let Outlets {
            output,
            results,
            event_stream,
            log,
        } = outlets;
        let parked = Parked::new(policy.queue, policy.objects, locks.most_holders());
        // A dry run keeps no files.
        let window = match policy.dry_run {
            true => WINDOW.max(policy.queue as u64),
            false => WINDOW,
        };
        Ok(Self {
            locks,
            policy,
            log,
            stopping: Latch::new()?,
            children: Children::new(Latch::new()?),
            output,
            results,
            event_stream,
            events,
            parked: Arc::new(parked),
            pace: Pace::new(policy.distance),
            held_back: HeldBack::default(),
            order: policy.keep_order.then(|| Order::new(window)),
            tally: Tally::default(),
            not_run: Mutex::default(),
        })
    }

    /// Tells programs what has happened. Waits for so long, or else without a limit, until they read what they were told
    /// before.
    pub(crate) fn tell(&self, patience: Option<Duration>, happening: impl FnOnce() -> Happening) {
        let Some(stream) = &self.event_stream else {
            return;
        };
        if let Err(error) = stream.write(happening(), &self.children.abandoned, patience) {
            self.output.say(format_args!(
                "events cannot be written any more: {error}; the jobs go on"
            ));
        }
    }

    /// Says that the job log had to be repaired, if that was so.
    pub(crate) fn tell_repaired_log(&self) {
        if let Some(log) = self.log.as_ref().filter(|log| log.was_repaired()) {
            self.output.say(format_args!(
                "the last line of the job log {} was cut off and is removed; its job is run again",
                log.path().display()
            ));
        }
    }

    /// Says once that jobs are held back, when one is.
    pub(crate) fn tell_held_back(&self, pool: &Pool) {
        if !self.policy.quiet
            && let Some(reason) = self.held_back.first_reason(|| pool.metrics())
        {
            self.output.say(format_args!(
                "jobs are held back: {reason}; at least one runs at any time"
            ));
        }
    }

    /// Begins no more jobs, and notes those as not run that wait for anything.
    pub(crate) fn stop(&self) {
        self.stopping.set();
        for job in self.parked.close() {
            self.leave_out(job);
        }
        if let Some(order) = &self.order {
            order.wake();
        }
    }

    /// Begins no more jobs once enough have failed or succeeded.
    fn halt_if_reached(&self) {
        if let Some(halt) = self.policy.halt
            && !self.stopping.is_set()
            && halt.is_reached(&self.counts())
        {
            // At once, lest a worker begins another before the main thread has heard of it.
            self.stopping.set();
            self.send(Event::Halted(halt));
        }
    }

    /// Notes that a job did not run.
    fn leave_out(&self, job: Job) {
        if let Some(order) = &self.order {
            order.keep(job.turn, None);
        }
        self.not_run.lock().push(job);
    }

    /// Counts and reports a panic of our own in a task, as a failure of that job.
    pub(crate) fn report_panic(&self, panic: &Panic) {
        self.tally.end();
        let failure = Failure::Panic(panic.message().to_owned());
        let job = panic.task().unwrap_or("a job");
        self.output.say(format_args!("{job}: {failure}"));
        self.tally.count(&Err(failure));
    }

    /// Tells the main thread.
    pub(crate) fn send(&self, event: Event) {
        // It hears no more once it has decided to leave.
        let _ = self.events.send(event);
    }

    /// What has become of jobs so far.
    pub(crate) fn counts(&self) -> Counts {
        let (waiting, parked) = self.parked.waiting();
        self.tally.counts(waiting as u64, parked as u64)
    }

    /// True if only failures are told.
    pub(crate) fn is_quiet(&self) -> bool {
        self.policy.quiet
    }

    /// The jobs that were noted as not run, in the order of the input.
    pub(crate) fn take_not_run(&self) -> Vec<Job> {
        let mut jobs = std::mem::take(&mut *self.not_run.lock());
        jobs.sort_by_key(|job| job.place);
        jobs
    }
}
