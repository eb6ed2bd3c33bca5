//! A pool reads the source files of this crate, all at once but never more than it has workers.
//!
//! What it shows: a handle has the result of its task, or says why there is none; and a task that panics takes
//! nothing with it, neither its worker nor the tasks behind it.

use std::error::Error;
use std::fs;
use std::path::Path;

use brigade::Pool;
use brigade::pool::TaskError;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::builder("reader")
        .workers(1..=4) // one while there is little to do, up to four under load
        .queue_capacity(8) // a ninth task waits in `submit`: back-pressure
        .build()?;

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pipeline");
    let mut handles = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let lines = {
            let path = path.clone();
            move || fs::read_to_string(path).unwrap().lines().count()
        };
        handles.push((path, pool.submit(lines)?));
    }
    let missing = pool
        .task(|| fs::read_to_string("/no/such/file").unwrap().len())
        .name("a file that is not there")
        .submit()?;

    let files = handles.len() as u64;
    let mut longest = (0, folder);
    for (path, handle) in handles {
        longest = longest.max((handle.join()?, path)); // or .await, join_timeout, try_join
    }
    println!(
        "{files} files; the longest, {}, has {} lines",
        longest.1.display(),
        longest.0
    );

    let Err(TaskError::Panicked(panic)) = missing.join() else {
        unreachable!("there is no such file");
    };
    println!("{panic}");

    let metrics = pool.metrics();
    assert_eq!((metrics.completed, metrics.panicked), (files, 1));
    assert!(metrics.queue_high_water <= 8 && metrics.workers.peak <= 4);
    assert_eq!(pool.submit(|| "still at work")?.join()?, "still at work");
    println!("{metrics}");
    Ok(())
}
