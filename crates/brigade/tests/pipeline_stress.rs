//! Many items, many runs.
#![cfg(not(any(loom, shuttle)))]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use brigade::pipeline::{self, PipelineError};

const ITEMS: u64 = if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};

#[test]
fn many_small_items_pass_three_stages_in_order() {
    let mut next = 0;
    pipeline::source(0..ITEMS)
        .buffer(256)
        .map_ordered(2, |number| number + 1)
        .buffer(256)
        .map_ordered(2, |number| number * 2)
        .buffer(256)
        .for_each(|number| {
            next += 1;
            assert_eq!(number, next * 2);
        })
        .unwrap();
    assert_eq!(next, ITEMS);
}

#[test]
fn many_small_items_pass_three_stages_out_of_order() {
    let sum = AtomicU64::new(0);
    pipeline::source(0..ITEMS)
        .buffer(64)
        .map(2, |number| number + 1)
        .filter(2, |number| number % 2 == 0)
        .buffer(64)
        .for_each_parallel(2, |number| {
            sum.fetch_add(number, Relaxed);
        })
        .unwrap();
    let half = ITEMS / 2;
    assert_eq!(sum.load(Relaxed), half * (half + 1));
}

#[test]
fn many_pipelines_that_fail_at_any_item_all_end() {
    for round in 0..500_u64 {
        let failed = pipeline::source(0..)
            .buffer(usize::try_from(round % 3).unwrap())
            .try_map_ordered(3, |number| {
                if number == round {
                    Err(number)
                } else {
                    Ok(number)
                }
            })
            .window(1 + usize::try_from(round % 5).unwrap())
            .try_map(2, Ok)
            .try_for_each(|number| {
                if number == round + 10 {
                    Err(number)
                } else {
                    Ok(())
                }
            })
            .unwrap_err();
        assert!(
            matches!(failed, PipelineError::Failed { error, .. } if error == round),
            "{failed}"
        );
    }
}
