//! Stands between shuttle, which runs the threads, and a [`Chooser`], which says which of them goes on.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle::thread;

use super::strategy::{Leaving, SharedChooser};
use super::witness::Witness;
use crate::lock::lock;

/// Where a run is; what the threads of the code under test tell the scheduler. All run on one thread of the system, and
/// the numbers stand alone for whoever watches, whence Relaxed.
#[derive(Default)]
pub(super) struct Stage {
    phase: AtomicU8,
    /// Threads of the scenario that have not ended.
    pub(super) unfinished: AtomicUsize,
    /// Whether an operation has started a thread.
    pub(super) strangers: AtomicBool,
    /// Whether the thread that runs stands between two operations.
    between: AtomicBool,
    /// Steps of all runs; whoever watches sees whether it grows.
    pub(super) progress: AtomicU64,
    /// Whether nobody waits for this thread of the system any more.
    pub(super) left_behind: AtomicBool,
}

/// The numbers of two threads: of the first one of a run, and of the one that [`Stage::run_program`] is about.
const MAIN: usize = 0;
pub(super) const SENTINEL: usize = 1;

/// The main thread goes on whenever it can: what happens before the threads start is not explored.
const PREPARING: u8 = 0;
/// The main thread goes on only when no other can.
const RUNNING: u8 = 1;
/// All threads alike.
const FREE: u8 = 2;
/// All threads alike, but for the sentinel.
const PROGRAM: u8 = 3;

/// The thread that only waits for the others to end or to deadlock.
fn bystander(phase: u8) -> Option<usize> {
    match phase {
        RUNNING => Some(MAIN),
        PROGRAM => Some(SENTINEL),
        _ => None,
    }
}

impl Stage {
    fn begin(&self) {
        self.phase.store(FREE, Relaxed);
        self.unfinished.store(0, Relaxed);
        self.strangers.store(false, Relaxed);
        self.between.store(false, Relaxed);
    }

    pub(super) fn prepare(&self) {
        self.phase.store(PREPARING, Relaxed);
    }

    pub(super) fn run(&self) {
        self.phase.store(RUNNING, Relaxed);
    }

    /// From now on the second thread of the run is a sentinel, which never goes on. As it could, shuttle leaves it to us
    /// what a deadlock is.
    pub(super) fn run_program(&self) {
        self.phase.store(PROGRAM, Relaxed);
    }

    /// Lets others come between two operations of the thread that runs.
    pub(super) fn pause(&self) {
        self.between.store(true, Relaxed);
        thread::sleep(Duration::ZERO);
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
    /// How often a thread was made to wait amid an operation, though it could have gone on.
    pub(crate) preemptions: usize,
    /// Whether any thread stood where others could come between, but for places between two operations.
    pub(crate) stops: bool,
    pub(super) stop: Option<Stop>,
}

/// What a run goes by.
pub(crate) struct Course {
    chooser: SharedChooser,
    /// What `shuttle::rand` draws from.
    data_seed: u64,
    /// After so many steps it counts as a livelock.
    step_limit: usize,
    /// Looks at where threads stop.
    witness: Option<Arc<Mutex<Witness>>>,
}

impl Course {
    pub(crate) fn new(chooser: &SharedChooser, data_seed: u64, step_limit: usize) -> Self {
        Self {
            chooser: Arc::clone(chooser),
            data_seed,
            step_limit,
            witness: None,
        }
    }

    pub(super) fn seen_by(mut self, witness: &Arc<Mutex<Witness>>) -> Self {
        self.witness = Some(Arc::clone(witness));
        self
    }
}

/// Told of each run that came to its end; says whether there is another: where that is, and what it goes by.
pub(super) type Next = Box<dyn FnMut(Option<Trace>) -> Option<(Arc<Stage>, Course)>>;

pub(super) struct Driver {
    next: Next,
    /// Where the run under way is.
    stage: Arc<Stage>,
    course: Option<Course>,
    trace: Rc<RefCell<Trace>>,
    data: Rng,
    steps: usize,
    /// How often in a row the same thread went on where another could have.
    stays: usize,
    candidates: Vec<usize>,
    /// The youngest thread of the scenario, once the threads run.
    last_of_scenario: Option<usize>,
}

/// A choice takes a byte of a token, and so does the number of those there were. Where more threads could go on, the
/// youngest have to wait.
const MOST_CANDIDATES: usize = u8::MAX as usize;

/// After so many steps in a row a thread is taken to be waiting in a loop, and another goes on.
const PATIENCE: usize = 200;

impl Driver {
    /// `trace` is that of the run under way, for whoever finds out that it did not come to an end.
    pub(super) fn new(trace: Rc<RefCell<Trace>>, next: Next) -> Self {
        Self {
            next,
            stage: Arc::default(),
            course: None,
            trace,
            data: Rng::with_seed(0),
            steps: 0,
            stays: 0,
            candidates: Vec::new(),
            last_of_scenario: None,
        }
    }

    fn course(&self) -> &Course {
        self.course.as_ref().expect("a run is under way")
    }

    fn stop(&self, stop: Stop) -> Option<TaskId> {
        self.trace.borrow_mut().stop = Some(stop);
        None
    }

    /// Whether there are younger threads than the scenario's: those are numbered in order of their creation, and at the
    /// first step can all go on.
    fn look_for_strangers(&mut self) {
        let last = self.candidates.last().copied().unwrap_or(MAIN);
        if last > *self.last_of_scenario.get_or_insert(last) {
            self.stage.strangers.store(true, Relaxed);
        }
    }

    /// Puts the thread that ran last first among the candidates; or leaves it out, as it should wait for another, and says
    /// so.
    fn put_first(&mut self, current: Option<usize>, yields: bool) -> bool {
        let mut candidates = self.candidates.iter();
        let place = candidates.position(|&task| Some(task) == current);
        let mut spins = false;
        if let Some(place) = place
            && self.candidates.len() > 1
        {
            let current = self.candidates.remove(place);
            spins = yields || self.stays >= PATIENCE;
            if spins {
                // By turns, so that of several that wait in loops each comes to the one they wait for.
                self.candidates.rotate_left(place);
                lock(&self.course().chooser).spins(current);
            } else {
                self.candidates.insert(0, current);
            }
        }
        self.candidates.truncate(MOST_CANDIDATES);
        spins
    }

    /// Lets the chooser choose among `candidates`, and writes the choice down. `between` says whether the thread that
    /// ran last, if it is one of them, stands between two operations; `spins`, that it waits for another.
    fn choose(&mut self, current: Option<usize>, spins: bool, between: bool) -> usize {
        if let [only] = self.candidates[..] {
            if Some(only) != current {
                self.stays = 0;
            }
            return only;
        }
        let goes_on = self.candidates.first().copied() == current;
        let leaving = match (goes_on, between) {
            _ if spins => Leaving::Spinning,
            (false, _) => Leaving::Waiting,
            (true, true) => Leaving::Between,
            (true, false) => Leaving::Amid,
        };
        let choice = lock(&self.course().chooser).choose(&self.candidates, leaving);
        let chosen = self.candidates[choice];
        let mut trace = self.trace.borrow_mut();
        trace.choices.push(choice as u8);
        trace.stops |= matches!(leaving, Leaving::Amid | Leaving::Spinning);
        trace.preemptions += usize::from(leaving == Leaving::Amid && choice > 0);
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
        let ended = self.course.take().map(|_| self.trace.take());
        let (stage, course) = (self.next)(ended)?;
        stage.begin();
        self.stage = stage;
        (self.steps, self.stays) = (0, 0);
        self.last_of_scenario = None;
        let data_seed = course.data_seed;
        self.data = Rng::with_seed(data_seed);
        self.course = Some(course);
        Some(Schedule::new(data_seed))
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
        let between = self.stage.between.swap(false, Relaxed);
        let step_limit = self.course().step_limit;
        if self.steps > step_limit {
            return self.stop(Stop::Steps(step_limit));
        }
        if let Some(witness) = &self.course().witness {
            lock(witness).look(runnable, current);
        }
        let phase = self.stage.phase.load(Relaxed);
        let main = runnable.first().filter(|task| task.runnable());
        if phase == PREPARING
            && let Some(main) = main.filter(|task| usize::from(task.id()) == MAIN)
        {
            return Some(main.id());
        }
        let bystander = bystander(phase);
        let threads = runnable
            .iter()
            .filter(|task| Some(usize::from(task.id())) != bystander);
        // Those that could only go on by a spurious wake-up are waiting.
        if bystander.is_some() && !threads.clone().any(|task| task.runnable()) {
            if phase == RUNNING && self.stage.unfinished.load(Relaxed) == 0 {
                return bystander.map(TaskId::from);
            }
            return self.stop(Stop::Deadlock);
        }
        self.candidates.clear();
        self.candidates
            .extend(threads.map(|task| usize::from(task.id())));
        if phase == RUNNING {
            self.look_for_strangers();
        }
        let current = current.map(usize::from);
        let spins = self.put_first(current, is_yielding);
        Some(TaskId::from(self.choose(current, spins, between)))
    }

    fn next_u64(&mut self) -> u64 {
        self.trace.borrow_mut().data_seed = self.course().data_seed;
        self.data.u64(..)
    }
}
