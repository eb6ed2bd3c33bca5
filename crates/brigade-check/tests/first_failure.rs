//! What an exploration against a model finds first, and what it leaves behind.
#![cfg(feature = "explore")]

mod count;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use brigade_check::{Kind, Model, linearizable};
use shuttle::sync::atomic::AtomicU32;

use count::{Count, Increment};

fn increment(count: &AtomicU32) -> u32 {
    count.fetch_add(1, SeqCst) + 1
}

/// Two threads may read the same.
fn lose_an_update(count: &AtomicU32) -> u32 {
    let next = count.load(SeqCst) + 1;
    count.store(next, SeqCst);
    next
}

/// A stack whose `pop` looks at the last item first, and then takes one, which may be another.
#[derive(Default)]
struct LookingStack(shuttle::sync::Mutex<Vec<u8>>);

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Items(Vec<u8>);

#[derive(Clone, Debug)]
enum Access {
    Push(u8),
    Pop,
}

impl Model for Items {
    type Operation = Access;
    type Outcome = Option<u8>;

    fn apply(&mut self, access: &Access) -> Option<u8> {
        match *access {
            Access::Push(item) => {
                self.0.push(item);
                None
            }
            Access::Pop => self.0.pop(),
        }
    }
}

fn look_and_pop(stack: &LookingStack, access: &Access) -> Option<u8> {
    match *access {
        Access::Push(item) => {
            stack.0.lock().unwrap().push(item);
            None
        }
        Access::Pop => {
            let last = stack.0.lock().unwrap().last().copied();
            stack.0.lock().unwrap().pop();
            last
        }
    }
}

#[test]
fn what_few_operations_show_is_found_with_as_few_whatever_the_seed() {
    for seed in 0..30 {
        let check = linearizable::<Items>().seed(seed).explore();
        let failure = check
            .generate(|rng| match rng.bool() {
                true => Access::Push(rng.u8(..)),
                false => Access::Pop,
            })
            .check(LookingStack::default, look_and_pop);
        let failure = failure.unwrap_err();
        let finding = failure.finding().unwrap();
        let mut operations = finding.operations.clone();
        operations.sort_unstable();
        assert_eq!(operations, [1, 2], "seed {seed}: {failure}");
        assert!(
            finding.runs <= 1_000,
            "not among small scenarios: {failure}"
        );
    }
}

#[test]
fn nothing_of_the_users_is_left_when_a_check_has_ended() {
    let witness = Arc::new(());
    for broken in [false, true] {
        let (make, generate) = (Arc::clone(&witness), Arc::clone(&witness));
        let check = linearizable::<Count>().seed(3).scenarios(2).explore();
        let checked = check
            .generate(move |_| {
                let _ = &generate;
                Increment
            })
            .check(
                move || (AtomicU32::new(0), Arc::clone(&make)),
                move |(count, _), Increment| match broken {
                    true => lose_an_update(count),
                    false => increment(count),
                },
            );
        assert_eq!(checked.is_err(), broken);
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}

#[test]
fn checks_run_side_by_side_and_one_after_the_other() {
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            std::thread::spawn(move || {
                for _ in 0..20 {
                    let check = linearizable::<Count>().generate(|_| Increment).seed(seed);
                    let failure = check
                        .explore()
                        .check(
                            || AtomicU32::new(0),
                            |count, Increment| lose_an_update(count),
                        )
                        .unwrap_err();
                    assert_eq!(failure.finding().unwrap().operations, [1, 1]);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_model_that_panics_is_told_so() {
    #[derive(Clone, Default, PartialEq, Eq, Hash)]
    struct Panicking(u32);

    impl Model for Panicking {
        type Operation = Increment;
        type Outcome = u32;

        fn apply(&mut self, _: &Increment) -> u32 {
            self.0 += 1;
            assert!(self.0 < 3, "the model knows no three");
            self.0
        }
    }

    let check = linearizable::<Panicking>()
        .generate(|_| Increment)
        .explore();
    let failure = check
        .check(|| AtomicU32::new(0), |count, Increment| increment(count))
        .unwrap_err();
    assert_eq!(failure.finding().unwrap().kind, Kind::Panicked);
    let text = failure.to_string();
    assert!(
        text.contains("the model, or what checks it: the model knows no three"),
        "{text}"
    );
}
