//! Stands between shuttle, which runs the threads, and a [`Chooser`], which says which of them goes on.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

use super::strategy::Chooser;
use super::witness::Witness;

/// Where a run is; what the main thread tells the scheduler. Written by one thread of the system only, whence Relaxed.
#[derive(Default)]
pub(super) struct Stage {
    phase: AtomicU8,
    /// Threads of the scenario that have not ended.
    pub(super) unfinished: AtomicUsize,
    /// Whether an operation has started a thread.
    pub(super) strangers: AtomicBool,
    /// Whether the run's second thread is one that only waits for the others to deadlock. It never goes on, but while
    /// it could, shuttle leaves it to us what a deadlock is.
    pub(super) has_sentinel: AtomicBool,
    /// Looks at where threads stop.
    pub(super) witness: Option<Mutex<Witness>>,
    /// Steps of all runs; whoever watches sees whether it grows.
    pub(super) progress: AtomicU64,
}

/// The number of the thread that `has_sentinel` is about.
pub(super) const SENTINEL: usize = 1;

/// The main thread goes on whenever it can: what happens before the threads start is not explored.
const PREPARING: u8 = 0;
/// The main thread goes on only when no other can.
const RUNNING: u8 = 1;
/// All threads alike.
const FREE: u8 = 2;

impl Stage {
    pub(super) fn with_witness() -> Self {
        Self {
            witness: Some(Mutex::default()),
            ..Self::default()
        }
    }

    fn begin(&self) {
        self.phase.store(FREE, Relaxed);
        self.unfinished.store(0, Relaxed);
        self.strangers.store(false, Relaxed);
        self.has_sentinel.store(false, Relaxed);
    }

    pub(super) fn prepare(&self) {
        self.phase.store(PREPARING, Relaxed);
    }

    pub(super) fn run(&self) {
        self.phase.store(RUNNING, Relaxed);
    }

    pub(super) fn end(&self) {
        self.phase.store(FREE, Relaxed);
    }
}

/// How the scheduler ended a run, if it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// No thread of the scenario can go on.
    Deadlock,
    /// More steps than so many.
    Steps(usize),
}

/// The schedule of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    pub(crate) choices: Vec<u8>,
    /// What `shuttle::rand` drew from; 0 if nothing was drawn.
    pub(crate) data_seed: u64,
    /// How often a thread was made to wait that could have gone on.
    pub(crate) switches: usize,
    pub(super) stop: Option<Stop>,
}

/// What `shuttle::rand` draws from in each run.
pub(super) enum DataSeeds {
    Drawn(Rng),
    Repeated(u64),
}

/// Told of each run that came to its end; says whether another is wanted.
pub(super) type Between = Box<dyn FnMut(&Trace) -> ControlFlow<()> + Send>;

pub(super) struct Driver {
    stage: Arc<Stage>,
    chooser: Rc<RefCell<Box<dyn Chooser>>>,
    between: Between,
    step_limit: usize,
    trace: Rc<RefCell<Trace>>,
    seeds: DataSeeds,
    data_seed: u64,
    data: Rng,
    /// Whether a run has begun that `between` has not been told of.
    under_way: bool,
    steps: usize,
    /// How often in a row the same thread went on where another could have.
    stays: usize,
    candidates: Vec<usize>,
    /// The youngest thread of the scenario, once the threads run.
    last_of_scenario: Option<usize>,
}

/// After so many steps in a row a thread is taken to be waiting in a loop, and another goes on.
const PATIENCE: usize = 200;

impl Driver {
    pub(super) fn new(
        stage: Arc<Stage>,
        chooser: Rc<RefCell<Box<dyn Chooser>>>,
        seeds: DataSeeds,
        step_limit: usize,
        trace: Rc<RefCell<Trace>>,
        between: Between,
    ) -> Self {
        Self {
            stage,
            chooser,
            between,
            step_limit,
            trace,
            seeds,
            data_seed: 0,
            data: Rng::with_seed(0),
            under_way: false,
            steps: 0,
            stays: 0,
            candidates: Vec::new(),
            last_of_scenario: None,
        }
    }

    fn stop(&self, stop: Stop) -> Option<TaskId> {
        self.trace.borrow_mut().stop = Some(stop);
        None
    }

    /// Lets the chooser choose among `candidates`, and writes the choice down.
    fn choose(&mut self, current: Option<usize>, yields: bool) -> usize {
        if self.candidates.len() > 1 {
            let place = self
                .candidates
                .iter()
                .position(|&task| Some(task) == current);
            if let Some(place) = place {
                let waits = yields || self.stays >= PATIENCE;
                let current = self.candidates.remove(place);
                if !waits {
                    self.candidates.insert(0, current);
                }
            }
        }
        if let [only] = self.candidates[..] {
            if Some(only) != current {
                self.stays = 0;
            }
            return only;
        }
        let choice = self.chooser.borrow_mut().choose(&self.candidates);
        let chosen = self.candidates[choice];
        let mut trace = self.trace.borrow_mut();
        trace.choices.push(u8::try_from(choice).unwrap_or(u8::MAX));
        let could_go_on = self.candidates.first().copied() == current;
        trace.switches += usize::from(could_go_on && Some(chosen) != current);
        drop(trace);
        self.stays = if Some(chosen) == current {
            self.stays + 1
        } else {
            0
        };
        chosen
    }
}

impl Scheduler for Driver {
    fn new_execution(&mut self) -> Option<Schedule> {
        if std::mem::take(&mut self.under_way) && (self.between)(&self.trace.borrow()).is_break() {
            return None;
        }
        if !self.chooser.borrow_mut().begin() {
            return None;
        }
        self.under_way = true;
        self.stage.begin();
        (self.steps, self.stays) = (0, 0);
        self.last_of_scenario = None;
        let mut trace = self.trace.borrow_mut();
        trace.choices.clear();
        trace.stop = None;
        trace.switches = 0;
        trace.data_seed = 0;
        self.data_seed = match &mut self.seeds {
            DataSeeds::Drawn(rng) => rng.u64(..),
            DataSeeds::Repeated(seed) => *seed,
        };
        self.data = Rng::with_seed(self.data_seed);
        Some(Schedule::new(self.data_seed))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        self.steps += 1;
        let progress = &self.stage.progress;
        progress.store(progress.load(Relaxed) + 1, Relaxed);
        if self.steps > self.step_limit {
            return self.stop(Stop::Steps(self.step_limit));
        }
        if let Some(witness) = &self.stage.witness {
            let mut witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
            witness.look(runnable, current);
        }
        let without_sentinel: Vec<&Task>;
        let runnable = if self.stage.has_sentinel.load(Relaxed) {
            let others = runnable.iter().copied();
            without_sentinel = others
                .filter(|task| usize::from(task.id()) != SENTINEL)
                .collect();
            if !without_sentinel.iter().any(|task| task.runnable()) {
                return self.stop(Stop::Deadlock);
            }
            &without_sentinel[..]
        } else {
            runnable
        };
        let main = runnable.first().filter(|task| usize::from(task.id()) == 0);
        let mut threads = runnable;
        match (self.stage.phase.load(Relaxed), main) {
            (PREPARING, Some(main)) if main.runnable() => return Some(main.id()),
            (RUNNING, Some(main)) => {
                threads = &runnable[1..];
                // Those that could only go on by a spurious wake-up are waiting.
                if !threads.iter().any(|task| task.runnable()) {
                    if self.stage.unfinished.load(Relaxed) > 0 {
                        return self.stop(Stop::Deadlock);
                    }
                    return Some(main.id());
                }
            }
            _ => {}
        }
        if self.stage.phase.load(Relaxed) == RUNNING {
            // Threads are numbered in order of their creation, and at the first step the scenario's can all go on.
            let last = threads.last().map_or(0, |task| usize::from(task.id()));
            if last > *self.last_of_scenario.get_or_insert(last) {
                self.stage.strangers.store(true, Relaxed);
            }
        }
        self.candidates.clear();
        self.candidates
            .extend(threads.iter().map(|task| usize::from(task.id())));
        let current = current.map(usize::from);
        Some(TaskId::from(self.choose(current, is_yielding)))
    }

    fn next_u64(&mut self) -> u64 {
        self.trace.borrow_mut().data_seed = self.data_seed;
        self.data.u64(..)
    }
}
