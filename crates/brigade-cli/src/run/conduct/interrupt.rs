//! Being told to stop: once, twice, three times.

use std::time::Duration;

use crate::run::clock::Moment;

/// What has to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Debug)]
pub(crate) struct Interrupts {
    /// How long a job that was asked to end may take to do so.
    grace: Duration,
    taken: Option<Step>,
    next_at: Option<Moment>,
}

impl Interrupts {
    /// Nothing has been asked yet.
    pub(crate) fn new(grace: Duration) -> Self {
        Self {
            grace,
            taken: None,
            next_at: None,
        }
    }

    /// The step that a signal calls for at this moment, if there is one left.
    pub(crate) fn signal(&mut self, now: Moment) -> Option<Step> {
        let step = match self.taken {
            None => Step::Stop,
            Some(Step::Stop) => Step::Terminate,
            Some(Step::Terminate) => Step::Kill,
            Some(Step::Kill) => Step::Leave,
            Some(Step::Leave) => return None,
        };
        self.reach(step, now)
    }

    /// That step, unless stopping has already gone so far.
    pub(crate) fn reach(&mut self, step: Step, now: Moment) -> Option<Step> {
        if self.taken >= Some(step) {
            return None;
        }
        self.taken = Some(step);
        self.next_at = match step {
            Step::Stop | Step::Leave => None,
            Step::Terminate | Step::Kill => Some(now + self.grace),
        };
        Some(step)
    }

    /// The step that the passing of time calls for at this moment, if any.
    pub(crate) fn time(&mut self, now: Moment) -> Option<Step> {
        self.next_at.filter(|&at| at <= now)?;
        self.signal(now)
    }

    /// When to look at the time again.
    pub(crate) fn next_at(&self) -> Option<Moment> {
        self.next_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::clock;

    const GRACE: Duration = Duration::from_secs(2);

    #[test]
    fn each_signal_is_a_step_further() {
        let (mut interrupts, now) = (Interrupts::new(GRACE), clock::now());
        let steps = [(); 6].map(|()| interrupts.signal(now));
        let expected = [Step::Stop, Step::Terminate, Step::Kill, Step::Leave].map(Some);
        assert_eq!(steps, [&expected[..], &[None, None]].concat()[..]);
    }

    #[test]
    fn a_step_that_was_reached_is_not_taken_again() {
        let (mut interrupts, now) = (Interrupts::new(GRACE), clock::now());
        assert_eq!(
            interrupts.reach(Step::Terminate, now),
            Some(Step::Terminate)
        );
        assert_eq!(interrupts.next_at(), Some(now + GRACE));
        assert_eq!(interrupts.reach(Step::Stop, now), None);
        assert_eq!(interrupts.reach(Step::Terminate, now), None);
        assert_eq!(interrupts.signal(now), Some(Step::Kill));
    }

    #[test]
    fn the_first_step_waits_for_jobs_and_the_second_does_not() {
        let (mut interrupts, start) = (Interrupts::new(GRACE), clock::now());
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
