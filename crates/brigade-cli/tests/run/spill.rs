//! Outputs that are too long for memory, and no room for them.

use std::process::Command;

use crate::stage::{Running, Stage};

/// A command of which no process writes a longer file than this, as on a disk that is full by then.
fn within_blocks(blocks: u32, command: &Command) -> Command {
    by_shell(&format!("ulimit -f {blocks} && exec \"$@\""), command)
}

/// A command whose standard output is on a disk that is full.
fn to_full_disk(command: &Command) -> Command {
    by_shell("exec \"$@\" > /dev/full", command)
}

fn by_shell(code: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", code, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().expect("a directory"));
    shell
}

#[test]
fn what_had_room_is_printed_and_the_job_has_failed_and_the_others_run() {
    let stage = Stage::new();
    // Blocks are of 512 or 1,024 bytes: the first mebibyte has room, and not the second or the third.
    let command = stage.command(["-j1", "--joblog", "log"]);
    let mut running = Running::start(within_blocks(3_000, &command));
    let job = "seq 1000000; echo end; seq 1000000 >&2; touch ran; exit 0\n";
    running.write(job.as_bytes());
    running.write(b"echo next\n");
    let outcome = running.end();
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("some of its output is lost, it could not be kept: ");
    outcome.assert_says("File too large");
    outcome.assert_says("long outputs need room there, or in the directory that TMPDIR names");
    outcome.assert_says("brigade: 2 jobs, 1 failed");
    assert!(stage.path("ran").exists(), "it did not run to its end");
    let all = (1..=1_000_000).map(|number| format!("{number}\n"));
    let all = all.collect::<String>();
    let beginning = outcome
        .text()
        .strip_suffix("next\n")
        .expect("the second job");
    let printed = beginning.len();
    assert!(all.starts_with(beginning), "something else was printed");
    assert!((1 << 20..all.len()).contains(&printed), "{printed} bytes");
}

#[test]
fn a_retry_finds_room_again() {
    let stage = Stage::new();
    let command = stage.command(["-q", "-j1", "--retries", "1", "--retry-delay", "1ms"]);
    let mut running = Running::start(within_blocks(3_000, &command));
    running.write(b"mkdir tried && seq 1000000; echo end\n");
    let outcome = running.end();
    assert_eq!((outcome.code, outcome.text()), (Some(0), "end\n"));
}

#[test]
fn what_has_no_room_is_told_while_the_job_runs() {
    let stage = Stage::new();
    let gate = stage.meeting("gate");
    let command = stage.command(["-j1"]);
    let mut running = Running::start(within_blocks(3_000, &command));
    running.write(b"seq 1000000; seq 1000000 >&2; cat gate\n");
    let line = running.wait_for_line("the job goes on");
    let job = "brigade: line 1: `seq 1000000; seq 1000000 >&2; cat gate`: ";
    assert!(line.starts_with(job), "{line}");
    assert!(line.contains("some of its output is lost"), "{line}");
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stderr.matches("the job goes on").count(), 1);
}

#[test]
fn lines_that_cannot_be_written_are_told_while_the_job_runs() {
    let stage = Stage::new();
    let gate = stage.meeting("gate");
    let command = stage.command(["-j1", "--line-buffer"]);
    let mut running = Running::start(to_full_disk(&command));
    running.write(b"echo a; echo b; cat gate\n");
    let line = running.wait_for_line("the job goes on");
    let job = "brigade: line 1: `echo a; echo b; cat gate`: its output is lost";
    assert!(line.starts_with(job), "{line}");
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stderr.matches("the job goes on").count(), 1);
}
