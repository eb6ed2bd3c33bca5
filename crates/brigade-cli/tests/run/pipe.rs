//! Blocks of the input, each read by a job of its own.

mod blocks;
mod resume;

use std::fs;

use crate::stage::{Outcome, Stage, with_enough_time};

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
    let input = lines(100_000);
    let job = "if test {#} = 2; then exec sleep 1000; fi; wc -c";
    let outcome = with_enough_time(|seconds| {
        let timeout = format!("{seconds}s");
        let arguments = ["--pipe", "-k", "-j2", "--timeout", &timeout, job];
        let outcome = Stage::new().run(arguments, input.as_bytes());
        // The others may need longer, on a busy machine.
        (outcome.code == Some(1)).then_some(outcome)
    });
    assert_eq!(outcome.text().lines().count(), 3);
    outcome.assert_says("brigade: block 2: `lines ");
    outcome.assert_says("`: timed out after ");
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
