//! The line on a terminal that says how far things are.

use std::time::Duration;

use brigade::pool::Metrics;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tally::Counts;

/// How often the line is drawn.
const INTERVAL: Duration = Duration::from_millis(100);

const UNKNOWN_TOTAL: &str = "{spinner} {pos} done, {msg}  [{elapsed}, {per_sec}]";
const KNOWN_TOTAL: &str = "[{bar:30}] {pos}/{len} done, {msg}  [{elapsed}, {per_sec}, {eta} left]";

/// A line on a terminal, or nothing.
#[derive(Debug)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Nothing is shown.
    pub(crate) fn hidden() -> Self {
        Self(None)
    }

    /// A line at the end of standard error. Nothing is shown if that is no terminal.
    pub(crate) fn on_stderr(total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if bar.is_hidden() {
            return Self::hidden();
        }
        bar.set_style(style(UNKNOWN_TOTAL));
        let progress = Self(Some(bar));
        if let Some(total) = total {
            progress.set_total(total);
        }
        progress
    }

    /// Tells how many jobs there are, when that is known.
    pub(crate) fn set_total(&self, total: u64) {
        if let Self(Some(bar)) = self {
            bar.set_style(style(KNOWN_TOTAL));
            bar.set_length(total);
        }
    }

    pub(crate) fn is_shown(&self) -> bool {
        self.0.is_some()
    }

    /// When the line is to be drawn next; `None` if there is none.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.0.as_ref().map(|_| INTERVAL)
    }

    /// Draws the line.
    pub(crate) fn show(&self, metrics: &Metrics, counts: &Counts) {
        if let Self(Some(bar)) = self {
            bar.set_position(counts.ended());
            let (running, queued) = (metrics.running, metrics.queued);
            let mut message = format!("{running} running, {queued} queued");
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
    }

    /// Takes the line away while `print` uses the terminal.
    pub(crate) fn hide_while<R>(&self, print: impl FnOnce() -> R) -> R {
        match self {
            Self(Some(bar)) => bar.suspend(print),
            Self(None) => print(),
        }
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        if let Self(Some(bar)) = self {
            bar.finish_and_clear();
        }
    }
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
