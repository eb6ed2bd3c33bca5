//! A job has so much time, and not more.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Outcome, Stage, lives, until, with_enough_time};

#[test]
fn a_job_that_takes_too_long_is_asked_to_end_and_has_failed() {
    let stage = Stage::new();
    let outcome = stage.run(["--timeout", "50ms"], b"exec sleep 1000\n");
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("brigade: line 1: `exec sleep 1000`: timed out after 50.0 ms\n");
    outcome.assert_says("1 job, 1 failed");
}

#[test]
fn what_it_printed_before_is_shown() {
    with_enough_time(|seconds| {
        let timeout = format!("{seconds}s");
        let outcome = Stage::new().run(["--timeout", &timeout], b"echo a; exec sleep 1000\n");
        assert_eq!(outcome.code, Some(1));
        // If it has got to print anything.
        (!outcome.text().is_empty()).then(|| assert_eq!(outcome.text(), "a\n"))
    });
}

#[test]
fn it_has_failed_though_it_ends_with_success_when_it_is_asked_to() {
    let stage = Stage::new();
    let job = b"trap 'exit 0' TERM; sleep 1000 & wait\n";
    let outcome = stage.run(["-q", "--timeout", "50ms"], job);
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("timed out");
}

#[test]
fn a_job_that_forks_and_ignores_sigterm_is_gone_afterwards() {
    let job = b"trap '' TERM; sh -c 'while :; do sleep 1000; done' & echo $$ $! > pids; \
                while :; do sleep 1000; done\n";
    let outcome = outcome_of_gone("50ms", job);
    outcome.assert_says(" s, and had to be killed\n");
}

#[test]
fn so_is_what_it_left_behind_without_an_output() {
    // The job itself heeds SIGTERM; what it started does not, and nothing waits for that to end.
    let job = b"(trap '' TERM; exec sleep 1000) > /dev/null 2>&1 & echo $$ $! > pids; wait\n";
    let outcome = outcome_of_gone("1h", job);
    outcome.assert_says(" s\n");
}

#[test]
fn a_job_that_has_closed_its_outputs_is_timed_too() {
    let job =
        b"exec > /dev/null 2>&1; trap '' TERM; echo $$ > pids; while :; do sleep 1000; done\n";
    let outcome = outcome_of_gone("50ms", job);
    outcome.assert_says(" s, and had to be killed\n");
}

#[test]
fn who_left_the_group_with_the_output_is_not_waited_for() {
    let job = b"trap '' TERM; setsid sh -c 'echo $$ > escaped; exec sleep 1000' & wait; wait\n";
    let escaped = with_enough_time(|seconds| {
        let stage = Stage::new();
        let timeout = format!("{seconds}s");
        let outcome = stage.run(["--timeout", &timeout, "--grace", "50ms"], job);
        assert_eq!(outcome.code, Some(1));
        outcome.assert_says("timed out");
        // If it has got so far.
        let escaped = fs::read_to_string(stage.path("escaped")).ok()?;
        escaped.trim().parse().ok().and_then(Pid::from_raw)
    });
    kill_process(escaped, Signal::KILL).expect("it lives");
}

#[test]
fn a_job_that_has_time_left_is_let_alone() {
    let outcome = Stage::new().run(
        ["-q", "--timeout", "1h"],
        b"echo a\nexec >&- 2>&-; exit 3\n",
    );
    assert_eq!((outcome.code, outcome.text()), (Some(1), "a\n"));
    outcome.assert_says("exit status 3");
}

/// The outcome of a job that writes into `pids` which processes there are, has too little time, and leaves none.
fn outcome_of_gone(grace: &str, job: &[u8]) -> Outcome {
    with_enough_time(|seconds| {
        let stage = Stage::new();
        let timeout = format!("{seconds}s");
        let outcome = stage.run(["--timeout", &timeout, "--grace", grace], job);
        assert_eq!(outcome.code, Some(1));
        outcome.assert_says("timed out after ");
        // If it has got so far.
        let pids = fs::read_to_string(stage.path("pids")).ok()?;
        let pids = pids.strip_suffix('\n')?;
        until("they are gone", || !pids.split_whitespace().any(lives));
        Some(outcome)
    })
}
