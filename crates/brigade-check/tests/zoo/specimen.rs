//! What a specimen of the zoo is, and how it is looked for.

use std::time::Duration;

use brigade_check::{Explore, Failure, Finding, Kind, Linearizable, Model, Report, explore};

/// A planted bug and its correct twin.
pub(crate) struct Specimen {
    pub(crate) name: &'static str,
    /// The mistake, in a line.
    pub(crate) mistake: &'static str,
    /// Which of the two ways find it, dependably.
    pub(crate) found_by: &'static [Mode],
    /// What an exploration finds, or stress where nothing else does.
    pub(crate) kind: Kind,
    /// How many operations each thread of the smallest scenario known has, the most first. Empty where there are no
    /// scenarios.
    pub(crate) smallest: &'static [usize],
    pub(crate) bug: fn(&Way) -> Checked,
    pub(crate) twin: fn(&Way) -> Checked,
}

pub(crate) type Checked = Result<Report, Failure>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Explore,
    Stress,
}

pub(crate) const BOTH: &[Mode] = &[Mode::Explore, Mode::Stress];
pub(crate) const EXPLORE: &[Mode] = &[Mode::Explore];
pub(crate) const STRESS: &[Mode] = &[Mode::Stress];

/// How to look for a specimen.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// Under so many schedules of each of so many scenarios.
    Explore { scenarios: usize, schedules: usize },
    /// Under one schedule.
    Replay(String),
    /// By real threads, from a seed.
    Stress {
        seed: u64,
        scenarios: usize,
        iterations: usize,
        hang_limit: Duration,
    },
}

/// Schedules follow from it, so that an exploration never fails by chance. One of those from which the minimiser, which
/// drops operations but never moves them, comes to the smallest scenario of every specimen.
const SEED: u64 = 8;

impl Way {
    pub(crate) const EXPLORE: Self = Self::Explore {
        scenarios: 25,
        schedules: 40,
    };
    pub(crate) const STRESS: Self = Self::Stress {
        seed: SEED,
        scenarios: 10,
        iterations: 250,
        hang_limit: Duration::from_secs(2),
    };

    /// So many times the runs.
    pub(crate) fn times(self, factor: usize) -> Self {
        match self {
            Self::Explore {
                scenarios,
                schedules,
            } => Self::Explore {
                scenarios,
                schedules: factor * schedules,
            },
            Self::Stress {
                seed,
                scenarios,
                iterations,
                hang_limit,
            } => Self::Stress {
                seed,
                scenarios,
                iterations: factor * iterations,
                hang_limit,
            },
            Self::Replay(token) => Self::Replay(token),
        }
    }

    /// Waits for real threads as long as a busy machine may keep one of them from running.
    pub(crate) fn patient(self) -> Self {
        match self {
            Self::Stress {
                seed,
                scenarios,
                iterations,
                ..
            } => Self::Stress {
                seed,
                scenarios,
                iterations,
                hang_limit: Duration::from_secs(60),
            },
            other => other,
        }
    }

    /// As many iterations of the scenario of a seed as there would be of all scenarios.
    pub(crate) fn of_one_scenario(self, seed: u64) -> Self {
        match self {
            Self::Stress {
                scenarios,
                iterations,
                hang_limit,
                ..
            } => Self::Stress {
                seed,
                scenarios: 1,
                hang_limit,
                iterations: scenarios * iterations,
            },
            other => other,
        }
    }

    /// An exploration of a whole program, of as many schedules as there would be of all scenarios.
    pub(crate) fn exploration(&self) -> Explore {
        let exploration = explore().seed(SEED);
        match self {
            Self::Explore {
                scenarios,
                schedules,
            } => exploration.schedules(scenarios * schedules),
            Self::Replay(token) => exploration.replay(token),
            Self::Stress { .. } => panic!("a whole program is not stressed"),
        }
    }

    /// A check that looks for the specimen this way.
    pub(crate) fn of<M: Model>(&self, check: Linearizable<M>) -> Linearizable<M> {
        let check = check.seed(SEED);
        match self {
            Self::Explore {
                scenarios,
                schedules,
            } => check.scenarios(*scenarios).runs(*schedules).explore(),
            Self::Replay(token) => check.replay(token),
            Self::Stress {
                seed,
                scenarios,
                iterations,
                hang_limit,
            } => {
                let check = check.scenarios(*scenarios).runs(*iterations);
                check.seed(*seed).hang_limit(*hang_limit)
            }
        }
    }
}

/// What was found, if the check ran at all.
pub(crate) fn finding(name: &str, checked: Checked) -> Finding {
    match checked {
        Ok(report) => panic!("{name}: not found, {report:?}"),
        Err(failure) => match failure.finding() {
            Some(finding) => finding.clone(),
            None => panic!("{name}: {failure}"),
        },
    }
}

impl Specimen {
    pub(crate) fn is_found_by(&self, mode: Mode) -> bool {
        self.found_by.contains(&mode)
    }
}

/// How many operations each thread has, the most first.
pub(crate) fn shape(finding: &Finding) -> Vec<usize> {
    let mut operations = finding.operations.clone();
    operations.sort_unstable_by(|one, other| other.cmp(one));
    operations
}
