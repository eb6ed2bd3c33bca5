//! The main thread: waits for the locks, runs the command and waits for its end.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::arguments::WithArguments;
use crate::exit_code;
use crate::quantity::Span;
use crate::resource::{Held, LockDirectory, Record, Request, ResourceError, State, WITHIN, Waits};
use crate::signal::keep_children;
use crate::signal::stop_this_process;

use super::error::WithError;
use super::say;
use super::signals::{self, Received};
use super::wait_report::WaitReport;

/// Exit code: the command cannot be executed.
const NOT_EXECUTABLE: u8 = 126;

/// Exit code: the command was not found.
const NOT_FOUND: u8 = 127;

/// What is free is had whatever the timeout, which is about waiting; but looking for it must end too.
const MOMENT: Duration = Duration::from_secs(5);

/// What the main thread hears of.
#[derive(Debug)]
pub(crate) enum Event {
    /// A resource has to be waited for, or is held now.
    Resource(Request, State),
    /// All are held, or would have to be waited for, which was not wanted.
    Locked(Result<Option<Vec<Held>>, ResourceError>),
    /// We got a signal.
    Signal(Received),
    /// The command has ended.
    Ended,
}

/// A `brigade with` from its beginning to its end.
pub(crate) struct Conduct {
    directory: Arc<LockDirectory>,
    record: Arc<Record>,
    arguments: WithArguments,
    events: Sender<Event>,
    heard: Receiver<Event>,
    began: Instant,
}

impl Conduct {
    /// Begins to take the locks.
    ///
    /// # Errors
    /// [`WithError`].
    pub(crate) fn begin(
        directory: LockDirectory,
        requests: Vec<Request>,
        arguments: WithArguments,
    ) -> Result<Self, WithError> {
        let (events, heard) = channel();
        keep_children()
            .and_then(|()| signals::listen(events.clone()))
            .map_err(WithError::refused("signals cannot be caught"))?;
        let record = Record::begin(&directory, &arguments.command)?;
        let conduct = Self {
            directory: Arc::new(directory),
            record: Arc::new(record),
            arguments,
            events,
            heard,
            began: Instant::now(),
        };
        conduct
            .take_locks(requests)
            .map_err(WithError::refused("a thread cannot be started"))?;
        Ok(conduct)
    }

    /// Takes the locks on a thread of its own: it cannot be called back from a wait for one, but left behind.
    fn take_locks(&self, requests: Vec<Request>) -> io::Result<()> {
        let waits = match self.arguments.timeout {
            Some(Duration::ZERO) => Waits::Never,
            _ => Waits::ForEver,
        };
        let redeclare = self.arguments.redeclare;
        let (directory, record) = (Arc::clone(&self.directory), Arc::clone(&self.record));
        let events = self.events.clone();
        let take = move || {
            let mut tell = |request: &Request, state| {
                record.note(request, state);
                // The main thread hears no more once it has given up.
                let _ = events.send(Event::Resource(request.clone(), state));
            };
            let locked = directory.lock_all(&requests, waits, redeclare, &mut tell);
            let _ = events.send(Event::Locked(locked));
        };
        thread::Builder::new()
            .name("brigade-locks".to_owned())
            .spawn(take)?;
        Ok(())
    }

    /// Waits for the locks, runs the command and returns the exit code.
    ///
    /// # Errors
    /// [`WithError`], and then nothing was run.
    pub(crate) fn run(self) -> Result<u8, WithError> {
        let end = match self.wait_for_locks()? {
            Ok(held) => {
                let end = self.run_command(&held);
                // Before anybody can see that we have ended.
                drop(held);
                end
            }
            Err(code) => Ok(code),
        };
        self.record.remove();
        end
    }

    /// What is held, or the exit code of having got nothing.
    fn wait_for_locks(&self) -> Result<Result<Vec<Held>, u8>, WithError> {
        let limit = self.arguments.timeout.filter(|limit| !limit.is_zero());
        let after = |start: Instant, limit| start.checked_add(limit);
        let mut deadline = limit.and_then(|limit| after(self.began, limit.max(MOMENT)));
        let mut waits = false;
        let mut report = WaitReport::new(&self.directory, self.record.id());
        loop {
            let Some(event) = self.hear(deadline) else {
                return Ok(Err(self.give_up(&report)));
            };
            match event {
                Event::Resource(request, state) => {
                    if state == State::Waiting && !std::mem::replace(&mut waits, true) {
                        deadline = limit.and_then(|limit| after(Instant::now(), limit));
                    }
                    let show = self.arguments.wait_report;
                    report.note(request, state, show);
                }
                Event::Locked(Ok(Some(held))) => return Ok(Ok(held)),
                Event::Locked(Ok(None)) => return Ok(Err(self.give_up(&report))),
                Event::Locked(Err(error)) => return Err(error.into()),
                Event::Signal(received) if received.is_stop() => stop_this_process(),
                Event::Signal(received) => return Ok(Err(exit_code::of_signal(received.number))),
                Event::Ended => {}
            }
        }
    }

    fn give_up(&self, report: &WaitReport) -> u8 {
        if !self.arguments.quiet {
            let resource = report
                .waited_for()
                .map_or_else(String::new, |name| format!(" waiting for `{name}`"));
            let after = match self.arguments.timeout {
                Some(Duration::ZERO) | None => String::new(),
                Some(_) => format!(" after {}", Span(self.began.elapsed())),
            };
            say(format_args!("gave up{resource}{after}; nothing was run"));
        }
        self.arguments.conflict_exit_code
    }

    /// The next event; `None` when it is time to give up.
    fn hear(&self, deadline: Option<Instant>) -> Option<Event> {
        match deadline {
            // We have a sender ourselves: there is always somebody to hear from.
            None => self.heard.recv().ok(),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.heard.recv_timeout(left).ok()
            }
        }
    }

    fn run_command(&self, held: &[Held]) -> Result<u8, WithError> {
        for held in held {
            held.bequeath()?;
        }
        self.record.bequeath()?;
        // Who wants us to end wants the command not to begin.
        let signal = self.heard.try_iter().find_map(|event| match event {
            Event::Signal(received) if received.is_stop() => {
                stop_this_process();
                None
            }
            Event::Signal(received) => Some(received.number),
            _ => None,
        });
        if let Some(number) = signal {
            return Ok(exit_code::of_signal(number));
        }
        let mut child = match start(&self.arguments.command, &self.record.within()) {
            Ok(child) => child,
            Err(error) => return Ok(self.report_start(&error)),
        };
        self.record.note_command(child.id());
        let pid = Pid::from_child(&child);
        self.tell_of_end(pid)
            .map_err(WithError::refused("a thread cannot be started"))?;
        while let Ok(event) = self.heard.recv() {
            match event {
                Event::Signal(received) => heed(received, pid),
                Event::Ended => break,
                _ => {}
            }
        }
        let status = child
            .wait()
            .map_err(WithError::refused("the end of the command"))?;
        Ok(code_of(status))
    }

    /// Waits for the end of the command on a thread, but does not reap it: until then its number is its own.
    fn tell_of_end(&self, pid: Pid) -> io::Result<()> {
        let events = self.events.clone();
        let wait = move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // Should it fail, so does the main thread's own wait, which says so.
            let _ = retry_on_intr(|| waitid(WaitId::Pid(pid), options));
            let _ = events.send(Event::Ended);
        };
        thread::Builder::new()
            .name("brigade-wait".to_owned())
            .spawn(wait)?;
        Ok(())
    }

    fn report_start(&self, error: &io::Error) -> u8 {
        let program = self.arguments.command.first();
        let program = program.map_or_else(Default::default, |program| program.to_string_lossy());
        match error.kind() {
            io::ErrorKind::NotFound if program.contains('/') => say(format_args!(
                "{program}: no such file, or its interpreter is missing"
            )),
            io::ErrorKind::NotFound => say(format_args!("{program}: command not found")),
            _ => say(format_args!("{program}: cannot be executed: {error}")),
        }
        if error.kind() == io::ErrorKind::NotFound {
            NOT_FOUND
        } else {
            NOT_EXECUTABLE
        }
    }
}

fn start(words: &[OsString], within: &str) -> io::Result<Child> {
    let (program, arguments) = words
        .split_first()
        .map_or((OsStr::new(""), [].as_slice()), |(first, rest)| {
            (first.as_os_str(), rest)
        });
    let spawn = |command: &mut Command| command.env(WITHIN, within).spawn();
    match spawn(Command::new(program).args(arguments)) {
        // Mostly a script that does not name its interpreter, which a shell would run by itself.
        Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            let mut shell = Command::new("/bin/sh");
            spawn(shell.args(["-c", "exec \"$@\"", "sh"]).args(words))
        }
        started => started,
    }
}

/// Passes on to the command what this process alone got, and stops with it if that asks to stop.
fn heed(received: Received, pid: Pid) {
    // It may have ended, or become another user's; then it cannot be helped.
    let send = |signal| {
        let _ = kill_process(pid, signal);
    };
    if !received.to_group
        && let Some(signal) = Signal::from_named_raw(received.number)
    {
        send(signal);
    }
    if received.is_stop() {
        stop_this_process();
        // Who continued us may have meant the command too.
        send(Signal::CONT);
    }
}

fn code_of(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => exit_code::of_signal(signal),
        (None, None) => u8::MAX,
    }
}
