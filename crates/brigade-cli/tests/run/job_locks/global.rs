//! Resources that single jobs need and that other processes see.

use super::{ALONE, job};
use crate::stage::{Running, Stage};

#[test]
fn ctrl_c_lists_what_waits_for_other_processes() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let holder = ["db", "--", "sh", "-c", "echo > here; cat gate"];
    let holder = Running::start(stage.with(holder));
    here.wait();
    let mut running = Running::start(stage.command(["--jsonl", "-j2", "--global-locks"]));
    let waiting = [job("touch ran", &["a", "db"]), job("touch ran", &["a"])];
    running.write(waiting[0].as_bytes());
    // Only now does it have `a`: two workers could take two jobs of which the second is the first to ask.
    running.wait_for("waiting for `db`");
    running.write(waiting[1].as_bytes());
    running.write(job("echo > here", &[]).as_bytes());
    here.wait();
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("2 jobs did not run");
    outcome.assert_says(&format!(":\n{}{}", waiting[0], waiting[1]));
    assert_eq!(stage.run_with(&["-w0", "a", "--", "true"]).code, Some(0));
    gate.open();
    assert_eq!(holder.end().code, Some(0));
    assert!(!stage.path("ran").exists());
}

#[test]
fn with_global_locks_jobs_and_other_commands_exclude_each_other() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let holder = [
        "db",
        "--",
        "sh",
        "-c",
        "echo > here; cat gate; touch released",
    ];
    let holder = Running::start(stage.with(holder));
    here.wait();
    // One worker: while a job waits for another process, others run.
    let mut running = Running::start(stage.command(["--jsonl", "-j1", "--global-locks"]));
    running.write(job("test -e released && echo > here && cat gate", &["db", "a"]).as_bytes());
    running.wait_for("waiting for `db`; brigade with --list shows who has it");
    running.write(job("echo > here", &["b"]).as_bytes());
    here.wait();
    gate.open();
    assert_eq!(holder.end().code, Some(0));
    here.wait();
    assert_eq!(stage.run_with(&["-w0", "db", "--", "true"]).code, Some(1));
    assert_eq!(stage.run_with(&["-w0", "b", "--", "true"]).code, Some(0));
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(stage.run_with(&["--list"]).text(), "nothing is held\n");
}

#[test]
fn global_locks_of_all_jobs_and_of_single_ones_do_not_wait_for_each_other() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let holder = ["x", "--", "sh", "-c", "echo > here; cat gate"];
    let holder = Running::start(stage.with(holder));
    here.wait();
    let options = ["--jsonl", "-j4", "--global-locks", "--lock", "db"];
    let mut running = Running::start(stage.command(options));
    // The first has `db`, which the others need too, while it waits for `x`.
    running.write(job(ALONE, &["x"]).as_bytes());
    running.wait_for("waiting for `x`");
    assert_eq!(stage.run_with(&["-w0", "db", "--", "true"]).code, Some(1));
    for locks in [&[][..], &["y"], &["x"], &["db"], &[]] {
        running.write(job(ALONE, locks).as_bytes());
    }
    gate.open();
    assert_eq!(holder.end().code, Some(0));
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.assert_says("6 jobs, 0 failed");
}

#[test]
fn many_jobs_and_other_commands_take_global_locks_in_turns() {
    let stage = Stage::new();
    let jobs = (0..60).map(|number| match number % 3 {
        0 => job(ALONE, &["a", "b"]),
        1 => job(ALONE, &["b", "a", "c:shared"]),
        _ => job("true", &["gpu=2/3", "c:shared"]),
    });
    let jobs = jobs.collect::<String>();
    let mut running = Running::start(stage.command(["--jsonl", "-j4", "--global-locks"]));
    running.write(jobs.as_bytes());
    for _ in 0..10 {
        let outcome = stage.run_with(&["b", "a", "--", "sh", "-c", ALONE]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.assert_says("60 jobs, 0 failed");
}

#[test]
fn global_resources_that_contradict_what_others_said_fail_their_job() {
    let stage = Stage::new();
    assert_eq!(stage.run_with(&["gpu=1/4", "--", "true"]).code, Some(0));
    let jobs = [
        job("echo a", &["gpu=2"]),
        job("touch ran", &["gpu=1/3"]),
        job("touch ran", &["gpu=5"]),
        job("touch ran", &["cpu=1"]),
    ];
    let outcome = stage.run_objects(&["-j1", "--global-locks"], &jobs);
    assert_eq!((outcome.code, outcome.text()), (Some(3), "a\n"));
    outcome.assert_says("`gpu` has 4 units, as was said when it was first used, and not 3");
    outcome.assert_says("5 units of `gpu`, which has 4");
    outcome.assert_says("nobody has said yet how many units `cpu` has");
    assert!(!stage.path("ran").exists());
}
