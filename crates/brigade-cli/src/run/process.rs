//! Running one job as a process.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, Child, ExitStatus, Stdio};

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use signal_hook::low_level::signal_name;

use super::capture::{self, Outputs};
use super::children::Children;
use super::job::BadItem;
use super::template::Command;

/// The shell for commands that need one.
const SHELL: &str = "/bin/sh";

/// Runs a command to its end, and until nobody can write to its outputs any more.
///
/// # Errors
/// The [`Failure`], if it did not succeed; in any case there is what it printed.
pub(crate) fn run(command: &Command, children: &Children) -> (Outputs, Result<(), Failure>) {
    let mut child = match start(command) {
        Ok(child) => child,
        Err(failure) => return (Outputs::default(), Err(failure)),
    };
    let pid = Pid::from_child(&child);
    children.enter(pid);
    let mut outputs = match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), Some(stderr)) => {
            capture::capture(stdout.into(), stderr.into(), &children.abandoned)
        }
        _ => unreachable!("both outputs were made pipes"),
    };
    let status = reap(&mut child, pid, children);
    let result = match (status, outputs.lost.take()) {
        (Err(error), _) => Err(Failure::Wait(error)),
        (Ok(status), None) => judge(status, command),
        (Ok(status), Some(lost)) => judge(status, command).and(Err(Failure::Capture(lost))),
    };
    (outputs, result)
}

fn start(command: &Command) -> Result<Child, Failure> {
    let mut process = match command {
        Command::Direct(words) => direct(words),
        Command::Shell(script) => shell(script),
        Command::ShellWith(script, argument) => {
            let mut process = shell(script);
            process.arg(SHELL).arg(argument);
            process
        }
    };
    let mut started = spawn(&mut process);
    if let (Err(error), Command::Direct(words)) = (&started, command)
        && error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error())
    {
        // Mostly a script that does not name its interpreter, which a shell would run by itself.
        started = spawn(shell(OsStr::new("exec \"$@\"")).arg(SHELL).args(words));
    }
    started.map_err(|error| Failure::Start {
        program: process.get_program().to_string_lossy().into_owned(),
        error,
    })
}

fn direct(words: &[OsString]) -> process::Command {
    let (program, arguments) = words
        .split_first()
        .map_or((OsStr::new(""), [].as_slice()), |(first, rest)| {
            (first.as_os_str(), rest)
        });
    let mut process = process::Command::new(program);
    process.args(arguments);
    process
}

fn shell(script: &OsStr) -> process::Command {
    let mut process = process::Command::new(SHELL);
    process.arg("-c").arg(script);
    process
}

fn spawn(process: &mut process::Command) -> io::Result<Child> {
    process
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// Waits for a child's end, and only then forgets its number; see [`Children::leave`].
fn reap(child: &mut Child, pid: Pid, children: &Children) -> io::Result<ExitStatus> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let ended = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), options));
    children.leave(pid);
    ended?;
    child.wait()
}

fn judge(status: ExitStatus, command: &Command) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(match status.signal() {
        Some(number) => Failure::Signal {
            number,
            core_dumped: status.core_dumped(),
        },
        None => Failure::Exit {
            code: status.code().unwrap_or(-1),
            shell: !matches!(command, Command::Direct(_)),
        },
    })
}

/// Why a job failed.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Failure {
    /// It cannot be run as it is.
    Item(String),
    /// Its process could not be started.
    Start { program: String, error: io::Error },
    /// It said so.
    Exit {
        code: i32,
        /// It was a shell that said so.
        shell: bool,
    },
    /// A signal ended it.
    Signal { number: i32, core_dumped: bool },
    /// Its end could not be waited for.
    Wait(io::Error),
    /// Its output could not be kept, and some is missing.
    Capture(io::Error),
    /// Its output could not be written.
    Output(io::Error),
    /// This program itself failed at it.
    Panic(String),
}

impl From<&BadItem> for Failure {
    fn from(bad: &BadItem) -> Self {
        Self::Item(bad.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(problem) => formatter.write_str(problem),
            Self::Start { program, error } => match error.kind() {
                io::ErrorKind::NotFound if program.contains('/') => write!(
                    formatter,
                    "{program}: no such file, or its interpreter is missing"
                ),
                io::ErrorKind::NotFound if program.contains(' ') => write!(
                    formatter,
                    "{program}: command not found; several words are taken one by one, and options \
                     of brigade go before them"
                ),
                io::ErrorKind::NotFound => write!(formatter, "{program}: command not found"),
                io::ErrorKind::PermissionDenied => {
                    write!(
                        formatter,
                        "{program}: permission denied; is it an executable file?"
                    )
                }
                io::ErrorKind::ArgumentListTooLong => {
                    write!(
                        formatter,
                        "{program}: its arguments are longer than the system allows"
                    )
                }
                _ => write!(formatter, "{program}: could not be started: {error}"),
            },
            Self::Exit {
                code: 126,
                shell: true,
            } => formatter.write_str("exit status 126 (a command could not be executed)"),
            Self::Exit {
                code: 127,
                shell: true,
            } => formatter.write_str("exit status 127 (command not found)"),
            Self::Exit { code, .. } => write!(formatter, "exit status {code}"),
            Self::Signal {
                number,
                core_dumped,
            } => {
                write!(formatter, "killed by signal {number}")?;
                if let Some(name) = signal_name(*number) {
                    write!(formatter, " ({name})")?;
                }
                formatter.write_str(if *core_dumped { ", core dumped" } else { "" })
            }
            Self::Wait(error) => write!(formatter, "its end could not be waited for: {error}"),
            Self::Capture(error) => {
                write!(
                    formatter,
                    "some of its output is lost, it could not be kept: {error}"
                )
            }
            Self::Output(error) => {
                write!(
                    formatter,
                    "its output is lost, it could not be written: {error}"
                )
            }
            Self::Panic(message) => write!(formatter, "brigade panicked: {message}"),
        }
    }
}

impl Error for Failure {}
