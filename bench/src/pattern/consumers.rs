//! Items that some threads produce and others handle.
//!
//! All systems have the same buffer and the same threads: as many consumers as the case says, started before anything
//! is measured, and producers that begin together. What handles an item is the same function, called in the loop
//! that a channel's user writes, or by [`Consumers`]. What a loop around a channel does not do, and Brigade does, is not
//! added to it: catching panics, counting, timing, knowing when all is handled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use brigade::consumers::Consumers;

use crate::batch::repeat;
use crate::ledger::Ledger;
use crate::quiet;
use crate::together;

/// Items that may wait.
const BUFFER: usize = 1_024;
/// Items produced before the producer waits for all to be handled.
const BATCH: u64 = 50_000;

/// What is produced: a word, which is empty but in the last item of a batch.
pub(super) type Item = Option<Box<Last>>;

/// Wakes whoever waits for the end of a batch.
pub(super) struct Last {
    waiter: Thread,
    reached: Arc<AtomicBool>,
}

/// What a consumer does with an item: it is counted, on a cache line of the consumer's own.
#[inline]
fn handle(item: &Item) {
    Ledger::open().count();
    if let Some(last) = item {
        last.reached.store(true, Release); // pairs with the load of the waiter
        last.waiter.unpark();
    }
}

/// A buffer, and threads that handle what is in it. Dropping it ends them.
pub(super) trait ProducerConsumer: Sync + Sized + 'static {
    /// The system's stable name.
    const NAME: &'static str;
    /// Starts so many consumers.
    fn start(consumers: usize) -> Self;
    /// Puts an item into the buffer; waits while that is full.
    fn produce(&self, item: Item);
}

impl ProducerConsumer for Consumers<Item> {
    const NAME: &'static str = crate::REFERENCE;

    fn start(consumers: usize) -> Self {
        let builder = Self::builder("bench").buffer(BUFFER).workers(consumers);
        builder.start(handle).expect("the system has threads")
    }

    #[inline]
    fn produce(&self, item: Item) {
        assert!(
            self.produce(item).is_ok(),
            "they take items while they live"
        );
    }
}

/// A channel and the threads at its end.
pub(super) struct Loop<S> {
    /// Taken when it ends: that ends the threads.
    sender: Option<S>,
    threads: Vec<JoinHandle<()>>,
}

impl<S> Loop<S> {
    fn start<R: IntoIterator<Item = Item> + Clone + Send + 'static>(
        (sender, receiver): (S, R),
        consumers: usize,
    ) -> Self {
        let consumer = |_| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.into_iter().for_each(|item| handle(&item)))
        };
        Self {
            sender: Some(sender),
            threads: (0..consumers).map(consumer).collect(),
        }
    }

    #[inline]
    fn sender(&self) -> &S {
        let sender = self.sender.as_ref();
        sender.expect("it is there until the end")
    }
}

impl<S> Drop for Loop<S> {
    fn drop(&mut self) {
        self.sender = None;
        for thread in self.threads.drain(..) {
            thread.join().expect("no consumer panics");
        }
    }
}

impl ProducerConsumer for Loop<crossbeam_channel::Sender<Item>> {
    const NAME: &'static str = "crossbeam-channel";

    fn start(consumers: usize) -> Self {
        Self::start(crossbeam_channel::bounded(BUFFER), consumers)
    }

    #[inline]
    fn produce(&self, item: Item) {
        let sent = self.sender().send(item);
        assert!(sent.is_ok(), "they take items while they live");
    }
}

impl ProducerConsumer for Loop<flume::Sender<Item>> {
    const NAME: &'static str = "flume";

    fn start(consumers: usize) -> Self {
        Self::start(flume::bounded(BUFFER), consumers)
    }

    #[inline]
    fn produce(&self, item: Item) {
        let sent = self.sender().send(item);
        assert!(sent.is_ok(), "they take items while they live");
    }
}

/// One operation: an item, from the first one produced until the last one is handled.
pub(super) fn measure<C: ProducerConsumer>(
    producers: usize,
    consumers: usize,
    slice: Duration,
) -> Vec<f64> {
    let started = C::start(consumers);
    let sample = repeat(slice, BATCH, || run_batch(&started, producers as u64));
    drop(started);
    quiet::wait();
    vec![sample]
}

fn run_batch<C: ProducerConsumer>(consumers: &C, producers: u64) -> Duration {
    let ledger = Ledger::open();
    let share = BATCH / producers;
    let awaited = ledger.total() + share * producers + 1;
    let produce = || {
        let began = Instant::now();
        for _ in 0..share {
            consumers.produce(None);
        }
        began
    };
    let began = if producers == 1 {
        produce()
    } else {
        let began = together::run(producers as usize, |_| produce());
        began.into_iter().min().expect("there is a producer")
    };
    wait_for(consumers, ledger, awaited);
    began.elapsed()
}

/// Waits until all items are handled, without taking the consumers' cores meanwhile: sleeps until one more item, which
/// comes after all others, was handled, and yields until the few that other consumers have in hand are done.
fn wait_for<C: ProducerConsumer>(consumers: &C, ledger: &Ledger, awaited: u64) {
    let reached = Arc::new(AtomicBool::new(false));
    let last = Last {
        waiter: thread::current(),
        reached: Arc::clone(&reached),
    };
    consumers.produce(Some(Box::new(last)));
    while !reached.load(Acquire) {
        thread::park();
    }
    while ledger.total() < awaited {
        thread::yield_now();
    }
    assert_eq!(ledger.total(), awaited, "every item is handled once");
}
