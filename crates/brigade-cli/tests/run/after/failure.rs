//! Jobs after what failed, what is missing, themselves or two of one id: they are not run, and that is said.

use serde_json::json;

use super::{assert_counts, job};
use crate::joblog;
use crate::stage::{Running, Stage};

#[test]
fn what_is_after_a_failure_has_failed_and_says_for_what() {
    let stage = Stage::new();
    let jobs = [
        job("early", "touch ran", &["bad", "good"]),
        job("good", "echo good", &[]),
        job("bad", "exit 3", &[]),
        job("next", "touch ran", &["bad"]),
        job("last", "touch ran", &["good", "next"]),
        job("other", "echo other", &["good"]),
    ];
    let outcome = stage.run_objects(&["-j2", "--joblog", "log"], &jobs);
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert_eq!(outcome.text(), "good\nother\n");
    for message in [
        "line 1: `early`: not run: it is after `bad`, which has failed: exit status 3",
        "line 3: `bad`: exit status 3",
        "line 4: `next`: not run: it is after `bad`, which has failed: exit status 3",
        "line 5: `last`: not run: it is after `next`, which was not run either",
    ] {
        outcome.assert_says(message);
    }
    assert_counts(&outcome, 6, 4);
    assert!(!stage.path("ran").exists());
    let entries = joblog::entries(&stage, "log");
    let attempts = |id| {
        let entry = entries.iter().find(|entry| entry["id"] == id);
        entry.map(|entry| entry["attempts"].clone())
    };
    let counts = ["good", "bad", "next", "last"].map(attempts);
    assert_eq!(counts, [1, 1, 0, 0].map(|count| Some(json!(count))));
    assert_eq!(entries.len(), 6);
}

#[test]
fn what_is_after_a_job_that_is_not_in_the_input_has_failed_at_its_end() {
    let stage = Stage::new();
    let jobs = [
        job("a", "touch ran", &["none"]),
        job("b", "touch ran", &["a"]),
        job("c", "echo c", &[]),
    ];
    let outcome = stage.run_objects(&["-j2"], &jobs);
    assert_eq!((outcome.code, outcome.text()), (Some(2), "c\n"));
    outcome.assert_says("`a`: not run: it is after `none`, and no job that was read has this id");
    outcome.assert_says("`b`: not run: it is after `a`, which was not run either");
    assert!(!stage.path("ran").exists());
}

#[test]
fn a_cycle_is_named_as_soon_as_it_is_read_and_other_jobs_go_on() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["--jsonl", "-j2"]));
    running.write(job("first", "echo > here; cat gate; echo first", &[]).as_bytes());
    here.wait();
    let jobs = [
        job("alone", "touch ran", &["alone"]),
        job("a", "touch ran", &["b", "first"]),
        job("b", "touch ran", &["first", "a"]),
        job("x", "touch ran", &["y"]),
        job("y", "touch ran", &["first", "z"]),
        job("side", "touch ran", &["y"]),
        job("z", "touch ran", &["first", "x"]),
        job("last", "echo last", &["first"]),
    ];
    running.write(jobs.concat().as_bytes());
    for message in [
        "line 2: `alone`: not run: it is after itself: alone → alone\n",
        "line 3: `a`: not run: it is after itself: a → b → a, 2 jobs",
        "line 4: `b`: not run: it is after itself: b → a → b, 2 jobs",
        "line 5: `x`: not run: it is after itself: x → y → z → x, 3 jobs",
        "line 6: `y`: not run: it is after itself: y → z → x → y, 3 jobs",
        "line 8: `z`: not run: it is after itself: z → x → y → z, 3 jobs",
        "line 7: `side`: not run: it is after `y`, which was not run either",
    ] {
        running.wait_for(message);
    }
    gate.open();
    let outcome = running.end();
    assert_eq!((outcome.code, outcome.text()), (Some(7), "first\nlast\n"));
    assert_counts(&outcome, 9, 7);
    assert!(!stage.path("ran").exists());
}

#[test]
fn the_name_of_a_long_cycle_is_short() {
    let jobs = (0..1000).map(|number| {
        let next = (number + 1) % 1000;
        job(&number.to_string(), "touch ran", &[&next.to_string()])
    });
    let stage = Stage::new();
    let outcome = stage.run_objects(&["-j2"], &jobs.collect::<Vec<_>>());
    assert_eq!(outcome.code, Some(101));
    outcome.assert_says("itself: 999 → 0 → 1 → 2 → 3 → 4 → 5 → 6 → … → 999, 1000 jobs");
    assert_counts(&outcome, 1000, 1000);
    assert!(!stage.path("ran").exists());
}

#[test]
fn an_id_that_was_read_before_is_an_error_of_the_second_job() {
    let stage = Stage::new();
    let jobs = [
        job("a", "echo a", &[]),
        job("a", "touch ran; exit 1", &[]),
        job("b", "echo b", &["a"]),
    ];
    let outcome = stage.run_objects(&["-j1"], &jobs);
    assert_eq!((outcome.code, outcome.text()), (Some(1), "a\nb\n"));
    outcome.assert_says("line 2: `a`: not run: an earlier job has the same `id`");
    assert!(!stage.path("ran").exists());
}

#[test]
fn what_is_after_the_failure_that_halts_a_run_is_not_run_and_has_not_failed() {
    let stage = Stage::new();
    let jobs = [job("b", "touch ran", &["a"]), job("a", "exit 1", &[])];
    let outcome = stage.run_objects(&["-j1", "--halt", "soon,fail=1"], &jobs);
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says(&format!("brigade: 1 job did not run:\n{}", jobs[0]));
    outcome.assert_says("brigade: 1 job, 1 failed, 1 not run");
    assert!(!stage.path("ran").exists());
}

#[test]
fn what_was_not_run_because_of_a_failure_counts_for_halt() {
    let stage = Stage::new();
    let jobs = [
        job("a", "exit 1", &[]),
        job("b", "touch ran", &["a"]),
        job("c", "exec sleep 1000", &[]),
    ];
    let outcome = stage.run_objects(&["-j2", "--halt", "now,fail=2"], &jobs);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    outcome.assert_says("2 failed");
}
