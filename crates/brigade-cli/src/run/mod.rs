//! `brigade run`: jobs from the input, on the pool, to the output.
//!
//! One thread reads jobs and hands them to the pool (`feed.rs`), whose queue is the read-ahead; each
//! worker carries one out at a time (`work.rs`, `process.rs`) and prints what it printed
//! (`output.rs`); the main thread waits for signals and for the end (`conduct.rs`).

mod capture;
mod children;
mod conduct;
mod deadline;
mod ending;
mod error;
mod exit;
mod failure;
mod feed;
pub(crate) mod halt;
mod input;
mod interrupt;
mod job;
mod joblog;
mod latch;
mod limits;
mod output;
pub(crate) mod pace;
mod policy;
pub(crate) mod priority;
mod process;
mod progress;
mod retry;
mod script;
mod setup;
mod signals;
mod summary;
mod syntax;
mod template;
mod unstarted;
mod work;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use brigade::Pool;

use crate::arguments::RunArguments;

use self::children::Children;
use self::ending::Cause;
use self::error::RunError;
use self::joblog::{Again, JobLog, Opened};
use self::latch::Latch;
use self::output::Output;
use self::policy::Policy;
use self::progress::Progress;
use self::retry::Retries;
use self::setup::Plan;
use self::summary::Summary;
use self::work::Work;

/// How much waiting makes up for one level of priority. Jobs are much longer than the tasks that the
/// pool's own default is made for.
const AGEING: Duration = Duration::from_secs(1);

/// Runs the jobs and returns the exit code.
///
/// # Errors
/// [`RunError`], and then nothing was run.
pub(crate) fn run(mut arguments: RunArguments) -> Result<u8, RunError> {
    let started = Instant::now();
    let mut logged = None;
    if let Some(path) = &arguments.log.joblog {
        logged = Some(joblog::open(path, Again::from(&arguments.log))?);
    }
    let failed = logged.as_mut().and_then(|logged| logged.failed.take());
    let Plan {
        input,
        recipe,
        words,
    } = setup::read(&mut arguments, failed)?;
    let policy = Policy::from(&arguments);
    let jobs = arguments.jobs.unwrap_or_else(|| {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        cores..=cores
    });
    limits::make_room(*jobs.end())?;
    // On a terminal where someone types, it would be drawn over what they type.
    let progress = if arguments.quiet || arguments.no_progress || input.is_terminal() {
        Progress::hidden()
    } else {
        Progress::on_stderr(input.count())
    };

    let refused = |what| move |error| RunError::System { what, error };
    let (events, heard) = sync_channel(16);
    let latch = || Latch::new().map_err(refused("a pipe cannot be made"));
    let (log, history, repaired) = match logged {
        Some(Opened {
            mut log,
            history,
            repaired,
            ..
        }) => {
            log.set_command(&words);
            (Some(log), history, repaired)
        }
        None => Default::default(),
    };
    let work = Arc::new(Work::new(
        policy,
        log,
        Retries::new(arguments.queue),
        latch()?,
        Children::new(latch()?),
        Output::new(progress),
        events.clone(),
    ));
    if let Some(log) = work.log.as_ref().filter(|_| repaired) {
        work.output.say(format_args!(
            "the last line of the job log {} was cut off and is removed; its job is run again",
            log.path().display()
        ));
    }
    let pool = Pool::builder("brigade")
        .workers(jobs)
        .queue_capacity(arguments.queue)
        .ageing(AGEING)
        .on_panic({
            let work = Arc::clone(&work);
            move |panic| work.report_panic(panic)
        })
        .build()
        .map_err(RunError::Pool)?;
    let pool = Arc::new(pool);
    signals::keep_children()
        .and_then(|()| signals::listen(events))
        .map_err(refused("signals cannot be caught"))?;
    let kind = input.kind();
    thread::Builder::new()
        .name("brigade-feed".to_owned())
        .spawn({
            let (pool, work) = (Arc::clone(&pool), Arc::clone(&work));
            move || feed::feed(input, &recipe, history, &pool, &work)
        })
        .map_err(refused("a thread cannot be started"))?;

    if policy.backoff.retries > 0 {
        let (pool, work) = (Arc::clone(&pool), Arc::clone(&work));
        let retry = move || {
            let hand_over = |job| feed::hand_over(job, &pool, &work);
            work.retries.hand_over_when_due(hand_over);
        };
        thread::Builder::new()
            .name("brigade-retry".to_owned())
            .spawn(retry)
            .map_err(refused("a thread cannot be started"))?;
    }

    let mut ending = conduct::conduct(&heard, policy.limits.grace, &pool, &work);
    let counts = work.counts();
    if let Some(log) = &work.log
        && !finish_log(log, &work.output)
    {
        ending.note(Cause::Unlogged);
    }
    let not_run = work.take_not_run();
    match ending.cause {
        Some(Cause::Signal(_)) => {
            let list = unstarted::list(&not_run, &ending.fed, kind);
            work.output.print(&list);
        }
        Some(Cause::Halted(_) | Cause::Unlogged) if !(not_run.is_empty() && ending.fed.ended) => {
            let list = unstarted::list(&not_run, &ending.fed, kind);
            work.output.print(&list);
        }
        Some(Cause::Unread) if !(not_run.is_empty() && ending.fed.ended) => {
            let what = unstarted::tell(&not_run, &ending.fed);
            work.output.say(format_args!(
                "nobody reads standard output any more: {what}"
            ));
        }
        Some(Cause::Halted(_) | Cause::Unlogged | Cause::Unread) | None => {}
    }
    if !arguments.quiet && ending.cause != Some(Cause::Unread) {
        let summary = Summary {
            counts,
            not_run: not_run.len(),
            logged: ending.fed.logged,
            elapsed: started.elapsed(),
            metrics: pool.metrics(),
        };
        work.output.print(summary.to_string().as_bytes());
    }
    Ok(ending.exit_code(counts.failed))
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
