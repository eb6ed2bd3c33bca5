//! No addition is lost, whoever makes it and whenever one looks.
#![cfg(not(any(loom, shuttle)))]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use brigade::{Counter, Gauge};

/// More threads than stripes, so that some share one.
const THREADS: u64 = 40;
const EACH: u64 = 20_000;

#[test]
fn additions_of_many_threads_are_all_counted() {
    static COUNT: Counter = Counter::new();
    let start = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for _ in 0..EACH {
                    COUNT.increment();
                    COUNT.add(number);
                }
            });
        }
    });
    let numbers: u64 = (0..THREADS).sum();
    assert_eq!(COUNT.sum(), EACH * (THREADS + numbers));
}

#[test]
fn a_sum_never_falls_while_threads_add() {
    let (count, done) = (Counter::new(), AtomicBool::new(false));
    thread::scope(|scope| {
        let adders: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..EACH).for_each(|_| count.increment())))
            .collect();
        scope.spawn(|| {
            let mut last = 0;
            while !done.load(Relaxed) {
                let sum = count.sum();
                assert!(sum >= last && sum <= 4 * EACH);
                last = sum;
            }
        });
        adders.into_iter().for_each(|adder| adder.join().unwrap());
        done.store(true, Relaxed);
    });
    assert_eq!(count.sum(), 4 * EACH);
}

#[test]
fn each_addition_is_taken_exactly_once() {
    let (count, done) = (Counter::new(), AtomicBool::new(false));
    let taken = thread::scope(|scope| {
        let adders: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..EACH).for_each(|_| count.add(3))))
            .collect();
        let taker = scope.spawn(|| {
            let mut taken = 0;
            while !done.load(Relaxed) {
                taken += count.take();
            }
            taken
        });
        adders.into_iter().for_each(|adder| adder.join().unwrap());
        done.store(true, Relaxed);
        taker.join().unwrap()
    });
    assert_eq!(taken + count.take(), 4 * EACH * 3);
    assert_eq!(count.sum(), 0);
}

#[test]
fn a_gauge_may_be_lowered_by_another_thread_than_raised_it() {
    let gauge = Gauge::new();
    thread::scope(|scope| {
        scope.spawn(|| (0..EACH).for_each(|_| gauge.add(2)));
        scope.spawn(|| (0..EACH).for_each(|_| gauge.subtract(3)));
    });
    assert_eq!(gauge.sum(), -(EACH.cast_signed()));
    assert_eq!(format!("{gauge:?}"), "Gauge(-20000)");
}

#[test]
fn numbers_at_the_bounds_wrap_around() {
    let (count, gauge) = (Counter::new(), Gauge::new());
    count.add(u64::MAX);
    count.add(2);
    gauge.subtract(i64::MIN);
    gauge.add(i64::MIN);
    assert_eq!((count.sum(), gauge.sum()), (1, 0));
}
