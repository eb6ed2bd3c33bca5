//! Exit codes that several subcommands have.

use signal_hook::consts::SIGPIPE;

/// Misuse; the same as clap's for flags it does not know.
pub(crate) const MISUSE: u8 = 2;

/// Nobody reads our output any more.
pub(crate) const UNREAD: u8 = of_signal(SIGPIPE);

/// As shells tell it of a program that this signal ended.
pub(crate) const fn of_signal(signal: i32) -> u8 {
    128_u8.saturating_add(signal.unsigned_abs() as u8)
}
