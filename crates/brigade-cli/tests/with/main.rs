//! Runs the real `brigade with` on real processes. One file a subject; `stage` sets the scenes.

// They look at `/proc`, and at who sent a signal.
#![cfg(target_os = "linux")]

mod counted;
mod exclusion;
mod exit_code;
mod lifetime;
mod list;
mod names;
mod signals;
#[path = "../stage/mod.rs"]
mod stage;
mod waiting;

use std::os::unix::process::CommandExt;
use std::process::Command;

use self::stage::{Meeting, Process, Running, Stage, until};

/// A `brigade with` whose command has said that it runs, and goes on when it is let.
struct Holder {
    running: Running,
    gate: Meeting,
}

impl Holder {
    /// Starts one that ends with `touch NAME-ended`.
    fn start(stage: &Stage, name: &str, arguments: &[&str]) -> Self {
        let here = stage.meeting(&format!("{name}-here"));
        let gate = stage.meeting(&format!("{name}-gate"));
        let script = format!("echo $$ > {name}-here; cat {name}-gate; touch {name}-ended");
        let command = stage.with([arguments, &["--", "sh", "-c", &script]].concat());
        let running = Running::start(command);
        here.wait();
        Self { running, gate }
    }

    /// Lets the command go on, and waits for the end.
    fn finish(self) {
        self.gate.open();
        let outcome = self.running.end();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
}

/// Starts a `brigade with` that has to wait for `resource`, and waits until it does. Its command is a line of shell.
fn start_waiting(stage: &Stage, resource: &str, arguments: &[&str], script: &str) -> Running {
    let mut running = start_reporting(stage, arguments, script);
    running.wait_for(&format!("waiting for `{resource}`"));
    running
}

/// Starts a `brigade with` that says for whom it waits.
fn start_reporting(stage: &Stage, arguments: &[&str], script: &str) -> Running {
    let report = ["--wait-report"];
    let command = ["--", "sh", "-c", script];
    Running::start(stage.with([&report, arguments, &command].concat()))
}

/// True if the resources can be had without waiting.
#[track_caller]
fn is_free(stage: &Stage, resources: &[&str]) -> bool {
    let outcome = stage.run_with(&[&["-w0", "-q"], resources, &["--", "true"]].concat());
    assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:?}");
    outcome.code == Some(0)
}

/// Asserts that a command succeeded.
#[track_caller]
fn assert_succeeds(running: Running) {
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

/// A shell that uses `brigade with` again and again.
struct Loop(Process);

impl Loop {
    /// Starts one; its code finds the command as `$brigade` and its argument as `$1`.
    fn start(stage: &Stage, code: &str, argument: &str) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", code, "sh", argument])
            .current_dir(stage.path(""))
            .env("BRIGADE_LOCK_DIR", stage.path("locks"))
            .env("brigade", env!("CARGO_BIN_EXE_brigade"))
            .process_group(0);
        Self(Process::start(&mut shell))
    }

    #[track_caller]
    fn finish(mut self) {
        let mut status = None;
        until("a loop ends", || {
            status = self.0.try_wait().expect("a child");
            status.is_some()
        });
        assert!(status.expect("ended").success());
    }
}
