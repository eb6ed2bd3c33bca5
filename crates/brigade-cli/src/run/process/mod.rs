//! Running one job as a process.
//!
//! The door is [`run`], which starts it, writes what it reads (`stdin.rs`), keeps what it prints (`capture.rs`), sees to
//! its time (`deadline.rs`) and tells how it ended. All that run at a time are known to [`Children`], which can stop them.

mod capture;
mod children;
mod deadline;
mod exit;
mod niceness;
mod stdin;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, Child, ExitStatus, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;

use crate::resource::WITHIN;
use crate::run::command::{Command, SHELL};
use crate::run::job::{Failure, Settings};

use self::children::Told;
use self::deadline::Deadline;
use self::stdin::Stdin;

pub(crate) use self::capture::{Captured, Listener, Outputs, Stream};
pub(crate) use self::children::Children;
pub(crate) use self::deadline::Limits;
pub(crate) use self::niceness::{Niceness, parse_niceness};

/// What is run, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    pub(crate) command: &'a Command,
    pub(crate) settings: &'a Settings,
    /// What it reads; otherwise there is nothing to read.
    pub(crate) input: Option<&'a [u8]>,
    /// Names what is held around it.
    pub(crate) within: Option<&'a str>,
    pub(crate) niceness: Option<Niceness>,
}

/// Runs a command to its end, and until nobody can write to its outputs any more. Meanwhile `listener` hears of
/// them.
///
/// # Errors
/// The [`Failure`], if it did not succeed; in any case there is what it printed.
pub(crate) fn run(
    what: Start,
    limits: Limits,
    children: &Children,
    listener: Listener,
) -> (Outputs, Result<(), Failure>) {
    let beginning = children.begin_one();
    let started = match what.niceness {
        Some(niceness) => niceness.start(|| start(what)),
        None => start(what),
    };
    let mut child = match started {
        Ok(child) => child,
        Err(failure) => return (Outputs::default(), Err(failure)),
    };
    let pid = Pid::from_child(&child);
    children.enter(pid);
    drop(beginning);
    let mut deadline = Deadline::new(pid, limits);
    let mut stdin = Stdin::new(
        child.stdin.take().map(Into::into),
        what.input.unwrap_or_default(),
    );
    let mut outputs = match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), Some(stderr)) => capture::capture(
            stdout.into(),
            stderr.into(),
            &mut stdin,
            &mut deadline,
            &children.abandoned,
            listener,
        ),
        _ => unreachable!("both outputs were made pipes"),
    };
    let result = reap(&mut child, &mut deadline, children)
        .map_err(Failure::Wait)
        .and_then(|end| judge(end, what.command))
        .and_then(|()| stdin.finish().map_err(Failure::Input))
        .and_then(|()| outputs.lost.take().map_or(Ok(()), Err));
    (outputs, result)
}

/// How a process ended.
struct End {
    status: ExitStatus,
    /// Why we told it to end, if we did.
    told: Option<Told>,
    /// What it was allowed to take, if it took longer.
    exceeded: Option<Duration>,
    /// It went on even so, until it was killed.
    killed: bool,
}

fn start(what: Start) -> Result<Child, Failure> {
    let mut process = match what.command {
        Command::Direct(words) => direct(words),
        Command::Shell(script) => shell(script),
        Command::ShellWith(script, values) => {
            let mut process = shell(script);
            process.arg(SHELL).args(values);
            process
        }
    };
    let mut started = spawn(&mut process, what);
    if let (Err(error), Command::Direct(words)) = (&started, what.command)
        && error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error())
    {
        // Mostly a script that does not name its interpreter, which a shell would run by itself.
        started = spawn(
            shell(OsStr::new("exec \"$@\"")).arg(SHELL).args(words),
            what,
        );
    }
    started.map_err(|error| {
        // The error of a process that could not be started does not tell which of the two it was.
        if let Some(directory) = &what.settings.directory
            && let Err(error) = std::fs::read_dir(directory)
            && error.kind() != io::ErrorKind::PermissionDenied
        {
            return Failure::Directory(directory.clone(), error);
        }
        Failure::Start {
            program: process.get_program().to_string_lossy().into_owned(),
            error,
        }
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

fn spawn(process: &mut process::Command, what: Start) -> io::Result<Child> {
    let Start {
        settings,
        input,
        within,
        ..
    } = what;
    if let Some(directory) = &settings.directory {
        process.current_dir(directory);
    }
    process
        .envs(settings.env.iter().map(|(name, value)| (name, value)))
        .envs(within.map(|records| (WITHIN, records)))
        .stdin(input.map_or_else(Stdio::null, |_| Stdio::piped()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// Waits for a child's end, and only then forgets its number; see [`Children::leave`].
fn reap(child: &mut Child, deadline: &mut Deadline, children: &Children) -> io::Result<End> {
    let pid = Pid::from_child(child);
    let ended = exit::wait(pid, deadline);
    let killed = deadline.is_over();
    deadline.end_rest();
    let told = children.leave(pid);
    ended?;
    let status = child.wait()?;
    Ok(End {
        status,
        told,
        exceeded: deadline.exceeded(),
        killed,
    })
}

fn judge(end: End, command: &Command) -> Result<(), Failure> {
    let status = end.status;
    if let Some(limit) = end.exceeded {
        return Err(Failure::TimedOut {
            limit,
            killed: end.killed,
        });
    }
    if end.told == Some(Told::WantedTerminal) {
        return Err(Failure::Terminal);
    }
    if status.success() {
        return Ok(());
    }
    let failure = match status.signal() {
        Some(number) => Failure::Signal {
            number,
            core_dumped: status.core_dumped(),
        },
        None => Failure::Exit {
            code: status.code().unwrap_or(-1),
            shell: !matches!(command, Command::Direct(_)),
        },
    };
    Err(match end.told {
        Some(_) => Failure::Stopped(Box::new(failure)),
        None => failure,
    })
}
