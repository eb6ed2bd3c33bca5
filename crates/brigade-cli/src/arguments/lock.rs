//! What the command line of `brigade run` says about resources.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// The options by which jobs may need resources.
pub(super) const NAMING: &str = "naming";

/// The resources that each job needs.
#[derive(Debug, Args)]
pub(crate) struct LockArguments {
    /// Each job needs this resource: db (alone), cache:shared, or gpu=2/4 (two of four); repeatable
    #[arg(long = "lock", value_name = "RESOURCE", group = NAMING)]
    pub(crate) resources: Vec<OsString>,

    /// Resources are those that other runs with this option and `brigade with` on this machine see
    #[arg(long, requires = NAMING)]
    pub(crate) global_locks: bool,

    /// With --global-locks, keep the locks in DIR, as for `brigade with`
    #[arg(long, value_name = "DIR", requires = "global_locks")]
    pub(crate) lock_dir: Option<PathBuf>,
}
