//! How a run goes, in a file for Prometheus (its text format, version 0.0.4).

use std::fmt;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use brigade::Pool;
use brigade::pool::{Distribution, Metrics};
use tempfile::Builder;

use super::tally::Counts;
use super::work::Work;

/// How often it is written.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// The file, and when it is written next.
#[derive(Debug)]
pub(crate) struct MetricsFile {
    path: PathBuf,
    started: Instant,
    due: Instant,
    /// That it could not be written has been said.
    told: bool,
}

impl MetricsFile {
    /// A file that is due at once.
    pub(crate) fn new(path: PathBuf, started: Instant) -> Self {
        Self {
            path,
            started,
            due: started,
            told: false,
        }
    }

    /// Writes it for the first time.
    ///
    /// # Errors
    /// If it cannot be written, or is something else than a file, which would be replaced by one.
    pub(crate) fn begin(&mut self, pool: &Pool, work: &Work) -> io::Result<()> {
        if self.path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is no regular file",
            ));
        }
        self.write(pool, work, false)
    }

    /// Writes it if it is time to.
    pub(crate) fn look_at_the_time(&mut self, pool: &Pool, work: &Work) {
        if self.due <= Instant::now() {
            self.update(pool, work, false);
        }
    }

    /// Writes it for the last time.
    pub(crate) fn end(&mut self, pool: &Pool, work: &Work) {
        self.update(pool, work, true);
    }

    fn update(&mut self, pool: &Pool, work: &Work, finished: bool) {
        if let Err(error) = self.write(pool, work, finished)
            && !std::mem::replace(&mut self.told, true)
        {
            let path = self.path.display();
            work.output.say(format_args!(
                "the metrics {path} cannot be written: {error}; the jobs go on"
            ));
        }
    }

    fn write(&mut self, pool: &Pool, work: &Work, finished: bool) -> io::Result<()> {
        self.due = Instant::now() + INTERVAL;
        let text = Text {
            metrics: pool.metrics(),
            counts: work.counts(),
            elapsed: self.started.elapsed(),
            finished,
        };
        replace(&self.path, text.to_string().as_bytes())
    }
}

/// Puts a whole new file in the place of an old one: who reads it sees one or the other.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // Others are to read it, as far as the umask lets them. What collects `*.prom` passes the new one by.
    let mut file = Builder::new()
        .prefix(".brigade-metrics-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(text)?;
    file.persist(path)?;
    Ok(())
}

/// What is written.
struct Text {
    metrics: Metrics,
    counts: Counts,
    elapsed: Duration,
    finished: bool,
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
