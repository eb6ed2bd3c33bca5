//! The last lines: how it went, from the pool's metrics.

use std::fmt;
use std::time::Duration;

use brigade::pool::{Distribution, Metrics};

use crate::quantity::{Span, count};
use crate::run::tally::Counts;

/// How a run went.
pub(crate) struct Summary {
    pub(crate) counts: Counts,
    pub(crate) not_run: usize,
    /// Jobs that were not run, as the job log has them.
    pub(crate) logged: u64,
    pub(crate) elapsed: Duration,
    pub(crate) metrics: Metrics,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        let jobs = counts.ended();
        write!(
            formatter,
            "brigade: {}, {} failed",
            count(jobs, "job"),
            counts.failed
        )?;
        if counts.stopped > 0 {
            write!(formatter, ", {} stopped", counts.stopped)?;
        }
        match counts.retried {
            0 => {}
            1 => formatter.write_str(", 1 retry")?,
            retried => write!(formatter, ", {retried} retries")?,
        }
        if self.not_run > 0 {
            write!(formatter, ", {} not run", self.not_run)?;
        }
        if self.logged > 0 {
            write!(formatter, ", {} logged before", self.logged)?;
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
