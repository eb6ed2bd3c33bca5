//! Iterations of a stress test: the same work by each thread, with different numbers.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use fastrand::Rng;

use super::amount::Amount;
use super::team::{Rounds, disturb, start};
use crate::failure::Kind;
use crate::lock::lock;
use crate::panics;
use crate::point;

type Make<T> = Box<dyn Fn() -> T + Send + Sync>;
type Operate<T> = Box<dyn Fn(&T, &mut Worker) -> Result<(), String> + Send + Sync>;
type Finish<T> = Box<dyn Fn(T) -> Result<(), String> + Send + Sync>;

/// What is stressed, and how.
pub(super) struct Subject<T> {
    pub(super) make: Make<T>,
    pub(super) operate: Operate<T>,
    pub(super) finish: Finish<T>,
}

/// Which thread of a [`stress`](crate::stress()) test this is, and what it is at.
#[derive(Debug)]
pub struct Worker {
    thread: usize,
    iteration: u64,
    operation: usize,
    rng: Rng,
}

impl Worker {
    /// The thread's number, from 0.
    pub fn thread(&self) -> usize {
        self.thread
    }

    /// The iteration's number, from 0.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// Which operation of this thread in this iteration it is, from 0.
    pub fn operation(&self) -> usize {
        self.operation
    }

    /// Where all that is random has to come from, so that a seed repeats it.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }
}

/// One thing that went wrong.
#[derive(Debug, Clone)]
pub(super) struct Wrong {
    pub(super) kind: Kind,
    pub(super) iteration: u64,
    /// Thread and operation, or `None` for the beginning and the end of an iteration.
    pub(super) at: Option<(usize, usize)>,
    pub(super) message: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "iteration {}, ", self.iteration)?;
        match self.at {
            Some((thread, operation)) => {
                write!(formatter, "thread {thread}, operation {operation}: ")?;
            }
            None => formatter.write_str("at its end: ")?,
        }
        formatter.write_str(&self.message)
    }
}

pub(super) struct Iterations<T> {
    subject: Arc<Subject<T>>,
    seed: u64,
    amount: Amount,
    /// Read for reports while it grows, whence Relaxed.
    iteration: AtomicU64,
    failing: AtomicUsize,
    /// Whether something went wrong in this iteration; a hint only.
    stopped: AtomicBool,
    /// By thread: the operation it is at.
    at: Vec<AtomicUsize>,
    wrong: Mutex<Vec<Wrong>>,
}

impl<T> Iterations<T> {
    pub(super) fn new(subject: Arc<Subject<T>>, seed: u64, amount: Amount) -> Self {
        Self {
            subject,
            seed,
            amount,
            iteration: AtomicU64::new(0),
            failing: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            at: (0..amount.threads).map(|_| AtomicUsize::new(0)).collect(),
            wrong: Mutex::default(),
        }
    }

    /// How many iterations have ended, and in how many of them something went wrong.
    pub(super) fn counts(&self) -> (u64, usize) {
        (self.iteration.load(Relaxed), self.failing.load(Relaxed))
    }

    pub(super) fn wrong(&self) -> MutexGuard<'_, Vec<Wrong>> {
        lock(&self.wrong)
    }

    /// What each thread is at that has not ended, given the points they passed last.
    pub(super) fn whereabouts(&self, points: &[Option<&str>]) -> Vec<String> {
        let threads = self.at.iter().zip(points).enumerate();
        let unfinished = threads.filter_map(|(thread, (at, point))| {
            let operation = at.load(Relaxed);
            if operation >= self.amount.operations {
                return None;
            }
            let point = point::after(*point);
            Some(format!("thread {thread} in operation {operation}{point}"))
        });
        unfinished.collect()
    }

    fn fail(&self, kind: Kind, at: Option<(usize, usize)>, message: String) {
        self.stopped.store(true, Relaxed);
        self.wrong().push(Wrong {
            kind,
            iteration: self.iteration.load(Relaxed),
            at,
            message,
        });
    }

    /// Takes note of what a closure of the user's came to, and says whether it went well.
    fn note(
        &self,
        at: Option<(usize, usize)>,
        came_to: Result<Result<(), String>, String>,
    ) -> bool {
        match came_to {
            Ok(Ok(())) => return true,
            Ok(Err(message)) => self.fail(Kind::Broken, at, message),
            Err(message) => self.fail(Kind::Panicked, at, message),
        }
        false
    }
}

impl<T: Send + Sync + 'static> Rounds for Iterations<T> {
    type Thing = Option<T>;

    fn begin(&self) -> Option<Arc<Option<T>>> {
        self.stopped.store(false, Relaxed);
        for at in &self.at {
            at.store(0, Relaxed);
        }
        // Without a thing, because making it panicked, the threads have nothing to do.
        let made = panics::catch(|| (self.subject.make)());
        let made = made.map_err(|message| {
            self.fail(Kind::Panicked, None, format!("making the thing: {message}"));
        });
        Some(Arc::new(made.ok()))
    }

    fn work(&self, thing: Arc<Option<T>>, thread: usize, rng: &mut Rng) {
        let Some(thing) = &*thing else {
            return;
        };
        let iteration = self.iteration.load(Relaxed);
        // An iteration's numbers depend on the sum only, so that its seed repeats it as the first one.
        let seed = self
            .seed
            .wrapping_add(if self.amount.repeat { 0 } else { iteration });
        let mut numbers = Rng::with_seed(seed);
        let seed = (0..=thread).fold(seed, |_, _| numbers.u64(..));
        let mut worker = Worker {
            thread,
            iteration,
            operation: 0,
            rng: Rng::with_seed(seed),
        };
        start(rng);
        for operation in 0..self.amount.operations {
            self.at[thread].store(operation, Relaxed);
            worker.operation = operation;
            if operation > 0 {
                disturb(rng);
            }
            let came_to = panics::catch(|| (self.subject.operate)(thing, &mut worker));
            if !self.note(Some((thread, operation)), came_to) {
                break;
            }
        }
        self.at[thread].store(self.amount.operations, Relaxed);
    }

    fn end(&self, thing: Arc<Option<T>>) -> ControlFlow<()> {
        if let Some(thing) = Arc::into_inner(thing).flatten()
            && !self.stopped.load(Relaxed)
        {
            let came_to = panics::catch(|| (self.subject.finish)(thing));
            self.note(None, came_to);
        }
        let failing = usize::from(self.stopped.load(Relaxed));
        let failing = self.failing.fetch_add(failing, Relaxed) + failing;
        let iterations = self.iteration.fetch_add(1, Relaxed) + 1;
        if iterations >= self.amount.iterations
            || failing >= self.amount.failures
            || self.amount.deadline.has_passed()
        {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
