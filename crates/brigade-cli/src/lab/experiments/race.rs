//! Lost updates: reading, adding and writing back are three steps.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use brigade::Counter;
use brigade::lock::Mutex;

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Bar, Bars, Picture, Scale};
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

/// On one core the broken twin may be lucky: no thread is interrupted between its load and its store. It is tried so
/// often until it is not.
const ATTEMPTS: usize = 100;

fn run(setting: &Setting) -> Outcome {
    let threads = setting.threads;
    let wanted = threads as u64 * ADDITIONS;
    let attempts = (0..ATTEMPTS).map(|_| load_and_store(threads));
    let mut attempts = attempts.skip_while(|(counted, _)| *counted == wanted);
    let apart = attempts.next().unwrap_or((wanted, 0.0));

    let locked = Mutex::new(0_u64);
    let locked_rate = rate(threads, || *locked.lock() += 1);
    let atomic = AtomicU64::new(0);
    let atomic_rate = rate(threads, || {
        atomic.fetch_add(1, Relaxed);
    });
    let counter = Counter::new();
    let counter_rate = rate(threads, || counter.add(1));

    let figures = |(counted, rate)| {
        vec![
            Figure::new("counted", Value::Count(counted)),
            Figure::new("lost", Value::Count(wanted - counted)),
            Figure::new("additions", Value::PerSecond(rate)),
        ]
    };
    let counted = [
        apart.0,
        locked.into_inner(),
        atomic.into_inner(),
        counter.sum(),
    ];
    let variants = vec![
        Variant::broken("load and store", figures(apart)),
        Variant::sound("Mutex", figures((counted[1], locked_rate))),
        Variant::sound("AtomicU64", figures((counted[2], atomic_rate))),
        Variant::sound("Counter", figures((counted[3], counter_rate))),
    ];
    let bars = variants.iter().zip(counted).map(|(variant, counted)| Bar {
        label: variant.name.to_owned(),
        soundness: variant.soundness,
        length: counted as f64,
        shown: Value::Share(counted as f64 / wanted as f64),
    });
    let lost = wanted - apart.0;
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

/// The broken twin: how much was counted, and additions a second.
fn load_and_store(threads: usize) -> (u64, f64) {
    let number = AtomicU64::new(0);
    let rate = rate(threads, || number.store(number.load(Relaxed) + 1, Relaxed));
    (number.into_inner(), rate)
}

/// Adds on all threads at once, and returns how many additions there were a second.
fn rate(threads: usize, add: impl Fn() + Sync) -> f64 {
    let elapsed = together(threads, |_| {
        for _ in 0..ADDITIONS {
            add();
        }
    });
    (threads as u64 * ADDITIONS) as f64 / elapsed.as_secs_f64()
}
