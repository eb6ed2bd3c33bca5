//! Follows shell code through its quotes and substitutions, to find places and what they demand.

use super::super::replacement::Replacement;
use super::{Manner, Misplaced, Piece};

/// What surrounds a place in shell code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    /// Commands: the top level, a subshell, or `$(..)`.
    Code,
    /// Between double quotes.
    Quotes,
    /// `${..}`
    Expansion,
    /// `$((..))`
    Arithmetic,
    /// Between backquotes.
    Backquotes,
}

/// A reading of shell code, and what has been made of it.
struct Scan<'a> {
    rest: &'a [u8],
    pieces: Vec<Piece>,
    /// What came after the last of them.
    code: Vec<u8>,
    inside: Vec<Context>,
    here_document: bool,
    /// The last command has ended, or a comment has begun: a word that came next would not belong to
    /// the command.
    closed: bool,
}

/// Cuts code at its places. If there is none, there is one at its end if there must be one.
///
/// # Errors
/// As [`Script::parse`](super::Script::parse).
pub(super) fn pieces(code: &[u8], needed: bool) -> Result<Vec<Piece>, Misplaced> {
    let mut scan = Scan {
        rest: code,
        code: Vec::new(),
        pieces: Vec::new(),
        inside: vec![Context::Code],
        here_document: false,
        closed: true,
    };
    while !scan.rest.is_empty() {
        scan.step()?;
    }
    if needed && scan.pieces.is_empty() {
        if scan.closed || scan.here_document {
            return Err(Misplaced::End);
        }
        scan.code.push(b' ');
        scan.push(Replacement::ALL, Manner::Words);
    }
    scan.pieces.push(Piece::Code(scan.code));
    Ok(scan.pieces)
}

impl Scan<'_> {
    fn step(&mut self) -> Result<(), Misplaced> {
        let context = self.inside.last().copied().unwrap_or(Context::Code);
        let (code, quotes) = (context == Context::Code, context == Context::Quotes);
        if let Some(byte) = self.rest.first().filter(|byte| !b" \t".contains(byte)) {
            self.closed = code && b"\n;&|(".contains(byte);
        }
        if code && self.at_word_start() && self.quoted_place() {
            return self.refuse_here_document();
        }
        if let Some((replacement, length)) = Replacement::at_start(self.rest) {
            let alone = code && self.at_word_start() && ends_word(&self.rest[length..]);
            self.rest = &self.rest[length..];
            return self.place(replacement, context, alone);
        }
        match self.rest {
            [b'\\', _, ..] => self.copy(2),
            [b'\'', ..] if !quotes => return self.single_quotes(),
            [b'"', ..] if quotes => self.leave(1),
            [b'"', ..] => self.enter(Context::Quotes, 1),
            [b'$', b'(', b'(', ..] => self.enter(Context::Arithmetic, 3),
            [b'$', b'(', ..] => self.enter(Context::Code, 2),
            [b'$', b'{', ..] => self.enter(Context::Expansion, 2),
            [b'`', ..] if context == Context::Backquotes => self.leave(1),
            [b'`', ..] => self.enter(Context::Backquotes, 1),
            [b'(', ..] if code => self.enter(Context::Code, 1),
            [b')', b')', ..] if context == Context::Arithmetic => self.leave(2),
            [b'}', ..] if context == Context::Expansion => self.leave(1),
            // The bracket of a `case` pattern closes nothing that was opened at the top level.
            [b')', ..] if code && self.inside.len() > 1 => self.leave(1),
            [b'<', b'<', ..] if code => {
                self.here_document = true;
                self.copy(2);
            }
            [b'#', ..] if code && self.at_word_start() => self.comment(),
            _ => self.copy(1),
        }
        Ok(())
    }

    fn copy(&mut self, length: usize) {
        let (copied, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.code.extend_from_slice(copied);
        self.rest = rest;
    }

    fn enter(&mut self, context: Context, length: usize) {
        self.inside.push(context);
        self.copy(length);
    }

    fn leave(&mut self, length: usize) {
        self.inside.pop();
        self.copy(length);
    }

    /// Copies a quotation in single quotes, leaving it for each place.
    fn single_quotes(&mut self) -> Result<(), Misplaced> {
        self.copy(1);
        while let Some(&byte) = self.rest.first() {
            if let Some((replacement, length)) = Replacement::at_start(self.rest) {
                self.rest = &self.rest[length..];
                self.code.push(b'\'');
                self.place(replacement, Context::Code, false)?;
                self.code.push(b'\'');
            } else {
                self.copy(1);
            }
            if byte == b'\'' {
                break;
            }
        }
        Ok(())
    }

    /// Copies a comment, in which places and quotes are only text.
    fn comment(&mut self) {
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        self.copy(end.unwrap_or(self.rest.len()));
        self.closed = true;
    }

    fn at_word_start(&self) -> bool {
        match self.code.last() {
            Some(byte) => b" \t\n;&|()".contains(byte),
            None => self.pieces.is_empty(),
        }
    }

    /// Takes a word that is a place in quotes and nothing else, as without them.
    fn quoted_place(&mut self) -> bool {
        let [quote @ (b'"' | b'\''), inner @ ..] = self.rest else {
            return false;
        };
        let Some((replacement, length)) = Replacement::at_start(inner) else {
            return false;
        };
        let Some(after) = inner[length..].strip_prefix(&[*quote]) else {
            return false;
        };
        if !ends_word(after) {
            return false;
        }
        self.rest = after;
        self.push(replacement, Manner::Words);
        true
    }

    fn refuse_here_document(&self) -> Result<(), Misplaced> {
        match self.pieces.last() {
            Some(&Piece::Place(replacement, _)) if self.here_document => Err(Misplaced::At(
                replacement,
                "after a here-document has begun",
            )),
            _ => Ok(()),
        }
    }

    fn place(
        &mut self,
        replacement: Replacement,
        context: Context,
        alone: bool,
    ) -> Result<(), Misplaced> {
        let manner = match context {
            Context::Code if alone => Manner::Words,
            Context::Code => Manner::Quoted,
            Context::Quotes => Manner::Bare,
            Context::Expansion => return Err(Misplaced::At(replacement, "inside ${..}")),
            Context::Arithmetic => return Err(Misplaced::At(replacement, "inside $((..))")),
            Context::Backquotes => return Err(Misplaced::At(replacement, "inside backquotes")),
        };
        self.push(replacement, manner);
        self.refuse_here_document()
    }

    fn push(&mut self, replacement: Replacement, manner: Manner) {
        self.pieces
            .push(Piece::Code(std::mem::take(&mut self.code)));
        self.pieces.push(Piece::Place(replacement, manner));
    }
}

/// True if a word has ended before this.
fn ends_word(rest: &[u8]) -> bool {
    rest.first()
        .is_none_or(|byte| b" \t\n;&|()<>".contains(byte))
}
