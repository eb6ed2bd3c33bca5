//! The last lines: how it went, from the pool's metrics.

use std::fmt;
use std::time::Duration;

use brigade::pool::{Distribution, Metrics};

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

/// A number of things.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A duration for people: three digits, and a unit that fits.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds >= 3600 {
            return write!(
                formatter,
                "{} h {:02} min",
                seconds / 3600,
                seconds / 60 % 60
            );
        }
        if seconds >= 60 {
            return write!(formatter, "{} min {:02} s", seconds / 60, seconds % 60);
        }
        let mut value = self.0.as_nanos() as f64;
        for unit in ["ns", "µs", "ms"] {
            // What would be rounded up to 1000 belongs to the next unit.
            if value < 999.5 {
                return write_digits(formatter, value, unit);
            }
            value /= 1000.0;
        }
        write_digits(formatter, value, "s")
    }
}

fn write_digits(formatter: &mut fmt::Formatter<'_>, value: f64, unit: &str) -> fmt::Result {
    let decimals = match value {
        _ if unit == "ns" || value >= 99.95 => 0,
        _ if value >= 9.995 => 1,
        _ => 2,
    };
    write!(formatter, "{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_three_digits_and_a_fitting_unit() {
        let cases = [
            (0, "0 ns"),
            (812, "812 ns"),
            (1_000, "1.00 µs"),
            (12_345, "12.3 µs"),
            (999_900, "1.00 ms"),
            (123_456_789, "123 ms"),
            (1_234_000_000, "1.23 s"),
            (59_900_000_000, "59.9 s"),
            (61_000_000_000, "1 min 01 s"),
            (3_725_000_000_000, "1 h 02 min"),
        ];
        for (nanoseconds, shown) in cases {
            assert_eq!(Span(Duration::from_nanos(nanoseconds)).to_string(), shown);
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(count(1, "job"), "1 job");
        assert_eq!(count(0, "job"), "0 jobs");
    }
}
