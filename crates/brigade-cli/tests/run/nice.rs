//! Jobs are nicer than brigade itself.

use std::fs;
use std::process::Command;

use crate::stage::{Running, Stage, until};

/// The niceness that the command `nice` prints.
fn niceness(command: &mut Command) -> i32 {
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("a number")
}

fn ours() -> i32 {
    niceness(&mut Command::new("nice"))
}

#[test]
fn each_job_is_nicer_by_so_much_and_so_is_what_it_starts() {
    let expected = format!("{}\n", (ours() + 3).min(19));
    // Again and again, by the same workers: it does not add up.
    let jobs = "nice\nsh -c 'nice; :' | cat\n".repeat(10);
    let arguments = ["-q", "-j3", "--nice", "3"];
    let outcome = Stage::new().run(arguments, jobs.as_bytes());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.text(), expected.repeat(20));
}

#[test]
fn more_than_there_is_is_the_most_and_nothing_is_as_ours() {
    let expected = [("19", (ours() + 19).min(19)), ("0", ours())];
    for (added, expected) in expected {
        let outcome = Stage::new().run(["-q", "--nice", added], b"nice\n");
        assert_eq!(outcome.text(), format!("{expected}\n"));
    }
}

#[test]
fn it_is_the_same_for_lines_as_they_come_and_with_a_timeout() {
    let expected = format!("{}\n", (ours() + 1).min(19));
    let arguments = ["-q", "--line-buffer", "--timeout", "1h", "--nice=1"];
    let outcome = Stage::new().run(arguments, b"nice\n");
    assert_eq!(outcome.text(), expected);
}

#[test]
fn brigade_itself_is_not_slowed_down() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["-j2", "--nice", "5"]));
    running.write(b"true\ntrue\ntrue\necho > here; cat gate\n");
    here.wait();
    let threads = format!("/proc/{}/task", running.pid().as_raw_nonzero());
    let nicenesses = || {
        let threads = fs::read_dir(&threads).expect("it runs");
        let nicenesses = threads.filter_map(|thread| {
            let path = thread.expect("a thread").path().join("stat");
            let stat = fs::read_to_string(path).ok()?; // it may have ended since
            let (_, fields) = stat.rsplit_once(") ").expect("a name");
            fields.split(' ').nth(16)?.parse::<i32>().ok()
        });
        nicenesses.collect::<Vec<_>>()
    };
    let ours = ours();
    // One that was nice in order to start a job is about to end.
    until("all threads are as they were", || {
        let nicenesses = nicenesses();
        assert!(nicenesses.len() >= 3, "{nicenesses:?}");
        nicenesses.iter().all(|&niceness| niceness == ours)
    });
    gate.open();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn what_is_no_niceness_is_misuse() {
    for wrong in ["20", "-21", "much", "1.5"] {
        let stage = Stage::new();
        let outcome = stage.run(["--nice", wrong], b"touch ran\n");
        assert_eq!(outcome.code, Some(2));
        outcome.assert_says(&format!(
            "give a number from -20 to 19, such as 10, not `{wrong}`"
        ));
        assert!(!stage.path("ran").exists());
    }
}

#[test]
fn without_the_right_to_it_nothing_is_run() {
    let stage = Stage::new();
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]);
        command.arg(env!("CARGO_BIN_EXE_brigade"));
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_brigade"))
    };
    command
        .args(["run", "--nice", "-5"])
        .current_dir(stage.path(""));
    let mut running = Running::start(command);
    running.write(b"touch ran\n");
    let outcome = running.end();
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    outcome.assert_says("jobs cannot have their niceness changed by -5: Permission denied");
    outcome.assert_says("nothing was run");
    assert!(!stage.path("ran").exists());
}

#[test]
fn jobs_may_be_less_nice_if_a_command_of_ours_may() {
    let outcome = Stage::new().run(["-q", "--nice", "-1"], b"nice\n");
    // Who has not the right is told so, and gets ours.
    let theirs = niceness(Command::new("nice").args(["-n", "-1", "nice"]));
    if theirs == (ours() - 1).max(-20) {
        assert_eq!(outcome.text(), format!("{theirs}\n"));
    } else {
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
    }
}
