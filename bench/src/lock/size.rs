//! How much memory locks take.

use std::fmt::Write;
use std::mem::size_of;

use tracing_mutex::parkinglot::tracing as tracing_mutex;

/// The sizes of locks around nothing, a byte and a word.
pub fn table() -> String {
    let mut out = format!(
        "\n{:<24} {:>8} {:>8} {:>8} {:>10} {:>10}\n",
        "size in bytes", "Mutex ()", "u8", "u64", "RwLock ()", "u64"
    );
    macro_rules! row {
        ($name:expr, $mutex:ident, $rwlock:ident in $($path:ident)::+) => {
            let _ = writeln!(
                out,
                "  {:<22} {:>8} {:>8} {:>8} {:>10} {:>10}",
                $name,
                size_of::<$($path)::+::$mutex<()>>(),
                size_of::<$($path)::+::$mutex<u8>>(),
                size_of::<$($path)::+::$mutex<u64>>(),
                size_of::<$($path)::+::$rwlock<()>>(),
                size_of::<$($path)::+::$rwlock<u64>>(),
            );
        };
    }
    row!(crate::REFERENCE, Mutex, RwLock in brigade::lock);
    row!("parking_lot", Mutex, RwLock in parking_lot);
    row!("std", Mutex, RwLock in std::sync);
    row!("tracing-mutex", Mutex, RwLock in tracing_mutex);
    row!("happylock", Mutex, RwLock in happylock);
    out
}
