//! The first failure stops every stage, is returned with the stage's name, and nothing hangs or leaks.
#![cfg(not(any(loom, shuttle)))]

mod until;

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use brigade::pipeline::{self, PipelineError};
use until::until;

/// An item that is counted while it lives.
struct Counted<'a> {
    number: usize,
    live: &'a AtomicUsize,
}

impl<'a> Counted<'a> {
    fn new(number: usize, live: &'a AtomicUsize) -> Self {
        live.fetch_add(1, SeqCst);
        Self { number, live }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let before = self.live.fetch_sub(1, SeqCst);
        assert_ne!(before, 0, "dropped more often than made");
    }
}

#[test]
fn the_first_error_stops_an_endless_source_and_is_returned_with_its_stage() {
    let (live, brought) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let items = (0..).map(|number| {
        brought.fetch_add(1, SeqCst);
        Counted::new(number, &live)
    });
    let failed = pipeline::source(items)
        .map(2, |item| item)
        .try_map_ordered(3, |item| match item.number {
            100 => Err(format!("item {}", item.number)),
            _ => Ok(item),
        })
        .named("check")
        .map(2, |item| item)
        .for_each(drop)
        .unwrap_err();
    let PipelineError::Failed { stage, error, .. } = &failed else {
        panic!("{failed}");
    };
    assert_eq!((&**stage, &**error), ("check", "item 100"));
    assert_eq!(live.load(SeqCst), 0);
    assert!(brought.load(SeqCst) >= 100);
}

#[test]
fn there_are_never_more_items_than_buffers_workers_and_window_hold() {
    // The sink holds the first item until everything before it is full, which is when nothing moves any more.
    let live = AtomicUsize::new(0);
    let most = AtomicUsize::new(0);
    let items = (0_usize..).map(|number| {
        let item = Counted::new(number, &live);
        most.fetch_max(live.load(SeqCst), SeqCst);
        item
    });
    // In the source's hand; buffer; workers; buffer; window; buffer; with the sink.
    let bound = 1 + 3 + 2 + 5 + 6 + 4 + 1;
    let failed = pipeline::source(items)
        .buffer(3)
        .map(2, |item| item)
        .buffer(5)
        .map_ordered(3, |item| item)
        .window(6)
        .buffer(4)
        .try_for_each(|item| {
            until(|| live.load(SeqCst) >= bound);
            assert_eq!(live.load(SeqCst), bound);
            (item.number < 50).then_some(()).ok_or("enough")
        })
        .unwrap_err();
    assert!(
        matches!(
            failed,
            PipelineError::Failed {
                error: "enough",
                ..
            }
        ),
        "{failed}"
    );
    assert_eq!(failed.stage(), "try_for_each");
    assert_eq!((most.load(SeqCst), live.load(SeqCst)), (bound, 0));
}

#[test]
fn one_slow_item_does_not_make_the_window_grow() {
    // The first item ends only when all the window holds after it has been done, and then some time for more.
    let (begun, released) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Vec<usize> = pipeline::source(0..1_000_usize)
        .map_ordered(3, |number| {
            let others = begun.fetch_add(1, SeqCst);
            if number == 0 {
                until(|| begun.load(SeqCst) == 8);
                for _ in 0..1_000 {
                    std::thread::yield_now();
                }
                assert_eq!(begun.load(SeqCst), 8, "more than the window was taken");
                released.store(true, SeqCst);
            } else if others >= 8 {
                assert!(released.load(SeqCst));
            }
            number
        })
        .window(8)
        .collect()
        .unwrap();
    assert!(results.into_iter().eq(0..1_000));
}

/// Runs a pipeline of every kind of stage in which `part` fails; returns what it says.
fn with_failure_in(part: &'static str, fail: impl Fn() -> Result<(), String> + Sync) -> String {
    let live = AtomicUsize::new(0);
    let seen: Vec<AtomicUsize> = (0..10_000).map(|_| AtomicUsize::new(0)).collect();
    let at = |here: &str, item: &Counted<'_>| match (here == part, item.number) {
        (true, 500..) => fail(),
        _ => Ok(()),
    };
    let items = (0..10_000).map(|number| {
        let item = Counted::new(number, &live);
        at("source", &item).map(|()| item)
    });
    let failed = pipeline::try_source(items)
        .named("source")
        .try_map(2, |item| at("map", &item).map(|()| item))
        .named("map")
        .try_map_ordered(3, |item| at("ordered", &item).map(|()| item))
        .named("ordered")
        .try_filter(2, |item| at("filter", item).map(|()| true))
        .named("filter")
        .batch(3, std::time::Duration::MAX)
        .try_map(2, |batch| {
            for item in &batch {
                at("batched", item)?;
            }
            Ok(batch)
        })
        .named("batched")
        .end_named("sink")
        .try_for_each(|batch| {
            for item in batch {
                let before = seen[item.number].fetch_add(1, SeqCst);
                assert_eq!(before, 0, "processed twice");
                at("sink", &item)?;
            }
            Ok(())
        })
        .unwrap_err();
    assert_eq!(live.load(SeqCst), 0, "every item was dropped once");
    let done = seen.iter().filter(|count| count.load(SeqCst) == 1).count();
    assert!(
        done < 9_000,
        "{done} items were done after a failure at 500"
    );
    assert_eq!(failed.stage(), part);
    failed.to_string()
}

const PARTS: [&str; 6] = ["source", "map", "ordered", "filter", "batched", "sink"];

#[test]
fn an_error_in_any_stage_stops_all() {
    for part in PARTS {
        let message = with_failure_in(part, || Err("broken".to_owned()));
        let expected = format!("stage `{part}` failed and stopped the pipeline: broken");
        assert_eq!(message, expected);
    }
}

#[test]
fn a_panic_in_any_stage_stops_all() {
    for part in PARTS {
        let message = with_failure_in(part, || panic!("burst"));
        assert!(
            message.starts_with(&format!("stage `{part}` panicked at ")),
            "{message}"
        );
        assert!(
            message.ends_with(" and stopped the pipeline: burst"),
            "{message}"
        );
        assert!(message.contains("pipeline_failures.rs:"), "{message}");
    }
}

#[test]
fn all_workers_may_panic_at_once_and_one_of_them_is_heard() {
    for ordered in [false, true] {
        let all = Barrier::new(4);
        let burst = |number: u32| -> u32 {
            all.wait();
            panic_any(number);
        };
        let source = pipeline::source(0_u32..);
        let stage = match ordered {
            false => source.map(4, burst),
            true => source.map_ordered(4, burst),
        };
        let failed = stage.named("bursts").for_each(|_| ()).unwrap_err();
        let PipelineError::Panicked { stage, panic, .. } = failed else {
            panic!("{failed}");
        };
        assert_eq!((&*stage, panic.task()), ("bursts", Some("bursts")));
        let payload = panic.into_payload();
        assert!(*payload.downcast::<u32>().unwrap() < 4);
    }
}

/// An item whose destructor panics.
struct Bitter<'a>(&'a AtomicUsize);

impl Drop for Bitter<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        if !std::thread::panicking() {
            panic!("bitter");
        }
    }
}

#[test]
fn items_whose_destructors_panic_are_still_dropped_once_each() {
    let (made, dropped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let items = (0..).map(|_| {
        made.fetch_add(1, SeqCst);
        Bitter(&dropped)
    });
    let failed = pipeline::source(items)
        .buffer(8)
        .map_ordered(2, |item| item)
        .buffer(8)
        .filter(2, |_| false)
        .named("filter")
        .for_each(|_| ())
        .unwrap_err();
    assert!(matches!(failed, PipelineError::Panicked { .. }), "{failed}");
    assert_eq!(failed.stage(), "filter");
    assert_eq!(made.load(SeqCst), dropped.load(SeqCst));
}

#[test]
fn a_destructor_of_a_closure_or_an_iterator_that_panics_is_a_failure_of_its_stage() {
    struct Sour;
    impl Drop for Sour {
        fn drop(&mut self) {
            panic!("sour");
        }
    }
    let sour = Sour;
    let items = (0..10).inspect(move |_| {
        let _ = &sour;
    });
    let failed = pipeline::source(items).for_each(|_| ()).unwrap_err();
    assert_eq!(failed.stage(), "source");
    let sour = Sour;
    let transform = move |number: u32| {
        let _ = &sour;
        number
    };
    let mapped = pipeline::source(0..10).map(3, transform);
    let failed = mapped.collect::<Vec<u32>>().unwrap_err();
    assert_eq!(failed.stage(), "map");
}

#[test]
fn no_workers_no_batch_and_no_window_are_refused_before_anything_runs() {
    let asked = AtomicBool::new(false);
    let source = || pipeline::source((0..3).inspect(|_| asked.store(true, SeqCst)));
    let refusals = [
        source().map(0, |number| number).for_each(|_| ()),
        source()
            .map_ordered(0, |number| number)
            .named("map")
            .for_each(|_| ()),
        source()
            .map_ordered(1, |number| number)
            .window(0)
            .named("map")
            .for_each(|_| ()),
        source().filter(0, |_| true).named("map").for_each(|_| ()),
        source()
            .batch(0, std::time::Duration::MAX)
            .named("map")
            .for_each(|_| ()),
        source().end_named("map").for_each_parallel(0, |_| ()),
        source().map(usize::MAX, |number| number).for_each(|_| ()),
        source()
            .map(1, |number| number)
            .buffer(usize::MAX)
            .for_each(|_| ()),
    ];
    for refused in refusals {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, PipelineError::Invalid { .. }),
            "{refused}"
        );
        assert_eq!(refused.stage(), "map");
    }
    assert!(!asked.load(SeqCst));
}

#[test]
fn a_refused_thread_is_an_error_and_no_item_is_brought() {
    let live = AtomicUsize::new(0);
    let touched = AtomicBool::new(false);
    let held = Counted::new(0, &live);
    let items = (0..10).inspect(|_| {
        let _ = &held;
        touched.store(true, SeqCst);
    });
    let refused = pipeline::source(items)
        .map(2, |number| number)
        .named("vast")
        .stack_size(1 << 60) // more than any system has
        .map_ordered(2, |number| number)
        .for_each(|_| touched.store(true, SeqCst))
        .unwrap_err();
    assert!(
        matches!(refused, PipelineError::NoThread { .. }),
        "{refused}"
    );
    assert_eq!(refused.stage(), "vast");
    assert!(refused.source().is_some());
    assert!(!touched.load(SeqCst));
    drop(held);
    assert_eq!(live.load(SeqCst), 0);
}

#[test]
fn a_failure_after_the_consumer_has_what_it_wants_changes_nothing() {
    struct Noticed<'a>(&'a AtomicBool);
    impl Drop for Noticed<'_> {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    // Nobody drops an item before the consumer has returned, and the fourth item waits for that.
    let discarded = AtomicBool::new(false);
    let first = pipeline::source(0..)
        .map(2, |number| {
            if number == 3 {
                until(|| discarded.load(SeqCst));
                panic!("too late");
            }
            Noticed(&discarded)
        })
        .consume(|items| items.next());
    assert!(first.unwrap().is_some());
    assert!(discarded.load(SeqCst));
}

#[test]
fn a_panicking_sink_is_an_error_and_drops_what_was_on_its_way() {
    let live = AtomicUsize::new(0);
    let items = (0..).map(|number| Counted::new(number, &live));
    let failed = pipeline::source(items)
        .map_ordered(2, |item| item)
        .end_named("write")
        .for_each(|item| assert!(item.number < 10, "disk full"))
        .unwrap_err();
    assert_eq!(failed.stage(), "write");
    assert!(failed.to_string().ends_with("disk full"), "{failed}");
    assert_eq!(live.load(SeqCst), 0);
}

#[test]
fn a_report_that_panics_does_so_when_nothing_runs_any_more() {
    let live = AtomicUsize::new(0);
    let items = (0..100).map(|number| Counted::new(number, &live));
    let pipeline = pipeline::source(items).report(|_| panic!("no paper"));
    let ended = catch_unwind(AssertUnwindSafe(|| pipeline.for_each(drop)));
    assert!(ended.is_err());
    assert_eq!(live.load(SeqCst), 0);
}
