//! The command line of `brigade with`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::duration;
use crate::resource::{self, Name};

/// Which resources to hold, and for what.
#[derive(Debug, Args)]
#[command(
    override_usage = "brigade with [OPTIONS] RESOURCE... -- COMMAND [WORD]...\n       brigade with --list [--json]",
    after_help = "`brigade with --help` explains resources, waiting and exit codes.",
    after_long_help = EXPLANATION
)]
pub(crate) struct WithArguments {
    /// db (alone), cache:shared, gpu=2 (so many of its units) or gpu=2/4 (of so many)
    #[arg(value_name = "RESOURCE", required_unless_present = "list")]
    pub(crate) resources: Vec<OsString>,

    /// Give up after T, such as 30s, 1.5m or 2h; 0 does not wait [default: wait for ever]
    #[arg(short = 'w', long, value_name = "T", value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,

    /// The exit code for having given up
    #[arg(short = 'E', long, value_name = "CODE", default_value_t = 1)]
    pub(crate) conflict_exit_code: u8,

    /// Say for whom it waits, and when it has what it waited for
    #[arg(long)]
    pub(crate) wait_report: bool,

    /// Do not say that it gave up
    #[arg(short, long, conflicts_with = "wait_report")]
    pub(crate) quiet: bool,

    /// The resource NAME has N units; the same as NAME=1/N
    #[arg(long, value_name = "NAME=N", value_parser = resource::read_capacity)]
    pub(crate) capacity: Vec<(Name, u16)>,

    /// Where the capacity given here is not the known one, change it once nobody uses the resource
    #[arg(long)]
    pub(crate) redeclare: bool,

    /// Keep the locks in DIR [default: `$BRIGADE_LOCK_DIR`, or else a directory of the user's own]
    #[arg(long, value_name = "DIR")]
    pub(crate) lock_dir: Option<PathBuf>,

    /// Show who holds what and who waits for what
    #[arg(long, conflicts_with_all = ["resources", "command"])]
    pub(crate) list: bool,

    /// With --list, print one JSON object a line
    #[arg(long, requires = "list", conflicts_with_all = ["resources", "command"])]
    pub(crate) json: bool,

    /// What to run while it holds them
    #[arg(value_name = "COMMAND", last = true, required_unless_present = "list")]
    pub(crate) command: Vec<OsString>,
}

const EXPLANATION: &str = r#"Resources:
  A resource is any name that all who use it agree on; `:` and `=` are not part of it.

    brigade with db -- pg_dump shop               nobody else has db meanwhile
    brigade with cache:shared db -- ./report      with others who share cache
    brigade with gpu=2/4 -- ./train               two of four; others may have the rest

  How many units there are is remembered from the first who says it. Saying another number
  is an error until --redeclare changes it. Whoever asks for a counted resource by its name
  alone gets all of it.

  Several are taken in one order, whatever order they are named in: two commands that name
  the same resources cannot wait for each other. Inside COMMAND, another `brigade with` must
  not name what is held already, which is an error, and is warned if it breaks that order.

Waiting:
  Each resource has a queue: first come, first served, as the kernel serves flock(2); those
  who share do not overtake who waits to have it alone. Nothing is polled.

Locks:
  A lock is a file lock (flock) that ends with COMMAND. What COMMAND leaves in the background
  does not hold it. Should brigade be killed (SIGKILL) while COMMAND runs, the lock stays with
  COMMAND and what that started, and the kernel frees it when the last of them ends.
  The directory of locks is $BRIGADE_LOCK_DIR, or else one in /tmp, of the user's own and the
  same from cron, a terminal and a service. Its lock files stay; do not remove them.

Signals:
  What brigade gets goes to COMMAND, unless the terminal has sent it to both. Ctrl-Z (SIGTSTP)
  stops both, with the locks held, and SIGCONT to brigade continues both. While it waits for
  locks, a signal ends brigade; stopped, it keeps its place in the queue, and --timeout goes on.

Exit codes:
  that of COMMAND, or 128 and the number of the signal that ended it; 1 (or -E) gave up;
  126 COMMAND cannot be executed; 127 it was not found; 2 also misuse; 130 stopped by Ctrl-C
  while waiting, 143 by SIGTERM. But for the first, COMMAND was not run."#;
