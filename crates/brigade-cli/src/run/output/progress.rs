//! The line on a terminal that says how far things are.

use std::io;
use std::time::{Duration, Instant};

use brigade::pool::Metrics;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

use crate::run::staffing::Kind;
use crate::run::tally::Counts;

/// How often the line is drawn.
const INTERVAL: Duration = Duration::from_millis(100);

const UNKNOWN_TOTAL: &str = "{spinner} {pos} done, {msg}  [{elapsed}, {per_sec}]";
const KNOWN_TOTAL: &str = "[{bar:30}] {pos}/{len} done, {msg}  [{elapsed}, {per_sec}, {eta} left]";

/// A line on a terminal, or nothing.
#[derive(Debug)]
pub(crate) struct Progress {
    wanted: bool,
    total: Option<u64>,
    started: Instant,
    /// What is drawn. There is none before the first time, nor while others have the terminal.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Nothing is shown.
    pub(crate) fn hidden() -> Self {
        Self {
            wanted: false,
            total: None,
            started: Instant::now(),
            bar: None,
        }
    }

    /// A line at the end of standard error. Nothing is shown if that is no terminal.
    pub(crate) fn on_stderr(total: Option<u64>) -> Self {
        Self {
            wanted: !ProgressDrawTarget::stderr().is_hidden(),
            total,
            ..Self::hidden()
        }
    }

    /// Tells how many jobs there are, when that is known.
    pub(crate) fn set_total(&mut self, total: u64) {
        self.total = Some(total);
        if let Some(bar) = &self.bar {
            set_total(bar, total);
        }
    }

    pub(crate) fn is_shown(&self) -> bool {
        self.wanted
    }

    /// When the line is to be drawn next; `None` if there is none.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.wanted.then_some(INTERVAL)
    }

    /// Draws the line, unless this process is in the background (`bg`): then the terminal is somebody else's.
    pub(crate) fn show(&mut self, metrics: &Metrics, counts: &Counts, held_back: Option<Kind>) {
        if !self.wanted {
            return;
        }
        if is_in_background() {
            if let Some(bar) = self.bar.take() {
                // What is there has long been written over.
                bar.set_draw_target(ProgressDrawTarget::hidden());
            }
            return;
        }
        let (started, total, ended) = (self.started, self.total, counts.ended());
        let bar = self.bar.get_or_insert_with(|| begin(started, total, ended));
        bar.set_position(ended);
        let (running, queued) = (metrics.running, metrics.queued);
        let mut message = format!("{running} running, {queued} queued");
        if let Some(kind) = held_back {
            message += &format!(" (held back by {})", kind.option());
        }
        for (number, what) in [
            (counts.parked, "waiting for jobs or resources"),
            (counts.waiting, "waiting for a retry"),
            (counts.failed, "failed"),
        ] {
            if number > 0 {
                message += &format!(", {number} {what}");
            }
        }
        bar.set_message(message);
        bar.tick();
    }

    /// Takes the line away while `print` uses the terminal.
    pub(crate) fn hide_while<R>(&self, print: impl FnOnce() -> R) -> R {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the line away until it is shown again.
    pub(crate) fn take_away(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// True if the terminal is controlled by others now.
fn is_in_background() -> bool {
    // A terminal that does not control us knows no background.
    tcgetpgrp(io::stderr()).is_ok_and(|group| group != getpgrp())
}

/// A line that is drawn from now on.
fn begin(started: Instant, total: Option<u64>, ended: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let bar = bar.with_elapsed(started.elapsed());
    bar.set_style(style(UNKNOWN_TOTAL));
    if let Some(total) = total {
        set_total(&bar, total);
    }
    bar.set_position(ended);
    // What was done before it was drawn is no measure of the rate.
    bar.reset_eta();
    bar
}

fn set_total(bar: &ProgressBar, total: u64) {
    bar.set_style(style(KNOWN_TOTAL));
    bar.set_length(total);
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants, which a test has read.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_well_formed() {
        for template in [UNKNOWN_TOTAL, KNOWN_TOTAL] {
            ProgressStyle::with_template(template).expect(template);
        }
    }
}
