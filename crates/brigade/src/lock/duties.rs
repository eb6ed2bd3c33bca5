//! What others may wait for that only certain threads can do.

use crate::primitive::atomic::{AtomicUsize, Ordering::Relaxed};

/// So many duties of a thread are known, one inside the other.
const MOST: usize = if cfg!(any(loom, shuttle)) { 2 } else { 16 };

/// The duties of one thread: addresses of the pool whose worker it is, of the tasks that it runs, of the keys that it
/// computes.
///
/// Invariant: the first `depth` slots are what was begun and is not done. Written and read as the rest of the
/// [`Record`](super::held::Record), so `Relaxed` suffices. Those beyond the slots are counted but not known: nobody
/// who waits for one is told of a deadlock.
pub(crate) struct Duties {
    depth: AtomicUsize,
    slots: [AtomicUsize; MOST],
}

impl Duties {
    pub(crate) fn new() -> Self {
        Self {
            depth: AtomicUsize::new(0),
            slots: std::array::from_fn(|_| AtomicUsize::new(0)),
        }
    }

    /// Notes that others may wait until the thread has done this.
    #[inline]
    pub(crate) fn begin(&self, duty: usize) {
        let depth = self.depth.load(Relaxed);
        if let Some(slot) = self.slots.get(depth) {
            slot.store(duty, Relaxed);
        }
        self.depth.store(depth + 1, Relaxed);
    }

    /// Notes that the duty that was begun last is done.
    #[inline]
    pub(crate) fn end(&self) {
        self.depth.store(self.depth.load(Relaxed) - 1, Relaxed);
    }

    /// True if the thread is known to have this to do.
    pub(crate) fn include(&self, duty: usize) -> bool {
        let begun = self.slots.iter().take(self.depth.load(Relaxed));
        begun.into_iter().any(|slot| slot.load(Relaxed) == duty)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.depth.load(Relaxed) == 0
    }

    pub(crate) fn clear(&self) {
        self.depth.store(0, Relaxed);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{Duties, MOST};

    #[test]
    fn what_was_begun_last_is_done_first() {
        let duties = Duties::new();
        assert!(duties.is_empty());
        duties.begin(1);
        duties.begin(2);
        assert!(duties.include(1) && duties.include(2) && !duties.include(3));
        duties.end();
        assert!(duties.include(1) && !duties.include(2) && !duties.is_empty());
        duties.end();
        assert!(duties.is_empty() && !duties.include(1));
    }

    #[test]
    fn those_beyond_the_slots_are_counted() {
        let duties = Duties::new();
        (1..=MOST + 2).for_each(|duty| duties.begin(duty));
        assert!(duties.include(MOST) && !duties.include(MOST + 1));
        duties.end();
        duties.end();
        assert!(duties.include(MOST));
        duties.end();
        assert!(!duties.include(MOST) && duties.include(1));
    }

    #[test]
    fn all_are_cleared_at_once() {
        let duties = Duties::new();
        duties.begin(1);
        duties.begin(2);
        duties.clear();
        assert!(duties.is_empty() && !duties.include(1));
    }
}
