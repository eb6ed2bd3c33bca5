//! What the workers do, and what a run's threads share.
//!
//! The door is [`Work`], which carries out a job from its beginning to its last trace: its locks (`waits.rs`), its
//! process, its output, its line in the job log. Three threads have their bodies here: the workers, the one that reads
//! jobs and hands them to the pool ([`feed()`]), and the one that changes the number of workers ([`resize()`]). The main
//! thread is told what they come across as an [`Event`].

mod event;
mod feed;
mod give_up_turn;
mod resize;
mod waits;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant, SystemTime};

use brigade::Pool;
use brigade::pool::Panic;
use parking_lot::Mutex;

use crate::quantity::Span;
use crate::run::clock;
use crate::run::clock::Moment;
use crate::run::command::Command;
use crate::run::job::{Failure, Job};
use crate::run::joblog::{Entry, JobLog, Timing};
use crate::run::latch::Latch;
use crate::run::output::{
    EventStream, Happening, Order, Outcome, Output, Results, WINDOW, seconds,
};
use crate::run::policy::{Backoff, Pace, Policy};
use crate::run::process;
use crate::run::process::{Captured, Children, Limits, Outputs};
use crate::run::staffing::HeldBack;
use crate::run::tally::{Counts, Tally};
use crate::run::waiting::{Fate, JobLocks, Locks, Parked, Waiting};

use self::give_up_turn::GiveUpTurn;
use self::waits::fate;

pub(crate) use self::event::Event;
pub(crate) use self::feed::{Fed, feed, hand_over};
pub(crate) use self::resize::resize;

/// What a run's threads share.
#[derive(Debug)]
pub(crate) struct Work {
    pub(super) locks: Locks,
    pub(super) policy: Policy,
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
    pub(super) order: Option<Order<Ended>>,
    tally: Tally,
    not_run: Mutex<Vec<Job>>,
}

/// A job that has ended, whose output is not yet printed.
#[derive(Debug)]
pub(super) struct Ended {
    job: Job,
    timing: Timing,
    outputs: Outputs,
    result: Result<(), Failure>,
}

impl Work {
    pub(crate) fn new(
        locks: Locks,
        policy: Policy,
        log: Option<JobLog>,
        output: Output,
        results: Option<Results>,
        event_stream: Option<EventStream>,
        events: SyncSender<Event>,
    ) -> io::Result<Self> {
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

    /// The body of a job's task. Once the run is stopping it only notes that the job did not run:
    /// thus a task that was refused or handed back is called too, and no job is lost.
    pub(crate) fn carry_out(self: &Arc<Self>, job: Job) {
        let mut next = Some(job);
        while let Some(job) = next {
            self.carry_out_one(job);
            next = self.parked.take_granted();
        }
    }

    fn carry_out_one(self: &Arc<Self>, mut job: Job) {
        let _turn = GiveUpTurn {
            work: self,
            turn: job.turn,
            id: job.id(),
        };
        while let Some(waiting) = self.attempt(job) {
            let Err(refused) = self.parked.put(waiting) else {
                return;
            };
            // Too many wait already. This one does so here, and holds up the reading of more.
            self.stopping.wait_until(refused.due);
            job = refused.job;
        }
    }

    /// Runs a job, unless it has to wait or the run is stopping; returns it if it is to be run again.
    fn attempt(self: &Arc<Self>, job: Job) -> Option<Waiting> {
        // Whoever waits for resources is not running, and its timeout has not begun.
        let (mut job, held) = self.take_locks(job)?;
        let begins = job.can_begin();
        if begins {
            self.pace.wait(&self.stopping);
        }
        if self.stopping.is_set() {
            self.leave_out(job);
            return None;
        }
        job.attempts += u32::from(begins);
        self.tally.begin(job.attempts);
        if begins {
            self.tell(None, || Happening::Started {
                job: (&job).into(),
                attempt: job.attempts,
            });
        }
        let (turn, id) = (job.turn, job.id());
        let next = self.run(job, held);
        self.tally.end();
        self.halt_if_reached();
        if self.output.is_unread() && !self.stopping.is_set() {
            self.send(Event::Unread);
        }
        match next {
            Next::Again(waiting) => Some(*waiting),
            Next::Over(fate) => {
                self.end(turn, id, fate);
                None
            }
        }
    }

    /// Runs a job to its end, with what is held for it.
    fn run(&self, mut job: Job, held: Result<JobLocks, Failure>) -> Next {
        let (start, clock) = (SystemTime::now(), Instant::now());
        let (outputs, result) = match (&job.command, held) {
            // What is held is given back before its output is printed, which may take long.
            (Ok(command), Ok(held)) => self.run_process(&job, command, held.within()),
            (Ok(_), Err(failure)) => (Outputs::default(), Err(failure)),
            (Err(bad), _) => (Outputs::default(), Err(Failure::from(bad))),
        };
        let duration = clock.elapsed();
        if let Err(failure) = &result
            && let Some(due) = self.next_attempt(&job, failure)
        {
            self.tell(None, || Happening::Retry {
                job: (&job).into(),
                attempt: job.attempts,
                outcome: Outcome::new(Some(failure), duration),
                delay: seconds(due.saturating_duration_since(clock::now())),
            });
            return Next::Again(Box::new(Waiting { due, job }));
        }
        self.tally.count(&result);
        job.drop_input();
        Next::Over(self.hand_on(Ended {
            job,
            timing: Timing { start, duration },
            outputs,
            result,
        }))
    }

    /// Runs a job's process to its end, and prints its lines meanwhile if so asked; or only tells what
    /// it would run.
    fn run_process(
        &self,
        job: &Job,
        command: &Command,
        within: Option<&str>,
    ) -> (Outputs, Result<(), Failure>) {
        if self.policy.dry_run {
            let line = [&job.settings.typed(command)[..], b"\n"].concat();
            return (Outputs::from_stdout(line), Ok(()));
        }
        let limits = Limits {
            timeout: job.settings.timeout.or(self.policy.limits.timeout),
            ..self.policy.limits
        };
        let what = process::Start {
            command,
            settings: &job.settings,
            input: job.input(),
            within,
            niceness: self.policy.niceness,
        };
        if !self.policy.line_buffer {
            return process::run(what, limits, &self.children, None);
        }
        let mut printed = Ok(());
        let mut print = |stream, lines: &mut Captured| {
            let now = self.output.print_lines(job, stream, lines);
            if printed.is_ok() {
                printed = now;
            }
        };
        let (outputs, result) = process::run(what, limits, &self.children, Some(&mut print));
        (outputs, result.and(printed))
    }

    /// Finishes a job that has ended, at once or when its turn has come. Returns how it has ended, as far as it is known.
    fn hand_on(&self, mut ended: Ended) -> Fate {
        let Some(order) = &self.order else {
            return self.finish(ended);
        };
        let fate = fate(&ended.job, ended.result.as_ref().err());
        let turn = ended.job.turn;
        if !order.is_turn_of(turn) {
            // Without a file it stays in memory, of which there is enough most of the time.
            let _ = ended.outputs.shrink();
        }
        order.keep(turn, Some(ended));
        order.deliver(|ended| drop(self.finish(ended)));
        fate
    }

    /// Saves, prints and logs a job that has ended.
    pub(super) fn finish(&self, mut ended: Ended) -> Fate {
        let success = ended.result.is_ok();
        let saved = match &self.results {
            Some(results) => results.save(&ended.job, &mut ended.outputs),
            None => Ok(()),
        };
        let result = ended.result.and(saved.map_err(Failure::Results));
        let result = self
            .output
            .print_job(&ended.job, &mut ended.outputs, result);
        if success && result.is_err() {
            self.tally.recount_as_failed();
        }
        self.log(&ended.job, ended.timing, &result);
        self.tell(None, || Happening::Ended {
            job: (&ended.job).into(),
            attempt: ended.job.attempts,
            outcome: Outcome::new(result.as_ref().err(), ended.timing.duration),
        });
        fate(&ended.job, result.as_ref().err())
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

    /// Says once that jobs are held back, when one is.
    pub(crate) fn tell_held_back(&self, pool: &Pool) {
        if !self.policy.quiet
            && let Some(reason) = self.held_back.first(|| pool.metrics())
        {
            self.output.say(format_args!(
                "jobs are held back: {reason}; at least one runs at any time"
            ));
        }
    }

    /// Finishes what still waits for its turn, though others before it will never end.
    pub(crate) fn finish_rest(&self) {
        let rest = self.order.as_ref().map(Order::take_rest);
        for ended in rest.unwrap_or_default() {
            drop(self.finish(ended));
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

    /// Logs a job that has ended. One that was stopped has not: a run that resumes is to run it again.
    fn log(&self, job: &Job, timing: Timing, result: &Result<(), Failure>) {
        let Some(log) = &self.log else {
            return;
        };
        if matches!(result, Err(Failure::Stopped(_))) {
            return;
        }
        if let Err(error) = log.write(&Entry::new(job, log.command(), timing, result)) {
            // At once, lest a worker begins another before the main thread has heard of it.
            self.stopping.set();
            self.send(Event::Unlogged(error));
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

    /// When to run a job again that has failed; `None` if it has failed for good.
    fn next_attempt(&self, job: &Job, failure: &Failure) -> Option<Moment> {
        if self.stopping.is_set() || !failure.may_pass() {
            return None;
        }
        let backoff = Backoff {
            retries: job.settings.retries.unwrap_or(self.policy.backoff.retries),
            ..self.policy.backoff
        };
        let delay = backoff.delay(job.attempts)?;
        if !self.policy.quiet {
            self.output.say(format_args!(
                "{}: {}: {failure}; attempt {} of {}, the next one in {}",
                job.place,
                job.title(),
                job.attempts,
                u64::from(backoff.retries) + 1,
                Span(delay),
            ));
        }
        Some(clock::now() + delay)
    }

    /// Notes that a job did not run.
    pub(super) fn leave_out(&self, job: Job) {
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

/// What comes after an attempt.
enum Next {
    Again(Box<Waiting>),
    Over(Fate),
}
