//! Operations that wait: those that rightly do so for ever, and those that hang.
#![cfg(feature = "explore")]

use std::sync::{Condvar as RealCondvar, Mutex};
use std::time::Duration;

use brigade_check::{Failure, Kind, Linearizable, Model, linearizable, point};
use shuttle::sync::{Condvar, Mutex as ExploredMutex};

/// A semaphore with one permit, that starts with none.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Permits(u32);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Use {
    Acquire,
    Release,
}

impl Model for Permits {
    type Operation = Use;
    type Outcome = ();

    fn apply(&mut self, operation: &Use) {
        match operation {
            Use::Acquire => self.0 -= 1,
            Use::Release => self.0 += 1,
        }
    }

    fn is_ready(&self, operation: &Use) -> bool {
        *operation == Use::Release || self.0 > 0
    }
}

#[derive(Default)]
struct Semaphore {
    permits: ExploredMutex<u32>,
    released: Condvar,
}

impl Semaphore {
    fn acquire(&self) {
        let mut permits = self.permits.lock().unwrap();
        while *permits == 0 {
            permits = self.released.wait(permits).unwrap();
        }
        *permits -= 1;
    }

    fn release(&self, notify: bool) {
        *self.permits.lock().unwrap() += 1;
        if notify {
            self.released.notify_one();
        }
    }
}

fn permits() -> Linearizable<Permits> {
    let generate = |rng: &mut brigade_check::Rng| {
        if rng.bool() {
            Use::Acquire
        } else {
            Use::Release
        }
    };
    linearizable::<Permits>()
        .generate(generate)
        .seed(2)
        .explore()
}

#[test]
fn operations_that_rightly_block_for_ever_are_in_order() {
    let report = permits().check(Semaphore::default, |semaphore, operation| match operation {
        Use::Acquire => semaphore.acquire(),
        Use::Release => semaphore.release(true),
    });
    assert_eq!(report.unwrap().scenarios, 100);
}

#[test]
fn a_missed_notify_is_a_deadlock_with_the_place_of_each_thread() {
    let failure = permits().check(Semaphore::default, |semaphore, operation| match operation {
        Use::Acquire => semaphore.acquire(),
        Use::Release => semaphore.release(false),
    });
    let failure = failure.unwrap_err();
    let finding = failure.finding().unwrap();
    println!("{failure}");
    assert_eq!(
        (finding.kind, finding.operations.iter().sum::<usize>()),
        (Kind::Deadlocked, 2)
    );
    assert!(finding.reason.contains("in Acquire"), "{}", finding.reason);
}

#[test]
fn a_hang_of_real_threads_is_reported_with_their_last_points() {
    #[derive(Clone, Debug)]
    struct Get;
    #[derive(Clone, Default, PartialEq, Eq, Hash)]
    struct Nothing;
    impl Model for Nothing {
        type Operation = Get;
        type Outcome = u32;
        fn apply(&mut self, _: &Get) -> u32 {
            0
        }
    }
    let never = |lock: &std::sync::Mutex<()>, _: &Get| {
        point("before the lock");
        let held = lock.lock().unwrap();
        point("with the lock");
        std::mem::forget(held);
        0
    };
    let check = linearizable::<Nothing>()
        .generate(|_| Get)
        .hang_limit(Duration::from_millis(300));
    let failure = check
        .check(|| std::sync::Mutex::new(()), never)
        .unwrap_err();
    let finding = failure.finding().unwrap();
    assert_eq!(finding.kind, Kind::Hung);
    assert!(
        finding
            .reason
            .contains("in Get, after the point \"before the lock\""),
        "{failure}"
    );
}

/// The semaphore of real threads.
#[derive(Default)]
struct RealSemaphore {
    permits: Mutex<u32>,
    released: RealCondvar,
}

impl RealSemaphore {
    fn operate(&self, operation: &Use) {
        let mut permits = self.permits.lock().unwrap();
        match operation {
            Use::Acquire => {
                let free = self.released.wait_while(permits, |permits| *permits == 0);
                *free.unwrap() -= 1;
            }
            Use::Release => {
                *permits += 1;
                self.released.notify_one();
            }
        }
    }
}

#[test]
fn real_threads_run_only_what_comes_to_an_end_and_the_report_says_so() {
    let check = linearizable::<Permits>().seed(2).runs(3);
    let check = check.generate(|rng| {
        if rng.bool() {
            Use::Acquire
        } else {
            Use::Release
        }
    });
    let check = check.hang_limit(Duration::from_secs(60));
    let report = check.check(RealSemaphore::default, RealSemaphore::operate);
    let report = report.unwrap();
    assert!((1..100).contains(&report.skipped), "{report}");
    assert_eq!(report.runs, 3 * (100 - report.skipped as u64), "{report}");
    assert!(report.to_string().contains("were not run"), "{report}");
}

#[test]
fn a_check_of_which_real_threads_run_nothing_fails() {
    let check = linearizable::<Permits>().generate(|_| Use::Acquire);
    let failure = check.check(RealSemaphore::default, RealSemaphore::operate);
    let failure = failure.unwrap_err();
    assert_eq!(failure, Failure::EveryScenarioMayBlock(100));
    assert!(failure.to_string().contains("say explore()"), "{failure}");
}

#[test]
fn real_threads_begin_at_once_however_many_orders_their_operations_have() {
    #[derive(Clone, Default, PartialEq, Eq, Hash)]
    struct Sum(u64);
    impl Model for Sum {
        type Operation = u64;
        type Outcome = ();
        fn apply(&mut self, step: &u64) {
            self.0 += step;
        }
    }
    // Each order of them has another state on its way: to look at all would take all memory.
    let check = linearizable::<Sum>().threads(8).operations(50);
    let check = check
        .scenarios(1)
        .runs(1)
        .generate(|rng| rng.u64(..1 << 40));
    let report = check.check(|| (), |(), _| ()).unwrap();
    assert_eq!(report.runs, 1);
}
