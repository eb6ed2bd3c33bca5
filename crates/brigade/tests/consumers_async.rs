//! `produce_async` on any executor, dropped at any point.
#![cfg(not(any(loom, shuttle)))]

mod door;
mod watchdog;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use brigade::consumers::{Consumers, RejectReason, Rejected};
use brigade::pool::Shutdown;
use door::Door;
use watchdog::without_hanging;

struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Counts how many of it are alive.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Consumers whose one handler stands before the door and whose buffer of one is full.
fn full(alive: &Arc<AtomicUsize>) -> (Consumers<Counted>, Arc<Door>, Receiver<()>) {
    let (door, tells, stands) = Door::shut();
    let waits = Arc::clone(&door);
    let consumers = Consumers::builder("full")
        .workers(1)
        .buffer(1)
        .start(move |_: &Counted| {
            let _ = tells.send(());
            waits.pass();
        })
        .unwrap();
    consumers.produce(Counted::new(alive)).unwrap();
    stands.recv().unwrap();
    consumers.produce(Counted::new(alive)).unwrap();
    (consumers, door, stands)
}

#[test]
fn a_future_waits_for_room_and_is_woken() {
    let alive = Arc::default();
    let (consumers, door, _stands) = full(&alive);
    let produces = consumers.clone();
    let item = Counted::new(&alive);
    let producer = thread::spawn(move || block_on(produces.produce_async(item)).is_ok());
    while consumers.metrics().waiting_producers == 0 {
        thread::yield_now();
    }
    door.open();
    assert!(producer.join().unwrap());
    consumers.wait_idle().unwrap();
    assert_eq!((consumers.metrics().handled, alive.load(SeqCst)), (3, 0));
}

#[test]
fn a_future_dropped_before_its_first_poll_produces_nothing() {
    let alive = Arc::default();
    let (consumers, door, _stands) = full(&alive);
    drop(consumers.produce_async(Counted::new(&alive)));
    assert_eq!((alive.load(SeqCst), consumers.metrics().produced), (2, 2));
    door.open();
}

#[test]
fn a_future_dropped_in_line_leaves_it_and_drops_the_item() {
    let alive = Arc::default();
    let (consumers, door, _stands) = full(&alive);
    let mut first = Box::pin(consumers.produce_async(Counted::new(&alive)));
    let mut second = Box::pin(consumers.produce_async(Counted::new(&alive)));
    assert!(once(&mut first).is_pending() && once(&mut second).is_pending());
    assert_eq!(
        (alive.load(SeqCst), consumers.metrics().waiting_producers),
        (4, 2)
    );
    drop(first);
    assert_eq!(
        (alive.load(SeqCst), consumers.metrics().waiting_producers),
        (3, 1)
    );
    door.open();
    // The place of the first was not lost: the second is let in.
    assert!(block_on(second).is_ok());
    consumers.wait_idle().unwrap();
    assert_eq!((consumers.metrics().handled, alive.load(SeqCst)), (3, 0));
}

#[test]
fn an_item_that_was_let_in_is_handled_though_its_future_is_dropped() {
    let alive = Arc::default();
    let (consumers, door, _stands) = full(&alive);
    let mut waits = Box::pin(consumers.produce_async(Counted::new(&alive)));
    assert!(once(&mut waits).is_pending());
    door.open();
    while consumers.metrics().waiting_producers == 1 {
        thread::yield_now();
    }
    drop(waits);
    consumers.wait_idle().unwrap();
    assert_eq!((consumers.metrics().handled, alive.load(SeqCst)), (3, 0));
}

#[test]
fn a_future_gets_its_item_back_at_the_end() {
    let alive = Arc::default();
    let (consumers, door, _stands) = full(&alive);
    let mut waits = Box::pin(consumers.produce_async(Counted::new(&alive)));
    let dropped = Box::pin(consumers.produce_async(Counted::new(&alive)));
    let mut dropped = dropped;
    assert!(once(&mut waits).is_pending() && once(&mut dropped).is_pending());
    door.open();
    let report = consumers.shutdown(Shutdown::drain());
    let rest = alive.load(SeqCst);
    match once(&mut waits) {
        Poll::Ready(Err(refused)) => {
            assert!(matches!(refused.reason, RejectReason::ShutDown { .. }));
            assert_eq!(alive.load(SeqCst), rest, "it is in the refusal");
            drop(refused);
        }
        Poll::Ready(Ok(())) => {}
        Poll::Pending => panic!("the end answers everyone"),
    }
    drop(waits);
    drop(dropped);
    assert_eq!(alive.load(SeqCst), 0);
    assert_eq!(report.handled, consumers.metrics().produced);
    assert!(matches!(
        block_on(consumers.produce_async(Counted::new(&alive))),
        Err(refused) if matches!(refused.reason, RejectReason::ShutDown { .. })
    ));
}

/// Consumers whose handler brings three items for each that says so, blocking on the futures; and what came of it.
fn feeding_themselves(workers: usize) -> (Consumers<bool>, Receiver<Result<(), Rejected<bool>>>) {
    let own: Arc<OnceLock<Consumers<bool>>> = Arc::default();
    let (tells, hears) = channel();
    let produces = Arc::clone(&own);
    let consumers = Consumers::builder("own")
        .workers(workers)
        .buffer(1)
        .start(move |brings: &bool| {
            let items = if *brings { 3 } else { 0 };
            for _ in 0..items {
                let produced = block_on(produces.wait().produce_async(false));
                tells.send(produced).unwrap();
            }
        })
        .unwrap();
    own.set(consumers.clone()).unwrap();
    (consumers, hears)
}

#[test]
fn a_handler_that_awaits_room_which_only_it_could_make_gets_its_item_back() {
    without_hanging(|| {
        let (consumers, hears) = feeding_themselves(1);
        consumers.produce(true).unwrap();
        assert!(hears.recv().unwrap().is_ok(), "there was room for one");
        for _ in 0..2 {
            let refused = hears.recv().unwrap().unwrap_err();
            assert!(!refused.item);
            let RejectReason::Deadlock { report, .. } = refused.reason else {
                panic!("{refused}")
            };
            assert_eq!(report.steps()[0].thread, "own-consumer-0");
        }
        consumers.wait_idle().unwrap();
        let metrics = consumers.metrics();
        assert_eq!((metrics.handled, metrics.rejected.deadlock), (2, 2));
        let _ = consumers.shutdown(Shutdown::now());
    });
}

#[test]
fn a_handler_that_awaits_room_which_another_can_make_is_let_in() {
    without_hanging(|| {
        let (consumers, hears) = feeding_themselves(2);
        for _ in 0..100 {
            consumers.produce(true).unwrap();
            (0..3).for_each(|_| hears.recv().unwrap().unwrap());
            consumers.wait_idle().unwrap();
        }
        assert_eq!(consumers.metrics().handled, 400);
        let _ = consumers.shutdown(Shutdown::now());
    });
}
