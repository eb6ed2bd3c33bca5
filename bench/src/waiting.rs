//! What a thread lost to others on the machine.

use std::fs;
use std::time::Duration;

/// How long this thread has been ready to run, ever, without having a core. Zero where the system does not tell.
pub fn for_a_core() -> Duration {
    // Linux: time on a core, time ready without one, in nanoseconds, and the number of turns.
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let waited = times.split_whitespace().nth(1);
    Duration::from_nanos(waited.and_then(|waited| waited.parse().ok()).unwrap_or(0))
}
