//! Every interleaving of computing, failing and waiting, for small cases: `--cfg loom`.

use std::future::Future;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use loom::thread;

use super::{ComputeError, OnceMap};

/// Without a hash of chance: a model must do the same each time.
type Map = OnceMap<u8, usize, BuildHasherDefault<DefaultHasher>>;

struct Model {
    map: Map,
    computing: AtomicUsize,
    computed: AtomicUsize,
}

/// What a computation does.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Succeed,
    Fail,
    Panic,
}

impl Model {
    fn new(map: Map) -> Arc<Self> {
        Arc::new(Self {
            map,
            computing: AtomicUsize::new(0),
            computed: AtomicUsize::new(0),
        })
    }

    fn unbounded() -> Arc<Self> {
        Self::new(Map::with_hasher("model", BuildHasherDefault::default()))
    }

    fn compute(&self, fate: Fate) -> Result<usize, ()> {
        let others = self.computing.fetch_add(1, Relaxed);
        assert_eq!(others, 0, "one at a time");
        thread::yield_now();
        self.computing.fetch_sub(1, Relaxed);
        match fate {
            Fate::Succeed => Ok(self.computed.fetch_add(1, Relaxed)),
            Fate::Fail => Err(()),
            Fate::Panic => resume_unwind(Box::new(())),
        }
    }

    fn get(&self, fate: Fate) {
        let compute = || self.compute(fate);
        let got = catch_unwind(AssertUnwindSafe(|| self.map.try_get_or_compute(1, compute)));
        match got {
            Ok(Ok(value)) => assert_eq!(value, 0, "the first value that was computed"),
            Ok(Err(error)) => assert!(fate == Fate::Fail && error == ComputeError::Failed(())),
            Err(_) => assert!(fate == Fate::Panic),
        }
    }

    /// Gets with a time that is over at once.
    fn get_now(&self) -> Option<usize> {
        let got = self
            .map
            .try_get_or_compute_timeout(1, Duration::ZERO, || self.compute(Fate::Succeed));
        match got {
            Ok(value) => Some(value),
            Err(ComputeError::TimedOut { .. }) => None,
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn explore(model: impl Fn() + Send + Sync + 'static) {
    loom::model(model);
}

fn race(fates: [Fate; 2]) {
    explore(move || {
        let model = Model::unbounded();
        let other = Arc::clone(&model);
        let thread = thread::spawn(move || other.get(fates[1]));
        model.get(fates[0]);
        thread.join().unwrap();
        let succeeds = fates.contains(&Fate::Succeed);
        assert_eq!(model.computed.load(Relaxed), usize::from(succeeds));
        assert_eq!(model.map.get(&1), succeeds.then_some(0));
    });
}

#[test]
fn two_callers_compute_once() {
    race([Fate::Succeed, Fate::Succeed]);
}

#[test]
fn a_failure_wakes_who_waits() {
    race([Fate::Fail, Fate::Succeed]);
}

#[test]
fn a_panic_wakes_who_waits() {
    race([Fate::Panic, Fate::Succeed]);
}

#[test]
fn two_failures_leave_nothing() {
    race([Fate::Fail, Fate::Panic]);
}

#[test]
fn a_failure_wakes_all_of_two_who_wait() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let model = Model::unbounded();
        let threads = [Fate::Fail, Fate::Succeed].map(|fate| {
            let model = Arc::clone(&model);
            thread::spawn(move || model.get(fate))
        });
        model.get(Fate::Succeed);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(model.computed.load(Relaxed), 1);
    });
}

#[test]
fn who_gives_up_waiting_takes_nothing_from_the_others() {
    explore(|| {
        let model = Model::unbounded();
        let other = Arc::clone(&model);
        let thread = thread::spawn(move || other.get(Fate::Fail));
        let got = model.get_now();
        thread.join().unwrap();
        assert_eq!(got, model.map.get(&1), "it was computed, or given up");
        model.get(Fate::Succeed);
        assert_eq!(model.map.len(), 1);
    });
}

/// Notes that it was woken.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn a_future_that_is_pending_will_be_woken() {
    explore(|| {
        let model = Model::unbounded();
        let other = Arc::clone(&model);
        let thread = thread::spawn(move || other.get(Fate::Fail));
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(model.map.get_or_compute_async(1, async { 0 }));
        let first = future.as_mut().poll(&mut context);
        thread.join().unwrap();
        if first.is_pending() {
            assert!(
                woken.0.load(Relaxed),
                "it is polled once, and not again until it is woken"
            );
            assert_eq!(future.as_mut().poll(&mut context), Poll::Ready(Ok(0)));
        }
        assert_eq!(model.map.get(&1), Some(0));
    });
}

#[test]
fn what_is_forgotten_in_the_midst_is_not_kept() {
    explore(|| {
        let model = Model::unbounded();
        let other = Arc::clone(&model);
        let thread = thread::spawn(move || other.map.get_or_compute(1, || 7).unwrap());
        let forgotten = model.map.forget(&1);
        assert_eq!(thread.join().unwrap(), 7);
        assert_eq!(model.map.get(&1), (!forgotten).then_some(7));
    });
}

#[test]
fn a_bound_holds_while_two_compute() {
    explore(|| {
        let map = Map::bounded_with_hasher(1, "model", BuildHasherDefault::default());
        let model = Model::new(map);
        let other = Arc::clone(&model);
        let thread = thread::spawn(move || other.map.get_or_compute(1, || 1).unwrap());
        model.map.get_or_compute(2, || 2).unwrap();
        assert!(model.map.len() <= 1);
        thread.join().unwrap();
        assert_eq!(model.map.len(), 1);
    });
}
