//! The report of a pipeline: what each stage did, which one is the slowest, and what to do about it.
#![cfg(not(any(loom, shuttle)))]

mod until;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use brigade::pipeline::{self, Advice, PipelineReport};
use until::until;

/// A pipeline in which `slow` works on each item until all that can be done before and behind it has been done.
fn with_slow_stage(workers: usize) -> PipelineReport {
    const ITEMS: usize = 200;
    let (brought, worked, sunk) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let mut seen = None;
    pipeline::source((0..ITEMS).inspect(|_| {
        brought.fetch_add(1, SeqCst);
    }))
    .named("read")
    .buffer(4)
    .map(workers, |number| {
        let before = worked.load(SeqCst);
        until(|| brought.load(SeqCst) >= (before + 4).min(ITEMS) && sunk.load(SeqCst) >= before);
        for _ in 0..50 {
            std::thread::yield_now();
        }
        worked.fetch_add(1, SeqCst);
        number
    })
    .named("slow")
    .buffer(3)
    .end_named("write")
    .report(|report| seen = Some(report))
    .for_each(|_| {
        sunk.fetch_add(1, SeqCst);
    })
    .unwrap();
    seen.unwrap()
}

#[test]
fn the_report_names_the_slow_stage_and_what_was_in_its_way() {
    let report = with_slow_stage(1);
    let slowest = report.bottleneck().unwrap();
    assert_eq!(&*slowest.name, "slow", "{report}");
    let names: Vec<&str> = report.stages.iter().map(|stage| &*stage.name).collect();
    assert_eq!(names, ["read", "slow", "write"]);
    for stage in &report.stages {
        assert_eq!((stage.items, stage.workers), (200, 1));
        assert!(stage.working() <= stage.alive);
        assert!(stage.throughput() > 0.0);
        assert!((0.0..=1.0).contains(&stage.busy()));
    }
    let queue = report.stage("slow").unwrap().queue.unwrap();
    assert_eq!((queue.capacity, queue.high_water), (4, 4), "{report}");
    assert!(queue.mean_depth > 0.0 && queue.mean_depth <= 4.0);
    assert!(report.stage("read").unwrap().queue.is_none());
    assert!(!report.stage("read").unwrap().room_wait.is_zero());
    assert!(!report.stage("write").unwrap().input_wait.is_zero());
    let advice = report.advice().unwrap();
    assert!(matches!(
        advice,
        Advice::MoreWorkers | Advice::MoreWorkersIfItWaits
    ));
    let text = report.to_string();
    assert_eq!(
        text.lines().count(),
        5,
        "a head, three stages, the slowest:\n{text}"
    );
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with("slowest: `slow`, busy "),
        "{text}"
    );
}

#[test]
fn a_slow_source_is_told_to_do_less_not_to_get_more_workers() {
    // The source brings an item only when the last one has come out.
    let sunk = AtomicUsize::new(0);
    let mut seen = None;
    pipeline::source((0..200_usize).inspect(|number| {
        until(|| sunk.load(SeqCst) == *number);
    }))
    .map(2, |number| number)
    .report(|report| seen = Some(report))
    .for_each(|_| {
        sunk.fetch_add(1, SeqCst);
    })
    .unwrap();
    let report = seen.unwrap();
    assert_eq!(&*report.bottleneck().unwrap().name, "source", "{report}");
    assert_eq!(report.advice(), Some(Advice::LessInIt), "{report}");
}

#[test]
fn a_failed_pipeline_reports_how_far_it_came() {
    let mut seen = None;
    let failed = pipeline::source(0..)
        .try_map(
            1,
            |number| if number == 7 { Err(number) } else { Ok(number) },
        )
        .report(|report| seen = Some(report))
        .for_each(|_| ());
    assert!(failed.is_err());
    let report = seen.unwrap();
    assert_eq!(report.stage("try_map").unwrap().items, 7);
}

#[test]
fn a_pipeline_that_did_nothing_has_no_slowest_stage() {
    let mut seen = None;
    pipeline::source(0..0)
        .report(|report| seen = Some(report))
        .for_each(|_: u32| ())
        .unwrap();
    let report = seen.unwrap();
    assert!(report.bottleneck().is_none() && report.advice().is_none());
    assert!(report.to_string().ends_with("nothing was done"));
}

#[test]
fn stages_without_names_are_called_what_they_do() {
    let pipeline = pipeline::source(0..3)
        .map(1, |number| number)
        .map(1, |number| number)
        .map_ordered(1, |number| number)
        .named("last");
    assert_eq!(
        format!("{pipeline:?}"),
        r#"Pipeline { stages: ["source", "map", "map-2", "last"], .. }"#
    );
    assert_eq!(pipeline.reduce(u32::max).unwrap(), Some(2));
}
