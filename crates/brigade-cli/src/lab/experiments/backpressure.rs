//! A producer that is faster than the consumer: an unbounded channel grows, a bounded buffer makes it wait.

use std::sync::{Arc, mpsc};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use brigade::consumers::Consumers;
use brigade::lock::Mutex;

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::level::{Held, Level};
use crate::lab::outcome::Soundness::{Broken, Sound};
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Curve, Curves, Picture, Point};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "backpressure",
    question: "where do items wait when the producer is faster than the consumer?",
    explanation: "\
A producer reads 512 blocks of 128 KiB, eight at a time; a consumer takes a millisecond for each. The broken twin has \
an unbounded channel between them: what is not handled yet lies there, so memory grows for as long as the producer \
goes on, and each block waits longer than the one before. It is not done sooner for that, as the consumer decides how \
long it takes. Consumers have a buffer of 16 blocks; when it is full, produce() waits. That is back-pressure.",
    expected: "the channel holds many times what the buffer does, which has 16 blocks at most, with 2 in hand",
    run,
};

const BLOCKS: u64 = 512;
const BLOCK: u64 = 128 * 1024;
const BUFFER: u64 = 16;
/// Those in the buffer, one that the producer offers, and one that the consumer handles.
const BOUND: u64 = (BUFFER + 2) * BLOCK;
/// How many blocks a read brings, and how long it takes: less than the consumer needs for as many.
const READ: u64 = 8;
const READING: Duration = Duration::from_millis(2);
const HANDLING: Duration = Duration::from_millis(1);

/// A piece of real memory.
struct Block {
    bytes: Vec<u8>,
    made: Instant,
    _held: Held,
}

/// What is counted on the way.
struct Ledger {
    began: Instant,
    memory: Arc<Level>,
    handled: Mutex<Handled>,
}

#[derive(Default)]
struct Handled {
    blocks: u64,
    longest_wait: Duration,
    /// Memory over time.
    points: Vec<Point>,
}

/// What came of it.
struct Run {
    most: u64,
    handled: Handled,
    time: Duration,
}

fn run(_: &Setting) -> Outcome {
    let (unbounded, bounded) = (unbounded(), bounded());
    let complete = unbounded.handled.blocks == BLOCKS && bounded.handled.blocks == BLOCKS;
    let verdict = Verdict {
        seen: format!(
            "at most {} in the channel, {} with the buffer, whose bound is {}",
            Value::Bytes(unbounded.most),
            Value::Bytes(bounded.most),
            Value::Bytes(BOUND)
        ),
        as_expected: complete && bounded.most <= BOUND && unbounded.most > 4 * BOUND,
    };
    let variants = vec![
        Variant::broken("unbounded channel", unbounded.figures()),
        Variant::sound("bounded Consumers", bounded.figures()),
    ];
    let curve = |label: &str, soundness, run: Run| Curve {
        label: label.to_owned(),
        soundness,
        points: run.handled.points,
    };
    let picture = Picture::Curves(Curves {
        title: "memory of the blocks that wait, over time".to_owned(),
        until: unbounded.time.max(bounded.time),
        most: unbounded.most as f64,
        most_shown: Value::Bytes(unbounded.most),
        curves: vec![
            curve("unbounded channel", Broken, unbounded),
            curve("bounded Consumers", Sound, bounded),
        ],
    });
    Outcome {
        variants,
        picture,
        excerpt: None,
        verdict,
    }
}

fn unbounded() -> Run {
    let ledger = Ledger::new();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let consume = || receiver.into_iter().for_each(|block| ledger.handle(&block));
        let consumer = scope.spawn(consume);
        ledger.produce(move |block| sender.send(block).expect("the consumer is there"));
        consumer.join().expect("it does not panic");
    });
    ledger.end()
}

fn bounded() -> Run {
    let ledger = Arc::new(Ledger::new());
    let consumers = {
        let ledger = Arc::clone(&ledger);
        Consumers::builder("blocks")
            .buffer(BUFFER as usize)
            .workers(1)
            .start(move |block: &Block| ledger.handle(block))
            .expect("a thread can be started")
    };
    ledger.produce(|block| consumers.produce(block).expect("nobody shuts it down"));
    drop(consumers); // which ends when all is handled
    ledger.end()
}

impl Ledger {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            memory: Arc::new(Level::default()),
            handled: Mutex::default(),
        }
    }

    /// Makes all blocks, as fast as `put` takes them.
    fn produce(&self, put: impl Fn(Block)) {
        for number in 0..BLOCKS {
            if number % READ == 0 {
                sleep(READING);
            }
            let held = self.memory.raise(BLOCK);
            put(Block {
                bytes: vec![number as u8; BLOCK as usize],
                made: Instant::now(),
                _held: held,
            });
            if number % READ == READ - 1 {
                self.note(&mut self.handled.lock());
            }
        }
    }

    /// The consumer's work.
    fn handle(&self, block: &Block) {
        let waited = block.made.elapsed();
        sleep(HANDLING);
        let mut handled = self.handled.lock();
        handled.longest_wait = handled.longest_wait.max(waited);
        handled.blocks += u64::from(block.bytes.len() as u64 == BLOCK);
        if handled.blocks.is_multiple_of(READ) {
            self.note(&mut handled);
        }
    }

    fn note(&self, handled: &mut Handled) {
        handled.points.push(Point {
            at: self.began.elapsed(),
            value: self.memory.now() as f64,
        });
    }

    fn end(&self) -> Run {
        let mut handled = std::mem::take(&mut *self.handled.lock());
        self.note(&mut handled);
        Run {
            most: self.memory.most(),
            handled,
            time: self.began.elapsed(),
        }
    }
}

impl Run {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("handled", Value::Count(self.handled.blocks)),
            Figure::new("most memory", Value::Bytes(self.most)),
            Figure::new("longest wait", Value::Time(self.handled.longest_wait)),
            Figure::new("time", Value::Time(self.time)),
        ]
    }
}
