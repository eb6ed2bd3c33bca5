//! A thread for each task: as many threads as there are tasks, whatever the machine can bear.

use std::hint::black_box;
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use brigade::{Counter, Pool};

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::level::Level;
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Bars, Picture, Scale};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "pool",
    question: "how many threads do 2,000 small tasks need?",
    explanation: "\
A server gets 2,000 requests at once, just when the database that all of them need does not answer; a moment later it \
does. The broken twin starts a thread for each request: so the number of threads, and the memory for their stacks, is \
up to those who send requests. At some number the system refuses to start another one, to this program or to others. A \
pool has a few threads, and its bounded queue holds what waits: a place in it costs some bytes.",
    expected: "a thread per task: far more threads at once than the pool, which has what it was given",
    run,
};

const TASKS: u64 = 2_000;

/// What is counted while the tasks run.
struct Burst {
    /// Held for writing while the database does not answer.
    database: RwLock<()>,
    done: Counter,
    /// Threads that were started.
    made: Counter,
}

/// What came of it.
struct Run {
    done: u64,
    made: u64,
    /// The most threads at once.
    most: u64,
    time: Duration,
}

fn run(setting: &Setting) -> Outcome {
    let (spawned, pooled) = (thread_per_task(), pool(setting.threads));
    let few = setting.threads as u64;
    let too_many = spawned.most > 10 * few || spawned.done < TASKS;
    let as_expected = too_many && pooled.most <= few && pooled.made <= few && pooled.done == TASKS;
    let seen = format!(
        "{} threads at once for {} tasks, and {} in the pool for {}",
        Value::Count(spawned.most),
        Value::Count(spawned.done),
        Value::Count(pooled.most),
        Value::Count(pooled.done)
    );
    let most = [spawned.most, pooled.most];
    let variants = vec![
        Variant::broken("a thread per task", spawned.figures()),
        Variant::sound("Pool", pooled.figures()),
    ];
    let bars = variants
        .iter()
        .zip(most)
        .map(|(variant, most)| variant.bar(most as f64, Value::Count(most)));
    Outcome {
        picture: Picture::Bars(Bars {
            title: "the most threads at once, logarithmic".to_owned(),
            scale: Scale::Logarithmic,
            bars: bars.collect(),
        }),
        variants,
        excerpt: None,
        verdict: Verdict { seen, as_expected },
    }
}

fn thread_per_task() -> Run {
    let burst = Burst::new();
    let threads = Arc::new(Level::default());
    let started = Instant::now();
    thread::scope(|scope| {
        let silence = burst.database.write();
        for _ in 0..TASKS {
            let thread = threads.raise(1);
            let body = || {
                burst.request();
                drop(thread);
            };
            if thread::Builder::new().spawn_scoped(scope, body).is_err() {
                break; // refused: requests from here on are lost
            }
            burst.made.add(1);
        }
        drop(silence);
    });
    // One that was refused was counted, but never was.
    let most = threads.most().min(burst.made.sum());
    burst.end(started, most)
}

fn pool(threads: usize) -> Run {
    let burst = Arc::new(Burst::new());
    let counting = Arc::clone(&burst);
    let started = Instant::now();
    let pool = Pool::builder("requests")
        .workers(threads)
        .queue_capacity(TASKS as usize)
        .on_start(move || counting.made.add(1))
        .build()
        .expect("a few threads can be started");
    pool.scope(|scope| {
        let silence = burst.database.write();
        for _ in 0..TASKS {
            scope.execute(|| burst.request());
        }
        drop(silence);
    });
    burst.end(started, pool.metrics().workers.peak as u64)
}

impl Burst {
    fn new() -> Self {
        Self {
            database: RwLock::new(()),
            done: Counter::new(),
            made: Counter::new(),
        }
    }

    /// One of the tasks: asks the database, and computes a little.
    fn request(&self) {
        drop(self.database.read());
        black_box((0..1_000_u64).fold(0, |sum, number| sum ^ black_box(number)));
        self.done.add(1);
    }

    fn end(&self, started: Instant, most: u64) -> Run {
        Run {
            done: self.done.sum(),
            made: self.made.sum(),
            most,
            time: started.elapsed(),
        }
    }
}

impl Run {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("tasks done", Value::Count(self.done)),
            Figure::new("threads made", Value::Count(self.made)),
            Figure::new("at once", Value::Count(self.most)),
            Figure::new("time", Value::Time(self.time)),
        ]
    }
}
