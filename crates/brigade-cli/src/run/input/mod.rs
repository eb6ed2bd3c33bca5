//! Where jobs come from: a stream of lines or NUL-terminated items, blocks of one, or the command line.
//!
//! The door is [`Input`], which hands out one [`Item`] after the other, in constant memory, and waits no longer than the
//! run goes on. What an item asks for is not known here.

mod block;
mod combinations;
mod source;

use std::collections::VecDeque;
use std::fmt;
use std::io;

use crate::run::latch::Latch;

use self::source::Filled;

pub(crate) use self::block::{Block, Blocks, Cut, DEFAULT_SIZE, Identity, TooLong};
pub(crate) use self::combinations::Combinations;
pub(crate) use self::source::{FileName, Source};

/// The longest item that is read. It is also what Linux passes to a program as one argument, and what
/// `xargs` takes as a command line.
pub(crate) const LONGEST: usize = 128 * 1024 - 1;

/// How much is kept of an item that is too long, to show which one it was.
const SHOWN: usize = 256;

/// How much of a stream is read at once.
const READ: usize = 64 * 1024;

/// One job as it was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) place: Place,
    pub(crate) text: Text,
    /// The arguments it is made of, if there are several.
    pub(crate) arguments: Vec<Vec<u8>>,
    /// It is a JSON object, as a job log has it.
    pub(crate) object: bool,
    /// What its job reads, if the input is cut into blocks; the text then tells which part of it that is.
    pub(crate) block: Option<Block>,
}

/// What was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// All of it, without its end mark.
    Whole(Vec<u8>),
    /// More than [`LONGEST`] bytes, of which only the first few were kept.
    TooLong(Vec<u8>),
}

/// Where an item was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// In which of several files, or of those that were named.
    pub(crate) file: Option<FileName>,
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) kind: Kind,
}

/// How items are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A line each.
    Line,
    /// With a NUL byte after each.
    Item,
    /// Several lines or items each, for a job to read.
    Block,
    /// On the command line.
    Argument,
    /// On the command line, in several lists.
    Combination,
    /// In a job log, under that number.
    Logged,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Line => "line",
            Kind::Item => "item",
            Kind::Block => "block",
            Kind::Argument => "argument",
            Kind::Combination => "combination",
            Kind::Logged => "job",
        };
        if let Some(file) = self.file {
            write!(formatter, "{}, ", file.path.display())?;
        }
        write!(formatter, "{kind} {}", self.number)
    }
}

/// The jobs that were given, in order.
pub(crate) enum Input {
    Arguments(Combinations),
    Logged(std::vec::IntoIter<Item>),
    /// One or several, read one after the other.
    Streams(VecDeque<Stream>, Kind),
    /// The same, cut into blocks.
    Blocks(VecDeque<Blocks>),
}

impl Input {
    /// How many items there are, where that can be known.
    pub(crate) fn count(&self) -> Option<u64> {
        match self {
            Self::Arguments(arguments) => arguments.remaining(),
            Self::Logged(items) => Some(items.len() as u64),
            Self::Streams(..) | Self::Blocks(_) => None,
        }
    }

    /// True if someone types them.
    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Arguments(_) | Self::Logged(_) => false,
            Self::Streams(streams, _) => streams.iter().any(|it| it.source.is_terminal()),
            Self::Blocks(blocks) => blocks.iter().any(|it| it.source.is_terminal()),
        }
    }

    /// How items are given.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Arguments(arguments) => arguments.kind(),
            Self::Logged(_) => Kind::Logged,
            Self::Streams(_, kind) => *kind,
            Self::Blocks(_) => Kind::Block,
        }
    }

    /// How it is cut into blocks, if it is.
    pub(crate) fn cut(&self) -> Option<&Cut> {
        match self {
            Self::Blocks(several) => several.front().map(|blocks| &blocks.cut),
            _ => None,
        }
    }

    /// True once there is nothing left in it.
    pub(crate) fn is_at_end(&self) -> bool {
        match self {
            Self::Arguments(arguments) => arguments.remaining() == Some(0),
            Self::Logged(items) => items.len() == 0,
            Self::Streams(streams, _) => streams.iter().all(|it| it.source.ended),
            Self::Blocks(blocks) => blocks.iter().all(Blocks::is_at_end),
        }
    }

    /// The next item; `None` at the end. A stream is not read on, nor waited for, when `stop` is set, and nothing is
    /// combined any more.
    ///
    /// # Errors
    /// As `read(2)`; there is no more to read then.
    pub(crate) fn next(&mut self, stop: &Latch) -> io::Result<Option<Item>> {
        match self {
            // There may be more of them than can be listed as not run.
            Self::Arguments(arguments)
                if arguments.kind() == Kind::Combination && stop.is_set() =>
            {
                Ok(None)
            }
            Self::Arguments(arguments) => Ok(arguments.next()),
            Self::Logged(items) => Ok(items.next()),
            Self::Streams(streams, _) => {
                while let Some(stream) = streams.front_mut().filter(|_| !stop.is_set()) {
                    if let Some(item) = stream.next(stop)? {
                        return Ok(Some(item));
                    }
                    if stream.source.ended {
                        streams.pop_front();
                    }
                }
                Ok(None)
            }
            Self::Blocks(several) => {
                while let Some(blocks) = several.front_mut().filter(|_| !stop.is_set()) {
                    if let Some(item) = blocks.next(stop)? {
                        return Ok(Some(item));
                    }
                    if blocks.is_at_end() {
                        several.pop_front();
                    }
                }
                Ok(None)
            }
        }
    }
}

/// Cuts a file, pipe or terminal into items, in constant memory.
pub(crate) struct Stream {
    source: Source,
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
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Write, pipe};
    use std::os::fd::OwnedFd;
    use std::thread;

    use super::*;

    fn input(reader: io::PipeReader, kind: Kind) -> Input {
        let stream = Stream::new(Source::new(File::from(OwnedFd::from(reader)), None), kind);
        Input::Streams(VecDeque::from([stream]), kind)
    }

    /// The items of a pipe into which `bytes` are written.
    fn items(bytes: &[u8], kind: Kind) -> Vec<Item> {
        let (reader, mut writer) = pipe().expect("a pipe");
        let stop = Latch::new().expect("a pipe");
        thread::scope(|scope| {
            scope.spawn(move || writer.write_all(bytes).expect("is read"));
            let mut input = input(reader, kind);
            std::iter::from_fn(|| input.next(&stop).expect("reads")).collect()
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
        let mut input = input(reader, Kind::Line);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| input.next(&stop));
            stop.set();
            assert_eq!(waiting.join().expect("no panic").expect("no error"), None);
        });
        drop(writer);
    }
}
