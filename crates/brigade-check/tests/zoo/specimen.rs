//! What a specimen of the zoo is, and how it is looked for.

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
    },
}

/// Each zoo-keeper's round is the same: schedules follow from it, so that an exploration never fails by chance.
const SEED: u64 = 1;

impl Way {
    pub(crate) const EXPLORE: Self = Self::Explore {
        scenarios: 100,
        schedules: 100,
    };
    pub(crate) const STRESS: Self = Self::Stress {
        seed: SEED,
        scenarios: 100,
        iterations: 1_000,
    };

    /// Twice the budget in which a bug must be found.
    pub(crate) fn doubled(self) -> Self {
        match self {
            Self::Explore {
                scenarios,
                schedules,
            } => Self::Explore {
                scenarios,
                schedules: 2 * schedules,
            },
            Self::Stress {
                seed,
                scenarios,
                iterations,
            } => Self::Stress {
                seed,
                scenarios,
                iterations: 2 * iterations,
            },
            Self::Replay(token) => Self::Replay(token),
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
            } => check.seed(*seed).scenarios(*scenarios).runs(*iterations),
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

/// How many operations each thread has, the most first.
pub(crate) fn shape(finding: &Finding) -> Vec<usize> {
    let mut operations = finding.operations.clone();
    operations.sort_unstable_by(|one, other| other.cmp(one));
    operations
}
