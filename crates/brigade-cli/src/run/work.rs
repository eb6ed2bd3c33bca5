//! What the workers do, and what they share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use brigade::pool::Panic;
use parking_lot::Mutex;

use super::children::Children;
use super::conduct::Event;
use super::deadline::Limits;
use super::failure::Failure;
use super::job::Job;
use super::latch::Latch;
use super::output::Output;
use super::process;

/// What a run's threads share.
#[derive(Debug)]
pub(crate) struct Work {
    limits: Limits,
    /// Set when no job is to begin any more.
    pub(crate) stopping: Latch,
    pub(crate) children: Children,
    pub(crate) output: Output,
    pub(crate) events: SyncSender<Event>,
    succeeded: AtomicU64,
    failed: AtomicU64,
    not_run: Mutex<Vec<Job>>,
}

impl Work {
    pub(crate) fn new(
        limits: Limits,
        stopping: Latch,
        children: Children,
        output: Output,
        events: SyncSender<Event>,
    ) -> Self {
        Self {
            limits,
            stopping,
            children,
            output,
            events,
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            not_run: Mutex::default(),
        }
    }

    /// The body of a job's task. Once the run is stopping it only notes that the job did not run:
    /// thus a task that was refused or handed back is called too, and no job is lost.
    pub(crate) fn carry_out(&self, job: Job) {
        if self.stopping.is_set() {
            self.not_run.lock().push(job);
            return;
        }
        let (mut outputs, result) = match &job.command {
            Ok(command) => process::run(command, self.limits, &self.children),
            Err(bad) => (Default::default(), Err(Failure::from(bad))),
        };
        match self.output.print_job(&job, &mut outputs, result) {
            Ok(()) => self.succeeded.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.failed.fetch_add(1, Ordering::Relaxed),
        };
        if self.output.is_unread() && !self.stopping.is_set() {
            self.send(Event::Unread);
        }
    }

    /// Counts and reports a panic of our own in a task, as a failure of that job.
    pub(crate) fn report_panic(&self, panic: &Panic) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let failure = Failure::Panic(panic.message().to_owned());
        let job = panic.task().unwrap_or("a job");
        self.output.say(format_args!("{job}: {failure}"));
    }

    /// Tells the main thread.
    pub(crate) fn send(&self, event: Event) {
        // It hears no more once it has decided to leave.
        let _ = self.events.send(event);
    }

    /// How many jobs have succeeded and failed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (
            self.succeeded.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
    }

    /// The jobs that were noted as not run, in the order of the input.
    pub(crate) fn take_not_run(&self) -> Vec<Job> {
        let mut jobs = std::mem::take(&mut *self.not_run.lock());
        jobs.sort_by_key(|job| job.place);
        jobs
    }
}
