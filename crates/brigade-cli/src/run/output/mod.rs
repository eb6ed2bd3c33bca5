//! What becomes of output: each job's in one piece, and messages between them.
//!
//! The door is [`Output`], which has standard output and standard error with the progress line. Beside it are the other
//! places where output may go: files ([`Results`]), and programs that follow the run ([`EventStream`]). [`Order`] keeps
//! it until its turn has come.

mod event_stream;
mod order;
mod progress;
mod results;
mod tag;

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade::pool::Metrics;
use parking_lot::Mutex;

use crate::run::job::{Failure, Job};
use crate::run::process::{Captured, Outputs, Stream};
use crate::run::staffing::Kind;
use crate::run::tally::Counts;

use self::tag::Tagged;

pub(crate) use self::event_stream::{EventStream, Happening, Outcome, seconds};
pub(crate) use self::order::{Order, WINDOW};
pub(crate) use self::progress::Progress;
pub(crate) use self::results::Results;

/// How long a message waits for its turn. A job may be held up for ever by who reads our standard
/// output; then the message is printed all the same, so that Ctrl-C works.
const PATIENCE: Duration = Duration::from_millis(200);

/// Standard output and standard error, of which one job at a time has both.
#[derive(Debug)]
pub(crate) struct Output {
    turn: Mutex<Turn>,
    /// What is written to standard output appears where messages and the progress line do.
    on_terminal: bool,
    /// Lines of output are marked with their job.
    tags: bool,
    unread: AtomicBool,
}

/// What whoever prints has to itself.
#[derive(Debug)]
struct Turn {
    progress: Progress,
    /// The last line before the next message has no end yet.
    open_line: bool,
}

impl Turn {
    /// Lets `print` use the terminal.
    fn print<R>(&mut self, print: impl FnOnce(&mut bool) -> R) -> R {
        let Self {
            progress,
            open_line,
        } = self;
        progress.hide_while(|| {
            let printed = print(open_line);
            if progress.is_shown() {
                // It is drawn at the beginning of a line, and would take away what is there.
                end_line(open_line);
            }
            printed
        })
    }
}

/// Makes what comes next on standard error begin a line.
fn end_line(open_line: &mut bool) {
    if std::mem::take(open_line) {
        // If standard error is closed there is nobody to tell.
        let _ = io::stderr().write_all(b"\n");
    }
}

impl Output {
    pub(crate) fn new(progress: Progress, tags: bool) -> Self {
        Self {
            turn: Mutex::new(Turn {
                progress,
                open_line: false,
            }),
            on_terminal: io::stdout().is_terminal() && io::stderr().is_terminal(),
            tags,
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
        let tag = self.tag(job);
        let mut turn = self.turn.lock();
        if !outputs.stdout.is_empty() {
            let printed = self.print_stdout(&mut turn, &mut outputs.stdout, &tag);
            result = result.and(printed);
        }
        if result.is_err() || !outputs.stderr.is_empty() {
            turn.print(|open_line| {
                print_stderr(open_line, &mut outputs.stderr, &tag);
                if let Err(failure) = &result {
                    end_line(open_line);
                    let (place, title) = (job.place, job.title());
                    let _ = writeln!(io::stderr(), "brigade: {place}: {title}: {failure}");
                }
            });
        }
        result
    }

    /// Prints whole lines of a job that still runs.
    ///
    /// # Errors
    /// [`Failure::Output`].
    pub(crate) fn print_lines(
        &self,
        job: &Job,
        stream: Stream,
        lines: &mut Captured,
    ) -> Result<(), Failure> {
        let tag = self.tag(job);
        let mut turn = self.turn.lock();
        match stream {
            Stream::Stdout => self.print_stdout(&mut turn, lines, &tag),
            Stream::Stderr => {
                turn.print(|open_line| print_stderr(open_line, lines, &tag));
                Ok(())
            }
        }
    }

    /// Prints to standard output; that nobody reads it is no failure of the job.
    fn print_stdout(
        &self,
        turn: &mut Turn,
        stdout: &mut Captured,
        tag: &[u8],
    ) -> Result<(), Failure> {
        let printed = if self.on_terminal {
            turn.print(|open_line| {
                *open_line = stdout.has_open_line();
                write_stdout(stdout, tag)
            })
        } else {
            write_stdout(stdout, tag)
        };
        match printed {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.unread.store(true, Ordering::SeqCst);
                Ok(())
            }
            printed => printed.map_err(Failure::Output),
        }
    }

    /// What each line of a job's output begins with.
    fn tag(&self, job: &Job) -> Vec<u8> {
        if self.tags {
            tag::tag(job.name())
        } else {
            Vec::new()
        }
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
        let print = || drop(io::stderr().write_all(bytes));
        match self.turn.try_lock_for(PATIENCE) {
            Some(mut turn) => turn.print(|open_line| {
                end_line(open_line);
                print();
            }),
            None => print(),
        }
    }

    /// When progress is to be shown next; `None` if it is not.
    pub(crate) fn progress_interval(&self) -> Option<Duration> {
        self.turn.try_lock_for(PATIENCE)?.progress.interval()
    }

    /// Shows how far things are, unless a job is printing.
    pub(crate) fn show_progress(
        &self,
        metrics: &Metrics,
        counts: &Counts,
        held_back: Option<Kind>,
    ) {
        if let Some(mut turn) = self.turn.try_lock() {
            turn.progress.show(metrics, counts, held_back);
        }
    }

    /// Tells how many jobs there are, when that is known.
    pub(crate) fn set_total(&self, jobs: u64) {
        if let Some(mut turn) = self.turn.try_lock_for(PATIENCE) {
            turn.progress.set_total(jobs);
        }
    }

    /// Leaves the terminal to others while `stopped`.
    pub(crate) fn leave_terminal_while(&self, stopped: impl FnOnce()) {
        // Held all the while, lest the line is drawn once more before we are stopped.
        let mut turn = self.turn.try_lock_for(PATIENCE);
        if let Some(turn) = &mut turn {
            turn.progress.take_away();
        }
        stopped();
    }

    /// Takes the progress line away for good.
    pub(crate) fn end_progress(&self) {
        if let Some(mut turn) = self.turn.try_lock_for(PATIENCE) {
            turn.progress.take_away();
        }
    }
}

fn print_stderr(open_line: &mut bool, stderr: &mut Captured, tag: &[u8]) {
    if !stderr.is_empty() {
        *open_line = stderr.has_open_line();
        // If standard error is closed there is nobody to tell.
        let _ = write(stderr, &mut io::stderr().lock(), tag);
    }
}

fn write_stdout(captured: &mut Captured, tag: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write(captured, &mut stdout, tag)?;
    stdout.flush()
}

fn write(captured: &mut Captured, output: &mut impl Write, tag: &[u8]) -> io::Result<()> {
    if tag.is_empty() {
        captured.write_to(output)
    } else {
        captured.write_to(&mut Tagged::new(output, tag))
    }
}
