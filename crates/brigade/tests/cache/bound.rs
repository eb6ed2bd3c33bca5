//! The bound holds at every moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

use brigade::cache::{Cache, CacheBuildError};

#[test]
fn a_cache_never_holds_more_entries_than_its_capacity() {
    for capacity in [1, 2, 7, 100, 1_001] {
        let cache = Cache::builder("small").capacity(capacity).build().unwrap();
        for key in 0..5_000_u64 {
            assert_eq!(cache.get_or_compute(key, |key| key * 2).unwrap(), key * 2);
            assert!(cache.len() as u64 <= capacity);
        }
        let metrics = cache.metrics();
        assert_eq!(
            metrics.evictions + metrics.entries as u64,
            5_000,
            "{capacity}: {metrics}"
        );
        assert!(metrics.entries as u64 >= capacity * 3 / 4, "{metrics}");
    }
}

#[test]
fn the_bound_holds_while_threads_load() {
    let cache = Cache::builder("busy").capacity(64).build().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watches = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(SeqCst) || looks == 0 {
                assert!(cache.len() <= 64);
                looks += 1;
            }
        });
        let loads: Vec<_> = (0..3_u64)
            .map(|seed| {
                let cache = &cache;
                scope.spawn(move || {
                    for round in 0..5_000 {
                        let key = (round * 31 + seed * 17) % 500;
                        assert_eq!(cache.get_or_compute(key, |key| *key).unwrap(), key);
                    }
                })
            })
            .collect();
        loads.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, SeqCst);
        watches.join().unwrap();
    });
    assert!(cache.metrics().evictions > 0);
}

#[test]
fn a_cache_bounded_by_weight_keeps_within_it() {
    let weigh = |_: &u32, text: &String| text.len() as u64;
    let cache = Cache::builder("texts")
        .weight_capacity(100, weigh)
        .build()
        .unwrap();
    for key in 0..200_u32 {
        cache
            .get_or_compute(key, |key| "x".repeat(*key as usize % 20))
            .unwrap();
        assert!(cache.metrics().weight <= 100);
    }
    assert!(!cache.is_empty());
    let heavy = cache.get_or_compute(999, |_| "x".repeat(101)).unwrap();
    assert_eq!(
        (heavy.len(), cache.get(&999)),
        (101, None),
        "returned, but not kept"
    );
}

#[test]
fn values_may_use_the_cache_when_they_are_dropped() {
    struct Selfish(Option<Arc<Cache<u32, Arc<Selfish>>>>, Arc<AtomicU64>);
    impl Drop for Selfish {
        fn drop(&mut self) {
            if let Some(cache) = self.0.take() {
                cache.invalidate(&1_000);
                self.1.fetch_add(1, SeqCst);
            }
        }
    }
    let dropped = Arc::new(AtomicU64::new(0));
    let cache = Arc::new(Cache::builder("selfish").capacity(4).build().unwrap());
    for key in 0..20 {
        let load = |_: &u32| Arc::new(Selfish(Some(Arc::clone(&cache)), Arc::clone(&dropped)));
        drop(cache.get_or_compute(key, load).unwrap());
    }
    assert_eq!(dropped.load(SeqCst) + cache.len() as u64, 20);
    cache.clear();
    assert_eq!(dropped.load(SeqCst), 20);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let pool = Arc::new(brigade::Pool::builder("pool").workers(1).build().unwrap());
    let builder = || Cache::<u32, u32>::builder("odd").capacity(1);
    let refresh = |after| builder().refresh_ahead(Arc::clone(&pool), after, |key| Ok(*key));
    let hour = std::time::Duration::from_secs(3_600);
    let problems = [
        (builder().capacity(0).build(), "no capacity"),
        (refresh(0.5).build(), "set a time to live"),
        (refresh(1.0).time_to_live(hour).build(), "less than 1"),
        (refresh(f64::NAN).time_to_live(hour).build(), "less than 1"),
    ];
    for (built, expected) in problems {
        let error = built.unwrap_err();
        assert!(
            matches!(&error, CacheBuildError::Invalid { problem, .. } if problem.contains(expected))
        );
        assert!(error.to_string().starts_with("cache `odd`"));
    }
    assert!(refresh(0.0).time_to_live(hour).build().is_ok());
}
