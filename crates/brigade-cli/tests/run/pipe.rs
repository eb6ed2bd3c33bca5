//! Blocks of the input, each read by a job of its own.

use std::fs;
use std::io::ErrorKind;
use std::io::Write;

use rustix::io::ioctl_fionbio;
use rustix::pipe::fcntl_getpipe_size;

use crate::joblog::entries;
use crate::stage::{Outcome, Running, Stage, until};

/// Lines of different lengths.
fn lines(number: u32) -> String {
    let line = |line: u32| format!("{line} {}\n", "a".repeat(line as usize % 61));
    (0..number).map(line).collect()
}

#[track_caller]
fn assert_whole(outcome: &Outcome, expected: &str) {
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.text() == expected, "some of it is missing or moved");
}

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
fn jobs_that_print_before_they_read_and_while_they_read_do_not_hang() {
    let stage = Stage::new();
    let input = lines(100_000);
    // More than pipes hold, on both outputs, before the first byte is read.
    let job = "head -c 3000000 /dev/zero; head -c 300000 /dev/zero >&2; tee /dev/stderr";
    let outcome = stage.run(["-q", "--pipe", "-k", "-j2", job], input.as_bytes());
    assert_eq!(outcome.code, Some(0));
    let printed = |text: &[u8]| {
        let text = text.iter().copied().filter(|&byte| byte != 0);
        String::from_utf8(text.collect()).expect("UTF-8")
    };
    assert_eq!(outcome.stdout.len(), input.len() + 4 * 3_000_000);
    assert!(printed(&outcome.stdout) == input);
    assert!(printed(outcome.stderr.as_bytes()) == input);
}

#[test]
fn a_job_that_prints_nowhere_reads_all_the_same() {
    let stage = Stage::new();
    let input = lines(100_000);
    // Nobody can write to its outputs any more long before it has read its block.
    let job = "exec > part-{#} 2>&1; cat";
    let outcome = stage.run(["--pipe", "-j2", job], input.as_bytes());
    assert_whole(&outcome, "");
    let parts = (1..=4).map(|part| stage.path(&format!("part-{part}")));
    let parts = parts.map(|path| fs::read_to_string(path).expect("a part"));
    assert!(parts.collect::<String>() == input);
}

#[test]
fn a_job_need_not_read_its_block() {
    let stage = Stage::new();
    let input = lines(100_000);
    for (job, expected) in [
        ("head -n 1 | cut -c 1", "0\n2\n5\n8\n"),
        ("true", ""),
        ("exec <&-; echo closed", "closed\nclosed\nclosed\nclosed\n"),
    ] {
        let arguments = ["--pipe", "-k", "--block", "1000000", job];
        let outcome = stage.run(arguments, input.as_bytes());
        assert_whole(&outcome, expected);
        outcome.assert_says("4 jobs, 0 failed");
    }
}

#[test]
fn a_retry_gets_the_whole_block_again() {
    let stage = Stage::new();
    let input = lines(20_000);
    // Fails the first time, when it has read half of it.
    let job = "mkdir tried && head -c 300000 && exit 1; cat";
    let arguments = [
        "-q",
        "--pipe",
        "--retries",
        "1",
        "--retry-delay",
        "1ms",
        job,
    ];
    let outcome = stage.run(arguments, input.as_bytes());
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.text() == input);
}

#[test]
fn a_job_that_does_not_read_times_out_and_the_others_get_their_blocks() {
    let stage = Stage::new();
    let input = lines(100_000);
    let job = "if test {#} = 2; then exec sleep 1000; fi; wc -c";
    let arguments = ["--pipe", "-k", "-j2", "--timeout", "500ms", job];
    let outcome = stage.run(arguments, input.as_bytes());
    assert_eq!((outcome.code, outcome.text().lines().count()), (Some(1), 3));
    outcome.assert_says("brigade: block 2: `lines ");
    outcome.assert_says("`: timed out after 500 ms");
}

#[test]
fn what_did_not_run_is_told_by_its_lines() {
    let stage = Stage::new();
    let arguments = [
        "--pipe",
        "-j1",
        "-N2",
        "--halt",
        "now,fail=1",
        "cat; test {#} != 2",
    ];
    let outcome = stage.run(arguments, b"a\nb\nc\nd\ne\nf\ng\n");
    assert_eq!((outcome.code, outcome.text()), (Some(1), "a\nb\nc\nd\n"));
    outcome.assert_says("brigade: block 2: `lines 3-4`: exit status 1");
    // How many more have been read is up to chance.
    assert!(
        outcome.stderr.contains("block 3: lines 5-6\n")
            || outcome
                .stderr
                .contains("what follows block 2 of the input was not read"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn lines_are_printed_and_results_saved_as_of_any_job() {
    let stage = Stage::new();
    let arguments = [
        "-q",
        "--pipe",
        "-N1",
        "--line-buffer",
        "--tag",
        "cat; echo end",
    ];
    let outcome = stage.run(arguments, b"a\nb\n");
    assert_eq!(
        outcome.sorted_lines(),
        ["line 1\ta", "line 1\tend", "line 2\tb", "line 2\tend"]
    );
    let outcome = stage.run(
        ["-q", "--pipe", "-N1", "--results", "out", "cat"],
        b"a\nb\n",
    );
    assert_eq!(outcome.code, Some(0));
    let read = |name: &str| fs::read_to_string(stage.path("out").join(name)).expect(name);
    assert_eq!([read("2/job"), read("2/stdout")], ["line 2", "b\n"]);
}

#[test]
fn a_dry_run_tells_what_each_block_would_be_given_to() {
    let stage = Stage::new();
    let outcome = stage.run(
        ["-q", "--pipe", "-N1", "--dry-run", "touch ran; cat"],
        b"a\nb\n",
    );
    assert_whole(&outcome, "touch ran; cat\ntouch ran; cat\n");
    assert!(!stage.path("ran").exists());
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
fn what_makes_no_sense_with_blocks_is_misuse_that_says_why() {
    let stage = Stage::new();
    for (arguments, message) in [
        (&["--pipe"][..], "--pipe needs a command that reads blocks"),
        (
            &["--pipe", "cat", ":::", "a"],
            "--pipe and arguments after ::: are both given",
        ),
        (
            &["--pipe", ":::", "a"],
            "--pipe and arguments after ::: are both given",
        ),
        (&["--pipe", "--jsonl"], "--pipe and --jsonl are both given"),
        (
            &["--pipe", "--colsep", ",", "cat"],
            "--pipe and --colsep are both given",
        ),
        (
            &["--pipe", "wc", "{}"],
            "the command has {}, and with --pipe there is no argument",
        ),
        (
            &["--pipe", "wc < {1.}"],
            "the command has {1.}, and with --pipe",
        ),
        (&["--block", "1M", "wc"], "--pipe"),
        (&["-N", "1", "wc"], "--pipe"),
        (
            &["--pipe", "--block", "big", "wc"],
            "give a size such as 4096",
        ),
        (&["--pipe", "-N", "0", "wc"], "number would be zero"),
    ] {
        let outcome = stage.run(arguments, b"echo ran\n");
        assert_eq!(
            (outcome.code, outcome.text()),
            (Some(2), ""),
            "{arguments:?}"
        );
        outcome.assert_says(message);
    }
}

/// Runs `cat` for blocks of two lines, of which one fails if it has a line of the file `bad`.
fn resume(stage: &Stage, options: &[&str], input: &str) -> Outcome {
    let fixed = ["-k", "--pipe", "--joblog", "log"];
    let job = ["tee block-{#}; ! grep -qxFf bad block-{#}"];
    stage.run([&fixed[..], options, &job].concat(), input.as_bytes())
}

#[test]
fn a_resumed_run_knows_the_blocks_that_were_read() {
    let stage = Stage::new();
    fs::write(stage.path("bad"), "d\n").expect("written");
    let outcome = resume(&stage, &["-N2"], "a\nb\nc\nd\na\nb\n");
    assert_eq!(
        (outcome.code, outcome.text()),
        (Some(1), "a\nb\nc\nd\na\nb\n")
    );
    let log = entries(&stage, "log");
    let names = log.iter().map(|entry| entry["job"].as_str().expect("text"));
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["lines 1-2", "lines 3-4", "lines 5-6"]
    );
    // As `sha256sum` has it.
    assert_eq!(
        log[1]["block"]["sha256"],
        "a5567b11c329e9609dac4da00f406c208706b081a2df5244e2e03e1f272d33ff"
    );
    // There is one block more like the first, and one line more.
    let outcome = resume(&stage, &["-N2", "--resume"], "a\nb\nc\nd\na\nb\na\nb\ne");
    assert_eq!((outcome.code, outcome.text()), (Some(0), "a\nb\ne"));
    fs::write(stage.path("bad"), "x\n").expect("written");
    let outcome = resume(
        &stage,
        &["-N2", "--resume-failed"],
        "a\nb\nc\nd\na\nb\na\nb\ne",
    );
    assert_eq!((outcome.code, outcome.text()), (Some(0), "c\nd\n"));
    outcome.assert_says("1 job, 0 failed, 4 logged before");
}

#[test]
fn blocks_that_would_not_be_recognised_are_refused_and_nothing_is_run_twice() {
    let stage = Stage::new();
    fs::write(stage.path("bad"), "b\n").expect("written");
    resume(&stage, &["-N2"], "a\nb\nc\nd\n");
    let logged = fs::read(stage.path("log")).expect("a log");
    for (options, now) in [
        (&["-N1"][..], "with --pipe -N 1"),
        (&["-N2", "-0"], "with --pipe -N 2 -0"),
        (&["--block", "2K"], "with --pipe --block 2048"),
        (&[], "with --pipe --block 1048576"),
    ] {
        let options = [options, &["--resume"]].concat();
        let outcome = resume(&stage, &options, "a\nb\nc\nd\n");
        assert_eq!((outcome.code, outcome.text()), (Some(2), ""), "{options:?}");
        outcome.assert_says("has blocks of --pipe -N 2, and ");
        outcome.assert_says(now);
    }
    let outcome = stage.run(["--joblog", "log", "--resume"], b"echo ran\n");
    assert_eq!((outcome.code, outcome.text()), (Some(2), ""));
    outcome.assert_says("and without --pipe none of them would be recognised");
    let outcome = stage.run(["--joblog", "log", "--retry-failed"], b"");
    assert_eq!((outcome.code, outcome.text()), (Some(2), ""));
    outcome.assert_says("are not in it; run them with --pipe --resume-failed");
    assert_eq!(fs::read(stage.path("log")).expect("a log"), logged);
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
