//! Nothing hangs in silence: random programs of all that waits end, or a deadlock is told.
//!
//! `PROPTEST_CASES=10000 cargo test --test random_programs` tries more of them.
#![cfg(not(any(loom, shuttle)))]

mod program;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use brigade::lock::{self, Action, FindingKind};
use proptest::prelude::*;

use program::{Body, Program, program};
use world::World;

/// After so long without an end or a report a program hangs in silence.
const LIMIT: Duration = Duration::from_secs(300);

/// So often it is looked whether a deadlock was told. What was told may well hang: nobody can end a scope before its time.
const LOOK: Duration = Duration::from_millis(100);

static DEADLOCKS: AtomicUsize = AtomicUsize::new(0);

/// What became of a program.
#[derive(Debug, PartialEq, Eq)]
enum End {
    AllEnded,
    Told,
    Hung,
}

/// Runs what may hang on a thread of its own, until it has ended or a deadlock was told.
fn watch(body: impl FnOnce() + Send + 'static) -> End {
    let before = DEADLOCKS.load(SeqCst);
    let (running, ended) = channel::<()>();
    thread::spawn(move || {
        let _running = running;
        body();
    });
    for _ in 0..LIMIT.as_millis() / LOOK.as_millis() {
        if ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
            return End::AllEnded;
        }
        if DEADLOCKS.load(SeqCst) > before {
            return End::Told;
        }
    }
    End::Hung
}

fn run(program: &Program) -> End {
    let world = World::new(&program.shape);
    let threads = program.threads.clone();
    watch(move || {
        let run_one = |body: Body| {
            let world = Arc::clone(&world);
            // A panic tells of a deadlock, which ends it.
            thread::spawn(move || world.run(&body))
        };
        let threads: Vec<_> = threads.into_iter().map(run_one).collect();
        for thread in threads {
            let _ = thread.join();
        }
        world.wait_for_rest();
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        max_shrink_iters: 0, // each try of one that hangs takes as long as it may
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_programs_end_or_are_told_of_a_deadlock(program in program()) {
        // Err: an earlier program has set it.
        let _ = lock::on_finding(Action::Call(Box::new(|report| {
            if report.kind() == FindingKind::Deadlock {
                DEADLOCKS.fetch_add(1, SeqCst);
            }
        })));
        prop_assert_ne!(run(&program), End::Hung);
    }
}
