//! Ctrl-Z, `fg` and `bg`: a run stops with all its jobs, and goes on with them.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::processes::{children, is_stopped, parent};
use crate::stage::terminal::{Key, Terminal};
use crate::stage::{Meeting, Process, Running, Stage, lives, until, within};

/// A `brigade run` that a shell with job control has started on a terminal.
struct Scene {
    stage: Stage,
    terminal: Terminal,
    shell: Process,
    /// What the terminal has shown.
    text: String,
    stopped: Meeting,
    resume: Meeting,
    gate: Meeting,
    brigade: Pid,
    job: Pid,
}

impl Scene {
    /// Waits until the first of two jobs runs, which says `first` once the gate is open, and stops there. When `resume` is
    /// opened, the shell does what it is told to.
    fn start(options: &str, then: &str) -> Self {
        let stage = Stage::new();
        let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
        let (stopped, resume) = (stage.meeting("stopped"), stage.meeting("resume"));
        let jobs = "sleep 1000 & echo $$ > here; read x < gate; kill $!; echo first\n\
                    touch ran; echo second\n";
        fs::write(stage.path("jobs"), jobs).expect("a file");
        let terminal = Terminal::open();
        let code = format!(
            "set -m; \"$BRIGADE\" run -j1 {options} -a jobs > out; echo $? > stopped; cat resume; {then}"
        );
        let shell = terminal.start_shell(&stage, &code);
        let job = pid(&here.wait());
        Self {
            stage,
            terminal,
            shell,
            text: String::new(),
            stopped,
            resume,
            gate,
            brigade: parent(job),
            job,
        }
    }

    /// Waits until the terminal has shown something since this was called last.
    fn wait_for(&mut self, message: &str) {
        let Self { terminal, text, .. } = self;
        text.clear();
        until("the terminal shows it", || {
            text.extend(terminal.shown.try_iter());
            text.contains(message)
        });
    }

    /// Presses Ctrl-Z, and waits until all are stopped and the shell has noticed.
    fn stop(&mut self) {
        self.terminal.press(Key::CtrlZ);
        let code = self.stopped.wait();
        assert_eq!(code.trim(), (128 + Signal::TSTP.as_raw()).to_string());
        assert!(is_stopped(self.brigade));
        let jobs = [vec![self.job], children(self.job)].concat();
        assert!(jobs.len() > 1, "the job and its `sleep`");
        until("the job is stopped", || {
            jobs.iter().all(|&job| is_stopped(job))
        });
    }

    /// Waits for the end of the shell; returns its exit code and what the jobs have printed. No process is left.
    fn end(self) -> (Option<i32>, String) {
        let Self { mut shell, .. } = self;
        let status = within(move || shell.wait().expect("a child"));
        until("they are gone", || {
            ![self.brigade, self.job]
                .map(number)
                .iter()
                .any(|pid| lives(pid))
        });
        let printed = fs::read_to_string(self.stage.path("out")).expect("its output");
        (status.code(), printed)
    }
}

fn pid(text: &str) -> Pid {
    let number = text.trim().parse().ok();
    number.and_then(Pid::from_raw).expect("a number")
}

fn number(pid: Pid) -> String {
    pid.as_raw_nonzero().to_string()
}

/// A `brigade run` in a process group of its own: in one whose leader nobody would continue, the system stops none.
fn in_own_group(mut command: Command) -> Command {
    command.process_group(0);
    command
}

#[test]
fn ctrl_z_stops_a_run_with_its_jobs_and_fg_continues_them() {
    let mut scene = Scene::start("-q", "fg; exit $?");
    scene.stop();
    scene.resume.open();
    until("the job goes on", || !is_stopped(scene.job));
    scene.gate.open();
    assert_eq!(scene.end(), (Some(0), "first\nsecond\n".to_owned()));
}

#[test]
fn it_can_be_stopped_again_and_again() {
    let again = "fg; echo $? > stopped; cat resume; fg; exit $?";
    let mut scene = Scene::start("-q", again);
    scene.stop();
    scene.resume.open();
    until("all go on", || {
        !is_stopped(scene.job) && !is_stopped(scene.brigade)
    });
    scene.stop();
    scene.resume.open();
    scene.gate.open();
    assert_eq!(scene.end(), (Some(0), "first\nsecond\n".to_owned()));
}

#[test]
fn ctrl_c_after_fg_is_the_first_one() {
    let mut scene = Scene::start("", "fg; exit $?");
    scene.stop();
    scene.resume.open();
    until("the job goes on", || !is_stopped(scene.job));
    scene.terminal.press(Key::CtrlC);
    scene.wait_for("SIGINT: nothing is started any more; waiting for 1 running job to end");
    scene.gate.open();
    let ran = scene.stage.path("ran");
    assert_eq!(scene.end(), (Some(130), "first\n".to_owned()));
    assert!(!ran.exists());
}

#[test]
fn ctrl_c_twice_after_fg_stops_the_jobs() {
    let mut scene = Scene::start("", "fg; exit $?");
    scene.stop();
    scene.resume.open();
    until("the job goes on", || !is_stopped(scene.job));
    scene.terminal.press(Key::CtrlC);
    scene.wait_for("nothing is started any more");
    scene.terminal.press(Key::CtrlC);
    scene.wait_for("1 job, 0 failed, 1 stopped");
    assert_eq!(scene.end(), (Some(130), String::new()));
}

#[test]
fn progress_is_not_drawn_in_the_background_and_again_after_fg() {
    let then = "stty tostop; bg; echo > in_background; cat resume; fg; exit $?";
    let mut scene = Scene::start("", then);
    let in_background = scene.stage.meeting("in_background");
    scene.wait_for("1 running, 1 queued");
    scene.stop();
    // The line has been taken away for the shell.
    let before = looks(scene.brigade);
    scene.resume.open();
    in_background.wait();
    until("it has looked at the time", || {
        looks(scene.brigade) > before + 5
    });
    // It was to draw then, at which the terminal would have stopped it.
    assert!(!is_stopped(scene.brigade) && !is_stopped(scene.job));
    scene.text.extend(scene.terminal.shown.try_iter());
    scene.resume.open();
    scene.wait_for("1 running, 1 queued");
    scene.gate.open();
    assert_eq!(scene.end(), (Some(0), "first\nsecond\n".to_owned()));
}

/// How often its main thread has waited so far.
fn looks(pid: Pid) -> u64 {
    let pid = number(pid);
    let status = fs::read_to_string(format!("/proc/{pid}/task/{pid}/status")).expect("it runs");
    let switches = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    switches
        .and_then(|switches| switches.trim().parse().ok())
        .expect("a number")
}

#[test]
fn a_stopped_run_that_is_killed_leaves_no_job() {
    let mut scene = Scene::start("-q", "exit 3");
    scene.stop();
    kill_process(scene.brigade, Signal::KILL).expect("it lives");
    until("it is gone", || !lives(&number(scene.brigade)));
    // The system ends stopped processes that nobody is left to continue.
    until("the job is gone", || !lives(&number(scene.job)));
    scene.resume.open();
    assert_eq!(scene.end().0, Some(3));
}

#[test]
fn a_signal_to_it_alone_stops_and_continues_the_jobs_too() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(in_own_group(stage.command(["-q", "-j1"])));
    running.write(b"echo $$ > here; read x < gate; echo a\n");
    let job = pid(&here.wait());
    running.signal(Signal::TSTP);
    until("all are stopped", || {
        is_stopped(running.pid()) && is_stopped(job)
    });
    running.signal(Signal::CONT);
    until("the job goes on", || !is_stopped(job));
    gate.open();
    let outcome = running.end();
    assert_eq!((outcome.code, outcome.text()), (Some(0), "a\n"));
}

#[test]
fn a_stopped_run_can_be_ended_with_its_jobs() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let mut running = Running::start(in_own_group(stage.command(["-j1"])));
    running.write(b"echo $$ > here; exec sleep 1000\n");
    let job = pid(&here.wait());
    running.signal(Signal::TSTP);
    until("all are stopped", || {
        is_stopped(running.pid()) && is_stopped(job)
    });
    running.signal(Signal::TERM);
    running.signal(Signal::CONT);
    running.wait_for("SIGTERM: nothing is started any more");
    running.signal(Signal::TERM);
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(143));
    outcome.assert_says("1 job, 0 failed, 1 stopped");
    assert!(!lives(&number(job)));
}

#[test]
fn jobs_that_are_about_to_begin_are_stopped_too() {
    let stage = Stage::new();
    let (here, _gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(in_own_group(stage.command(["-j100"])));
    running.write(b"echo > here; exec cat gate\n");
    running.write(&b"exec cat gate\n".repeat(100));
    here.wait();
    running.signal(Signal::TSTP);
    until("it is stopped", || is_stopped(running.pid()));
    let jobs = children(running.pid());
    assert!(!jobs.is_empty());
    until("all jobs are stopped", || {
        jobs.iter().all(|&job| is_stopped(job))
    });
    running.signal(Signal::CONT);
    running.signal(Signal::TERM);
    running.wait_for("SIGTERM: nothing is started any more");
    running.signal(Signal::TERM);
    let outcome = running.end_with_open_input();
    assert_eq!(outcome.code, Some(143));
    assert!(!jobs.iter().any(|&job| lives(&number(job))));
}

#[test]
fn the_time_of_a_job_stands_still_while_it_is_stopped() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    // It needs little of it before it is stopped and after, even on a busy machine.
    let timeout = Duration::from_secs(10);
    let arguments = ["-q", "-j1", "--timeout", "10s"];
    let mut running = Running::start(in_own_group(stage.command(arguments)));
    running.write(b"echo $$ > here; read x < gate; echo a\n");
    let job = pid(&here.wait());
    running.signal(Signal::TSTP);
    until("all are stopped", || {
        is_stopped(running.pid()) && is_stopped(job)
    });
    let seen = Instant::now();
    until("its time is over", || seen.elapsed() > timeout);
    running.signal(Signal::CONT);
    gate.open();
    let outcome = running.end();
    assert_eq!(
        (outcome.code, outcome.text()),
        (Some(0), "a\n"),
        "{outcome:?}"
    );
}

#[test]
fn a_run_that_nobody_could_continue_does_not_stop() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut command = Command::new("setsid");
    command
        .args(["--wait", env!("CARGO_BIN_EXE_brigade"), "run", "-q", "-j1"])
        .current_dir(stage.path(""));
    let mut running = Running::start(command);
    running.write(b"echo $$ > here; read x < gate; echo a\n");
    let job = pid(&here.wait());
    kill_process(parent(job), Signal::TSTP).expect("it lives");
    gate.open();
    let outcome = running.end();
    assert_eq!((outcome.code, outcome.text()), (Some(0), "a\n"));
}
