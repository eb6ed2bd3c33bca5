//! What is asked for: `db`, `cache:shared`, `gpu=2/4`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};

use super::error::ResourceError;
use super::name::Name;

/// The most units that a resource may have: each is a file, and each that is held an open one.
pub(crate) const MOST_UNITS: u16 = 1000;

/// How a resource is to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Use {
    /// By nobody else.
    Exclusive,
    /// With others who share it or have units of it.
    Shared,
    /// So many of its units, and of how many if that was said.
    Units { wanted: u16, capacity: Option<u16> },
}

impl fmt::Display for Use {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exclusive => formatter.pad("exclusive"),
            Self::Shared => formatter.pad("shared"),
            Self::Units { wanted, capacity } => {
                let of = capacity.map_or_else(String::new, |capacity| format!("/{capacity}"));
                let units = if *wanted == 1 && capacity.is_none() {
                    "unit"
                } else {
                    "units"
                };
                formatter.pad(&format!("{wanted}{of} {units}"))
            }
        }
    }
}

/// A resource and how it is to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) name: Name,
    pub(crate) usage: Use,
}

/// How many units resources have, as far as it was said.
pub(crate) type Capacities = BTreeMap<Name, u16>;

/// Reads requests and puts them into the one order in which all processes take them, that of their names.
/// The same request twice is one.
///
/// # Errors
/// [`ResourceError`] if one cannot be read, if one resource is asked for in two ways, or for more than it has.
pub(crate) fn read_requests(
    words: &[OsString],
    capacities: &Capacities,
) -> Result<Vec<Request>, ResourceError> {
    let mut requests = Vec::<Request>::with_capacity(words.len());
    for word in words {
        let request = read_request(word, capacities)?;
        match requests.iter().find(|known| known.name == request.name) {
            None => requests.push(request),
            // Whether two numbers of units are to be added or are the same ones, nobody can know.
            Some(known) if *known == request && !matches!(request.usage, Use::Units { .. }) => {}
            Some(_) => return Err(ResourceError::Twice(request.name)),
        }
    }
    requests.sort_by(|a, b| a.name.cmp(&b.name));
    let unused = |name: &&Name| !requests.iter().any(|request| request.name == **name);
    match capacities.keys().find(unused) {
        Some(name) => Err(ResourceError::UnusedCapacity(name.clone())),
        None => Ok(requests),
    }
}

fn read_request(word: &OsStr, capacities: &Capacities) -> Result<Request, ResourceError> {
    let bytes = word.as_bytes();
    let malformed = || ResourceError::Malformed(word.to_string_lossy().into_owned());
    if let Some((name, units)) = split_last(bytes, b'=') {
        let units = std::str::from_utf8(units).map_err(|_| malformed())?;
        let (wanted, capacity) = match units.split_once('/') {
            Some((wanted, capacity)) => (wanted, Some(number(capacity).ok_or_else(malformed)?)),
            None => (units, None),
        };
        let wanted = number(wanted).ok_or_else(malformed)?;
        let name = plain_name(name).ok_or_else(malformed)??;
        let elsewhere = capacities.get(&name).copied();
        if let (Some(here), Some(there)) = (capacity, elsewhere)
            && here != there
        {
            return Err(ResourceError::TwoCapacities { name, here, there });
        }
        let capacity = capacity.or(elsewhere);
        if let Some(capacity) = capacity
            && wanted > capacity
        {
            return Err(ResourceError::TooMany {
                name,
                wanted,
                capacity,
            });
        }
        return Ok(Request {
            name,
            usage: Use::Units { wanted, capacity },
        });
    }
    let (name, usage) = match split_last(bytes, b':') {
        None => (bytes, Use::Exclusive),
        Some((name, b"shared")) => (name, Use::Shared),
        Some((name, b"exclusive")) => (name, Use::Exclusive),
        Some(_) => return Err(malformed()),
    };
    let name = plain_name(name).ok_or_else(malformed)??;
    Ok(Request { name, usage })
}

/// Reads `gpu=4`: how many units a resource has.
///
/// # Errors
/// A message that says what is wanted.
pub(crate) fn read_capacity(text: &str) -> Result<(Name, u16), String> {
    let malformed = || {
        format!(
            "give a resource and how many units it has (1 to {MOST_UNITS}), such as gpu=4, not `{text}`"
        )
    };
    let (name, units) = text.rsplit_once('=').ok_or_else(malformed)?;
    let units = number(units).ok_or_else(malformed)?;
    let name = plain_name(name.as_bytes()).ok_or_else(malformed)?;
    Ok((name.map_err(|error| error.to_string())?, units))
}

/// A name, unless it has a mark in it that would mean something at its end.
fn plain_name(bytes: &[u8]) -> Option<Result<Name, ResourceError>> {
    let marked = bytes.iter().any(|byte| b":=".contains(byte));
    (!marked).then(|| Name::new(bytes))
}

fn split_last(bytes: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().rposition(|&byte| byte == mark)?;
    Some((&bytes[..place], &bytes[place + 1..]))
}

fn number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| plain)?;
    (1..=MOST_UNITS).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Vec<String>, String> {
        let words = words.iter().map(OsString::from).collect::<Vec<_>>();
        let requests = read_requests(&words, &Capacities::default());
        let show = |request: Request| format!("{} {}", request.name, request.usage);
        requests
            .map(|requests| requests.into_iter().map(show).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn requests_say_how_a_resource_is_used_and_come_in_one_order() {
        let requests = read(&["b", "c:shared", "a:exclusive", "gpu=2/4", "e=1"]);
        let expected = [
            "a exclusive",
            "b exclusive",
            "c shared",
            "e 1 unit",
            "gpu 2/4 units",
        ];
        assert_eq!(requests.expect("well formed"), expected);
    }

    #[test]
    fn the_same_request_twice_is_one_and_another_for_the_same_resource_an_error() {
        assert_eq!(
            read(&["a", "b:shared", "a:exclusive", "b:shared"]).map(|all| all.len()),
            Ok(2)
        );
        for twice in [["a", "a:shared"], ["a=1", "a=1"], ["a", "a=1"]] {
            let error = read(&twice).expect_err("asked for twice");
            assert!(error.contains("`a` is named twice"), "{error}");
        }
    }

    #[test]
    fn what_is_not_a_request_is_an_error_that_quotes_it() {
        for wrong in [
            "a:share",
            "a=",
            "a=0",
            "a=x",
            "a=1/",
            "a=-1",
            "a=+1",
            "a=1001",
            "a:b:shared",
            "a=b=1",
            "a=1:shared",
            "a:shared=1",
        ] {
            let error = read(&[wrong]).expect_err(wrong);
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
        assert!(read(&[""]).expect_err("empty").contains("empty name"));
        assert!(read(&["=1"]).expect_err("empty").contains("empty name"));
    }

    #[test]
    fn more_units_than_there_are_is_an_error() {
        let error = read(&["gpu=5/4"]).expect_err("too many");
        assert!(error.contains("5 units of `gpu`, which has 4"), "{error}");
    }

    #[test]
    fn a_capacity_can_be_given_apart_and_must_then_be_used_and_agree() {
        let capacities = Capacities::from([read_capacity("gpu=4").expect("a capacity")]);
        let read = |word: &str| read_requests(&[OsString::from(word)], &capacities);
        let requests = read("gpu=2").expect("well formed");
        assert_eq!(requests[0].usage.to_string(), "2/4 units");
        for wrong in ["gpu=2/3", "cpu=1", "gpu=5"] {
            assert!(read(wrong).is_err(), "{wrong} was taken");
        }
        for wrong in ["gpu", "gpu=", "gpu=0", "=4", "a:b=4"] {
            assert!(read_capacity(wrong).is_err(), "{wrong} was taken");
        }
    }
}
