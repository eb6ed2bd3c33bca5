//! When new jobs are held back: while the machine is loaded (`--load`), or short of memory (`--memfree`).
//!
//! What is bounded is how many jobs may run, not each beginning of one: so none is held back that has left the queue, has
//! taken its locks, or would begin before a more urgent one that comes later.

use std::fmt;

use crate::arguments::MachineArguments;
use crate::quantity::Bytes;
use crate::{number, size};

use super::machine::{Load, Memory};

/// A bound of the command line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    /// So many tasks, or bytes.
    Number(f64),
    /// So many percent of the cores, or of the memory.
    Percent(f64),
}

impl Bound {
    fn of(self, whole: u64) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Percent(percent) => whole as f64 * percent / 100.0,
        }
    }
}

/// Reads a bound of the load, such as `4`, `1.5` or `80%`.
///
/// # Errors
/// What is wrong with anything else.
pub(crate) fn parse_load(text: &str) -> Result<Bound, String> {
    let bound = match text.strip_suffix('%') {
        Some(percent) => number::parse(percent).map(Bound::Percent),
        None => number::parse(text).map(Bound::Number),
    };
    bound.ok_or_else(|| {
        format!(
            "give a number of tasks such as 4, or percent of the cores such as 80%, not `{text}`"
        )
    })
}

/// Reads a bound of memory, such as `512M`, `2G` or `10%`.
///
/// # Errors
/// What is wrong with anything else.
pub(crate) fn parse_memory(text: &str) -> Result<Bound, String> {
    match text.strip_suffix('%') {
        Some(percent) => number::parse(percent)
            .filter(|&percent| percent <= 100.0)
            .map(Bound::Percent)
            .ok_or_else(|| format!("give percent of the memory, 0% to 100%, not `{text}`")),
        None => match size::parse(text) {
            Ok(bytes) => Ok(Bound::Number(bytes as f64)),
            Err(bad) => Err(bad.to_string()),
        },
    }
}

/// What the machine is to be spared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    load: Option<Bound>,
    memory: Option<Bound>,
}

/// What was measured, of what is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) load: Option<Load>,
    pub(crate) memory: Option<Memory>,
}

/// How many jobs may run until it is measured again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Allowance {
    /// At least one.
    pub(crate) jobs: usize,
    /// Why there may be no more than those that run.
    pub(crate) held_back: Option<Reason>,
}

/// Why jobs are held back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reason {
    Load { tasks: u64, bound: f64 },
    Memory { available: u64, bound: f64 },
}

impl Hold {
    /// What the command line asks for; `None` if that is nothing.
    pub(crate) fn new(arguments: &MachineArguments) -> Option<Self> {
        let (load, memory) = (arguments.load, arguments.memfree);
        (load.is_some() || memory.is_some()).then_some(Self { load, memory })
    }

    pub(crate) fn looks_at_load(&self) -> bool {
        self.load.is_some()
    }

    pub(crate) fn looks_at_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// How many jobs may run, of which so many do. What was not measured holds nothing back.
    ///
    /// Below its bound the machine has room for some jobs more, each of which is taken for one task of load, and for as
    /// much memory as is to be free: otherwise all would begin at once, before any of them is seen in what is measured.
    /// One that ends makes room for another. At the bound of the load there is no room for more, but for another in its
    /// place. Past a bound none begins at all, unless it would be the only one: who waits for a machine to calm down
    /// may wait for ever.
    pub(crate) fn allow(&self, running: usize, measured: Measured) -> Allowance {
        let mut allowance = Allowance {
            jobs: usize::MAX,
            held_back: None,
        };
        if let (Some(bound), Some(Load { tasks, cores })) = (self.load, measured.load) {
            let bound = bound.of(cores);
            let room = bound - tasks as f64;
            let jobs = if room < 0.0 {
                1
            } else {
                running.saturating_add(room.ceil() as usize)
            };
            let held_back = (room <= 0.0).then_some(Reason::Load { tasks, bound });
            allowance = Allowance { jobs, held_back };
        }
        if let (Some(bound), Some(Memory { available, total })) = (self.memory, measured.memory) {
            let bound = bound.of(total);
            // Nobody needs less than a byte.
            let room = (available as f64 / bound.max(1.0)).floor() as usize;
            let jobs = if room == 0 {
                1
            } else {
                running.saturating_add(room)
            };
            allowance.jobs = allowance.jobs.min(jobs);
            if room == 0 && allowance.held_back.is_none() {
                allowance.held_back = Some(Reason::Memory { available, bound });
            }
        }
        allowance.jobs = allowance.jobs.max(1);
        allowance
    }
}

/// What holds jobs back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Load,
    Memory,
}

impl Kind {
    /// The option that asks for it.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Load => "--load",
            Self::Memory => "--memfree",
        }
    }
}

impl Reason {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Load { .. } => Kind::Load,
            Self::Memory { .. } => Kind::Memory,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Load { tasks, bound } => {
                let are = if tasks == 1 {
                    "task runs or waits"
                } else {
                    "tasks run or wait"
                };
                // To the tenth, which is enough for a load, and whole numbers as such.
                let bound = (bound * 10.0).round() / 10.0;
                write!(
                    formatter,
                    "{tasks} {are} for a core or a disk, and --load is {bound}"
                )
            }
            Self::Memory { available, bound } => write!(
                formatter,
                "{} of memory are available, and --memfree is {}",
                Bytes(available),
                Bytes(bound as u64)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn with_load(bound: &str, running: usize, tasks: u64) -> (usize, bool) {
        let hold = Hold {
            load: Some(parse_load(bound).expect(bound)),
            memory: None,
        };
        let load = Some(Load { tasks, cores: 4 });
        let measured = Measured { load, memory: None };
        let Allowance { jobs, held_back } = hold.allow(running, measured);
        (jobs, held_back.is_some())
    }

    fn with_memory(bound: &str, running: usize, available: u64) -> (usize, bool) {
        let hold = Hold {
            load: None,
            memory: Some(parse_memory(bound).expect(bound)),
        };
        let total = 16 * GIB;
        let memory = Some(Memory { available, total });
        let measured = Measured { load: None, memory };
        let Allowance { jobs, held_back } = hold.allow(running, measured);
        (jobs, held_back.is_some())
    }

    #[test]
    fn as_many_begin_as_the_load_has_room_for() {
        assert_eq!(with_load("4", 0, 0), (4, false));
        assert_eq!(with_load("4", 3, 3), (4, false));
        assert_eq!(with_load("100%", 1, 3), (2, false));
        assert_eq!(with_load("50%", 0, 1), (1, false));
        assert_eq!(with_load("3.5", 0, 3), (1, false));
        // Those that sleep are no load.
        assert_eq!(with_load("4", 10, 1), (13, false));
        assert_eq!(with_load("100000", 8, 5), (8 + 99_995, false));
    }

    #[test]
    fn at_the_bound_of_the_load_a_job_may_follow_another_and_past_it_none() {
        assert_eq!(with_load("4", 4, 4), (4, true));
        assert_eq!(with_load("4", 4, 5), (1, true));
        assert_eq!(with_load("80%", 4, 4), (1, true));
    }

    #[test]
    fn one_always_runs() {
        assert_eq!(with_load("0", 0, 0), (1, true));
        assert_eq!(with_load("4", 0, 4), (1, true));
        assert_eq!(with_load("4", 0, 99), (1, true));
        assert_eq!(with_memory("1000000G", 0, GIB), (1, true));
        assert_eq!(with_memory("100%", 0, 0), (1, true));
    }

    #[test]
    fn as_many_begin_as_the_available_memory_is_enough_for() {
        assert_eq!(with_memory("2G", 0, 9 * GIB), (4, false));
        assert_eq!(with_memory("2G", 3, 2 * GIB), (4, false));
        assert_eq!(with_memory("2G", 3, 2 * GIB - 1), (1, true));
        assert_eq!(with_memory("25%", 1, 5 * GIB), (2, false));
        assert_eq!(with_memory("1", 1, GIB), (1 + GIB as usize, false));
        assert_eq!(with_memory("0", 1, GIB), (1 + GIB as usize, false));
    }

    #[test]
    fn of_two_bounds_both_are_kept() {
        let hold = Hold {
            load: Some(Bound::Number(4.0)),
            memory: Some(Bound::Number(1024.0)),
        };
        let measured = |tasks, available| Measured {
            load: Some(Load { tasks, cores: 4 }),
            memory: Some(Memory {
                available,
                total: 1 << 20,
            }),
        };
        assert_eq!(hold.allow(2, measured(1, 2048)).jobs, 4);
        assert_eq!(hold.allow(2, measured(3, 9999)).jobs, 3);
        let reasons = [measured(9, 9999), measured(1, 9)].map(|measured| {
            let reason = hold.allow(2, measured).held_back.expect("held back");
            (reason.kind(), reason.to_string())
        });
        let expected = [
            (
                Kind::Load,
                "9 tasks run or wait for a core or a disk, and --load is 4",
            ),
            (
                Kind::Memory,
                "9 B of memory are available, and --memfree is 1.00 KiB",
            ),
        ];
        assert_eq!(
            reasons,
            expected.map(|(kind, text)| (kind, text.to_owned()))
        );
    }

    #[test]
    fn what_was_not_measured_holds_nothing_back() {
        let hold = Hold {
            load: Some(Bound::Number(0.0)),
            memory: Some(Bound::Percent(100.0)),
        };
        let Allowance { jobs, held_back } = hold.allow(2, Measured::default());
        assert_eq!((jobs, held_back), (usize::MAX, None));
    }

    #[test]
    fn bounds_are_numbers_or_percent() {
        assert_eq!(parse_load("80%"), Ok(Bound::Percent(80.0)));
        assert_eq!(parse_load("250%"), Ok(Bound::Percent(250.0)));
        assert_eq!(parse_load("1.5"), Ok(Bound::Number(1.5)));
        for wrong in ["", "%", "-1", "x", "inf", "1e3", "NaN%", "1 %"] {
            let problem = parse_load(wrong).expect_err(wrong);
            assert!(problem.ends_with(&format!("not `{wrong}`")), "{problem}");
        }
        assert_eq!(parse_memory("1k"), Ok(Bound::Number(1024.0)));
        assert_eq!(parse_memory("12.5%"), Ok(Bound::Percent(12.5)));
        for wrong in ["", "%", "101%", "-1", "1Q", "G"] {
            let problem = parse_memory(wrong).expect_err(wrong);
            assert!(problem.ends_with(&format!("not `{wrong}`")), "{problem}");
        }
    }
}
