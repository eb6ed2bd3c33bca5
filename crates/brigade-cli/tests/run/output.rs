//! Each job's output in one piece, whole, and where it belongs.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::stage::{Running, Stage};

#[test]
fn the_output_of_a_job_is_in_one_piece() {
    let stage = Stage::new();
    let _meetings = ["f", "g"].map(|name| stage.meeting(name));
    // Each prints before and after it has met the other: ungrouped, the lines would mix.
    let outcome = stage.run(
        ["-j2"],
        b"echo a1; echo e1 >&2; echo > f; cat g > h; echo a2; echo e2 >&2\n\
          echo b1; echo d1 >&2; cat f > i; echo > g; echo b2; echo d2 >&2\n",
    );
    assert_eq!(outcome.code, Some(0));
    let text = outcome.text();
    assert!(
        text == "a1\na2\nb1\nb2\n" || text == "b1\nb2\na1\na2\n",
        "{text}"
    );
    assert!(outcome.stderr.contains("e1\ne2\n") && outcome.stderr.contains("d1\nd2\n"));
}

#[test]
fn output_of_any_length_on_both_streams_is_whole() {
    let stage = Stage::new();
    let script = "head -c 3000000 /dev/zero | tr '\\0' {}; head -c 5000000 /dev/zero | tr '\\0' {} >&2; echo";
    let outcome = stage.run(["-q", "-j4", script, ":::", "a", "b", "c", "d"], b"");
    assert_eq!(outcome.code, Some(0));
    let mut lines = outcome
        .text()
        .lines()
        .map(str::as_bytes)
        .collect::<Vec<_>>();
    lines.sort_unstable();
    assert!(lines == [b'a', b'b', b'c', b'd'].map(|letter| vec![letter; 3_000_000]));
    let mut letters = outcome.stderr.into_bytes();
    assert_eq!(letters.len(), 20_000_000);
    letters.dedup();
    assert_eq!(letters.len(), 4, "the jobs' outputs are mixed");
}

#[test]
fn a_job_has_no_input() {
    let outcome = Stage::new().run(["-j1"], b"cat\necho a\n");
    assert_eq!((outcome.code, outcome.text()), (Some(0), "a\n"));
}

#[test]
fn when_nobody_reads_the_output_it_starts_no_more_jobs_and_says_so() {
    let stage = Stage::new();
    let (mut running, stdout) = Running::start_unread(stage.command(["-j2"]));
    let mut input = running.take_input();
    let feeder = std::thread::spawn(move || {
        use std::io::Write;
        while input.write_all(b"echo a\n").is_ok() {}
    });
    let mut line = String::new();
    BufReader::with_capacity(1, stdout)
        .read_line(&mut line)
        .expect("readable"); // and it is closed
    assert_eq!(line, "a\n");
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(141));
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    outcome.assert_says("brigade: nobody reads standard output any more: ");
    outcome.assert_says(" did not run; what follows line ");
    feeder.join().expect("no panic");
}

#[test]
fn when_nobody_reads_the_output_and_nothing_is_left_to_run_it_ends_quietly() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let job = "echo > here; cat gate; echo a";
    let (running, stdout) = Running::start_unread(stage.command([":::", job]));
    here.wait();
    drop(stdout);
    gate.open();
    let outcome = running.end();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(141), ""));
}

#[test]
fn output_that_cannot_be_written_is_a_failure_of_that_job() {
    let stage = Stage::new();
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let mut command = stage.command(["-j1", ":::", "echo a", "true", "echo b"]);
    let output = command
        .stdin(Stdio::null())
        .stdout(full)
        .output()
        .expect("brigade runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr.contains("argument 1: `echo a`: its output is lost"),
        "{stderr}"
    );
    assert!(stderr.contains("3 jobs, 2 failed"), "{stderr}");
}

#[test]
fn output_that_cannot_be_kept_is_a_failure_of_a_job_that_still_runs_to_its_end() {
    let stage = Stage::new();
    let mut command = stage.command(["-j1"]);
    command.env("TMPDIR", stage.path("missing"));
    let mut running = Running::start(command);
    running.write(b"head -c 5000000 /dev/zero && touch ran\necho a\n");
    let outcome = running.end();
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("some of its output is lost");
    assert!(stage.path("ran").exists());
    assert!(outcome.stdout.ends_with(b"a\n"));
}

#[test]
fn a_job_ends_when_nobody_can_write_to_its_output_any_more() {
    let stage = Stage::new();
    let outcome = stage.run(
        ["-q"],
        b"(until test -e go; do :; done; echo late) & touch go; echo early\n",
    );
    assert_eq!(outcome.sorted_lines(), ["early", "late"]);
}

#[test]
fn bytes_pass_through_unchanged() {
    let stage = Stage::new();
    let bytes = (0..=255).collect::<Vec<u8>>();
    std::fs::write(stage.path("bytes"), &bytes).expect("written");
    let mut all = Vec::new();
    stage
        .run(["cat", ":::", "bytes"], b"")
        .stdout
        .as_slice()
        .read_to_end(&mut all)
        .expect("memory");
    assert_eq!(all, bytes);
}
