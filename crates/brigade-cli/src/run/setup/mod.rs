//! What is settled before anything runs. Whatever is wrong is found here, and then nothing is run.
//!
//! The doors are [`plan()`], which tells what is run, and [`terms()`], which tells how.

mod limits;
mod plan;
mod terms;

pub(crate) use self::plan::{Plan, plan};
pub(crate) use self::terms::{Terms, terms};
