//! What a job that is a JSON object waits for before it begins.

use std::ffi::OsString;
use std::fmt;
use std::time::Instant;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::resource::{Capacities, Request, read_requests};

use super::hash::{Hash, hash};
use super::scalar::Scalar;

/// What a job waits for before it begins.
#[derive(Debug)]
pub(crate) struct Needs {
    /// The jobs that must have ended well, each once.
    pub(crate) after: Vec<Predecessor>,
    /// The resources that it has while it runs, in the order of their names.
    pub(crate) locks: Vec<Request>,
    /// Since when it waits.
    pub(crate) since: Instant,
}

/// A job that must have ended well before another begins.
#[derive(Clone, Debug)]
pub(crate) struct Predecessor {
    pub(crate) id: String,
    pub(crate) hash: Hash,
}

impl Default for Needs {
    /// Nothing, from now on.
    fn default() -> Self {
        Self {
            after: Vec::new(),
            locks: Vec::new(),
            since: Instant::now(),
        }
    }
}

impl Needs {
    /// True if it waits for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.after.is_empty() && self.locks.is_empty()
    }

    /// Reads them.
    ///
    /// # Errors
    /// What is wrong with them, for people.
    pub(super) fn read(after: Vec<String>, locks: Vec<String>) -> Result<Self, String> {
        let mut predecessors = Vec::<Predecessor>::with_capacity(after.len());
        for id in after {
            if id.is_empty() {
                return Err("an id in its `after` is empty".to_owned());
            }
            let hash = hash(id.as_bytes());
            predecessors.push(Predecessor { id, hash });
        }
        predecessors.sort_by_key(|it| it.hash);
        predecessors.dedup_by_key(|it| it.hash);
        let words = locks.into_iter().map(OsString::from).collect::<Vec<_>>();
        let locks = read_requests(&words, &Capacities::new()).map_err(|error| error.to_string())?;
        Ok(Self {
            after: predecessors,
            locks,
            ..Self::default()
        })
    }
}

/// Reads a list of texts, or one alone.
pub(super) fn read_list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    from.deserialize_any(OneOrSeveral)
}

struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Vec<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or a list of strings")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(Element(text)) = list.next_element()? {
            texts.push(text);
        }
        Ok(texts)
    }
}

struct Element(String);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Scalar("a string")).map(Self)
    }
}
