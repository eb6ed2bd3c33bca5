//! Jobs that are JSON objects.

use std::fs;

use serde_json::json;

use super::joblog::entries;
use crate::stage::Stage;

#[test]
fn an_object_says_what_to_run_and_where_and_with_what_environment() {
    let stage = Stage::new();
    fs::create_dir(stage.path("a dir")).expect("made");
    let input = br#"
{"cmd": "echo a | tr a b"}
{"argv": ["printf", "%s.", "$(echo c)", "it's", "", "-n\n"]}
{"cmd": "pwd | sed 's,.*/,,'; echo \"$X$Y\"", "cwd": "a dir", "env": {"X": "1 ", "Y": "$X"}}
{"argv": ["sh", "-c", "echo $X"], "env": {"X": "2"}}
"#;
    let outcome = stage.run(["-k", "--jsonl"], input);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.text(), "b\n$(echo c).it's..-n\n.a dir\n1 $X\n2\n");
    outcome.assert_says("4 jobs, 0 failed");
}

#[test]
fn what_is_no_job_is_an_error_that_names_line_and_problem() {
    let cases = [
        (
            r#"{"cmd": "touch ran", "comand": "x"}"#,
            "unknown field `comand`",
        ),
        (
            r#"{"cmd": 3}"#,
            "invalid type: integer `3`, expected a string",
        ),
        (
            r#"{"argv": "touch ran"}"#,
            "invalid type: string \"touch ran\", expected a sequence",
        ),
        (
            r#"{"argv": ["touch", 1]}"#,
            "invalid type: integer `1`, expected a string",
        ),
        (
            r#"{"cmd": "touch ran", "argv": ["touch", "ran"]}"#,
            "both `cmd` and `argv`",
        ),
        (r#"{"id": "x"}"#, "neither `cmd` nor `argv`"),
        (r#"{"cmd": " "}"#, "its `cmd` is empty"),
        (r#"{"argv": []}"#, "its `argv` names no program"),
        (
            r#"{"cmd": "touch ran", "priority": "urgent"}"#,
            "`urgent` is not a priority",
        ),
        (
            r#"{"cmd": "touch ran", "priority": 256}"#,
            "`256` is not a priority",
        ),
        (
            r#"{"cmd": "touch ran", "priority": []}"#,
            "expected high, normal, low or a number",
        ),
        (
            r#"{"cmd": "touch ran", "timeout": "soon"}"#,
            "give a duration such as",
        ),
        (
            r#"{"cmd": "touch ran", "timeout": -1}"#,
            "expected a duration",
        ),
        (
            r#"{"cmd": "touch ran", "retries": -1}"#,
            "invalid value: integer `-1`",
        ),
        (
            r#"{"cmd": "touch ran", "env": {"A=B": "c"}}"#,
            "a name in its `env`",
        ),
        (
            r#"{"cmd": "touch ran", "env": ["A"]}"#,
            "invalid type: sequence",
        ),
        (r#"{"argv": ["touch", "ran\u0000"]}"#, "NUL character"),
        (r#"{"cmd": "touch ran", "id": ""}"#, "its `id` is empty"),
        (
            r#"{"cmd": "touch ran", "locks": ["db", "db:shared"]}"#,
            "`db` is named twice, and not in the same way",
        ),
        (
            r#"{"cmd": "touch ran", "locks": ["gpu=5/4"]}"#,
            "it asks for 5 units of `gpu`, which has 4",
        ),
        (
            r#"{"cmd": "touch ran", "after": [true]}"#,
            "invalid type: boolean `true`, expected a string",
        ),
        (
            r#"{"cmd": "touch ran", "after": {"a": "b"}}"#,
            "expected a string or a list of strings",
        ),
        (
            r#"{"cmd": "touch ran", "after": ["a", ""]}"#,
            "an id in its `after` is empty",
        ),
        (
            r#"{"cmd": "touch ran", "cmd": "b"}"#,
            "duplicate field `cmd`",
        ),
        (
            r#"{"cmd": "touch ran""#,
            "EOF while parsing an object at column",
        ),
        (r#"{"a\u001bc": 1}"#, r"unknown field `a\u{1b}c`"),
        ("touch ran", "expected ident at column"),
        ("# touch ran", "expected value at column"),
    ];
    let stage = Stage::new();
    let lines = cases.map(|(line, _)| line).join("\n");
    let outcome = stage.run(
        ["--jsonl"],
        format!("{lines}\n{{\"cmd\":\"echo last\"}}").as_bytes(),
    );
    assert_eq!(outcome.text(), "last\n");
    assert_eq!(outcome.code, Some(28));
    for (index, (_, problem)) in cases.iter().enumerate() {
        let place = format!("brigade: line {}: ", index + 1);
        let told = outcome.stderr.lines().find(|told| told.starts_with(&place));
        let told = told.unwrap_or_else(|| panic!("{place}: {}", outcome.stderr));
        assert!(
            told.contains("it is not a job as --jsonl has it: ") && told.contains(problem),
            "`{problem}` is missing in: {told}"
        );
    }
    assert!(!stage.path("ran").exists());
}

#[test]
fn an_object_has_limits_of_its_own() {
    let stage = Stage::new();
    let input = br#"{"cmd": "echo >> tries; test $(wc -l < tries) = 3", "retries": 2}
{"cmd": "echo >> once; exit 1", "retries": 0}
{"cmd": "exec sleep 1000", "timeout": 0.01, "retries": 0}
{"cmd": "exec sleep 1000", "timeout": "10ms", "retries": 0}
"#;
    let options = [
        "--jsonl",
        "--retries",
        "7",
        "--retry-delay",
        "0",
        "--timeout",
        "50s",
    ];
    let outcome = stage.run(options, input);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    outcome.assert_says("attempt 2 of 3");
    assert_eq!(
        outcome.stderr.matches("timed out after 10.0 ms").count(),
        2,
        "{}",
        outcome.stderr
    );
    assert_eq!(fs::read_to_string(stage.path("once")).expect("ran"), "\n");
    // Also where none was asked for on the command line.
    let input = br#"{"cmd": "echo >> more; test $(wc -l < more) = 2", "retries": 1}"#;
    let outcome = stage.run(["--jsonl", "--retry-delay", "0"], input);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn the_most_urgent_object_that_was_read_runs_first() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = crate::stage::Running::start(stage.command(["-j1", "--jsonl"]));
    running.write(b"{\"cmd\":\"echo > here; cat gate\"}\n");
    here.wait();
    running.write(
        b"{\"cmd\":\"echo low\",\"priority\":\"low\"}\n{\"cmd\":\"echo 1\",\"priority\":1}\n",
    );
    running.write(b"{\"cmd\":\"echo high\",\"priority\":\"high\"}\n");
    // A blank line is no job, so what came before is queued when it has been read.
    running.wait_until_read(b"\n");
    gate.open();
    assert_eq!(running.end().text(), "1\nhigh\nlow\n");
}

#[test]
fn a_directory_that_cannot_be_used_is_told_as_such() {
    let input = br#"{"cmd": "true", "cwd": "missing"}"#;
    let outcome = Stage::new().run(["--jsonl"], input);
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("line 1: `true`: its directory missing cannot be used: No such file");
}

#[test]
fn an_id_is_in_messages_tags_and_the_job_log() {
    let stage = Stage::new();
    let input = br#"{"cmd": "echo a; exit 3", "id": "the first"}
{"argv": ["echo", "b c"]}
{"cmd": "echo c", "id": 7}"#;
    let outcome = stage.run(["--jsonl", "--tag", "-k", "--joblog", "log"], input);
    assert_eq!(outcome.text(), "the first\ta\necho 'b c'\tb c\n7\tc\n");
    outcome.assert_says("line 1: `the first`: exit status 3");
    let entries = entries(&stage, "log");
    assert_eq!(entries[0]["id"], json!("the first"));
    assert_eq!(
        entries[0]["job"],
        json!(r#"{"cmd": "echo a; exit 3", "id": "the first"}"#)
    );
    assert_eq!(entries[1].get("id"), None);
    assert_eq!(entries[2]["id"], json!("7"));
}

#[test]
fn objects_are_known_again_by_their_id_or_by_what_they_run() {
    let stage = Stage::new();
    let run = |options: &[&str], input: &str| {
        let options = [&["-q", "-j1", "--jsonl", "--joblog", "log"], options].concat();
        let outcome = stage.run(options, input.as_bytes());
        (outcome.code, outcome.text().to_owned())
    };
    let input = r#"{"cmd": "echo a", "id": "a"}
{"cmd": "echo b $X", "env": {"X": "1", "Z": ""}}
{"cmd": "echo c; test -e mended", "cwd": ".", "id": "c"}
{"cmd": "echo d", "no": "job"}
"#;
    assert_eq!(run(&[], input), (Some(2), "a\nb 1\nc\n".to_owned()));
    let changed = r#"{"id":"c","cmd":"echo C; test -e mended","timeout":900}
{"env":{"Z":"","X":"1"},"cmd":"echo b $X","retries":1}
{"cmd": "echo A", "id": "a"}
{"cmd": "echo b $X", "env": {"X": "2", "Z": ""}}
"#;
    assert_eq!(run(&["--resume"], changed), (Some(0), "b 2\n".to_owned()));
    assert_eq!(
        run(&["--resume-failed"], changed),
        (Some(1), "C\n".to_owned())
    );
    // Alone, the log suffices; what is no job is none then either.
    fs::write(stage.path("mended"), "").expect("written");
    let outcome = stage.run(["-q", "-j1", "--joblog", "log", "--retry-failed"], b"");
    assert_eq!((outcome.code, outcome.text()), (Some(1), "c\n"));
    outcome.assert_says("job 4: `{\"cmd\": \"echo d\", \"no\": \"job\"}`: it is not a job");
}

#[test]
fn a_dry_run_tells_directory_and_environment() {
    let input = br#"{"cmd": "echo a | cat", "cwd": "a dir", "env": {"X": "1 2"}}
{"argv": ["echo", "b c"], "cwd": "d"}
{"cmd": "echo d | cat"}"#;
    let outcome = Stage::new().run(["-q", "--jsonl", "--dry-run"], input);
    assert_eq!(
        outcome.text(),
        "cd -- 'a dir' && env 'X=1 2' /bin/sh -c 'echo a | cat'\n\
         cd -- d && echo 'b c'\necho d | cat\n"
    );
}
