//! Outputs saved in files.

use std::fs;

use crate::stage::Stage;

#[test]
fn each_job_has_a_directory_with_its_outputs() {
    let stage = Stage::new();
    let job = "echo {}; echo e {} >&2; test {} = a";
    let outcome = stage.run(
        [
            "-q",
            "-j1",
            "--results",
            "deep/out",
            job,
            ":::",
            "a",
            "b \n",
        ],
        b"",
    );
    assert_eq!((outcome.code, outcome.text()), (Some(1), "a\nb \n\n"));
    let read = |name: &str| fs::read_to_string(stage.path("deep/out").join(name)).expect(name);
    assert_eq!(
        [read("1/job"), read("1/stdout"), read("1/stderr")],
        ["a", "a\n", "e a\n"]
    );
    assert_eq!(
        [read("2/job"), read("2/stdout"), read("2/stderr")],
        ["b \n", "b \n\n", "e b \n\n"]
    );
}

#[test]
fn long_outputs_are_whole_and_a_later_run_replaces_them() {
    let stage = Stage::new();
    let arguments = [
        "-q",
        "--joblog",
        "log",
        "--resume-failed",
        "--results",
        "out",
    ];
    let job = b"test -e tried && exec echo a; touch tried; head -c 3000000 /dev/zero; exit 1\n";
    assert_eq!(stage.run(arguments, job).code, Some(1));
    assert_eq!(
        fs::read(stage.path("out/1/stdout")).expect("saved").len(),
        3_000_000
    );
    assert_eq!(stage.run(arguments, job).code, Some(0));
    assert_eq!(fs::read(stage.path("out/1/stdout")).expect("saved"), b"a\n");
}

#[test]
fn what_cannot_be_saved_is_a_failure() {
    let stage = Stage::new();
    fs::write(stage.path("file"), "").expect("written");
    let outcome = stage.run(["--results", "file/out"], b"touch ran\n");
    assert_eq!(outcome.code, Some(2));
    outcome.assert_says("the directory for results cannot be made: Not a directory");
    assert!(!stage.path("ran").exists());
    let outcome = stage.run(
        ["-q", "--results", "out"],
        b"echo a; rm -r out; touch out\n",
    );
    assert_eq!((outcome.code, outcome.text()), (Some(1), "a\n"));
    outcome.assert_says("its output could not be saved: ");
}
