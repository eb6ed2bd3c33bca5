//! Nobody starves: readers and writers get their turns, whatever the others do.

mod until;
mod watchdog;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use brigade::lock::{Mutex, RwLock};
use until::until;
use watchdog::without_hanging;

/// Threads of a stream, which overlap, so that the lock is hardly ever free.
const STREAM: usize = 3;
const TURNS: usize = if cfg!(debug_assertions) { 200 } else { 1_000 };

/// A stream of threads that do one thing until another thread has done the other so many times. Returns how often
/// the stream has done its thing.
fn turns_beside(
    stream: impl Fn(&RwLock<u64>) + Send + Sync + 'static,
    one: impl Fn(&RwLock<u64>) + Send + 'static,
) -> usize {
    without_hanging(move || {
        let lock = RwLock::named("fair", 0);
        let (done, streamed) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let stream = || {
                while !done.load(SeqCst) {
                    stream(&lock);
                    streamed.fetch_add(1, SeqCst);
                }
            };
            let threads = [(); STREAM].map(|()| scope.spawn(stream));
            while streamed.load(SeqCst) == 0 {
                thread::yield_now();
            }
            for _ in 0..TURNS {
                one(&lock);
            }
            done.store(true, SeqCst);
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        });
        streamed.into_inner()
    })
}

fn read(lock: &RwLock<u64>) {
    let value = lock.read();
    thread::yield_now();
    assert!(*value < u64::MAX);
}

fn write(lock: &RwLock<u64>) {
    let mut value = lock.write();
    thread::yield_now();
    *value += 1;
}

#[test]
fn a_stream_of_readers_does_not_keep_a_writer_out() {
    assert!(turns_beside(read, write) > 0);
}

#[test]
fn a_stream_of_writers_does_not_keep_a_reader_out() {
    assert!(turns_beside(write, read) > 0);
}

#[test]
fn a_stream_of_readers_does_not_keep_an_upgrade_out() {
    let upgrade = |lock: &RwLock<u64>| lock.upgradable_read().with_upgraded(|value| *value += 1);
    assert!(turns_beside(read, upgrade) > 0);
}

#[test]
fn readers_that_hold_something_get_their_turns_between_writers() {
    // These are checked while they wait, and wait in slices.
    let own = Arc::new(Mutex::named("fair.own", ()));
    let reads = move |lock: &RwLock<u64>| {
        let _own = own.lock();
        read(lock);
    };
    assert!(turns_beside(write, reads) > 0);
}

/// How many turns of a stream of writers, each long, one reading waits at the worst, of so many.
fn longest_wait(readings: usize) -> usize {
    const TURN: Duration = Duration::from_millis(1);
    without_hanging(move || {
        let lock = RwLock::named("fair.worst", ());
        let (done, turns) = (AtomicBool::new(false), AtomicUsize::new(0));
        let write = || {
            while !done.load(SeqCst) {
                let _turn = lock.write();
                turns.fetch_add(1, SeqCst);
                let began = Instant::now();
                while began.elapsed() < TURN {
                    std::hint::spin_loop();
                }
            }
        };
        let read = || {
            // In the midst of a turn.
            let last = turns.load(SeqCst);
            until(|| turns.load(SeqCst) > last);
            let before = turns.load(SeqCst);
            let _reading = lock.read();
            turns.load(SeqCst) - before
        };
        thread::scope(|scope| {
            let threads = [(); STREAM].map(|()| scope.spawn(write));
            let longest = (0..readings).map(|_| read()).max();
            done.store(true, SeqCst);
            let end = |thread: thread::ScopedJoinHandle<'_, ()>| thread.join().unwrap();
            threads.into_iter().for_each(end);
            longest.unwrap()
        })
    })
}

#[test]
fn a_reader_among_looping_writers_waits_for_less_than_twenty_of_their_turns() {
    // The system may keep a thread from running for as long as it likes; it does not do so each time.
    let mut waits = (0..10).map(|_| longest_wait(50));
    assert!(waits.any(|wait| wait < 20));
}
