//! Real threads.

mod scenario;
mod team;

pub(crate) use self::scenario::stress_scenario;
