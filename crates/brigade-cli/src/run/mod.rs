//! `brigade run`: jobs from the input, on the pool, to the output.
//!
//! One thread reads jobs and hands them to the pool, whose queue is the read-ahead; what cannot run yet waits apart, and
//! another thread hands it over. Each worker carries one out at a time and prints what it printed; the main thread waits
//! for signals and for the end. Where the number of workers may change, another one sees to that.
//!
//! The rooms, from the ground up. Each uses only those above it in this list, and is entered through its `mod.rs`:
//!
//! | room | what it is for |
//! |---|---|
//! | `clock`, `latch` | time that stands still while all is stopped; a signal that stays |
//! | `command/` | what can be executed, with places for arguments |
//! | `input/` | where jobs come from |
//! | `job/`, `tally` | one job and why it can fail; how many did |
//! | `joblog/` | what is remembered from one run to the next |
//! | `process/` | running one job as a process |
//! | `policy/` | what the command line says about the life of jobs |
//! | `staffing/` | how many jobs may run at once, by what the machine bears |
//! | `output/` | what becomes of output, and all that is told |
//! | `waiting/` | what jobs wait for that cannot run yet |
//! | `work/` | what the workers do, and what a run's threads share |
//! | `metrics/` | how a run goes, for Prometheus |
//! | `conduct/` | the main thread, from the first job to the exit code |
//! | `setup/`, `error` | what is settled before anything runs, and why nothing is |

mod clock;
mod command;
mod conduct;
mod error;
pub(crate) mod input;
pub(crate) mod job;
mod joblog;
mod latch;
pub(crate) mod metrics;
mod output;
pub(crate) mod policy;
pub(crate) mod process;
mod setup;
pub(crate) mod staffing;
mod tally;
mod waiting;
mod work;

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use brigade::Pool;

use crate::arguments::RunArguments;
use crate::run::error::RunError;
use crate::run::joblog::{Again, Opened};
use crate::run::metrics::{MetricsFile, Source, Target};
use crate::run::output::{EventStream, Output, Progress, Results};
use crate::run::policy::Policy;
use crate::run::setup::Plan;
use crate::run::staffing::{Hold, Machine, Staffing};
use crate::run::waiting::Locks;
use crate::run::work::Work;
use crate::signal;

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
    if let (Some(path), Some(logged)) = (&arguments.log.joblog, &logged) {
        logged.history.check_cut(path, input.cut())?;
    }
    let jobs = arguments.jobs.take().unwrap_or_else(|| {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        cores..=cores
    });
    let mut locks = Locks::new(&arguments.lock, arguments.quiet).map_err(RunError::Resource)?;
    let jobs = locks.limit(&jobs);
    let policy = Policy::new(&arguments, *jobs.end());
    setup::make_room(*jobs.end(), policy.keep_order)?;
    if let Some(niceness) = policy.niceness {
        let added = arguments.machine.nice;
        let check = niceness.check();
        check.map_err(|error| RunError::Niceness { added, error })?;
    }
    let mut staffing = None;
    if !policy.dry_run {
        let hold = Hold::new(&arguments.machine);
        staffing = Staffing::new(jobs.clone(), hold, Machine::ours()).map_err(
            RunError::refused("the load or the memory of this machine cannot be measured"),
        )?;
    }
    // On a terminal where someone types, it would be drawn over what they type.
    let progress = if arguments.quiet || arguments.no_progress || input.is_terminal() {
        Progress::hidden()
    } else {
        Progress::on_stderr(input.count())
    };

    let (events, heard) = sync_channel(16);
    let results = arguments
        .output
        .results
        .take()
        .map(Results::new)
        .transpose();
    let results = results.map_err(RunError::refused(
        "the directory for results cannot be made",
    ))?;
    let (log, history, repaired) = match logged {
        Some(Opened {
            mut log,
            history,
            repaired,
            ..
        }) => {
            log.set_command(&words);
            (Some(log).filter(|_| !policy.dry_run), history, repaired)
        }
        None => Default::default(),
    };
    let event_stream = arguments.output.events.as_deref().map(EventStream::open);
    let event_stream = event_stream
        .transpose()
        .map_err(RunError::refused("the file for events cannot be opened"))?;
    let work = Work::new(
        locks,
        policy,
        log,
        Output::new(progress, arguments.output.tag),
        results,
        event_stream,
        events.clone(),
    );
    let work = Arc::new(work.map_err(RunError::refused("a pipe cannot be made"))?);
    if let Some(log) = work.log.as_ref().filter(|_| repaired) {
        work.output.say(format_args!(
            "the last line of the job log {} was cut off and is removed; its job is run again",
            log.path().display()
        ));
    }
    let workers = staffing
        .as_mut()
        .map(|staffing| staffing.begin(&work.held_back));
    let pool = Pool::builder("brigade")
        .workers(workers.unwrap_or(jobs))
        .queue_capacity(policy.queue)
        .ageing(job::AGEING)
        .on_panic({
            let work = Arc::clone(&work);
            move |panic| work.report_panic(panic)
        })
        .build()
        .map_err(RunError::Pool)?;
    let pool = Arc::new(pool);
    let source = Source {
        pool: Arc::clone(&pool),
        work: Arc::clone(&work),
        started,
    };
    let metrics = arguments.output.metrics.take();
    let mut metrics_file = match metrics {
        Some(target) => begin_metrics(target, source)?,
        None => None,
    };
    let suspend = {
        let work = Arc::clone(&work);
        move || conduct::suspend(&work)
    };
    signal::keep_children()
        .and_then(|()| signal::outlive_file_limit())
        .and_then(|()| conduct::listen(events, suspend))
        .map_err(RunError::refused("signals cannot be caught"))?;
    let kind = input.kind();
    if policy.backoff.retries > 0 || policy.objects {
        let (pool, work) = (Arc::clone(&pool), Arc::clone(&work));
        start("brigade-parked", move || {
            let hand_over = |job, holds| work::hand_over(job, holds, &pool, &work);
            work.parked.hand_over(hand_over);
        })?;
    }
    if let Some(staffing) = staffing {
        let (pool, work) = (Arc::clone(&pool), Arc::clone(&work));
        start("brigade-staffing", move || {
            work::resize(staffing, &pool, &work);
        })?;
    }
    start("brigade-feed", {
        let (pool, work) = (Arc::clone(&pool), Arc::clone(&work));
        move || work::feed(input, &recipe, history, &pool, &work)
    })?;

    let grace = policy.limits.grace;
    let ending = conduct::conduct(&heard, grace, &pool, &work, metrics_file.as_mut());
    let metrics = pool.metrics();
    let elapsed = started.elapsed();
    if let Some(file) = &mut metrics_file {
        file.end();
    }
    Ok(conduct::close(ending, kind, elapsed, metrics, &work))
}

/// Begins to tell of a run; returns the file that has to be kept up, if it is one.
fn begin_metrics(target: Target, source: Source) -> Result<Option<MetricsFile>, RunError> {
    match target {
        Target::File(path) => MetricsFile::begin(path, source)
            .map(Some)
            .map_err(RunError::refused("the file for metrics cannot be written")),
        Target::Address(address) => {
            let work = Arc::clone(&source.work);
            let bound = metrics::serve(address, source)
                .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
                .map_err(RunError::refused("metrics cannot be served"))?;
            if bound != address {
                // A free port was asked for, and nobody knows which that is.
                work.output
                    .say(format_args!("metrics are served at http://{bound}/metrics"));
            }
            Ok(None)
        }
    }
}

/// Starts a thread that ends with the process.
fn start(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), RunError> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(body);
    let started = started.map(drop);
    started.map_err(RunError::refused("a thread cannot be started"))
}
