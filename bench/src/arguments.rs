//! The command line, the same for every family.

use std::time::Duration;

use clap::Parser;

use crate::round::{Case, Schedule};

/// Measures Brigade and its peers side by side.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// End within 40 seconds on two cores: fewer and shorter rounds
    #[arg(long)]
    pub quick: bool,
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    pub json: bool,
    /// Measure only this case; may be repeated
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,
    /// Measure only this system; may be repeated
    #[arg(long, value_name = "NAME")]
    pub system: Vec<String>,
    /// Number of rounds, without a limit on their time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
}

impl Arguments {
    /// How long one system is measured in one round of one case.
    pub fn slice(&self) -> Duration {
        Duration::from_millis(if self.quick { 20 } else { 100 })
    }

    /// How many rounds, and until when another may begin.
    pub fn schedule(&self) -> Schedule {
        match (self.rounds, self.quick) {
            (Some(rounds), _) => Schedule {
                rounds,
                limit: None,
            },
            (None, true) => Schedule {
                rounds: 9,
                limit: Some(Duration::from_secs(37)),
            },
            (None, false) => Schedule {
                rounds: 25,
                limit: None,
            },
        }
    }

    /// Leaves what was asked for; an ideal stays with its case.
    ///
    /// # Errors
    /// If a name is unknown, or nothing is left.
    pub fn filter(&self, cases: &mut Vec<Case>) -> Result<(), String> {
        if let Some(unknown) = self
            .case
            .iter()
            .find(|name| cases.iter().all(|case| case.name != **name))
        {
            let known: Vec<_> = cases.iter().map(|case| case.name).collect();
            return Err(format!(
                "no case is called `{unknown}`; there are {}",
                known.join(", ")
            ));
        }
        if !self.case.is_empty() {
            cases.retain(|case| self.case.iter().any(|name| name == case.name));
        }
        if !self.system.is_empty() {
            for case in cases.iter_mut() {
                case.contestants.retain(|contestant| {
                    contestant.is_ideal()
                        || self.system.iter().any(|name| name == contestant.system)
                });
            }
            cases.retain(|case| {
                case.contestants
                    .iter()
                    .any(|contestant| !contestant.is_ideal())
            });
        }
        if cases.is_empty() {
            return Err(format!(
                "no case is left that measures {}",
                self.system.join(" or ")
            ));
        }
        Ok(())
    }
}
