//! The cases: their stable names, their numbers, and who takes part.

use brigade::lock::{self as brigade_lock, Action, LockTable};
use tracing_mutex::parkinglot::tracing as tracing_mutex;

use crate::REFERENCE;
use crate::arguments::Arguments;
use crate::round::{Case, Contestant, case};

use super::systems::{Mutex, RwLock};
use super::table::{self, Striped, Table};
use super::{all_or_nothing, contended, first_sight, uncontended};

/// A case of all systems' mutexes.
macro_rules! mutexes {
    ($name:literal, $kind:ident => $measure:expr) => {
        case!($name, Mutex of [
            brigade_lock::Mutex<u64>,
            parking_lot::Mutex<u64>,
            std::sync::Mutex<u64>,
            tracing_mutex::Mutex<u64>,
            happylock::Mutex<u64>,
        ], $kind => $measure)
    };
}

/// A case of all systems' read-write locks.
macro_rules! rwlocks {
    ($name:literal, $kind:ident => $measure:expr) => {
        case!($name, RwLock of [
            brigade_lock::RwLock<u64>,
            parking_lot::RwLock<u64>,
            std::sync::RwLock<u64>,
            tracing_mutex::RwLock<u64>,
            happylock::RwLock<u64>,
        ], $kind => $measure)
    };
}

/// A case of the mutexes of which several can be taken together.
macro_rules! together_taken {
    ($name:literal, $kind:ident => $measure:expr) => {
        case!($name, Mutex of [
            brigade_lock::Mutex<u64>,
            parking_lot::Mutex<u64>,
            std::sync::Mutex<u64>,
            happylock::Mutex<u64>,
        ], $kind => $measure)
    };
}

/// All cases of the family.
///
/// # Panics
/// If what is done on a finding was set before.
pub fn all(arguments: &Arguments) -> Vec<Case> {
    // The checks are on, and find nothing; if they did, the measurement would not be one.
    brigade_lock::on_finding(Action::Panic).expect("nothing was found yet");
    let slice = arguments.slice();
    let first_sight = first_sight::measure(if arguments.quick { 20 } else { 40 });
    vec![
        mutexes!("mutex-uncontended", M => uncontended::mutex::<M>(slice)),
        case!("mutex-nested", Mutex of [
            brigade_lock::Mutex<u64>,
            parking_lot::Mutex<u64>,
            std::sync::Mutex<u64>,
            tracing_mutex::Mutex<u64>,
        ], M => uncontended::nested::<M>(slice)),
        mutexes!("mutex-contended-2", M => contended::mutex::<M>(2, slice)),
        mutexes!("mutex-contended-4", M => contended::mutex::<M>(4, slice)),
        rwlocks!("rwlock-read", L => uncontended::read::<L>(slice)),
        rwlocks!("rwlock-90-10", L => contended::mostly_read::<L>(2, slice)),
        together_taken!("lock-all-2", M => all_or_nothing::taken::<2, M>(slice)),
        together_taken!("lock-all-4", M => all_or_nothing::taken::<4, M>(slice)),
        case!("table-lock", Table of [LockTable<u64>, Striped], T => table::alone::<T>(slice)),
        case!("table-lock-2", Table of [LockTable<u64>, Striped], T => table::together::<T>(2, slice)),
        Case {
            tail: true,
            ..Case::new(
                "first-sight",
                vec![Contestant::new(REFERENCE, Box::new(first_sight))],
            )
        },
    ]
}
