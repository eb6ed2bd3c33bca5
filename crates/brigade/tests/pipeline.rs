//! Pipelines that come to their end: every item once, in order where asked, whatever the shape.
#![cfg(not(any(loom, shuttle)))]

mod until;

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use brigade::Pool;
use brigade::pipeline::{self, Pipeline};
use brigade::pool::TaskError;
use proptest::prelude::*;
use until::until;

#[test]
fn map_ordered_keeps_the_order_though_the_first_items_end_last() {
    // Each item waits until the next one of its group of four has ended.
    let ended: Vec<AtomicUsize> = (0..400).map(|_| AtomicUsize::new(0)).collect();
    let order = Mutex::new(Vec::new());
    let results: Vec<usize> = pipeline::source(0..ended.len())
        .map_ordered(4, |number| {
            if number % 4 != 3 {
                until(|| ended[number + 1].load(SeqCst) == 1);
            }
            order.lock().unwrap().push(number);
            ended[number].store(1, SeqCst);
            number
        })
        .collect()
        .unwrap();
    assert!(results.iter().copied().eq(0..ended.len()));
    let order = order.into_inner().unwrap();
    assert_eq!(order.len(), ended.len());
    assert_eq!(order[..4], [3, 2, 1, 0], "it ran out of order");
}

#[test]
fn a_window_smaller_than_its_crew_idles_some_and_strands_none() {
    for items in 0..50 {
        let results: Vec<usize> = pipeline::source(0..items)
            .map_ordered(4, |number| number)
            .window(1)
            .collect()
            .unwrap();
        assert!(results.into_iter().eq(0..items));
    }
}

#[test]
fn map_works_on_as_many_items_at_once_as_it_has_workers() {
    let inside = AtomicUsize::new(0);
    let names = Mutex::new(HashSet::new());
    let mut results: Vec<u32> = pipeline::source(0..3)
        .map(3, |number| {
            inside.fetch_add(1, SeqCst);
            until(|| inside.load(SeqCst) == 3); // never, if one worker were to do two of them
            let name = thread::current().name().unwrap().to_owned();
            names.lock().unwrap().insert(name);
            number
        })
        .named("decode")
        .collect()
        .unwrap();
    results.sort_unstable();
    assert_eq!(results, [0, 1, 2]);
    let expected = ["decode-1", "decode-2", "decode-3"].map(str::to_owned);
    assert_eq!(names.into_inner().unwrap(), HashSet::from(expected));
}

#[test]
fn closures_and_items_borrow_from_the_stack_and_the_sink_stays_on_its_thread() {
    let words = ["one".to_owned(), "three".to_owned()];
    let (suffix, seen) = ("!".to_owned(), Mutex::new(0));
    let sink = Rc::new(RefCell::new(Vec::new())); // cannot leave this thread
    pipeline::source(&words)
        .filter(2, |word| !word.is_empty())
        .map_ordered(2, |word: &String| {
            *seen.lock().unwrap() += 1;
            (&word[..1], format!("{word}{suffix}"))
        })
        .for_each(|pair| sink.borrow_mut().push(pair))
        .unwrap();
    sink.borrow_mut().sort();
    let expected = [("o", "one!".to_owned()), ("t", "three!".to_owned())];
    assert_eq!(*sink.borrow(), expected);
    assert_eq!(seen.into_inner().unwrap(), 2);
}

#[test]
fn batches_are_full_but_the_last_one() {
    let batches: Vec<Vec<u32>> = pipeline::source(0..10)
        .batch(4, Duration::MAX)
        .collect()
        .unwrap();
    assert_eq!(batches, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
    let even: Vec<Vec<u32>> = pipeline::source(0..4)
        .batch(2, Duration::MAX)
        .collect()
        .unwrap();
    assert_eq!(even, [[0, 1], [2, 3]], "no empty batch at the end");
}

#[test]
fn a_batch_goes_on_when_its_first_item_has_waited_long_enough() {
    // The source holds the third item back until the sink has seen the first two: without the limit, for ever.
    let (seen, sees) = channel();
    let items = (0..4).inspect(move |number| {
        if *number == 2 {
            sees.recv().unwrap();
        }
    });
    let mut batches = Vec::new();
    pipeline::source(items)
        .batch(3, Duration::from_millis(200))
        .for_each(|batch| {
            batches.push(batch);
            if batches.concat().len() == 2 {
                seen.send(()).unwrap();
            }
        })
        .unwrap();
    assert_eq!(batches.concat(), [0, 1, 2, 3]);
    assert!(batches.len() >= 2);
}

#[test]
fn an_empty_source_ends_every_kind_of_stage() {
    let none = || pipeline::source(std::iter::empty::<u32>());
    let through = none()
        .map(2, |number| number)
        .map_ordered(3, |number| number)
        .filter(2, |_| true)
        .batch(2, Duration::MAX);
    assert_eq!(through.collect::<Vec<_>>().unwrap(), [[0; 0]; 0]);
    assert_eq!(none().reduce(u32::max).unwrap(), None);
    none().for_each_parallel(3, |_| unreachable!()).unwrap();
}

#[test]
fn a_sink_on_several_threads_sees_every_item_once() {
    let seen: Vec<AtomicUsize> = (0..1_000).map(|_| AtomicUsize::new(0)).collect();
    pipeline::source(0..seen.len())
        .for_each_parallel(3, |number| {
            seen[number].fetch_add(1, SeqCst);
        })
        .unwrap();
    assert!(seen.iter().all(|count| count.load(SeqCst) == 1));
}

#[test]
fn a_pipeline_runs_inside_a_stage_of_another() {
    let sums: Vec<u64> = pipeline::source(1..=20_u64)
        .map_ordered(3, |limit| {
            let inner = pipeline::source(1..=limit).map(2, |number| number * 2);
            inner.reduce(|one, other| one + other).unwrap().unwrap()
        })
        .collect()
        .unwrap();
    let expected: Vec<u64> = (1..=20).map(|limit| limit * (limit + 1)).collect();
    assert_eq!(sums, expected);
}

#[test]
fn a_pipeline_inside_a_pools_task_leaves_the_pool_a_worker() {
    // One worker, which waits for the pipeline, whose stage waits for tasks of the same pool.
    let pool = Arc::new(Pool::builder("one").workers(1).build().unwrap());
    let same = Arc::clone(&pool);
    let task = pool.submit(move || {
        pipeline::source(0..50_u32)
            .try_map(2, |number| same.submit(move || number).unwrap().join())
            .reduce(|one, other| one + other)
    });
    let sum = task.unwrap().join().unwrap().unwrap();
    assert_eq!(sum, Some((0..50).sum::<u32>()));
}

#[test]
fn a_pipeline_that_only_waits_for_its_threads_leaves_the_pool_a_worker_too() {
    let pool = Arc::new(Pool::builder("one").workers(1).build().unwrap());
    let (same, sum) = (Arc::clone(&pool), Arc::new(AtomicUsize::new(0)));
    let adds = Arc::clone(&sum);
    let task = pool.submit(move || {
        pipeline::source(0..50_usize).try_for_each_parallel(2, |number| {
            let number = same.submit(move || number).unwrap().join()?;
            adds.fetch_add(number, SeqCst);
            Ok::<_, TaskError>(())
        })
    });
    task.unwrap().join().unwrap().unwrap();
    assert_eq!(sum.load(SeqCst), (0..50).sum::<usize>());
}

#[test]
fn the_end_of_an_endless_source_is_where_the_consumer_stops() {
    let brought = AtomicUsize::new(0);
    let firsts: Vec<u64> = pipeline::source((0_u64..).inspect(|_| {
        brought.fetch_add(1, SeqCst);
    }))
    .buffer(4)
    .map_ordered(2, |number| number * 2)
    .window(4)
    .buffer(4)
    .consume(|items| items.take(10).collect())
    .unwrap();
    assert!(firsts.iter().copied().eq((0..10).map(|number| number * 2)));
    // Taken, two buffers, the window, and one item in the hand of the source.
    assert!(brought.load(SeqCst) <= 10 + 4 + 4 + 4 + 1);
}

/// A stage of a generated pipeline.
#[derive(Clone, Debug)]
enum Shape {
    Map(usize),
    Ordered(usize, usize),
    Filter(usize),
    Batch(usize),
}

fn shape() -> impl Strategy<Value = (Shape, usize)> {
    let shape = prop_oneof![
        (1..4_usize).prop_map(Shape::Map),
        (1..4_usize, 1..6_usize).prop_map(|(workers, window)| Shape::Ordered(workers, window)),
        (1..4_usize).prop_map(Shape::Filter),
        (1..5_usize).prop_map(Shape::Batch),
    ];
    (shape, 0..4_usize)
}

impl Shape {
    fn keeps_order(&self) -> bool {
        matches!(
            self,
            Self::Map(1) | Self::Filter(1) | Self::Ordered(..) | Self::Batch(_)
        )
    }

    fn add_to(&self, pipeline: Pipeline<'static, u64>) -> Pipeline<'static, u64> {
        match *self {
            Self::Map(workers) => pipeline.map(workers, step),
            Self::Ordered(workers, window) => pipeline.map_ordered(workers, step).window(window),
            Self::Filter(workers) => pipeline.filter(workers, is_kept),
            // Unpacked again, so that all stages have items of one type.
            Self::Batch(size) => pipeline
                .batch(size, Duration::MAX)
                .map_ordered(1, |batch| batch.len() as u64),
        }
    }

    fn sequentially(&self, items: Vec<u64>) -> Vec<u64> {
        match *self {
            Self::Map(_) | Self::Ordered(..) => items.into_iter().map(step).collect(),
            Self::Filter(_) => items.into_iter().filter(is_kept).collect(),
            Self::Batch(size) => items.chunks(size).map(|batch| batch.len() as u64).collect(),
        }
    }
}

fn step(number: u64) -> u64 {
    number.wrapping_mul(6_364_136_223_846_793_005) >> 3
}

fn is_kept(number: &u64) -> bool {
    !number.is_multiple_of(3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_shape_gives_what_an_iterator_gives(
        shapes in proptest::collection::vec(shape(), 0..5),
        items in 0..60_u64,
    ) {
        let mut pipeline = pipeline::source(0..items);
        let mut expected: Vec<u64> = (0..items).collect();
        let mut ordered = true;
        for (shape, buffer) in &shapes {
            pipeline = shape.add_to(pipeline).buffer(*buffer);
            expected = shape.sequentially(expected);
            ordered &= shape.keeps_order();
        }
        let mut results: Vec<u64> = pipeline.collect().unwrap();
        if !ordered {
            results.sort_unstable();
            expected.sort_unstable();
        }
        prop_assert_eq!(results, expected);
    }
}
