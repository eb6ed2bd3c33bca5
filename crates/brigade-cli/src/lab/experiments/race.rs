//! Lost updates: reading, adding and writing back are three steps.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use brigade::Counter;
use brigade::lock::Mutex;

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Bar, Bars, Picture, Scale};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "race",
    question: "does `count = count + 1` on several threads count right?",
    explanation: "\
Several threads add one to a shared number, 500,000 times each. The broken twin loads the number, adds, and stores \
the sum: what another thread stored in between is overwritten. A Mutex makes the three steps one; an atomic addition \
is one step; a Counter has a part for each thread, so that they do not even meet.",
    expected: "load and store loses updates, the others lose none",
    run,
};

const ADDITIONS: u64 = 500_000;

fn run(setting: &Setting) -> Outcome {
    let wanted = setting.threads as u64 * ADDITIONS;
    let apart = AtomicU64::new(0);
    let locked = Mutex::new(0_u64);
    let atomic = AtomicU64::new(0);
    let counter = Counter::new();
    let measure = |add: &(dyn Fn() + Sync)| rate(setting.threads, add);
    let rates = [
        measure(&|| apart.store(apart.load(Relaxed) + 1, Relaxed)),
        measure(&|| *locked.lock() += 1),
        measure(&|| {
            atomic.fetch_add(1, Relaxed);
        }),
        measure(&|| counter.add(1)),
    ];
    let counted = [
        apart.into_inner(),
        locked.into_inner(),
        atomic.into_inner(),
        counter.sum(),
    ];
    let lost = counted.map(|counted| wanted - counted);
    let figures = |index: usize| {
        vec![
            Figure::new("counted", Value::Count(counted[index])),
            Figure::new("lost", Value::Count(lost[index])),
            Figure::new("additions", Value::PerSecond(rates[index])),
        ]
    };
    let variants = vec![
        Variant::broken("load and store", figures(0)),
        Variant::sound("Mutex", figures(1)),
        Variant::sound("AtomicU64", figures(2)),
        Variant::sound("Counter", figures(3)),
    ];
    let bars = variants.iter().zip(counted).map(|(variant, counted)| Bar {
        label: variant.name.to_owned(),
        soundness: variant.soundness,
        length: counted as f64,
        shown: Value::Share(counted as f64 / wanted as f64),
    });
    let others: u64 = lost[1..].iter().sum();
    Outcome {
        picture: Picture::Bars(Bars {
            title: "of all additions, counted".to_owned(),
            scale: Scale::Linear,
            bars: bars.collect(),
        }),
        variants,
        excerpt: None,
        verdict: Verdict {
            seen: format!(
                "{} of {} lost by load and store, {others} by the others",
                Value::Count(lost[0]),
                Value::Count(wanted)
            ),
            as_expected: lost[0] > 0 && others == 0,
        },
    }
}

/// Adds on all threads at once, and returns how many additions there were a second.
fn rate(threads: usize, add: &(dyn Fn() + Sync)) -> f64 {
    let start = Barrier::new(threads + 1);
    let elapsed = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                start.wait();
                for _ in 0..ADDITIONS {
                    add();
                }
            });
        }
        start.wait();
        Instant::now()
    })
    .elapsed();
    (threads as u64 * ADDITIONS) as f64 / elapsed.as_secs_f64()
}
