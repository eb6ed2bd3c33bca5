//! Scenes for tests: a directory of their own, a `brigade` in it, and events to wait for.
//!
//! Each test program takes what it needs of it. Nothing here sleeps and hopes. A wait is for an event; its limit only ends a test that has failed.

#![allow(dead_code, unused_imports)]

pub(crate) mod processes;
pub(crate) mod terminal;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, PipeWriter, Read, Write, pipe};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub(crate) use self::processes::Process;
pub(crate) use self::terminal::Terminal;

/// After this long an event will not come, on however busy a machine.
const NEVER: Duration = Duration::from_secs(300);

/// What a `brigade` left.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("UTF-8")
    }

    pub(crate) fn sorted_lines(&self) -> Vec<&str> {
        let mut lines = self.text().lines().collect::<Vec<_>>();
        lines.sort_unstable();
        lines
    }

    #[track_caller]
    pub(crate) fn assert_says(&self, message: &str) {
        assert!(
            self.stderr.contains(message),
            "`{message}` is missing in: {}",
            self.stderr
        );
    }
}

/// A directory that goes away with the test.
pub(crate) struct Stage(TempDir);

impl Stage {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `brigade run` with these arguments, in the directory. It heeds signals, though the tests
    /// themselves may run in the background of a script, where Ctrl-C is ignored.
    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        self.heeding_signals("run", arguments)
    }

    /// The same for `brigade with`. The directory of locks is in the directory.
    pub(crate) fn with<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        self.heeding_signals("with", arguments)
    }

    /// The same, started by someone who ignores these signals.
    pub(crate) fn with_ignoring(&self, signals: &str, arguments: &[&str]) -> Command {
        self.command_with_signals(&format!("--ignore-signal={signals}"), "with", arguments)
    }

    fn heeding_signals<S: AsRef<OsStr>>(
        &self,
        subcommand: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let signals = "--default-signal=INT,QUIT,TERM,HUP,CHLD";
        self.command_with_signals(signals, subcommand, arguments)
    }

    /// The same, started by someone who ignores these signals.
    pub(crate) fn command_ignoring(&self, signals: &str, arguments: &[&str]) -> Command {
        self.command_with_signals(&format!("--ignore-signal={signals}"), "run", arguments)
    }

    fn command_with_signals<S: AsRef<OsStr>>(
        &self,
        signals: &str,
        subcommand: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new("env");
        command
            .args([signals, env!("CARGO_BIN_EXE_brigade"), subcommand])
            .args(arguments)
            .env("BRIGADE_LOCK_DIR", self.path("locks"))
            .current_dir(self.0.path());
        command
    }

    /// Runs `brigade run` to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Outcome {
        let mut running = Running::start(self.command(arguments));
        running.write(input);
        running.end()
    }

    /// Runs jobs that are JSON objects to their end.
    pub(crate) fn run_objects(&self, options: &[&str], jobs: &[String]) -> Outcome {
        self.run([&["--jsonl"], options].concat(), jobs.concat().as_bytes())
    }

    /// Runs a `brigade with` to its end.
    pub(crate) fn run_with(&self, arguments: &[&str]) -> Outcome {
        Running::start(self.with(arguments)).end()
    }

    /// A named pipe for jobs and the test to meet at.
    pub(crate) fn meeting(&self, name: &str) -> Meeting {
        let path = self.path(name);
        let made = Command::new("mkfifo")
            .arg(&path)
            .status()
            .expect("mkfifo runs");
        assert!(made.success());
        Meeting(path)
    }

    /// An executable script. Another process writes it: were it open here, what another test starts at
    /// this moment could hold it open, and then it cannot be executed.
    pub(crate) fn script(&self, name: &str, text: &str) {
        let made = Command::new("sh")
            .args(["-c", "printf %s \"$2\" > \"$1\" && chmod +x \"$1\"", "sh"])
            .arg(self.path(name))
            .arg(text)
            .status()
            .expect("sh runs");
        assert!(made.success());
    }
}

/// A named pipe: opening it waits for the other side.
pub(crate) struct Meeting(PathBuf);

impl Meeting {
    /// Waits until a job has written to it (`echo here > name`), and returns what.
    pub(crate) fn wait(&self) -> String {
        let path = self.0.clone();
        within(move || fs::read_to_string(path).expect("a named pipe"))
    }

    /// Waits for a job that reads it (`cat name`), and lets it go on.
    pub(crate) fn open(&self) {
        let path = self.0.clone();
        within(move || {
            let writer = File::options().write(true).open(path);
            writer.expect("a named pipe");
        });
    }
}

/// A `brigade` at work, whose standard input is open.
pub(crate) struct Running {
    child: Process,
    input: Option<PipeWriter>,
    lines: Receiver<String>,
    said: String,
    stdout: Receiver<Vec<u8>>,
}

impl Running {
    pub(crate) fn start(command: Command) -> Self {
        let (mut running, stdout) = Self::start_unread(command);
        let (send, receive) = channel();
        thread::spawn(move || send.send(read_all(stdout)));
        running.stdout = receive;
        running
    }

    /// Starts one whose standard output nobody reads yet.
    pub(crate) fn start_unread(mut command: Command) -> (Self, ChildStdout) {
        let (reader, writer) = pipe().expect("a pipe");
        command
            .stdin(reader)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = Process::start(&mut command);
        drop(command); // it has a copy of the reading end of the input
        let stdout = child.stdout.take().expect("a pipe");
        let stderr = child.stderr.take().expect("a pipe");
        let (send, lines) = channel();
        thread::spawn(move || {
            let mut stderr = BufReader::new(stderr);
            let mut line = Vec::new();
            while stderr.read_until(b'\n', &mut line).expect("readable") > 0 {
                let text = String::from_utf8_lossy(&line).into_owned();
                if send.send(text).is_err() {
                    return;
                }
                line.clear();
            }
        });
        let running = Self {
            child,
            input: Some(writer),
            lines,
            said: String::new(),
            stdout: channel().1,
        };
        (running, stdout)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Its standard input, for someone else to write to.
    pub(crate) fn take_input(&mut self) -> PipeWriter {
        self.input.take().expect("open")
    }

    /// Writes to its standard input, if it still reads.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        // It may end before it has read all; the test sees what came of that.
        let _ = self.input.as_mut().expect("open").write_all(bytes);
    }

    /// Waits until every job written so far has been handed to the pool. There must be at least one
    /// place left in the queue.
    pub(crate) fn wait_until_queued(&mut self) {
        self.wait_until_read(b"# a line that is no job\n");
    }

    /// The same where such a line is no job.
    pub(crate) fn wait_until_read(&mut self, no_job: &[u8]) {
        // A stream is read on only when what was read before has been handed over.
        for _ in 0..2 {
            self.write(no_job);
            let input = self.input.as_ref().expect("open");
            until("the input is read", || {
                rustix::io::ioctl_fionread(input).expect("a pipe") == 0
            });
        }
    }

    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    /// Waits until it has said something on standard error.
    pub(crate) fn wait_for(&mut self, message: &str) {
        while !self.said.contains(message) {
            match self.lines.recv_timeout(NEVER) {
                Ok(line) => self.said.push_str(&line),
                Err(_) => panic!("`{message}` is missing in: {}", self.said),
            }
        }
    }

    /// The line in which it has said something on standard error, once it has.
    pub(crate) fn wait_for_line(&mut self, message: &str) -> String {
        self.wait_for(message);
        let line = self.said.lines().find(|line| line.contains(message));
        line.expect("it was there").to_owned()
    }

    /// Closes its standard input and waits for its end.
    pub(crate) fn end(mut self) -> Outcome {
        self.input = None;
        self.end_with_open_input()
    }

    /// Waits for its end, though more input could come.
    pub(crate) fn end_with_open_input(mut self) -> Outcome {
        let status = self.wait();
        let mut stderr = std::mem::take(&mut self.said);
        stderr.extend(self.lines.iter());
        let stdout = self.stdout.recv_timeout(NEVER).unwrap_or_default();
        Outcome {
            code: status,
            stdout,
            stderr,
        }
    }

    fn wait(&mut self) -> Option<i32> {
        let mut status = None;
        until("brigade ends", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        status.expect("ended").code()
    }
}

/// Looks again and again until something has come about.
#[track_caller]
pub(crate) fn until(event: &str, mut has_come: impl FnMut() -> bool) {
    let start = Instant::now();
    while !has_come() {
        assert!(start.elapsed() < NEVER, "waited in vain until {event}");
        thread::sleep(Duration::from_millis(1)); // only so as not to burn a core
    }
}

/// Runs jobs with so many seconds each, and with more if they say that it was not enough: how long the beginning of a
/// job takes on a busy machine, nobody knows.
#[track_caller]
pub(crate) fn with_enough_time<R>(run: impl FnMut(u64) -> Option<R>) -> R {
    let mut results = [1, 4, 16, 64].into_iter().filter_map(run);
    results.next().expect("enough time")
}

/// The result of something that waits.
#[track_caller]
pub(crate) fn within<R: Send + 'static>(wait: impl FnOnce() -> R + Send + 'static) -> R {
    let (send, receive) = channel();
    thread::spawn(move || send.send(wait()));
    receive
        .recv_timeout(NEVER)
        .expect("an event that never came")
}

fn read_all(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("readable");
    bytes
}

/// True if a process of this number runs, other than as a zombie that its new parent has yet to reap.
pub(crate) fn lives(pid: &str) -> bool {
    let state = Command::new("ps")
        .args(["-o", "stat=", "-p", pid])
        .output()
        .expect("ps runs");
    !state.stdout.trim_ascii().is_empty() && !state.stdout.trim_ascii().starts_with(b"Z")
}

/// The most memory that a process has had, in KiB.
pub(crate) fn peak_memory(pid: Pid) -> u64 {
    let path = Path::new("/proc")
        .join(pid.as_raw_nonzero().to_string())
        .join("status");
    let status = fs::read_to_string(path).expect("it runs");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("its peak");
    line.split_whitespace()
        .nth(1)
        .and_then(|size| size.parse().ok())
        .expect("a number")
}
