//! Lines printed as soon as a job has printed them.

use std::io::{BufRead, BufReader, Read};

use crate::stage::{Running, Stage};

#[test]
fn a_line_is_printed_while_its_job_still_runs() {
    let stage = Stage::new();
    let gate = stage.meeting("gate");
    let (mut running, stdout) = Running::start_unread(stage.command(["-q", "--line-buffer"]));
    running.write(b"printf 'a\\nb'; cat gate; echo c; printf d\n");
    let mut stdout = BufReader::new(stdout);
    let mut line = String::new();
    stdout.read_line(&mut line).expect("readable");
    assert_eq!(line, "a\n");
    drop(running.take_input());
    gate.open();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("readable");
    let code = running.end_with_open_input().code;
    assert_eq!((code, rest.as_str()), (Some(0), "bc\nd"));
}

#[test]
fn lines_of_several_jobs_are_whole() {
    let stage = Stage::new();
    let job = "i=0; while test $i -lt 200; do printf '%s-' {}; echo {}; i=$((i+1)); done";
    let arguments = [
        "-q",
        "-j4",
        "--line-buffer",
        "--tag",
        job,
        ":::",
        "a",
        "b",
        "c",
        "d",
    ];
    let outcome = stage.run(arguments, b"");
    let lines = outcome.sorted_lines();
    assert_eq!(lines.len(), 800);
    for (letter, lines) in ["a", "b", "c", "d"].iter().zip(lines.chunks(200)) {
        assert!(
            lines
                .iter()
                .all(|line| *line == format!("{letter}\t{letter}-{letter}"))
        );
    }
}

#[test]
fn a_line_of_any_length_is_whole() {
    let stage = Stage::new();
    let job = "head -c 3000000 /dev/zero | tr '\\0' {}; echo; echo {} >&2";
    let outcome = stage.run(["-q", "-j2", "--line-buffer", job, ":::", "a", "b"], b"");
    assert_eq!(outcome.code, Some(0));
    let lines = outcome.sorted_lines();
    assert!(lines == ["a", "b"].map(|letter| letter.repeat(3_000_000)));
    assert_eq!(outcome.stderr.len(), 4);
}

#[test]
fn output_that_cannot_be_written_is_a_failure_told_once() {
    let stage = Stage::new();
    let full = std::fs::File::options().write(true).open("/dev/full");
    let mut command = stage.command(["-q", "--line-buffer", ":::", "echo a; echo b; echo c"]);
    command
        .stdout(full.expect("Linux has it"))
        .stdin(std::process::Stdio::null());
    let output = command.output().expect("brigade runs");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr.matches("its output is lost").count(), 1, "{stderr}");
}
