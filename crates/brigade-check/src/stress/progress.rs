//! How far a stress test is, told on a terminal.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

/// A line on a terminal that says how far it is.
pub(super) struct Progress {
    shows: bool,
    started: Instant,
    iterations: u64,
    shown: bool,
}

/// What is over sooner needs no line.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

impl Progress {
    pub(super) fn new(show: bool, iterations: u64) -> Self {
        Self {
            shows: show && stderr().is_terminal(),
            started: Instant::now(),
            iterations,
            shown: false,
        }
    }

    pub(super) fn tell(&mut self, (done, failing): (u64, usize)) {
        if self.shows && self.started.elapsed() >= SHOWN_AFTER {
            self.shown = true;
            let of = match self.iterations {
                u64::MAX => String::new(),
                iterations => format!(" of {iterations}"),
            };
            eprint!("\r\x1b[Kstress: {done}{of} iterations, {failing} failed");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
