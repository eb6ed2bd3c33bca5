//! Going on from a job log.

use std::fs;
use std::os::unix::ffi::OsStringExt;

use crate::joblog::entries;
use crate::stage::{Running, Stage};

/// Runs `./work` for each line of input: it notes the line in `ran`, and fails for those named in `bad`.
fn run(stage: &Stage, arguments: &[&str], input: &str) -> (Option<i32>, Vec<String>) {
    stage.script(
        "work",
        "#!/bin/sh\nprintf '%s\\n' \"$1\" >> ran\n! grep -qx -e \"$1\" bad\n",
    );
    let _ = fs::remove_file(stage.path("ran"));
    let fixed = ["-q", "-j1", "--joblog", "log"];
    let command = ["./work", "{}"];
    let outcome = stage.run([&fixed[..], arguments, &command].concat(), input.as_bytes());
    (outcome.code, ran(stage))
}

fn ran(stage: &Stage) -> Vec<String> {
    let ran = fs::read_to_string(stage.path("ran")).unwrap_or_default();
    ran.lines().map(str::to_owned).collect()
}

fn bad(stage: &Stage, lines: &str) {
    fs::write(stage.path("bad"), lines).expect("written");
}

#[test]
fn resume_runs_only_what_was_not_logged() {
    let stage = Stage::new();
    bad(&stage, "b\n");
    assert_eq!(run(&stage, &[], "a\nb\n").1, ["a", "b"]);
    let (code, again) = run(&stage, &["--resume"], "a\nb\nc\nd\n");
    assert_eq!(
        (code, again),
        (Some(0), vec!["c".to_owned(), "d".to_owned()])
    );
    let (code, again) = run(&stage, &["--resume"], "a\nb\nc\nd\n");
    assert_eq!((code, again), (Some(0), vec![]));
    assert_eq!(entries(&stage, "log").len(), 4);
}

#[test]
fn resume_failed_runs_what_failed_as_well() {
    let stage = Stage::new();
    bad(&stage, "b\n");
    run(&stage, &[], "a\nb\n");
    let (code, again) = run(&stage, &["--resume-failed"], "a\nb\nc\n");
    assert_eq!(
        (code, again),
        (Some(1), vec!["b".to_owned(), "c".to_owned()])
    );
    bad(&stage, "");
    assert_eq!(
        run(&stage, &["--resume-failed"], "a\nb\nc\n"),
        (Some(0), vec!["b".to_owned()])
    );
    // By now it has succeeded, under the number that it had.
    assert_eq!(
        run(&stage, &["--resume-failed"], "a\nb\nc\n"),
        (Some(0), vec![])
    );
    let seqs = entries(&stage, "log");
    let seqs = seqs
        .iter()
        .map(|entry| entry["seq"].as_u64().expect("a number"));
    assert_eq!(seqs.collect::<Vec<_>>(), [1, 2, 2, 2, 3]);
}

#[test]
fn retry_failed_takes_jobs_and_command_from_the_log() {
    let stage = Stage::new();
    bad(&stage, "b\n$(c)\n");
    run(&stage, &[], "a\nb\n$(c)\nd\n");
    let _ = fs::remove_file(stage.path("ran"));
    bad(&stage, "b\n");
    let arguments = ["-q", "-j1", "--joblog", "log", "--retry-failed"];
    let outcome = stage.run(arguments, b"touch never\n");
    assert_eq!(
        (outcome.code, ran(&stage)),
        (Some(1), vec!["b".to_owned(), "$(c)".to_owned()])
    );
    assert_eq!(outcome.stderr, "brigade: job 2: `b`: exit status 1\n");
    assert!(!stage.path("never").exists());
    bad(&stage, "");
    let _ = fs::remove_file(stage.path("ran"));
    assert_eq!(stage.run(arguments, b"").code, Some(0));
    assert_eq!(stage.run(arguments, b"").code, Some(0));
    assert_eq!(ran(&stage), ["b"]);
}

#[test]
fn retry_failed_knows_commands_from_arguments_and_any_bytes() {
    let stage = Stage::new();
    let name = std::ffi::OsString::from_vec(b"f\xff".to_vec());
    let words = ["-q", "--joblog", "log", "test -e", ":::"].map(std::ffi::OsString::from);
    assert_eq!(
        stage
            .run([&words[..], std::slice::from_ref(&name)].concat(), b"")
            .code,
        Some(1)
    );
    fs::write(stage.path("").join(name), "").expect("written");
    let arguments = ["-q", "--joblog", "log", "--retry-failed"];
    assert_eq!(stage.run(arguments, b"").code, Some(0));

    assert_eq!(
        stage
            .run(["-q", "--joblog", "log2"], b"test -e {}; test -e x\n")
            .code,
        Some(1)
    );
    fs::write(stage.path("x"), "").expect("written");
    let arguments = ["-q", "--joblog", "log2", "--retry-failed"];
    assert_eq!(stage.run(arguments, b"").code, Some(0));
}

#[test]
fn what_is_too_long_is_not_retried_as_what_was_kept_of_it() {
    let stage = Stage::new();
    let line = format!("touch ran # {}\n", "x".repeat(200_000));
    assert_eq!(
        stage.run(["-q", "--joblog", "log"], line.as_bytes()).code,
        Some(1)
    );
    let outcome = stage.run(["-q", "--joblog", "log", "--retry-failed"], b"");
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("it is longer than");
    assert!(!stage.path("ran").exists());
}

#[test]
fn the_input_may_have_changed() {
    let stage = Stage::new();
    bad(&stage, "");
    run(&stage, &[], "a\nb\nc\n");
    // Moved, removed, inserted and doubled lines: what was not logged is run.
    let (code, again) = run(&stage, &["--resume"], "new\nc\na\na\n");
    assert_eq!(
        (code, again),
        (Some(0), vec!["new".to_owned(), "a".to_owned()])
    );
}

#[test]
fn a_line_that_was_cut_off_is_removed_and_its_job_run_again() {
    let stage = Stage::new();
    bad(&stage, "");
    run(&stage, &[], "a\nb\n");
    let whole = fs::read_to_string(stage.path("log")).expect("readable");
    for length in [1, 20, whole.lines().nth(1).expect("two").len()] {
        let first = whole.lines().next().expect("two").len() + 1;
        fs::write(stage.path("log"), &whole[..first + length]).expect("written");
        let _ = fs::remove_file(stage.path("ran"));
        let arguments = ["-j1", "--joblog", "log", "--resume", "./work"];
        let outcome = stage.run(arguments, b"a\nb\n");
        outcome.assert_says("the last line of the job log log was cut off and is removed");
        outcome.assert_says("1 job, 0 failed, 1 logged before, in ");
        assert_eq!((outcome.code, ran(&stage)), (Some(0), vec!["b".to_owned()]));
        assert_eq!(entries(&stage, "log").len(), 2);
    }
}

#[test]
fn what_ctrl_c_stopped_or_kept_from_running_is_run_when_resumed() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let script =
        "echo {} >> ran; test {} = b || exit 0; test -e again || { echo > here; exec sleep 1000; }";
    let arguments = ["-j1", "--joblog", "log", script];
    let mut running = Running::start(stage.command(arguments));
    running.write(b"a\nb\nc\n");
    here.wait();
    running.interrupt();
    running.wait_for("nothing is started any more");
    running.interrupt();
    assert_eq!(running.end().code, Some(130));
    assert_eq!(entries(&stage, "log").len(), 1);
    fs::write(stage.path("again"), "").expect("written");
    let arguments = ["-j1", "--joblog", "log", "--resume", script];
    assert_eq!(stage.run(arguments, b"a\nb\nc\n").code, Some(0));
    assert_eq!(ran(&stage), ["a", "b", "b", "c"]);
}

#[test]
fn combinations_and_columns_are_known_again_and_retried_with_all_arguments() {
    let stage = Stage::new();
    let script = "printf '<%s>' {2} {1} >> ran; test {2} != 'x y' || test -e mended";
    let lists = [":::", "a b", "a", ":::", "x y", "b x"];
    let columns = b"a b,x y\na,x y\na,b x\n";
    for way in ["lists", "columns"] {
        let log = format!("log-{way}");
        let shown = |options: &[&str]| {
            let mut arguments = ["-q", "-j1", "--joblog", &log].map(str::to_owned).to_vec();
            arguments.extend(options.iter().map(|&option| option.to_owned()));
            if !options.contains(&"--retry-failed") {
                let rest = if way == "lists" { &lists[..] } else { &[] };
                let separator = if way == "lists" {
                    &[][..]
                } else {
                    &["--colsep", ","]
                };
                let words = [separator, &[script], rest].concat();
                arguments.extend(words.iter().map(|&word| word.to_owned()));
            }
            let outcome = stage.run(arguments, if way == "lists" { b"" } else { &columns[..] });
            let ran = fs::read_to_string(stage.path("ran")).unwrap_or_default();
            let _ = fs::remove_file(stage.path("ran"));
            (outcome.code, ran)
        };
        let failing = "<x y><a b><x y><a>".to_owned();
        let (code, ran) = shown(&[]);
        assert_eq!(code, Some(2), "{way}");
        assert!(ran.contains("<b x><a>"), "{ran}");
        assert_eq!(shown(&["--resume"]), (Some(0), String::new()), "{way}");
        assert_eq!(
            shown(&["--retry-failed"]),
            (Some(2), failing.clone()),
            "{way}"
        );
        assert_eq!(
            shown(&["--resume-failed"]),
            (Some(2), failing.clone()),
            "{way}"
        );
        fs::write(stage.path("mended"), "").expect("written");
        assert_eq!(shown(&["--retry-failed"]), (Some(0), failing), "{way}");
        assert_eq!(
            shown(&["--resume-failed"]),
            (Some(0), String::new()),
            "{way}"
        );
        fs::remove_file(stage.path("mended")).expect("there");
        assert!(entries(&stage, &log)[0]["arguments"] == serde_json::json!(["a b", "x y"]));
    }
    // The same arguments in other lists are the same combinations.
    let lists = [":::", "a", ":::", "b x"];
    let arguments = [
        &["-q", "--joblog", "log-lists", "--resume", script],
        &lists[..],
    ]
    .concat();
    assert_eq!(stage.run(arguments, b"").code, Some(0));
    assert!(!stage.path("ran").exists());
}
