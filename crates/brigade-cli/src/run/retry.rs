//! Jobs that have failed and wait to be run again.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use brigade::Pool;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::clock;
use super::job::Job;

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

/// A job that waits, and the time of [`clock::now`] when it is to run again.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) due: Instant,
    pub(crate) job: Job,
}

impl Ord for Waiting {
    /// What is due first is the greatest, and of equals the first of the input: so it is the top of a heap.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.job.place).cmp(&(self.due, self.job.place))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

/// The jobs that wait to be run again, at most as many as are read ahead.
#[derive(Debug)]
pub(crate) struct Retries {
    room: Mutex<Room>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Room {
    waiting: BinaryHeap<Waiting>,
    /// One has been taken out and is not yet in the pool's queue.
    moving: bool,
    /// How many have been moved to the pool's queue.
    moved: u64,
    closed: bool,
}

impl Room {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && !self.moving
    }
}

impl Retries {
    /// Room for so many.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            room: Mutex::default(),
            changed: Condvar::new(),
            capacity,
        }
    }

    /// Lets a job wait here.
    ///
    /// # Errors
    /// It comes back if there is no room, or if no job is to begin any more.
    pub(crate) fn put(&self, waiting: Waiting) -> Result<(), Waiting> {
        let mut room = self.room.lock();
        if room.closed || room.waiting.len() >= self.capacity {
            return Err(waiting);
        }
        room.waiting.push(waiting);
        self.changed.notify_all();
        Ok(())
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.room.lock().waiting.len()
    }

    /// Hands over each job when it is due, until no job is to begin any more.
    pub(crate) fn hand_over_when_due(&self, mut hand_over: impl FnMut(Job)) {
        let mut room = self.room.lock();
        while let Some(job) = self.next(&mut room) {
            room.moving = true;
            MutexGuard::unlocked(&mut room, || hand_over(job));
            room.moving = false;
            room.moved += 1;
            self.changed.notify_all();
        }
    }

    /// Waits for the next one that is due; `None` once closed.
    fn next(&self, room: &mut MutexGuard<'_, Room>) -> Option<Job> {
        while !room.closed {
            let Some(due) = room.waiting.peek().map(|waiting| waiting.due) else {
                self.changed.wait(room);
                continue;
            };
            let left = due.saturating_duration_since(clock::now());
            if left.is_zero() {
                return room.waiting.pop().map(|waiting| waiting.job);
            }
            self.changed.wait_for(room, left);
        }
        None
    }

    /// Takes out all that wait, and lets none wait any more.
    pub(crate) fn close(&self) -> Vec<Job> {
        let mut room = self.room.lock();
        room.closed = true;
        self.changed.notify_all();
        let waiting = std::mem::take(&mut room.waiting).into_vec();
        waiting.into_iter().map(|waiting| waiting.job).collect()
    }

    /// Waits until no job runs, is queued, or waits here. None must be handed over meanwhile but from
    /// here.
    pub(crate) fn wait_until_all_ended(&self, pool: &Pool) {
        let mut room = self.room.lock();
        loop {
            while !room.is_empty() {
                self.changed.wait(&mut room);
            }
            let moved = room.moved;
            // A job that is put here is running until then; so it has been seen when the pool is idle.
            MutexGuard::unlocked(&mut room, || pool.wait_idle());
            if room.is_empty() && room.moved == moved {
                return;
            }
        }
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
