//! Lines of a web server's log come faster than they can be looked at: consumers with a bounded buffer.
//!
//! What it shows: every line that was accepted is either handled or given to the failure handler with the reason,
//! a panic included; and `wait_idle` returns when that is so.

use std::error::Error;
use std::sync::Arc;

use brigade::consumers::{Consumers, Failure};
use brigade::lock::Mutex;
use brigade::{Counter, Shutdown};

const GOOD: [&str; 2] = ["GET /index.html 200", "POST /login 500"];
const BAD: [&str; 2] = ["GET /favicon.ico", "GET /about.html two-hundred"];

static SERVER_ERRORS: Counter = Counter::new();

/// Counts server errors. Panics for a line that is too short, errs for one without a number.
fn look_at(line: &str) -> Result<(), std::num::ParseIntError> {
    let status = line.split(' ').nth(2).expect("a line has three parts");
    if status.parse::<u16>()? >= 500 {
        SERVER_ERRORS.increment();
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let rejects = Arc::new(Mutex::named("rejects", Vec::new()));
    let given_up = Arc::clone(&rejects);
    let consumers = Consumers::builder("log")
        .buffer(16) // a 17th line waits in `produce`: back-pressure
        .workers(2)
        .on_failure(move |failure: Failure<&str, _>| {
            println!("{:?}: {failure}", failure.item);
            given_up.lock().push(failure.item);
        })
        .start(|line| look_at(line))?;

    let lines = (0..100).flat_map(|_| GOOD).chain(BAD);
    for line in lines {
        consumers.produce(line)?; // `try_produce` would hand it back rather than wait
    }
    consumers.wait_idle()?;
    assert_eq!(SERVER_ERRORS.sum(), 100);
    assert!(BAD.iter().all(|line| rejects.lock().contains(line)));

    let report = consumers.shutdown(Shutdown::drain());
    let (handled, failed) = (report.handled, report.failed);
    println!("{handled} lines handled, {failed} given up, none lost");
    assert_eq!((handled, failed, report.unhandled.len()), (200, 2, 0));
    Ok(())
}
