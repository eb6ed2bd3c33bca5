//! What is told of a run, in Prometheus' text format, version 0.0.4.

use std::fmt;
use std::time::Duration;

use brigade::pool::{Distribution, Metrics};

use crate::run::staffing::Kind;
use crate::run::tally::Counts;

/// What is told. Its text is that of `Display`.
pub(super) struct Text {
    pub(super) metrics: Metrics,
    pub(super) counts: Counts,
    pub(super) held_back: Option<Kind>,
    pub(super) elapsed: Duration,
    pub(super) finished: bool,
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            metrics, counts, ..
        } = self;
        head(
            out,
            "jobs_total",
            "counter",
            "Jobs that have ended, by how they have.",
        )?;
        for (outcome, number) in [
            ("succeeded", counts.succeeded),
            ("failed", counts.failed),
            ("stopped", counts.stopped),
        ] {
            writeln!(out, "brigade_jobs_total{{outcome=\"{outcome}\"}} {number}")?;
        }
        let numbers = [
            (
                "retries_total",
                "counter",
                "Further attempts at jobs.",
                counts.retried,
            ),
            ("jobs_running", "gauge", "Jobs that run.", counts.running),
            (
                "jobs_queued",
                "gauge",
                "Jobs that have been read and wait for a worker.",
                metrics.queued as u64,
            ),
            (
                "jobs_waiting_for_retry",
                "gauge",
                "Jobs that wait for a further attempt.",
                counts.waiting,
            ),
            (
                "jobs_parked",
                "gauge",
                "Jobs that wait for other jobs or for resources.",
                counts.parked,
            ),
            (
                "workers",
                "gauge",
                "Workers that exist.",
                metrics.workers.live as u64,
            ),
            (
                "finished",
                "gauge",
                "1 once the run has ended.",
                self.finished.into(),
            ),
        ];
        for (name, kind, help, number) in numbers {
            head(out, name, kind, help)?;
            writeln!(out, "brigade_{name} {number}")?;
        }
        head(
            out,
            "jobs_held_back",
            "gauge",
            "1 while the load or a lack of memory keeps jobs waiting.",
        )?;
        for (by, kind) in [("load", Kind::Load), ("memory", Kind::Memory)] {
            let held_back = u8::from(self.held_back == Some(kind));
            writeln!(out, "brigade_jobs_held_back{{by=\"{by}\"}} {held_back}")?;
        }
        head(
            out,
            "elapsed_seconds",
            "gauge",
            "How long the run has taken so far.",
        )?;
        writeln!(
            out,
            "brigade_elapsed_seconds {}",
            self.elapsed.as_secs_f64()
        )?;
        let wait = "How long jobs waited for a worker.";
        summary(out, "queue_wait_seconds", wait, &metrics.wait)?;
        let run = "How long workers took for an attempt at a job, with its output.";
        summary(out, "run_seconds", run, &metrics.run)
    }
}

fn head(out: &mut fmt::Formatter<'_>, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(
        out,
        "# HELP brigade_{name} {help}\n# TYPE brigade_{name} {kind}"
    )
}

fn summary(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    help: &str,
    times: &Distribution,
) -> fmt::Result {
    head(out, name, "summary", help)?;
    // Without samples there are no quantiles, and zero would be wrong.
    let quantiles = [("0.5", times.p50), ("0.9", times.p90), ("0.99", times.p99)];
    for (quantile, time) in quantiles.into_iter().filter(|_| times.count > 0) {
        let seconds = time.as_secs_f64();
        writeln!(out, "brigade_{name}{{quantile=\"{quantile}\"}} {seconds}")?;
    }
    let sum = times.mean.as_secs_f64() * times.count as f64;
    writeln!(
        out,
        "brigade_{name}_sum {sum}\nbrigade_{name}_count {}",
        times.count
    )
}
