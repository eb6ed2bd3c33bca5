//! Each item is handled, refused or handed back once; one consumer keeps the order; waiting for rest is exact.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use brigade::consumers::{Consumers, Failure};
use brigade::pool::Shutdown;
use brigade_check::{Rng, Worker, stress};
use parking_lot::Mutex;

use super::ledger::Ledger;
use super::repeated;

const THREADS: usize = 3;
const OPERATIONS: usize = 20;

struct Bench {
    consumers: Consumers<usize>,
    ledger: Arc<Ledger>,
    unhandled: Mutex<Vec<usize>>,
}

/// Of every eight items one makes its handler fail, and one makes it panic.
fn bench(workers: usize, buffer: usize) -> Bench {
    let ledger = Arc::new(Ledger::new(THREADS * OPERATIONS));
    let (served, failed) = (Arc::clone(&ledger), Arc::clone(&ledger));
    let handle = move |item: &usize| {
        served.serve(*item);
        std::thread::yield_now();
        match item % 8 {
            3 => return Err("as planned"),
            // Not `panic!`: thousands of messages would be printed.
            5 => resume_unwind(Box::new("as planned")),
            _ => served.settle(*item),
        }
        Ok(())
    };
    let note_failure = move |failure: Failure<usize, &str>| {
        std::thread::yield_now();
        failed.settle(failure.item);
    };
    let consumers = Consumers::builder("checked")
        .workers(workers)
        .buffer(buffer)
        .on_failure(note_failure)
        .start(handle);
    Bench {
        consumers: consumers.unwrap(),
        ledger,
        unhandled: Mutex::default(),
    }
}

impl Bench {
    fn offer(&self, number: usize, rng: &mut Rng) {
        let (way, limit) = (rng.u8(0..3), Duration::from_micros(rng.u64(0..50)));
        self.ledger.offer(number, 0, || match way {
            0 => self.consumers.produce(number).is_ok(),
            1 => self.consumers.try_produce(number).is_ok(),
            _ => self.consumers.produce_timeout(number, limit).is_ok(),
        });
    }

    fn operate(&self, worker: &mut Worker) -> Result<(), String> {
        let number = worker.thread() * OPERATIONS + worker.operation();
        if worker.rng().u8(0..6) > 0 {
            self.offer(number, worker.rng());
            return Ok(());
        }
        self.ledger
            .await_rest(|| self.consumers.wait_idle().unwrap())
    }

    fn operate_amid_shutdowns(&self, worker: &mut Worker) {
        let number = worker.thread() * OPERATIONS + worker.operation();
        if worker.rng().u8(0..30) > 0 {
            return self.offer(number, worker.rng());
        }
        let how = match worker.rng().u8(0..3) {
            0 => Shutdown::drain(),
            1 => Shutdown::Drain {
                timeout: Duration::ZERO,
            },
            _ => Shutdown::now(),
        };
        let mut report = self.consumers.shutdown(how);
        self.unhandled.lock().append(&mut report.unhandled);
    }

    fn finish(self) -> Result<(), String> {
        let mut report = self.consumers.shutdown(Shutdown::drain());
        let mut unhandled = self.unhandled.into_inner();
        unhandled.append(&mut report.unhandled);
        unhandled
            .into_iter()
            .for_each(|item| self.ledger.hand_back(item));
        self.ledger.each_has_one_end()
    }

    fn finish_in_order(self) -> Result<(), String> {
        let ledger = Arc::clone(&self.ledger);
        self.finish()?;
        ledger.first_come_first_served()
    }
}

fn check() -> brigade_check::Stress {
    stress()
        .threads(THREADS)
        .operations(OPERATIONS)
        .iterations(repeated(1_000))
}

#[test]
fn one_consumer_handles_items_in_order_and_waiting_for_rest_is_exact() {
    check().assert(|| bench(1, 4), Bench::operate, Bench::finish_in_order);
}

#[test]
fn several_consumers_handle_each_item_once_and_waiting_for_rest_is_exact() {
    check().assert(|| bench(3, 4), Bench::operate, Bench::finish);
}

#[test]
fn each_item_has_one_end_amid_shutdowns() {
    check().assert(|| bench(2, 3), Bench::operate_amid_shutdowns, Bench::finish);
}
