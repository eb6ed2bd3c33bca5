//! What `/proc` says of processes.

use std::fs;

use rustix::process::Pid;

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
