//! What counts for how long, on a clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use brigade::Pool;
use brigade::cache::{Cache, CacheBuilder, ComputeError};
use brigade::lock::Mutex;
use brigade::pool::Shutdown;

use super::gate::Gate;
use super::until::until;

/// Seconds that have passed.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, SeqCst);
    }

    fn builder(&self) -> CacheBuilder<u32, u64, &'static str> {
        let (start, passed) = (Instant::now(), Arc::clone(&self.0));
        let now = move || start + Duration::from_secs(passed.load(SeqCst));
        Cache::builder("timed").capacity(100).clock(now)
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_value_counts_until_its_time_is_over() {
    let clock = Clock::default();
    let cache = clock.builder().time_to_live(MINUTE).build().unwrap();
    assert_eq!(cache.get_or_load(1, |_| Ok(1)), Ok(1));
    clock.advance(59);
    assert_eq!(cache.get_or_load(1, |_| Ok(2)), Ok(1));
    clock.advance(1);
    assert_eq!(cache.get(&1), None);
    assert_eq!(cache.get_or_load(1, |_| Ok(3)), Ok(3));
    clock.advance(59);
    assert_eq!(cache.get(&1), Some(3), "its time began with its load");
    assert_eq!(
        (cache.len(), cache.metrics().evictions),
        (1, 0),
        "replaced, not evicted"
    );
}

#[test]
fn without_a_time_to_live_nothing_expires() {
    let clock = Clock::default();
    let cache = clock.builder().build().unwrap();
    assert_eq!(cache.get_or_load(1, |_| Ok(1)), Ok(1));
    clock.advance(1 << 30);
    assert_eq!(cache.get(&1), Some(1));
}

#[test]
fn errors_are_kept_for_a_time_of_their_own_if_wanted() {
    let clock = Clock::default();
    let builder = clock.builder().time_to_live(MINUTE);
    let cache = builder.keep_errors(Duration::from_secs(5)).build().unwrap();
    let failed = Err(ComputeError::Failed("gone"));
    assert_eq!(cache.get_or_load(1, |_| Err("gone")), failed);
    clock.advance(4);
    assert_eq!(
        cache.get_or_load(1, |_| Ok(1)),
        failed,
        "nothing was loaded"
    );
    assert_eq!(cache.get(&1), None);
    assert_eq!(
        cache.get_many([1], |_| unreachable!()),
        Err(ComputeError::Failed("gone"))
    );
    clock.advance(1);
    assert_eq!(cache.get_or_load(1, |_| Ok(2)), Ok(2));
    clock.advance(59);
    assert_eq!(cache.get(&1), Some(2), "a value has a value's time");
    assert_eq!(cache.metrics().loads, 2);
}

struct Refreshing {
    clock: Clock,
    pool: Arc<Pool>,
    cache: Cache<u32, u64, &'static str>,
}

/// A cache that refreshes after half a minute; loads of key 1 succeed with the seconds that have passed, others fail.
fn refreshing() -> Refreshing {
    let clock = Clock::default();
    let pool = Pool::builder("refresh")
        .workers(1)
        .queue_capacity(1)
        .build();
    let pool = Arc::new(pool.unwrap());
    let passed = Arc::clone(&clock.0);
    let load = move |key: &u32| {
        if *key == 1 {
            Ok(passed.load(SeqCst))
        } else {
            Err("gone")
        }
    };
    let builder = clock.builder().time_to_live(MINUTE);
    let cache = builder.refresh_ahead(Arc::clone(&pool), 0.5, load).build();
    Refreshing {
        clock,
        pool,
        cache: cache.unwrap(),
    }
}

#[test]
fn a_hot_value_is_refreshed_once_while_its_callers_get_the_old_one() {
    let Refreshing { clock, pool, cache } = refreshing();
    cache.get_or_load(1, |_| Ok(1_000)).unwrap();
    let unused = |_: &u32| -> Result<u64, &'static str> { unreachable!("it is there") };
    clock.advance(29);
    assert_eq!(
        (cache.get_or_load(1, unused), cache.metrics().refreshes),
        (Ok(1_000), 0)
    );
    clock.advance(1);
    let gate = Gate::shut(&pool);
    for _ in 0..10 {
        assert_eq!(cache.get_or_load(1, unused), Ok(1_000));
    }
    assert_eq!(
        pool.metrics().queued,
        1,
        "one refresh, and no caller waits for it"
    );
    drop(gate);
    until(|| cache.get(&1) == Some(30));
    assert_eq!(cache.metrics().refreshes, 1);
    clock.advance(29);
    assert_eq!(
        cache.get_or_load(1, unused),
        Ok(30),
        "it would have expired"
    );
}

#[test]
fn a_refresh_that_fails_leaves_the_value_to_its_time() {
    let Refreshing { clock, pool, cache } = refreshing();
    cache.get_or_load(2, |_| Ok(5)).unwrap();
    clock.advance(40);
    let unused = |_: &u32| -> Result<u64, &'static str> { unreachable!("it is there") };
    assert_eq!(cache.get_or_load(2, unused), Ok(5));
    until(|| cache.metrics().load_failures == 1);
    assert_eq!(cache.get_or_load(2, unused), Ok(5));
    drop(pool.shutdown(Shutdown::drain()));
    assert_eq!(cache.metrics().refreshes, 1, "it is not repeated");
    clock.advance(20);
    assert_eq!(cache.get_or_load(2, |_| Ok(6)), Ok(6));
}

#[test]
fn a_refresh_that_the_pool_refuses_is_left_to_a_later_caller() {
    let Refreshing { clock, pool, cache } = refreshing();
    cache.get_or_load(1, |_| Ok(1_000)).unwrap();
    clock.advance(30);
    let gate = Gate::shut(&pool);
    pool.try_execute(|| ()).unwrap();
    assert_eq!(
        cache.get_or_load(1, |_| Ok(0)),
        Ok(1_000),
        "the queue is full"
    );
    drop(gate);
    until(|| pool.metrics().queued == 0);
    until(|| cache.get_or_load(1, |_| Ok(0)) == Ok(30));
    assert_eq!(cache.metrics().refreshes, 1);
}

#[test]
fn what_is_invalidated_while_it_is_refreshed_is_not_kept() {
    let (clock, pool) = (
        Clock::default(),
        Pool::builder("refresh").workers(1).build(),
    );
    let (inside, entered) = channel();
    let (go_on, told) = channel();
    let ends = Mutex::new((inside, told));
    let load = move |_: &u32| {
        let (inside, told) = &*ends.lock();
        inside.send(()).unwrap();
        told.recv().map_err(|_| "nobody waits")
    };
    let builder = clock.builder().time_to_live(MINUTE);
    let pool = Arc::new(pool.unwrap());
    let cache = builder
        .refresh_ahead(Arc::clone(&pool), 0.5, load)
        .build()
        .unwrap();
    cache.get_or_load(1, |_| Ok(1_000)).unwrap();
    clock.advance(30);
    assert_eq!(cache.get_or_load(1, |_| Ok(0)), Ok(1_000));
    entered.recv().unwrap();
    cache.invalidate(&1);
    go_on.send(2_000).unwrap();
    let report = pool.shutdown(Shutdown::drain());
    assert_eq!(report.completed, 1);
    assert_eq!((cache.get(&1), cache.metrics().load_failures), (None, 0));
}
