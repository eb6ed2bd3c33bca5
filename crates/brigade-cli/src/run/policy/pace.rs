//! How fast jobs may begin, one after the other.

use std::time::Duration;

use parking_lot::Mutex;

use crate::run::clock::{self, Moment};
use crate::run::latch::Latch;

/// Keeps a distance between the beginnings of jobs.
#[derive(Debug)]
pub(crate) struct Pace {
    distance: Duration,
    next: Mutex<Moment>,
}

impl Pace {
    /// At least so long from one to the next.
    pub(crate) fn new(distance: Duration) -> Self {
        Self {
            distance,
            next: Mutex::new(clock::now()),
        }
    }

    /// Waits until one more job may begin, or until none may any more.
    pub(crate) fn wait(&self, stopping: &Latch) {
        if self.distance.is_zero() {
            return;
        }
        // Who comes meanwhile waits for the lock, which is to wait for a later time.
        let mut next = self.next.lock();
        stopping.wait_until(*next);
        *next = clock::now() + self.distance;
    }
}

/// Reads a rate such as `10/s`, `100/m` or `5/h`, and returns the distance that keeps to it.
///
/// # Errors
/// What is wrong with anything else.
pub(crate) fn parse_rate(text: &str) -> Result<Duration, String> {
    let bad = || {
        format!(
            "give a number of jobs per second, minute or hour, such as 10/s, 100/m or 5/h, \
             not `{text}`"
        )
    };
    let (number, unit) = text.split_once('/').ok_or_else(bad)?;
    let unit = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(bad()),
    };
    let number = number.parse::<f64>().map_err(|_| bad())?;
    // A rate below one in a hundred years is none; and no clock overflows.
    if !(number.is_finite() && number > 1e-6) {
        return Err(bad());
    }
    Duration::try_from_secs_f64(unit / number).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_distance_between_beginnings() {
        let cases = [
            ("10/s", 100),
            ("0.5/s", 2_000),
            ("100/m", 600),
            ("2/h", 1_800_000),
        ];
        for (rate, milliseconds) in cases {
            assert_eq!(parse_rate(rate), Ok(Duration::from_millis(milliseconds)));
        }
        for wrong in [
            "", "10", "/s", "10/d", "0/s", "-1/s", "inf/s", "NaN/s", "1e-99/h",
        ] {
            assert!(
                parse_rate(wrong)
                    .expect_err(wrong)
                    .contains(&format!("`{wrong}`"))
            );
        }
    }
}
