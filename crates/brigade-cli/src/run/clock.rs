//! Time that stands still while this process and its jobs are stopped (Ctrl-Z): a job's time must not run out in which
//! it could do nothing.

use std::ops::Add;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How this process has been stopped. That concerns all its threads, so there is one of it.
static STOPS: Mutex<Stops> = Mutex::new(Stops {
    since: None,
    before: Duration::ZERO,
});

struct Stops {
    /// Since when time stands still, if it does. A thread that runs on before the stop is over, as far as the one that
    /// stopped us knows, sees this time.
    since: Option<Instant>,
    /// How long all earlier stops took.
    before: Duration,
}

/// A time of this clock, which is no [`Instant`]: the two go apart each time this process is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(Instant);

impl Moment {
    /// How long it is from an earlier one to this; nothing, if that is not earlier.
    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

/// What time it is: behind [`Instant::now`] by as long as this process was stopped.
pub(crate) fn now() -> Moment {
    let stops = STOPS.lock();
    let now = stops.since.unwrap_or_else(Instant::now);
    Moment(now - stops.before)
}

/// Lets time stand still while `stop` lasts.
pub(crate) fn stand_still(stop: impl FnOnce()) {
    let since = Instant::now();
    STOPS.lock().since = Some(since);
    stop();
    let mut stops = STOPS.lock();
    stops.since = None;
    stops.before += since.elapsed();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_for_as_long_as_it_is_stopped() {
        let (before, stop) = (now(), Duration::from_millis(20));
        let began = Instant::now();
        stand_still(|| {
            let stopped = now();
            assert!(stopped >= before);
            std::thread::sleep(stop);
            assert_eq!(now(), stopped);
        });
        let behind = || {
            let shown = now().0;
            Instant::now() - shown
        };
        assert!(behind() >= stop && now() >= before);
        assert!(behind() <= began.elapsed());
    }
}
