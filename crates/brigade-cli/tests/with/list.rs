//! Who holds what.

use std::fs::{self, File};
use std::io::pipe;

use rustix::process::Signal;
use serde_json::Value;

use crate::stage::{Running, Stage, until};
use crate::{Holder, assert_succeeds, start_waiting};

fn lines(stage: &Stage) -> Vec<Value> {
    let outcome = stage.run_with(&["--list", "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let lines = outcome.text().lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn it_shows_who_holds_and_who_waits_to_several_at_once() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["db", "gpu=1/4"]);
    let waiting = start_waiting(&stage, "db", &["cache:shared", "db"], "exit 0");
    let list = || Running::start(stage.with(["--list"]));
    for outcome in [list(), list(), list()].map(Running::end) {
        let shown = outcome.text().lines();
        let shown = shown.map(|line| line.split_whitespace().collect::<Vec<_>>());
        let expected = [
            ["cache", "shared", "held"],
            ["db", "exclusive", "held"],
            ["db", "exclusive", "waiting"],
        ];
        let rows = shown.skip(1).collect::<Vec<_>>();
        for (row, expected) in rows.iter().zip(expected) {
            assert_eq!(row[..3], expected, "{outcome:?}");
        }
        assert_eq!(rows[3][..4], ["gpu", "1/4", "units", "held"], "{outcome:?}");
    }
    // It runs before its number is written down.
    until("the command is told", || {
        lines(&stage)[1]["command_pid"].is_u64()
    });
    let shown = lines(&stage);
    let pid = |running: &Running| Value::from(running.pid().as_raw_nonzero().get());
    assert_eq!(
        (&shown[1]["pid"], &shown[2]["pid"]),
        (&pid(&holder.running), &pid(&waiting))
    );
    assert_eq!(shown[2]["state"], "waiting");
    assert_eq!(shown[2]["command"][2], "exit 0");
    assert_eq!(
        (&shown[3]["units"], &shown[3]["capacity"]),
        (&1.into(), &4.into())
    );
    assert!(shown[1]["command_pid"].is_u64() && shown[2]["command_pid"].is_null());
    holder.finish();
    assert_succeeds(waiting);
    assert_eq!(lines(&stage), [Value::Null; 0]);
}

#[test]
fn who_was_killed_is_not_shown_and_leaves_nothing() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["db"]);
    let waiting = start_waiting(&stage, "db", &["db"], ":");
    waiting.signal(Signal::KILL);
    waiting.end();
    assert_eq!(lines(&stage).len(), 1);
    // The command still holds it.
    holder.running.signal(Signal::KILL);
    assert_eq!(lines(&stage).len(), 1);
    holder.gate.open();
    until("the command has ended", || lines(&stage).is_empty());
    let records = fs::read_dir(stage.path("locks/%records")).expect("a directory");
    assert_eq!(records.count(), 0);
}

#[test]
fn it_ends_quietly_when_nobody_reads() {
    let stage = Stage::new();
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut command = stage.with(["--list"]);
    let output = command.stdout(writer).output().expect("brigade runs");
    // As shells tell it of a program that SIGPIPE has ended.
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_full_disk_is_an_error() {
    let stage = Stage::new();
    let full = File::options().write(true).open("/dev/full");
    let mut command = stage.with(["--list"]);
    command.stdout(full.expect("a full device"));
    let output = command.output().expect("brigade runs");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.starts_with("brigade: standard output cannot be written: "),
        "{message}"
    );
}
