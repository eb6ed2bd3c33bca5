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
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use brigade::Pool;
use brigade::pool::Panic;

use crate::arguments::RunArguments;
use crate::signal;

use self::error::RunError;
use self::input::Input;
use self::joblog::JobLog;
use self::metrics::{MetricsFile, Source, Target};
use self::output::{EventStream, Output, Progress, Results};
use self::policy::Policy;
use self::setup::{Plan, Terms};
use self::staffing::Staffing;
use self::work::{Event, Outlets, Supply, Work};

/// Runs the jobs and returns the exit code.
///
/// # Errors
/// [`RunError`], and then nothing was run.
pub(crate) fn run(mut arguments: RunArguments) -> Result<u8, RunError> {
    let started = Instant::now();
    let Plan { supply, log } = setup::plan(&mut arguments)?;
    let Terms {
        jobs,
        locks,
        policy,
        mut staffing,
    } = setup::terms(&mut arguments)?;
    let (events, heard) = sync_channel(16);
    let outlets = open_outlets(&mut arguments, &supply.input, log)?;
    let work = Work::new(locks, policy, outlets, events.clone());
    let work = Arc::new(work.map_err(RunError::refused("a pipe cannot be made"))?);
    work.tell_repaired_log();
    let jobs = match &mut staffing {
        Some(staffing) => staffing.begin(&work.held_back),
        None => jobs,
    };
    let pool = Arc::new(build_pool(jobs, &policy, &work)?);
    let mut metrics_file = None;
    if let Some(target) = arguments.output.metrics.take() {
        let source = Source {
            pool: Arc::clone(&pool),
            work: Arc::clone(&work),
            started,
        };
        metrics_file = begin_metrics(target, source)?;
    }
    heed_signals(events, &work).map_err(RunError::refused("signals cannot be caught"))?;
    let kind = supply.input.kind();
    start_threads(supply, staffing, &policy, &pool, &work)
        .map_err(RunError::refused("a thread cannot be started"))?;

    let grace = policy.limits.grace;
    let ending = conduct::conduct(&heard, grace, &pool, &work, metrics_file.as_mut());
    let metrics = pool.metrics();
    let elapsed = started.elapsed();
    if let Some(file) = &mut metrics_file {
        file.end();
    }
    Ok(conduct::close(ending, kind, elapsed, metrics, &work))
}

/// Opens all that a run writes to.
fn open_outlets(
    arguments: &mut RunArguments,
    input: &Input,
    log: Option<JobLog>,
) -> Result<Outlets, RunError> {
    // On a terminal where someone types, it would be drawn over what they type.
    let progress = if arguments.quiet || arguments.no_progress || input.is_terminal() {
        Progress::hidden()
    } else {
        Progress::on_stderr(input.count())
    };
    let results = arguments.output.results.take().map(Results::new);
    let event_stream = arguments.output.events.as_deref().map(EventStream::open);
    Ok(Outlets {
        output: Output::new(progress, arguments.output.tag),
        results: results.transpose().map_err(RunError::refused(
            "the directory for results cannot be made",
        ))?,
        event_stream: event_stream
            .transpose()
            .map_err(RunError::refused("the file for events cannot be opened"))?,
        log,
    })
}

/// The pool that jobs run on, so many at once.
fn build_pool(
    jobs: RangeInclusive<usize>,
    policy: &Policy,
    work: &Arc<Work>,
) -> Result<Pool, RunError> {
    let on_panic = {
        let work = Arc::clone(work);
        move |panic: &Panic| work.report_panic(panic)
    };
    Pool::builder("brigade")
        .workers(jobs)
        .queue_capacity(policy.queue)
        .ageing(job::AGEING)
        .on_panic(on_panic)
        .build()
        .map_err(RunError::Pool)
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

/// Lets `events` tell of signals that ask us to end, and Ctrl-Z stop all jobs with us.
fn heed_signals(events: SyncSender<Event>, work: &Arc<Work>) -> io::Result<()> {
    signal::keep_children()?;
    signal::outlive_file_limit()?;
    let work = Arc::clone(work);
    conduct::listen(events, move || conduct::suspend(&work))
}

/// Starts the threads that hand jobs to the pool, and the one that changes the number of its workers, if that changes.
fn start_threads(
    supply: Supply,
    staffing: Option<Staffing>,
    policy: &Policy,
    pool: &Arc<Pool>,
    work: &Arc<Work>,
) -> io::Result<()> {
    if policy.backoff.retries > 0 || policy.objects {
        let (pool, work) = (Arc::clone(pool), Arc::clone(work));
        start("brigade-parked", move || {
            let hand_over = |job, holds| work::hand_over(job, holds, &pool, &work);
            work.parked.hand_over(hand_over);
        })?;
    }
    if let Some(staffing) = staffing {
        let (pool, work) = (Arc::clone(pool), Arc::clone(work));
        start("brigade-staffing", move || {
            work::resize(staffing, &pool, &work);
        })?;
    }
    let (pool, work) = (Arc::clone(pool), Arc::clone(work));
    start("brigade-feed", move || work::feed(supply, &pool, &work))
}

/// Starts a thread that ends with the process.
fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(body);
    started.map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// The rooms, line by line as the table above has them.
    fn floors() -> Vec<Vec<&'static str>> {
        let lines = include_str!("mod.rs").lines();
        let rooms = lines.filter_map(|line| line.strip_prefix("//! | `")?.split_once(" | "));
        let names = |text: &'static str| text.split(", ").map(|name| name.trim_matches(['`', '/']));
        rooms.map(|(text, _)| names(text).collect()).collect()
    }

    /// The files of a room, or the one that it is.
    fn files(path: PathBuf) -> Vec<PathBuf> {
        match fs::read_dir(&path) {
            Ok(entries) => entries
                .flat_map(|entry| files(entry.expect("an entry").path()))
                .collect(),
            Err(_) if path.extension().is_some() => vec![path],
            Err(_) => vec![path.with_extension("rs")],
        }
    }

    #[test]
    fn each_room_uses_only_itself_and_those_above_it_in_the_table() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/run");
        let floors = floors();
        let mut arrows = 0;
        for (floor, rooms) in floors.iter().enumerate() {
            let known = floors[..=floor].concat();
            for file in rooms.iter().flat_map(|room| files(folder.join(room))) {
                let text = fs::read_to_string(&file).expect("a file");
                for used in text.split("crate::run::").skip(1) {
                    let end = used.find(|it: char| !it.is_ascii_lowercase());
                    let used = &used[..end.unwrap_or(used.len())];
                    let file = file.display();
                    assert!(known.contains(&used), "{file} uses `{used}`");
                    arrows += 1;
                }
            }
        }
        assert!(arrows > 50, "{arrows} were found");
    }
}
