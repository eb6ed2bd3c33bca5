//! With a range, more or fewer jobs run as the cores allow.

use std::num::NonZero;
use std::thread;

use crate::gathering::Gathering;
use crate::stage::{Running, Stage};

#[test]
fn jobs_that_wait_for_something_else_become_as_many_as_may() {
    let stage = Stage::new();
    let gathering = Gathering::new(&stage, 5, "", "");
    let mut running = Running::start(stage.command(["-j1..5"]));
    running.write(gathering.jobs().as_bytes());
    gathering.meet();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.assert_says("; 5 workers\n");
}

#[test]
fn jobs_that_use_the_cores_do_not_all_run_at_once() {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let most = 8 * cores;
    let burn = "i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done\n";
    let range = format!("-j1..{most}");
    let outcome = Stage::new().run([range], burn.repeat(4 * most).as_bytes());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let (_, peak) = outcome.stderr.rsplit_once("; ").expect("a summary");
    let peak = peak.split(' ').next().and_then(|peak| peak.parse().ok());
    let peak: usize = peak.expect("a number of workers");
    assert!(peak < most, "{outcome:?}");
}

#[test]
fn at_least_as_many_run_as_are_to() {
    let stage = Stage::new();
    // It ends with the test, however that ends.
    let burn = "while test -e begun0; do :; done & ";
    let gathering = Gathering::new(&stage, 3, burn, "; kill $!");
    let mut running = Running::start(stage.command(["-q", "-j3..9"]));
    running.write(gathering.jobs().as_bytes());
    gathering.meet();
    assert_eq!(running.end().code, Some(0));
}
