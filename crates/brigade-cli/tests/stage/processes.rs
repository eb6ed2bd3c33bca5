//! Processes that end with the test, and what `/proc` says of any.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};

/// A process that ends with the test, however that ends, and with it all that it has started.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("it starts"))
    }
}

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Only after a failed test is there anything to end.
        if let Ok(None) = self.0.try_wait() {
            end(Pid::from_child(&self.0));
            let _ = self.0.wait();
        }
    }
}

/// Ends a process and all that it has started. What has left its parent as well as its process group is out of reach.
fn end(pid: Pid) {
    // While it is stopped it starts nothing more. It may have ended by itself, here and below.
    let _ = kill_process(pid, Signal::STOP);
    for _ in 0..1_000 {
        if !goes_on(pid) {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    children(pid).into_iter().for_each(end);
    // Each job leads a group of its own. The group of the test itself is nobody's here.
    if getpgid(Some(pid)) == Ok(pid) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let _ = kill_process(pid, Signal::KILL);
}

/// False if it is stopped or has ended.
fn goes_on(pid: Pid) -> bool {
    fields(pid).is_some_and(|(state, _)| ["R", "S", "D"].contains(&&*state))
}

/// True if job control, or someone, has stopped it.
pub(crate) fn is_stopped(pid: Pid) -> bool {
    fields(pid).is_some_and(|(state, _)| state == "T")
}

/// Who started it.
pub(crate) fn parent(pid: Pid) -> Pid {
    let (_, parent) = fields(pid).expect("it runs");
    parent.expect("it has a parent")
}

/// All that it has started, and not yet reaped.
pub(crate) fn children(parent: Pid) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").expect("a directory");
    let pids = processes.filter_map(|entry| {
        let number = entry.expect("an entry").file_name();
        number.to_str()?.parse().ok().and_then(Pid::from_raw)
    });
    pids.filter(|&pid| fields(pid).is_some_and(|(_, found)| found == Some(parent)))
        .collect()
}

/// The state of a process and its parent, if it exists.
fn fields(pid: Pid) -> Option<(String, Option<Pid>)> {
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let stat = fs::read_to_string(path).ok()?;
    // The name comes before, and may hold anything.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let mut fields = fields.split_whitespace();
    let state = fields.next().expect("a state").to_owned();
    let parent = fields.next().and_then(|parent| parent.parse().ok());
    Some((state, parent.and_then(Pid::from_raw)))
}
