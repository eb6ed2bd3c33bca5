//! How the next thread is chosen where several can go on.

use fastrand::Rng;

/// How [`explore`](crate::explore()) chooses schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// [`Random`](Self::Random) and [`Pct`](Self::Pct) with depth 3 in turn: what one of them is bad at, the other is
    /// often good at.
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
    /// Every schedule once, those with few switches first: a proof for small cases, if the budget suffices; the report
    /// says whether it did. A thread that yields, or takes very many steps in a row, is made to wait for another.
    Exhaustive,
}

/// Decides which of several threads goes on. Choices are numbers below `candidates.len()`; the first candidate is the
/// thread that ran last, if it can go on, and the others follow by age.
pub(super) trait Chooser: Send {
    /// Called before each run; `false` if every schedule has been run.
    fn begin(&mut self) -> bool;
    /// `candidates` are the threads' numbers; at least two.
    fn choose(&mut self, candidates: &[usize]) -> usize;
    /// Whether every schedule has been run.
    fn is_exhausted(&self) -> bool {
        false
    }
    /// How many choices of a replayed schedule did not fit the program.
    fn misfits(&self) -> usize {
        0
    }
}

impl Strategy {
    pub(super) fn chooser(self, seed: u64) -> Box<dyn Chooser> {
        let rng = Rng::with_seed(seed);
        match self {
            Self::Mixed => Box::new(Mixed {
                random: Random(Rng::with_seed(seed)),
                pct: Pct::new(3, rng),
                random_now: true,
            }),
            Self::Random => Box::new(Random(rng)),
            Self::Pct { depth } => Box::new(Pct::new(depth, rng)),
            Self::Exhaustive => Box::new(Exhaustive::default()),
        }
    }
}

struct Random(Rng);

impl Chooser for Random {
    fn begin(&mut self) -> bool {
        true
    }

    fn choose(&mut self, candidates: &[usize]) -> usize {
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

    fn choose(&mut self, candidates: &[usize]) -> usize {
        if self.change_points.contains(&self.step) {
            let running = self.most_urgent(candidates);
            self.lowest -= 1;
            self.priorities[candidates[running]] = self.lowest;
        }
        self.step += 1;
        self.most_urgent(candidates)
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

    fn choose(&mut self, candidates: &[usize]) -> usize {
        match self.random_now {
            true => self.random.choose(candidates),
            false => self.pct.choose(candidates),
        }
    }
}

/// Depth first over the tree of choices.
#[derive(Default)]
struct Exhaustive {
    /// The choice made at each level in this run, and of how many.
    path: Vec<(usize, usize)>,
    level: usize,
    begun: bool,
    exhausted: bool,
}

impl Chooser for Exhaustive {
    fn begin(&mut self) -> bool {
        self.level = 0;
        if !std::mem::replace(&mut self.begun, true) {
            return true;
        }
        while let Some((choice, of)) = self.path.pop() {
            if choice + 1 < of {
                self.path.push((choice + 1, of));
                return true;
            }
        }
        self.exhausted = true;
        false
    }

    fn choose(&mut self, candidates: &[usize]) -> usize {
        if self.level == self.path.len() {
            self.path.push((0, candidates.len()));
        }
        let (choice, _) = self.path[self.level];
        self.level += 1;
        // Fewer candidates than when this path was taken first: the code under test is not deterministic.
        choice.min(candidates.len() - 1)
    }

    fn is_exhausted(&self) -> bool {
        self.exhausted
    }
}

/// Repeats the choices of an earlier run.
pub(super) struct Replay {
    choices: Vec<u8>,
    next: usize,
    misfits: usize,
}

impl Replay {
    pub(super) fn new(choices: Vec<u8>) -> Self {
        Self {
            choices,
            next: 0,
            misfits: 0,
        }
    }
}

impl Chooser for Replay {
    fn begin(&mut self) -> bool {
        self.next = 0;
        true
    }

    fn choose(&mut self, candidates: &[usize]) -> usize {
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
