//! What one addition costs, handed over alone or with 63 others, on one thread or two. Run it with `--release`.
//! It prints nanoseconds an addition, the median of five rounds. A wrong total panics.

use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use brigade::{Counter, Pool, lock::Mutex};

const NUMBERS: u64 = 1 << if cfg!(debug_assertions) { 12 } else { 20 };

/// So many numbers from `start` on, in batches.
fn batches(start: u64, count: u64, size: u64) -> impl Iterator<Item = Range<u64>> {
    (0..count / size).map(move |batch| start + batch * size..start + (batch + 1) * size)
}

/// Threads add to one total, whose lock they take once a batch.
fn lock(threads: u64, size: u64) -> u64 {
    let (total, share) = (Mutex::named("total", 0), NUMBERS / threads);
    let add = |batch: Range<u64>| total.with(|total| batch.for_each(|n| *total += black_box(n)));
    let work = |number| batches(number * share, share, size).for_each(add);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|n| scope.spawn(move || work(n))).collect();
        workers.into_iter().for_each(|w| w.join().unwrap());
    });
    total.into_inner()
}

/// A pool gets a task a batch.
fn pool(threads: u64, size: u64) -> u64 {
    let pool = Pool::builder("add").workers(threads as usize);
    let (pool, total) = (pool.build().unwrap(), Arc::new(Counter::new()));
    for batch in batches(0, NUMBERS, size) {
        let total = Arc::clone(&total);
        let task = move || batch.for_each(|n| total.add(black_box(n)));
        pool.execute(task).unwrap();
    }
    pool.wait_idle();
    total.sum()
}

fn nanoseconds(case: fn(u64, u64) -> u64, threads: u64, size: u64) -> f64 {
    let mut rounds = [(); 5].map(|()| {
        let begin = Instant::now();
        assert_eq!(case(threads, size), NUMBERS * (NUMBERS - 1) / 2);
        begin.elapsed()
    });
    rounds.sort();
    rounds[2].as_nanos() as f64 / NUMBERS as f64
}

fn main() {
    println!("threads  at a time  lock, ns  pool, ns");
    for (threads, size) in [(1, 1), (2, 1), (1, 64), (2, 64)] {
        let [lock, pool] = [lock, pool].map(|case| nanoseconds(case, threads, size));
        println!("{threads:7}  {size:9}  {lock:8.1}  {pool:8.1}");
    }
}
