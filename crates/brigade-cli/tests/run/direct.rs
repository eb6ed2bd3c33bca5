//! What is executed directly, and what by a shell.

use crate::stage::{Running, Stage};

/// Runs a line in whose place `./parent` prints the number of its parent, and tells whether that is
/// `brigade` itself.
fn is_direct(arguments: &[&str], line: &str) -> bool {
    let stage = Stage::new();
    stage.script("parent", "#!/bin/sh\necho $PPID\n");
    let mut running = Running::start(stage.command(arguments));
    let pid = running.pid();
    running.write(line.as_bytes());
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.text() == format!("{}\n", pid.as_raw_nonzero())
}

#[test]
fn a_job_without_shell_syntax_is_executed_directly() {
    assert!(is_direct(&[], "./parent"));
    assert!(is_direct(&[], "  ./parent 'a b' \"c\" d=e +%s\n"));
    assert!(is_direct(&["./parent {} -x"], "$(exit 3)\n"));
    assert!(is_direct(&["./parent", "$HOME", ";", "{}"], "a\n"));
}

#[test]
fn a_job_with_shell_syntax_is_run_by_a_shell() {
    // Something has to follow, or the shell replaces itself with its last command.
    assert!(!is_direct(&[], "./parent; :"));
    assert!(!is_direct(&["./parent {}; :"], "a\n"));
}

#[test]
fn shell_syntax_works() {
    let stage = Stage::new();
    let input = b"echo a | tr a b > file; cat file\nx=c && echo $x\nif true; then echo d; fi\n";
    let outcome = stage.run([""; 0], input);
    assert_eq!(outcome.sorted_lines(), ["b", "c", "d"]);
}

#[test]
fn what_only_a_shell_knows_works() {
    let outcome = Stage::new().run([""; 0], b"cd /\n:\nX=a env\numask\nexec true\n");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn quotes_are_taken_off_as_a_shell_would() {
    let stage = Stage::new();
    stage.script("words", "#!/bin/sh\nprintf '<%s>' \"$@\"\n");
    let outcome = stage.run([""; 0], b"./words 'a  b' \"it's\" c\t d''e ''\n");
    assert_eq!(outcome.text(), "<a  b><it's><c><de><>");
}

#[test]
fn a_script_that_names_no_interpreter_is_run_by_a_shell() {
    let stage = Stage::new();
    stage.script("plain", "printf '<%s>' \"$@\"\n");
    let outcome = stage.run(["-j1"], b"./plain 'a  b' c\n./plain d; :\n");
    assert_eq!((outcome.code, outcome.text()), (Some(0), "<a  b><c><d>"));
}

#[test]
fn a_command_that_holds_spaces_is_explained() {
    let outcome = Stage::new().run(["echo {}", "-n", ":::", "a"], b"");
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("echo a: command not found; several words are taken one by one");
}
