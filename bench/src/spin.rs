//! Work of a known length.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A loop that takes a given time on an undisturbed core.
///
/// It counts steps rather than look at the clock: a clock goes on while the task's thread is off its
/// core, so that a system would be credited with work that nobody did. And reading it costs time.
#[derive(Clone, Copy, Debug)]
pub struct Spin {
    steps: u64,
}

impl Spin {
    /// Finds the number of steps for `duration`.
    pub fn calibrated(duration: Duration) -> Self {
        const STEPS: u64 = 50_000;
        const TRIALS: usize = 200;
        let trial = || {
            let began = Instant::now();
            Self { steps: STEPS }.run();
            began.elapsed()
        };
        // The shortest: anything else that happens on the machine only adds.
        let shortest = (0..TRIALS)
            .map(|_| trial())
            .min()
            .unwrap_or(Duration::from_nanos(1));
        let steps = STEPS as f64 * duration.as_secs_f64() / shortest.as_secs_f64();
        Self {
            steps: steps.round() as u64,
        }
    }

    /// Takes the time.
    #[inline]
    pub fn run(self) {
        let mut value = black_box(1_u64);
        for _ in 0..self.steps {
            // Each step needs the one before, so that no compiler or core can do several at once.
            value = value
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
        }
        black_box(value);
    }
}
