//! Waiting for a process to exit, for a limited time.

use std::io::{self, pipe};
use std::os::fd::OwnedFd;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::deadline::Deadline;

/// Waits until a child has exited, and lets its time pass meanwhile. It is not reaped.
///
/// # Errors
/// As `waitid(2)`, `poll(2)` and `pidfd_open(2)`.
pub(crate) fn wait(pid: Pid, deadline: &mut Deadline) -> io::Result<()> {
    if deadline.remaining().is_none() || has_exited(pid)? {
        return Ok(wait_for_ever(pid)?);
    }
    let exit = event(pid)?;
    loop {
        let remaining = deadline.remaining();
        match poll(&mut [PollFd::new(&exit, PollFlags::IN)], remaining.as_ref()) {
            Ok(0) => deadline.pass(),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn has_exited(pid: Pid) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(retry_on_intr(|| waitid(WaitId::Pid(pid), options))?.is_some())
}

fn wait_for_ever(pid: Pid) -> rustix::io::Result<()> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    retry_on_intr(|| waitid(WaitId::Pid(pid), options)).map(drop)
}

/// A descriptor that is readable once the child has exited.
fn event(pid: Pid) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    if let Ok(event) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
        return Ok(event);
    }
    // Other systems, and kernels before 5.3.
    event_by_thread(pid)
}

/// The same from a thread that waits, and then closes the other end of a pipe.
fn event_by_thread(pid: Pid) -> io::Result<OwnedFd> {
    let (reader, writer) = pipe()?;
    thread::Builder::new()
        .name("brigade-exit".to_owned())
        .spawn(move || {
            // Should this fail, the wait that follows fails too, and says why.
            let _ = wait_for_ever(pid);
            drop(writer);
        })?;
    Ok(reader.into())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use rustix::event::Timespec;

    use super::*;

    #[test]
    fn both_events_come_with_the_exit_and_not_before() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .spawn()
            .expect("cat runs");
        let pid = Pid::from_child(&child);
        let events = [event(pid), event_by_thread(pid)].map(|event| event.expect("an event"));
        let has_come = |event: &OwnedFd, limit: Option<Timespec>| {
            poll(&mut [PollFd::new(event, PollFlags::IN)], limit.as_ref()).expect("polls") > 0
        };
        let at_once = Some(Timespec::default());
        assert!(!events.iter().any(|event| has_come(event, at_once)));
        drop(child.stdin.take());
        assert!(events.iter().all(|event| has_come(event, None)));
        assert!(has_exited(pid).expect("a child"));
        assert!(child.wait().expect("not reaped before").success());
    }
}
