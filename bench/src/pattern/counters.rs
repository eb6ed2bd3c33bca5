//! One count that one thread, or several at once, add to.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::batch::typical;
use crate::contention;

/// Additions between two looks at the clock.
const BATCH: u64 = 20_000;

/// A count.
pub(super) trait Count: Default + Send + Sync + 'static {
    /// The system's stable name.
    const NAME: &'static str;
    /// Adds to it.
    fn add(&self, amount: u64);
    /// What was added in all.
    fn sum(&self) -> u64;
}

impl Count for brigade::Counter {
    const NAME: &'static str = crate::REFERENCE;

    #[inline(always)]
    fn add(&self, amount: u64) {
        Self::add(self, amount);
    }

    fn sum(&self) -> u64 {
        Self::sum(self)
    }
}

impl Count for AtomicU64 {
    const NAME: &'static str = "atomic";

    #[inline(always)]
    fn add(&self, amount: u64) {
        self.fetch_add(amount, Relaxed);
    }

    fn sum(&self) -> u64 {
        self.load(Relaxed)
    }
}

/// `parking_lot`'s, which both is smaller than std's and lets threads that contend be faster.
impl Count for parking_lot::Mutex<u64> {
    const NAME: &'static str = "mutex";

    #[inline(always)]
    fn add(&self, amount: u64) {
        *self.lock() += amount;
    }

    fn sum(&self) -> u64 {
        *self.lock()
    }
}

/// So many additions, none of which a compiler may put together with the next.
#[inline(always)]
fn add<C: Count>(count: &C, times: u64) {
    for _ in 0..times {
        count.add(black_box(1));
    }
}

/// One operation: an addition, by the only thread.
pub(super) fn alone<C: Count>(slice: Duration) -> Vec<f64> {
    #[inline(never)]
    fn run<C: Count>(count: &C) -> Duration {
        let began = Instant::now();
        add(count, BATCH);
        began.elapsed()
    }

    let count = CachePadded::new(C::default());
    let mut batches = 0;
    let sample = typical(slice, BATCH, || {
        batches += 1;
        run(&*count)
    });
    assert_eq!(count.sum(), batches * BATCH, "no addition is lost");
    vec![sample]
}

/// One operation: an addition, by any of so many threads at once, which do nothing else.
pub(super) fn contended<C: Count>(threads: usize, slice: Duration) -> Vec<f64> {
    /// Additions that are one for [`contention`], whose looks at the clock would otherwise be a part of the time.
    const TOGETHER: u64 = 32;

    #[inline(never)]
    fn run<C: Count>(count: &C, state: u64) -> u64 {
        add(count, TOGETHER * contention::BATCH);
        state
    }

    let count = CachePadded::new(C::default());
    let mut sample = contention::throughput(threads, slice, || (), |(), state| run(&*count, state));
    let added = count.sum();
    assert!(
        added > 0 && added.is_multiple_of(TOGETHER * contention::BATCH),
        "no addition is lost"
    );
    sample.iter_mut().for_each(|time| *time /= TOGETHER as f64);
    sample
}
