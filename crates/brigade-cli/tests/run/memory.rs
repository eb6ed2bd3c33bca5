//! What long inputs, long runs and long outputs take of memory: no more than short ones.

use std::fs;
use std::io::{PipeWriter, Read, Write};
use std::thread::{self, JoinHandle};

use rustix::fs::statvfs;

use crate::stage::{Running, Stage, peak_memory, until};

/// The most memory that a run may take, in KiB. A few MiB are normal.
const ENOUGH: u64 = 32 * 1024;

const MILLION: usize = 1_000_000;

#[track_caller]
fn assert_small(running: &Running) {
    let peak = peak_memory(running.pid());
    assert!(peak < ENOUGH, "{peak} KiB");
}

/// Writes a million numbered lines to a `brigade`, and leaves its input open.
fn write_a_million_lines(running: &mut Running) -> JoinHandle<PipeWriter> {
    let mut input = running.take_input();
    thread::spawn(move || {
        for thousand in 0..MILLION / 1_000 {
            let lines = (0..1_000).map(|line| format!("{}\n", thousand * 1_000 + line));
            let lines = lines.collect::<String>();
            input.write_all(lines.as_bytes()).expect("it is read");
        }
        input
    })
}

#[test]
fn a_million_jobs_that_are_only_told() {
    let stage = Stage::new();
    let arguments = ["-q", "--dry-run", "echo"];
    let (mut running, mut stdout) = Running::start_unread(stage.command(arguments));
    let writing = write_a_million_lines(&mut running);
    for thousand in 0..MILLION / 1_000 {
        let told = (0..1_000).map(|line| format!("echo {}\n", thousand * 1_000 + line));
        let told = told.collect::<String>();
        let mut read = vec![0; told.len()];
        stdout.read_exact(&mut read).expect("more");
        assert!(read == told.as_bytes(), "after {thousand} thousand");
    }
    assert_small(&running);
    drop(writing.join().expect("no panic"));
    assert_eq!(running.end_with_open_input().code, Some(0));
    assert_eq!(stdout.read(&mut [0]).expect("readable"), 0);
}

#[test]
fn a_million_lines_that_jobs_read() {
    let stage = Stage::new();
    let mut running = Running::start(stage.command(["-q", "-j2", "--pipe", "wc -l >> counts"]));
    let writing = write_a_million_lines(&mut running);
    let counted = || {
        let counts = fs::read_to_string(stage.path("counts")).unwrap_or_default();
        let counts = counts
            .lines()
            .map(|it| it.parse::<usize>().expect("a number"));
        counts.sum::<usize>()
    };
    // The last block has no end yet.
    until("all but one block are read", || {
        counted() > MILLION - 200_000
    });
    assert_small(&running);
    drop(writing.join().expect("no panic"));
    assert_eq!(running.end_with_open_input().code, Some(0));
    assert_eq!(counted(), MILLION);
}

#[test]
fn blocks_whose_jobs_have_ended() {
    let stage = Stage::new();
    let gate = stage.meeting("gate");
    let job = "test {#} != 1 || cat gate; wc -l; touch ended-{#}";
    let mut running = Running::start(stage.command(["-q", "-k", "-j2", "--pipe", job]));
    let line = "x".repeat(1_023) + "\n";
    for _ in 0..100 {
        running.write(line.repeat(1_024).as_bytes());
    }
    // Its output, and those of all that have ended before it, wait for the first one.
    until("a late block is read", || stage.path("ended-96").exists());
    assert_small(&running);
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.text() == "1024\n".repeat(100));
}

#[test]
fn thousands_of_jobs_that_are_run() {
    const JOBS: usize = 10_000;
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["-j2"]));
    for _ in 0..JOBS / 100 {
        running.write("true\n".repeat(100).as_bytes());
    }
    running.write(b"echo > here; cat gate\n");
    here.wait();
    assert_small(&running);
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0));
    outcome.assert_says(&format!("brigade: {} jobs, 0 failed", JOBS + 1));
}

#[test]
fn a_gibibyte_that_one_job_prints() {
    const LENGTH: u64 = 1 << 30;
    // Beside what is built: the usual directory for temporary files may be in memory itself.
    let directory = env!("CARGO_TARGET_TMPDIR");
    let disk = statvfs(directory).expect("a directory");
    let room = disk.f_bavail * disk.f_frsize;
    assert!(
        room > 2 * LENGTH,
        "this test needs 2 GiB of room in {directory}"
    );
    let stage = Stage::new();
    let mut command = stage.command(["-q", "head -c {} /dev/zero"]);
    command.env("TMPDIR", directory);
    let (mut running, stdout) = Running::start_unread(command);
    running.write(format!("{LENGTH}\n").as_bytes());
    let mut printed = stdout.take(LENGTH);
    let mut block = vec![0; 1 << 20];
    let mut length = 0;
    while length < LENGTH {
        match printed.read(&mut block).expect("readable") {
            0 => break,
            read => length += read as u64,
        }
    }
    assert_eq!(length, LENGTH);
    assert_small(&running);
    drop(running.take_input());
    let mut rest = Vec::new();
    printed
        .into_inner()
        .read_to_end(&mut rest)
        .expect("readable");
    let code = running.end_with_open_input().code;
    assert_eq!((code, rest.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn outputs_that_wait_for_their_turn() {
    const LENGTH: usize = 200 * 60_000 + 54 * 900_000;
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["-q", "-k", "-j2"]));
    running.write(b"cat gate; echo first\n");
    // None so long that it would be written to a file anyway.
    for (jobs, length) in [(200, 60_000), (54, 900_000)] {
        let job = format!("head -c {length} /dev/zero | tee /dev/stderr\n");
        running.write(job.repeat(jobs).as_bytes());
    }
    running.write(b"echo > here\n");
    here.wait();
    assert_small(&running);
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0));
    assert_eq!(outcome.stdout.len(), 6 + LENGTH);
    assert_eq!(outcome.stderr.len(), LENGTH);
    assert!(outcome.stdout.starts_with(b"first\n"));
}
