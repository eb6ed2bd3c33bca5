//! Threads that run round after round together, and somebody who watches that they get on.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::lock::lock;
use crate::panics::Quiet;
use crate::point::{Visit, Visiting};
use crate::watch::{Watch, Watched};

/// What a team does in each round. The first thread of the team leads: it begins and ends rounds while the
/// others wait.
pub(crate) trait Rounds: Send + Sync + 'static {
    type Thing: Send + Sync + 'static;

    /// Makes the thing of the next round; `None` ends it all.
    fn begin(&self) -> Option<Arc<Self::Thing>>;
    /// One thread's part of the round, at the same time as the others'.
    fn work(&self, thing: Arc<Self::Thing>, thread: usize, rng: &mut Rng);
    /// Looks at what came of it; called when the threads have dropped the thing.
    fn end(&self, thing: Arc<Self::Thing>) -> ControlFlow<()>;
}

/// Some thread did not come to the end of a round.
pub(crate) struct Hang {
    /// By thread: the last point it passed in the round.
    pub(crate) points: Vec<Option<&'static str>>,
}

struct Team<R: Rounds> {
    rounds: Arc<R>,
    threads: usize,
    thing: Mutex<Option<Arc<R::Thing>>>,
    barrier: Barrier,
    /// Grows as rounds begin and end; read to see whether it does, whence Relaxed.
    progress: AtomicU64,
    /// By thread.
    watched: Vec<Watched>,
    points: Vec<Mutex<Option<&'static str>>>,
}

/// Runs rounds until there are no more. If none ends though the threads had a time of `hang_limit` each, they are left
/// behind as they are, as there is no way to end a thread that does not want to. Now and then calls `tell`.
pub(crate) fn run_team<R: Rounds>(
    rounds: Arc<R>,
    threads: usize,
    seed: u64,
    hang_limit: Duration,
    tell: impl FnMut(),
) -> Result<(), Hang> {
    let team = Arc::new(Team {
        rounds,
        threads,
        thing: Mutex::new(None),
        barrier: Barrier::new(threads),
        progress: AtomicU64::new(0),
        watched: (0..threads).map(|_| Watched::default()).collect(),
        points: (0..threads).map(|_| Mutex::new(None)).collect(),
    });
    let (ended, ends) = mpsc::channel::<()>();
    let handles: Vec<_> = (0..threads)
        .map(|thread| {
            let (team, ended) = (Arc::clone(&team), ended.clone());
            let run = move || {
                team.run(thread, Rng::with_seed(seed ^ thread as u64));
                drop(ended);
            };
            let builder = thread::Builder::new().name(format!("stress {}", thread + 1));
            builder.spawn(run).expect("the system has no more threads")
        })
        .collect();
    drop(ended);
    team.watch(&ends, hang_limit, tell)?;
    for handle in handles {
        handle
            .join()
            .expect("panics of the code under test are caught");
    }
    Ok(())
}

impl<R: Rounds> Team<R> {
    fn run(self: &Arc<Self>, thread: usize, mut rng: Rng) {
        self.watched[thread].begin();
        let _quiet = Quiet::new();
        let _visiting = Visiting::new(Box::new(Disturb {
            rng: RefCell::new(rng.fork()),
            team: Arc::clone(self),
            thread,
        }));
        let leads = thread == 0;
        loop {
            if leads {
                *lock(&self.thing) = self.rounds.begin();
            }
            self.barrier.wait(thread);
            let Some(thing) = lock(&self.thing).clone() else {
                return;
            };
            // All have it: from here on they run at once.
            self.barrier.wait(thread);
            self.rounds.work(thing, thread, &mut rng);
            self.barrier.wait(thread);
            if leads {
                *lock(&self.points[thread]) = None;
                self.progress.fetch_add(1, Ordering::Relaxed);
                let thing = lock(&self.thing).take().expect("the leader put it there");
                if self.rounds.end(thing).is_break() {
                    // Nothing is in `thing` when the others look next.
                    self.barrier.wait(thread);
                    return;
                }
                self.progress.fetch_add(1, Ordering::Relaxed);
            } else {
                *lock(&self.points[thread]) = None;
            }
        }
    }

    /// Waits until the threads have ended, or do not get on.
    fn watch(
        &self,
        ends: &mpsc::Receiver<()>,
        hang_limit: Duration,
        mut tell: impl FnMut(),
    ) -> Result<(), Hang> {
        let mut watch = Watch::new(hang_limit, self.threads);
        loop {
            match ends.recv_timeout(watch.interval()) {
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(()) | Err(RecvTimeoutError::Timeout) => tell(),
            }
            let progress = self.progress.load(Ordering::Relaxed);
            if watch.hangs(progress, &self.watched, |thread| self.barrier.holds(thread)) {
                self.barrier.abandon();
                let points = self.points.iter().map(|point| *lock(point));
                return Err(Hang {
                    points: points.collect(),
                });
            }
        }
    }
}

/// Disturbs a thread where it passes a point.
struct Disturb<R: Rounds> {
    rng: RefCell<Rng>,
    team: Arc<Team<R>>,
    thread: usize,
}

impl<R: Rounds> Visit for Disturb<R> {
    fn visit(&self, name: &'static str) {
        *lock(&self.team.points[self.thread]) = Some(name);
        disturb(&mut self.rng.borrow_mut());
    }
}

/// Mostly nothing, often a yield or a short spin, seldom a sleep: each of them finds what the others do not.
pub(super) fn disturb(rng: &mut Rng) {
    match rng.u8(..) {
        0..50 => thread::yield_now(),
        50..120 => spin(rng.u32(..300)),
        120..123 => thread::sleep(Duration::from_micros(rng.u64(1..100))),
        _ => {}
    }
}

/// Where a thread begins its part of a round: half of the time at once, like others then.
pub(super) fn start(rng: &mut Rng) {
    match rng.u8(..4) {
        0 => spin(rng.u32(..200)),
        1 => disturb(rng),
        _ => {}
    }
}

pub(super) fn spin(times: u32) {
    for _ in 0..times {
        std::hint::spin_loop();
    }
}

/// A barrier that is passed by spinning, so that all leave it at nearly the same moment; as far as they run at once.
struct Barrier {
    threads: usize,
    /// Whether each can have a core, so that it is worth it to spin until all have.
    spins: bool,
    arrived: AtomicUsize,
    /// By thread: the generation in which it arrived last. Told to others only, whence Relaxed.
    arrivals: Vec<AtomicUsize>,
    generation: AtomicUsize,
    abandoned: AtomicBool,
    /// Those who have waited for long sleep.
    sleepers: Mutex<()>,
    passed: Condvar,
}

/// For so long one waits for the others without sleeping: on a machine with nothing else to do, they are here by then.
const PATIENCE: Duration = Duration::from_micros(100);

/// The generation in which a thread arrived that has not.
const NEVER: usize = usize::MAX;

impl Barrier {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            arrivals: (0..threads).map(|_| AtomicUsize::new(NEVER)).collect(),
            generation: AtomicUsize::new(0),
            abandoned: AtomicBool::new(false),
            sleepers: Mutex::new(()),
            passed: Condvar::new(),
            spins: thread::available_parallelism().is_ok_and(|cores| cores.get() >= threads),
        }
    }

    /// Waits for all. If the team was abandoned meanwhile, forever.
    fn wait(&self, thread: usize) {
        // Acquire: pairs with the last one's Release below, also where this thread comes late.
        let generation = self.generation.load(Ordering::Acquire);
        self.arrivals[thread].store(generation, Ordering::Relaxed);
        // AcqRel: what each did before is seen by the last to arrive, and through it by all.
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            // Release: pairs with the Acquire of those who wait.
            self.generation.fetch_add(1, Ordering::Release);
            // Locked for a moment, so that whoever has seen the generation before sleeps by now.
            drop(lock(&self.sleepers));
            self.passed.notify_all();
        } else {
            self.wait_for_others(generation);
        }
        // Relaxed: it is about time only.
        while self.abandoned.load(Ordering::Relaxed) {
            thread::park();
        }
    }

    fn wait_for_others(&self, generation: usize) {
        // Acquire: pairs with the last one's Release above.
        let passed = || self.generation.load(Ordering::Acquire) != generation;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            // The clock is not looked at between any two looks, so as not to be late.
            for _ in 0..50 {
                if passed() {
                    return;
                }
                std::hint::spin_loop();
            }
            if !self.spins {
                thread::yield_now();
            }
        }
        let mut sleeps = lock(&self.sleepers);
        while !passed() {
            let woken = self.passed.wait(sleeps);
            sleeps = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether a thread is here and waits for others: not if it may go on and only has not yet.
    fn holds(&self, thread: usize) -> bool {
        // Relaxed: it is asked again and again.
        self.arrivals[thread].load(Ordering::Relaxed) == self.generation.load(Ordering::Relaxed)
    }

    fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}
