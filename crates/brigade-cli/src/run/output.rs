//! What is printed: each job's output in one piece, and messages between them.

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade::pool::Metrics;
use parking_lot::Mutex;

use super::capture::Outputs;
use super::job::Job;
use super::process::Failure;
use super::progress::Progress;

/// How long a message waits for its turn. A job may be held up for ever by who reads our standard
/// output; then the message is printed all the same, so that Ctrl-C works.
const PATIENCE: Duration = Duration::from_millis(200);

/// Standard output and standard error, of which one job at a time has both.
#[derive(Debug)]
pub(crate) struct Output {
    /// Whoever prints has it; the progress line is only touched under it.
    turn: Mutex<Progress>,
    /// The progress line and standard output are on the same terminal.
    on_terminal: bool,
    unread: AtomicBool,
}

impl Output {
    pub(crate) fn new(progress: Progress) -> Self {
        Self {
            turn: Mutex::new(progress),
            on_terminal: io::stdout().is_terminal(),
            unread: AtomicBool::new(false),
        }
    }

    /// Prints what a job has printed, and why it failed if it did.
    ///
    /// # Errors
    /// Its [`Failure`], which may have come about only here.
    pub(crate) fn print_job(
        &self,
        job: &Job,
        outputs: &mut Outputs,
        mut result: Result<(), Failure>,
    ) -> Result<(), Failure> {
        if result.is_ok() && outputs.stdout.is_empty() && outputs.stderr.is_empty() {
            return Ok(());
        }
        let progress = self.turn.lock();
        if !outputs.stdout.is_empty() {
            let mut print = || {
                let mut stdout = io::stdout().lock();
                outputs
                    .stdout
                    .write_to(&mut stdout)
                    .and_then(|()| stdout.flush())
            };
            let printed = if self.on_terminal {
                progress.hide_while(print)
            } else {
                print()
            };
            match printed {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    self.unread.store(true, Ordering::SeqCst);
                }
                Err(error) => result = result.and(Err(Failure::Output(error))),
            }
        }
        if result.is_err() || !outputs.stderr.is_empty() {
            progress.hide_while(|| {
                let mut stderr = io::stderr().lock();
                // If standard error is closed there is nobody to tell.
                let _ = outputs.stderr.write_to(&mut stderr);
                if let Err(failure) = &result {
                    let _ = writeln!(stderr, "brigade: {}: {}: {failure}", job.place, job.title());
                }
            });
        }
        result
    }

    /// True once nobody reads our standard output any more.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::SeqCst)
    }

    /// Prints a message to standard error, between the jobs' outputs.
    pub(crate) fn say(&self, message: impl fmt::Display) {
        self.print(format!("brigade: {message}\n").as_bytes());
    }

    /// Prints bytes to standard error, between the jobs' outputs.
    pub(crate) fn print(&self, bytes: &[u8]) {
        // If standard error is closed there is nobody to tell.
        let print = || drop(io::stderr().lock().write_all(bytes));
        match self.turn.try_lock_for(PATIENCE) {
            Some(progress) => progress.hide_while(print),
            None => print(),
        }
    }

    /// When progress is to be shown next; `None` if it is not.
    pub(crate) fn progress_interval(&self) -> Option<Duration> {
        self.turn.try_lock_for(PATIENCE)?.interval()
    }

    /// Shows how far things are, unless a job is printing.
    pub(crate) fn show_progress(&self, metrics: &Metrics, failed: u64) {
        if let Some(progress) = self.turn.try_lock() {
            progress.show(metrics, failed);
        }
    }

    /// Tells how many jobs there are, when that is known.
    pub(crate) fn set_total(&self, jobs: u64) {
        if let Some(progress) = self.turn.try_lock_for(PATIENCE) {
            progress.set_total(jobs);
        }
    }

    /// Takes the progress line away for good.
    pub(crate) fn end_progress(&self) {
        if let Some(progress) = self.turn.try_lock_for(PATIENCE) {
            progress.end();
        }
    }
}
