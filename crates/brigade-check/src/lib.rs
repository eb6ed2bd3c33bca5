#![doc = include_str!("../README.md")]
//!
//! # The interface at a glance
//!
//! | what | for |
//! |---|---|
//! | [`Model`], [`linearizable()`] | checking a thing against its sequential model |
//! | [`explore()`], [`Strategy`] | any code under deterministic schedules |
//! | [`stress()`], [`Worker`] | any code by real threads |
//! | [`point()`] | places where others may come between |
//! | [`History`], [`Criterion`], [`Verdict`] | recorded calls, and whether some order explains them |
//! | [`Report`], [`Failure`], [`Finding`], [`Kind`] | what comes of a check |

mod environment;
#[cfg(feature = "explore")]
mod explore;
mod failure;
mod history;
mod linearizability;
mod linearizable;
mod minimise;
mod model;
mod panics;
mod point;
mod report;
mod scenario;
mod stress;
mod verdict;

#[cfg(feature = "explore")]
pub use explore::{Explore, Strategy, explore};
pub use failure::{Failure, Finding, Kind};
pub use fastrand::Rng;
pub use history::{Call, History};
pub use linearizability::{Criterion, Next, Unexplained, Verdict};
pub use linearizable::{Linearizable, linearizable};
pub use model::Model;
pub use point::point;
pub use report::Report;
pub use stress::{Stress, Worker, stress};
pub use verdict::Verifiable;
