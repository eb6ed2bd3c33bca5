//! The main thread while jobs run: waits for signals and for the end, and stops what must be stopped.
//!
//! The door is [`conduct`]. How far a run is stopped is told by `interrupt.rs`; why it ended and with which exit code, by
//! `ending.rs`; and [`close`] tells what is to be told at last.

mod closing;
mod ending;
mod interrupt;
mod signals;
mod summary;
mod suspension;
mod unstarted;

use std::fs::File;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use brigade::Pool;
use brigade::pool::Shutdown;
use signal_hook::low_level::signal_name;

use crate::quantity::{Span, count};
use crate::run::clock;
use crate::run::metrics::{self, MetricsFile};
use crate::run::output::Happening;
use crate::run::work::{Event, Work};

use self::ending::{Cause, Ending};
use self::interrupt::{Interrupts, Step};

pub(crate) use self::closing::close;
pub(crate) use self::signals::listen;
pub(crate) use self::suspension::suspend;

/// How long a program that follows the run may take to read, before an event is left out.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it is looked for jobs that use the terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(500);

/// Waits for the end of all jobs, or for what stops them.
pub(crate) fn conduct(
    heard: &Receiver<Event>,
    grace: Duration,
    pool: &Pool,
    work: &Work,
    mut metrics_file: Option<&mut MetricsFile>,
) -> Ending {
    let mut conductor = Conductor {
        grace,
        pool,
        work,
        ending: Ending::default(),
        interrupts: Interrupts::new(grace),
        told: false,
    };
    let progress = work.output.progress_interval();
    let terminal = has_terminal().then_some(TERMINAL_INTERVAL);
    let metrics = metrics_file.is_some().then_some(metrics::INTERVAL);
    let mut goes_on = true;
    while goes_on {
        let until_step = conductor
            .interrupts
            .next_at()
            .map(|at| at.saturating_duration_since(clock::now()));
        let limits = [until_step, progress, terminal, metrics];
        goes_on = match hear(heard, limits.into_iter().flatten().min()) {
            Some(event) => conductor.heed(event),
            None => conductor.look_at_the_time(),
        };
        conductor.tell_cause();
        if let Some(file) = &mut metrics_file {
            file.look_at_the_time();
        }
        if terminal.is_some() {
            work.children.end_terminal_users();
        }
        if progress.is_some() {
            let metrics = pool.metrics();
            let held_back = work.held_back.by(&metrics);
            work.output
                .show_progress(&metrics, &work.counts(), held_back);
        }
    }
    work.output.end_progress();
    conductor.ending
}

/// What the main thread needs to stop a run, and what it knows of its end.
struct Conductor<'a> {
    grace: Duration,
    pool: &'a Pool,
    work: &'a Work,
    ending: Ending,
    interrupts: Interrupts,
    /// Programs know that nothing is started any more.
    told: bool,
}

impl Conductor<'_> {
    /// Does what an event calls for; false if there is nothing left to wait for.
    fn heed(&mut self, event: Event) -> bool {
        let now = clock::now();
        let step = match event {
            Event::Signal(signal) => {
                self.ending.note(Cause::Signal(signal));
                self.interrupts.signal(now)
            }
            Event::Fed(fed) => {
                self.ending.fed = fed;
                self.work.output.set_total(fed.jobs);
                None
            }
            Event::Finished => {
                // All is done; this waits for the workers' last entries in the metrics.
                drop(self.pool.shutdown(Shutdown::drain()));
                return false;
            }
            Event::Unread => {
                self.ending.note(Cause::Unread);
                stop(self.pool, self.work);
                None
            }
            Event::Unlogged(error) => {
                self.ending.note(Cause::Unlogged);
                if let Some(log) = &self.work.log {
                    let path = log.path().display();
                    self.work.output.say(format_args!(
                        "the job log {path} cannot be written: {error}"
                    ));
                }
                self.interrupts.reach(Step::Stop, now)
            }
            Event::Halted(halt) => {
                self.ending.note(Cause::Halted(halt));
                stop(self.pool, self.work);
                let step = if halt.now {
                    Step::Terminate
                } else {
                    Step::Stop
                };
                self.interrupts.reach(step, now)
            }
        };
        self.take(step)
    }

    /// Tells programs once why nothing is started any more, but does not let them hold up what Ctrl-C asks for.
    fn tell_cause(&mut self) {
        let cause = self.ending.cause;
        if cause.is_some() && !std::mem::replace(&mut self.told, cause.is_some()) {
            self.work.tell(Some(PATIENCE), || Happening::Stopped {
                reason: reason(cause),
                running: self.work.counts().running,
            });
        }
    }

    fn look_at_the_time(&mut self) -> bool {
        let step = self.interrupts.time(clock::now());
        self.take(step)
    }

    /// Takes a step, if there is one to take; false if it is the last.
    fn take(&self, step: Option<Step>) -> bool {
        let Self { pool, work, .. } = self;
        let number = work.counts().running;
        match step {
            None => {}
            Some(Step::Stop) => {
                stop(pool, work);
                if number > 0 {
                    let reason = reason(self.ending.cause);
                    let again = match self.ending.cause {
                        Some(Cause::Signal(_)) => "again",
                        _ => "Ctrl-C",
                    };
                    let them = if number == 1 { "it" } else { "them" };
                    work.output.say(format_args!(
                        "{reason}: nothing is started any more; waiting for {} to end, {again} to stop {them}",
                        count(number, "running job")
                    ));
                }
            }
            Some(Step::Terminate) => {
                if number > 0 {
                    let grace = Span(self.grace);
                    work.output.say(format_args!(
                        "stopping the running jobs; those that go on are killed in {grace}"
                    ));
                }
                work.children.terminate();
            }
            Some(Step::Kill) => work.children.kill(),
            Some(Step::Leave) => work.output.say(format_args!(
                "{} could not be stopped and is left behind",
                count(number, "job")
            )),
        }
        step != Some(Step::Leave)
    }
}

/// True if there is a terminal that a job could open. Without one, that is an error at once.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// The next event; `None` after `limit`.
fn hear(heard: &Receiver<Event>, limit: Option<Duration>) -> Option<Event> {
    match limit {
        Some(limit) => match heard.recv_timeout(limit) {
            Err(RecvTimeoutError::Disconnected) => Some(Event::Finished),
            event => event.ok(),
        },
        None => Some(heard.recv().unwrap_or(Event::Finished)),
    }
}

/// Why nothing is started any more, in a few words.
fn reason(cause: Option<Cause>) -> String {
    match cause {
        Some(Cause::Halted(halt)) => halt.to_string(),
        Some(Cause::Signal(number)) => signal_name(number).unwrap_or("a signal").to_owned(),
        Some(Cause::Unlogged) => "without a job log".to_owned(),
        Some(Cause::Unread) | None => "the run ends".to_owned(),
    }
}

/// Begins no more jobs; those that the pool hands back are noted as not run.
fn stop(pool: &Pool, work: &Work) {
    work.stop();
    let now = Shutdown::Now {
        timeout: Duration::ZERO,
    };
    for task in pool.shutdown(now).unstarted {
        task.run();
    }
}
