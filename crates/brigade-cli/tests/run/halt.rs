//! A run may end when enough jobs have failed or succeeded.

use crate::stage::{Running, Stage, lives, until};

#[test]
fn soon_starts_nothing_more_and_lets_running_jobs_end() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["-j2", "--halt", "soon,fail=1"]));
    running.write(b"echo > here; cat gate; echo finished\n");
    here.wait();
    running.write(b"exit 3\ntouch ran\ntouch ran\n");
    running.wait_for(
        "brigade: --halt soon,fail=1: nothing is started any more; waiting for 1 running job to \
         end, Ctrl-C to stop it",
    );
    gate.open();
    let outcome = running.end_with_open_input();
    assert_eq!((outcome.code, outcome.text()), (Some(1), "finished\n"));
    outcome.assert_says(" of the input was not read");
    outcome.assert_says("2 jobs, 1 failed");
    assert!(!stage.path("ran").exists());
}

#[test]
fn what_did_not_run_is_listed() {
    let stage = Stage::new();
    let arguments = ["-j1", "--halt", "soon,fail=2", "test {} -lt 2 || exit {}"];
    let list = [":::", "0", "5", "1", "6", "7", "a b", "8"];
    let outcome = stage.run([&arguments[..], &list].concat(), b"");
    assert_eq!(outcome.code, Some(2));
    outcome.assert_says("brigade: 3 jobs did not run:\n7\n'a b'\n8\n");
    outcome.assert_says("4 jobs, 2 failed, 3 not run");
}

#[test]
fn now_stops_running_jobs_which_have_not_failed() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut running = Running::start(stage.command(["-j2", "--halt", "now,fail=1"]));
    running.write(b"sleep 1000 & echo $! $$ > here; wait\n");
    let pids = here.wait();
    running.write(b"exit 3\n");
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("killed by signal 15 (SIGTERM)");
    outcome.assert_says("2 jobs, 1 failed, 1 stopped");
    until("they are gone", || !pids.split_whitespace().any(lives));
}

#[test]
fn now_kills_what_ignores_it_after_the_grace() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let arguments = ["-j2", "--halt", "now,success=1", "--grace", "50ms"];
    let mut running = Running::start(stage.command(arguments));
    running.write(b"trap '' TERM; echo > here; while :; do sleep 1000; done\n");
    here.wait();
    running.write(b"echo first\n");
    let outcome = running.end_with_open_input();
    // Someone wanted one success, and has it.
    assert_eq!((outcome.code, outcome.text()), (Some(0), "first\n"));
    outcome.assert_says("killed by signal 9 (SIGKILL)");
}

#[test]
fn halted_by_successes_the_exit_code_is_zero_though_some_failed() {
    let stage = Stage::new();
    let outcome = stage.run(
        ["-j1", "--halt", "soon,success=2"],
        b"false\ntrue\ntrue\ntouch ran\n",
    );
    assert_eq!(outcome.code, Some(0));
    outcome.assert_says("brigade: 1 job did not run");
    assert!(!stage.path("ran").exists());
}

#[test]
fn a_share_is_of_those_that_have_ended() {
    let stage = Stage::new();
    // Two of two would be enough, but say too little.
    let jobs = b"false\nfalse\ntrue\nfalse\ntrue\ntrue\ntrue\n";
    let outcome = stage.run(["-j1", "--halt", "soon,fail=70%"], jobs);
    assert_eq!(outcome.code, Some(3));
    outcome.assert_says("4 jobs, 3 failed, 3 not run");
}

#[test]
fn a_job_that_will_be_run_again_has_not_failed_yet() {
    let stage = Stage::new();
    let jobs = b"test -e tried || { touch tried; exit 1; }\ntouch ran\n";
    let outcome = stage.run(
        [
            "-j1",
            "--retries",
            "1",
            "--retry-delay",
            "0",
            "--halt",
            "now,fail=1",
        ],
        jobs,
    );
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(stage.path("ran").exists());
}

#[test]
fn without_enough_all_are_run_and_nothing_is_said() {
    let stage = Stage::new();
    let outcome = stage.run(["-j1", "--halt", "now,fail=2"], b"false\ntrue\n");
    assert_eq!(outcome.code, Some(1));
    assert!(
        !outcome.stderr.contains("did not run"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_ctrl_c_while_it_waits_stops_the_running_jobs() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut running = Running::start(stage.command(["-j2", "--halt", "soon,fail=1"]));
    running.write(b"echo > here; exec sleep 1000\n");
    here.wait();
    running.write(b"false\n");
    running.wait_for("waiting for 1 running job");
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("1 failed, 1 stopped");
}
