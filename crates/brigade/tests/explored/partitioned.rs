//! Senders, and a crew that changes meanwhile.

use std::array::from_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use brigade::partitioned::Partitioned;
use brigade::pool::Shutdown;
use brigade_check::explore;
use shuttle::thread;

use super::ledger::Ledger;

const KEYS: usize = 3;

fn workers(ledger: &Arc<Ledger>) -> Arc<Partitioned<usize, usize>> {
    let busy: [AtomicBool; KEYS] = from_fn(|_| AtomicBool::new(false));
    let served = Arc::clone(ledger);
    let handle = move |(): &mut (), key: &usize, message: usize| {
        assert!(!busy[*key].swap(true, SeqCst), "two at once of key {key}");
        served.serve(message);
        thread::yield_now();
        busy[*key].store(false, SeqCst);
        served.settle(message);
    };
    let workers = Partitioned::builder("explored").workers(1).buffer(2);
    Arc::new(workers.histograms(false).start(|| (), handle).unwrap())
}

fn scenario(shuts_down: bool) -> Result<(), String> {
    let ledger = Arc::new(Ledger::new(2 * KEYS));
    let workers = workers(&ledger);
    let senders: Vec<_> = (0..2)
        .map(|sender| {
            let (workers, ledger) = (Arc::clone(&workers), Arc::clone(&ledger));
            thread::spawn(move || {
                for key in 0..KEYS {
                    let message = sender * KEYS + key;
                    ledger.offer(message, u32::try_from(key).unwrap(), || {
                        workers.send(key, message).is_ok()
                    });
                }
                if shuts_down {
                    return Ok(());
                }
                ledger.await_rest(|| workers.wait_idle().unwrap())
            })
        })
        .collect();
    workers.resize(2).unwrap();
    let early = shuts_down.then(|| workers.shutdown(Shutdown::now()));
    if !shuts_down {
        workers.resize(1).unwrap();
    }
    for sender in senders {
        sender.join().unwrap()?;
    }
    let last = workers.shutdown(Shutdown::drain());
    let reports = early.into_iter().chain([last]);
    reports
        .flat_map(|report| report.unhandled)
        .for_each(|(_, message)| ledger.hand_back(message));
    ledger.each_has_one_end()?;
    ledger.first_come_first_served()
}

#[test]
fn each_key_keeps_its_order_whenever_workers_come_and_go() {
    explore().schedules(5_000).assert(|| scenario(false));
}

#[test]
fn each_message_has_one_end_whenever_a_shutdown_comes() {
    explore().schedules(5_000).assert(|| scenario(true));
}
