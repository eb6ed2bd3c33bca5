//! Jobs may begin only so fast.

use std::time::{Duration, Instant};

use crate::stage::{Running, Stage};

#[test]
fn so_long_passes_between_the_beginnings_of_jobs() {
    for arguments in [["--delay", "30ms"], ["--rate", "2000/m"]] {
        let start = Instant::now();
        let outcome = Stage::new().run(
            [&["-q", "-j8"], &arguments[..]].concat(),
            "echo a\n".repeat(9).as_bytes(),
        );
        // Not before: that much is promised, however slow or fast the machine is.
        assert!(start.elapsed() >= Duration::from_millis(8 * 30));
        assert_eq!((outcome.code, outcome.text()), (Some(0), &*"a\n".repeat(9)));
    }
}

#[test]
fn a_job_that_waits_for_its_turn_is_listed_and_the_end_does_not_wait_for_it() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut running = Running::start(stage.command(["-j3", "--delay", "1000h"]));
    // Of jobs that were read together, any may be the first to begin.
    running.write(b"echo > here\n");
    here.wait();
    running.write(b"touch ran\ntouch ran too\n");
    running.wait_until_queued();
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("was not read:\ntouch ran\ntouch ran too\n");
    outcome.assert_says("1 job, 0 failed, 2 not run");
    assert!(!stage.path("ran").exists());
}
