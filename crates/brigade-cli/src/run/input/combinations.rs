//! The arguments of the command line: one list, or every combination of several.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::item::{Item, Kind, Place, Text};

/// Every combination of an argument of each list, of which only the lists are kept. The first list
/// varies slowest.
pub(crate) struct Combinations {
    lists: Vec<Vec<Vec<u8>>>,
    /// How many there are; `None` if that is no number of 64 bits.
    total: Option<u64>,
    /// How many have been handed out.
    done: u64,
    /// Which argument of each list comes next.
    next: Vec<usize>,
}

impl Combinations {
    /// Of one or several lists.
    pub(crate) fn new(lists: Vec<Vec<OsString>>) -> Self {
        let bytes = |list: Vec<OsString>| list.into_iter().map(OsString::into_vec).collect();
        let lists = lists.into_iter().map(bytes).collect::<Vec<Vec<_>>>();
        let total = if lists.iter().any(Vec::is_empty) {
            Some(0)
        } else {
            let lengths = lists.iter().map(|list| list.len() as u64);
            lengths.into_iter().try_fold(1, u64::checked_mul)
        };
        Self {
            next: vec![0; lists.len()],
            total,
            done: 0,
            lists,
        }
    }

    /// How many are left, where that can be told.
    pub(crate) fn remaining(&self) -> Option<u64> {
        self.total.map(|total| total - self.done)
    }

    pub(crate) fn kind(&self) -> Kind {
        if self.lists.len() > 1 {
            Kind::Combination
        } else {
            Kind::Argument
        }
    }

    /// Turns to the next one, the last list first.
    fn turn(&mut self) {
        for (next, list) in self.next.iter_mut().zip(&self.lists).rev() {
            *next += 1;
            if *next < list.len() {
                return;
            }
            *next = 0;
        }
    }
}

impl Iterator for Combinations {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if self.remaining() == Some(0) {
            return None;
        }
        let chosen = self.lists.iter().zip(&self.next);
        let mut arguments = chosen
            .map(|(list, &next)| list[next].clone())
            .collect::<Vec<_>>();
        self.turn();
        self.done += 1;
        let text = if arguments.len() == 1 {
            arguments.remove(0)
        } else {
            // No two combinations have the same text, and a shell would read it as these arguments.
            // An argument of the command line has no NUL byte.
            shlex::bytes::try_join(arguments.iter().map(Vec::as_slice)).unwrap_or_default()
        };
        Some(Item {
            place: Place {
                file: None,
                number: self.done,
                kind: self.kind(),
            },
            text: Text::Whole(text),
            arguments,
            object: false,
            block: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lists: &[&[&str]]) -> Vec<String> {
        let list = |list: &&[&str]| list.iter().map(OsString::from).collect();
        let combinations = Combinations::new(lists.iter().map(list).collect());
        let text = |item: Item| match item.text {
            Text::Whole(text) => String::from_utf8(text).expect("UTF-8"),
            Text::TooLong(_) => panic!("cut"),
        };
        combinations.map(text).collect()
    }

    #[test]
    fn the_first_list_varies_slowest() {
        assert_eq!(
            texts(&[&["a", "b"], &["1"], &["x y", "z"]]),
            ["a 1 'x y'", "a 1 z", "b 1 'x y'", "b 1 z"]
        );
        assert_eq!(texts(&[&["x y", ""]]), ["x y", ""]);
    }

    #[test]
    fn an_empty_list_leaves_no_combination() {
        assert!(texts(&[&["a"], &[]]).is_empty());
        assert!(texts(&[&[]]).is_empty());
    }

    #[test]
    fn more_combinations_than_can_be_counted_are_begun() {
        let list = vec![OsString::from("a"); 100_000];
        let mut combinations = Combinations::new(vec![list; 4]);
        assert_eq!(combinations.remaining(), None);
        assert_eq!(combinations.nth(9).expect("more").place.number, 10);
    }
}
