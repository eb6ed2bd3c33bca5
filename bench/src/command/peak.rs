//! The most memory that the command has used at a time.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `true` so many times, and returns the most bytes of memory (`VmHWM`) that `brigade` had by then; nothing where
/// the system does not tell.
///
/// It is asked while `brigade` still waits for more input: what a parent is told after the end (`ru_maxrss`) includes the
/// parent's own memory, which a child has until its `exec`.
///
/// # Panics
/// If `brigade` does not do it.
pub(super) fn measure(brigade: &Path, runs: usize) -> Vec<f64> {
    let mut child = Command::new(brigade)
        .args(["run", "-q", "-j2", "--keep-order"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it is built");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = child.stdout.take().expect("a pipe");
    let jobs = "true\n".repeat(runs) + "echo\n";
    input.write_all(jobs.as_bytes()).expect("it reads");
    // The output of the last job, when all others have ended: outputs are in order.
    output.read_exact(&mut [0]).expect("the last job is run");
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
    drop(input);
    let ended = child.wait().expect("our child");
    assert!(ended.success(), "brigade: {ended}");
    status
        .ok()
        .as_deref()
        .and_then(high_water)
        .into_iter()
        .collect()
}

fn high_water(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_bytes() {
        assert_eq!(
            high_water("VmPeak:\t 99 kB\nVmHWM:\t    5168 kB\n"),
            Some(5_292_032.0)
        );
        assert_eq!(high_water("VmPeak:\t 99 kB\n"), None);
    }
}
