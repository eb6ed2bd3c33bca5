//! Blocks of whole records, each of which is the standard input of one job (`--pipe`).
//!
//! The door is [`Blocks`].

mod block;
mod cut;

use std::io;
use std::num::NonZeroU64;

use crate::run::latch::Latch;

use super::cutter::Cutter;
use super::item::{Item, Kind, Place, Text};
use super::source::{Filled, Source};

use self::cut::{READ, Scan};

pub(crate) use self::block::{Block, Identity, TooLong};
pub(crate) use self::cut::{Cut, DEFAULT_SIZE};

/// Cuts a file, pipe or terminal into blocks, of which one is kept here while it comes about.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) source: Source,
    pub(crate) cut: Cut,
    /// Blocks are given what they are known by.
    identify: bool,
    number: u64,
    /// How many records there were.
    records: u64,
    /// What was read beyond the last block.
    rest: Vec<u8>,
    /// Why there is nothing more to read, once what was read before has been handed out.
    failed: Option<io::Error>,
}

impl Blocks {
    pub(crate) fn new(source: Source, cut: Cut, identify: bool) -> Self {
        Self {
            source,
            cut,
            identify,
            number: 0,
            records: 0,
            rest: Vec::new(),
            failed: None,
        }
    }
}

impl Cutter for Blocks {
    fn next(&mut self, stop: &Latch) -> io::Result<Option<Item>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut bytes = std::mem::take(&mut self.rest);
        let mut scan = Scan::default();
        while !self.cut.is_complete(&bytes, &mut scan) {
            if bytes.len() as u64 > self.cut.longest() {
                return self.pass_over(bytes, scan, stop);
            }
            bytes.reserve_exact(self.cut.room(bytes.len()));
            match self.source.read(&mut bytes, stop) {
                Ok(Filled::More) => {}
                Ok(Filled::Stopped) => return Ok(None),
                Ok(Filled::End) => {
                    // The last record need not have an end.
                    scan.records += u64::from(scan.end < bytes.len());
                    scan.end = bytes.len();
                    break;
                }
                Err(error) => {
                    // Part of a record must not be taken for all of it.
                    bytes.truncate(scan.end);
                    self.failed = Some(error);
                    break;
                }
            }
        }
        if scan.end == 0 {
            return self.failed.take().map_or(Ok(None), Err);
        }
        self.rest = bytes.split_off(scan.end);
        bytes.shrink_to_fit();
        let identity = self.identify(&bytes);
        // It may have been read at once.
        let bytes = if bytes.len() as u64 > self.cut.longest() {
            Err(self.cut.too_long())
        } else {
            Ok(bytes)
        };
        Ok(Some(self.item(scan.records, bytes, identity)))
    }

    fn is_at_end(&self) -> bool {
        self.source.ended && self.rest.is_empty() && self.failed.is_none()
    }
}

impl Blocks {
    /// Reads on to the end of a block that has become too long, and keeps nothing of it.
    fn pass_over(
        &mut self,
        mut bytes: Vec<u8>,
        scan: Scan,
        stop: &Latch,
    ) -> io::Result<Option<Item>> {
        let identity = self.identify(&bytes);
        let wanted = self.cut.records.map_or(1, NonZeroU64::get);
        let mut records = scan.records;
        // What came last is not the end of a record.
        let mut open = scan.end < bytes.len();
        bytes = Vec::new();
        while records < wanted {
            bytes.clear();
            bytes.reserve(READ);
            match self.source.read(&mut bytes, stop) {
                Ok(Filled::More) => {}
                Ok(Filled::Stopped) => break,
                Ok(Filled::End) => {
                    records += u64::from(open);
                    break;
                }
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
            open = bytes.last() != Some(&self.cut.end_mark);
            for mark in memchr::memchr_iter(self.cut.end_mark, &bytes) {
                records += 1;
                if records == wanted {
                    self.rest = bytes.split_off(mark + 1);
                    break;
                }
            }
        }
        Ok(Some(self.item(records, Err(self.cut.too_long()), identity)))
    }

    fn identify(&self, bytes: &[u8]) -> Option<Identity> {
        self.identify
            .then(|| Identity::of(bytes, self.cut.to_string()))
    }

    fn item(
        &mut self,
        records: u64,
        bytes: Result<Vec<u8>, TooLong>,
        identity: Option<Identity>,
    ) -> Item {
        self.number += 1;
        let first = self.records + 1;
        self.records += records;
        let (last, record) = (self.records, self.cut.record());
        let text = if first < last {
            format!("{record}s {first}-{last}")
        } else {
            format!("{record} {first}")
        };
        Item {
            place: Place {
                file: self.source.name,
                number: self.number,
                kind: Kind::Block,
            },
            text: Text::Whole(text.into_bytes()),
            arguments: Vec::new(),
            object: false,
            block: Some(Block { bytes, identity }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Write, pipe};
    use std::os::fd::OwnedFd;
    use std::thread;

    use super::*;

    fn cut(size: u64, records: Option<u64>) -> Cut {
        Cut {
            size,
            records: records.and_then(NonZeroU64::new),
            end_mark: b'\n',
        }
    }

    /// The blocks of a pipe into which `bytes` are written, and what they are called.
    fn blocks(bytes: &[u8], cut: Cut) -> Vec<(String, Option<Vec<u8>>)> {
        let (reader, mut writer) = pipe().expect("a pipe");
        let stop = Latch::new().expect("a pipe");
        thread::scope(|scope| {
            let writing = scope.spawn(move || writer.write_all(bytes).expect("is read"));
            let source = Source::new(File::from(OwnedFd::from(reader)), None);
            let mut blocks = Blocks::new(source, cut, false);
            let all = std::iter::from_fn(|| blocks.next(&stop).expect("reads"))
                .map(|item| {
                    let Text::Whole(text) = item.text else {
                        panic!("{} has no name", item.place);
                    };
                    let name = String::from_utf8(text).expect("UTF-8");
                    (name, item.block.expect("a block").bytes.ok())
                })
                .collect();
            assert!(blocks.is_at_end());
            writing.join().expect("no panic");
            all
        })
    }

    #[track_caller]
    fn assert_cut(bytes: &[u8], cut: Cut, expected: &[(&str, &str)]) {
        let expected = expected
            .iter()
            .map(|&(name, text)| (name.to_owned(), Some(text.as_bytes().to_vec())))
            .collect::<Vec<_>>();
        assert_eq!(blocks(bytes, cut), expected, "{cut}");
    }

    #[test]
    fn a_block_has_as_many_whole_lines_as_fit() {
        let size = |size| cut(size, None);
        let lines = b"a\nbb\n\nccc\nd";
        assert_cut(lines, size(100), &[("lines 1-5", "a\nbb\n\nccc\nd")]);
        assert_cut(
            lines,
            size(5),
            &[
                ("lines 1-2", "a\nbb\n"),
                ("lines 3-4", "\nccc\n"),
                ("line 5", "d"),
            ],
        );
        assert_cut(
            lines,
            size(6),
            &[("lines 1-3", "a\nbb\n\n"), ("lines 4-5", "ccc\nd")],
        );
        assert_cut(b"", size(5), &[]);
    }

    #[test]
    fn a_line_longer_than_a_block_is_a_block_of_its_own() {
        let lines = b"a\nbbbbbbbbbb\nc\n";
        assert_cut(
            lines,
            cut(4, None),
            &[
                ("line 1", "a\n"),
                ("line 2", "bbbbbbbbbb\n"),
                ("line 3", "c\n"),
            ],
        );
    }

    #[test]
    fn a_block_may_have_a_number_of_lines_whatever_their_size() {
        assert_cut(
            b"a\nbbbbbbbb\nc\nd",
            cut(4, Some(2)),
            &[("lines 1-2", "a\nbbbbbbbb\n"), ("lines 3-4", "c\nd")],
        );
    }

    #[test]
    fn a_line_of_more_than_sixteen_blocks_is_passed_over_and_none_that_follows() {
        let most = "x".repeat(16 * 4 - 1) + "\n";
        assert_cut(most.as_bytes(), cut(4, None), &[("line 1", &most)]);
        for length in [16 * 4, 300_000] {
            let longer = ["a\n", &"x".repeat(length), "\nb\n"].concat();
            let found = blocks(longer.as_bytes(), cut(4, None));
            let names = found.iter().map(|(name, _)| name.as_str());
            assert_eq!(names.collect::<Vec<_>>(), ["line 1", "line 2", "line 3"]);
            assert_eq!(found[1].1, None);
            assert_eq!(found[2].1.as_deref(), Some(&b"b\n"[..]));
        }
    }

    #[test]
    fn blocks_of_any_size_make_up_the_input() {
        let lines = (0..3_000).map(|line| "y".repeat(line % 97) + "\n");
        let text = lines.collect::<String>().into_bytes();
        for size in [64, 100, 4_096, 65_536, 1 << 20] {
            let all = blocks(&text, cut(size, None)).into_iter();
            let bytes = all.map(|(name, bytes)| bytes.expect(&name));
            let bytes = bytes.collect::<Vec<_>>();
            assert!(bytes.iter().all(|it| it.len() as u64 <= size.max(97)));
            assert!(bytes.concat() == text, "size {size}");
        }
    }
}
