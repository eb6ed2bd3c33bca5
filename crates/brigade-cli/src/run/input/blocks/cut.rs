//! Where an input is cut into blocks.

use std::fmt;
use std::num::NonZeroU64;

use super::block::{LONGEST, TooLong};

/// How large a block is if nothing else is said, as with GNU parallel.
pub(crate) const DEFAULT_SIZE: u64 = 1024 * 1024;

/// How much is read at once where a size says nothing about it.
pub(super) const READ: usize = 64 * 1024;

/// How an input is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// In bytes.
    pub(crate) size: u64,
    /// Each block has so many records, whatever their size.
    pub(crate) records: Option<NonZeroU64>,
    /// What ends a record.
    pub(crate) end_mark: u8,
}

impl Cut {
    /// No block is larger.
    pub(super) fn longest(&self) -> u64 {
        self.size.saturating_mul(LONGEST)
    }

    /// What a record is called.
    pub(super) fn record(&self) -> &'static str {
        if self.end_mark == b'\n' {
            "line"
        } else {
            "item"
        }
    }

    pub(super) fn too_long(&self) -> TooLong {
        TooLong {
            longest: self.longest(),
            record: self.record(),
        }
    }

    /// How much more of a block is read at once if so much is there: it grows as what is there does, as the input may be
    /// much shorter than a block, and not beyond the size, as what follows belongs to another.
    pub(super) fn room(&self, length: usize) -> usize {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let room = length.max(READ);
        match size.checked_sub(length) {
            Some(rest @ 1..) if self.records.is_none() => rest.min(room),
            _ => READ,
        }
    }

    /// True if what has been read has a whole block, and no record more would belong to it.
    pub(super) fn is_complete(&self, bytes: &[u8], scan: &mut Scan) -> bool {
        let start = scan.looked_at;
        for mark in memchr::memchr_iter(self.end_mark, &bytes[start..]) {
            let end = start + mark + 1;
            let full = end as u64 >= self.size;
            if self.records.is_none() && scan.records > 0 && end as u64 > self.size {
                return true;
            }
            scan.end = end;
            scan.records += 1;
            let complete = match self.records {
                Some(records) => scan.records == records.get(),
                None => full,
            };
            if complete {
                return true;
            }
        }
        scan.looked_at = bytes.len();
        // What follows is the beginning of a record that has no room.
        self.records.is_none() && scan.records > 0 && bytes.len() as u64 >= self.size
    }
}

impl fmt::Display for Cut {
    /// As options, by which blocks of a job log can be told from others.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let null = if self.end_mark == 0 { " -0" } else { "" };
        match self.records {
            Some(records) => write!(formatter, "-N {records}{null}"),
            None => write!(formatter, "--block {}{null}", self.size),
        }
    }
}

/// How far a block has come about.
#[derive(Debug, Default)]
pub(super) struct Scan {
    looked_at: usize,
    /// Where its last whole record ends.
    pub(super) end: usize,
    pub(super) records: u64,
}
