//! Outputs in the order of the input.

use crate::joblog::entries;
use crate::stage::{Running, Stage, peak_memory, until};

#[test]
fn outputs_come_in_the_order_of_the_input_whatever_ends_first() {
    let stage = Stage::new();
    let gates = [1, 2, 3].map(|number| stage.meeting(&format!("gate{number}")));
    let mut running = Running::start(stage.command(["-q", "-k", "-j3"]));
    for number in 1..=3 {
        let job =
            format!("cat gate{number}; echo {number}; echo e{number} >&2; touch ended{number}\n");
        running.write(job.as_bytes());
    }
    for (number, gate) in [3, 2, 1].into_iter().zip(gates.iter().rev()) {
        gate.open();
        until("it ends", || stage.path(&format!("ended{number}")).exists());
    }
    let outcome = running.end();
    assert_eq!((outcome.code, outcome.text()), (Some(0), "1\n2\n3\n"));
    assert_eq!(outcome.stderr, "e1\ne2\ne3\n");
}

#[test]
fn many_jobs_of_all_priorities_with_failures_and_retries_keep_their_order() {
    let stage = Stage::new();
    let levels = ["@high ", "@low ", "", "@0 ", "@255 "];
    let jobs = (0..1500).map(|number| {
        let level = levels[number % 5];
        let end = if number % 50 == 7 { "; exit 1" } else { "" };
        format!("{level}echo {number}{end}\n")
    });
    let arguments = ["-q", "-k", "-j4", "--retries", "1", "--retry-delay", "5ms"];
    let outcome = stage.run(arguments, jobs.collect::<String>().as_bytes());
    assert_eq!(outcome.code, Some(30));
    let expected = (0..1500)
        .map(|number| format!("{number}\n"))
        .collect::<String>();
    assert_eq!(outcome.text(), expected);
}

#[test]
fn a_job_that_holds_up_the_others_lets_only_so_many_run_before_it() {
    let stage = Stage::new();
    let (gate, here) = (stage.meeting("gate"), stage.meeting("here"));
    let mut running = Running::start(stage.command(["-q", "-k", "-j2"]));
    // The first waits; the 256th is the last that is read until it has ended.
    running.write(b"cat gate; echo first\n");
    running.write("head -c 300000 /dev/zero; echo\n".repeat(254).as_bytes());
    running.write(b"echo > here\n");
    running.write("touch ran\n".repeat(200).as_bytes());
    here.wait();
    assert!(!stage.path("ran").exists());
    let peak = peak_memory(running.pid());
    assert!(peak < 48 * 1024, "{peak} KiB, though 75 MiB are kept");
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stdout.starts_with(b"first\n"));
    assert_eq!(outcome.stdout.len(), 6 + 254 * 300_001);
    assert!(stage.path("ran").exists());
}

#[test]
fn what_has_ended_is_printed_though_a_job_before_it_never_ran() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let arguments = [
        "-k",
        "-j1",
        "--retries",
        "1",
        "--retry-delay",
        "1000h",
        "--joblog",
        "log",
    ];
    let mut running = Running::start(stage.command(arguments));
    running.write(b"exit 3\necho a\necho b; echo > here\n");
    here.wait();
    running.wait_until_queued();
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!((outcome.code, outcome.text()), (Some(130), "a\nb\n"));
    outcome.assert_says("brigade: 1 job did not run");
    assert_eq!(entries(&stage, "log").len(), 2);
}

#[test]
fn a_failure_is_counted_when_it_happens_and_not_when_it_is_its_turn() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["-k", "-j2", "--halt", "soon,fail=1"]));
    running.write(b"echo > here; cat gate; echo a\n");
    here.wait();
    running.write(b"echo b; exit 1\ntouch ran\n");
    running.wait_for("--halt soon,fail=1: nothing is started any more");
    gate.open();
    let outcome = running.end_with_open_input();
    assert_eq!((outcome.code, outcome.text()), (Some(1), "a\nb\n"));
    assert!(!stage.path("ran").exists());
}
