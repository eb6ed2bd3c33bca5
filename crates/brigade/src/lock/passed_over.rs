//! Readers that writers pass over.
//!
//! A writer that releases a lock and wants it again is faster than a reader that must wake up first. So that readers
//! get their turn, writers that release a lock count how often it has passed those who wait to read it; when that was
//! often enough, the lock is handed over, to whoever has waited longest, until a reader has had it.
//!
//! Locks have no room for this. What waits is counted in slots, by where a lock lies; two locks of one slot only
//! cause each other to be handed over more often than need be. Nothing is ordered by these counts, so all operations
//! are `Relaxed`; they are std's under the model checkers too, which do not see the locks they are about.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

/// So many writers may have a lock while readers wait for it; then it is handed over.
///
/// A handover costs a switch of threads. One in so many costs writers little, and readers wait for few turns.
const MOST: usize = 4;

struct Slot {
    /// So many threads wait to read.
    waiting: AtomicUsize,
    /// How many writers have released a lock since a reader that waited got one.
    passed: AtomicUsize,
}

const SLOTS: usize = 64;
static ALL: [CachePadded<Slot>; SLOTS] = [const {
    CachePadded::new(Slot {
        waiting: AtomicUsize::new(0),
        passed: AtomicUsize::new(0),
    })
}; SLOTS];

fn slot(address: usize) -> &'static Slot {
    // Locks lie at multiples of eight, and often several of them in one structure.
    &ALL[(address >> 3) % SLOTS]
}

/// Waits to read the lock at this address.
pub(crate) fn wait_to_read<G>(address: usize, wait: impl FnOnce() -> Option<G>) -> Option<G> {
    let slot = slot(address);
    slot.waiting.fetch_add(1, Relaxed);
    let guard = wait();
    slot.waiting.fetch_sub(1, Relaxed);
    if guard.is_some() {
        slot.passed.store(0, Relaxed);
    }
    guard
}

/// True if a writer that releases the lock should hand it to whoever has waited longest.
#[inline(always)]
pub(crate) fn is_due(address: usize) -> bool {
    let slot = slot(address);
    slot.waiting.load(Relaxed) > 0 && slot.passed.fetch_add(1, Relaxed) >= MOST
}
