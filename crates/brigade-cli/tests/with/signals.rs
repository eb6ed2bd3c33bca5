//! Signals while it waits, and while the command runs.

use std::io::Write;
use std::os::unix::process::CommandExt;

use rustix::process::{Pid, Signal};

use crate::stage::processes::is_stopped;
use crate::stage::{Running, Stage, Terminal, until, within};
use crate::{Holder, is_free, start_waiting};

#[test]
fn while_it_waits_they_end_it() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["db"]);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let waiting = start_waiting(&stage, "db", &["a", "db"], "touch ran");
        waiting.signal(signal);
        assert_eq!(waiting.end().code, Some(code));
        assert!(is_free(&stage, &["a"]));
    }
    holder.finish();
    assert!(is_free(&stage, &["db"]) && !stage.path("ran").exists());
}

#[test]
fn what_someone_sends_goes_to_the_command_which_may_take_its_time() {
    for (signal, name) in [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::USR1, "USR1"),
    ] {
        let stage = Stage::new();
        let (here, heard) = (stage.meeting("here"), stage.meeting("heard"));
        let gate = stage.meeting("gate");
        let script = format!(
            "trap 'echo > heard; cat gate; exit 9' {name}; echo > here; while :; do sleep 0.01; done"
        );
        let running = Running::start(stage.with(["db", "--", "sh", "-c", &script]));
        here.wait();
        running.signal(signal);
        heard.wait();
        assert!(!is_free(&stage, &["db"]));
        gate.open();
        assert_eq!(running.end().code, Some(9));
    }
}

#[test]
fn what_was_ignored_at_the_start_still_is_by_the_command_too() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let script = "kill -INT $$; echo > here; cat gate; exit 5";
    let arguments = ["db", "--", "sh", "-c", script];
    // And ends of children can be waited for, though whoever started it does not care for them.
    let running = Running::start(stage.with_ignoring("INT,CHLD", &arguments));
    here.wait();
    running.signal(Signal::INT);
    gate.open();
    assert_eq!(running.end().code, Some(5));
}

#[test]
fn ctrl_c_on_a_terminal_reaches_the_command_once_and_brigade_waits_for_it() {
    let stage = Stage::new();
    let (here, heard) = (stage.meeting("here"), stage.meeting("heard"));
    let gate = stage.meeting("gate");
    let mut terminal = Terminal::open();
    stage.script(
        "command",
        "#!/bin/sh\nn=0; trap 'n=$((n + 1))' INT; echo > here\n\
         while test $n = 0; do sleep 0.01; done\n\
         echo > heard; (trap '' INT; exec cat gate); exit $((40 + n))\n",
    );
    let mut child = terminal.start_shell(&stage, "exec \"$BRIGADE\" with db -- ./command");
    here.wait();
    terminal.keyboard.write_all(b"\x03").expect("a terminal");
    heard.wait();
    assert!(!is_free(&stage, &["db"]));
    gate.open();
    let status = within(move || child.wait().expect("a child"));
    assert_eq!(status.code(), Some(41));
    assert!(is_free(&stage, &["db"]));
}

#[test]
fn ctrl_z_stops_both_with_the_lock_held_and_fg_continues_them() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let stopped = stage.meeting("stopped");
    let mut terminal = Terminal::open();
    stage.script("command", "#!/bin/sh\necho > here; cat gate; exit 6\n");
    // A shell with job control.
    let code = "set -m; \"$BRIGADE\" with db -- ./command; echo $? > stopped; fg; exit $?";
    let mut child = terminal.start_shell(&stage, code);
    here.wait();
    terminal.keyboard.write_all(b"\x1a").expect("a terminal");
    let code = stopped.wait();
    assert_eq!(code.trim(), (128 + Signal::TSTP.as_raw()).to_string());
    assert!(!is_free(&stage, &["db"]));
    gate.open();
    let status = within(move || child.wait().expect("a child"));
    assert_eq!(status.code(), Some(6));
    assert!(is_free(&stage, &["db"]));
}

#[test]
fn a_stop_for_it_alone_stops_the_command_too_and_so_it_is_continued() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let script = "echo $$ > here; read x < gate; exit 7";
    let mut command = stage.with(["db", "--", "sh", "-c", script]);
    // In a group of its own, as a shell with job control would start it.
    command.process_group(0);
    let running = Running::start(command);
    let pid = here.wait().trim().parse().ok().and_then(Pid::from_raw);
    let pid = pid.expect("a number");
    for _ in 0..2 {
        running.signal(Signal::TSTP);
        until("both are stopped", || {
            is_stopped(running.pid()) && is_stopped(pid)
        });
        assert!(!is_free(&stage, &["db"]));
        running.signal(Signal::CONT);
        until("both go on", || {
            !is_stopped(running.pid()) && !is_stopped(pid)
        });
    }
    gate.open();
    assert_eq!(running.end().code, Some(7));
}

#[test]
fn while_it_waits_a_stop_does_not_end_it() {
    let stage = Stage::new();
    let holder = Holder::start(&stage, "holder", &["db"]);
    let mut command = stage.with(["--wait-report", "db", "--", "touch", "ran"]);
    command.process_group(0);
    let mut waiting = Running::start(command);
    waiting.wait_for("waiting for `db`");
    waiting.signal(Signal::TSTP);
    until("it is stopped", || is_stopped(waiting.pid()));
    waiting.signal(Signal::CONT);
    holder.finish();
    assert_eq!(waiting.end().code, Some(0));
    assert!(stage.path("ran").exists());
}
