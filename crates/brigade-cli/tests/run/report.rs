//! The summary, and messages between the jobs' outputs.

use crate::stage::Stage;

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

#[test]
fn messages_begin_a_line_whatever_jobs_printed() {
    let outcome = Stage::new().run(["-j1"], b"printf a; printf b >&2\nprintf c >&2; exit 1\n");
    assert_eq!(outcome.text(), "a");
    outcome
        .assert_says("bc\nbrigade: line 2: `printf c >&2; exit 1`: exit status 1\nbrigade: 2 jobs");
    let outcome = Stage::new().run(["-j1"], b"printf a >&2\n");
    outcome.assert_says("a\nbrigade: 1 job, 0 failed");
}
