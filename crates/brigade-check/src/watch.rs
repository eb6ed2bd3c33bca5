//! Tells threads that hang from threads that the machine does not let run.

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the system tells of one thread: nothing where there is no `/proc` as on Linux.
struct Pulse(Option<File>);

/// A thread that is watched: its pulse, once it has begun.
///
/// Not a `OnceLock`, which looks like a race to a thread sanitizer, in the tests of whoever uses it.
#[derive(Default)]
pub(crate) struct Watched(Mutex<Option<Arc<Pulse>>>);

impl Watched {
    /// The calling thread is the one.
    pub(crate) fn begin(&self) {
        self.lock().get_or_insert_with(Pulse::mine);
    }

    fn pulse(&self) -> Option<Arc<Pulse>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Pulse>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a thread was at when it was looked at.
struct Sample {
    /// It has or wants a core, else it is blocked.
    runnable: bool,
    /// How long it has had a core in all.
    ran: Duration,
}

impl Pulse {
    /// That of the calling thread.
    fn mine() -> Arc<Self> {
        thread_local! {
            static MINE: Arc<Pulse> = Arc::new(Pulse(File::open("/proc/thread-self/stat").ok()));
        }
        MINE.with(Arc::clone)
    }

    /// `None` also of a thread that is gone.
    fn sample(&self) -> Option<Sample> {
        let mut file = self.0.as_ref()?;
        let mut text = Vec::new();
        file.rewind().ok()?;
        file.read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text);
        // The name, in parentheses, may hold anything.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
        Some(Sample {
            runnable: fields.first() == Some(&"R"),
            ran: TICK * u32::try_from(ticks(USER_TIME)? + ticks(SYSTEM_TIME)?).ok()?,
        })
    }
}

/// The unit of times in `/proc`, on all that runs Linux today.
const TICK: Duration = Duration::from_millis(10);
/// Fields of `stat`, counted from the state.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

/// Watches threads that should get on, and says when they do not, though they could.
///
/// A thread that waits for a core does not hang, however long it waits. So each has as its time what it was blocked
/// and what it ran, and hangs when that reaches the limit. Where the system does not tell, it is the time that passes,
/// but of any delay of the watch itself only a little: then the machine is busy, or was asleep.
pub(crate) struct Watch {
    limit: Duration,
    progress: u64,
    looked: Instant,
    /// The time without progress.
    still: Duration,
    threads: Vec<Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    /// How long it had run in all at the last look, if there was one since the last progress.
    ran: Option<Duration>,
    /// The time it had since the last progress.
    had: Duration,
}

/// After so many limits without progress the threads count as hanging, whatever the system tells of them.
const PATIENCE: u32 = 30;

impl Watch {
    pub(crate) fn new(limit: Duration, threads: usize) -> Self {
        Self {
            limit,
            progress: 0,
            looked: Instant::now(),
            still: Duration::ZERO,
            threads: vec![Seen::default(); threads],
        }
    }

    /// How long to wait between two looks.
    pub(crate) fn interval(&self) -> Duration {
        (self.limit / 20).clamp(Duration::from_millis(1), Duration::from_millis(50))
    }

    /// Has a look, and says whether the threads hang: whether `progress` stays as it is though each of those that are
    /// not `idle` had the time of the limit. A thread that has no pulse yet has not begun.
    pub(crate) fn hangs(
        &mut self,
        progress: u64,
        watched: &[Watched],
        idle: impl Fn(usize) -> bool,
    ) -> bool {
        let passed = self.looked.elapsed().min(2 * self.interval());
        self.looked = Instant::now();
        if progress != self.progress {
            self.progress = progress;
            self.still = Duration::ZERO;
            self.threads.fill(Seen::default());
            return false;
        }
        self.still += passed;
        let mut all_had_time = true;
        for (thread, (seen, watched)) in self.threads.iter_mut().zip(watched).enumerate() {
            if let Some(pulse) = watched.pulse() {
                seen.look(pulse.sample(), passed);
            }
            all_had_time &= idle(thread) || seen.had >= self.limit;
        }
        all_had_time || self.still >= self.limit.saturating_mul(PATIENCE)
    }
}

impl Seen {
    fn look(&mut self, sample: Option<Sample>, passed: Duration) {
        let Some(Sample { runnable, ran }) = sample else {
            self.had += passed;
            return;
        };
        let before = self.ran.replace(ran).unwrap_or(ran);
        self.had += if runnable {
            ran.saturating_sub(before)
        } else {
            passed
        };
    }
}

/// The limit for further tries of what hung once: much longer than the runs took that did not hang, but not so long
/// as `limit`, as each try may come to it. `taken` is the time of all `runs`, the last of which hung.
pub(crate) fn shorter_limit(limit: Duration, taken: Duration, runs: u64) -> Duration {
    let passing = u32::try_from(runs.saturating_sub(1)).unwrap_or(u32::MAX);
    // Beyond the limit the watch takes a moment to see it.
    let taken = taken.saturating_sub(limit + limit / 10);
    let longer_than_most = taken.checked_div(passing).unwrap_or_default() * 50;
    let least = (limit / 10).max(Duration::from_millis(100)).min(limit);
    longer_than_most.clamp(least, limit)
}

/// How many tries of what hung once may hang again: each leaves its threads behind.
pub(crate) const FURTHER_HANGS: usize = 4;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn where_the_system_tells_nothing_it_is_the_time_without_progress_that_counts() {
        let mut watch = Watch::new(Duration::from_millis(20), 2);
        let watched = [(); 2].map(|()| Watched(Mutex::new(Some(Arc::new(Pulse(None))))));
        let mut looks = |progress| {
            let mut looks = 1;
            while !watch.hangs(progress, &watched, |thread| thread == 1) {
                thread::sleep(watch.interval());
                looks += 1;
            }
            looks
        };
        // Of one look no more counts than twice the interval, and none of that with which progress is seen.
        assert!(looks(1) > 10);
        assert!(looks(2) > 10);
    }

    #[test]
    fn tries_after_a_hang_are_short_but_much_longer_than_what_passed() {
        let (second, tenth) = (Duration::from_secs(1), Duration::from_millis(100));
        let limit = 10 * second;
        assert_eq!(shorter_limit(limit, limit, 1), second);
        assert_eq!(shorter_limit(limit, 2 * limit, 1), second);
        assert_eq!(shorter_limit(limit, limit + 11 * second, 101), 5 * second);
        assert_eq!(shorter_limit(limit, 9 * limit, 3), limit);
        assert_eq!(shorter_limit(second / 2, second, 1_000), tenth);
        assert_eq!(shorter_limit(tenth / 2, second, 1), tenth / 2);
    }
}
