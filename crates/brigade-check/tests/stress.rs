//! Real threads: what is found, collected, shrunk, repeated and said.

use std::collections::HashSet;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, ThreadId, available_parallelism};
use std::time::Duration;

use brigade_check::{Failure, Kind, point, stress};

#[test]
fn each_operation_of_each_thread_of_each_iteration_is_done_once() {
    let done = Arc::new(Mutex::new(HashSet::new()));
    let noted = Arc::clone(&done);
    let report = stress().threads(3).operations(5).iterations(20).check(
        || AtomicU64::new(0),
        move |count, worker| {
            count.fetch_add(1, SeqCst);
            let new = (worker.thread(), worker.operation(), worker.iteration());
            assert!(noted.lock().unwrap().insert(new), "twice: {new:?}");
        },
        |count| assert_eq!(count.into_inner(), 15),
    );
    assert_eq!(report.unwrap().runs, 20);
    assert_eq!(done.lock().unwrap().len(), 3 * 5 * 20);
}

#[test]
fn threads_run_at_once_on_real_threads() {
    let threads = Arc::new(Mutex::new(HashSet::<ThreadId>::new()));
    let noted = Arc::clone(&threads);
    let check = stress().threads(4).operations(1).iterations(3);
    // Each waits for all the others.
    let meet = move |barrier: &Barrier, _: &mut brigade_check::Worker| {
        noted.lock().unwrap().insert(std::thread::current().id());
        barrier.wait();
    };
    check.check(|| Barrier::new(4), meet, drop).unwrap();
    assert_eq!(threads.lock().unwrap().len(), 4);
}

fn lose_updates(seed: u64) -> Failure {
    let add = |sum: &AtomicU64, _: &mut brigade_check::Worker| {
        let read = sum.load(SeqCst);
        point("read");
        sum.store(read + 1, SeqCst);
    };
    let finish = |sum: AtomicU64| match sum.into_inner() {
        60 => Ok(()),
        sum if sum % 7 == 0 => panic!("{sum} is a bad number"),
        _ => Err("updates were lost"),
    };
    stress()
        .threads(3)
        .operations(20)
        .iterations(100_000)
        .seed(seed)
        .check(|| AtomicU64::new(0), add, finish)
        .unwrap_err()
}

#[test]
fn wrong_results_and_panics_are_collected_with_their_iteration() {
    let failure = lose_updates(1);
    let finding = failure.finding().unwrap();
    assert!(matches!(finding.kind, Kind::Broken | Kind::Panicked));
    assert!(finding.reason.starts_with("10 of "), "{failure}");
    assert!(finding.reason.contains(", at its end: "), "{failure}");
    assert!(
        failure.to_string().lines().count() < 20,
        "fits a log: {failure}"
    );
}

#[test]
fn a_failure_that_depends_on_operations_alone_is_shrunk_to_the_first_of_them() {
    let check = stress().threads(4).operations(50).iterations(10);
    let fails = |_: &(), worker: &mut brigade_check::Worker| match worker.operation() {
        5 => Err(format!("thread {} is at 5", worker.thread())),
        _ => Ok(()),
    };
    let failure = check.check(|| (), fails, drop).unwrap_err();
    let finding = failure.finding().unwrap();
    assert_eq!(
        (finding.kind, &finding.operations[..]),
        (Kind::Broken, &[6][..])
    );
    assert!(
        finding
            .reason
            .contains("iteration 0, thread 0, operation 5: thread 0 is at 5"),
        "{failure}"
    );
}

#[test]
fn a_seed_repeats_the_operations_of_an_iteration_as_the_first_one() {
    let run = |seed: u64, iterations: u64| {
        let drawn = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&drawn);
        let draw = move |(): &(), worker: &mut brigade_check::Worker| {
            let number = worker.rng().u64(..);
            let at = (worker.iteration(), worker.thread(), worker.operation());
            noted.lock().unwrap().push((at, number));
        };
        let check = stress()
            .threads(2)
            .operations(3)
            .iterations(iterations)
            .seed(seed);
        check.check(|| (), draw, drop).unwrap();
        let mut drawn = drawn.lock().unwrap().clone();
        drawn.sort_unstable();
        drawn
            .into_iter()
            .map(|(_, number)| number)
            .collect::<Vec<u64>>()
    };
    let three = run(40, 3);
    assert_eq!(run(40, 3), three);
    assert_eq!(run(42, 1), three[12..]);
    assert_eq!(three.iter().collect::<HashSet<_>>().len(), 18);
}

#[test]
fn a_hang_of_a_drop_is_said_to_be_in_no_operation() {
    struct HangsInDrop;
    impl Drop for HangsInDrop {
        fn drop(&mut self) {
            let never = Mutex::new(());
            let _held = never.lock().unwrap();
            drop(never.lock());
        }
    }
    let failure = stress()
        .threads(1)
        .operations(1)
        .hang_limit(Duration::from_millis(300))
        .check(|| HangsInDrop, |_, _| (), drop)
        .unwrap_err();
    let finding = failure.finding().unwrap();
    assert_eq!((finding.kind, finding.runs), (Kind::Hung, 1));
    let report = failure.to_string();
    assert!(
        report.contains("left behind. No thread is in an operation"),
        "{report}"
    );
    assert!(report.contains("its Drop"), "{report}");
}

#[test]
fn a_hang_is_reported_with_the_last_point_of_each_thread() {
    let check = stress()
        .threads(2)
        .operations(1)
        .hang_limit(Duration::from_millis(300));
    let wait = |barrier: &Barrier, worker: &mut brigade_check::Worker| {
        point("arrived");
        if worker.thread() == 1 {
            // Nobody else comes.
            barrier.wait();
        }
    };
    let failure = check.check(|| Barrier::new(2), wait, drop).unwrap_err();
    let finding = failure.finding().unwrap();
    assert_eq!(finding.kind, Kind::Hung);
    assert!(finding.reason.contains("left behind"), "{failure}");
    assert!(
        finding
            .reason
            .contains("thread 1 in operation 0, after the point \"arrived\""),
        "{failure}"
    );
    assert!(!finding.reason.contains("thread 0"), "{failure}");
}

/// Keeps all cores busy while it lives.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn new() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let cores = available_parallelism().map_or(1, NonZero::get);
        for _ in 0..2 * cores {
            let over = Arc::clone(&over);
            thread::spawn(move || while !over.load(SeqCst) {});
        }
        Self(over)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// How long this thread has had a core so far.
#[cfg(target_os = "linux")]
fn ran() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2);
    Duration::from_millis(10)
        * ticks
            .map(|ticks| ticks.parse::<u32>().unwrap())
            .sum::<u32>()
}

#[cfg(target_os = "linux")]
#[test]
fn threads_that_wait_for_a_core_are_not_said_to_hang() {
    let cores = available_parallelism().map_or(1, NonZero::get);
    // On so few cores they need more than the limit, each of them a small part: should others leave them but little of a
    // core, that is still far from the time after which nothing but the clock counts.
    let limit = Duration::from_secs(1);
    let check = stress()
        .threads(24 * cores)
        .operations(1)
        .iterations(1)
        .hang_limit(limit);
    let spin = move |(): &(), _: &mut brigade_check::Worker| {
        let begun = ran();
        while ran() < begun + limit / 16 {
            (0..10_000).for_each(|_| std::hint::spin_loop());
        }
    };
    check.check(|| (), spin, drop).unwrap();
}

#[test]
fn a_deadlock_is_told_on_a_busy_machine_too() {
    let busy = Busy::new();
    let check = stress().hang_limit(Duration::from_millis(200));
    let wait = |barrier: &Barrier, _: &mut brigade_check::Worker| {
        barrier.wait();
    };
    let failure = check
        .threads(2)
        .operations(1)
        .check(|| Barrier::new(3), wait, drop);
    drop(busy);
    assert_eq!(failure.unwrap_err().finding().unwrap().kind, Kind::Hung);
}

#[test]
fn an_endless_loop_is_told_on_a_busy_machine_too() {
    let busy = Busy::new();
    let check = stress().hang_limit(Duration::from_millis(200));
    let over = Arc::clone(&busy.0);
    let go_on = move |(): &(), worker: &mut brigade_check::Worker| {
        while worker.thread() == 1 && !over.load(SeqCst) {}
    };
    let failure = check.threads(2).operations(1).check(|| (), go_on, drop);
    drop(busy);
    let failure = failure.unwrap_err();
    assert_eq!(failure.finding().unwrap().kind, Kind::Hung);
    assert!(
        failure.to_string().contains("thread 1 in operation 0"),
        "{failure}"
    );
}

#[test]
fn a_thing_that_cannot_be_made_is_reported() {
    let failure = stress()
        .iterations(3)
        .check(|| panic!("no parts"), |(), _| (), drop)
        .unwrap_err();
    assert!(
        failure.to_string().contains("making the thing: no parts"),
        "{failure}"
    );
}

#[test]
fn a_limit_of_time_ends_a_test() {
    let check = stress()
        .iterations(u64::MAX)
        .time(Duration::from_millis(50));
    let report = check.check(|| (), |(), _| (), drop).unwrap();
    assert!(report.runs > 0);
}

#[test]
fn a_time_that_no_clock_can_hold_is_never_over() {
    let check = stress().iterations(3).time(Duration::MAX);
    assert_eq!(check.check(|| (), |(), _| (), drop).unwrap().runs, 3);
}

#[test]
fn misuse_is_said_clearly() {
    let check = |stress: brigade_check::Stress| stress.check(|| (), |(), _| (), drop).unwrap_err();
    assert_eq!(check(stress().threads(0)), Failure::NoThreads);
    assert_eq!(check(stress().operations(0)), Failure::NoOperations);
    assert_eq!(check(stress().iterations(0)), Failure::NoRuns);
}
