//! What a check against a model finds, by both ways, and what it says.
#![cfg(feature = "explore")]

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use brigade_check::{Criterion, Failure, Kind, Linearizable, Model, Strategy, linearizable, point};
use shuttle::sync::atomic::AtomicU32 as ExploredU32;

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Count(u32);

#[derive(Clone, Debug)]
enum Operation {
    Increment,
    Get,
}
use Operation::{Get, Increment};

impl Model for Count {
    type Operation = Operation;
    type Outcome = u32;

    fn apply(&mut self, operation: &Operation) -> u32 {
        match operation {
            Increment => self.0 += 1,
            Get => {}
        }
        self.0
    }
}

fn counts() -> Linearizable<Count> {
    let generate = |rng: &mut brigade_check::Rng| if rng.bool() { Increment } else { Get };
    linearizable::<Count>().generate(generate).seed(1)
}

fn increment(count: &ExploredU32, operation: &Operation) -> u32 {
    match operation {
        Increment => count.fetch_add(1, SeqCst) + 1,
        Get => count.load(SeqCst),
    }
}

/// Two threads may read the same.
fn lose_an_update(count: &ExploredU32, operation: &Operation) -> u32 {
    match operation {
        Increment => {
            let next = count.load(SeqCst) + 1;
            count.store(next, SeqCst);
            next
        }
        Get => count.load(SeqCst),
    }
}

fn lose_an_update_of_std(count: &std::sync::atomic::AtomicU32, operation: &Operation) -> u32 {
    match operation {
        Increment => {
            let next = count.load(SeqCst) + 1;
            point("read");
            count.store(next, SeqCst);
            next
        }
        Get => count.load(SeqCst),
    }
}

#[test]
fn a_correct_counter_passes_under_every_strategy() {
    for strategy in [
        Strategy::Mixed,
        Strategy::Random,
        Strategy::Pct { depth: 3 },
    ] {
        let report = counts()
            .scenarios(30)
            .strategy(strategy)
            .check(|| ExploredU32::new(0), increment)
            .unwrap();
        assert_eq!((report.scenarios, report.undecided), (30, 0));
        if strategy == Strategy::Mixed {
            // And some of small scenarios.
            assert!((3_001..4_000).contains(&report.runs), "{report}");
        } else {
            assert_eq!(report.runs, 3_000);
        }
    }
}

#[test]
fn an_exhausted_scenario_is_one_of_which_every_schedule_was_run() {
    let check = counts()
        .operations(1)
        .scenarios(4)
        .strategy(Strategy::Exhaustive);
    let report = check.check(|| ExploredU32::new(0), increment).unwrap();
    assert_eq!(report.exhausted, 4);
    assert!(report.runs < 400, "{report:?}");
}

#[test]
fn a_lost_update_is_found_made_small_and_replayed_ten_times_of_ten() {
    for strategy in [
        Strategy::Mixed,
        Strategy::Random,
        Strategy::Pct { depth: 2 },
        Strategy::Exhaustive,
    ] {
        let check = || counts().threads(3).strategy(strategy);
        let failure = check()
            .check(|| ExploredU32::new(0), lose_an_update)
            .unwrap_err();
        let finding = failure.finding().unwrap();
        assert_eq!(
            (finding.kind, &finding.operations[..]),
            (Kind::Unexplained, &[1, 1][..])
        );
        let token = finding.token.clone().unwrap();
        for _ in 0..10 {
            let again = check()
                .replay(token.clone())
                .check(|| ExploredU32::new(0), lose_an_update);
            let again = again.unwrap_err();
            assert_eq!(again.finding().unwrap().reason, finding.reason);
            assert_eq!(again.finding().unwrap().token, finding.token);
        }
        // What was repaired since passes.
        let repaired = check()
            .replay(token)
            .check(|| ExploredU32::new(0), increment);
        assert!(
            matches!(repaired, Ok(_) | Err(Failure::TokenMismatch(_))),
            "{repaired:?}"
        );
    }
}

#[test]
fn the_report_draws_the_run_and_says_why_nothing_explains_it() {
    let check = linearizable::<Count>()
        .generate(|_| Increment)
        .seed(1)
        .explore();
    let failure = check
        .check(|| ExploredU32::new(0), lose_an_update)
        .unwrap_err();
    let text = failure.to_string();
    println!("{text}");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("Increment"))
        .collect();
    // One of the order, one of what cannot follow, and one for each call at least.
    assert!(lines.len() >= 4, "{text}");
    assert!(
        text.contains("  thread 1") && text.contains("  thread 2\n"),
        "{text}"
    );
    assert!(
        text.contains("│  ") || text.contains("  │"),
        "the two overlap: {text}"
    );
    assert!(text.contains("Increment -> 1, expected 2"), "{text}");
    assert!(text.contains("BRIGADE_CHECK_REPLAY=bc2-"), "{text}");
}

#[test]
fn points_alone_let_code_of_std_be_explored() {
    let new = || std::sync::atomic::AtomicU32::new(0);
    let failure = counts()
        .explore()
        .check(new, lose_an_update_of_std)
        .unwrap_err();
    assert_eq!(failure.finding().unwrap().operations, [1, 1]);
}

#[test]
fn real_threads_find_a_lost_update_too() {
    let new = || std::sync::atomic::AtomicU32::new(0);
    let check = counts().runs(10_000).time(Duration::from_secs(60));
    let failure = check.check(new, lose_an_update_of_std).unwrap_err();
    let finding = failure.finding().unwrap();
    assert_eq!(finding.kind, Kind::Unexplained);
    // How small it gets depends on what else the machine does; that it gets smaller does not.
    assert!(finding.operations.iter().sum::<usize>() < 6, "{failure}");
    assert!(failure.to_string().contains("BRIGADE_CHECK_SEED="));
}

#[test]
fn real_threads_find_nothing_in_a_correct_counter() {
    let new = || std::sync::atomic::AtomicU32::new(0);
    let report = counts().check(new, |count, operation| match operation {
        Increment => count.fetch_add(1, SeqCst) + 1,
        Get => count.load(SeqCst),
    });
    assert_eq!(report.unwrap().runs, 10_000);
}

#[test]
fn operations_without_any_place_to_come_between_do_not_pass_an_exploration() {
    let new = || std::sync::atomic::AtomicU32::new(0);
    let racing = |count: &std::sync::atomic::AtomicU32, operation: &Operation| match operation {
        Increment => {
            let read = count.load(SeqCst);
            count.store(read + 1, SeqCst);
            read + 1
        }
        Get => count.load(SeqCst),
    };
    let failure = counts().explore().check(new, racing).unwrap_err();
    assert_eq!(failure, Failure::NothingToExplore);
    let report = failure.to_string();
    assert!(
        report.contains("point(..)") && report.contains("shuttle"),
        "{report}"
    );
    // On one thread nothing could come between anyway.
    counts().threads(1).explore().check(new, racing).unwrap();
}

#[test]
fn a_loop_without_end_is_a_livelock() {
    let failure = counts().explore().steps(500).check(
        || ExploredU32::new(0),
        |count, operation| {
            while matches!(operation, Get) && count.load(SeqCst) < 1_000 {}
            0
        },
    );
    let failure = failure.unwrap_err();
    assert_eq!(failure.finding().unwrap().kind, Kind::Livelocked);
    assert!(failure.to_string().contains("500 steps"), "{failure}");
}

#[test]
fn a_panic_is_reported_with_its_place_and_operation() {
    let panics = |count: &ExploredU32, operation: &Operation| {
        assert!(!matches!(operation, Get), "no gets");
        increment(count, operation)
    };
    let failure = counts()
        .explore()
        .check(|| ExploredU32::new(0), panics)
        .unwrap_err();
    let finding = failure.finding().unwrap();
    assert_eq!(
        (finding.kind, &finding.operations[..]),
        (Kind::Panicked, &[1][..])
    );
    assert!(
        finding.reason.contains("in Get: no gets, at "),
        "{}",
        finding.reason
    );
}

#[test]
fn what_is_left_at_the_end_is_looked_at() {
    let finish = |count: ExploredU32| match count.load(SeqCst) {
        0 => Ok(()),
        left => Err(format!("{left} left")),
    };
    let failure = counts()
        .explore()
        .check_and_finish(|| ExploredU32::new(0), increment, finish);
    let failure = failure.unwrap_err();
    assert_eq!(failure.finding().unwrap().kind, Kind::Broken);
    assert!(failure.to_string().contains("1 left"), "{failure}");
}

#[test]
fn operations_before_and_after_see_what_is_lost() {
    // The threads' own outcomes say nothing here.
    let silent = |count: &ExploredU32, operation: &Operation| match operation {
        Increment => {
            lose_an_update(count, operation);
            7
        }
        Get => count.load(SeqCst),
    };
    #[derive(Clone, Default, PartialEq, Eq, Hash)]
    struct Silent(u32);
    impl Model for Silent {
        type Operation = Operation;
        type Outcome = u32;
        fn apply(&mut self, operation: &Operation) -> u32 {
            match operation {
                Increment => {
                    self.0 += 1;
                    7
                }
                Get => self.0,
            }
        }
    }
    let check = || {
        linearizable::<Silent>()
            .generate(|_| Increment)
            .seed(1)
            .explore()
    };
    check().check(|| ExploredU32::new(0), silent).unwrap();
    let failure = check()
        .before([Increment])
        .after([Get])
        .check(|| ExploredU32::new(0), silent);
    let failure = failure.unwrap_err();
    println!("{failure}");
    assert_eq!(failure.finding().unwrap().operations, [1, 1]);
    assert!(failure.to_string().contains("before/after"));
}

#[test]
fn a_late_read_is_sequentially_consistent_but_not_linearizable() {
    // Each thread reads its own copy, refreshed only now and then: never wrong, but old.
    struct Late {
        now: std::sync::Mutex<u32>,
        seen: std::sync::Mutex<std::collections::HashMap<shuttle::thread::ThreadId, u32>>,
    }
    let new = || Late {
        now: 0.into(),
        seen: std::sync::Mutex::default(),
    };
    let apply = |late: &Late, operation: &Operation| {
        point("begin");
        let me = shuttle::thread::current().id();
        match operation {
            Increment => {
                let mut now = late.now.lock().unwrap();
                *now += 1;
                late.seen.lock().unwrap().insert(me, *now);
                *now
            }
            Get => *late.seen.lock().unwrap().entry(me).or_insert(0),
        }
    };
    let failure = counts().explore().check(new, apply).unwrap_err();
    assert_eq!(failure.finding().unwrap().kind, Kind::Unexplained);
    counts()
        .explore()
        .criterion(Criterion::SequentiallyConsistent)
        .check(new, apply)
        .unwrap();
}

#[test]
fn misuse_is_said_clearly() {
    let new = || ExploredU32::new(0);
    assert_eq!(
        counts().threads(0).check(new, increment),
        Err(Failure::NoThreads)
    );
    assert_eq!(
        counts().operations(0).check(new, increment),
        Err(Failure::NoOperations)
    );
    assert_eq!(
        counts().scenarios(0).check(new, increment),
        Err(Failure::NoRuns)
    );
    assert_eq!(counts().runs(0).check(new, increment), Err(Failure::NoRuns));
    let no_generator = linearizable::<Count>().explore().check(new, increment);
    assert_eq!(no_generator, Err(Failure::NoGenerator));
    let token = counts().replay("bc2-nonsense").check(new, increment);
    assert_eq!(token, Err(Failure::InvalidToken("bc2-nonsense".to_owned())));
}

#[test]
fn a_model_that_is_not_deterministic_is_found_out() {
    #[derive(Clone, Default, PartialEq, Eq, Hash)]
    struct Moody;
    impl Model for Moody {
        type Operation = Operation;
        type Outcome = u64;
        fn apply(&mut self, _: &Operation) -> u64 {
            brigade_check::Rng::new().u64(..)
        }
    }
    let check = linearizable::<Moody>().generate(|_| Get).explore();
    let failure = check.check(|| (), |(), _| 0).unwrap_err();
    assert_eq!(failure, Failure::ModelNotDeterministic("Get".to_owned()));
}

#[test]
fn an_operation_that_starts_a_thread_is_found_out_unless_allowed() {
    let apply = |_: &(), _: &Operation| {
        drop(shuttle::thread::spawn(|| point("inside")));
        0
    };
    #[derive(Clone, Default, PartialEq, Eq, Hash)]
    struct Nothing;
    impl Model for Nothing {
        type Operation = Operation;
        type Outcome = u32;
        fn apply(&mut self, _: &Operation) -> u32 {
            0
        }
    }
    let check = || linearizable::<Nothing>().generate(|_| Get).explore();
    assert_eq!(check().check(|| (), apply), Err(Failure::OperationSpawns));
    check().operations_may_spawn().check(|| (), apply).unwrap();
}

#[test]
fn a_token_of_another_test_is_refused() {
    let failure = counts()
        .explore()
        .check(|| ExploredU32::new(0), lose_an_update)
        .unwrap_err();
    let token = failure.finding().unwrap().token.clone().unwrap();
    let other = counts()
        .threads(3)
        .replay(token)
        .check(|| ExploredU32::new(0), lose_an_update);
    assert!(matches!(other, Err(Failure::TokenMismatch(_))), "{other:?}");
}
