//! When a job that has failed is run again.

use std::time::Duration;

/// The delay before a further attempt is doubled up to this.
const LONGEST_DELAY: Duration = Duration::from_secs(300);

/// How often a job that fails is run again, and after which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) retries: u32,
    /// The longest delay before the first retry.
    pub(crate) delay: Duration,
}

impl Backoff {
    /// When to run a job again of which so many attempts have failed; `None` if never.
    ///
    /// The delay is any between zero and a limit that doubles with each attempt ("full jitter", of
    /// Brooker: Exponential Backoff And Jitter, AWS Architecture Blog, 2015): jobs that failed
    /// together, say because a server was overloaded, do not come back together.
    pub(crate) fn delay(&self, attempts: u32) -> Option<Duration> {
        (attempts <= self.retries).then(|| self.limit(attempts).mul_f64(fastrand::f64()))
    }

    fn limit(&self, attempts: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempts.saturating_sub(1));
        // Who asks for a longer one gets it.
        let longest = LONGEST_DELAY.max(self.delay);
        self.delay.saturating_mul(factor).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_the_delay_doubles_up_to_a_limit_of_its_own() {
        let delay = Duration::from_secs(1);
        let backoff = Backoff { retries: 99, delay };
        let limits = [1, 2, 3, 4, 99].map(|attempts| backoff.limit(attempts).as_secs());
        assert_eq!(limits, [1, 2, 4, 8, 300]);
        let delay = Duration::from_secs(1000);
        assert_eq!(Backoff { retries: 1, delay }.limit(50), delay);
    }

    #[test]
    fn delays_are_below_their_limit_and_differ() {
        let backoff = Backoff {
            retries: 3,
            delay: Duration::from_secs(1),
        };
        let delays = [(); 50].map(|()| backoff.delay(2).expect("one left"));
        assert!(delays.iter().all(|&delay| delay < Duration::from_secs(2)));
        assert!(delays.iter().any(|delay| delay != &delays[0]));
        assert_eq!(backoff.delay(4), None);
    }
}
