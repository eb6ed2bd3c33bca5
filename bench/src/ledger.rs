//! Counting finished tasks at the same small cost for every system.

use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, PoisonError};

use crossbeam_utils::CachePadded;

/// How many threads may count at a time: more than any case starts.
const STRIPES: usize = 128;

/// A count that each thread keeps on a cache line of its own.
///
/// A task counts itself when it has run: that is the work of an "empty" task, without which a
/// compiler could see that there is none, and a system could lose tasks unnoticed. One counter for
/// all would move between the cores for each task, at the price of a task in the fastest systems: the
/// measurement would be of itself. A line that only its own thread writes needs no locked
/// instruction either: a load, an addition and a store.
pub struct Ledger {
    stripes: [CachePadded<AtomicU64>; STRIPES],
    /// Stripes that no living thread has. Their counts stay.
    free: Mutex<Vec<usize>>,
}

/// The one ledger: tasks reach it through a reference they capture.
static LEDGER: Ledger = Ledger {
    stripes: [const { CachePadded::new(AtomicU64::new(0)) }; STRIPES],
    free: Mutex::new(Vec::new()),
};

/// How many stripes were ever handed out.
static HANDED_OUT: AtomicU64 = AtomicU64::new(0);

impl Ledger {
    /// The ledger.
    pub fn open() -> &'static Self {
        &LEDGER
    }

    /// Counts one task, on the line of the thread that ran it.
    #[inline]
    pub fn count(&self) {
        STRIPE.with(|stripe| {
            let count = &self.stripes[stripe.number()];
            count.store(count.load(Relaxed) + 1, Release);
        });
    }

    /// How many tasks were counted, ever.
    pub fn total(&self) -> u64 {
        let handed_out = HANDED_OUT.load(Acquire) as usize;
        self.stripes[..handed_out.min(STRIPES)]
            .iter()
            .map(|count| count.load(Acquire))
            .sum()
    }

    fn hand_out(&self) -> usize {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop().unwrap_or_else(|| {
            let number = HANDED_OUT.fetch_add(1, Relaxed) as usize;
            assert!(number < STRIPES, "more threads count than were thought of");
            number
        })
    }

    fn take_back(&self, number: usize) {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(number);
    }
}

thread_local! {
    static STRIPE: Stripe = const { Stripe(Cell::new(NONE)) };
}

/// The stripe of a thread, which returns when the thread ends.
struct Stripe(Cell<usize>);

const NONE: usize = usize::MAX;

impl Stripe {
    #[inline]
    fn number(&self) -> usize {
        if self.0.get() == NONE {
            self.0.set(LEDGER.hand_out());
        }
        self.0.get()
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        if self.0.get() != NONE {
            LEDGER.take_back(self.0.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_threads_add_up_and_outlive_them() {
        let ledger = Ledger::open();
        let before = ledger.total();
        for _ in 0..STRIPES {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..100).for_each(|_| ledger.count()));
                }
            });
        }
        assert_eq!(ledger.total() - before, STRIPES as u64 * 400);
    }
}
