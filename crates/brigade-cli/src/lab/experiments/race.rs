//! Lost updates: reading, adding and writing back are three steps.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use brigade::Counter;
use brigade::lock::Mutex;

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Bars, Picture, Scale};
use crate::lab::together::together;

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

/// After so many additions the broken twin lets other threads run between its load and its store. A system interrupts
/// threads anywhere, and seldom there; on one core one could wait for long to see it.
const INTERRUPTED: u64 = 10_000;

fn run(setting: &Setting) -> Outcome {
    let threads = setting.threads;
    let wanted = threads as u64 * ADDITIONS;
    let apart = AtomicU64::new(0);
    let apart_rate = rate(threads, |addition| {
        let loaded = apart.load(Relaxed);
        if addition % INTERRUPTED == 0 {
            thread::yield_now();
        }
        apart.store(loaded + 1, Relaxed);
    });
    let locked = Mutex::new(0_u64);
    let locked_rate = rate(threads, |_| *locked.lock() += 1);
    let atomic = AtomicU64::new(0);
    let atomic_rate = rate(threads, |_| {
        atomic.fetch_add(1, Relaxed);
    });
    let counter = Counter::new();
    let counter_rate = rate(threads, |_| counter.add(1));

    let figures = |(counted, rate)| {
        vec![
            Figure::new("counted", Value::Count(counted)),
            Figure::new("lost", Value::Count(wanted - counted)),
            Figure::new("additions", Value::PerSecond(rate)),
        ]
    };
    let counted = [
        apart.into_inner(),
        locked.into_inner(),
        atomic.into_inner(),
        counter.sum(),
    ];
    let variants = vec![
        Variant::broken("load and store", figures((counted[0], apart_rate))),
        Variant::sound("Mutex", figures((counted[1], locked_rate))),
        Variant::sound("AtomicU64", figures((counted[2], atomic_rate))),
        Variant::sound("Counter", figures((counted[3], counter_rate))),
    ];
    let bars = variants.iter().zip(counted).map(|(variant, counted)| {
        let share = Value::Share(counted as f64 / wanted as f64);
        variant.bar(counted as f64, share)
    });
    let lost = wanted - counted[0];
    let lost_by_others = counted[1..]
        .iter()
        .map(|counted| wanted - counted)
        .sum::<u64>();
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
                "{} of {} lost by load and store, {lost_by_others} by the others",
                Value::Count(lost),
                Value::Count(wanted)
            ),
            as_expected: lost > 0 && lost_by_others == 0,
        },
    }
}

/// Adds on all threads at once, and returns how many additions there were a second.
fn rate(threads: usize, add: impl Fn(u64) + Sync) -> f64 {
    let elapsed = together(threads, |_| {
        for addition in 0..ADDITIONS {
            add(addition);
        }
    });
    (threads as u64 * ADDITIONS) as f64 / elapsed.as_secs_f64()
}
