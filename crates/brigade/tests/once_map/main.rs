//! A value is computed once per key, and nobody waits for it in vain.
#![cfg(not(any(loom, shuttle)))]

mod awaited;
mod deadlocks;
mod executor;
mod threads;
#[path = "../together/mod.rs"]
mod together;
#[path = "../until/mod.rs"]
mod until;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use brigade::OnceMap;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// A thread that computes a key, held in the midst of it until told how to end.
struct Held<T> {
    end: Sender<T>,
    thread: JoinHandle<Result<u32, String>>,
}

impl Held<Result<u32, &'static str>> {
    fn begin(map: &Arc<OnceMap<u32, u32>>, key: u32) -> Self {
        let map = Arc::clone(map);
        let (end, told) = channel();
        let (inside, entered) = channel();
        let thread = std::thread::spawn(move || {
            let compute = || {
                inside.send(()).unwrap();
                wait_for(&told)
            };
            let got = map.try_get_or_compute(key, compute);
            got.map_err(|error| error.to_string())
        });
        entered.recv().unwrap();
        Self { end, thread }
    }

    fn end(self, how: Result<u32, &'static str>) -> Result<u32, String> {
        self.end.send(how).unwrap();
        self.thread.join().unwrap()
    }

    /// Ends it by a panic.
    fn panic(self) {
        drop(self.end);
        self.thread.join().unwrap_err();
    }
}

fn wait_for<T>(told: &Receiver<T>) -> T {
    told.recv()
        .expect("a computation that is told nothing panics")
}
