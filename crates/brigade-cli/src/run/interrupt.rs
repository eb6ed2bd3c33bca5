//! Being told to stop: once, twice, three times.

use std::time::{Duration, Instant};

/// How long a job that was asked to end may take to do so.
const GRACE: Duration = Duration::from_secs(2);

/// What has to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Begin no more jobs.
    Stop,
    /// Ask the running ones to end.
    Terminate,
    /// End them.
    Kill,
    /// Leave without those that would not end even so.
    Leave,
}

/// How far stopping has gone.
#[derive(Debug, Default)]
pub(crate) struct Interrupts {
    taken: Option<Step>,
    next_at: Option<Instant>,
}

impl Interrupts {
    /// The step that a signal calls for at this moment, if there is one left.
    pub(crate) fn signal(&mut self, now: Instant) -> Option<Step> {
        let (step, next_at) = match self.taken {
            None => (Step::Stop, None),
            Some(Step::Stop) => (Step::Terminate, Some(now + GRACE)),
            Some(Step::Terminate) => (Step::Kill, Some(now + GRACE)),
            Some(Step::Kill) => (Step::Leave, None),
            Some(Step::Leave) => return None,
        };
        self.taken = Some(step);
        self.next_at = next_at;
        Some(step)
    }

    /// The step that the passing of time calls for at this moment, if any.
    pub(crate) fn time(&mut self, now: Instant) -> Option<Step> {
        self.next_at.filter(|&at| at <= now)?;
        self.signal(now)
    }

    /// When to look at the time again.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.next_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_is_a_step_further() {
        let (mut interrupts, now) = (Interrupts::default(), Instant::now());
        let steps = [(); 6].map(|()| interrupts.signal(now));
        let expected = [Step::Stop, Step::Terminate, Step::Kill, Step::Leave].map(Some);
        assert_eq!(steps, [&expected[..], &[None, None]].concat()[..]);
    }

    #[test]
    fn the_first_step_waits_for_jobs_and_the_second_does_not() {
        let (mut interrupts, start) = (Interrupts::default(), Instant::now());
        assert_eq!(interrupts.time(start + 100 * GRACE), None);
        interrupts.signal(start);
        assert_eq!(interrupts.time(start + 100 * GRACE), None);
        interrupts.signal(start);
        assert_eq!(interrupts.next_at(), Some(start + GRACE));
        assert_eq!(interrupts.time(start + GRACE / 2), None);
        assert_eq!(interrupts.time(start + GRACE), Some(Step::Kill));
        assert_eq!(interrupts.time(start + GRACE), None);
        assert_eq!(interrupts.time(start + 2 * GRACE), Some(Step::Leave));
        assert_eq!(interrupts.time(start + 100 * GRACE), None);
    }
}
