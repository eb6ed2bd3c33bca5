//! What a schedule costs: two threads with three operations each on a stack under a mutex.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use brigade_check::linearizable;
use lincheck::ConcurrentSpec;
use lincheck::scenario::{Scenario, check_scenario_with_loom};
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, FailurePersistence, Runner};

use super::subjects::Access::{self, Pop, Push};
use super::subjects::{Items, Subject, of_loom, of_shuttle};

/// The scenario of those whose scenarios are not their own affair.
const THREADS: [[Access; 3]; 2] = [[Push(1), Pop, Push(2)], [Push(3), Pop, Pop]];

/// One operation: a schedule, of 100 for each of ten scenarios; run, written down, and held against the model.
pub(super) fn by_brigade_check(slice: Duration) -> Vec<f64> {
    repeat(slice, || {
        let check = linearizable::<Items>().scenarios(10).explore();
        let check = check.generate(|rng| if rng.bool() { Push(rng.u8(..)) } else { Pop });
        let report = check.check(of_shuttle::Stack::default, of_shuttle::Stack::apply);
        report.expect("the stack is right").runs
    })
}

/// One operation: an execution of loom's, of all that it deems different; run, written down, and held against the
/// model.
pub(super) fn by_lincheck(slice: Duration) -> Vec<f64> {
    /// Things made, which is one an execution.
    static MADE: AtomicU64 = AtomicU64::new(0);
    struct Counted(of_loom::Stack);
    impl Default for Counted {
        fn default() -> Self {
            MADE.fetch_add(1, Relaxed);
            Self(of_loom::Stack::default())
        }
    }
    impl ConcurrentSpec for Counted {
        type Seq = Items;
        fn exec(&self, access: Access) -> Option<u8> {
            self.0.apply(&access)
        }
    }

    repeat(slice, || {
        let before = MADE.load(Relaxed);
        let scenario = Scenario {
            init_part: Vec::new(),
            parallel_part: THREADS.map(Vec::from).into(),
            post_part: Vec::new(),
        };
        check_scenario_with_loom::<Counted>(scenario).expect("the stack is right");
        MADE.load(Relaxed) - before
    })
}

/// One operation: a schedule of shuttle's random scheduler and nothing else: what is returned is neither written down
/// nor looked at.
pub(super) fn by_shuttle(slice: Duration) -> Vec<f64> {
    const SCHEDULES: usize = 1_000;
    repeat(slice, || {
        let mut config = Config::new();
        config.failure_persistence = FailurePersistence::None;
        let schedules = Runner::new(RandomScheduler::new(SCHEDULES), config).run(|| {
            let stack = Arc::new(of_shuttle::Stack::default());
            let threads = THREADS.map(|accesses| {
                let stack = Arc::clone(&stack);
                shuttle::thread::spawn(move || {
                    for access in &accesses {
                        stack.apply(access);
                    }
                })
            });
            for thread in threads {
                thread.join().unwrap();
            }
        });
        assert_eq!(schedules, SCHEDULES);
        schedules as u64
    })
}

/// Runs schedules for `slice`, after some that warm up; the nanoseconds of one.
fn repeat(slice: Duration, run: impl Fn() -> u64) -> Vec<f64> {
    run();
    let began = Instant::now();
    let mut schedules = 0;
    while began.elapsed() < slice {
        schedules += run();
    }
    vec![began.elapsed().as_nanos() as f64 / schedules as f64]
}
