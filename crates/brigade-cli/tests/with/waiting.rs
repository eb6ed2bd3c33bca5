//! How long it waits, and what it says meanwhile.

use crate::stage::{Running, Stage, until};
use crate::{Holder, assert_succeeds, is_free, start_waiting};

#[test]
fn after_the_timeout_it_gives_up_and_holds_nothing() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["b"]);
    for timeout in ["50ms", "0"] {
        let outcome = stage.run_with(&["--timeout", timeout, "a", "b", "--", "touch", "ran"]);
        assert_eq!(outcome.code, Some(1));
        outcome.assert_says("gave up waiting for `b`");
        assert!(is_free(&stage, &["a"]));
    }
    holder.finish();
    assert!(is_free(&stage, &["a", "b"]) && !stage.path("ran").exists());
}

#[test]
fn the_exit_code_for_having_given_up_can_be_chosen() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["db"]);
    let outcome = stage.run_with(&["-q", "-w0", "-E", "75", "db", "--", "true"]);
    assert_eq!((outcome.code, &*outcome.stderr), (Some(75), ""));
    let outcome = stage.run_with(&["-w.01", "--conflict-exit-code=0", "db", "--", "false"]);
    assert_eq!(outcome.code, Some(0));
    holder.finish();
}

#[test]
fn a_timeout_is_about_waiting_and_not_about_the_command() {
    let stage = Stage::new();
    let outcome = stage.run_with(&["-w", "1ms", "db", "--", "sleep", "0.1"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn units_are_waited_for_no_longer_than_the_timeout() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["gpu=1/2"]);
    let outcome = stage.run_with(&["-w50ms", "gpu=2", "--", "touch", "ran"]);
    assert_eq!(outcome.code, Some(1));
    assert!(is_free(&stage, &["gpu=1"]));
    holder.finish();
}

#[test]
fn the_wait_report_says_for_whom_and_when_it_is_over() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["db:shared"]);
    let pid = holder.running.pid().as_raw_nonzero();
    let waiting = start_waiting(&stage, "db", &["db"], ":");
    let second = start_waiting(&stage, "db", &["db"], ":");
    let waiting_pid = waiting.pid().as_raw_nonzero();
    holder.finish();
    let outcome = waiting.end();
    outcome.assert_says("brigade: waiting for `db` (exclusive):\n");
    outcome.assert_says(&format!("pid {pid} has held it (shared) for "));
    outcome.assert_says("sh -c 'echo $$ > holder-here");
    outcome.assert_says("brigade: got `db` after ");
    let outcome = second.end();
    outcome.assert_says(&format!("pid {pid} has held it (shared) for "));
    outcome.assert_says(&format!(
        "pid {waiting_pid} has waited for it (exclusive) for "
    ));
}

#[test]
fn it_says_nothing_if_it_need_not_wait_or_was_not_asked() {
    let stage = Stage::new();
    let report = [
        "--wait-report",
        "db",
        "cache:shared",
        "gpu=1/2",
        "--",
        "true",
    ];
    assert_eq!(stage.run_with(&report).stderr, "");
    let holder = Holder::start(&stage, "holder", &["db"]);
    let arguments = ["db", "--", "test", "-e", "holder-ended"];
    let silent = Running::start(stage.with(arguments));
    until("it waits", || {
        stage.run_with(&["--list"]).text().contains("waiting")
    });
    holder.finish();
    let outcome = silent.end();
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
}

#[test]
fn inside_a_command_its_own_resources_are_refused_and_disorder_is_warned_of() {
    let stage = Stage::new();
    let brigade = env!("CARGO_BIN_EXE_brigade");
    let outcome = stage.run_with(&["b", "--", brigade, "with", "b:shared", "--", "touch", "ran"]);
    assert_eq!(outcome.code, Some(2));
    outcome.assert_says("`b` is held already around this command");
    let outcome = stage.run_with(&["b", "--", brigade, "with", "a", "--", "touch", "a"]);
    assert_eq!(outcome.code, Some(0));
    outcome.assert_says("`a` comes before `b`, which is held around this command");
    let outcome = stage.run_with(&["b", "--", brigade, "with", "c", "--", "touch", "c"]);
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
    assert!(stage.path("a").exists() && stage.path("c").exists() && !stage.path("ran").exists());
}

#[test]
fn what_a_command_left_behind_may_take_its_resources_later() {
    let stage = Stage::new();
    let gate = stage.meeting("gate");
    let brigade = env!("CARGO_BIN_EXE_brigade");
    let later = format!("cat gate; '{brigade}' with db -- touch later");
    let script = format!("({later}) < /dev/null > /dev/null 2>&1 &");
    assert_succeeds(Running::start(
        stage.with(["db", "--", "sh", "-c", &script]),
    ));
    gate.open();
    until("it has run", || stage.path("later").exists());
}
