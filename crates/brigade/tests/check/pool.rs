//! Each task that is offered to a pool is run, refused, cancelled or handed back, and one of these once.

use std::sync::Arc;
use std::time::Duration;

use brigade::pool::{Cancel, Shutdown, TaskError, TaskHandle, Unstarted};
use brigade::{Pool, Priority};
use brigade_check::{Rng, Worker, point, stress};
use parking_lot::Mutex;

use super::ledger::Ledger;
use super::repeated;

const THREADS: usize = 4;
const OPERATIONS: usize = 16;

struct Bench {
    pool: Pool,
    ledger: Arc<Ledger>,
    /// The handles of tasks, by their numbers.
    handles: Mutex<Vec<(usize, TaskHandle<usize>)>>,
    unstarted: Mutex<Vec<Unstarted>>,
}

fn bench(workers: std::ops::RangeInclusive<usize>, capacity: usize) -> Bench {
    let pool = Pool::builder("checked").workers(workers);
    Bench {
        pool: pool.queue_capacity(capacity).build().unwrap(),
        ledger: Arc::new(Ledger::new(THREADS * OPERATIONS)),
        handles: Mutex::default(),
        unstarted: Mutex::default(),
    }
}

impl Bench {
    fn operate(&self, worker: &mut Worker) -> Result<(), String> {
        let number = worker.thread() * OPERATIONS + worker.operation();
        match worker.rng().u32(0..100) {
            0..70 => self.offer(number, worker.rng()),
            70..83 => self.cancel(worker.rng()),
            83..97 => return self.join(worker.rng()),
            _ => self.shut_down(worker.rng()),
        }
        Ok(())
    }

    fn offer(&self, number: usize, rng: &mut Rng) {
        let ledger = Arc::clone(&self.ledger);
        let task = move || {
            ledger.serve(number);
            number
        };
        let task = self.pool.task(task).priority(Priority(rng.u8(0..3) * 64));
        let (keep, limit) = (rng.bool(), Duration::from_micros(rng.u64(0..50)));
        let way = rng.u8(0..5);
        let offer = || {
            let handle = match way {
                0 => task.submit().ok(),
                1 => task.try_submit().ok(),
                2 => task.submit_timeout(limit).ok(),
                3 => return task.execute().is_ok(),
                _ => return task.try_execute().is_ok(),
            };
            let accepted = handle.is_some();
            if keep && let Some(handle) = handle {
                self.handles.lock().push((number, handle));
            }
            accepted
        };
        self.ledger.offer(number, 0, offer);
    }

    /// Any of the handles, of which others then know nothing.
    fn any_handle(&self, rng: &mut Rng) -> Option<(usize, TaskHandle<usize>)> {
        let mut handles = self.handles.lock();
        let place = rng.usize(0..handles.len().max(1));
        (place < handles.len()).then(|| handles.swap_remove(place))
    }

    fn cancel(&self, rng: &mut Rng) {
        let Some((number, handle)) = self.any_handle(rng) else {
            return;
        };
        point("before a cancel");
        if handle.cancel() == Cancel::Removed {
            self.ledger.cancel(number);
            assert!(matches!(handle.join(), Err(TaskError::Cancelled(_))));
        } else {
            self.handles.lock().push((number, handle));
        }
    }

    fn join(&self, rng: &mut Rng) -> Result<(), String> {
        match self.any_handle(rng) {
            Some((number, handle)) => self.look_at(number, handle),
            None => Ok(()),
        }
    }

    /// The handle says what has become of the task.
    fn look_at(&self, number: usize, handle: TaskHandle<usize>) -> Result<(), String> {
        let outcome = handle.join();
        let as_told = match &outcome {
            Ok(result) => *result == number && self.ledger.was_served(number),
            Err(TaskError::ShutDown(_)) => !self.ledger.was_served(number),
            Err(_) => false,
        };
        if as_told {
            Ok(())
        } else {
            Err(format!("the handle of task {number} says {outcome:?}"))
        }
    }

    fn shut_down(&self, rng: &mut Rng) {
        let how = match rng.u8(0..3) {
            0 => Shutdown::drain(),
            1 => Shutdown::Drain {
                timeout: Duration::ZERO,
            },
            _ => Shutdown::now(),
        };
        let mut report = self.pool.shutdown(how);
        self.unstarted.lock().append(&mut report.unstarted);
    }

    fn finish(self) -> Result<(), String> {
        let mut report = self.pool.shutdown(Shutdown::drain());
        if report.running > 0 {
            return Err(format!("{} tasks run after the end", report.running));
        }
        for (number, handle) in std::mem::take(&mut *self.handles.lock()) {
            self.look_at(number, handle)?;
        }
        self.ledger.close();
        let mut unstarted = self.unstarted.into_inner();
        unstarted.append(&mut report.unstarted);
        unstarted.into_iter().for_each(Unstarted::run);
        self.ledger.each_has_one_end()
    }
}

fn check(workers: std::ops::RangeInclusive<usize>, capacity: usize, iterations: u64) {
    stress()
        .threads(THREADS)
        .operations(OPERATIONS)
        .iterations(repeated(iterations))
        .assert(
            move || bench(workers.clone(), capacity),
            Bench::operate,
            Bench::finish,
        );
}

#[test]
fn each_task_of_an_elastic_pool_has_one_end_amid_cancels_and_shutdowns() {
    check(1..=3, 4, 1_000);
}

#[test]
fn each_task_of_one_worker_has_one_end_amid_cancels_and_shutdowns() {
    check(1..=1, 64, 1_000);
}
