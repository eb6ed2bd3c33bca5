//! What an experiment has found.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::quantity::{Bytes, Grouped, Span};

use super::picture::{Bar, Picture};

/// What an experiment has found.
#[derive(Serialize)]
pub(crate) struct Outcome {
    /// Each way it was done, broken ones first. All have the same figures, in the same order.
    pub(crate) variants: Vec<Variant>,
    pub(crate) picture: Picture,
    /// Something worth reading word for word, such as a report of the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) excerpt: Option<String>,
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
}

/// What was seen, and whether it is what was expected.
#[derive(Serialize)]
pub(crate) struct Verdict {
    /// In one line.
    pub(crate) seen: String,
    pub(crate) as_expected: bool,
}

/// One way to do it, and what came of that.
#[derive(Serialize)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) soundness: Soundness,
    pub(crate) figures: Vec<Figure>,
}

/// Whether a way to do it is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Soundness {
    Broken,
    Sound,
}

/// Something that was counted or measured.
#[derive(Serialize)]
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    #[serde(flatten)]
    pub(crate) value: Value,
}

/// A value with its unit.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "unit", content = "value", rename_all = "snake_case")]
pub(crate) enum Value {
    Count(u64),
    /// A difference, whose sign is shown.
    Balance(i64),
    #[serde(rename = "nanoseconds", serialize_with = "nanoseconds")]
    Time(Duration),
    PerSecond(f64),
    Bytes(u64),
    /// A part of one.
    Share(f64),
    /// What cannot be a number.
    Word(&'static str),
}

/// Durations are numbers in JSON.
pub(super) fn nanoseconds<S: Serializer>(
    time: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => Grouped(*count).fmt(formatter),
            Self::Balance(balance) => {
                let sign = match balance {
                    ..0 => "-",
                    0 => "",
                    1.. => "+",
                };
                write!(formatter, "{sign}{}", Grouped(balance.unsigned_abs()))
            }
            Self::Time(time) => Span(*time).fmt(formatter),
            Self::PerSecond(rate) => write!(formatter, "{}/s", Grouped(rate.round() as u64)),
            Self::Bytes(bytes) => Bytes(*bytes).fmt(formatter),
            Self::Share(share) => write!(formatter, "{:.1} %", share * 100.0),
            Self::Word(word) => formatter.write_str(word),
        }
    }
}

impl Variant {
    pub(crate) fn broken(name: &'static str, figures: Vec<Figure>) -> Self {
        let soundness = Soundness::Broken;
        Self {
            name,
            soundness,
            figures,
        }
    }

    pub(crate) fn sound(name: &'static str, figures: Vec<Figure>) -> Self {
        let soundness = Soundness::Sound;
        Self {
            name,
            soundness,
            figures,
        }
    }

    /// Its bar in a picture.
    pub(crate) fn bar(&self, length: f64, shown: Value) -> Bar {
        Bar {
            label: self.name.to_owned(),
            soundness: self.soundness,
            length,
            shown,
        }
    }
}

impl Figure {
    pub(crate) fn new(what: &'static str, value: Value) -> Self {
        Self { what, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_with_their_units() {
        let cases = [
            (Value::Count(1_234), "1,234"),
            (Value::Balance(-1_234), "-1,234"),
            (Value::Balance(0), "0"),
            (Value::Balance(7), "+7"),
            (Value::Time(Duration::from_millis(12)), "12.0 ms"),
            (Value::PerSecond(1_234.4), "1,234/s"),
            (Value::Bytes(2048), "2.00 KiB"),
            (Value::Share(0.4321), "43.2 %"),
            (Value::Word("for ever"), "for ever"),
        ];
        for (value, shown) in cases {
            assert_eq!(value.to_string(), shown);
        }
    }

    #[test]
    fn json_has_numbers_in_named_units() {
        let figure = Figure::new("wait", Value::Time(Duration::from_micros(3)));
        let json = serde_json::to_string(&figure).expect("JSON");
        assert_eq!(json, r#"{"what":"wait","unit":"nanoseconds","value":3000}"#);
    }
}
