//! Ending a run because of how its jobs end.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::run::tally::Counts;

/// A share says nothing before so many jobs have ended.
const FEWEST: u64 = 3;

/// When to end a run, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Halt {
    /// Running jobs are stopped; otherwise they may end.
    pub(crate) now: bool,
    /// What is counted are successes; otherwise failures.
    pub(crate) success: bool,
    threshold: Threshold,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Threshold {
    Jobs(u64),
    /// Of those that have ended.
    Percent(f64),
}

impl Halt {
    /// True once enough jobs have succeeded or failed.
    pub(crate) fn is_reached(&self, counts: &Counts) -> bool {
        let counted = if self.success {
            counts.succeeded
        } else {
            counts.failed
        };
        match self.threshold {
            Threshold::Jobs(jobs) => counted >= jobs,
            Threshold::Percent(percent) => {
                let ended = counts.succeeded + counts.failed;
                ended >= FEWEST && counted as f64 * 100.0 >= percent * ended as f64
            }
        }
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = if self.now { "now" } else { "soon" };
        let what = if self.success { "success" } else { "fail" };
        write!(formatter, "--halt {when},{what}=")?;
        match self.threshold {
            Threshold::Jobs(jobs) => write!(formatter, "{jobs}"),
            Threshold::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

impl FromStr for Halt {
    type Err = BadHalt;

    /// Reads `now,fail=1`, `soon,success=3`, `soon,fail=10%`.
    fn from_str(text: &str) -> Result<Self, BadHalt> {
        let bad = || BadHalt(text.to_owned());
        let (when, what) = text.split_once(',').ok_or_else(bad)?;
        let (what, threshold) = what.split_once('=').ok_or_else(bad)?;
        let choose = |word: &str, no: &str, yes: &str| match word {
            word if word == no => Ok(false),
            word if word == yes => Ok(true),
            _ => Err(bad()),
        };
        Ok(Self {
            now: choose(when, "soon", "now")?,
            success: choose(what, "fail", "success")?,
            threshold: Threshold::parse(threshold).ok_or_else(bad)?,
        })
    }
}

impl Threshold {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            None => {
                let jobs = text.parse().ok().filter(|&jobs| jobs > 0)?;
                Some(Self::Jobs(jobs))
            }
            Some(percent) => {
                let percent = percent.parse().ok()?;
                (percent > 0.0 && percent <= 100.0).then_some(Self::Percent(percent))
            }
        }
    }
}

/// A word that does not say when to end a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadHalt(String);

impl fmt::Display for BadHalt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "give now or soon, and a number or share of jobs that fail or succeed, \
             such as now,fail=1 or soon,success=50%, not `{}`",
            self.0.escape_debug()
        )
    }
}

impl Error for BadHalt {}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(halt: &str, succeeded: u64, failed: u64) -> bool {
        halt.parse::<Halt>().expect(halt).is_reached(&Counts {
            succeeded,
            failed,
            ..Counts::default()
        })
    }

    #[test]
    fn it_is_read_as_it_is_shown() {
        for text in [
            "now,fail=1",
            "soon,fail=20%",
            "now,success=3",
            "soon,success=2.5%",
        ] {
            let halt = text.parse::<Halt>().expect(text);
            assert_eq!(halt.to_string(), format!("--halt {text}"));
        }
    }

    #[test]
    fn anything_else_is_an_error_that_quotes_it() {
        for wrong in [
            "",
            "now",
            "now,fail",
            "fail=1",
            "never,fail=1",
            "now,fail=0",
            "now,fail=-1",
            "now,done=1",
            "now,fail=0%",
            "now,fail=101%",
            "now,fail=NaN%",
            "now,fail=1.5",
        ] {
            let error = wrong.parse::<Halt>().expect_err(wrong).to_string();
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
    }

    #[test]
    fn so_many_jobs_are_enough() {
        assert!(!reached("now,fail=2", 9, 1) && reached("now,fail=2", 9, 2));
        assert!(!reached("soon,success=2", 1, 9) && reached("soon,success=2", 2, 9));
    }

    #[test]
    fn a_share_is_of_the_jobs_that_have_ended_and_needs_three() {
        assert!(!reached("soon,fail=50%", 0, 2) && reached("soon,fail=50%", 1, 2));
        assert!(!reached("soon,fail=10%", 10, 1) && reached("soon,fail=10%", 9, 1));
        assert!(!reached("soon,success=100%", 5, 1) && reached("soon,success=100%", 3, 0));
    }
}
