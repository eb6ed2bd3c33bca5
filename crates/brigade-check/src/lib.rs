#![doc = include_str!("../README.md")]
//!
//! # The interface at a glance
//!
//! | what | for |
//! |---|---|
//! | [`Model`], [`linearizable()`] | checking a thing against its sequential model |
//! | [`explore()`], [`Strategy`] | any code under deterministic schedules |
//! | [`stress()`], [`Worker`] | any code by real threads |
//! | [`test`](macro@test) | an ordinary test by both ways |
//! | [`point()`] | places where others may come between |
//! | [`History`], [`Criterion`], [`Verdict`] | recorded calls, and whether some order explains them |
//! | [`Report`], [`Failure`], [`Finding`], [`Kind`] | what comes of a check |

mod deadline;
mod environment;
#[cfg(feature = "explore")]
mod explore;
mod failure;
mod history;
mod linearizability;
mod linearizable;
mod lock;
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod macros;
mod minimise;
mod model;
mod origin;
mod panics;
mod point;
mod report;
mod scenario;
mod stress;
mod verdict;
mod watch;

/// Makes tests of a function that takes a prepared check, and runs it by the ways that are asked for.
///
/// | attribute | `cargo test` | with `--cfg shuttle` | the function takes |
/// |---|---|---|---|
/// | `#[brigade_check::test]` | real threads | deterministic schedules | [`Linearizable<Model>`](Linearizable) |
/// | `#[brigade_check::test(stress)]` | real threads | ignored | that or [`Stress`] |
/// | `#[brigade_check::test(explore)]` | deterministic schedules | the same | that or [`Explore`] |
/// | `#[brigade_check::test(stress, explore)]` | both, as two tests | schedules only | [`Linearizable<Model>`](Linearizable) |
///
/// The first is for code that takes its locks and atomics from std or from shuttle by `--cfg shuttle` (see
/// [the crate's documentation](crate)): one test serves both builds. The last is for code with [points](point()) that
/// never blocks. The tests of a function `name` are `name::stress` and `name::explore`; `#[ignore]` and
/// `#[should_panic]` on the function are theirs. Settings are the check's own methods.
///
/// ```
/// use brigade_check::{Linearizable, Model, point};
/// use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
///
/// #[derive(Clone, Default, PartialEq, Eq, Hash)]
/// struct Count(u32);
///
/// impl Model for Count {
///     type Operation = ();
///     type Outcome = u32;
///
///     fn apply(&mut self, (): &()) -> u32 {
///         self.0 += 1;
///         self.0
///     }
/// }
///
/// #[brigade_check::test(stress, explore)]
/// fn counts_every_one(check: Linearizable<Count>) {
///     check.threads(3).generate(|_| ()).assert(
///         || AtomicU32::new(0),
///         |count, ()| {
///             point("before");
///             count.fetch_add(1, SeqCst) + 1
///         },
///     );
/// }
/// ```
///
/// # Misuse
///
/// What it cannot make tests of does not compile. A check that real threads cannot run:
///
/// ```compile_fail,E0277
/// #[brigade_check::test]
/// fn runs(check: brigade_check::Explore) {
///     check.assert(|| ());
/// }
/// ```
///
/// Settings, which belong to the check:
///
/// ```compile_fail
/// #[brigade_check::test(schedules = 3, explore)]
/// fn runs(check: brigade_check::Explore) {
///     check.assert(|| ());
/// }
/// ```
///
/// No check at all:
///
/// ```compile_fail
/// #[brigade_check::test(explore)]
/// fn runs() {}
/// ```
///
/// A function that would have to be awaited:
///
/// ```compile_fail
/// #[brigade_check::test(explore)]
/// async fn runs(check: brigade_check::Explore) {
///     check.assert(|| ());
/// }
/// ```
///
/// The same without the mistake does:
///
/// ```
/// #[brigade_check::test(explore)]
/// fn runs(check: brigade_check::Explore) {
///     check.schedules(3).assert(|| ());
/// }
/// ```
#[cfg(feature = "macros")]
pub use brigade_check_macros::test;
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
