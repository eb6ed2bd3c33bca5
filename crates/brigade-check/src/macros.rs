//! What tests made by [`test`](macro@crate::test) call; not for use by hand.

use crate::{Explore, Linearizable, Model, Stress};

/// Checks that real threads can run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no check that real threads run",
    label = "take a `Linearizable<Model>` or, with `#[brigade_check::test(stress)]`, a `Stress`",
    note = "`#[brigade_check::test]` needs a check that can be run both ways; `(stress)` or `(explore)` says which"
)]
pub trait ByStress {
    #[doc(hidden)]
    fn begin() -> Self;
}

/// Checks that run under deterministic schedules.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no check that runs under schedules",
    label = "take a `Linearizable<Model>` or, with `#[brigade_check::test(explore)]`, an `Explore`",
    note = "`#[brigade_check::test]` needs a check that can be run both ways; `(stress)` or `(explore)` says which"
)]
pub trait ByExplore {
    #[doc(hidden)]
    fn begin() -> Self;
}

impl<M: Model + Default> ByStress for Linearizable<M> {
    fn begin() -> Self {
        crate::linearizable()
    }
}

impl<M: Model + Default> ByExplore for Linearizable<M> {
    fn begin() -> Self {
        crate::linearizable().explore()
    }
}

impl ByStress for Stress {
    fn begin() -> Self {
        crate::stress()
    }
}

impl ByExplore for Explore {
    fn begin() -> Self {
        crate::explore()
    }
}

/// The check that a function takes.
pub fn stress<C: ByStress>() -> C {
    C::begin()
}

/// The check that a function takes.
pub fn explore<C: ByExplore>() -> C {
    C::begin()
}

/// Compiles if a function takes a check that real threads can run.
pub const fn by_stress<C: ByStress, R>(_: fn(C) -> R) {}

/// Compiles if a function takes a check that runs under schedules.
pub const fn by_explore<C: ByExplore, R>(_: fn(C) -> R) {}

/// Compiles if a function takes a check that can be run both ways.
pub const fn both<C: ByStress + ByExplore, R>(_: fn(C) -> R) {}
