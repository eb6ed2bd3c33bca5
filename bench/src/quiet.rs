//! Waiting until a system that was measured has left the machine to the next one.

use std::time::{Duration, Instant};

/// Waits until no thread but the caller's is left: some peers' threads end some time after their pool
/// was dropped, and would disturb whoever is measured next.
pub fn wait() {
    /// A peer that keeps a thread longer than this is measured beside; better than to wait for ever.
    const PATIENCE: Duration = Duration::from_millis(500);
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match threads() {
            Some(0 | 1) => return,
            Some(_) => std::thread::sleep(Duration::from_micros(200)),
            None => {
                // Where threads cannot be counted, they get a moment.
                std::thread::sleep(Duration::from_millis(5));
                return;
            }
        }
    }
}

/// The number of this process's threads, where the system tells.
fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}
