//! The tour of the README: each command prints what stands beneath it.

#![cfg(target_os = "linux")]

#[path = "../stage/mod.rs"]
mod stage;

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use self::stage::{Stage, within};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

/// The heading of the tour, which lasts until the next heading.
const HEADING: &str = "### A tour in five commands";

/// A command to paste, and what it prints.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    code: String,
    printed: String,
}

/// The steps of the tour: a block of `sh` each, with a block of `text` beneath.
fn steps(readme: &str) -> Result<Vec<Step>, String> {
    let (_, tour) = readme
        .split_once(&format!("\n{HEADING}\n"))
        .ok_or_else(|| format!("`{HEADING}` is missing"))?;
    let mut steps = Vec::new();
    let mut code = None;
    let mut lines = tour.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            if line.starts_with('#') {
                break;
            }
            continue;
        };
        let block = lines.by_ref().take_while(|line| *line != "```");
        let block = block.map(|line| format!("{line}\n")).collect::<String>();
        code = match (language, code) {
            ("sh", None) => Some(block),
            ("text", Some(code)) => {
                let printed = block;
                steps.push(Step { code, printed });
                None
            }
            _ => return Err(format!("a block of `{language}` is out of place: {block}")),
        };
    }
    match code {
        Some(code) => Err(format!("what it prints is missing beneath: {code}")),
        None => Ok(steps),
    }
}

/// What differs from run to run is taken away: in lines that brigade says, the times and rates after these words, up to
/// and with their unit. All else is compared as it stands, and what jobs print anyway.
fn without_times(printed: &str) -> String {
    const BEFORE: [&str; 4] = [" in ", " (", " p50 ", " p99 "];
    const UNITS: [&str; 5] = [" ns", " µs", " ms", " s", " jobs/s"];
    let without = |line: &str| {
        if !line.starts_with("brigade: ") {
            return line.to_owned();
        }
        let mut line = line.to_owned();
        for before in BEFORE {
            let mut from = 0;
            while let Some(place) = line[from..].find(before) {
                from += place + before.len();
                let digits = line[from..]
                    .find(|character: char| !character.is_ascii_digit() && character != '.');
                let end = from + digits.unwrap_or(line[from..].len());
                let unit = UNITS.iter().find(|unit| line[end..].starts_with(*unit));
                if let Some(unit) = unit.filter(|_| end > from) {
                    line.replace_range(from..end + unit.len(), "..");
                }
            }
        }
        line
    };
    printed.lines().map(|line| without(line) + "\n").collect()
}

/// What a shell prints, on both outputs, to which someone has pasted the code in an empty directory.
fn paste(code: &str) -> String {
    let stage = Stage::new();
    let brigade = Path::new(env!("CARGO_BIN_EXE_brigade"));
    let mut path = brigade
        .parent()
        .expect("a directory")
        .as_os_str()
        .to_owned();
    path.push(":");
    path.push(env::var_os("PATH").expect("a path"));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec 2>&1\n{code}")])
        .current_dir(stage.path(""))
        .env("PATH", path)
        .env("BRIGADE_LOCK_DIR", stage.path(".locks"))
        .stdin(Stdio::null());
    let output = within(move || shell.output().expect("sh runs"));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn each_command_of_the_tour_prints_what_stands_beneath_it() {
    let readme = fs::read_to_string(README).expect("the README");
    let steps = steps(&readme).expect("a tour");
    assert_eq!(steps.len(), 5, "it says five commands: {steps:?}");
    for Step { code, printed } in steps {
        let pasted = paste(&code);
        assert!(
            without_times(&pasted) == without_times(&printed),
            "README.md has\n{code}{printed}and it prints\n{pasted}"
        );
    }
}

#[test]
fn only_times_may_differ() {
    let said = "brigade: 3 jobs, 1 failed, in 30.7 ms (97.9 jobs/s)\n\
                brigade: queue wait p50 5.14 µs, p99 7.34 ms; run time p50 5 ns, p99 19.5 s; 1 worker\n\
                brigade: argument 1: `a`: timed out after 500 ms; attempt 1 of 3, the next one in 1.2 s\n\
                it was done in 5 ms\n";
    assert_eq!(
        without_times(said),
        "brigade: 3 jobs, 1 failed, in .. (..)\n\
         brigade: queue wait p50 .., p99 ..; run time p50 .., p99 ..; 1 worker\n\
         brigade: argument 1: `a`: timed out after 500 ms; attempt 1 of 3, the next one in ..\n\
         it was done in 5 ms\n"
    );
}

#[test]
fn a_tour_is_pairs_of_blocks() {
    let tour = |blocks: &str| steps(&format!("# A\n\n```sh\nno\n```\n\n{HEADING}\n\n{blocks}"));
    let step = |code: &str, printed: &str| Step {
        code: code.to_owned(),
        printed: printed.to_owned(),
    };
    let pair = "Text.\n```sh\na\nb\n```\n```text\nc\n```\n";
    let after = "## B\n```sh\nno\n```\n";
    assert_eq!(
        tour(&format!("{pair}\n{pair}{after}")),
        Ok(vec![step("a\nb\n", "c\n"), step("a\nb\n", "c\n")])
    );
    for wrong in [
        "```sh\na\n```\n",
        "```text\na\n```\n",
        "```sh\na\n```\n```sh\nb\n```\n",
    ] {
        assert!(tour(wrong).is_err(), "{wrong}");
    }
    assert!(steps("# A\n").is_err());
}
