//! A job log of blocks, and what a later run makes of it.

use std::fs;

use crate::joblog::entries;
use crate::stage::{Outcome, Stage};

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
