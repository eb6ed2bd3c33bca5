//! When a thread lets others have a lock before it takes it again.

use crate::primitive::atomic::{AtomicU64, Ordering::Relaxed};
use crate::primitive::now;

/// How often a thread releases locks; used by that thread alone.
pub(crate) struct Turns {
    /// Releases until the clock is looked at.
    left: AtomicU64,
    /// How many there were to be when it was looked at last, and when that was, in nanoseconds.
    stride: AtomicU64,
    looked_at: AtomicU64,
    /// When it last let others go first.
    let_others_at: AtomicU64,
}

/// The clock is looked at for one release in so many, if they follow each other fast;
const STRIDE: u64 = 64;
/// for each one if on average so much time lies between them (nanoseconds): then that costs nothing, and others would
/// wait for many long turns.
const SLOW: u64 = 16_000;
/// So long a thread may take a lock again and again before others that wait for it (nanoseconds).
const LONG: u64 = 500_000;

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            left: AtomicU64::new(STRIDE),
            stride: AtomicU64::new(STRIDE),
            looked_at: AtomicU64::new(0),
            let_others_at: AtomicU64::new(0),
        }
    }

    /// True if the lock that is being released should be handed to whoever has waited longest for it: now and then, so
    /// that a thread that takes a lock again and again does not keep others from it for ever. Not each time, for that
    /// would mean a switch of threads for every lock. Idea: `parking_lot` 0.12 (its later versions leave it to others).
    #[inline(always)]
    pub(crate) fn let_others(&self) -> bool {
        let left = self.left.load(Relaxed).wrapping_sub(1);
        self.left.store(left, Relaxed);
        left == 0 && self.has_hogged()
    }

    #[cold]
    fn has_hogged(&self) -> bool {
        let now = now();
        let since = |moment: &AtomicU64| now.saturating_sub(moment.load(Relaxed));
        let is_slow = since(&self.looked_at) >= SLOW * self.stride.load(Relaxed);
        let stride = if is_slow { 1 } else { STRIDE };
        self.left.store(stride, Relaxed);
        self.stride.store(stride, Relaxed);
        self.looked_at.store(now, Relaxed);
        let hogged = since(&self.let_others_at) >= LONG;
        if hogged {
            self.let_others_at.store(now, Relaxed);
        }
        hogged
    }
}
