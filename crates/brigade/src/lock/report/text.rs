//! What was found, in words.

use std::fmt;

use super::{Access, Acquisition, FindingKind, Place, Report, Step};

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.headline())?;
        let width = self
            .steps
            .iter()
            .map(|step| step.holds.name.len())
            .max()
            .unwrap_or(0);
        for step in &self.steps {
            let Step {
                thread,
                holds,
                wants,
                backtrace,
            } = step;
            let verb = match holds.access {
                Access::InLine => "was for",
                Access::Completion => "was at",
                Access::Beginning => "was to begin",
                Access::Room => "was to make",
                _ => "held",
            };
            writeln!(formatter, "  thread `{thread}` {verb} {holds}")?;
            let end = if wants.access == Access::Completion {
                " to end"
            } else {
                ""
            };
            writeln!(formatter, "    and then wanted {wants}{end}")?;
            for line in backtrace.iter().flat_map(|text| text.lines()) {
                writeln!(formatter, "      {line}")?;
            }
        }
        if self.steps.len() > 1 {
            writeln!(formatter, "  the cycle:")?;
            for Step {
                thread,
                holds,
                wants,
                ..
            } in &self.steps
            {
                writeln!(
                    formatter,
                    "    {:width$} -> {} (`{thread}`)",
                    holds.name, wants.name
                )?;
            }
        }
        write!(formatter, "  {}", self.advice())
    }
}

impl Report {
    fn is_about_locks_only(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.all(|step| step.holds.access.is_of_lock() && step.wants.access.is_of_lock())
    }

    fn headline(&self) -> &'static str {
        match self.kind {
            FindingKind::Order => {
                "possible deadlock: locks are taken in orders that contradict each other"
            }
            FindingKind::Rank => "possible deadlock: a lock was taken against its rank",
            FindingKind::SameClass => {
                "possible deadlock: two locks of one class were taken one after the other"
            }
            FindingKind::RecursiveRead => {
                "possible deadlock: a thread reads a lock that it holds to read already"
            }
            FindingKind::Recursive => "deadlock: a thread wants a lock that it holds already",
            FindingKind::Deadlock if self.steps.len() == 1 => {
                "deadlock: a thread waits for what it must do itself"
            }
            FindingKind::Deadlock => "deadlock: threads wait for each other",
            FindingKind::Abandoned => "deadlock: a lock is held by a thread that has ended",
        }
    }

    fn advice(&self) -> &'static str {
        match self.kind {
            FindingKind::Deadlock if !self.is_about_locks_only() => {
                "let nobody wait for what waits for it: end one thing before the other is wanted, or wait with a \
                 limit of time"
            }
            FindingKind::Order | FindingKind::Deadlock => {
                "take these locks in one order everywhere, or all at once by lock_all"
            }
            FindingKind::Rank => "take locks from lower to higher ranks, or change the ranks",
            FindingKind::SameClass => {
                "take them at once by lock_all, or declare their class nested if their order is known"
            }
            FindingKind::RecursiveRead => {
                "release it first, or hand the guard on: the second read can wait for a writer that waits for the first"
            }
            FindingKind::Recursive => "release it first, or hand the guard on",
            FindingKind::Abandoned => "do not leak guards",
        }
    }
}

/// As the end of a sentence: "held `x`, shared, .." or "wanted `x` ..".
impl fmt::Display for Acquisition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            rank,
            access,
            made_at,
            place,
        } = self;
        if !access.is_of_lock() {
            return formatter.write_str(name); // it says what it is, and has no place
        }
        write!(formatter, "`{name}`{access}")?;
        if let Some(rank) = rank {
            write!(formatter, " of rank {rank}")?;
        }
        if let Some(made_at) = made_at
            && *name != made_at.to_string()
        {
            write!(formatter, " (made at {made_at})")?;
        }
        if let Some(place) = place {
            write!(formatter, " at {place}")?;
        }
        Ok(())
    }
}

impl Access {
    fn is_of_lock(self) -> bool {
        !matches!(self, Self::Completion | Self::Beginning | Self::Room)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Exclusive | Self::Completion | Self::Beginning | Self::Room => "",
            Self::Upgradable => " for upgradable reading",
            Self::Shared => " for reading",
            Self::InLine => " in line, to write it",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}
