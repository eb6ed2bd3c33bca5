//! How many workers: measured waiting and computing, and the rule that follows from them.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use brigade::Pool;
use brigade::pool::{Builder, Shutdown, Workload};

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::Soundness::{Broken, Sound};
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Bar, Bars, Picture, Scale};
use crate::quantity;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "sizing",
    question: "how many workers should a pool have?",
    explanation: "\
A task waits for 8 ms, then computes for about half of one; both are measured here first. While it waits, a core can \
run other tasks, so that it takes cores x (1 + wait / compute) workers to keep all cores busy: that is \
Pool::sized(Workload::Io). Too few leave cores idle. Too many do not do more: there is no more to be had from the \
cores. They only take memory, and each task takes longer, because it shares its core with more others.",
    expected: "the recommended number does far more than too few, and about as much as far too many",
    run,
};

const WAIT: Duration = Duration::from_millis(8);
const COMPUTE: Duration = Duration::from_micros(500);
/// How long tasks are handed over, for each number of workers.
const WINDOW: Duration = Duration::from_millis(250);
/// Recommended is what does at least so much of the best, with half as many workers at most, and so many times what
/// one worker a core does. By the rule it should be 1 and 17, but other programs want cores too.
const NEAR: f64 = 0.6;
const FAR: f64 = 1.5;
const ATTEMPTS: usize = 3;

/// The task, made to fit this machine.
#[derive(Clone, Copy)]
struct Task {
    rounds: u64,
}

/// What came of a number of workers.
struct Run {
    /// The most workers that there were at once.
    workers: usize,
    /// Tasks a second.
    rate: f64,
    /// How long a task takes, half of the time.
    task: Duration,
}

fn run(_: &Setting) -> Outcome {
    let task = Task::calibrated();
    let mut outcome = compare(task);
    for _ in 1..ATTEMPTS {
        // Other programs may have had the cores.
        if outcome.verdict.as_expected {
            break;
        }
        outcome = compare(task);
    }
    outcome
}

fn compare(task: Task) -> Outcome {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let (wait, compute) = task.measure();
    let workload = Workload::Io { wait, compute };
    let rule = *workload.workers_for(cores).end();
    let of = |workers: usize| task.run(Pool::builder("size").workers(workers));
    let one = of(1);
    let per_core = of(cores);
    let recommended = task.run(Pool::sized(workload));
    let many = of(far_too_many(rule));
    let rates = [&one, &per_core, &recommended, &many].map(|run| run.rate);
    let best = rates.into_iter().fold(0.0, f64::max);
    let bar = |words: &str, soundness, run: &Run| Bar {
        label: format!("{}: {words}", run.workers),
        soundness,
        length: run.rate,
        shown: Value::PerSecond(run.rate),
    };
    let bars = vec![
        bar("one", Broken, &one),
        bar("one per core", Broken, &per_core),
        bar("recommended", Sound, &recommended),
        bar("far too many", Broken, &many),
    ];
    let verdict = Verdict {
        seen: format!(
            "{} waiting and {} computing: {rule} workers for {} do {}, {} of the best; one per core: {}",
            Value::Time(wait),
            Value::Time(compute),
            quantity::count(cores as u64, "core"),
            Value::PerSecond(recommended.rate),
            Value::Share(recommended.rate / best),
            Value::PerSecond(per_core.rate),
        ),
        as_expected: recommended.rate >= NEAR * best
            && recommended.rate >= FAR * per_core.rate
            && recommended.workers <= rule
            && 2 * recommended.workers <= many.workers,
    };
    Outcome {
        variants: vec![
            Variant::broken("one worker", one.figures(best)),
            Variant::broken("one per core", per_core.figures(best)),
            Variant::broken("far too many", many.figures(best)),
            Variant::sound("recommended", recommended.figures(best)),
        ],
        picture: Picture::Bars(Bars {
            title: "tasks by number of workers".to_owned(),
            scale: Scale::Linear,
            bars,
        }),
        excerpt: None,
        verdict,
    }
}

/// Eight times as many, within what a machine can bear.
fn far_too_many(recommended: usize) -> usize {
    (8 * recommended).min(1_000.max(2 * recommended))
}

impl Task {
    /// Its computation takes about as long as it should.
    fn calibrated() -> Self {
        const SAMPLE: u64 = 10_000;
        let sample = Self { rounds: SAMPLE };
        let shortest = shortest(|| sample.compute());
        let scale = COMPUTE.as_secs_f64() / shortest.as_secs_f64();
        Self {
            rounds: (SAMPLE as f64 * scale).ceil() as u64,
        }
    }

    fn compute(self) {
        black_box(
            (0..self.rounds).fold(0, |sum: u64, round| black_box(sum.rotate_left(5) ^ round)),
        );
    }

    /// How long it waits, and how long it computes.
    fn measure(self) -> (Duration, Duration) {
        (shortest(|| sleep(WAIT)), shortest(|| self.compute()))
    }

    /// How much a pool does that never lacks tasks.
    fn run(self, builder: Builder) -> Run {
        let pool = builder.build().expect("threads can be started");
        let started = Instant::now();
        while started.elapsed() < WINDOW {
            let task = move || {
                sleep(WAIT);
                self.compute();
            };
            pool.execute(task).expect("nobody shuts it down");
        }
        let report = pool.shutdown(Shutdown::now());
        let elapsed = started.elapsed();
        let metrics = pool.metrics();
        Run {
            workers: metrics.workers.peak,
            rate: report.completed as f64 / elapsed.as_secs_f64(),
            task: metrics.run.p50,
        }
    }
}

/// The shortest of some times: what other programs do can only add to it.
fn shortest(body: impl Fn()) -> Duration {
    let times = (0..8).map(|_| {
        let started = Instant::now();
        body();
        started.elapsed()
    });
    times.min().unwrap_or_default()
}

impl Run {
    fn figures(&self, best: f64) -> Vec<Figure> {
        vec![
            Figure::new("workers", Value::Count(self.workers as u64)),
            Figure::new("tasks", Value::PerSecond(self.rate)),
            Figure::new("of the best", Value::Share(self.rate / best)),
            Figure::new("a task takes", Value::Time(self.task)),
        ]
    }
}
