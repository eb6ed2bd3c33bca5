//! A test that fails leaves nothing behind that goes on.

use crate::stage::{Running, Stage, lives, until};

#[test]
fn jobs_end_with_the_test_and_so_does_what_they_have_started() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let script = "trap '' TERM HUP INT; sleep 1000 & echo $! $$ > here; wait";
    let with = ["db", "--", "sh", "-c", script];
    for command in [stage.command(["-j1", ":::", script]), stage.with(with)] {
        let running = Running::start(command);
        let pids = format!("{} {}", here.wait(), running.pid().as_raw_nonzero());
        assert!(pids.split_whitespace().all(lives), "{pids}");
        drop(running);
        until("they are gone", || !pids.split_whitespace().any(lives));
    }
}
