//! What happens in a run, told to programs while it happens: one JSON object a line.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::Serialize;

use crate::run::job::{Failure, Job};
use crate::run::joblog::Lossless;
use crate::run::latch::Latch;
use crate::run::tally::Counts;

/// So much can be written to a pipe that `poll` calls writable, without waiting (`PIPE_BUF`).
const AT_ONCE: usize = 4096;

/// Something that has happened. The names of events and fields are documented in the help, and stay.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Happening {
    /// A job has been read. It is started, or it is not run.
    Queued {
        #[serde(flatten)]
        job: Named,
        priority: u8,
    },
    /// An attempt at it begins, which ends with `Retry` or `Ended`.
    Started {
        #[serde(flatten)]
        job: Named,
        attempt: u32,
    },
    /// An attempt has failed, and the next one is in so many seconds.
    Retry {
        #[serde(flatten)]
        job: Named,
        attempt: u32,
        #[serde(flatten)]
        outcome: Outcome,
        delay: f64,
    },
    /// A job has ended for good, and its output is printed.
    Ended {
        #[serde(flatten)]
        job: Named,
        attempt: u32,
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// A job is not run, or not again, because nothing is started any more.
    NotRun {
        #[serde(flatten)]
        job: Named,
    },
    /// Nothing is started any more.
    Stopped { reason: String, running: u64 },
    /// The run has ended; this is the last event.
    Summary {
        succeeded: u64,
        failed: u64,
        stopped: u64,
        retries: u64,
        not_run: usize,
        logged: u64,
        seconds: f64,
        exit_code: u8,
    },
}

/// Which job it is, as the job log has it.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    seq: u64,
    place: String,
    job: Lossless,
}

impl From<&Job> for Named {
    fn from(job: &Job) -> Self {
        Self {
            seq: job.sequence,
            place: job.place.to_string(),
            job: Lossless(job.name().to_vec()),
        }
    }
}

/// How an attempt has ended, and after which time.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    ok: bool,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl Outcome {
    pub(crate) fn new(failure: Option<&Failure>, duration: Duration) -> Self {
        Self {
            ok: failure.is_none(),
            seconds: seconds(duration),
            exit: failure.map_or(Some(0), Failure::exit_code),
            signal: failure.and_then(Failure::signal),
            failure: failure.map(ToString::to_string),
        }
    }
}

impl Happening {
    /// How a run went.
    pub(crate) fn summary(
        counts: &Counts,
        not_run: usize,
        logged: u64,
        elapsed: Duration,
        exit_code: u8,
    ) -> Self {
        Self::Summary {
            succeeded: counts.succeeded,
            failed: counts.failed,
            stopped: counts.stopped,
            retries: counts.retried,
            not_run,
            logged,
            seconds: seconds(elapsed),
            exit_code,
        }
    }
}

/// In JSON, to the microsecond.
pub(crate) fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

/// One line.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    happening: Happening,
    /// In seconds since 1970.
    time: f64,
}

/// Where events are written, in whole lines.
#[derive(Debug)]
pub(crate) struct EventStream {
    /// `None` once it takes no more.
    file: Mutex<Option<File>>,
}

impl EventStream {
    /// Opens a file, and makes it empty if it is a regular one.
    ///
    /// # Errors
    /// As `open(2)`.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        Ok(Self {
            file: Mutex::new(Some(file)),
        })
    }

    /// Writes an event. While nobody reads what was written before, this waits: for so long, when the event is left out,
    /// or until `abandoned`, when all that follow are left out too.
    ///
    /// # Errors
    /// As `write(2)`, once; nothing is written afterwards.
    pub(crate) fn write(
        &self,
        happening: Happening,
        abandoned: &Latch,
        patience: Option<Duration>,
    ) -> io::Result<()> {
        let until = patience.map(|patience| Instant::now() + patience);
        // It could be held by a thread that waits for the reader.
        let stream = match until {
            Some(until) => self.file.try_lock_until(until),
            None => Some(self.file.lock()),
        };
        let Some(mut stream) = stream else {
            return Ok(());
        };
        let Some(file) = stream.as_mut() else {
            return Ok(());
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let line = Line {
            happening,
            time: seconds(now.unwrap_or_default()),
        };
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        let mut written = false;
        for part in line.chunks(AT_ONCE) {
            let result = wait_for_room(file, abandoned, until).and_then(|()| file.write_all(part));
            match result {
                Ok(()) => written = true,
                Err(error) if error.kind() == ErrorKind::TimedOut && !written => return Ok(()),
                Err(error) => {
                    *stream = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// Waits until a file takes [`AT_ONCE`] bytes.
///
/// # Errors
/// `TimedOut` if it does not until then, or until `abandoned`; or as `poll(2)`.
fn wait_for_room(file: &File, abandoned: &Latch, until: Option<Instant>) -> io::Result<()> {
    loop {
        let remaining = if abandoned.is_set() {
            Some(Duration::ZERO)
        } else {
            until.map(|until| until.saturating_duration_since(Instant::now()))
        };
        let timeout = remaining.and_then(|remaining| Timespec::try_from(remaining).ok());
        let mut waits = [
            PollFd::new(file, PollFlags::OUT),
            PollFd::new(abandoned, PollFlags::IN),
        ];
        match poll(&mut waits, timeout.as_ref()) {
            Ok(_) if !waits[0].revents().is_empty() => return Ok(()),
            Ok(_) if remaining.is_some_and(|remaining| remaining.is_zero()) => {
                return Err(io::Error::new(ErrorKind::TimedOut, "nobody reads them"));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
