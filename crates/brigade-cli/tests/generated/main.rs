//! Completions and manual pages, as the real command prints them.

use std::fs::File;
use std::io::pipe;
use std::process::{Command, Stdio};

const SUBCOMMANDS: [&str; 5] = ["run", "with", "lab", "completions", "man"];

fn brigade(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    let output = command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("brigade starts");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn completions_for_each_shell_know_all_subcommands_and_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = brigade(&["completions", shell]);
        for word in SUBCOMMANDS.into_iter().chain([
            "keep-order",
            "retry-failed",
            "pipe",
            "wait-report",
            "svg",
        ]) {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn bash_completes_subcommands_and_options() {
    let script = brigade(&["completions", "bash"]);
    // What bash itself does when Tab is pressed after these words.
    let complete = |words: &str, last: usize| {
        let asked = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={last}; \
             _brigade brigade \"${{COMP_WORDS[$COMP_CWORD]}}\" \"${{COMP_WORDS[$((COMP_CWORD - 1))]}}\"; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash")
            .args(["-c", &asked])
            .output()
            .expect("bash starts");
        String::from_utf8(output.stdout)
            .expect("UTF-8")
            .trim()
            .to_owned()
    };
    assert_eq!(complete("brigade ru", 1), "run");
    assert_eq!(complete("brigade run --keep", 2), "--keep-order");
    assert_eq!(complete("brigade lab dead", 2), "deadlock");
}

#[test]
fn the_manual_names_each_subcommand_which_has_a_page_of_its_own() {
    let overview = brigade(&["man"]);
    assert!(
        overview.starts_with(".") || overview.contains("\n.TH brigade 1"),
        "{overview}"
    );
    for name in SUBCOMMANDS {
        // Hyphens are escaped in names of pages.
        assert!(
            overview.contains(&format!("brigade\\-{name}(1)")),
            "{name} is missing: {overview}"
        );
        let page = brigade(&["man", name]);
        assert!(page.contains(&format!(".TH brigade-{name} 1")), "{page}");
    }
}

#[test]
fn the_page_of_run_has_options_and_explanations() {
    let page = brigade(&["man", "run"]);
    for text in [
        "\\-\\-keep\\-order",
        "\\-\\-events",
        "\\-\\-pipe",
        "Blocks of input:",
        "Exit codes:",
        ".SH SYNOPSIS",
    ] {
        assert!(page.contains(text), "{text} is missing: {page}");
    }
}

#[test]
fn a_shell_or_a_page_that_does_not_exist_is_misuse() {
    for arguments in [["completions", "csh"], ["man", "walk"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
        let output = command.args(arguments).output().expect("brigade starts");
        assert_eq!(output.status.code(), Some(2));
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains("possible values"), "{message}");
    }
}

#[test]
fn they_end_quietly_when_nobody_reads() {
    for arguments in [["completions", "bash"], ["man", "run"]] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
        command.args(arguments).stdout(writer);
        let output = command.output().expect("brigade starts");
        // As shells tell it of a program that SIGPIPE has ended.
        assert_eq!(output.status.code(), Some(141), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    for arguments in [["completions", "bash"], ["man", "run"]] {
        let full = File::options().write(true).open("/dev/full");
        let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
        command.args(arguments).stdout(full.expect("a full device"));
        let output = command.output().expect("brigade starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(
            message.starts_with("brigade: standard output cannot be written: "),
            "{message}"
        );
    }
}
