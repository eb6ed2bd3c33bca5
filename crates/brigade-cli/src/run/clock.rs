//! Time that stands still while this process and its jobs are stopped (Ctrl-Z): a job's time must not run out in which
//! it could do nothing.

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

/// What time it is: behind [`Instant::now`] by as long as this process was stopped. To be compared with its like only.
pub(crate) fn now() -> Instant {
    let stops = STOPS.lock();
    let now = stops.since.unwrap_or_else(Instant::now);
    now - stops.before
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
        let behind = || Instant::now() - now();
        assert!(behind() >= stop && now() >= before);
        assert!(behind() <= began.elapsed());
    }
}
