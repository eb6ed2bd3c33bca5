//! Producers, waits for rest and a shutdown, all at once.

use std::sync::Arc;

use brigade::consumers::Consumers;
use brigade::pool::Shutdown;
use brigade_check::explore;
use shuttle::thread;

use super::ledger::Ledger;

fn consumers(workers: usize, ledger: &Arc<Ledger>) -> Consumers<usize> {
    let served = Arc::clone(ledger);
    let handle = move |item: &usize| {
        served.serve(*item);
        thread::yield_now();
        served.settle(*item);
    };
    let consumers = Consumers::builder("explored").workers(workers).buffer(1);
    consumers.histograms(false).start(handle).unwrap()
}

/// Two producers, of which the second waits for rest between its items; and an end as `how` says, at whatever time.
fn scenario(workers: usize, how: Option<Shutdown>) -> Result<(), String> {
    let ledger = Arc::new(Ledger::new(4));
    let consumers = consumers(workers, &ledger);
    let producers: Vec<_> = (0..2)
        .map(|producer| {
            let (consumers, ledger) = (consumers.clone(), Arc::clone(&ledger));
            thread::spawn(move || {
                for item in [2 * producer, 2 * producer + 1] {
                    ledger.offer(item, 0, || consumers.produce(item).is_ok());
                    if producer == 1 && how.is_none() {
                        ledger.await_rest(|| consumers.wait_idle().unwrap())?;
                    }
                }
                Ok::<(), String>(())
            })
        })
        .collect();
    let early = how.map(|how| consumers.shutdown(how));
    for producer in producers {
        producer.join().unwrap()?;
    }
    let last = consumers.shutdown(Shutdown::drain());
    let reports = early.into_iter().chain([last]);
    reports
        .flat_map(|report| report.unhandled)
        .for_each(|item| ledger.hand_back(item));
    ledger.each_has_one_end()?;
    if workers == 1 {
        ledger.first_come_first_served()?;
    }
    Ok(())
}

#[test]
fn one_consumer_keeps_the_order_and_waiting_for_rest_is_exact() {
    explore().schedules(5_000).assert(|| scenario(1, None));
}

#[test]
fn two_consumers_handle_each_item_once_and_waiting_for_rest_is_exact() {
    explore().schedules(5_000).assert(|| scenario(2, None));
}

#[test]
fn each_item_has_one_end_whenever_a_shutdown_comes() {
    for how in [Shutdown::drain(), Shutdown::now()] {
        explore()
            .schedules(3_000)
            .assert(move || scenario(2, Some(how)));
    }
}
