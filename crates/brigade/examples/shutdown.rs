//! A program is told to end while letters wait to be sent. What was not sent is not lost.
//!
//! What it shows: every task that was accepted either ran, or is in the report of the shutdown, the most urgent
//! first, and can be run later. A running task is asked to stop, and is waited for.

use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use brigade::lock::Mutex;
use brigade::pool::TaskError;
use brigade::{Pool, Priority, Shutdown, task};

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::builder("post").workers(1).build()?;
    let sent = Arc::new(Mutex::named("sent", Vec::new()));

    let (begin, begun) = channel();
    let newsletter = pool.submit(move || {
        begin.send(()).unwrap();
        while !task::is_cancelled() {
            thread::yield_now(); // thousands of addresses; between two of them it looks
        }
        "sent to some"
    })?;
    begun.recv()?;

    let letter = |name: &'static str, priority| {
        let sent = Arc::clone(&sent);
        let task = pool.task(move || sent.lock().push(name));
        task.name(name).priority(priority).submit()
    };
    let invoice = letter("invoice", Priority::NORMAL)?;
    let alarm = letter("alarm", Priority::HIGH)?;

    let report = pool.shutdown(Shutdown::now()); // or drain(), or either with a timeout
    assert_eq!(newsletter.join()?, "sent to some");
    for handle in [invoice, alarm] {
        let error = handle.join().unwrap_err();
        println!("{error}");
        assert!(matches!(error, TaskError::ShutDown(_)));
    }
    assert!(sent.lock().is_empty());
    assert_eq!((report.completed, report.unstarted.len()), (1, 2));

    for task in report.unstarted {
        println!("{:?} of {} urgency", task.name(), task.priority());
        task.run(); // or write its name down for the next start
    }
    assert_eq!(*sent.lock(), ["alarm", "invoice"]);
    Ok(())
}
