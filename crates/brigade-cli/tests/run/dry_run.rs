//! What would be run.

use std::process::Command;

use crate::joblog::entries;
use crate::stage::Stage;

#[test]
fn commands_are_printed_in_the_order_of_the_input_and_not_run() {
    let stage = Stage::new();
    let jobs = (0..300).map(|number| format!("touch ran {number}\n"));
    let jobs = jobs.collect::<String>() + "@high touch ran | cat\n";
    let outcome = stage.run(["-q", "-j4", "--dry-run", "--delay", "1h"], jobs.as_bytes());
    assert_eq!(
        (outcome.code, outcome.text()),
        (Some(0), &*jobs.replace("@high ", ""))
    );
    assert!(!stage.path("ran").exists());
}

#[test]
fn what_is_printed_does_the_same_when_it_is_typed() {
    let stage = Stage::new();
    let names = ["a b", "it's", "$(touch ran)", "-n", "new\nline", "\"q\""];
    let commands: [&[&str]; 2] = [&["printf", "<%s>"], &["printf '<%s>' {} | cat"]];
    for command in commands {
        let list = [&["-q", "--dry-run"], command, &[":::"], &names[..]].concat();
        let typed = stage.run(&list, b"");
        let mut shell = Command::new("sh");
        shell.args(["-c", typed.text()]).current_dir(stage.path(""));
        let output = shell.output().expect("sh runs").stdout;
        let expected = names.map(|name| format!("<{name}>")).concat();
        assert_eq!(
            String::from_utf8_lossy(&output),
            expected,
            "{}",
            typed.text()
        );
    }
    assert!(!stage.path("ran").exists());
}

#[test]
fn nothing_is_logged_and_what_was_logged_is_left_out() {
    let stage = Stage::new();
    stage.run(["-q", "--joblog", "log"], b"echo a\n");
    let arguments = ["-q", "--dry-run", "--joblog", "log", "--resume"];
    let outcome = stage.run(arguments, b"echo a\necho b\n");
    assert_eq!(outcome.text(), "echo b\n");
    assert_eq!(entries(&stage, "log").len(), 1);
}

#[test]
fn what_could_not_be_run_is_told_as_a_failure() {
    let outcome = Stage::new().run(["-q", "--dry-run"], b"@urgent x\necho a\n");
    assert_eq!((outcome.code, outcome.text()), (Some(1), "echo a\n"));
    outcome.assert_says("`urgent` is not a priority");
}
