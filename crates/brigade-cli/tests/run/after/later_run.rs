//! What a later run makes of jobs that are after others, by the job log.

use std::fs;

use super::job;
use crate::stage::{Running, Stage};

#[test]
fn what_the_job_log_has_as_done_counts_and_is_not_run_again() {
    let stage = Stage::new();
    let jobs = [
        job("c", "echo c", &["b"]),
        job("a", "echo a", &[]),
        job("b", "echo b; test -e mended", &["a"]),
    ];
    let log = |options: &[&str], jobs: &[String]| {
        let options = [&["-q", "-j1", "--joblog", "log"], options].concat();
        stage.run_objects(&options, jobs)
    };
    assert_eq!(log(&[], &jobs).code, Some(2));
    // What has failed, and is not to be run again, is no better for it.
    let more = job("d", "touch ran", &["b"]);
    let outcome = log(&["--resume"], &[more]);
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("it is after `b`, which has failed as the job log has it; --resume-failed");
    assert!(!stage.path("ran").exists());
    fs::write(stage.path("mended"), "").expect("written");
    let outcome = log(&["--resume-failed"], &jobs);
    assert_eq!((outcome.code, outcome.text()), (Some(0), "b\nc\n"));
    // It need not even be in the input any more; nor does its id get free by that.
    let more = [
        job("e", "echo e", &["a", "c"]),
        job("a", "touch ran", &[]),
        job("a", "touch ran", &[]),
    ];
    let outcome = log(&["--resume"], &more);
    assert_eq!((outcome.code, outcome.text()), (Some(1), "e\n"));
    outcome.assert_says("line 3: `a`: not run: an earlier job has the same `id`");
    assert!(!stage.path("ran").exists());
}

#[test]
fn the_job_log_alone_suffices_to_run_again_what_failed_and_what_is_after_it() {
    let stage = Stage::new();
    let jobs = [
        job("a", "echo a", &[]),
        job("b", "echo b; test -e mended", &["a"]),
        job("c", "test -e mended && echo c", &["a", "b"]),
    ];
    let arguments = ["-q", "-j2", "--joblog", "log"];
    assert_eq!(stage.run_objects(&arguments, &jobs).code, Some(2));
    let again = [&arguments[..], &["--retry-failed"]].concat();
    let outcome = stage.run(&again, b"");
    assert_eq!((outcome.code, outcome.text()), (Some(2), "b\n"));
    outcome.assert_says("job 3: `c`: not run: it is after `b`, which has failed: exit status 1");
    fs::write(stage.path("mended"), "").expect("written");
    let outcome = stage.run(&again, b"");
    assert_eq!((outcome.code, outcome.text()), (Some(0), "b\nc\n"));
}

#[test]
fn ctrl_c_lists_what_waited_and_a_later_run_goes_on() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let jobs = [
        job("c", "echo c", &["b"]),
        job("b", "echo b", &["a"]),
        job("a", "test -e here && echo > here && cat gate; echo a", &[]),
    ];
    let arguments = ["--jsonl", "-j2", "--joblog", "log"];
    let mut running = Running::start(stage.command(arguments));
    running.write(jobs.concat().as_bytes());
    here.wait();
    running.interrupt();
    running.wait_for("waiting for 1 running job");
    gate.open();
    let outcome = running.end_with_open_input();
    assert_eq!((outcome.code, outcome.text()), (Some(130), "a\n"));
    outcome.assert_says("2 jobs did not run");
    outcome.assert_says(&format!(":\n{}{}", jobs[0], jobs[1]));
    let outcome = stage.run_objects(&["-j2", "--joblog", "log", "--resume"], &jobs);
    assert_eq!((outcome.code, outcome.text()), (Some(0), "b\nc\n"));
}
