//! What real threads find, made small: also what hangs, and what one thread alone gets wrong.

mod count;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use brigade_check::{Kind, Model, Worker, linearizable, point, stress};

use count::{Count, Increment};

/// Counts to two.
fn count_to_two(count: &AtomicU32, _: &Increment) -> u32 {
    count.fetch_add(1, SeqCst).min(1) + 1
}

#[test]
fn what_is_wrong_without_concurrency_is_found_on_one_thread_and_certainly() {
    for seed in 0..20 {
        let check = linearizable::<Count>()
            .threads(3)
            .operations(5)
            .generate(|_| Increment)
            .seed(seed);
        let failure = check.check(|| AtomicU32::new(0), count_to_two).unwrap_err();
        let finding = failure.finding().unwrap();
        assert_eq!(finding.kind, Kind::Unexplained);
        assert_eq!(finding.operations, [3], "{failure}");
    }
}

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Silent;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lock {
    Nothing,
    FirstAndSecond,
    SecondAndFirst,
}

impl Model for Silent {
    type Operation = Lock;
    type Outcome = ();

    fn apply(&mut self, _: &Lock) {}
}

type Pair = (Mutex<()>, Mutex<()>);

fn lock(pair: &Pair, order: Lock) {
    let (first, second) = match order {
        Lock::Nothing => return,
        Lock::FirstAndSecond => (&pair.0, &pair.1),
        Lock::SecondAndFirst => (&pair.1, &pair.0),
    };
    let first = first.lock().unwrap();
    point("with one of them");
    drop((first, second.lock().unwrap()));
}

#[test]
fn a_deadlock_of_real_threads_is_told_with_the_operations_it_needs() {
    let check = linearizable::<Silent>()
        .threads(3)
        .operations(6)
        .generate(|rng| match rng.u8(..3) {
            0 => Lock::Nothing,
            1 => Lock::FirstAndSecond,
            _ => Lock::SecondAndFirst,
        })
        .runs(10_000)
        .hang_limit(Duration::from_millis(400));
    let failure = check
        .check(Pair::default, |pair, order| lock(pair, *order))
        .unwrap_err();
    let finding = failure.finding().unwrap();
    println!("{failure}");
    assert_eq!(finding.kind, Kind::Hung);
    // Two are enough; whether the threads meet when it is tried with two is a matter of luck.
    assert!(finding.operations.iter().sum::<usize>() <= 4, "{failure}");
    for order in ["FirstAndSecond, after", "SecondAndFirst, after"] {
        assert!(finding.reason.contains(order), "{failure}");
    }
}

#[test]
fn a_stress_test_that_deadlocks_is_told_with_few_threads_and_operations() {
    let failure = stress()
        .threads(4)
        .operations(100)
        .hang_limit(Duration::from_millis(400))
        .check(
            Pair::default,
            |pair, worker: &mut Worker| match worker.thread() % 2 {
                0 => lock(pair, Lock::FirstAndSecond),
                _ => lock(pair, Lock::SecondAndFirst),
            },
            drop,
        )
        .unwrap_err();
    let finding = failure.finding().unwrap();
    assert_eq!(finding.kind, Kind::Hung);
    assert!(finding.operations.iter().sum::<usize>() <= 16, "{failure}");
    let smallest = format!("operations({})", finding.operations[0]);
    assert!(finding.reason.contains(&smallest), "{failure}");
}

#[test]
fn a_lock_never_given_back_is_told_with_two_operations_on_one_thread() {
    let keep = |lock: &Mutex<()>, _: &Lock| std::mem::forget(lock.lock().unwrap());
    let check = linearizable::<Silent>()
        .threads(3)
        .generate(|_| Lock::Nothing)
        .hang_limit(Duration::from_millis(300));
    let failure = check.check(Mutex::default, keep).unwrap_err();
    let finding = failure.finding().unwrap();
    assert_eq!(
        (finding.kind, &finding.operations[..]),
        (Kind::Hung, &[2][..]),
        "{failure}"
    );
}
