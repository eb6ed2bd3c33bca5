//! A job that fails may be run again.

use crate::stage::{Running, Stage, with_enough_time};

/// A job that counts its attempts in a file, and succeeds at the third.
const THIRD_TIME_LUCKY: &[u8] =
    b"echo x >> tries; echo $(wc -l < tries); test $(wc -l < tries) = 3\n";

#[test]
fn a_job_that_fails_is_run_again_until_it_succeeds() {
    let stage = Stage::new();
    let outcome = stage.run(["--retries", "5", "--retry-delay", "1ms"], THIRD_TIME_LUCKY);
    // Of its attempts only the last one's output is shown.
    assert_eq!((outcome.code, outcome.text()), (Some(0), "3\n"));
    outcome.assert_says("exit status 1; attempt 1 of 6, the next one in ");
    outcome.assert_says("exit status 1; attempt 2 of 6, the next one in ");
    outcome.assert_says("1 job, 0 failed, 2 retries, in ");
}

#[test]
fn after_so_many_retries_it_has_failed() {
    let stage = Stage::new();
    let outcome = stage.run(["--retries", "1", "--retry-delay", "0"], THIRD_TIME_LUCKY);
    assert_eq!((outcome.code, outcome.text()), (Some(1), "2\n"));
    outcome.assert_says(": exit status 1\n");
    outcome.assert_says("1 job, 1 failed, 1 retry, in ");
}

#[test]
fn quiet_tells_only_the_last_failure() {
    let stage = Stage::new();
    let outcome = stage.run(["-q", "--retries", "3", "--retry-delay", "0"], b"exit 7\n");
    assert_eq!(outcome.stderr, "brigade: line 1: `exit 7`: exit status 7\n");
}

#[test]
fn what_cannot_ever_run_is_not_tried_again() {
    let outcome = Stage::new().run(["--retries", "3"], b"@urgent make\n");
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("1 job, 1 failed, in ");
}

#[test]
fn a_timeout_is_for_each_attempt() {
    let job = b"test -e tried && exec echo a; touch tried; exec sleep 1000\n";
    let outcome = with_enough_time(|seconds| {
        let timeout = format!("{seconds}s");
        let arguments = ["--timeout", &timeout, "--retries=1", "--retry-delay=0"];
        let outcome = Stage::new().run(arguments, job);
        // The second attempt may be too late as well, on a busy machine.
        (outcome.code == Some(0)).then_some(outcome)
    });
    assert_eq!(outcome.text(), "a\n");
    outcome.assert_says(" s; attempt 1 of 2");
}

#[test]
fn a_job_that_waits_for_its_retry_holds_up_no_worker() {
    let stage = Stage::new();
    let mut running =
        Running::start(stage.command(["-j1", "--retries", "1", "--retry-delay", "1000h"]));
    let here = stage.meeting("here");
    running.write(b"exit 3\ntouch ran; echo > here\n");
    running.wait_for("exit status 3; attempt 1 of 2");
    // It waits for up to a thousand hours, and the only worker has done the other meanwhile.
    here.wait();
    assert!(stage.path("ran").exists());
    running.interrupt();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(130));
}

#[test]
fn a_job_that_waits_for_its_retry_is_listed_as_not_run() {
    let stage = Stage::new();
    let arguments = ["-j1", "--retries", "1", "--retry-delay", "1000h"];
    let mut running = Running::start(stage.command(arguments));
    running.write(b"exit 3\n");
    running.wait_for("attempt 1 of 2");
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome
        .assert_says("1 job did not run; what follows line 1 of the input was not read:\nexit 3\n");
    outcome.assert_says("0 jobs, 0 failed, 1 not run");
}

#[test]
fn so_is_one_for_which_there_was_no_room_to_wait() {
    let stage = Stage::new();
    let arguments = [
        "-j1",
        "--queue",
        "1",
        "--retries",
        "1",
        "--retry-delay",
        "1000h",
    ];
    let mut running = Running::start(stage.command(arguments));
    running.write(b"exit 3\nexit 4\ntouch ran\n");
    running.wait_for("exit status 3; attempt 1 of 2");
    // The second one keeps the worker, so that not all of an endless input comes to wait.
    running.wait_for("exit status 4; attempt 1 of 2");
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("of the input was not read:\nexit 3\nexit 4\n");
    assert!(!stage.path("ran").exists());
}

#[test]
fn the_end_waits_for_those_that_wait() {
    let stage = Stage::new();
    let jobs =
        (1..=40).map(|number| format!("test -e {number} || {{ touch {number}; exit 1; }}\n"));
    let arguments = [
        "-j3",
        "--queue",
        "2",
        "--retries",
        "1",
        "--retry-delay",
        "20ms",
    ];
    let outcome = stage.run(arguments, jobs.collect::<String>().as_bytes());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.assert_says("40 jobs, 0 failed, 40 retries");
}
