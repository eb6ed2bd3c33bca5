//! Waits that tests and models enter into a graph, to look at what it says and not to wait.

use std::panic::Location;

use super::{Target, Wanted};
use crate::lock::class::Origin;
use crate::lock::mode::Mode;

/// A wait for a read-write lock.
pub(super) fn wanting(address: usize, mode: Mode) -> Wanted {
    let place = Location::caller();
    Wanted {
        target: Target::Lock {
            address,
            origin: Origin::place(place),
            mode,
            upgrades: false,
            has_readers: true,
        },
        until: None,
        place: Some(place),
    }
}

pub(super) const A: usize = 8;
pub(super) const B: usize = 16;
