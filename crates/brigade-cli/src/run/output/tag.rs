//! Which job a line of output is of.

use std::io::{self, Write};

/// Writes something before each line.
pub(crate) struct Tagged<'a, W: Write> {
    output: W,
    tag: &'a [u8],
    at_start: bool,
}

impl<'a, W: Write> Tagged<'a, W> {
    /// What is written next begins a line.
    pub(crate) fn new(output: W, tag: &'a [u8]) -> Self {
        Self {
            output,
            tag,
            at_start: true,
        }
    }
}

impl<W: Write> Write for Tagged<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = Vec::with_capacity(bytes.len() + self.tag.len());
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if std::mem::replace(&mut self.at_start, line.ends_with(b"\n")) {
                text.extend_from_slice(self.tag);
            }
            text.extend_from_slice(line);
        }
        self.output.write_all(&text)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// The tag of a job: its text without anything that would break a line or move a cursor, and a tab.
pub(crate) fn tag(text: &[u8]) -> Vec<u8> {
    let mut tag = Vec::with_capacity(text.len() + 1);
    for &byte in text {
        if byte.is_ascii_control() {
            tag.extend(std::ascii::escape_default(byte));
        } else {
            tag.push(byte);
        }
    }
    tag.push(b'\t');
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_tagged_however_it_comes() {
        let text = b"a\n\nbc\nd";
        for length in 1..=text.len() {
            let mut output = Vec::new();
            let mut tagged = Tagged::new(&mut output, b"x\t");
            for part in text.chunks(length) {
                tagged.write_all(part).expect("a vector takes all");
            }
            assert_eq!(output, b"x\ta\nx\t\nx\tbc\nx\td");
        }
    }

    #[test]
    fn a_tag_is_on_one_line() {
        assert_eq!(tag(b"a\n\x1b[b\xff c"), b"a\\n\\x1b[b\xff c\t");
    }
}
