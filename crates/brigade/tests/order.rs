//! First come, first served inside a priority; the more urgent first; nobody waits for ever.
#![cfg(not(any(loom, shuttle)))]

mod gate;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use brigade::pool::Builder;
use brigade::{Pool, Priority};
use gate::Gate;
use proptest::prelude::{any, proptest};

/// Runs a task for each priority, queued in this order behind a shut gate; says in which order they ran.
fn run_order(builder: Builder, priorities: &[u8]) -> Vec<usize> {
    let pool = builder
        .workers(1)
        .queue_capacity(priorities.len().max(1))
        .build()
        .unwrap();
    let gate = Gate::shut(&pool);
    let (told, hears) = channel();
    for (number, &priority) in priorities.iter().enumerate() {
        let told = told.clone();
        let task = pool.task(move || told.send(number).unwrap());
        task.priority(Priority(priority)).execute().unwrap();
    }
    drop((gate, told));
    hears.iter().collect()
}

proptest! {
    #[test]
    fn without_ageing_the_order_is_that_of_a_stable_sort(priorities in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut sorted: Vec<usize> = (0..priorities.len()).collect();
        sorted.sort_by_key(|&number| priorities[number]);
        assert_eq!(run_order(Pool::builder("sorted").no_ageing(), &priorities), sorted);
    }

    #[test]
    fn with_full_ageing_the_order_is_that_of_arrival(priorities in proptest::collection::vec(any::<u8>(), 0..200)) {
        let arrival: Vec<usize> = (0..priorities.len()).collect();
        assert_eq!(run_order(Pool::builder("aged").ageing(Duration::ZERO), &priorities), arrival);
    }
}

#[test]
fn a_producer_that_follows_another_is_served_after_it() {
    let pool = Arc::new(
        Pool::builder("chain")
            .workers(1)
            .queue_capacity(400)
            .build()
            .unwrap(),
    );
    let gate = Gate::shut(&pool);
    let (told, hears) = channel();
    // Each producer submits when the one before has, so the order is one that all can observe.
    let mut turn = None;
    let producers: Vec<_> = (0..4)
        .map(|producer| {
            let (pool, told, before) = (Arc::clone(&pool), told.clone(), turn.take());
            let (next, after) = channel::<()>();
            turn = Some(after);
            thread::spawn(move || {
                if let Some(before) = before {
                    let _: Result<(), _> = before.recv();
                }
                for number in 0..100 {
                    let told = told.clone();
                    pool.execute(move || told.send(producer * 100 + number).unwrap())
                        .unwrap();
                }
                drop(next);
            })
        })
        .collect();
    producers
        .into_iter()
        .for_each(|producer| producer.join().unwrap());
    drop((gate, told));
    assert_eq!(
        hears.iter().collect::<Vec<_>>(),
        (0..400).collect::<Vec<_>>()
    );
}

/// Runs so many tiny tasks that workers take them in batches.
fn make_tasks_tiny(pool: &Pool) {
    for _ in 0..20_000 {
        pool.execute(|| ()).unwrap();
    }
    pool.wait_idle();
}

#[test]
fn an_urgent_task_overtakes_a_hoard() {
    let pool = Arc::new(Pool::builder("urgent").workers(1).build().unwrap());
    make_tasks_tiny(&pool);
    let (told, hears) = channel::<Option<usize>>();
    let gate = Gate::shut(&pool);
    let (inner, urgent) = (Arc::clone(&pool), told.clone());
    // The first of a thousand tiny tasks, of which its worker may have claimed the next few dozen.
    pool.execute(move || {
        let task = inner.task(move || urgent.send(None).unwrap());
        task.priority(Priority::HIGH).execute().unwrap();
    })
    .unwrap();
    for number in 0..900 {
        let told = told.clone();
        pool.execute(move || told.send(Some(number)).unwrap())
            .unwrap();
    }
    drop((gate, told));
    let order: Vec<_> = hears.iter().collect();
    assert_eq!(order.len(), 901);
    assert_eq!(order[0], None, "the urgent one ran next");
    assert!(
        order[1..].iter().map(|number| number.unwrap()).eq(0..900),
        "and the others in order"
    );
}

#[test]
fn no_task_stays_behind_a_long_one_while_another_worker_is_free() {
    for _ in 0..50 {
        let pool = Pool::builder("hoard").workers(2).build().unwrap();
        make_tasks_tiny(&pool);
        let (opened, gate) = channel::<()>();
        let (told, hears): (Sender<()>, _) = channel();
        let mut long = Some(move || {
            let _ = gate.recv();
        });
        for number in 0..500 {
            // Somewhere among tiny tasks, in what is likely a claimed batch, one does not end.
            if number == 100 {
                pool.execute(long.take().unwrap()).unwrap();
            }
            let told = told.clone();
            pool.execute(move || told.send(()).unwrap()).unwrap();
        }
        drop(told);
        // Ends only if all 500 have run, while the long one is still waiting.
        assert_eq!(hears.iter().count(), 500);
        drop(opened);
    }
}
