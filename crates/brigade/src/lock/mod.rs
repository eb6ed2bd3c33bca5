//! Locks that cannot deadlock in silence.
//!
//! [`Mutex`], [`RwLock`] and [`Condvar`] have `parking_lot`'s interface and stand on its locks. What is added, always
//! on, for about a nanosecond a lock:
//!
//! - **Prediction.** The first time a thread takes one lock while it holds another, that order is compared with all
//!   orders seen before, by class: locks made on one line are of one class, or of one name ([`Mutex::named`], [`Class`]).
//!   Orders that contradict each other can deadlock, and are reported then, though nothing hung.
//! - **Ranks.** [`Mutex::ranked`]: from lower to higher, anything else is an error at once.
//! - **Detection.** A wait that would close a cycle of waiting threads fails, with the cycle written out.
//! - **All or nothing.** [`lock_all`] takes several locks at once, in no order that could be wrong; [`LockTable`] does so
//!   for locks by key.
//!
//! What happens on a finding is set once, by [`on_finding`]. [`report`](report()) shows all orders seen so far.
//!
//! ```
//! use brigade::lock::{self, Action, FindingKind, Mutex};
//! use std::sync::mpsc::channel;
//!
//! let (told, hears) = channel();
//! lock::on_finding(Action::Call(Box::new(move |report| told.send(report.clone()).unwrap())))?;
//!
//! let (account, journal) = (Mutex::named("account", 10), Mutex::named("journal", Vec::new()));
//! {
//!     let account = account.lock();
//!     journal.lock().push(*account);
//! }
//! {
//!     let journal = journal.lock();
//!     *account.lock() += journal.len(); // the other way round: two threads could deadlock
//! }
//! let report = hears.recv()?;
//! assert_eq!(report.kind(), FindingKind::Order);
//! println!("{report}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod abandoned;
mod acquire;
pub(crate) mod action;
mod all;
mod chain;
mod class;
mod condvar;
mod detection;
mod duties;
pub(crate) mod duty;
mod error;
mod graph;
mod held;
mod lockable;
mod member;
mod mode;
mod mutex;
pub mod order;
mod order_report;
mod passed_over;
mod prediction;
mod raw_rwlock;
pub(crate) mod records;
mod report;
mod request;
mod retaking;
mod rwlock;
mod table;
mod turns;

pub use parking_lot::WaitTimeoutResult;

pub use self::action::{Action, ActionAlreadySet, capture_backtraces, on_finding};
pub use self::all::{lock_all, lock_all_timeout, try_lock_all};
pub use self::class::{Class, Rank};
pub use self::condvar::Condvar;
pub use self::error::LockError;
pub use self::lockable::{LockSet, Lockable, Reading, Writing};
pub use self::mutex::{MappedMutexGuard, Mutex, MutexGuard, RawMutex};
pub use self::order_report::{ClassReport, EdgeReport, OrderReport, report};
pub use self::raw_rwlock::RawRwLock;
pub use self::report::{Access, Acquisition, FindingKind, Place, Report, Step};
pub use self::rwlock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard,
};
pub use self::table::{LockTable, TableGuard, TableGuards};
