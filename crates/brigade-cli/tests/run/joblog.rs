//! What the job log has, and what happens when it cannot be written.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::stage::{Running, Stage, with_enough_time};

/// The lines of a job log, by their numbers.
pub(crate) fn entries(stage: &Stage, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(stage.path(name)).expect("a job log");
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let entry = |line| serde_json::from_str::<Value>(line).expect(line);
    let mut entries = text.lines().map(entry).collect::<Vec<_>>();
    entries.sort_by_key(|entry| entry["seq"].as_u64());
    entries
}

#[test]
fn each_job_has_a_line_with_what_became_of_it() {
    let before = SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_secs_f64();
    let jobs =
        b"echo a\n\n# none\nexit 3\nkill -9 $$\nmissing-command x\n@urgent y\nexec sleep 1000\n";
    let (entries, seconds) = with_enough_time(|seconds| {
        let stage = Stage::new();
        let timeout = format!("{seconds}s");
        let outcome = stage.run(["-q", "--timeout", &timeout, "--joblog", "log"], jobs);
        // The others may need longer, on a busy machine.
        let timed_out = outcome.stderr.matches("timed out").count();
        (timed_out == 1).then(|| {
            assert_eq!(outcome.code, Some(5));
            (entries(&stage, "log"), seconds)
        })
    });
    let expected = [
        (1, "line 1", "echo a", true, Some(0), None, ""),
        (2, "line 4", "exit 3", false, Some(3), None, "exit status 3"),
        (
            3,
            "line 5",
            "kill -9 $$",
            false,
            None,
            Some(9),
            "killed by signal 9",
        ),
        (
            4,
            "line 6",
            "missing-command x",
            false,
            None,
            None,
            "command not found",
        ),
        (
            5,
            "line 7",
            "@urgent y",
            false,
            None,
            None,
            "is not a priority",
        ),
        (
            6,
            "line 8",
            "exec sleep 1000",
            false,
            None,
            None,
            "timed out after ",
        ),
    ];
    assert_eq!(entries.len(), expected.len());
    for (entry, (seq, place, job, ok, exit, signal, failure)) in entries.iter().zip(expected) {
        assert_eq!(entry["seq"].as_u64(), Some(seq));
        assert_eq!(
            (entry["place"].as_str(), entry["job"].as_str()),
            (Some(place), Some(job))
        );
        assert_eq!(
            (entry["ok"].as_bool(), entry["attempts"].as_u64()),
            (Some(ok), Some(1))
        );
        assert_eq!(
            (entry["exit"].as_i64(), entry["signal"].as_i64()),
            (exit, signal),
            "{entry}"
        );
        let said = entry["failure"].as_str().unwrap_or_default();
        assert!(said.contains(failure) && said.is_empty() == ok, "{entry}");
        assert!(entry["start"].as_f64().expect("a time") >= before - 1.0);
        assert!(entry["seconds"].as_f64().expect("a duration") >= 0.0);
        assert_eq!(entry.get("command"), None);
    }
    let slept = Duration::from_secs_f64(entries[5]["seconds"].as_f64().expect("a duration"));
    assert!(slept >= Duration::from_secs(seconds));
}

#[test]
fn attempts_are_one_line_together() {
    let stage = Stage::new();
    let arguments = ["--retries", "2", "--retry-delay", "0", "--joblog", "log"];
    stage.run(arguments, b"exit 3\n");
    let entries = entries(&stage, "log");
    assert_eq!(
        (entries.len(), entries[0]["attempts"].as_u64()),
        (1, Some(3))
    );
}

#[test]
fn arguments_are_logged_without_loss_with_their_command() {
    let stage = Stage::new();
    let name = std::ffi::OsString::from_vec(b"f\xff".to_vec());
    let words = [
        "-q",
        "-j1",
        "--joblog",
        "log",
        "test",
        "-n",
        ":::",
        "a \"b\"\n$(c)",
    ];
    let mut arguments = words.map(std::ffi::OsString::from).to_vec();
    arguments.push(name);
    assert_eq!(stage.run(arguments, b"").code, Some(0));
    let entries = entries(&stage, "log");
    assert_eq!(entries[0]["job"], "a \"b\"\n$(c)");
    assert_eq!(entries[1]["job"]["hex"], "66ff");
    assert_eq!(entries[1]["command"], serde_json::json!(["test", "-n"]));
}

#[test]
fn a_line_is_there_as_soon_as_its_job_has_ended() {
    let stage = Stage::new();
    let mut running = Running::start(stage.command(["-j1", "--joblog", "log"]));
    // The second job begins when the first has been logged, by the only worker.
    running.write(b"true\ngrep -q '\"job\":\"true\"' log\n");
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_log_that_cannot_be_used_is_misuse_and_nothing_is_run() {
    let stage = Stage::new();
    fs::write(stage.path("strange"), "{\"seq\":1}\n").expect("written");
    stage.run(["--joblog", "used"], b"true\n");
    let cases: &[(&[&str], &str)] = &[
        (
            &["--joblog", "missing/log"],
            "the job log missing/log cannot be used: No such file",
        ),
        (&["--joblog", "."], "cannot be used: Is a directory"),
        (&["--joblog", "used"], "go on from there with --resume"),
        (
            &["--joblog", "strange", "--resume"],
            "line 1 of the job log strange is no job",
        ),
        (&["--joblog", "/dev/full", "--resume"], "is no regular file"),
        (
            &["--joblog", "none", "--retry-failed"],
            "none cannot be used: No such file",
        ),
        (&["--resume"], "--joblog <FILE>"),
        (
            &["--joblog", "used", "--resume", "--resume-failed"],
            "cannot be used with",
        ),
        (
            &["--joblog", "used", "--retry-failed", "touch"],
            "cannot be used with",
        ),
    ];
    for (arguments, message) in cases {
        let outcome = stage.run(*arguments, b"touch ran\n");
        assert_eq!(outcome.code, Some(2), "{arguments:?}");
        outcome.assert_says(message);
        assert!(!stage.path("ran").exists(), "{arguments:?} ran something");
    }
    assert_eq!(entries(&stage, "used").len(), 1);
}

#[test]
fn two_runs_do_not_write_to_the_same_log() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["--joblog", "log"]));
    running.write(b"echo > here; cat gate\n");
    here.wait();
    let outcome = stage.run(["--joblog", "log", "--resume"], b"touch ran\n");
    assert_eq!(outcome.code, Some(2));
    outcome.assert_says("the job log log is in use by another brigade");
    gate.open();
    assert_eq!(running.end().code, Some(0));
    assert!(!stage.path("ran").exists());
}

#[test]
fn without_room_for_the_log_nothing_more_is_started_and_running_jobs_end() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["-j2", "--joblog", "/dev/full"]));
    running.write(b"echo > here; cat gate; echo finished\n");
    here.wait();
    running.write(b"true\ntouch ran\n");
    running.wait_for("brigade: the job log /dev/full cannot be written: No space left on device");
    gate.open();
    let outcome = running.end_with_open_input();
    assert_eq!((outcome.code, outcome.text()), (Some(102), "finished\n"));
    outcome.assert_says("did not run");
    outcome.assert_says(
        "these lines are missing in the job log /dev/full; add them before you resume",
    );
    // Both jobs that have run are told, so that none of them need be run twice.
    outcome.assert_says("\"job\":\"echo > here; cat gate; echo finished\"");
    outcome.assert_says("\"job\":\"true\"");
    assert!(!stage.path("ran").exists());
}

#[test]
fn on_a_disk_that_becomes_full_the_log_stays_whole_and_nothing_is_run_twice() {
    let stage = Stage::new();
    // A limit on the size of files is a disk that takes the half of a line and then no more.
    let brigade = env!("CARGO_BIN_EXE_brigade");
    let script = "ulimit -f 4; exec env --ignore-signal=XFSZ \"$0\" run -q -j1 --joblog log 'echo {} >> ran'";
    let mut limited = Command::new("sh");
    limited
        .args(["-c", script, brigade])
        .current_dir(stage.path(""));
    let input = (1..=100)
        .map(|number| format!("{number}\n"))
        .collect::<String>();
    let mut running = Running::start(limited);
    running.write(input.as_bytes());
    let outcome = running.end();
    assert_eq!(outcome.code, Some(102));
    outcome.assert_says("the job log log cannot be written: File too large");
    let logged = entries(&stage, "log").len();
    let ran = fs::read_to_string(stage.path("ran")).expect("some ran");
    assert!(
        logged > 1 && ran.lines().count() == logged + 1,
        "{logged} logged, {ran}"
    );
    // The one that is missing is added, as it is said.
    let (_, missing) = outcome.stderr.split_once("are run again:\n").expect("told");
    let missing = missing.lines().next().expect("a line");
    let log = fs::read_to_string(stage.path("log")).expect("readable");
    fs::write(stage.path("log"), format!("{log}{missing}\n")).expect("written");
    let arguments = ["-q", "-j1", "--joblog", "log", "--resume", "echo {} >> ran"];
    assert_eq!(stage.run(arguments, input.as_bytes()).code, Some(0));
    assert_eq!(
        fs::read_to_string(stage.path("ran")).expect("all ran"),
        input
    );
}
