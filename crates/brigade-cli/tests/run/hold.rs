//! New jobs are held back while the machine is loaded, or short of memory.

use std::fs;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use crate::gathering::Gathering;
use crate::stage::{Process, Running, Stage, Terminal, until};

/// Bounds that every machine is past.
const PAST: [[&str; 2]; 3] = [
    ["--load", "0"],
    ["--memfree", "1000000G"],
    ["--memfree", "100%"],
];

/// Bounds that no machine reaches.
const WITHIN: [[&str; 2]; 3] = [
    ["--load", "100000"],
    ["--load", "1000000%"],
    ["--memfree", "1"],
];

#[test]
fn past_a_bound_one_job_runs_at_a_time_and_all_do() {
    for bound in PAST {
        let stage = Stage::new();
        let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
        let mut running = Running::start(stage.command([&["-j4"], &bound[..]].concat()));
        running.write(b"mkdir alone; echo > here; cat gate; rmdir alone; echo a\n");
        here.wait();
        // Which is an error of whoever runs meanwhile.
        running.write(&b"mkdir alone && rmdir alone && echo a\n".repeat(5));
        running.wait_for("jobs are held back: ");
        gate.open();
        let outcome = running.end();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert_eq!(outcome.text(), "a\n".repeat(6));
        outcome.assert_says(&format!(" and {} is ", bound[0]));
        assert_eq!(outcome.stderr.matches("held back").count(), 1);
        outcome.assert_says("; 1 worker\n");
    }
}

/// Processes that all want a core, until this is dropped. They take little from others.
struct Load {
    busy: PathBuf,
    _shell: Process,
}

impl Load {
    fn start(stage: &Stage, tasks: usize) -> Self {
        let here = stage.meeting("loaded");
        let busy = stage.path("busy");
        fs::write(&busy, "").expect("a file");
        let code = "for task in $(seq $1); do while test -e busy; do :; done & done; \
                    echo > loaded; wait";
        let mut shell = Command::new("chrt");
        shell
            .args(["--idle", "0", "sh", "-c", code, "sh", &tasks.to_string()])
            .current_dir(stage.path(""));
        let shell = Process::start(&mut shell);
        here.wait();
        Self {
            busy,
            _shell: shell,
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        fs::remove_file(&self.busy).expect("a file");
    }
}

#[test]
fn a_load_holds_jobs_back_until_it_is_gone() {
    let stage = Stage::new();
    // What else runs, such as other tests, is less.
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let bound = 50 + 5 * cores;
    let load = Load::start(&stage, bound + 10);
    let gathering = Gathering::new(&stage, 4, "", "");
    let bound = bound.to_string();
    let mut running = Running::start(stage.command(["-j4", "--load", &bound]));
    running.write(gathering.jobs().as_bytes());
    let line = running.wait_for_line("jobs are held back: ");
    assert!(
        line.contains(&format!(
            " tasks run or wait for a core or a disk, and --load is {bound};"
        )),
        "{line}"
    );
    drop(load);
    gathering.meet();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn quiet_does_not_say_so() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let arguments = ["-q", "-j4", "--load", "0"];
    let mut running = Running::start(stage.command(arguments));
    running.write(b"echo > here; cat gate\ntrue\n");
    here.wait();
    running.wait_until_queued();
    gate.open();
    let outcome = running.end();
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
}

#[test]
fn within_the_bounds_all_run_at_once() {
    for bound in WITHIN {
        let stage = Stage::new();
        let gathering = Gathering::new(&stage, 4, "", "");
        let mut running = Running::start(stage.command([&["-j4"], &bound[..]].concat()));
        running.write(gathering.jobs().as_bytes());
        gathering.meet();
        let outcome = running.end();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(!outcome.stderr.contains("held back"), "{outcome:?}");
    }
}

#[test]
fn ctrl_c_ends_it_at_once_and_what_is_held_back_is_listed() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let arguments = ["-j4", "--memfree", "1000000G"];
    let mut running = Running::start(stage.command(arguments));
    running.write(b"echo > here; cat gate; echo ended\n");
    here.wait();
    running.write(b"touch ran\ntouch 'ran too'\n");
    running.wait_until_queued();
    running.wait_for("jobs are held back: ");
    running.interrupt();
    running.wait_for("nothing is started any more");
    gate.open();
    let outcome = running.end_with_open_input();
    assert_eq!((outcome.code, outcome.text()), (Some(130), "ended\n"));
    outcome.assert_says("touch ran\ntouch 'ran too'\n");
    outcome.assert_says("1 job, 0 failed, 2 not run");
    assert!(!stage.path("ran").exists());
}

#[test]
fn the_most_urgent_goes_first_whenever_it_has_come() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let arguments = ["-j4", "--memfree", "1000000G"];
    let mut running = Running::start(stage.command(arguments));
    running.write(b"echo > here; cat gate\n");
    here.wait();
    running.write(b"@low echo d\n@low echo e\n@normal echo c\n");
    running.wait_until_queued();
    running.wait_for("jobs are held back: ");
    running.write(b"@high echo b\n@0 echo a\n");
    running.wait_until_queued();
    gate.open();
    let outcome = running.end();
    assert_eq!((outcome.code, outcome.text()), (Some(0), "a\nb\nc\nd\ne\n"));
}

#[test]
fn what_is_held_back_holds_no_resources() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let locks = ["--global-locks", "--lock", "gpu=1/4"];
    let arguments = [&["-j4", "--load", "0"], &locks[..]].concat();
    let mut running = Running::start(stage.command(arguments));
    running.write(b"echo > here; cat gate\n");
    here.wait();
    running.write(b"true\ntrue\n");
    running.wait_for("jobs are held back: ");
    // All but that of the job that runs are free.
    let others = stage.with(["-w0", "gpu=3/4", "--", "true"]);
    assert_eq!(Running::start(others).end().code, Some(0));
    gate.open();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn progress_says_so() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let terminal = Terminal::open();
    let jobs = [":::", "echo > here; cat gate", "true"];
    let arguments = [&["-j2", "--memfree", "1000000G"], &jobs[..]].concat();
    let mut child = terminal.start(stage.command(arguments));
    here.wait();
    let mut text = String::new();
    until("progress says so", || {
        text.extend(terminal.shown.try_iter());
        text.contains("1 running, 1 queued (held back by --memfree)")
    });
    gate.open();
    assert_eq!(child.wait().expect("a child").code(), Some(0));
}

#[test]
fn the_metrics_say_so() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let arguments = [
        "-q",
        "-j4",
        "--memfree",
        "1000000G",
        "--metrics",
        "run.prom",
    ];
    let mut running = Running::start(stage.command(arguments));
    running.write(b"echo > here; cat gate\n");
    here.wait();
    let has = |line: &str| {
        let text = fs::read_to_string(stage.path("run.prom")).expect("metrics");
        text.lines().any(|found| found == line)
    };
    assert!(has("brigade_jobs_held_back{by=\"memory\"} 0"));
    running.write(b"true\n");
    until("the next file says it", || {
        has("brigade_jobs_held_back{by=\"memory\"} 1")
    });
    assert!(has("brigade_jobs_held_back{by=\"load\"} 0"));
    gate.open();
    assert_eq!(running.end().code, Some(0));
    assert!(has("brigade_jobs_held_back{by=\"memory\"} 0"));
}

#[test]
fn what_would_be_run_is_told_without_waiting() {
    let arguments = ["--dry-run", "-j4", "--load", "0", "--memfree", "100%"];
    let outcome = Stage::new().run(arguments, b"a\nb\n");
    assert_eq!((outcome.code, outcome.text()), (Some(0), "a\nb\n"));
    assert!(!outcome.stderr.contains("held back"), "{outcome:?}");
}

#[test]
fn what_is_no_bound_is_misuse() {
    let cases = [
        (["--load", "much"], "give a number of tasks such as 4, or"),
        (["--load", "4x"], "not `4x`"),
        (
            ["--memfree", "2X"],
            "give a size such as 4096, 64K, 512M or 2G",
        ),
        (["--memfree", "101%"], "give percent of the memory, 0% to"),
    ];
    for (arguments, message) in cases {
        let stage = Stage::new();
        let outcome = stage.run(arguments, b"touch ran\n");
        assert_eq!(outcome.code, Some(2));
        outcome.assert_says(message);
        assert!(!stage.path("ran").exists());
    }
}
