//! Progress on a terminal, and the summary.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::stage::{Stage, until};

#[test]
fn the_summary_tells_jobs_failures_rate_and_times() {
    let outcome = Stage::new().run(["-j2"], b"true\ntrue\nfalse\n");
    let lines = outcome.stderr.lines().collect::<Vec<_>>();
    let [failure, jobs, times] = lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(failure, "brigade: line 3: `false`: exit status 1");
    assert!(jobs.starts_with("brigade: 3 jobs, 1 failed, in "), "{jobs}");
    assert!(jobs.ends_with(" jobs/s)"), "{jobs}");
    assert!(times.starts_with("brigade: queue wait p50 "), "{times}");
    assert!(
        times.contains(" p99 ") && times.contains("; run time p50 "),
        "{times}"
    );
    assert!(times.ends_with("; 2 workers"), "{times}");
    assert!(
        !times.contains("run time p50 0 ns"),
        "nothing was measured: {times}"
    );
}

#[test]
fn quiet_says_nothing_but_failures() {
    let outcome = Stage::new().run(["-q"], b"true\nfalse\n");
    assert_eq!(outcome.stderr, "brigade: line 2: `false`: exit status 1\n");
}

/// What a terminal shows of both outputs while two jobs run, of which the second fails. The first goes
/// on when what is expected is shown.
fn on_terminal(arguments: &[&str], first: &str, second: &str, expected: Option<&str>) -> String {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("a terminal");
    unlockpt(&terminal).expect("a terminal");
    let name = ptsname(&terminal, Vec::new()).expect("a name");
    let name = name.into_string().expect("UTF-8");
    let other_side = File::options()
        .read(true)
        .write(true)
        .open(name)
        .expect("a terminal");
    let first = format!("echo > here; cat gate; {first}");
    let jobs = [":::", &first, second];
    let mut command = stage.command([&["-j1"], arguments, &jobs].concat());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(other_side.try_clone().expect("a copy"))
        .stderr(other_side)
        .spawn()
        .expect("brigade starts");
    drop(command); // it has a copy of the other side
    let (send, shown) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut terminal = File::from(terminal);
        let mut block = [0; 4096];
        // The end of the other side is an error here.
        while let Ok(length) = terminal.read(&mut block) {
            let _ = send.send(String::from_utf8_lossy(&block[..length]).into_owned());
        }
    });
    here.wait();
    let mut text = String::new();
    if let Some(expected) = expected {
        until("progress is shown", || {
            text.extend(shown.try_iter());
            text.contains(expected)
        });
    }
    gate.open();
    assert_eq!(child.wait().expect("a child").code(), Some(1));
    text.extend(shown.iter());
    text
}

#[test]
fn progress_is_shown_on_a_terminal() {
    let text = on_terminal(&[], ":", "false", Some("1 running, 1 queued"));
    assert!(
        text.contains("/2 done") && text.contains("2 jobs, 1 failed"),
        "{text:?}"
    );
    let failure = "brigade: argument 2: `false`: exit status 1\r\n";
    assert!(text.contains(failure), "{text:?}");
}

#[test]
fn progress_is_not_shown_when_not_wanted() {
    let text = on_terminal(&["--no-progress"], ":", "false", None);
    assert!(
        !text.contains("running") && text.contains("2 jobs, 1 failed"),
        "{text:?}"
    );
    let text = on_terminal(&["-q"], ":", "false", None);
    assert_eq!(text, "brigade: argument 2: `false`: exit status 1\r\n");
}

#[test]
fn progress_takes_away_no_line_that_a_job_left_open() {
    let job = "printf out; printf err >&2";
    let text = on_terminal(&[], job, "false", Some("1 running"));
    assert!(
        text.contains("out\r\n") && text.contains("err\r\n"),
        "{text:?}"
    );
}

#[test]
fn messages_begin_a_line_whatever_jobs_printed() {
    let shown = on_terminal(&["-q"], "printf a", "printf b; exit 1", None);
    assert_eq!(
        shown,
        "ab\r\nbrigade: argument 2: `printf b; exit 1`: exit status 1\r\n"
    );
    let outcome = Stage::new().run(["-j1"], b"printf a; printf b >&2\nprintf c >&2; exit 1\n");
    assert_eq!(outcome.text(), "a");
    outcome
        .assert_says("bc\nbrigade: line 2: `printf c >&2; exit 1`: exit status 1\nbrigade: 2 jobs");
    let outcome = Stage::new().run(["-j1"], b"printf a >&2\n");
    outcome.assert_says("a\nbrigade: 1 job, 0 failed");
}
