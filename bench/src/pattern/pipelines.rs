//! Items that pass through three stages, each with some work for them.
//!
//! Brigade's pipeline and the hand-written one have the same threads (one for the source, two for the first two stages,
//! and the caller's for the last) and the same buffers between them. Both start their threads in the measured time,
//! as a pipeline must: some 100 µs, one in a hundred of it. Rayon has no stages that run at once: each of its threads,
//! which are started before and as many as there are cores, takes an item from the source through all of them.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use brigade::pipeline;
use crossbeam_channel::bounded;
use rayon::iter::{ParallelBridge, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::batch::repeat;
use crate::ledger::Ledger;
use crate::quiet;
use crate::spin::Spin;

/// Items that may wait between two stages.
const BUFFER: usize = 128;

/// What is run.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// Items of one run.
    pub(super) items: u64,
    /// What each stage does to an item; nothing more than passing it on if there is none.
    pub(super) spin: Option<Spin>,
    /// Runs go on for so long.
    pub(super) slice: Duration,
}

/// Something that runs items through three stages.
pub(super) trait ThreeStages {
    /// The system's stable name.
    const NAME: &'static str;
    /// What needs to be there before, if anything.
    fn prepare() -> Self;
    /// Runs so many items through the first two stages, which are `stage`, and the last.
    fn run(
        &self,
        items: u64,
        stage: impl Fn(u64) -> u64 + Send + Sync,
        last: impl Fn(u64) + Send + Sync,
    );
}

/// `brigade`.
pub(super) struct Brigade;

impl ThreeStages for Brigade {
    const NAME: &'static str = crate::REFERENCE;

    fn prepare() -> Self {
        Self
    }

    fn run(
        &self,
        items: u64,
        stage: impl Fn(u64) -> u64 + Send + Sync,
        last: impl Fn(u64) + Send + Sync,
    ) {
        let ended = pipeline::source(0..items)
            .buffer(BUFFER)
            .map(1, &stage)
            .buffer(BUFFER)
            .map(1, &stage)
            .buffer(BUFFER)
            .for_each(last);
        ended.expect("no stage fails");
    }
}

/// `crossbeam-channel`: a pipeline as one writes it without a library, which a panic ends by chance.
pub(super) struct HandWritten;

impl ThreeStages for HandWritten {
    const NAME: &'static str = "crossbeam-channel";

    fn prepare() -> Self {
        Self
    }

    fn run(
        &self,
        items: u64,
        stage: impl Fn(u64) -> u64 + Send + Sync,
        last: impl Fn(u64) + Send + Sync,
    ) {
        let (to_first, first) = bounded(BUFFER);
        let (to_second, second) = bounded(BUFFER);
        let (to_last, at_last) = bounded(BUFFER);
        let stage = &stage;
        thread::scope(|scope| {
            scope.spawn(move || {
                for item in 0..items {
                    to_first.send(item).expect("the first stage takes all");
                }
            });
            scope.spawn(move || {
                for item in first {
                    to_second
                        .send(stage(item))
                        .expect("the second stage takes all");
                }
            });
            scope.spawn(move || {
                for item in second {
                    to_last.send(stage(item)).expect("the last stage takes all");
                }
            });
            at_last.into_iter().for_each(last);
        });
    }
}

/// `rayon`, by `par_bridge`.
pub(super) struct Rayon(ThreadPool);

impl ThreeStages for Rayon {
    const NAME: &'static str = "rayon";

    fn prepare() -> Self {
        let pool = ThreadPoolBuilder::new().build();
        Self(pool.expect("the system has threads"))
    }

    fn run(
        &self,
        items: u64,
        stage: impl Fn(u64) -> u64 + Send + Sync,
        last: impl Fn(u64) + Send + Sync,
    ) {
        self.0.install(|| {
            (0..items)
                .par_bridge()
                .map(&stage)
                .map(&stage)
                .for_each(last);
        });
    }
}

/// One operation: an item, from the start of the run until the last one has left the last stage.
pub(super) fn measure<P: ThreeStages>(run: Run) -> Vec<f64> {
    let system = P::prepare();
    let sample = match run.spin {
        // A closure of its own, without a look at whether there is work.
        None => time(&system, run, black_box),
        Some(spin) => time(&system, run, move |item| {
            spin.run();
            black_box(item)
        }),
    };
    drop(system);
    quiet::wait();
    vec![sample]
}

fn time<P: ThreeStages>(system: &P, run: Run, stage: impl Fn(u64) -> u64 + Send + Sync) -> f64 {
    let ledger = Ledger::open();
    repeat(run.slice, run.items, || {
        let before = ledger.total();
        let began = Instant::now();
        system.run(run.items, &stage, |item| {
            stage(item);
            ledger.count();
        });
        let elapsed = began.elapsed();
        let arrived = ledger.total() - before;
        assert_eq!(arrived, run.items, "every item arrives once");
        elapsed
    })
}
