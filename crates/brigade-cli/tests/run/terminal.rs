//! On a terminal: progress between what jobs print, and jobs that want the terminal for themselves.

use std::io::Write;
use std::process::Command;

use crate::stage::{Process, Stage, Terminal, until, within};

/// What a terminal shows of both outputs while two jobs run, of which the second fails. The first goes
/// on when what is expected is shown.
fn on_terminal(arguments: &[&str], first: &str, second: &str, expected: Option<&str>) -> String {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let terminal = Terminal::open();
    let first = format!("echo > here; cat gate; {first}");
    let jobs = [":::", &first, second];
    let mut child = terminal.start(stage.command([&["-j1"], arguments, &jobs].concat()));
    here.wait();
    let mut text = String::new();
    if let Some(expected) = expected {
        until("progress is shown", || {
            text.extend(terminal.shown.try_iter());
            text.contains(expected)
        });
    }
    gate.open();
    assert_eq!(child.wait().expect("a child").code(), Some(1));
    text + &terminal.close()
}

#[test]
fn progress_is_shown_on_a_terminal() {
    let text = on_terminal(&[], ":", "false", Some("1 running, 1 queued"));
    assert!(
        text.contains("/2 done") && text.contains("2 jobs, 1 failed"),
        "{text:?}"
    );
    let failure = "brigade: argument 2: `false`: exit status 1\r\n";
    assert!(text.contains(failure), "{text:?}");
}

#[test]
fn progress_is_not_shown_when_not_wanted() {
    let text = on_terminal(&["--no-progress"], ":", "false", None);
    assert!(
        !text.contains("running") && text.contains("2 jobs, 1 failed"),
        "{text:?}"
    );
    let text = on_terminal(&["-q"], ":", "false", None);
    assert_eq!(text, "brigade: argument 2: `false`: exit status 1\r\n");
}

#[test]
fn progress_is_not_drawn_over_what_is_typed() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut terminal = Terminal::open();
    let mut command = stage.command([""; 0]);
    command
        .stdin(terminal.for_program())
        .stdout(terminal.for_program())
        .stderr(terminal.for_program());
    let mut child = Process::start(&mut command);
    drop(command); // it has copies of the program's side
    let typed = terminal.keyboard.write_all(b"echo > here\n");
    typed.expect("a terminal");
    here.wait();
    let ended = terminal.keyboard.write_all(b"\x04"); // Ctrl-D
    ended.expect("a terminal");
    assert_eq!(child.wait().expect("a child").code(), Some(0));
    let text = terminal.close();
    assert!(
        text.contains("reading jobs from the terminal") && !text.contains("done,"),
        "{text:?}"
    );
}

#[test]
fn progress_takes_away_no_line_that_a_job_left_open() {
    let job = "printf out; printf err >&2";
    let text = on_terminal(&[], job, "false", Some("1 running"));
    assert!(
        text.contains("out\r\n") && text.contains("err\r\n"),
        "{text:?}"
    );
}

#[test]
fn messages_begin_a_line_whatever_jobs_printed() {
    let text = on_terminal(&["-q"], "printf a", "printf b; exit 1", None);
    assert_eq!(
        text,
        "ab\r\nbrigade: argument 2: `printf b; exit 1`: exit status 1\r\n"
    );
}

#[test]
fn a_job_that_wants_the_terminal_is_ended_instead_of_waiting_for_ever() {
    let terminal = Terminal::open();
    let brigade = env!("CARGO_BIN_EXE_brigade");
    let job = "trap '' TERM; while :; do read x < /dev/tty; done";
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", brigade, "run", "-j1", "-q", ":::", job, "echo a"])
        .stdin(terminal.for_program());
    let output = within(move || command.output().expect("setsid runs"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("stopped, as it used the terminal"),
        "{stderr}"
    );
    assert_eq!(output.stdout, b"a\n");
}
