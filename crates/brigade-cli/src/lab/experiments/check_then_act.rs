//! Check, then act: what was checked is no longer true when one acts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use brigade::OnceMap;
use brigade::lock::Mutex;

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Bars, Picture, Scale};
use crate::lab::together::together;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "check-then-act",
    question: "is what many threads want computed once?",
    explanation: "\
Several threads want the same 32 values, each of which takes two milliseconds to compute. The broken twin looks \
whether a value is there, computes it if not, and inserts it; look and insertion are locked, and still every thread \
that looks in between computes it too. One lock around all three is right, and computes one value at a time. A \
OnceMap computes each key once, and different keys at the same time.",
    expected: "looking and then inserting computes values more than once, the others once each",
    run,
};

const KEYS: u64 = 32;
const COMPUTING: Duration = Duration::from_millis(2);

fn run(setting: &Setting) -> Outcome {
    let looked = {
        let known = Mutex::new(HashMap::new());
        measure(setting, |key, compute| {
            let looked = known.lock().get(&key).copied();
            if looked.is_none() {
                let value = compute();
                known.lock().insert(key, value);
            }
        })
    };
    let locked = {
        let known = Mutex::new(HashMap::new());
        measure(setting, |key, compute| {
            known.lock().entry(key).or_insert_with(compute);
        })
    };
    let once = {
        let known = OnceMap::new();
        measure(setting, |key, compute| {
            // It fails only if a key is computed from inside its own computation.
            let _ = known.get_or_compute(key, compute);
        })
    };
    let figures = |(computed, elapsed): (u64, Duration)| {
        vec![
            Figure::new("values", Value::Count(KEYS)),
            Figure::new("computations", Value::Count(computed)),
            Figure::new("time", Value::Time(elapsed)),
        ]
    };
    let variants = vec![
        Variant::broken("look, then insert", figures(looked)),
        Variant::sound("one lock around both", figures(locked)),
        Variant::sound("OnceMap", figures(once)),
    ];
    let counts = [looked.0, locked.0, once.0];
    let bars = variants
        .iter()
        .zip(counts)
        .map(|(variant, count)| variant.bar(count as f64, Value::Count(count)));
    Outcome {
        picture: Picture::Bars(Bars {
            title: format!("computations of {KEYS} values"),
            scale: Scale::Linear,
            bars: bars.collect(),
        }),
        variants,
        excerpt: None,
        verdict: Verdict {
            seen: format!(
                "{} computations of {KEYS} values; {} under one lock, {} by OnceMap",
                counts[0], counts[1], counts[2]
            ),
            as_expected: counts[0] > KEYS && counts[1] == KEYS && counts[2] == KEYS,
        },
    }
}

/// How often something was computed, and how long it took until every thread had seen every key.
///
/// Each pair of threads begins at a key of its own, so that different keys are wanted at once, and each by two.
fn measure(setting: &Setting, want: impl Fn(u64, &dyn Fn() -> u64) + Sync) -> (u64, Duration) {
    let computed = AtomicU64::new(0);
    let elapsed = together(setting.threads, |number| {
        let first = number as u64 / 2 * 7;
        for step in 0..KEYS {
            let key = (first + step) % KEYS;
            want(key, &|| {
                computed.fetch_add(1, Relaxed);
                thread::sleep(COMPUTING);
                key * key
            });
        }
    });
    (computed.into_inner(), elapsed)
}
