//! What happens is told to programs, a JSON object a line.

use std::fs::{self, File};
use std::path::Path;

use serde_json::Value;

use crate::stage::{Running, Stage};

pub(crate) fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("events");
    let parse = |line| serde_json::from_str(line).expect("JSON");
    text.lines().map(parse).collect()
}

/// The names of the events of one job, in order.
fn of_job(events: &[Value], seq: u64) -> Vec<&str> {
    let of_job = events.iter().filter(|event| event["seq"] == seq);
    of_job
        .map(|event| event["event"].as_str().expect("a name"))
        .collect()
}

fn find<'a>(events: &'a [Value], name: &str, seq: u64) -> &'a Value {
    let found = events
        .iter()
        .find(|event| event["event"] == name && event["seq"] == seq);
    found.unwrap_or_else(|| panic!("no {name} of {seq} in {events:?}"))
}

#[test]
fn each_job_is_queued_started_and_ended_and_the_summary_is_last() {
    let stage = Stage::new();
    let outcome = stage.run(
        ["-q", "-j2", "--events", "events"],
        b"@low true\nexit 7\nkill -9 $$\n",
    );
    assert_eq!(outcome.code, Some(2));
    let events = read(&stage.path("events"));
    for seq in 1..=3 {
        assert_eq!(of_job(&events, seq), ["queued", "started", "ended"]);
    }
    let queued = find(&events, "queued", 1);
    assert_eq!(
        (&queued["job"], &queued["place"], &queued["priority"]),
        (&"@low true".into(), &"line 1".into(), &192.into())
    );
    let ended = |seq| find(&events, "ended", seq);
    assert_eq!(
        (&ended(1)["ok"], &ended(1)["exit"], &ended(1)["attempt"]),
        (&true.into(), &0.into(), &1.into())
    );
    assert_eq!(
        (&ended(2)["ok"], &ended(2)["exit"], &ended(2)["failure"]),
        (&false.into(), &7.into(), &"exit status 7".into())
    );
    assert_eq!(
        (ended(3).get("exit"), &ended(3)["signal"]),
        (None, &9.into())
    );
    assert!(
        ended(1)["seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0)
    );
    let summary = events.last().expect("one");
    assert_eq!(summary["event"], "summary");
    let counts = [
        "succeeded",
        "failed",
        "stopped",
        "retries",
        "not_run",
        "exit_code",
    ]
    .map(|field| summary[field].as_u64());
    assert_eq!(counts, [1, 2, 0, 0, 0, 2].map(Some));
    assert!(
        events
            .iter()
            .all(|event| event["time"].as_f64().is_some_and(|time| time > 1e9))
    );
}

#[test]
fn an_attempt_that_fails_ends_with_a_retry() {
    let stage = Stage::new();
    let arguments = [
        "-q",
        "--retries",
        "2",
        "--retry-delay",
        "1ms",
        "--events",
        "events",
    ];
    let outcome = stage.run(arguments, b"test -e tried || { touch tried; exit 5; }\n");
    assert_eq!(outcome.code, Some(0));
    let events = read(&stage.path("events"));
    assert_eq!(
        of_job(&events, 1),
        ["queued", "started", "retry", "started", "ended"]
    );
    let retry = find(&events, "retry", 1);
    assert_eq!(
        (&retry["attempt"], &retry["ok"], &retry["exit"]),
        (&1.into(), &false.into(), &5.into())
    );
    assert!(retry["delay"].as_f64().is_some_and(|delay| delay < 0.1));
    assert_eq!(find(&events, "ended", 1)["attempt"], 2);
    assert_eq!(events.last().expect("one")["retries"], 1);
}

#[test]
fn what_is_stopped_and_what_is_not_run_is_told() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut running = Running::start(stage.command(["-j1", "--events", "events"]));
    running.write(b"echo > here; exec sleep 1000\ntouch ran\n");
    here.wait();
    running.interrupt();
    running.wait_for("waiting for 1 running job");
    running.interrupt();
    assert_eq!(running.end_with_open_input().code, Some(130));
    let events = read(&stage.path("events"));
    assert_eq!(of_job(&events, 1), ["queued", "started", "ended"]);
    let stops: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "stopped")
        .collect();
    assert_eq!(stops.len(), 1);
    assert_eq!(
        (&stops[0]["reason"], &stops[0]["running"]),
        (&"SIGINT".into(), &1.into())
    );
    let summary = events.last().expect("one");
    assert_eq!(
        (&summary["stopped"], &summary["exit_code"]),
        (&1.into(), &130.into())
    );
    // The second may not have been read when all was stopped; if it was, it is accounted for.
    let not_run = usize::from(!of_job(&events, 2).is_empty());
    assert_eq!(summary["not_run"], not_run);
    if not_run == 1 {
        assert_eq!(of_job(&events, 2), ["queued", "not_run"]);
    }
}

#[test]
fn names_that_are_not_utf8_are_told_without_loss() {
    let stage = Stage::new();
    let outcome = stage.run(["-q", "--events", "events", "true"], b"a\xff\"\n");
    assert_eq!(outcome.code, Some(0));
    assert_eq!(
        find(&read(&stage.path("events")), "ended", 1)["job"]["hex"],
        "61ff22"
    );
}

#[test]
fn jobs_go_on_when_events_cannot_be_written() {
    let stage = Stage::new();
    let outcome = stage.run(["-j1", "--events", "/dev/full"], b"echo a\necho b\n");
    assert_eq!((outcome.code, outcome.text()), (Some(0), "a\nb\n"));
    assert_eq!(
        outcome
            .stderr
            .matches("events cannot be written any more: ")
            .count(),
        1
    );
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_before_anything_runs() {
    let stage = Stage::new();
    let outcome = stage.run(["--events", "none/events"], b"touch ran\n");
    assert_eq!(outcome.code, Some(2));
    outcome.assert_says("the file for events cannot be opened: ");
    assert!(!stage.path("ran").exists());
}

#[test]
fn who_does_not_read_the_events_does_not_keep_ctrl_c_from_working() {
    let stage = Stage::new();
    // Someone has it open, so that it can be written to, and reads nothing.
    drop(stage.meeting("events"));
    let reader = File::options()
        .read(true)
        .write(true)
        .open(stage.path("events"));
    let reader = reader.expect("a named pipe");
    let here = stage.meeting("here");
    let mut running = Running::start(stage.command(["-j1", "--events", "events"]));
    // The job itself fills it, so that no further event has room.
    running.write(
        b"dd if=/dev/zero of=events bs=4096 oflag=nonblock conv=notrunc; echo > here; exec sleep 1000\n",
    );
    here.wait();
    running.interrupt();
    running.wait_for("waiting for 1 running job");
    running.interrupt();
    running.interrupt();
    assert_eq!(running.end_with_open_input().code, Some(130));
    drop(reader);
}
