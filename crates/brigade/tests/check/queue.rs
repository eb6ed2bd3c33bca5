//! Tasks of one priority run in the order in which they were accepted.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use brigade::pool::Shutdown;
use brigade::{Pool, Priority};
use brigade_check::{Worker, stress};
use parking_lot::Mutex;

use super::ledger::Ledger;
use super::repeated;

const THREADS: usize = 4;
const OPERATIONS: usize = 40;

struct Bench {
    pool: Pool,
    ledger: Arc<Ledger>,
    /// In which order the tasks ran, with their priorities.
    ran: Arc<Mutex<Vec<u8>>>,
    /// Holds the worker until it is dropped.
    gate: Option<Sender<()>>,
}

fn bench(capacity: usize, gated: bool) -> Bench {
    // Without ageing a more urgent task always runs first, which is simple to check.
    let pool = Pool::builder("checked").workers(1).no_ageing();
    let pool = pool.queue_capacity(capacity).build().unwrap();
    let gate = gated.then(|| {
        let (opener, gate) = channel::<()>();
        let (inside, entered) = channel();
        let wait = move || {
            inside.send(()).unwrap();
            let _ = gate.recv();
        };
        pool.execute(wait).unwrap();
        entered.recv().unwrap();
        opener
    });
    Bench {
        pool,
        ledger: Arc::new(Ledger::new(THREADS * OPERATIONS)),
        ran: Arc::default(),
        gate,
    }
}

fn offer(bench: &Bench, worker: &mut Worker) {
    let number = worker.thread() * OPERATIONS + worker.operation();
    let priority = worker.rng().u8(0..3);
    let (ledger, ran) = (Arc::clone(&bench.ledger), Arc::clone(&bench.ran));
    let task = move || {
        ledger.serve(number);
        ran.lock().push(priority);
    };
    let task = bench.pool.task(task).priority(Priority(priority));
    let way = worker.rng().u8(0..4);
    bench
        .ledger
        .offer(number, u32::from(priority), || match way {
            0 => task.execute().is_ok(),
            1 => task.try_execute().is_ok(),
            2 => task.submit().is_ok(),
            _ => task.try_submit().is_ok(),
        });
}

fn finish(mut bench: Bench) -> Result<(), String> {
    let gated = bench.gate.take().is_some();
    let _ = bench.pool.shutdown(Shutdown::drain());
    bench.ledger.each_has_one_end()?;
    bench.ledger.first_come_first_served()?;
    let ran = bench.ran.lock();
    if gated && !ran.is_sorted() {
        return Err(format!(
            "all were queued before the first ran, and ran so: {ran:?}"
        ));
    }
    Ok(())
}

fn check(capacity: usize, gated: bool) {
    stress()
        .threads(THREADS)
        .operations(OPERATIONS)
        .iterations(repeated(500))
        .assert(move || bench(capacity, gated), offer, finish);
}

#[test]
fn one_worker_serves_a_priority_in_the_order_of_its_coming() {
    check(1_000, false);
}

#[test]
fn a_queue_that_is_mostly_full_keeps_the_order_of_those_that_wait_for_room() {
    check(2, false);
}

#[test]
fn what_is_queued_runs_by_priority_and_then_by_coming() {
    check(1_000, true);
}
