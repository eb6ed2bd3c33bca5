//! The last lines: how it went, from the pool's metrics.

use std::fmt;
use std::time::Duration;

use brigade::pool::{Distribution, Metrics};

use crate::quantity::{Span, count};

/// How a run went.
pub(crate) struct Summary {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) not_run: usize,
    pub(crate) elapsed: Duration,
    pub(crate) metrics: Metrics,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs = self.succeeded + self.failed;
        write!(
            formatter,
            "brigade: {}, {} failed",
            count(jobs, "job"),
            self.failed
        )?;
        if self.not_run > 0 {
            write!(formatter, ", {} not run", self.not_run)?;
        }
        write!(formatter, ", in {}", Span(self.elapsed))?;
        if jobs == 0 {
            return writeln!(formatter); // and there is nothing to measure
        }
        let rate = jobs as f64 / self.elapsed.as_secs_f64().max(1e-9);
        writeln!(formatter, " ({rate:.1} jobs/s)")?;
        let quantiles = |distribution: &Distribution| {
            let (p50, p99) = (Span(distribution.p50), Span(distribution.p99));
            format!("p50 {p50}, p99 {p99}")
        };
        let wait = quantiles(&self.metrics.wait);
        let run = quantiles(&self.metrics.run);
        let workers = count(self.metrics.workers.peak as u64, "worker");
        writeln!(
            formatter,
            "brigade: queue wait {wait}; run time {run}; {workers}"
        )
    }
}
