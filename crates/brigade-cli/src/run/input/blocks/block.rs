//! One block, and what it is known by.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::quantity::Bytes;

/// A block may become so many times as large as it is meant to be, so that a record stays whole.
pub(super) const LONGEST: u64 = 16;

/// What a job reads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) bytes: Result<Vec<u8>, TooLong>,
    /// What it is known by, if there is a job log.
    pub(crate) identity: Option<Identity>,
}

/// What a block is known by in a job log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Identity {
    /// Of its bytes; of those that were kept, if it is too long.
    pub(crate) sha256: String,
    /// How the input was cut.
    pub(crate) cut: String,
}

/// It would not have been a block of a size that can be kept, and is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    pub(super) longest: u64,
    pub(super) record: &'static str,
}

impl Identity {
    /// Of these bytes, which were cut like this.
    pub(super) fn of(bytes: &[u8], cut: String) -> Self {
        Self {
            sha256: Sha256::digest(bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            cut,
        }
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { longest, record } = self;
        write!(
            formatter,
            "it is longer than {}, which is {LONGEST} times --block and the most that is kept of one {record}, or of \
             those of -N together; no job has read it: use a larger --block",
            Bytes(*longest)
        )
    }
}
