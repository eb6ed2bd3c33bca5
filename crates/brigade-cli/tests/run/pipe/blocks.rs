//! How the input is cut into blocks, and how far ahead it is read.

use std::fs;
use std::io::ErrorKind;
use std::io::Write;

use rustix::io::ioctl_fionbio;
use rustix::pipe::fcntl_getpipe_size;

use super::{assert_whole, lines};
use crate::stage::{Running, Stage, until};

#[test]
fn blocks_in_order_are_the_input_whatever_their_size() {
    let stage = Stage::new();
    // The last line has no end.
    let input = lines(100_000) + "end";
    let expected = input.replace('a', "b");
    for (size, jobs) in [("64K", "57 jobs"), ("1M", "4 jobs"), ("1G", "1 job")] {
        let arguments = ["--pipe", "-k", "-j4", "--block", size, "tr", "a", "b"];
        let outcome = stage.run(arguments, input.as_bytes());
        assert_whole(&outcome, &expected);
        outcome.assert_says(&format!("brigade: {jobs}, 0 failed"));
    }
}

#[test]
fn blocks_are_of_one_mebibyte_unless_something_else_is_said() {
    let stage = Stage::new();
    let input = "x".repeat(63) + "\n";
    let input = input.repeat(3 * 16 * 1024 + 1);
    let outcome = stage.run(["--pipe", "-k", "wc", "-c"], input.as_bytes());
    assert_whole(&outcome, "1048576\n1048576\n1048576\n64\n");
}

#[test]
fn files_are_cut_one_by_one_and_no_input_is_no_job() {
    let stage = Stage::new();
    fs::write(stage.path("one"), "a\nb").expect("written");
    fs::write(stage.path("empty"), "").expect("written");
    fs::write(stage.path("two"), "c\n").expect("written");
    let files = ["-a", "one", "-a", "empty", "-a", "two"];
    let options = ["-k", "-j2", "--pipe", "--tag", "-N1", "cat; echo :{#}"];
    let outcome = stage.run([&files[..], &options].concat(), b"ignored\n");
    let expected = "line 1\ta\nline 1\t:1\nline 2\tb:2\nline 1\tc\nline 1\t:3\n";
    assert_whole(&outcome, expected);
    let options = ["-k", "--pipe", "false"];
    let outcome = stage.run([&["-a", "one", "-a", "two"][..], &options].concat(), b"");
    assert_eq!(outcome.code, Some(2));
    outcome.assert_says("brigade: one, block 1: `lines 1-2`: exit status 1");
    outcome.assert_says("brigade: two, block 1: `line 1`: exit status 1");
    let outcome = stage.run(["--pipe", "echo ran"], b"");
    assert_whole(&outcome, "");
    outcome.assert_says("brigade: 0 jobs");
}

#[test]
fn a_block_may_have_a_number_of_lines_or_of_items_that_end_with_nul() {
    let stage = Stage::new();
    let outcome = stage.run(
        ["--pipe", "-k", "-N", "2", "paste -sd,"],
        b"a\n\nb c\nd\ne\n",
    );
    assert_whole(&outcome, "a,\nb c,d\ne\n");
    let outcome = stage.run(
        [
            "--pipe",
            "-k",
            "-0",
            "-N2",
            "--tag",
            "tr '\\0\\n' '.,'; echo",
        ],
        b"a\nb\0c\0d\0",
    );
    assert_whole(&outcome, "items 1-2\ta,b.c.\nitem 3\td.\n");
}

#[test]
fn a_block_of_a_number_of_lines_is_read_as_soon_as_they_have_come() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut running = Running::start(stage.command(["-q", "--pipe", "-N2", "tee here"]));
    for text in ["a\nb\n", "c\nd\n"] {
        running.write(text.as_bytes());
        assert_eq!(here.wait(), text);
    }
    let outcome = running.end();
    assert_whole(&outcome, "a\nb\nc\nd\n");
}

#[test]
fn a_block_may_be_larger_than_any_memory_if_the_input_is_not() {
    let arguments = ["-q", "--pipe", "--block", "9000000G", "cat"];
    assert_whole(&Stage::new().run(arguments, b"a\nb\n"), "a\nb\n");
}

#[test]
fn a_line_that_is_too_long_fails_and_no_other_line_is_lost() {
    let stage = Stage::new();
    let most = "y".repeat(16 * 1024 - 1);
    let input = ["a", &most, "b", &"z".repeat(1_000_000), "c", ""].join("\n");
    let outcome = stage.run(["--pipe", "-k", "--block", "1K", "cat"], input.as_bytes());
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.text() == format!("a\n{most}\nb\nc\n"));
    outcome.assert_says(
        "brigade: block 4: `line 4`: it is longer than 16.0 KiB, which is 16 times --block and the most that is kept of one line, ",
    );
    outcome.assert_says("no job has read it: use a larger --block");
    let outcome = stage.run(
        ["--pipe", "-k", "-N3", "--block", "1K", "cat"],
        input.as_bytes(),
    );
    assert_eq!(
        (outcome.code, outcome.text()),
        (Some(2), ""),
        "{}",
        outcome.stderr
    );
    outcome.assert_says("`lines 1-3`: it is longer than");
    outcome.assert_says("`lines 4-5`: it is longer than");
}

#[test]
fn an_input_that_cannot_be_read_on_is_a_failure_after_its_last_block() {
    let stage = Stage::new();
    fs::write(stage.path("one"), "a\nb\n").expect("written");
    let files = ["-a", "one", "-a", "/proc/self/mem"];
    let outcome = stage.run([&files[..], &["--pipe", "cat"]].concat(), b"");
    assert_eq!((outcome.code, outcome.text()), (Some(1), "a\nb\n"));
    outcome.assert_says("could not be read after one, block 1; what was read before is run");
}

#[test]
fn no_more_blocks_are_read_ahead_than_run_at_once() {
    const BLOCK: usize = 256 * 1024;
    let stage = Stage::new();
    let gate = stage.meeting("gate");
    let size = BLOCK.to_string();
    let options = [
        "-q", "--pipe", "-j1", "--events", "events", "--block", &size,
    ];
    let job = ["test {#} != 1 || cat gate; wc -c"];
    let mut running = Running::start(stage.command([&options[..], &job].concat()));
    let mut input = running.take_input();
    ioctl_fionbio(&input, true).expect("a pipe");
    let text = lines(2_000_000);
    let text = text.as_bytes();
    let mut written = 0;
    let mut write = || {
        // Until there is no room.
        while let Some(part) = text.get(written..written + 1000) {
            match input.write(part) {
                Ok(length) => written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return written,
                Err(error) => panic!("{error}"),
            }
        }
        panic!("{written} bytes were read though no job has ended");
    };
    // One runs, one is queued, and whoever reads has one and waits for room.
    until("three blocks are read", || {
        write();
        let events = fs::read_to_string(stage.path("events")).expect("events");
        events.matches("\"queued\"").count() == 3
    });
    let written = write();
    let room = fcntl_getpipe_size(&input).expect("a pipe");
    assert!(
        written <= 3 * BLOCK + room + 1000,
        "{written} bytes were read"
    );
    drop(input);
    gate.open();
    let outcome = running.end_with_open_input();
    let counts = outcome
        .text()
        .lines()
        .map(|it| it.parse::<usize>().expect("a number"));
    assert_eq!((outcome.code, counts.sum::<usize>()), (Some(0), written));
}
