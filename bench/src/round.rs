//! Interleaved rounds: whatever slows the machine for a while slows every system alike.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// The name of the contestant that does a case's bare work, without any system.
pub const IDEAL: &str = "ideal";

/// What a sample counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds for one operation.
    Nanoseconds,
    /// Bytes, once.
    Bytes,
}

/// What is measured, and who takes part.
pub struct Case {
    /// Its stable name.
    pub name: &'static str,
    /// What its samples count.
    pub unit: Unit,
    /// The rounds it takes part in, from the first, if not all.
    pub rounds: Option<u32>,
    /// Whether the slowest in a hundred is of interest: each sample is then one operation.
    pub tail: bool,
    /// The systems.
    pub contestants: Vec<Contestant>,
}

impl Case {
    /// A case of all rounds, in nanoseconds.
    pub fn new(name: &'static str, contestants: Vec<Contestant>) -> Self {
        Self {
            name,
            unit: Unit::Nanoseconds,
            rounds: None,
            tail: false,
            contestants,
        }
    }
}

/// Measures a system once; returns one sample or several.
pub type Measure = Box<dyn FnMut() -> Vec<f64>>;

/// A system that takes part in a case.
pub struct Contestant {
    /// Its stable name.
    pub system: &'static str,
    /// All samples so far.
    pub samples: Vec<f64>,
    measure: Measure,
}

impl Contestant {
    /// A system and how to measure it.
    pub fn new(system: &'static str, measure: Measure) -> Self {
        Self {
            system,
            samples: Vec::new(),
            measure,
        }
    }

    /// True if this is the bare work that others are held against.
    pub fn is_ideal(&self) -> bool {
        self.system == IDEAL
    }
}

/// A case whose systems are types: its name, the trait that has their names, the types, and what is measured of each.
macro_rules! case {
    ($name:literal, $trait:ident of [$($system:ty),+ $(,)?], $kind:ident => $measure:expr) => {
        $crate::round::Case::new($name, vec![$({
            type $kind = $system;
            let measure = Box::new(move || $measure);
            $crate::round::Contestant::new(<$system as $trait>::NAME, measure)
        }),+])
    };
}
pub(crate) use case;

/// How many rounds to go.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// At most this many.
    pub rounds: u32,
    /// No round but the first begins that is not likely to end within this time.
    pub limit: Option<Duration>,
}

/// Measures every contestant of every case once a round; returns the number of rounds.
///
/// The systems of a case follow each other directly, and a round begins with another system than the
/// one before: none is always first, or always after the same neighbour's end.
pub fn run(cases: &mut [Case], schedule: &Schedule) -> u32 {
    let began = Instant::now();
    let mut last = Duration::ZERO;
    for round in 0..schedule.rounds {
        let round_began = Instant::now();
        // A round is rarely a fifth longer than the one before it; the first may be shorter.
        if schedule
            .limit
            .is_some_and(|limit| round > 0 && began.elapsed() + last * 6 / 5 > limit)
        {
            clear_progress();
            return round;
        }
        for case in cases
            .iter_mut()
            .filter(|case| case.rounds.is_none_or(|rounds| round < rounds))
        {
            show_progress(round, schedule.rounds, case.name);
            let count = case.contestants.len();
            for place in 0..count {
                let contestant = &mut case.contestants[(place + round as usize) % count];
                contestant.samples.extend((contestant.measure)());
            }
        }
        last = round_began.elapsed();
    }
    clear_progress();
    schedule.rounds
}

fn show_progress(round: u32, rounds: u32, case: &str) {
    if stderr().is_terminal() {
        // A terminal that cannot be written to is no reason not to measure.
        let _ = write!(stderr(), "\r\x1b[2Kround {} of {rounds}: {case}", round + 1);
    }
}

fn clear_progress() {
    if stderr().is_terminal() {
        let _ = write!(stderr(), "\r\x1b[2K");
    }
}
