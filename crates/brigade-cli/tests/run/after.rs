//! Jobs that begin after others: when they do, and how many may wait.

mod failure;
mod later_run;

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};

use super::events;
use crate::stage::{Outcome, Running, Stage, peak_memory};

/// A line of input.
fn job(id: &str, cmd: &str, after: &[&str]) -> String {
    json!({"id": id, "cmd": cmd, "after": after}).to_string() + "\n"
}

/// How many jobs of an outcome there were, by its summary.
#[track_caller]
fn assert_counts(outcome: &Outcome, jobs: usize, failed: usize) {
    outcome.assert_says(&format!("brigade: {jobs} jobs, {failed} failed"));
}

#[test]
fn a_job_begins_when_all_that_it_is_after_have_succeeded() {
    // Each makes sure of it; the diamond is upside down in the input.
    let jobs = [
        job("d", "test -e b && test -e c && touch d", &["b", "c"]),
        job("c", "test -e a && touch c", &["a"]),
        job("b", "test -e a && touch b", &["a"]),
        job("a", "test ! -e b && test ! -e c && touch a", &[]),
        job("e", "test -e d && touch e", &["d", "a", "d"]),
    ];
    for options in [&["-j4"][..], &["-j1"], &["-j4", "-k"]] {
        let stage = Stage::new();
        let outcome = stage.run_objects(options, &jobs);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(stage.path("e").exists());
        assert_counts(&outcome, 5, 0);
    }
}

#[test]
fn a_job_waits_for_the_retries_of_the_one_before_it() {
    let stage = Stage::new();
    let jobs = [
        r#"{"id": 2, "cmd": "test -e ended", "after": 1}"#.to_owned() + "\n",
        r#"{"id": 1, "cmd": "test -e tried && touch ended || { touch tried; exit 1; }", "retries": 1}"#
            .to_owned(),
    ];
    let outcome = stage.run_objects(&["-j2", "--retry-delay", "0"], &jobs);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_counts(&outcome, 2, 0);
}

#[test]
fn a_chain_of_a_thousand_runs_in_its_order_in_whatever_order_it_is_read() {
    let chain = (0..1000).map(|number: usize| {
        let cmd = format!("echo {number} >> order");
        match number.checked_sub(1) {
            Some(before) => job(&number.to_string(), &cmd, &[&before.to_string()]),
            None => job("0", &cmd, &[]),
        }
    });
    let mut chain = chain.collect::<Vec<_>>();
    let expected = (0..1000).fold(String::new(), |mut all, number| {
        writeln!(all, "{number}").expect("a string");
        all
    });
    for _ in 0..2 {
        let stage = Stage::new();
        let outcome = stage.run_objects(&["-j4"], &chain);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let order = fs::read_to_string(stage.path("order")).expect("written");
        assert_eq!(order, expected);
        chain.reverse();
    }
}

#[test]
fn outputs_keep_their_order_though_jobs_wait() {
    let stage = Stage::new();
    // The first is after the last that is read before it has ended.
    let filler = |number: usize| job(&number.to_string(), &format!("echo {number}"), &[]);
    let mut jobs = vec![job("0", "test -e ended && echo 0", &["255"])];
    jobs.extend((1..255).map(filler));
    jobs.push(job("255", "touch ended; echo 255", &[]));
    jobs.extend((256..300).map(filler));
    let expected = (0..300).map(|number| format!("{number}\n"));
    let outcome = stage.run_objects(&["-k", "-q", "-j4"], &jobs);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.text(), expected.collect::<String>());
}

#[test]
fn a_job_that_would_hold_up_too_many_outputs_has_failed_and_the_rest_goes_on() {
    let stage = Stage::new();
    let filler = |number: usize| job(&number.to_string(), &format!("echo {number}"), &[]);
    let mut jobs = vec![
        job("0", "touch ran", &["299"]),
        job("1", "touch ran", &["0"]),
    ];
    jobs.extend((2..300).map(filler));
    let expected = (2..300).map(|number| format!("{number}\n"));
    let outcome = stage.run_objects(&["-k", "-j4"], &jobs);
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert_eq!(outcome.text(), expected.collect::<String>());
    outcome.assert_says(
        "`0`: not run: it is after `299`, which cannot begin before more is read, and 256 outputs",
    );
    outcome.assert_says("leave out --keep-order");
    assert!(!stage.path("ran").exists());
    // Without that order there is no such limit, and in a dry run another.
    jobs[1] = job("1", "echo 1", &["0"]);
    assert_eq!(stage.run_objects(&["-q", "-j4"], &jobs).code, Some(0));
    let outcome = stage.run_objects(&["-q", "--dry-run"], &jobs);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.text().starts_with("touch ran\necho 1\necho 2\n"));
}

#[test]
fn only_so_many_wait_for_what_was_not_read_and_the_next_says_what_to_do() {
    let stage = Stage::new();
    let mut jobs = ["a", "b", "c"].map(|id| job(id, &format!("echo {id}"), &["last"]));
    // These can begin whatever waits, and what they let begin makes room.
    let others = [
        job("d", "echo d", &[]),
        job("e", "echo e", &["d"]),
        job("last", "echo last", &["e"]),
    ];
    let options = ["-j2", "--queue", "2"];
    let outcome = stage.run_objects(&options, &[&jobs[..], &others].concat());
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(outcome.sorted_lines(), ["a", "b", "d", "e", "last"]);
    outcome.assert_says("line 3: `c`: not run: it is after `last`, and 2 jobs wait already");
    outcome.assert_says("with --queue");
    // Those that are after what was read before make room by and by.
    jobs.reverse();
    let outcome = stage.run_objects(
        &["-j2", "--queue", "1"],
        &[&others[..1], &others[1..], &jobs].concat(),
    );
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn a_dry_run_finds_what_is_wrong_and_prints_the_rest_in_the_order_of_the_input() {
    let stage = Stage::new();
    let jobs = [
        job("c", "touch c", &["b"]),
        job("b", "touch b", &["a"]),
        job("a", "touch a", &[]),
        job("x", "touch x", &["y"]),
        job("y", "touch y", &["x"]),
    ];
    let outcome = stage.run_objects(&["--dry-run"], &jobs);
    assert_eq!(
        (outcome.code, outcome.text()),
        (Some(2), "touch c\ntouch b\ntouch a\n")
    );
    outcome.assert_says("x → y → x");
}

#[test]
fn jobs_that_wait_are_counted_in_the_metrics() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let jobs = [
        job("c", "true", &["a"]),
        job("b", "true", &["a"]),
        job("a", "echo > here; cat gate", &[]),
    ];
    let mut running = Running::start(stage.command(["--jsonl", "--metrics", "metrics"]));
    running.write(jobs.concat().as_bytes());
    here.wait();
    crate::stage::until("they are counted", || {
        let text = fs::read_to_string(stage.path("metrics")).expect("metrics");
        text.contains("\nbrigade_jobs_parked 2\n")
    });
    gate.open();
    assert_eq!(running.end().code, Some(0));
    let text = fs::read_to_string(stage.path("metrics")).expect("metrics");
    assert!(text.contains("\nbrigade_jobs_parked 0\n"), "{text}");
}

#[test]
fn ids_that_have_ended_take_little_memory() {
    let stage = Stage::new();
    let mut command = stage.command(["--jsonl", "-q", "--dry-run"]);
    command.env("MALLOC_ARENA_MAX", "2");
    let mut running = Running::start(command);
    for number in 0..100_000 {
        let id = format!("some job with a long name, of which there are many, {number}");
        running.write(job(&id, "true", &[]).as_bytes());
    }
    running.wait_until_read(b"\n");
    let peak = peak_memory(running.pid());
    assert_eq!(running.end().code, Some(0));
    assert!(peak < 24 * 1024, "{peak} KiB");
}

/// Random graphs, of which some jobs fail: what ran, and when, as the events have it.
#[test]
fn in_random_graphs_each_job_starts_when_all_before_it_have_ended_well() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let number = random.usize(20..60);
        let mut order = (0..number).collect::<Vec<_>>();
        random.shuffle(&mut order);
        // In `rank` no job is after a later one; in the input any may be.
        let mut after = HashMap::<usize, Vec<usize>>::new();
        for rank in 1..number {
            for _ in 0..random.usize(0..4) {
                after.entry(rank).or_default().push(random.usize(0..rank));
            }
        }
        let fails = (0..number)
            .map(|_| random.u8(0..20) == 0)
            .collect::<Vec<_>>();
        let jobs = order.iter().map(|rank| {
            let before = after.get(rank).into_iter().flatten();
            let before = before.map(ToString::to_string).collect::<Vec<_>>();
            let cmd = if fails[*rank] { "exit 1" } else { "true" };
            json!({"id": rank, "cmd": cmd, "after": before}).to_string() + "\n"
        });
        let jobs = jobs.collect::<Vec<_>>();
        let stage = Stage::new();
        let options = ["-q", "-j3", "--events", "events"];
        let outcome = stage.run_objects(&options, &jobs);

        let mut succeeds = Vec::new();
        for (rank, fails) in fails.iter().enumerate() {
            let mut before = after.get(&rank).into_iter().flatten();
            succeeds.push(!fails && before.all(|&rank| succeeds[rank]));
        }
        let failed = succeeds.iter().filter(|it| !**it).count();
        assert_eq!(outcome.code, i32::try_from(failed).ok(), "seed {seed}");
        let mut ended_well = vec![None; number];
        for event in events::read(&stage.path("events")) {
            let rank = event["job"]
                .as_str()
                .and_then(|id| id.parse::<usize>().ok());
            let Some(rank) = rank else { continue };
            let ok = event.get("ok").and_then(Value::as_bool);
            match event["event"].as_str() {
                Some("started") => {
                    let mut before = after.get(&rank).into_iter().flatten();
                    let all = before.all(|&before| ended_well[before] == Some(true));
                    assert!(all, "seed {seed}: {rank} began too early");
                }
                Some("ended") => {
                    assert_eq!(ended_well[rank].replace(ok == Some(true)), None);
                    assert_eq!(ok, Some(succeeds[rank]), "seed {seed}: {event}");
                }
                _ => {}
            }
        }
        assert!(ended_well.iter().all(Option::is_some), "seed {seed}");
    }
}
