//! The pool's queue: order, cancels and ends.

use std::sync::Arc;

use brigade::pool::{Cancel, Shutdown, Unstarted};
use brigade::{Pool, Priority};
use brigade_check::explore;
use shuttle::thread;

use super::ledger::Ledger;

fn pool(workers: std::ops::RangeInclusive<usize>, capacity: usize) -> Arc<Pool> {
    let pool = Pool::builder("explored").workers(workers).no_ageing();
    let pool = pool.queue_capacity(capacity).histograms(false);
    Arc::new(pool.build().unwrap())
}

/// Two producers with three tasks each, every second one of another priority.
fn in_order(capacity: usize) -> Result<(), String> {
    let ledger = Arc::new(Ledger::new(6));
    let pool = pool(1..=1, capacity);
    let producers: Vec<_> = (0..2)
        .map(|producer| {
            let (pool, ledger) = (Arc::clone(&pool), Arc::clone(&ledger));
            thread::spawn(move || {
                for number in 3 * producer..3 * producer + 3 {
                    let served = Arc::clone(&ledger);
                    let task = pool.task(move || served.serve(number));
                    let level = number % 2;
                    let task = task.priority(Priority(u8::try_from(level).unwrap()));
                    ledger.offer(number, u32::try_from(level).unwrap(), || {
                        task.execute().is_ok()
                    });
                }
            })
        })
        .collect();
    for producer in producers {
        producer.join().unwrap();
    }
    let _ = pool.shutdown(Shutdown::drain());
    ledger.each_has_one_end()?;
    ledger.first_come_first_served()
}

#[test]
fn one_worker_serves_a_priority_in_the_order_of_its_coming() {
    for capacity in [1, 8] {
        explore()
            .schedules(4_000)
            .assert(move || in_order(capacity));
    }
}

/// A task is cancelled, another comes in the midst, while the pool ends.
fn one_end_each(how: Shutdown) -> Result<(), String> {
    let ledger = Arc::new(Ledger::new(4));
    let pool = pool(1..=2, 2);
    let producers: Vec<_> = (0..2)
        .map(|producer| {
            let (pool, ledger) = (Arc::clone(&pool), Arc::clone(&ledger));
            thread::spawn(move || {
                for number in [2 * producer, 2 * producer + 1] {
                    let served = Arc::clone(&ledger);
                    let mut handle = None;
                    ledger.offer(number, 0, || {
                        handle = pool.submit(move || served.serve(number)).ok();
                        handle.is_some()
                    });
                    if let Some(handle) = handle
                        && number % 2 == 0
                        && handle.cancel() == Cancel::Removed
                    {
                        ledger.cancel(number);
                    }
                }
            })
        })
        .collect();
    let mut unstarted = pool.shutdown(how).unstarted;
    for producer in producers {
        producer.join().unwrap();
    }
    unstarted.append(&mut pool.shutdown(Shutdown::drain()).unstarted);
    ledger.close();
    unstarted.into_iter().for_each(Unstarted::run);
    ledger.each_has_one_end()
}

#[test]
fn each_task_has_one_end_whenever_it_is_cancelled_and_a_shutdown_comes() {
    for how in [Shutdown::drain(), Shutdown::now()] {
        explore().schedules(4_000).assert(move || one_end_each(how));
    }
}
