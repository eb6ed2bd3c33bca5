//! Read-write locks: whoever is preferred can keep the others out for ever.

mod preferring;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use brigade::lock::{Mutex, RwLock};

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::{Figure, Outcome, Soundness, Value, Variant, Verdict};
use crate::lab::picture::{Bar, Bars, Picture, Scale};

use self::preferring::{Preference, Preferring};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "rwlock",
    question: "does everybody get their turn at a read-write lock?",
    explanation: "\
First several threads read in a loop and one writes, then several write and one reads; each holds the lock for a fifth \
of a millisecond. A lock that lets readers join other readers never becomes free for the writer. One that lets \
writers go first never becomes free for the reader. A Mutex starves nobody for ever, and lets one reader in at a time. \
Brigade's RwLock lets readers read together, prefers a waiting writer to further readers, and gives readers that wait \
a turn between two writers.",
    expected: "each preference starves the other side; ours starves nobody, and lets in more than a Mutex",
    run,
};

const DURATION: Duration = Duration::from_millis(250);
/// With fewer threads on one side, now and then none of them has the lock, and the other side starves less.
const FEWEST: usize = 4;
const HELD: Duration = Duration::from_micros(200);

/// A lock that can be held by readers and writers, or does as if it could.
trait ReadWrite: Sync {
    fn read(&self, act: &dyn Fn());
    fn write(&self, act: &dyn Fn());
}

impl ReadWrite for Mutex<()> {
    fn read(&self, act: &dyn Fn()) {
        self.with(|()| act());
    }

    fn write(&self, act: &dyn Fn()) {
        self.with(|()| act());
    }
}

impl ReadWrite for RwLock<()> {
    fn read(&self, act: &dyn Fn()) {
        let _reading = RwLock::read(self);
        act();
    }

    fn write(&self, act: &dyn Fn()) {
        let _writing = RwLock::write(self);
        act();
    }
}

/// What came of one thread among many of the other side.
struct Lonely {
    /// How often it got the lock.
    turns: u64,
    /// How often the others did.
    others: u64,
    longest_wait: Duration,
}

impl Lonely {
    fn all(&self) -> u64 {
        self.turns + self.others
    }
}

/// What came of a lock.
struct Turns {
    writer: Lonely,
    reader: Lonely,
}

fn run(setting: &Setting) -> Outcome {
    let many = setting.threads.max(FEWEST);
    let reader_preferring = measure(&Preferring::new(Preference::Readers), many);
    let writer_preferring = measure(&Preferring::new(Preference::Writers), many);
    let mutex = measure(&Mutex::new(()), many);
    let ours = measure(&RwLock::new(()), many);

    let starves = |starved: &Lonely, fair: &Lonely| starved.turns * 5 <= fair.turns;
    let as_expected = starves(&reader_preferring.writer, &ours.writer)
        && starves(&writer_preferring.reader, &ours.reader)
        && ours.writer.turns > 0
        && ours.reader.turns > 0
        && ours.writer.all() > mutex.writer.all();
    let seen = format!(
        "the lone writer got in {} times among preferred readers, {} times with ours; the lone reader {} times among \
         preferred writers, {} times with ours; turns among readers: {} by a Mutex, {} by ours",
        reader_preferring.writer.turns,
        ours.writer.turns,
        writer_preferring.reader.turns,
        ours.reader.turns,
        mutex.writer.all(),
        ours.writer.all(),
    );
    let all = [
        ("readers preferred", Soundness::Broken, reader_preferring),
        ("writers preferred", Soundness::Broken, writer_preferring),
        ("Mutex", Soundness::Sound, mutex),
        ("brigade::lock::RwLock", Soundness::Sound, ours),
    ];
    let bars = all.iter().flat_map(|(name, soundness, turns)| {
        let bar = |who: &str, lonely: &Lonely| Bar {
            label: format!("{name}, {who}"),
            soundness: *soundness,
            length: lonely.longest_wait.as_secs_f64(),
            shown: Value::Time(lonely.longest_wait),
        };
        [bar("writer", &turns.writer), bar("reader", &turns.reader)]
    });
    let picture = Picture::Bars(Bars {
        title: format!(
            "the longest wait of one thread among {many} of the other side, in {} ms",
            DURATION.as_millis()
        ),
        scale: Scale::Logarithmic,
        bars: bars.collect(),
    });
    let variants = all.into_iter().map(|(name, soundness, turns)| Variant {
        name,
        soundness,
        figures: vec![
            Figure::new("reads", rate(turns.writer.others)),
            Figure::new("a writer's turns", Value::Count(turns.writer.turns)),
            Figure::new("writes", rate(turns.reader.others)),
            Figure::new("a reader's turns", Value::Count(turns.reader.turns)),
        ],
    });
    Outcome {
        variants: variants.collect(),
        picture,
        excerpt: None,
        verdict: Verdict { seen, as_expected },
    }
}

fn rate(turns: u64) -> Value {
    Value::PerSecond(turns as f64 / DURATION.as_secs_f64())
}

/// One writer among so many readers, then one reader among so many writers.
fn measure(lock: &impl ReadWrite, many: usize) -> Turns {
    let hold = || thread::sleep(HELD);
    let read = || lock.read(&hold);
    let write = || lock.write(&hold);
    Turns {
        writer: one_among(many, &read, |act| lock.write(act)),
        reader: one_among(many, &write, |act| lock.read(act)),
    }
}

/// One thread that wants the lock again and again while so many others do.
fn one_among(many: usize, others: &(dyn Fn() + Sync), lonely: impl Fn(&dyn Fn())) -> Lonely {
    let stop = AtomicBool::new(false);
    let turns_of_others = AtomicU64::new(0);
    let mut result = Lonely {
        turns: 0,
        others: 0,
        longest_wait: Duration::ZERO,
    };
    thread::scope(|scope| {
        for _ in 0..many {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    others();
                    turns_of_others.fetch_add(1, Relaxed);
                }
            });
        }
        scope.spawn(|| {
            thread::sleep(DURATION);
            stop.store(true, Relaxed);
        });
        while !stop.load(Relaxed) {
            let wants = Instant::now();
            let got = Cell::new(wants);
            lonely(&|| {
                got.set(Instant::now());
                thread::sleep(HELD);
            });
            result.longest_wait = result.longest_wait.max(got.get() - wants);
            // Whoever starves gets in when the others have stopped, and that is no turn among them.
            result.turns += u64::from(!stop.load(Relaxed));
        }
    });
    result.others = turns_of_others.into_inner();
    result
}
