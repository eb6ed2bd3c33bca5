//! Resources that single jobs need.

mod global;

use std::fs;

use serde_json::json;

use crate::stage::{Running, Stage};

/// A line of input.
fn job(cmd: &str, locks: &[&str]) -> String {
    json!({"cmd": cmd, "locks": locks}).to_string() + "\n"
}

/// Fails if another has the directory, and keeps it for a moment so that another would find it.
const ALONE: &str = "mkdir used || exit 1; sleep 0.002; rmdir used";

#[test]
fn two_jobs_that_need_a_resource_alone_never_run_at_once() {
    let stage = Stage::new();
    let jobs = (0..40).map(|number| match number % 4 {
        3 => job("true", &[]),
        _ => job(ALONE, &["db"]),
    });
    let outcome = stage.run_objects(&["-j4"], &jobs.collect::<Vec<_>>());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.assert_says("40 jobs, 0 failed");
}

#[test]
fn jobs_share_what_they_only_share_and_exclude_who_needs_it_alone() {
    let stage = Stage::new();
    let _meeting = stage.meeting("meeting");
    let jobs = [
        job("cat meeting; touch met", &["cache:shared"]),
        job("echo met > meeting; touch told", &["cache:shared"]),
        job("test -e met && test -e told", &["cache"]),
    ];
    // Two workers: the first two jobs keep them until they have met, so that the third does not ask before them.
    let outcome = stage.run_objects(&["-j2"], &jobs);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn as_many_jobs_run_as_there_are_units_for_and_no_more() {
    let stage = Stage::new();
    // Two meet; each looks how many there are.
    let _meetings = ["one", "other"].map(|name| stage.meeting(name));
    let count = "mkdir used.$$; test $(ls -d used.* 2>&- | wc -l) -le 2 || exit 1; rmdir used.$$";
    let mut jobs = vec![
        job("cat one; echo > other", &["gpu=2/5"]),
        job("echo > one; cat other", &["gpu=2"]),
    ];
    jobs.extend((0..20).map(|_| job(count, &["gpu=2"])));
    let outcome = stage.run_objects(&["-j8"], &jobs);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn jobs_that_name_resources_in_opposite_orders_never_wait_for_each_other() {
    let stage = Stage::new();
    let jobs = (0..400).map(|number| {
        let locks = if number % 2 == 0 {
            ["a", "b"]
        } else {
            ["b", "a"]
        };
        job("mkdir both || exit 1; rmdir both", &locks)
    });
    let outcome = stage.run_objects(&["-j4"], &jobs.collect::<Vec<_>>());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.assert_says("400 jobs, 0 failed");
}

#[test]
fn who_waits_for_much_is_not_overtaken_by_who_needs_little() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    // One worker has this job, the other looks at all that follow, one after the other.
    let mut running = Running::start(stage.command(["--jsonl", "-q", "-j2"]));
    running.write(job("echo > here; cat gate", &["gpu=1/4"]).as_bytes());
    here.wait();
    running.write(job("touch large", &["gpu=4"]).as_bytes());
    for _ in 0..20 {
        running.write(job("test -e large", &["gpu=1"]).as_bytes());
    }
    // What needs none has run when all others have been looked at.
    running.write(job("echo > here", &[]).as_bytes());
    here.wait();
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn a_stream_of_small_jobs_does_not_starve_a_large_one() {
    let stage = Stage::new();
    // However slow they are, only so many are left at the end.
    let mut running = Running::start(stage.command(["--jsonl", "-q", "-j8", "--queue", "20"]));
    // There is always one more that waits: they come faster than four at once can run.
    let small = job("sleep 0.02", &["gpu=1/4"]);
    running.write(small.repeat(100).as_bytes());
    running.write(job("touch large", &["gpu=4"]).as_bytes());
    crate::stage::until("the large one has run", || {
        running.write(small.as_bytes());
        stage.path("large").exists()
    });
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn what_a_job_lacks_is_kept_for_it_and_nothing_else_is() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["--jsonl", "-q", "-j2"]));
    running.write(job("echo > here; cat gate", &["db"]).as_bytes());
    here.wait();
    // The last can run before the one that waits for `db`.
    running.write(job("test -e early", &["db", "gpu"]).as_bytes());
    running.write(job("touch early; echo > here", &["gpu"]).as_bytes());
    here.wait();
    gate.open();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_job_that_waits_for_a_resource_occupies_no_worker() {
    for global in [&["--global-locks"][..], &[]] {
        let stage = Stage::new();
        let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
        let options = [&["--jsonl", "-q", "-j2"], global].concat();
        let mut running = Running::start(stage.command(options));
        running.write(job("echo > here; cat gate; touch ended", &["db"]).as_bytes());
        here.wait();
        for _ in 0..20 {
            running.write(job("test -e ended", &["db"]).as_bytes());
        }
        running.write(job("echo > here", &["other"]).as_bytes());
        here.wait();
        gate.open();
        let outcome = running.end();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
}

#[test]
fn the_most_urgent_job_is_the_next_to_have_it_and_then_the_first() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["--jsonl", "-q", "-j2"]));
    running.write(job("echo > here; cat gate", &["db"]).as_bytes());
    here.wait();
    for (priority, text) in [
        ("low", "low"),
        ("high", "1"),
        ("normal", "normal"),
        ("high", "2"),
    ] {
        let job = json!({"cmd": format!("echo {text}"), "priority": priority, "locks": "db"});
        running.write(format!("{job}\n").as_bytes());
    }
    running.write(job("echo > here", &[]).as_bytes());
    // All have been looked at when one has run that is less urgent than they.
    let last = json!({"cmd": "echo > here", "priority": 255});
    here.wait();
    running.write(format!("{last}\n").as_bytes());
    here.wait();
    gate.open();
    assert_eq!(running.end().text(), "1\n2\nnormal\nlow\n");
}

#[test]
fn a_job_that_waits_for_its_retry_has_given_its_resources_back() {
    let stage = Stage::new();
    let jobs = [
        json!({"cmd": "exit 1", "locks": "db", "retries": 1}).to_string() + "\n",
        job("echo > here", &["db"]),
    ];
    let here = stage.meeting("here");
    let options = ["--jsonl", "-j1", "--retry-delay", "1000h"];
    let mut running = Running::start(stage.command(options));
    running.write(jobs.concat().as_bytes());
    here.wait();
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says(&format!(
        "1 job did not run; what follows line 2 of the input was not read:\n{}",
        jobs[0]
    ));
}

#[test]
fn a_job_may_be_after_others_and_need_resources() {
    let stage = Stage::new();
    let jobs = (0..50).map(|number| {
        let before = if number < 5 { vec![] } else { vec![number - 5] };
        json!({"id": number, "cmd": ALONE, "after": before, "locks": ["a", "b:shared"]}).to_string()
            + "\n"
    });
    let outcome = stage.run_objects(&["-j3", "-k"], &jobs.collect::<Vec<_>>());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.assert_says("50 jobs, 0 failed");
}

#[test]
fn more_jobs_than_may_wait_wait_in_the_input() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["--jsonl", "-q", "-j2", "--queue", "4"]));
    let mut input = running.take_input();
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        let first = job("echo > here; cat gate", &["db"]);
        // More than a pipe and a buffer hold.
        let long = format!("echo {}", "x".repeat(400));
        let lines = first + &job(&long, &["db"]).repeat(600);
        input.write_all(lines.as_bytes()).expect("is read");
    });
    here.wait();
    gate.open();
    let outcome = running.end_with_open_input();
    writer.join().expect("no panic");
    assert_eq!(outcome.code, Some(0));
    assert_eq!(outcome.text().lines().count(), 600);
}

#[test]
fn ctrl_c_lists_what_waits_for_resources() {
    for global in [&["--global-locks"][..], &[]] {
        let stage = Stage::new();
        let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
        let options = [&["--jsonl", "-j2"], global].concat();
        let mut running = Running::start(stage.command(options));
        let waiting = [
            job("touch ran", &["db"]),
            job("touch ran", &["db:shared", "a"]),
        ];
        running.write(job("echo > here; cat gate; echo first", &["db"]).as_bytes());
        here.wait();
        running.write(waiting.concat().as_bytes());
        running.write(job("echo > here", &[]).as_bytes());
        here.wait();
        running.interrupt();
        running.wait_for("nothing is started any more");
        gate.open();
        let outcome = running.end_with_open_input();
        assert_eq!((outcome.code, outcome.text()), (Some(130), "first\n"));
        outcome.assert_says("2 jobs did not run");
        outcome.assert_says(&format!(":\n{}{}", waiting[0], waiting[1]));
        assert!(!stage.path("ran").exists());
    }
}

#[test]
fn resources_that_contradict_fail_their_job_and_the_others_run() {
    let stage = Stage::new();
    let jobs = [
        job("touch ran", &["gpu=1"]),
        job("echo a", &["gpu=2/4"]),
        job("touch ran", &["gpu=5"]),
        job("touch ran", &["gpu=1/3"]),
        job("echo b", &["gpu=4"]),
        job("touch ran", &["common:shared"]),
        job("echo c", &["common"]),
        job("touch ran", &["units=1"]),
        job("echo d", &["gpu:shared"]),
    ];
    let outcome = stage.run_objects(&["-j1", "--lock", "common", "--lock", "units=1/2"], &jobs);
    assert_eq!((outcome.code, outcome.text()), (Some(5), "a\nb\nc\nd\n"));
    for message in [
        "line 1: `touch ran`: not run: nobody has said yet how many units `gpu` has",
        "line 3: `touch ran`: not run: it asks for 5 units of `gpu`, which has 4",
        "line 4: `touch ran`: not run: `gpu` has 3 units in one place and 4 in the other",
        "line 6: `touch ran`: not run: `common` is named twice",
        "line 8: `touch ran`: not run: `units` is named twice",
    ] {
        outcome.assert_says(message);
    }
    assert!(!stage.path("ran").exists());
}

#[test]
fn what_failed_needs_its_resources_again_when_the_job_log_is_run() {
    let stage = Stage::new();
    let cmd = format!("test -e mended || exit 1; {ALONE}");
    let jobs = (0..6).map(|number| {
        json!({"id": number, "cmd": cmd, "locks": ["db", "gpu=1/2"]}).to_string() + "\n"
    });
    let jobs = jobs.collect::<Vec<_>>();
    let outcome = stage.run_objects(&["-q", "--joblog", "log"], &jobs);
    assert_eq!(outcome.code, Some(6));
    fs::write(stage.path("mended"), "").expect("written");
    let outcome = stage.run(["-j4", "--joblog", "log", "--retry-failed"], b"");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.assert_says("6 jobs, 0 failed");
}
