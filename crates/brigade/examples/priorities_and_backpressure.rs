//! A printer with room for three pages: urgent ones overtake, and a full tray says when to come back.
//!
//! What it shows: tasks run in the order of their priorities, and inside one in that of their arrival; a refused
//! task comes back whole, so that its owner can do something better than wait.

use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::channel;

use brigade::lock::Mutex;
use brigade::pool::{RejectReason, Rejected};
use brigade::{Pool, Priority};

fn main() -> Result<(), Box<dyn Error>> {
    let printer = Pool::builder("printer")
        .workers(1)
        .queue_capacity(3)
        .build()?;
    let printed = Arc::new(Mutex::named("printed", Vec::new()));
    let page = |title: &'static str| {
        let printed = Arc::clone(&printed);
        move || printed.lock().push(title)
    };

    // It warms up for as long as we say, so that all pages wait.
    let ((warm, is_warm), (start, started)) = (channel(), channel::<()>());
    printer.execute(move || {
        warm.send(()).unwrap();
        started.recv().unwrap();
    })?;
    is_warm.recv()?;

    let novel = printer.task(page("novel")).priority(Priority::LOW);
    novel.execute()?;
    printer.execute(page("letter"))?; // Priority::NORMAL
    let pass = printer.task(page("boarding pass"));
    pass.priority(Priority::HIGH).execute()?;

    match printer.try_execute(page("note")) {
        Err(Rejected {
            task,
            reason: RejectReason::Full { retry_after, .. },
        }) => {
            println!("come back in {retry_after:?}? It is written by hand");
            task(); // the closure is ours again
        }
        other => unreachable!("the queue is full: {other:?}"),
    }

    start.send(())?;
    printer.wait_idle();
    println!("{:?}", printed.lock());
    let expected = ["note", "boarding pass", "letter", "novel"];
    assert_eq!(*printed.lock(), expected);
    assert_eq!(printer.metrics().rejected.full, 1);
    Ok(())
}
