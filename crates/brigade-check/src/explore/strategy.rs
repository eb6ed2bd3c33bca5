//! How the next thread is chosen where several can go on.

use std::sync::{Arc, Mutex};

use fastrand::Rng;

use super::exhaustive::{Counted, Exhaustive};
use super::token::Token;

/// How [`explore`](crate::explore()) chooses schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// [`Random`](Self::Random) and [`Pct`](Self::Pct) with depth 3 in turn: what one of them is bad at, the other is
    /// often good at. A check against a model begins with small scenarios, of which it runs every schedule with few
    /// preemptions: what fails there is found soonest, and is small already.
    #[default]
    Mixed,
    /// At every step some thread, each with the same chance. Finds what happens in many schedules.
    Random,
    /// Threads have random priorities, and the most urgent one runs; at `depth - 1` random steps it becomes the least
    /// urgent. Finds what needs few switches at the right places, with a chance that can be computed.
    ///
    /// Burckhardt, Kothari, Musuvathi & Nagarakatte, "A randomized scheduler with probabilistic guarantees of finding
    /// bugs", 2010.
    Pct {
        /// How many orderings the bug needs: 1 for an order of two events, 2 for a lost update. At least 1.
        depth: usize,
    },
    /// Every schedule once, those with few preemptions first: a proof for small cases, if the budget suffices; the report
    /// says whether it did. A thread that yields, or takes very many steps in a row, is made to wait for another.
    ///
    /// Musuvathi & Qadeer, "Iterative context bounding for systematic testing of multithreaded programs", 2007.
    Exhaustive,
}

/// What any choice but the first means for the thread that ran last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// Nothing: it cannot go on.
    Waiting,
    /// It waits in a loop. By the first choice such threads take turns; by any other, one may be left out.
    Spinning,
    /// It waits between two operations, where it leaves nothing half done.
    Between,
    /// It is preempted amid something.
    Amid,
}

/// Decides which of several threads goes on. Choices are numbers below `candidates.len()`; the first candidate is the
/// thread that ran last, if it can go on, and the others follow by age; if it waits in a loop it is not among them, and
/// those younger than it come before those older.
pub(crate) trait Chooser: Send {
    /// Called before each run; `false` if there are no further schedules.
    fn begin(&mut self) -> bool;
    /// `candidates` are the threads' numbers: at least two, and at the most 255.
    fn choose(&mut self, candidates: &[usize], leaving: Leaving) -> usize;
    /// Called when `thread`, which ran last, waits in a loop for another: whoever prefers some threads to others must
    /// not prefer it to the one it waits for.
    fn spins(&mut self, _thread: usize) {}
    /// Whether every schedule has been run.
    fn is_exhausted(&self) -> bool {
        false
    }
    /// How many choices of a replayed schedule did not fit the program.
    fn misfits(&self) -> usize {
        0
    }
}

/// A chooser that a check keeps in hand, while the schedules go by what it says. Never locked across a switch.
pub(crate) type SharedChooser = Arc<Mutex<dyn Chooser>>;

fn share(chooser: impl Chooser + 'static) -> SharedChooser {
    Arc::new(Mutex::new(chooser))
}

impl Strategy {
    pub(crate) fn chooser(self, seed: u64) -> SharedChooser {
        let rng = Rng::with_seed(seed);
        match self {
            Self::Mixed => share(Mixed {
                random: Random(Rng::with_seed(seed)),
                pct: Pct::new(3, rng),
                random_now: true,
            }),
            Self::Random => share(Random(rng)),
            Self::Pct { depth } => share(Pct::new(depth, rng)),
            Self::Exhaustive => share(Exhaustive::new(Counted::All)),
        }
    }
}

struct Random(Rng);

impl Chooser for Random {
    fn begin(&mut self) -> bool {
        true
    }

    fn choose(&mut self, candidates: &[usize], _: Leaving) -> usize {
        self.0.usize(..candidates.len())
    }
}

struct Pct {
    rng: Rng,
    /// By thread; the greatest is the most urgent. Demoted threads count down from `INITIAL`.
    priorities: Vec<u64>,
    /// The steps at which the running thread is demoted.
    change_points: Vec<usize>,
    depth: usize,
    step: usize,
    /// The most steps a run has had so far.
    longest: usize,
    lowest: u64,
}

/// Priorities given at random are above it, those after a demotion below.
const INITIAL: u64 = 1 << 32;

impl Pct {
    fn new(depth: usize, rng: Rng) -> Self {
        Self {
            rng,
            priorities: Vec::new(),
            change_points: Vec::new(),
            depth,
            step: 0,
            longest: 0,
            lowest: INITIAL,
        }
    }

    fn priority(&mut self, thread: usize) -> u64 {
        while self.priorities.len() <= thread {
            self.priorities.push(self.rng.u64(INITIAL..));
        }
        self.priorities[thread]
    }

    fn demote(&mut self, thread: usize) {
        // Draws that of a thread not met before, for the same to be drawn for the others.
        self.priority(thread);
        self.lowest -= 1;
        self.priorities[thread] = self.lowest;
    }

    fn most_urgent(&mut self, candidates: &[usize]) -> usize {
        let mut best = (0, 0);
        for (choice, &thread) in candidates.iter().enumerate() {
            best = best.max((self.priority(thread), choice));
        }
        best.1
    }
}

impl Chooser for Pct {
    fn begin(&mut self) -> bool {
        self.longest = self.longest.max(self.step);
        self.step = 0;
        self.lowest = INITIAL;
        self.priorities.clear();
        self.change_points.clear();
        for _ in 1..self.depth {
            let point = self.rng.usize(..self.longest.max(1));
            self.change_points.push(point);
        }
        true
    }

    fn choose(&mut self, candidates: &[usize], _: Leaving) -> usize {
        if self.change_points.contains(&self.step) {
            let running = self.most_urgent(candidates);
            self.demote(candidates[running]);
        }
        self.step += 1;
        self.most_urgent(candidates)
    }

    fn spins(&mut self, thread: usize) {
        self.demote(thread);
    }
}

struct Mixed {
    random: Random,
    pct: Pct,
    random_now: bool,
}

impl Chooser for Mixed {
    fn begin(&mut self) -> bool {
        self.random_now = !self.random_now;
        self.random_now || self.pct.begin()
    }

    fn choose(&mut self, candidates: &[usize], leaving: Leaving) -> usize {
        match self.random_now {
            true => self.random.choose(candidates, leaving),
            false => self.pct.choose(candidates, leaving),
        }
    }

    fn spins(&mut self, thread: usize) {
        if !self.random_now {
            self.pct.spins(thread);
        }
    }
}

/// Repeats the choices of an earlier run.
pub(crate) struct Replay {
    choices: Vec<u8>,
    next: usize,
    misfits: usize,
}

impl Replay {
    pub(crate) fn shared(token: &Token) -> SharedChooser {
        share(Self {
            choices: token.choices.clone(),
            next: 0,
            misfits: 0,
        })
    }
}

impl Chooser for Replay {
    fn begin(&mut self) -> bool {
        self.next = 0;
        true
    }

    fn choose(&mut self, candidates: &[usize], _: Leaving) -> usize {
        let choice = self
            .choices
            .get(self.next)
            .map(|&choice| usize::from(choice));
        self.next += 1;
        match choice {
            Some(choice) if choice < candidates.len() => choice,
            _ => {
                self.misfits += 1;
                0
            }
        }
    }

    fn misfits(&self) -> usize {
        self.misfits + self.choices.len().saturating_sub(self.next)
    }
}

/// What `shuttle::rand` draws from in each run.
pub(crate) enum DataSeeds {
    Drawn(Rng),
    Repeated(u64),
}

impl DataSeeds {
    pub(crate) fn draw(seed: u64) -> Self {
        Self::Drawn(Rng::with_seed(seed))
    }

    pub(crate) fn repeat(token: &Token) -> Self {
        Self::Repeated(token.data_seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        match self {
            Self::Drawn(rng) => rng.u64(..),
            Self::Repeated(seed) => *seed,
        }
    }
}
