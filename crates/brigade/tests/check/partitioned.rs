//! Each message is handled, refused or handed back once, and those of a key in order and one at a time, whatever the
//! number of workers, and while it changes.

use std::array::from_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use brigade::partitioned::Partitioned;
use brigade::pool::Shutdown;
use brigade_check::{Worker, stress};
use parking_lot::Mutex;

use super::ledger::Ledger;
use super::repeated;

const THREADS: usize = 3;
const OPERATIONS: usize = 20;
const KEYS: usize = 5;

struct Bench {
    workers: Partitioned<usize, usize>,
    ledger: Arc<Ledger>,
    /// Keys of which two messages were handled at once.
    overlaps: Arc<Mutex<Vec<usize>>>,
    unhandled: Mutex<Vec<usize>>,
}

fn bench() -> Bench {
    let ledger = Arc::new(Ledger::new(THREADS * OPERATIONS));
    let overlaps = Arc::new(Mutex::new(Vec::new()));
    let busy: [AtomicBool; KEYS] = from_fn(|_| AtomicBool::new(false));
    let (served, told) = (Arc::clone(&ledger), Arc::clone(&overlaps));
    let handle = move |(): &mut (), key: &usize, message: usize| {
        if busy[*key].swap(true, SeqCst) {
            told.lock().push(*key);
        }
        served.serve(message);
        std::thread::yield_now();
        busy[*key].store(false, SeqCst);
        served.settle(message);
    };
    let workers = Partitioned::builder("checked").workers(2).buffer(3);
    Bench {
        workers: workers.start(|| (), handle).unwrap(),
        ledger,
        overlaps,
        unhandled: Mutex::default(),
    }
}

impl Bench {
    fn operate(&self, worker: &mut Worker) -> Result<(), String> {
        let number = worker.thread() * OPERATIONS + worker.operation();
        match worker.rng().u8(0..20) {
            0 => {
                // Errs after a shutdown, which is in order.
                let _ = self.workers.resize(worker.rng().usize(1..4));
            }
            1 | 2 => {
                return self.ledger.await_rest(|| self.workers.wait_idle().unwrap());
            }
            _ => {
                let (key, waits) = (worker.rng().usize(0..KEYS), worker.rng().bool());
                let offer = || match waits {
                    true => self.workers.send(key, number).is_ok(),
                    false => self.workers.try_send(key, number).is_ok(),
                };
                self.ledger
                    .offer(number, u32::try_from(key).unwrap(), offer);
            }
        }
        Ok(())
    }

    fn operate_amid_shutdowns(&self, worker: &mut Worker) {
        if worker.rng().u8(0..40) > 0 {
            // What another thread's shutdown hands back need not be settled after a wait.
            let _ = self.operate(worker);
            return;
        }
        let how = if worker.rng().bool() {
            Shutdown::drain()
        } else {
            Shutdown::now()
        };
        let report = self.workers.shutdown(how);
        let messages = report.unhandled.into_iter().map(|(_, message)| message);
        self.unhandled.lock().extend(messages);
    }

    fn finish(self) -> Result<(), String> {
        let report = self.workers.shutdown(Shutdown::drain());
        let mut unhandled = self.unhandled.into_inner();
        unhandled.extend(report.unhandled.into_iter().map(|(_, message)| message));
        unhandled
            .into_iter()
            .for_each(|message| self.ledger.hand_back(message));
        let overlaps = self.overlaps.lock();
        if !overlaps.is_empty() {
            return Err(format!("two at once of the keys {overlaps:?}"));
        }
        self.ledger.each_has_one_end()?;
        self.ledger.first_come_first_served()
    }
}

fn check() -> brigade_check::Stress {
    stress()
        .threads(THREADS)
        .operations(OPERATIONS)
        .iterations(repeated(1_000))
}

#[test]
fn each_key_keeps_its_order_while_the_number_of_workers_changes() {
    check().assert(bench, Bench::operate, Bench::finish);
}

#[test]
fn each_message_has_one_end_amid_shutdowns() {
    check().assert(bench, Bench::operate_amid_shutdowns, Bench::finish);
}
