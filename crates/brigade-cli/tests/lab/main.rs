//! Runs the real laboratory: every experiment, on this machine.

use std::fs;
use std::io::pipe;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const NAMES: [&str; 11] = [
    "race",
    "check-then-act",
    "transfer",
    "deadlock",
    "tuesday",
    "pool",
    "backpressure",
    "priority",
    "rwlock",
    "pipeline",
    "sizing",
];

fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    command.arg("lab").args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    lab(arguments).output().expect("brigade runs")
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).expect("UTF-8")
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).expect("UTF-8")
}

#[track_caller]
fn objects(output: &Output) -> Vec<Value> {
    let lines = stdout(output).lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn alone_it_lists_every_experiment_with_its_question() {
    let output = run(&[]);
    assert!(output.status.success());
    let listed = stdout(&output).lines().filter_map(|line| {
        let (name, question) = line.strip_prefix("  ")?.split_once(' ')?;
        assert!(question.ends_with('?'), "{question}");
        Some(name)
    });
    assert_eq!(listed.collect::<Vec<_>>(), NAMES);
    let listed = objects(&run(&["--json"]));
    let names = listed
        .iter()
        .map(|experiment| experiment["experiment"].as_str().expect("a name"));
    assert_eq!(names.collect::<Vec<_>>(), NAMES);
}

#[test]
fn every_experiment_sees_what_is_expected_and_its_broken_twin_is_broken() {
    let directory = TempDir::new().expect("a directory");
    let drawing = directory.path().join("lab.svg");
    let output = run(&["all", "--json", "--svg", drawing.to_str().expect("UTF-8")]);
    let found = objects(&output);
    assert_eq!(found.len(), NAMES.len());
    for (found, name) in found.iter().zip(NAMES) {
        assert_eq!(found["experiment"], name);
        assert_eq!(found["as_expected"], true, "{name}: {}", found["seen"]);
        let variants = found["variants"].as_array().expect("variants");
        for soundness in ["broken", "sound"] {
            let has_one = variants
                .iter()
                .any(|variant| variant["soundness"] == soundness);
            assert!(has_one, "{name} has no {soundness} variant");
        }
    }
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let drawn = fs::read_to_string(drawing).expect("a drawing");
    assert!(drawn.starts_with("<svg ") && drawn.trim_end().ends_with("</svg>"));
    let titles = drawn.matches("font-weight=\"bold\"").count();
    assert_eq!(titles, NAMES.len(), "one picture for each experiment");
}

#[test]
fn an_experiment_is_told_in_words_figures_and_a_picture() {
    let output = run(&["check-then-act", "tuesday", "check-then-act"]);
    let text = stdout(&output);
    assert_eq!(
        text.matches("check-then-act: ").count(),
        1,
        "each is run once: {text}"
    );
    for part in [
        "broken  look, then insert",
        "sound   OnceMap",
        "OnceMap               ████",
        "expected: looking and then inserting computes values more than once",
        "seen:     ",
        "stock, one by one",
        "× stuck for ever",
        "2 of 2 as expected",
    ] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    assert!(!text.contains('\u{1b}'), "colours are for terminals");
}

#[test]
fn figures_have_values_and_units() {
    let found = objects(&run(&["race", "--json", "--threads", "2"]));
    let figures = &found[0]["variants"][1]["figures"];
    assert_eq!(figures[0]["what"], "counted");
    assert_eq!(figures[0]["value"], 1_000_000, "two threads, 500,000 each");
    assert_eq!(figures[0]["unit"], "count");
    assert_eq!(found[0]["picture"]["kind"], "bars");
    assert_eq!(found[0]["picture"]["bars"][1]["length"], 1_000_000.0);
}

#[test]
fn the_deadlock_is_shown_with_the_report_of_the_library() {
    let output = run(&["deadlock"]);
    let text = stdout(&output);
    for part in [
        "| possible deadlock: locks are taken in orders that contradict each other",
        "|     journal -> account (`main`)",
        "2 threads stuck with ordinary locks; predicted: yes; detected: yes;",
    ] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    assert_eq!(stderr(&output), "");
}

#[test]
fn misuse_runs_nothing_and_says_what_there_is() {
    for (arguments, message) in [
        (&["transfers"][..], "'transfer'"),
        (&["race", "--threads", "1"], "2..=64"),
        (
            &["race", "--svg", "/nowhere/at/all.svg"],
            "/nowhere/at/all.svg cannot be written",
        ),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
        assert!(
            stderr(&output).contains(message),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn it_ends_quietly_when_nobody_reads() {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut command = lab(&["check-then-act"]);
    command.stdout(writer);
    let output = command.output().expect("brigade runs");
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(stderr(&output), "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("a full device");
    let mut command = lab(&["check-then-act"]);
    command.stdout(full);
    let output = command.output().expect("brigade runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("standard output cannot be written"),
        "{}",
        stderr(&output)
    );
}
