//! Cuts a file, pipe or terminal into lines, or items that end with a NUL byte.

use std::io;

use crate::run::latch::Latch;

use super::cutter::Cutter;
use super::item::{Item, Kind, LONGEST, Place, Text};
use super::source::{Filled, Source};

/// How much is kept of an item that is too long, to show which one it was.
const SHOWN: usize = 256;

/// How much of a stream is read at once.
const READ: usize = 64 * 1024;

/// Cuts a file, pipe or terminal into items, in constant memory.
pub(crate) struct Stream {
    pub(super) source: Source,
    kind: Kind,
    number: u64,
    buffer: Vec<u8>,
    /// How much of the buffer has been used.
    used: usize,
}

impl Stream {
    /// Reads lines, or items that end with a NUL byte. The last one need not have an end.
    pub(crate) fn new(source: Source, kind: Kind) -> Self {
        Self {
            source,
            kind,
            number: 0,
            buffer: Vec::new(),
            used: 0,
        }
    }
}

impl Cutter for Stream {
    fn next(&mut self, stop: &Latch) -> io::Result<Option<Item>> {
        let end_mark = if self.kind == Kind::Line { b'\n' } else { 0 };
        let mut begun = false;
        let mut kept = Vec::new();
        let mut too_long = false;
        loop {
            if self.used == self.buffer.len() {
                self.used = 0;
                self.buffer.clear();
                self.buffer.reserve(READ);
                match self.source.read(&mut self.buffer, stop)? {
                    Filled::Stopped => return Ok(None),
                    Filled::End if begun => break,
                    Filled::End => return Ok(None),
                    Filled::More => {}
                }
            }
            begun = true;
            let rest = &self.buffer[self.used..];
            let end = rest.iter().position(|&byte| byte == end_mark);
            let part = &rest[..end.unwrap_or(rest.len())];
            if kept.len() + part.len() > LONGEST && !too_long {
                // The rest is passed over: an endless line must not fill the memory.
                too_long = true;
                kept.truncate(SHOWN);
                kept.shrink_to_fit();
            } else if !too_long {
                kept.extend_from_slice(part);
            }
            self.used += part.len() + usize::from(end.is_some());
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        let place = Place {
            file: self.source.name,
            number: self.number,
            kind: self.kind,
        };
        let text = if too_long {
            Text::TooLong(kept)
        } else {
            Text::Whole(kept)
        };
        Ok(Some(Item {
            place,
            text,
            arguments: Vec::new(),
            object: false,
            block: None,
        }))
    }

    fn is_at_end(&self) -> bool {
        self.source.ended
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Write, pipe};
    use std::os::fd::OwnedFd;
    use std::thread;

    use super::*;

    fn stream(reader: io::PipeReader, kind: Kind) -> Stream {
        Stream::new(Source::new(File::from(OwnedFd::from(reader)), None), kind)
    }

    /// The items of a pipe into which `bytes` are written.
    fn items(bytes: &[u8], kind: Kind) -> Vec<Item> {
        let (reader, mut writer) = pipe().expect("a pipe");
        let stop = Latch::new().expect("a pipe");
        thread::scope(|scope| {
            let writes = scope.spawn(move || writer.write_all(bytes).expect("is read"));
            let mut stream = stream(reader, kind);
            let items = std::iter::from_fn(|| stream.next(&stop).expect("reads")).collect();
            writes.join().expect("is read");
            items
        })
    }

    fn texts(bytes: &[u8], kind: Kind) -> Vec<Vec<u8>> {
        let whole = |item: Item| match item.text {
            Text::Whole(text) => text,
            Text::TooLong(_) => panic!("{} is too long", item.place),
        };
        items(bytes, kind).into_iter().map(whole).collect()
    }

    #[test]
    fn lines_end_with_a_newline_but_for_the_last() {
        assert_eq!(texts(b"a\n\nb c\n", Kind::Line), [&b"a"[..], b"", b"b c"]);
        assert_eq!(texts(b"a\nb", Kind::Line), [b"a", b"b"]);
        assert_eq!(texts(b"", Kind::Line), [b""; 0]);
        assert_eq!(texts(b"a\0b\n", Kind::Line), [b"a\0b"]);
    }

    #[test]
    fn items_end_with_nul() {
        assert_eq!(texts(b"a\nb\0\0c", Kind::Item), [&b"a\nb"[..], b"", b"c"]);
    }

    #[test]
    fn lines_of_any_length_up_to_the_limit_are_whole() {
        for length in [READ - 1, READ, READ + 1, LONGEST] {
            let line = vec![b'x'; length];
            let read = texts(&[&line[..], b"\nend\n"].concat(), Kind::Line);
            assert!(read == [&line[..], b"end"], "length {length}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_in_constant_memory() {
        let bytes = [&vec![b'x'; 40 * LONGEST][..], b"\nend\n"].concat();
        let items = items(&bytes, Kind::Line);
        let Text::TooLong(kept) = &items[0].text else {
            panic!("taken as whole");
        };
        assert!(kept.len() == SHOWN && kept.capacity() < 2 * SHOWN);
        assert_eq!((items.len(), items[1].place.number), (2, 2));
        assert_eq!(items[1].text, Text::Whole(b"end".to_vec()));
    }

    #[test]
    fn places_count_from_one() {
        let places = items(b"a\nb\n", Kind::Line)
            .iter()
            .map(|item| item.place.to_string())
            .collect::<Vec<_>>();
        assert_eq!(places, ["line 1", "line 2"]);
    }

    #[test]
    fn a_stop_ends_a_wait_for_input() {
        let (reader, writer) = pipe().expect("a pipe");
        let stop = Latch::new().expect("a pipe");
        let mut stream = stream(reader, Kind::Line);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| stream.next(&stop));
            stop.set();
            assert_eq!(waiting.join().expect("no panic").expect("no error"), None);
        });
        drop(writer);
    }
}
