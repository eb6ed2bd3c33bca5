//! What the exit code tells.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::stage::Stage;

#[test]
fn it_is_that_of_the_command() {
    let stage = Stage::new();
    for code in [0, 1, 7, 255] {
        let script = format!("exit {code}");
        let outcome = stage.run_with(&["db", "--", "sh", "-c", &script]);
        assert_eq!((outcome.code, &*outcome.stderr), (Some(code), ""));
    }
}

#[test]
fn a_command_that_a_signal_ended_is_told_as_shells_do() {
    let stage = Stage::new();
    for (signal, code) in [("TERM", 143), ("KILL", 137)] {
        let script = format!("kill -{signal} $$");
        assert_eq!(
            stage.run_with(&["db", "--", "sh", "-c", &script]).code,
            Some(code)
        );
    }
}

#[test]
fn a_command_that_cannot_be_run_is_126_or_127() {
    let stage = Stage::new();
    fs::write(stage.path("text"), "text").expect("written");
    let cases = [
        ("no-such-command", 127, "no-such-command: command not found"),
        ("./missing", 127, "./missing: no such file"),
        (
            "./text",
            126,
            "./text: cannot be executed: Permission denied",
        ),
        ("", 127, "command not found"),
    ];
    for (command, code, message) in cases {
        let outcome = stage.run_with(&["db", "--", command]);
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        outcome.assert_says(message);
    }
}

#[test]
fn a_script_without_an_interpreter_is_run_by_a_shell() {
    let stage = Stage::new();
    stage.script("plain", "printf '<%s>' \"$@\"; exit 5\n");
    let outcome = stage.run_with(&["db", "--", "./plain", "a  b", "--"]);
    assert_eq!((outcome.code, outcome.text()), (Some(5), "<a  b><-->"));
}

#[test]
fn misuse_is_two_and_says_what_to_do_and_runs_nothing() {
    let stage = Stage::new();
    let file = stage.path("file");
    fs::write(&file, "").expect("written");
    let file = file.to_str().expect("UTF-8");
    let touch = ["--", "touch", "ran"];
    let cases: &[(&[&str], &str)] = &[
        (&["--bogus", "db"], "unexpected argument '--bogus'"),
        (&[], "required arguments were not provided"),
        (&[""], "give each at least one letter"),
        (
            &["db:share"],
            "`db:share` is not a resource; write db, cache:shared",
        ),
        (&["gpu=0"], "with 1 to 1000 units"),
        (&["gpu=3/2"], "3 units of `gpu`, which has 2"),
        (&["--capacity", "gpu", "gpu=1"], "such as gpu=4"),
        (&["--capacity", "gpu=2", "db"], "such as gpu=1"),
        (
            &["--capacity", "gpu=2", "--capacity=gpu=3", "gpu=1"],
            "say it once",
        ),
        (&["-w", "soon", "db"], "give a duration"),
        (&["-E", "256", "db"], "256 is not in 0..=255"),
        (&["--json", "db"], "cannot be used with"),
        (&["--list", "db"], "cannot be used with"),
        (&["--lock-dir", file, "db"], "the directory of locks"),
    ];
    for (arguments, message) in cases {
        let outcome = stage.run_with(&[arguments, &touch[..]].concat());
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        outcome.assert_says(message);
        assert!(!stage.path("ran").exists(), "{arguments:?} ran something");
    }
    assert_eq!(stage.run_with(&["db", "--"]).code, Some(2));
    assert_eq!(stage.run_with(&["db", "touch", "ran"]).code, Some(2));
}

#[test]
fn the_directory_of_locks_is_made_for_its_user_alone() {
    let stage = Stage::new();
    let directory = stage.path("a/b");
    let name = directory.to_str().expect("UTF-8");
    assert_eq!(
        stage
            .run_with(&["--lock-dir", name, "db", "--", "true"])
            .code,
        Some(0)
    );
    let mode = directory
        .metadata()
        .expect("it was made")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(directory.join("db.lock").exists() && !stage.path("locks").exists());
}
