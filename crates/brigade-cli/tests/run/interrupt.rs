//! Ctrl-C once, twice, three times; SIGTERM and SIGHUP.

use rustix::process::{Signal, kill_process};

use crate::stage::{Running, Stage, lives, until};

#[test]
fn once_lets_running_jobs_end_and_lists_what_did_not_run() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["-j1"]));
    running.write(b"echo > here; cat gate; echo finished\n@low touch 'ran 2'\ntouch ran3 \xff\n");
    here.wait();
    running.wait_until_queued();
    running.interrupt();
    running.wait_for("SIGINT: nothing is started any more; waiting for 1 running job to end");
    gate.open();
    // Its input is still open: it must not wait for more.
    let outcome = running.end_with_open_input();
    assert_eq!((outcome.code, outcome.text()), (Some(130), "finished\n"));
    outcome.assert_says(
        "brigade: 2 jobs did not run; what follows line 5 of the input was not read:\n\
         @low touch 'ran 2'\ntouch ran3 \u{fffd}\n",
    );
    outcome.assert_says("1 job, 0 failed, 2 not run");
    assert!(!stage.path("ran 2").exists() && !stage.path("ran3").exists());
}

#[test]
fn what_did_not_run_can_be_run_as_it_is_listed() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let script = "test {} = block && { echo > here; cat gate; } || echo {}";
    let arguments = ["-q", "-j1", script, ":::", "block", "a b", "$(c)", "d\ne"];
    let mut running = Running::start(stage.command(arguments));
    here.wait();
    running.interrupt();
    running.wait_for("nothing is started any more");
    gate.open();
    let outcome = running.end();
    assert_eq!((outcome.code, outcome.text()), (Some(130), ""));
    let (_, list) = outcome
        .stderr
        .split_once("3 jobs did not run:\n")
        .expect("a list");
    let again = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!(
            "printf '<%s>' {}",
            list.trim_end().replace("'\n", "' ")
        ))
        .output()
        .expect("sh runs");
    assert_eq!(String::from_utf8_lossy(&again.stdout), "<a b><$(c)><d\ne>");
}

#[test]
fn arguments_that_were_not_even_queued_are_listed_too() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let script = "test {} = block && { echo > here; cat gate; } || touch ran";
    let arguments = ["-j1", "--queue", "2", script, ":::", "block"];
    let rest = ["a", "b", "c", "d", "e"];
    let mut running = Running::start(stage.command([&arguments[..], &rest].concat()));
    here.wait();
    running.interrupt();
    running.wait_for("nothing is started any more");
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("brigade: 5 jobs did not run:\na\nb\nc\nd\ne\n");
    assert!(!stage.path("ran").exists());
}

#[test]
fn once_ends_it_while_no_input_comes() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut running = Running::start(stage.command([""; 0]));
    running.write(b"echo > here\n"); // it listens to signals before it reads
    here.wait();
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("0 jobs did not run; what follows line 1 of the input was not read\n");
}

#[test]
fn twice_stops_running_jobs_and_all_that_they_started() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut running = Running::start(stage.command(["-j1"]));
    running.write(b"sleep 1000 & echo $! $$ > here; wait\n");
    let pids = here.wait();
    assert!(pids.split_whitespace().all(lives), "{pids}");
    running.interrupt();
    running.wait_for("nothing is started any more");
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("stopping the running jobs");
    outcome.assert_says("killed by signal 15 (SIGTERM)");
    outcome.assert_says("1 job, 0 failed, 1 stopped");
    until("they are gone", || !pids.split_whitespace().any(lives));
}

#[test]
fn a_stopped_job_is_stopped_too() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut running = Running::start(stage.command(["-j1"]));
    running.write(b"echo > here; kill -STOP $$\n");
    here.wait();
    running.interrupt();
    running.wait_for("nothing is started any more");
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("killed by signal 15 (SIGTERM)");
}

#[test]
fn a_job_that_ignores_sigterm_is_killed_after_a_while() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut running = Running::start(stage.command(["-j1"]));
    running.write(b"trap '' TERM; echo $$ > here; while :; do sleep 1; done\n");
    let pid = here.wait();
    running.interrupt();
    running.wait_for("nothing is started any more");
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("killed by signal 9 (SIGKILL)");
    assert!(!lives(pid.trim()));
}

#[test]
fn three_times_kills_at_once_and_does_not_wait_for_who_left_the_group() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    // The third time, and not the end of the grace.
    let mut running = Running::start(stage.command(["-j1", "--grace", "1000h"]));
    // What `setsid` starts is out of reach, and has the job's output open.
    running.write(b"trap '' TERM; setsid sh -c 'echo $$ > here; exec sleep 1000' & wait; wait\n");
    let escaped = here.wait();
    running.interrupt();
    running.wait_for("nothing is started any more");
    running.interrupt();
    running.wait_for("stopping the running jobs");
    running.interrupt();
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("killed by signal 9 (SIGKILL)");
    assert!(lives(escaped.trim()));
    let pid = escaped
        .trim()
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    kill_process(pid.expect("a number"), Signal::KILL).expect("it lives");
}

#[test]
fn it_can_be_ended_though_nobody_takes_its_output() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let (mut running, stdout) = Running::start_unread(stage.command(["-j1"]));
    // Its output fills the pipe of which nobody reads; so it stays, and the next one never runs.
    running.write(b"head -c 1000000 /dev/zero; echo > here\ntouch ran\n");
    here.wait();
    running.wait_until_queued();
    running.interrupt();
    running.wait_for("nothing is started any more");
    running.interrupt();
    running.wait_for("stopping the running jobs");
    running.interrupt();
    running.interrupt();
    running.wait_for("1 job could not be stopped");
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(130));
    outcome.assert_says("line 4 of the input was not read:\ntouch ran\n");
    assert!(!stage.path("ran").exists());
    drop(stdout);
}

#[test]
fn other_requests_to_end_are_taken_likewise() {
    for (signal, name, code) in [(Signal::TERM, "SIGTERM", 143), (Signal::HUP, "SIGHUP", 129)] {
        let stage = Stage::new();
        let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
        let mut running = Running::start(stage.command(["-j1"]));
        running.write(b"echo > here; cat gate; echo finished\n");
        here.wait();
        running.signal(signal);
        running.wait_for(&format!("{name}: nothing is started any more"));
        gate.open();
        let outcome = running.end_with_open_input();
        assert_eq!((outcome.code, outcome.text()), (Some(code), "finished\n"));
    }
}

#[test]
fn a_signal_that_was_ignored_at_the_start_still_is() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    // As `nohup` does, and a script's shell with what it starts in the background.
    let mut running = Running::start(stage.command_ignoring("INT,HUP", &["-j1"]));
    running.write(b"echo > here; cat gate; echo finished\n");
    here.wait();
    running.signal(Signal::INT);
    running.signal(Signal::HUP);
    running.signal(Signal::TERM);
    running.wait_for("brigade: SIG");
    gate.open();
    let outcome = running.end_with_open_input();
    assert_eq!((outcome.code, outcome.text()), (Some(143), "finished\n"));
    outcome.assert_says("SIGTERM: nothing is started any more");
}

#[test]
fn jobs_lead_process_groups_so_that_a_terminal_does_not_interrupt_them() {
    let outcome = Stage::new().run(["-j1"], b"test \"$(ps -o pgid= -p $$ | tr -d ' ')\" = $$\n");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
