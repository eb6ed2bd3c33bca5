//! Killed at any point and resumed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::joblog::entries;
use crate::stage::{Process, Stage, until, within};

/// How often it is killed.
fn kills() -> usize {
    let wanted = std::env::var("BRIGADE_KILLS").ok();
    let usual = if cfg!(debug_assertions) { 50 } else { 200 };
    wanted.map_or(usual, |number| number.parse().expect("a number of kills"))
}

/// How often each job has run.
fn runs(stage: &Stage) -> HashMap<String, usize> {
    let mut runs = HashMap::new();
    for job in fs::read_to_string(stage.path("ran"))
        .unwrap_or_default()
        .lines()
    {
        *runs.entry(job.to_owned()).or_default() += 1;
    }
    runs
}

/// The jobs that have been logged, by the whole lines of the log; `name` tells the job that is logged as this.
fn logged(stage: &Stage, name: fn(&str) -> String) -> Vec<String> {
    let log = fs::read_to_string(stage.path("log")).unwrap_or_default();
    let whole = log
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let job = |line| serde_json::from_str::<serde_json::Value>(line).expect(line)["job"].clone();
    whole
        .map(|line| name(job(line).as_str().expect("text")))
        .collect()
}

/// A `brigade` that resumes. It and all its jobs hold the `leash` open.
fn resume(stage: &Stage, command: &[&str]) -> Process {
    let script = "exec 9> leash; exec \"$0\" run -q -j3 -a jobs --joblog log --resume \"$@\"";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script, env!("CARGO_BIN_EXE_brigade")])
        .args(command)
        .current_dir(stage.path(""))
        .stdin(Stdio::null());
    Process::start(&mut shell)
}

/// Kills a run again and again, and resumes it with more lines of input, each of which is a job that notes its name.
fn kill_and_resume(
    kills: usize,
    command: &[&str],
    line: fn(usize) -> String,
    name: fn(&str) -> String,
) {
    let stage = Stage::new();
    let _leash = stage.meeting("leash");
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut killed, mut jobs) = (0, 0);
    let mut unlogged_runs = 0;
    while killed < kills {
        let more = (0..4)
            .map(|number| line(jobs + number) + "\n")
            .collect::<String>();
        let so_far = fs::read_to_string(stage.path("jobs")).unwrap_or_default();
        fs::write(stage.path("jobs"), so_far + &more).expect("written");
        jobs += 4;

        let before = (logged(&stage, name), runs(&stage));
        let mut brigade = resume(&stage, command);
        let mut leash = File::open(stage.path("leash")).expect("a named pipe");
        if random.bool() {
            // In the midst of jobs.
            let enough = before.1.values().sum::<usize>() + random.usize(1..=4);
            until("jobs run", || {
                let ended = brigade.try_wait().expect("a child").is_some();
                ended || runs(&stage).values().sum::<usize>() >= enough
            });
        }
        // Any point will do, and none is hoped for.
        thread::sleep(Duration::from_micros(random.u64(0..5_000)));
        brigade.kill().expect("a child");
        killed += usize::from(brigade.wait().expect("a child").code().is_none());
        // Its jobs have outlived it. None of them runs when the next one begins.
        within(move || leash.read_to_end(&mut Vec::new()).expect("a named pipe"));

        let now = runs(&stage);
        for job in &before.0 {
            assert_eq!(now[job], before.1[job], "{job} has run again, seed {seed}");
        }
        let logged = logged(&stage, name);
        unlogged_runs += usize::from(now.len() > logged.len());
    }
    assert!(
        unlogged_runs > 0,
        "never killed while a job ran, seed {seed}"
    );

    let before = (logged(&stage, name), runs(&stage));
    let mut brigade = resume(&stage, command);
    drop(File::open(stage.path("leash")));
    assert!(brigade.wait().expect("a child").success(), "seed {seed}");
    let now = runs(&stage);
    for job in &before.0 {
        assert_eq!(now[job], before.1[job], "{job} has run again, seed {seed}");
    }
    let entries = entries(&stage, "log");
    let mut jobs_logged = entries
        .iter()
        .map(|entry| name(entry["job"].as_str().expect("text")));
    assert_eq!((now.len(), entries.len()), (jobs, jobs), "seed {seed}");
    assert!((0..jobs).all(|number| now.contains_key(&format!("job {number}"))));
    assert!(jobs_logged.all(|job| now.contains_key(&job)));
}

#[test]
fn every_job_has_run_and_none_again_that_was_logged() {
    let line = |number| format!("job {number}");
    kill_and_resume(kills(), &["echo {} >> ran"], line, str::to_owned);
}

#[test]
fn every_block_has_been_read_to_its_end_and_none_again_that_was_logged() {
    // Some are longer than a pipe takes at once, and so may be cut off.
    let line = |number: usize| {
        let length = if number.is_multiple_of(4) {
            100_000
        } else {
            10
        };
        format!("job {number}:{}:end", "x".repeat(length))
    };
    let job = "text=$(cat); case $text in *:end) echo \"${text%%:*}\" >> ran ;; esac";
    let name = |text: &str| {
        let line = text.strip_prefix("line ").expect("a line");
        format!("job {}", line.parse::<usize>().expect("a number") - 1)
    };
    kill_and_resume(kills() / 2, &["--pipe", "-N1", job], line, name);
}
