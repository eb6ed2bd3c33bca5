//! Checks of concurrent code: how many schedules they run, how soon they find what is wrong, how long a history may be.

pub mod cases;
mod first_failure;
mod histories;
mod lincheck;
mod schedules;
mod subjects;
