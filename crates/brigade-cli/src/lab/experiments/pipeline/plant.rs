//! The stages that the experiment runs, and what is noted while they work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use brigade::lock::Mutex;

use crate::lab::level::{Held, Level};
use crate::lab::picture::{Activity, Lane, Stretch};

pub(super) const FRAMES: usize = 100;

pub(super) struct Frame {
    number: usize,
    _held: Held,
}

/// The stages, and what is noted while they work.
pub(super) struct Plant {
    damaged: Option<usize>,
    pub(super) began: Instant,
    pub(super) frames: Arc<Level>,
    /// Steps that are taken at once.
    pub(super) steps: Arc<Level>,
    pub(super) written: Mutex<Vec<usize>>,
    /// When each thread worked, by its name.
    lanes: Mutex<BTreeMap<String, Vec<Stretch>>>,
    pub(super) report: Mutex<Option<String>>,
}

impl Plant {
    pub(super) fn new(damaged: Option<usize>) -> Self {
        Self {
            damaged,
            began: Instant::now(),
            frames: Arc::default(),
            steps: Arc::default(),
            written: Mutex::default(),
            lanes: Mutex::default(),
            report: Mutex::default(),
        }
    }

    pub(super) fn read(&self) -> impl Iterator<Item = Frame> {
        (0..FRAMES).map(|number| Frame {
            number,
            _held: self.frames.raise(1),
        })
    }

    /// Some frames take five times as long as others.
    pub(super) fn decode(&self, frame: Frame) -> Result<Frame, String> {
        self.wait_for_device(if frame.number.is_multiple_of(4) {
            5_000
        } else {
            1_000
        });
        match self.damaged {
            Some(damaged) if damaged == frame.number => Err(format!("frame {damaged} is damaged")),
            _ => Ok(frame),
        }
    }

    pub(super) fn encode(&self, frame: Frame) -> Frame {
        self.wait_for_device(1_000);
        frame
    }

    pub(super) fn write(&self, frame: &Frame) {
        self.wait_for_device(500);
        self.written.lock().push(frame.number);
    }

    fn wait_for_device(&self, microseconds: u64) {
        let _step = self.steps.raise(1);
        let from = self.began.elapsed();
        sleep(Duration::from_micros(microseconds));
        let to = self.began.elapsed();
        let thread = thread::current().name().unwrap_or_default().to_owned();
        let stretch = Stretch {
            from,
            to,
            activity: Activity::Working,
        };
        self.lanes.lock().entry(thread).or_default().push(stretch);
    }

    /// When its threads worked; `caller` is what the calling one did.
    pub(super) fn lanes(&self, caller: &str) -> Vec<Lane> {
        let this = thread::current();
        let lanes = self.lanes.lock();
        let lanes = lanes.iter().map(|(name, stretches)| {
            let is_this = Some(name.as_str()) == this.name();
            let label = if is_this { caller } else { name };
            Lane {
                label: label.to_owned(),
                stretches: with_gaps(stretches),
            }
        });
        lanes.collect()
    }
}

/// What a thread worked, and that it waited between.
fn with_gaps(work: &[Stretch]) -> Vec<Stretch> {
    let gaps = work.windows(2).map(|pair| Stretch {
        from: pair[0].to,
        to: pair[1].from,
        activity: Activity::Waiting,
    });
    let mut stretches = work.iter().copied().chain(gaps).collect::<Vec<_>>();
    stretches.sort_by_key(|stretch| stretch.from);
    stretches
}
