//! Resources that jobs need.

use crate::stage::{Running, Stage};

#[test]
fn a_job_has_a_resource_for_itself() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let first = "echo > here; cat gate; touch ended";
    let rest = ["test -e ended"; 3];
    let jobs = [&["-j4", "-q", "--lock", "db", ":::", first], &rest[..]].concat();
    let running = Running::start(stage.command(jobs));
    here.wait();
    gate.open();
    let outcome = running.end();
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
}

#[test]
fn the_most_urgent_job_is_the_next_to_have_it() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["-j4", "-q", "--lock", "db"]));
    running.write(b"echo > here; cat gate\n");
    here.wait();
    running.write(b"@low echo low\n@normal echo normal\n@high echo high\n");
    running.wait_until_queued();
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.text(), "high\nnormal\nlow\n", "{outcome:?}");
}

#[test]
fn jobs_share_what_they_only_share() {
    let stage = Stage::new();
    let _meeting = stage.meeting("meeting");
    let jobs = ["cat meeting", "echo met > meeting"];
    let arguments = [
        "-j2",
        "--lock",
        "cache:shared",
        "--lock=settings:shared",
        ":::",
    ];
    let outcome = stage.run([&arguments[..], &jobs].concat(), b"");
    assert_eq!((outcome.code, outcome.text()), (Some(0), "met\n"));
}

#[test]
fn as_many_jobs_run_as_there_are_units_for_and_no_more() {
    for global in [&["--global-locks"][..], &[]] {
        let stage = Stage::new();
        // Two meet; each looks how many there are.
        let _meetings = ["one", "other"].map(|name| stage.meeting(name));
        let count =
            "mkdir used.$$; test $(ls -d used.* 2>&- | wc -l) -le 2 || exit 1; rmdir used.$$";
        let meet = ["cat one; echo > other", "echo > one; cat other"];
        let jobs = [&meet[..], &[count; 20]].concat();
        let arguments = [&["-j8", "--lock", "gpu=2/5"][..], global, &[":::"], &jobs].concat();
        let outcome = stage.run(arguments, b"");
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome.assert_says("; 2 workers\n");
    }
}

#[test]
fn with_global_locks_jobs_and_other_commands_exclude_each_other() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let arguments = ["-j2", "-q", "--global-locks", "--lock", "db", ":::"];
    let jobs = ["echo > here; cat gate", "touch second; test -e other"];
    let running = Running::start(stage.command([&arguments[..], &jobs].concat()));
    here.wait();
    assert_eq!(stage.run_with(&["-w0", "db", "--", "true"]).code, Some(1));
    // Between two jobs others get their turn.
    let script = "test ! -e second && touch other";
    let waiting = ["--wait-report", "db", "--", "sh", "-c", script];
    let mut waiting = Running::start(stage.with(waiting));
    waiting.wait_for("waiting for `db`");
    let list = stage.run_with(&["--list"]);
    assert!(list.text().contains("echo > here; cat gate"), "{list:?}");
    gate.open();
    assert_eq!(waiting.end().code, Some(0));
    let outcome = running.end();
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
    assert_eq!(stage.run_with(&["--list"]).text(), "nothing is held\n");
}

#[test]
fn without_global_locks_they_do_not() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let arguments = ["-q", "--lock", "db", ":::", "echo > here; cat gate"];
    let running = Running::start(stage.command(arguments));
    here.wait();
    assert_eq!(stage.run_with(&["-w0", "db", "--", "true"]).code, Some(0));
    gate.open();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn ctrl_c_ends_a_wait_for_a_resource_and_the_job_is_listed() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let holder = ["db", "--", "sh", "-c", "echo > here; cat gate"];
    let holder = Running::start(stage.with(holder));
    here.wait();
    let jobs = ["touch ran", "touch too"];
    let arguments = ["--global-locks", "--lock", "a", "--lock", "db", ":::"];
    let mut running = Running::start(stage.command([&arguments[..], &jobs].concat()));
    running.wait_for("argument 1: `touch ran`: waiting for `db`");
    running.interrupt();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("2 jobs did not run:\n'touch ran'\n'touch too'\n");
    assert_eq!(stage.run_with(&["-w0", "a", "--", "true"]).code, Some(0));
    gate.open();
    assert_eq!(holder.end().code, Some(0));
    assert!(!stage.path("ran").exists());
}

#[test]
fn what_a_job_leaves_in_the_background_holds_nothing() {
    let stage = Stage::new();
    let job = "sleep 1000 < /dev/null > /dev/null 2>&1 & echo $!";
    let arguments = ["-q", "--global-locks", "--lock", "db", ":::", job];
    let outcome = stage.run(arguments, b"");
    let pid = outcome.text().trim();
    assert!(crate::stage::lives(pid), "{outcome:?}");
    assert_eq!(stage.run_with(&["-w0", "db", "--", "true"]).code, Some(0));
    let ended = std::process::Command::new("kill").arg(pid).status();
    assert!(ended.expect("kill runs").success());
}

#[test]
fn a_job_cannot_wait_for_what_it_has_itself() {
    let stage = Stage::new();
    let job = format!("'{}' with db -- touch ran", env!("CARGO_BIN_EXE_brigade"));
    let arguments = ["-q", "--global-locks", "--lock", "db", ":::", &job];
    let outcome = stage.run(arguments, b"");
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("`db` is held already");
    assert!(!stage.path("ran").exists());
}

#[test]
fn resources_that_cannot_be_had_are_misuse_and_nothing_is_run() {
    let stage = Stage::new();
    assert_eq!(stage.run_with(&["gpu=1/4", "--", "true"]).code, Some(0));
    let cases: &[(&[&str], &str)] = &[
        (&["--lock", "db:share"], "`db:share` is not a resource"),
        (&["--lock", "db", "--lock", "db:shared"], "is named twice"),
        (&["--lock", "gpu=1"], "nobody has said yet how many units"),
        (&["--lock", "gpu=3/2"], "3 units of `gpu`, which has 2"),
        (
            &["--lock", "gpu=1/2", "--global-locks"],
            "`gpu` has 4 units",
        ),
        (&["--global-locks"], "--lock"),
        (&["--lock", "db", "--lock-dir", "d"], "--global-locks"),
    ];
    for (arguments, message) in cases {
        let outcome = stage.run([arguments, &[":::", "touch ran"][..]].concat(), b"");
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        outcome.assert_says(message);
        assert!(!stage.path("ran").exists(), "{arguments:?} ran something");
    }
    let known = ["--lock", "gpu=1", "--global-locks", ":::", "true"];
    assert_eq!(stage.run(known, b"").code, Some(0));
}
