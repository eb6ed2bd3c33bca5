//! When a thread lets others have a lock before it takes it again.

use crate::primitive::atomic::{AtomicU64, Ordering::Relaxed};
use crate::primitive::now;

/// How often a thread releases locks; used by that thread alone.
pub(crate) struct Turns {
    releases: AtomicU64,
    /// When it last let others go first, in nanoseconds.
    let_others_at: AtomicU64,
}

/// The clock is looked at for one release in so many.
const LOOK: u64 = 64;
/// So long a thread may take a lock again and again before others that wait for it (nanoseconds).
const LONG: u64 = 500_000;

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            releases: AtomicU64::new(0),
            let_others_at: AtomicU64::new(0),
        }
    }

    /// True if the lock that is being released should be handed to whoever has waited longest for it: now and then, so
    /// that a thread that takes a lock again and again does not keep others from it for ever. Not each time, for that
    /// would mean a switch of threads for every lock. Idea: `parking_lot` 0.12 (its later versions leave it to others).
    #[inline(always)]
    pub(crate) fn let_others(&self) -> bool {
        let releases = self.releases.load(Relaxed).wrapping_add(1);
        self.releases.store(releases, Relaxed);
        releases.is_multiple_of(LOOK) && self.has_hogged()
    }

    #[cold]
    fn has_hogged(&self) -> bool {
        let now = now();
        let hogged = now.saturating_sub(self.let_others_at.load(Relaxed)) >= LONG;
        if hogged {
            self.let_others_at.store(now, Relaxed);
        }
        hogged
    }
}
