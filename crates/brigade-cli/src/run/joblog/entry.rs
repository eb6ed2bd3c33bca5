//! One line of a job log.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::run::input::Identity;
use crate::run::job::{BadItem, Failure, Job};

/// What is logged of a job.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Entry {
    /// The number of the job in the log. What is run again has the number that it had.
    pub(crate) seq: u64,
    /// Where it was given.
    pub(crate) place: String,
    /// As it was given.
    pub(crate) job: Lossless,
    /// Of a job that is too long there is only the beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cut: bool,
    /// The words of the command that it is an argument for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) command: Vec<Lossless>,
    /// The arguments that the job is made of, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) arguments: Vec<Lossless>,
    /// Of a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// What a JSON object without `id` is known by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Lossless>,
    /// Of a block of input, which is not in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) block: Option<Identity>,
    /// When its last attempt began, in seconds since 1970.
    pub(crate) start: f64,
    /// How long that took.
    pub(crate) seconds: f64,
    pub(crate) attempts: u32,
    pub(crate) ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exit: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signal: Option<i32>,
    /// Why it failed, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

/// When a job's last attempt was, and how long it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) start: SystemTime,
    pub(crate) duration: Duration,
}

impl Entry {
    pub(crate) fn new(
        job: &Job,
        command: &[Lossless],
        timing: Timing,
        result: &Result<(), Failure>,
    ) -> Self {
        let failure = result.as_ref().err();
        let label = job.label.as_ref();
        let start = timing.start.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            seq: job.sequence,
            place: job.place.to_string(),
            job: Lossless(job.text.clone()),
            cut: matches!(job.command, Err(BadItem::TooLong)),
            command: command.to_vec(),
            arguments: job.arguments.iter().cloned().map(Lossless).collect(),
            id: label.and_then(|label| label.id.clone()),
            key: label
                .filter(|label| label.id.is_none())
                .map(|label| Lossless(label.key.clone())),
            block: job.block.as_ref().and_then(|block| block.identity.clone()),
            start: start.unwrap_or_default().as_micros() as f64 / 1e6,
            seconds: timing.duration.as_micros() as f64 / 1e6,
            attempts: job.attempts,
            ok: result.is_ok(),
            exit: failure.map_or(Some(0), Failure::exit_code),
            signal: failure.and_then(Failure::signal),
            failure: failure.map(ToString::to_string),
        }
    }

    /// What the job is known by.
    pub(crate) fn known_by(&self) -> &[u8] {
        match (&self.id, &self.key, &self.block) {
            (Some(id), ..) => id.as_bytes(),
            (None, Some(key), _) => &key.0,
            (None, None, Some(block)) => block.sha256.as_bytes(),
            (None, None, None) => &self.job.0,
        }
    }
}

/// Bytes in JSON without loss: a string if they are UTF-8, and otherwise `{"hex":"66ff"}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) struct Lossless(pub(crate) Vec<u8>);

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes { hex: String },
}

impl From<Lossless> for Written {
    fn from(bytes: Lossless) -> Self {
        match String::from_utf8(bytes.0) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Bytes {
                hex: error
                    .as_bytes()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
            },
        }
    }
}

impl TryFrom<Written> for Lossless {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let hex = match written {
            Written::Text(text) => return Ok(Self(text.into_bytes())),
            Written::Bytes { hex } => hex,
        };
        let digits = hex
            .chars()
            .map(|digit| {
                digit
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
            })
            .collect::<Option<Vec<u8>>>()
            .filter(|digits| digits.len().is_multiple_of(2))
            .ok_or("hex has an even number of digits")?;
        let bytes = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]);
        Ok(Self(bytes.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_the_same_after_they_were_written_and_read() {
        let all = (0..=255).collect::<Vec<u8>>();
        for bytes in [&b""[..], b"a", "é\n\"\u{0}".as_bytes(), b"f\xff", &all] {
            let written = serde_json::to_string(&Lossless(bytes.to_vec())).expect("written");
            let read = serde_json::from_str::<Lossless>(&written).expect("read");
            assert_eq!(read.0, bytes, "{written}");
        }
    }

    #[test]
    fn text_is_a_string_and_other_bytes_are_hex() {
        let written = |bytes: &[u8]| serde_json::to_string(&Lossless(bytes.to_vec()));
        assert_eq!(written("é".as_bytes()).expect("written"), "\"é\"");
        assert_eq!(written(b"f\xff").expect("written"), r#"{"hex":"66ff"}"#);
        for wrong in [r#"{"hex":"6"}"#, r#"{"hex":"6g"}"#, r#"{"hex":"é"}"#, "1"] {
            assert!(serde_json::from_str::<Lossless>(wrong).is_err(), "{wrong}");
        }
    }
}
