//! Two threads, each of which holds what the other one wants.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use brigade::lock::Report;

use crate::lab::picture::{Activity, Lane, Stretch};

/// A wait of this length for what takes no time is taken to be for ever. Too short a time would only call stuck what
/// is slow; two threads of which each holds what the other one wants are not slow.
const FOR_EVER: Duration = Duration::from_millis(400);

/// How long each thread works between its steps, so that they can be seen.
const WORK: Duration = Duration::from_millis(60);

/// What came of it.
pub(super) struct Crossing {
    /// So many threads have not ended.
    pub(super) stuck: usize,
    /// What they were told.
    pub(super) reports: Vec<Report>,
    pub(super) lanes: Vec<Lane>,
    /// When one stopped looking.
    pub(super) until: Duration,
}

/// Where a thread says how far it is.
pub(super) struct Meeting {
    number: usize,
    both: Arc<Barrier>,
    told: Sender<(usize, Instant, Step)>,
}

/// How far a thread is.
enum Step {
    Waits,
    GoesOn,
    Ends(Option<Box<Report>>),
}

impl Meeting {
    /// Returns when both threads hold their first lock and have worked for a while.
    pub(super) fn both_hold_their_first(&self) {
        self.both.wait();
        thread::sleep(WORK);
        self.tell(Step::Waits);
    }

    fn tell(&self, step: Step) {
        // After a while nobody listens to a stuck thread.
        let _ = self.told.send((self.number, Instant::now(), step));
    }
}

/// Lets both threads meet. A body takes its first lock, meets the other one, and wants its second.
pub(super) fn cross<B>(whose: &str, bodies: [B; 2]) -> Crossing
where
    B: FnOnce(&Meeting) -> Option<Report> + Send + 'static,
{
    let start = Instant::now();
    let (told, hears) = channel();
    let both = Arc::new(Barrier::new(2));
    for (number, body) in bodies.into_iter().enumerate() {
        let meeting = Meeting {
            number,
            both: Arc::clone(&both),
            told: told.clone(),
        };
        let thread = thread::Builder::new().name(format!("thread {}", number + 1));
        let spawned = thread.spawn(move || {
            let report = body(&meeting);
            meeting.tell(Step::GoesOn);
            thread::sleep(WORK);
            meeting.tell(Step::Ends(report.map(Box::new)));
        });
        // Not joined: it may never end.
        drop(spawned.expect("the system has a thread to spare"));
    }
    drop(told);
    watch(whose, start, &hears)
}

/// What a thread has said so far.
#[derive(Default)]
struct Progress {
    waits: Option<Instant>,
    goes_on: Option<Instant>,
    ends: Option<Instant>,
}

/// Listens until both have ended, or one hears nothing any more.
fn watch(whose: &str, start: Instant, hears: &Receiver<(usize, Instant, Step)>) -> Crossing {
    let mut progress = [Progress::default(), Progress::default()];
    let mut reports = Vec::new();
    loop {
        match hears.recv_timeout(FOR_EVER) {
            Ok((number, at, step)) => {
                let progress = &mut progress[number];
                match step {
                    Step::Waits => progress.waits = Some(at),
                    Step::GoesOn => progress.goes_on = Some(at),
                    Step::Ends(report) => {
                        progress.ends = Some(at);
                        reports.extend(report.map(|report| *report));
                    }
                }
            }
            // A thread that has not even begun to wait is only slow.
            Err(RecvTimeoutError::Timeout)
                if progress.iter().any(|progress| progress.waits.is_none()) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    let now = Instant::now();
    let lanes = progress.iter().enumerate().map(|(number, progress)| Lane {
        label: format!("{whose}, thread {}", number + 1),
        stretches: stretches(start, now, progress),
    });
    Crossing {
        stuck: progress
            .iter()
            .filter(|progress| progress.ends.is_none())
            .count(),
        reports,
        lanes: lanes.collect(),
        until: now - start,
    }
}

fn stretches(start: Instant, now: Instant, progress: &Progress) -> Vec<Stretch> {
    let stretch = |from: Instant, to: Instant, activity| Stretch {
        from: from - start,
        to: to - start,
        activity,
    };
    let Progress {
        waits,
        goes_on,
        ends,
    } = *progress;
    let waits = waits.unwrap_or(now);
    let mut stretches = vec![stretch(start, waits, Activity::Working)];
    match goes_on {
        Some(goes_on) => {
            stretches.push(stretch(waits, goes_on, Activity::Waiting));
            stretches.push(stretch(goes_on, ends.unwrap_or(now), Activity::Working));
        }
        None => stretches.push(stretch(waits, now, Activity::Stuck)),
    }
    stretches
}
