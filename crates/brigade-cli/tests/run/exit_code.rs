//! What the exit code tells.

use std::fs::{self, File};

use crate::stage::{Running, Stage};

fn code_of(input: &str) -> Option<i32> {
    Stage::new().run(["-q"], input.as_bytes()).code
}

#[test]
fn success_of_all_is_zero() {
    assert_eq!(code_of("true\ntrue\n"), Some(0));
}

#[test]
fn otherwise_it_is_the_number_of_failures() {
    assert_eq!(code_of("true\nfalse\ntrue\nexit 77\nkill -9 $$\n"), Some(3));
    assert_eq!(code_of(&"false\n".repeat(100)), Some(100));
}

#[test]
fn more_than_a_hundred_failures_are_101() {
    assert_eq!(code_of(&"false\n".repeat(101)), Some(101));
    assert_eq!(code_of(&"false\n".repeat(300)), Some(101));
}

#[test]
fn it_is_known_how_jobs_ended_though_the_parent_ignores_its_children() {
    let stage = Stage::new();
    let mut running = Running::start(stage.command_ignoring("CHLD", &["-q"]));
    running.write(b"true\nexit 3\n");
    let outcome = running.end();
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stderr, "brigade: line 2: `exit 3`: exit status 3\n");
}

#[test]
fn a_failure_is_reported_with_line_command_and_reason() {
    let outcome = Stage::new().run(["-j1", "-q"], b"true\nfalse\nexit 3\nkill -9 $$\n");
    assert_eq!(
        outcome.stderr,
        "brigade: line 2: `false`: exit status 1\n\
         brigade: line 3: `exit 3`: exit status 3\n\
         brigade: line 4: `kill -9 $$`: killed by signal 9 (SIGKILL)\n"
    );
}

#[test]
fn misuse_is_two_and_says_what_to_do_and_runs_nothing() {
    let stage = Stage::new();
    fs::write(stage.path("jobs"), "touch ran\n").expect("written");
    let cases: &[(&[&str], &str)] = &[
        (&["--bogus"], "unexpected argument '--bogus'"),
        (&["-a", "missing"], "missing cannot be read: No such file"),
        (&["-a", "."], ". cannot be read: is a directory"),
        (&["-a", "jobs", "touch", ":::", "ran"], "use one of them"),
        (&["-0", "touch", ":::", "ran"], "-0 is about input"),
        (
            &[":::", "touch ran", ":::", "touch ran"],
            "put all arguments after one :::",
        ),
        (
            &["touch", "ran", "{2}", ":::", "ran"],
            "the command has {2}, and each job has one argument",
        ),
        (
            &["touch", "{3/}", ":::", "ran", ":::", "ran"],
            "the command has {3/}, and there are only 2 lists",
        ),
        (&["--jsonl", "touch"], "leave out the command"),
        (&["--jsonl", ":::", "{}"], "leave out the command"),
        (&["--colsep", ","], "--colsep needs a command"),
        (&["--colsep", "", "touch"], "need something between them"),
        (
            &["--colsep", ",", "touch", ":::", "ran"],
            "--colsep is about lines of input",
        ),
        (
            &["-a", "jobs", "-a", "missing", "touch"],
            "missing cannot be read",
        ),
        (&["", ":::", "ran"], "the command is empty"),
        (&["touch $(( {} ))", ":::", "ran"], "use $brigade_argument"),
        (
            &["touch ran;", ":::", "./ran"],
            "write {} where it is to go",
        ),
        (&["-j", "0"], "give 1 or more"),
        (&["-j", "many"], "give a number of jobs"),
        (&["-j", "3..2"], "put the smaller number first"),
        (&["-j", "1000000000"], "use a smaller -j"),
        (&["--queue", "0"], "give 1 or more"),
        (&["--timeout", "soon"], "give a duration such as 500ms"),
        (&["--timeout", "0"], "give a duration such as 500ms"),
        (&["--halt", "later,fail=1"], "such as now,fail=1"),
        (&["--rate", "10"], "such as 10/s"),
        (&["--priority", "urgent"], "`urgent` is not a priority"),
    ];
    for (arguments, message) in cases {
        let outcome = stage.run(*arguments, b"touch ran\n");
        assert_eq!(outcome.code, Some(2), "{arguments:?}");
        outcome.assert_says(message);
        assert!(!stage.path("ran").exists(), "{arguments:?} ran something");
    }
    assert_eq!(stage.run(["-a", "jobs"], b"").code, Some(0));
    assert!(stage.path("ran").exists());
}

#[test]
fn a_directory_as_standard_input_is_misuse() {
    let stage = Stage::new();
    let mut command = stage.command([""; 0]);
    command.stdin(File::open(stage.path("")).expect("a directory"));
    let output = command.output().expect("brigade runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr.contains("standard input cannot be read: is a directory"),
        "{stderr}"
    );
}

#[test]
fn it_is_the_same_though_nobody_can_be_told_why() {
    let stage = Stage::new();
    let code = |arguments: &[&str]| {
        let mut command = stage.command(arguments);
        let full = File::options().write(true).open("/dev/full");
        command.stderr(full.expect("Linux has it"));
        command.status().expect("brigade runs").code()
    };
    assert_eq!(code(&["-a", "missing"]), Some(2));
    assert_eq!(code(&[":::", "true", "false"]), Some(1));
}
