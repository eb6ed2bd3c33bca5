//! What is told at the end of a run.

use std::time::{Duration, Instant};

use brigade::pool::Metrics;

use crate::run::input::Kind;
use crate::run::job::Job;
use crate::run::joblog::JobLog;
use crate::run::output::{Happening, Output};
use crate::run::work::Work;

use super::ending::{Cause, Ending};
use super::summary::Summary;
use super::unstarted;

/// How long a program that follows the run may take to read the last events. Nothing else is left to do then.
const PATIENCE: Duration = Duration::from_secs(10);

/// Completes the job log, tells what did not run and how it went, and returns the exit code.
pub(crate) fn close(
    mut ending: Ending,
    kind: Kind,
    elapsed: Duration,
    metrics: Metrics,
    work: &Work,
) -> u8 {
    let counts = work.counts();
    if let Some(log) = &work.log
        && !finish_log(log, &work.output)
    {
        ending.note(Cause::Unlogged);
    }
    let not_run = work.take_not_run();
    tell_not_run(&not_run, &ending, kind, &work.output);
    let exit_code = ending.exit_code(counts.failed);
    tell_programs(&not_run, work, || {
        Happening::summary(
            &counts,
            not_run.len(),
            ending.fed.logged,
            elapsed,
            exit_code,
        )
    });
    if !work.is_quiet() && ending.cause != Some(Cause::Unread) {
        let summary = Summary {
            counts,
            not_run: not_run.len(),
            logged: ending.fed.logged,
            elapsed,
            metrics,
        };
        work.output.print(summary.to_string().as_bytes());
    }
    exit_code
}

/// Tells programs what did not run, and at last how it went.
fn tell_programs(not_run: &[Job], work: &Work, summary: impl FnOnce() -> Happening) {
    let until = Instant::now() + PATIENCE;
    let patience = || Some(until.saturating_duration_since(Instant::now()));
    for job in not_run {
        work.tell(patience(), || Happening::NotRun { job: job.into() });
    }
    work.tell(patience(), summary);
}

fn tell_not_run(not_run: &[Job], ending: &Ending, kind: Kind, output: &Output) {
    let all_ran = not_run.is_empty() && ending.fed.ended;
    match ending.cause {
        None => {}
        // Who interrupts a run is told in any case.
        Some(Cause::Signal(_)) => output.print(&unstarted::list(not_run, &ending.fed, kind)),
        Some(_) if all_ran => {}
        Some(Cause::Halted(_) | Cause::Unlogged) => {
            output.print(&unstarted::list(not_run, &ending.fed, kind));
        }
        Some(Cause::Unread) => {
            let what = unstarted::tell(not_run, &ending.fed);
            output.say(format_args!(
                "nobody reads standard output any more: {what}"
            ));
        }
    }
}

/// Writes what is left of the job log; false if that cannot be done.
fn finish_log(log: &JobLog, output: &Output) -> bool {
    let Err((error, lines)) = log.finish() else {
        return true;
    };
    let path = log.path().display();
    if lines.is_empty() {
        output.say(format_args!(
            "the job log {path} may not be on the disk: {error}"
        ));
        return false;
    }
    output.say(format_args!(
        "these lines are missing in the job log {path}; add them before you resume, lest their jobs \
         are run again:"
    ));
    output.print(&lines);
    false
}
