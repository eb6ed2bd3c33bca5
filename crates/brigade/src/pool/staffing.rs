//! Starting workers, one more or up to a number, and changing that number.

use std::io;
use std::sync::Arc;

use crate::lock::duty;
use crate::primitive::thread::JoinHandle;
use crate::primitive::{Parker, now, thread};

use super::error::BuildError;
use super::hoard::Worker;
use super::panic::catch;
use super::shared::{Phase, Shared, Wakes};
use super::sizing::WorkerRange;
use super::worker;

impl Shared {
    /// Starts the worker that `crew.starting` has counted.
    pub(crate) fn start_worker(self: &Arc<Self>) -> io::Result<()> {
        self.join_departed();
        let parker = Parker::new();
        let number = self.lock().crew.take_seat();
        let worker = Arc::new(Worker::new(
            number,
            parker.unparker().clone(),
            self.settings.histograms,
        ));
        self.lock().crew.seat(Arc::clone(&worker));
        let mut builder = thread::Builder::new().name(format!("{}-worker-{number}", self.name));
        if let Some(size) = self.settings.stack_size {
            builder = builder.stack_size(size);
        }
        let shared = Arc::clone(self);
        let body = Box::new(move || worker::run(&shared, &worker, &parker));
        match self.spawn(builder, body) {
            Ok(handle) => {
                let mut state = self.lock();
                state.crew.confirm(number);
                state.crew.keep_handle(number, handle);
                Ok(())
            }
            Err(error) => {
                const RETRY_AFTER: u64 = 100_000_000;
                let mut state = self.lock();
                state.crew.refuse(number, now() + RETRY_AFTER);
                let mut wakes = Wakes::none();
                wakes.list().wakers = std::mem::take(&mut state.watchers);
                // Tasks may have counted on the worker that does not come.
                state.call_worker(&mut wakes);
                self.release(state, wakes);
                duty::stir();
                Err(error)
            }
        }
    }

    /// Asks for a thread. The handler is foreign code: its panic is a refusal.
    fn spawn(
        &self,
        builder: thread::Builder,
        body: Box<dyn FnOnce() + Send>,
    ) -> io::Result<JoinHandle<()>> {
        catch(|| (self.settings.spawn)(builder, body)).unwrap_or_else(|caught| {
            self.report_panic(None, caught);
            Err(io::Error::other("the spawn handler panicked"))
        })
    }

    /// Joins threads that have left, which frees their numbers.
    pub(crate) fn join_departed(&self) {
        let departed = self.lock().crew.take_departed();
        for (number, handle) in departed {
            if handle.thread().id() != thread::current().id() {
                // A worker's body contains every panic; one in a thread-local's destructor is not ours.
                let _ = handle.join();
            }
            self.lock().crew.vacate(number);
        }
    }

    /// Sees to it that there is a worker, or says why there is none.
    pub(crate) fn employ_one(self: &Arc<Self>) -> io::Result<()> {
        let mut state = self.lock();
        if state.crew.live > 0 {
            return Ok(());
        }
        if state.crew.starting >= state.crew.size.max {
            drop(state); // others are at it
            thread::yield_now();
            return Ok(());
        }
        state.crew.starting += 1;
        drop(state);
        self.start_worker()
    }

    /// Starts workers up to the smallest number; errs only if there is none at all.
    pub(crate) fn start_missing(self: &Arc<Self>) -> io::Result<()> {
        loop {
            {
                let state = &mut *self.lock();
                let crew = &mut state.crew;
                if crew.staying() + crew.starting >= crew.size.min || state.phase != Phase::Open {
                    return Ok(());
                }
                crew.starting += 1;
            }
            if let Err(error) = self.start_worker() {
                return if self.lock().crew.live > 0 {
                    Ok(())
                } else {
                    Err(error)
                };
            }
        }
    }

    /// Changes the number of workers.
    pub(crate) fn resize(self: &Arc<Self>, size: WorkerRange) -> Result<(), BuildError> {
        if let Some(problem) = size.problem() {
            return Err(BuildError::Invalid {
                pool: Arc::clone(&self.name),
                problem,
            });
        }
        let mut wakes = Wakes::none();
        let mut state = self.lock();
        let fewer = size.max < state.crew.size.max;
        state.crew.size = size;
        state.crew.trimming = state.crew.live > size.max;
        state.take_back_hoards(); // what was claimed when there was no other worker to be had
        if fewer || size.min < state.crew.live {
            state.crew.call_all(&mut wakes.list().calls); // some have to leave, or to time their idling anew
        }
        state.call_worker(&mut wakes);
        self.release(state, wakes);
        self.start_missing().map_err(|error| BuildError::NoWorkers {
            pool: Arc::clone(&self.name),
            error,
        })
    }
}
