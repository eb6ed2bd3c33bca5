//! Several locks at once, in no order that could be wrong.

use std::hint::black_box;
use std::time::{Duration, Instant};

use brigade::lock::lock_all;
use crossbeam_utils::CachePadded;
use happylock::ThreadKey;
use happylock::collection::RefLockCollection;

use crate::batch::typical;

use super::systems::Mutex;
use super::work::{LOCKS, padded};

/// Mutexes of which `N` can be taken together, given in any order.
pub(super) trait TogetherTaken<const N: usize>: Mutex {
    /// Takes the locks and does `work` with each number.
    fn with_all(locks: [&Self; N], key: &mut Self::Key, work: impl FnMut(&mut u64));
}

/// Implements the trait for tuples of `N` locks, which need no memory for their guards.
macro_rules! brigade {
    ($count:literal, $($lock:ident),+) => {
        impl TogetherTaken<$count> for brigade::lock::Mutex<u64> {
            #[inline(always)]
            fn with_all([$($lock),+]: [&Self; $count], (): &mut (), mut work: impl FnMut(&mut u64)) {
                let ($(mut $lock,)+) = lock_all(($($lock,)+)).expect("they are different locks");
                $(work(&mut $lock);)+
            }
        }
    };
}

brigade!(2, first, second);
brigade!(4, first, second, third, fourth);

/// Implements the trait for a system without such an operation: what a careful user writes by hand.
macro_rules! by_hand {
    ($mutex:ty, |$lock:ident| $guard:expr) => {
        impl<const N: usize> TogetherTaken<N> for $mutex {
            #[inline(always)]
            fn with_all(mut locks: [&Self; N], (): &mut (), mut work: impl FnMut(&mut u64)) {
                locks.sort_unstable_by_key(|lock| std::ptr::from_ref(*lock).addr());
                let twice = locks.windows(2).any(|pair| std::ptr::eq(pair[0], pair[1]));
                assert!(!twice, "they are different locks");
                for mut guard in locks.map(|$lock| $guard) {
                    work(&mut guard);
                }
            }
        }
    };
}

by_hand!(parking_lot::Mutex<u64>, |lock| lock.lock());
by_hand!(std::sync::Mutex<u64>, |lock| lock
    .lock()
    .unwrap_or_else(std::sync::PoisonError::into_inner));

/// The locks are made a collection, which is what sorts them, for each operation: as for the others, which
/// ones are to be taken is known only then.
impl<const N: usize> TogetherTaken<N> for happylock::Mutex<u64> {
    #[inline(always)]
    fn with_all(locks: [&Self; N], key: &mut ThreadKey, work: impl FnMut(&mut u64)) {
        let collection = RefLockCollection::try_new(&locks).expect("they are different locks");
        collection.scoped_lock(key, |numbers| numbers.into_iter().for_each(work));
    }
}

/// Operations between two looks at the clock.
const BATCH: u64 = 5_000;

/// One operation: taking `N` mutexes and releasing them.
pub(super) fn taken<const N: usize, M: TogetherTaken<N>>(slice: Duration) -> Vec<f64> {
    #[inline(never)]
    fn run<const N: usize, M: TogetherTaken<N>>(
        locks: &[CachePadded<M>; LOCKS],
        key: &mut M::Key,
    ) -> Duration {
        let began = Instant::now();
        for turn in 0..BATCH as usize {
            // Different ones, not in the order of their addresses.
            let chosen = std::array::from_fn(|place| &*locks[(turn * 7 + place * 5) % LOCKS]);
            M::with_all(chosen, key, |number| *number = black_box(*number + 1));
        }
        began.elapsed()
    }

    let (locks, mut key) = (padded(|| M::named("account")), M::key());
    vec![typical(slice, BATCH, || run(&locks, &mut key))]
}
