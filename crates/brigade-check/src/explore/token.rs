//! A schedule as a short text, from which it can be repeated exactly.

use crate::failure::Failure;

/// What is needed to repeat one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Token {
    /// From which the scenario's operations were generated.
    pub(crate) seed: u64,
    /// Of the check.
    pub(crate) origin: u64,
    /// Of the scenario, as it was run.
    pub(crate) fingerprint: u64,
    /// Which of the generated operations were kept.
    pub(crate) kept: Vec<bool>,
    /// How the values of the operations were made smaller, if they come from a strategy that can.
    pub(crate) simplifications: Vec<u8>,
    /// What the code under test drew from `shuttle::rand`.
    pub(crate) data_seed: u64,
    /// At each place where several threads could go on, which did.
    pub(crate) choices: Vec<u8>,
}

/// Text tokens begin with this; the number is that of the format.
const PREFIX: &str = "bc2-";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Token {
    pub(crate) fn encode(&self) -> String {
        let mut bytes = Vec::new();
        put(&mut bytes, self.seed);
        put(&mut bytes, self.origin);
        put(&mut bytes, self.fingerprint & 0xFFFF);
        put(&mut bytes, self.data_seed);
        let kept: Vec<u8> = self.kept.iter().map(|&kept| u8::from(kept)).collect();
        put_runs(&mut bytes, &kept);
        put_runs(&mut bytes, &self.choices);
        if !self.simplifications.is_empty() {
            put_runs(&mut bytes, &self.simplifications);
        }
        bytes.push(checksum(&bytes));
        PREFIX.to_owned() + &to_text(&bytes)
    }

    pub(crate) fn decode(text: &str) -> Result<Self, Failure> {
        let invalid = || Failure::InvalidToken(text.to_owned());
        let trimmed = text.trim().strip_prefix(PREFIX).ok_or_else(invalid)?;
        let bytes = from_text(trimmed).ok_or_else(invalid)?;
        let (&sum, mut rest) = bytes.split_last().ok_or_else(invalid)?;
        if checksum(rest) != sum {
            return Err(invalid());
        }
        let mut parse = || {
            let token = Self {
                seed: take(&mut rest)?,
                origin: take(&mut rest)?,
                fingerprint: take(&mut rest)?,
                data_seed: take(&mut rest)?,
                kept: take_runs(&mut rest)?
                    .iter()
                    .map(|&kept| kept != 0)
                    .collect(),
                choices: take_runs(&mut rest)?,
                simplifications: match rest {
                    [] => Vec::new(),
                    _ => take_runs(&mut rest)?,
                },
            };
            rest.is_empty().then_some(token)
        };
        parse().ok_or_else(invalid)
    }

    /// Whether this is a token for a scenario with that fingerprint.
    pub(crate) fn fits(&self, fingerprint: u64) -> bool {
        self.fingerprint == fingerprint & 0xFFFF
    }
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0x5A, |sum: u8, &byte| {
        sum.rotate_left(3) ^ byte.wrapping_mul(29)
    })
}

/// Seven bits a byte, low ones first; the eighth says that more follow.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// How many runs of equal values, then for each its length and value.
fn put_runs(bytes: &mut Vec<u8>, values: &[u8]) {
    let runs: Vec<&[u8]> = values.chunk_by(PartialEq::eq).collect();
    put(bytes, runs.len() as u64);
    for run in runs {
        // Short runs of small values, of which there are most, take one byte.
        let value = u64::from(run[0]);
        put(bytes, (run.len() as u64 - 1) << 2 | value.min(3));
        if value >= 3 {
            put(bytes, value);
        }
    }
}

/// A token from somewhere else must not make us fill the memory.
const LONGEST_RUN: u64 = 1 << 24;

fn take_runs(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let mut values = Vec::new();
    for _ in 0..take(bytes)? {
        let head = take(bytes)?;
        let length = (head >> 2) + 1;
        let value = match head & 3 {
            3 => u8::try_from(take(bytes)?).ok()?,
            small => small as u8,
        };
        if length > LONGEST_RUN - values.len() as u64 {
            return None;
        }
        values.resize(values.len() + length as usize, value);
    }
    Some(values)
}

fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0, |group, (index, &byte)| {
            group | u32::from(byte) << (8 * index)
        });
        for digit in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(group >> (6 * digit) & 63) as usize]));
        }
    }
    text
}

fn from_text(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    for chunk in text.as_bytes().chunks(4) {
        let mut group = 0;
        for (index, digit) in chunk.iter().enumerate() {
            let value = ALPHABET.iter().position(|letter| letter == digit)?;
            group |= (value as u32) << (6 * index);
        }
        let length = chunk.len().checked_sub(1).filter(|&length| length > 0)?;
        bytes.extend((0..length).map(|index| (group >> (8 * index)) as u8));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut rng = fastrand::Rng::with_seed(3);
        for length in 0..200 {
            let token = Token {
                seed: rng.u64(..),
                origin: rng.u64(..0x1_0000),
                fingerprint: rng.u64(..0x1_0000),
                kept: (0..length / 10).map(|_| rng.bool()).collect(),
                simplifications: (0..length / 4).map(|_| rng.u8(..3)).collect(),
                data_seed: rng.u64(..100),
                choices: (0..length)
                    .map(|_| rng.u8(0..6).saturating_sub(2) * 60)
                    .collect(),
            };
            assert_eq!(Token::decode(&token.encode()).unwrap(), token);
        }
    }

    #[test]
    fn a_token_with_a_typing_error_is_refused() {
        let token = Token {
            seed: 12_345,
            choices: vec![0, 0, 1, 0, 2],
            ..Token::default()
        };
        let text = token.encode();
        for place in PREFIX.len()..text.len() {
            let mut typed = text.clone().into_bytes();
            typed[place] = if typed[place] == b'x' { b'y' } else { b'x' };
            let typed = String::from_utf8(typed).unwrap();
            assert!(Token::decode(&typed).is_err() || Token::decode(&typed).unwrap() != token);
        }
        for text in ["", "bc2-", "bc2-A", "bc2-\u{e4}", "910102ccdedf"] {
            assert!(
                matches!(Token::decode(text), Err(Failure::InvalidToken(_))),
                "{text}"
            );
        }
    }
}
