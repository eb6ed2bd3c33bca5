//! The main thread while jobs run: waits for signals and for the end, and stops what must be stopped.

use std::fs::File;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use brigade::Pool;
use brigade::pool::Shutdown;
use signal_hook::low_level::signal_name;

use crate::quantity::count;

use super::ending::{Cause, Ending};
use super::feed::Fed;
use super::interrupt::{Interrupts, Step};
use super::work::Work;

/// What the main thread hears of.
#[derive(Debug)]
pub(crate) enum Event {
    /// We got a signal.
    Signal(i32),
    /// There is no more input.
    Fed(Fed),
    /// All jobs have ended.
    Finished,
    /// Nobody reads our standard output any more.
    Unread,
}

/// How often it is looked for jobs that use the terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(500);

/// Waits for the end of all jobs, or for what stops them.
pub(crate) fn conduct(heard: &Receiver<Event>, pool: &Pool, work: &Work) -> Ending {
    let mut ending = Ending::default();
    let mut interrupts = Interrupts::default();
    let progress = work.output.progress_interval();
    let terminal = has_terminal().then_some(TERMINAL_INTERVAL);
    loop {
        let until_step = interrupts
            .next_at()
            .map(|at| at.saturating_duration_since(Instant::now()));
        let limits = [until_step, progress, terminal];
        let step = match hear(heard, limits.into_iter().flatten().min()) {
            Some(Event::Signal(signal)) => {
                ending.note(Cause::Signal(signal));
                interrupts.signal(Instant::now())
            }
            Some(Event::Fed(fed)) => {
                ending.fed = fed;
                work.output.set_total(fed.jobs);
                None
            }
            Some(Event::Finished) => {
                // All is done; this waits for the workers' last entries in the metrics.
                drop(pool.shutdown(Shutdown::drain()));
                break;
            }
            Some(Event::Unread) => {
                ending.note(Cause::Unread);
                stop(pool, work);
                None
            }
            None => interrupts.time(Instant::now()),
        };
        if let Some(step) = step {
            take(step, &ending, pool, work);
            if step == Step::Leave {
                break;
            }
        }
        if terminal.is_some() {
            work.children.end_terminal_users();
        }
        if progress.is_some() {
            work.output.show_progress(&pool.metrics(), &work.counts());
        }
    }
    work.output.end_progress();
    ending
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

fn take(step: Step, ending: &Ending, pool: &Pool, work: &Work) {
    match step {
        Step::Stop => {
            stop(pool, work);
            let signal = match ending.cause {
                Some(Cause::Signal(number)) => signal_name(number),
                _ => None,
            };
            let signal = signal.unwrap_or("a signal");
            let running = pool.metrics().running as u64;
            if running > 0 {
                work.output.say(format_args!(
                    "{signal}: nothing is started any more; waiting for {} to end, again to stop {}",
                    count(running, "running job"),
                    if running == 1 { "it" } else { "them" }
                ));
            }
        }
        Step::Terminate => {
            work.children.terminate();
            work.output
                .say("stopping the running jobs; those that go on are killed in 2 seconds");
        }
        Step::Kill => work.children.kill(),
        Step::Leave => work.output.say(format_args!(
            "{} could not be stopped and is left behind",
            count(pool.metrics().running as u64, "job")
        )),
    }
}

/// Begins no more jobs; those that the pool hands back are noted as not run.
fn stop(pool: &Pool, work: &Work) {
    work.stopping.set();
    for job in work.retries.close() {
        work.leave_out(job);
    }
    let now = Shutdown::Now {
        timeout: Duration::ZERO,
    };
    for task in pool.shutdown(now).unstarted {
        task.run();
    }
}
