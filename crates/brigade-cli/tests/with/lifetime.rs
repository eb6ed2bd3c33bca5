//! How long a lock lasts.

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Running, Stage, lives, until};
use crate::{Holder, assert_succeeds, is_free, start_waiting};

fn kill(pid: &str) {
    let number = pid.trim().parse().ok().and_then(Pid::from_raw);
    kill_process(number.expect("a number"), Signal::KILL).expect("it lives");
}

#[test]
fn the_kernel_frees_what_a_killed_command_and_its_killed_brigade_held() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let script = "echo $$ > here; exec sleep 1000";
    let holder = stage.with(["db", "gpu=2/2", "--", "sh", "-c", script]);
    let mut holder = Running::start(holder);
    let pid = here.wait();
    let for_db = start_waiting(&stage, "db", &["db"], ":");
    let for_gpu = start_waiting(&stage, "gpu", &["gpu=2"], ":");
    holder.signal(Signal::KILL);
    kill(&pid);
    assert_succeeds(for_db);
    assert_succeeds(for_gpu);
    drop(holder.take_input());
    assert_eq!(holder.end_with_open_input().code, None);
}

#[test]
fn a_command_keeps_its_locks_though_its_brigade_is_killed() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["db", "gpu=1/1"]);
    holder.running.signal(Signal::KILL);
    until("brigade is gone", || {
        !lives(&holder.running.pid().as_raw_nonzero().to_string())
    });
    assert!(!is_free(&stage, &["db"]) && !is_free(&stage, &["gpu=1"]));
    let waiting = start_waiting(&stage, "db", &["db", "gpu=1"], "test -e holder-ended");
    holder.gate.open();
    assert_succeeds(waiting);
}

#[test]
fn what_a_command_leaves_in_the_background_holds_nothing() {
    let stage = Stage::new();
    let script = "sleep 1000 < /dev/null > /dev/null 2>&1 & echo $!";
    let outcome = stage.run_with(&["db", "gpu=1/1", "--", "sh", "-c", script]);
    assert_eq!(outcome.code, Some(0));
    assert!(lives(outcome.text().trim()));
    assert!(is_free(&stage, &["db"]) && is_free(&stage, &["gpu=1"]));
    assert_eq!(stage.run_with(&["--list"]).text(), "nothing is held\n");
    kill(outcome.text());
}

#[test]
fn who_is_killed_while_waiting_leaves_the_queue() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["db"]);
    let first = start_waiting(&stage, "db", &["db"], "touch ran");
    let second = start_waiting(&stage, "db", &["db"], "test -e holder-ended");
    first.signal(Signal::KILL);
    assert_eq!(first.end().code, None);
    holder.finish();
    assert_succeeds(second);
    assert!(!stage.path("ran").exists());
}

#[test]
fn standard_input_and_outputs_are_those_of_the_command() {
    let stage = Stage::new();
    let script = "cat; echo err >&2";
    let mut running = Running::start(stage.with(["db", "--", "sh", "-c", script]));
    running.write(b"in\n");
    let outcome = running.end();
    assert_eq!((outcome.text(), &*outcome.stderr), ("in\n", "err\n"));
}
