//! What can be drawn. How it is drawn is the business of `characters.rs` and `svg.rs`.

use std::time::Duration;

use serde::Serialize;

use super::outcome::{Soundness, Value, nanoseconds};

/// Something to look at.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Picture {
    Bars(Bars),
    Curves(Curves),
    Lanes(Lanes),
}

/// One value for each of several things.
#[derive(Serialize)]
pub(crate) struct Bars {
    pub(crate) title: String,
    pub(crate) scale: Scale,
    pub(crate) bars: Vec<Bar>,
}

/// How a value becomes a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scale {
    /// The longest bar is the largest value, and none begins above zero.
    Linear,
    /// Each tenfold value is as much longer; the shortest bar is the smallest value above zero.
    Logarithmic,
}

/// A value that is drawn.
#[derive(Serialize)]
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) soundness: Soundness,
    /// What its length is; not negative.
    pub(crate) length: f64,
    /// What is written beside it.
    #[serde(skip)]
    pub(crate) shown: Value,
}

/// Values over time.
#[derive(Serialize)]
pub(crate) struct Curves {
    pub(crate) title: String,
    #[serde(rename = "until_nanoseconds", serialize_with = "nanoseconds")]
    pub(crate) until: Duration,
    /// The top of the picture, in words too.
    pub(crate) most: f64,
    #[serde(skip)]
    pub(crate) most_shown: Value,
    pub(crate) curves: Vec<Curve>,
}

/// One thing over time.
#[derive(Serialize)]
pub(crate) struct Curve {
    pub(crate) label: String,
    pub(crate) soundness: Soundness,
    /// In the order of time.
    pub(crate) points: Vec<Point>,
}

/// A value at a time.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Point {
    #[serde(rename = "nanoseconds", serialize_with = "nanoseconds")]
    pub(crate) at: Duration,
    pub(crate) value: f64,
}

/// What each of several threads did when.
#[derive(Serialize)]
pub(crate) struct Lanes {
    pub(crate) title: String,
    #[serde(rename = "until_nanoseconds", serialize_with = "nanoseconds")]
    pub(crate) until: Duration,
    pub(crate) lanes: Vec<Lane>,
}

/// What one thread did when.
#[derive(Serialize)]
pub(crate) struct Lane {
    pub(crate) label: String,
    /// In the order of time; between them it did nothing.
    pub(crate) stretches: Vec<Stretch>,
}

/// What a thread did for a while.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Stretch {
    #[serde(rename = "from_nanoseconds", serialize_with = "nanoseconds")]
    pub(crate) from: Duration,
    #[serde(rename = "to_nanoseconds", serialize_with = "nanoseconds")]
    pub(crate) to: Duration,
    pub(crate) activity: Activity,
}

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Activity {
    Working,
    Waiting,
    /// Waiting for what will never come.
    Stuck,
}

impl Activity {
    pub(crate) const ALL: [Self; 3] = [Self::Working, Self::Waiting, Self::Stuck];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::Stuck => "stuck for ever",
        }
    }
}

impl Picture {
    pub(crate) fn title(&self) -> &str {
        match self {
            Self::Bars(bars) => &bars.title,
            Self::Curves(curves) => &curves.title,
            Self::Lanes(lanes) => &lanes.title,
        }
    }
}

impl Bars {
    /// The length of each bar as a part of the longest one's.
    pub(crate) fn parts(&self) -> Vec<f64> {
        /// Of the longest bar; the shortest one on a logarithmic scale, so that it can be seen.
        const SHORTEST: f64 = 0.05;
        let lengths = || self.bars.iter().map(|bar| bar.length);
        let longest = lengths().fold(0.0, f64::max);
        let part = |length: f64| match self.scale {
            _ if longest == 0.0 || length <= 0.0 => 0.0,
            Scale::Linear => length / longest,
            Scale::Logarithmic => {
                let shortest = lengths()
                    .filter(|&length| length > 0.0)
                    .fold(longest, f64::min);
                let range = (longest / shortest).ln();
                let part = if range == 0.0 {
                    1.0
                } else {
                    (length / shortest).ln() / range
                };
                SHORTEST + (1.0 - SHORTEST) * part
            }
        };
        lengths().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(scale: Scale, lengths: &[f64]) -> Vec<f64> {
        let bar = |&length: &f64| Bar {
            label: String::new(),
            soundness: Soundness::Sound,
            length,
            shown: Value::Word(""),
        };
        let bars = lengths.iter().map(bar).collect();
        let title = String::new();
        Bars { title, scale, bars }.parts()
    }

    #[test]
    fn a_linear_bar_is_as_long_as_its_value() {
        assert_eq!(parts(Scale::Linear, &[1.0, 4.0, 0.0]), [0.25, 1.0, 0.0]);
    }

    #[test]
    fn a_logarithmic_bar_is_longer_by_the_same_for_each_factor() {
        let parts = parts(Scale::Logarithmic, &[1.0, 10.0, 100.0, 0.0]);
        assert!(
            (parts[1] - parts[0] - (parts[2] - parts[1])).abs() < 1e-9,
            "{parts:?}"
        );
        assert!(parts[0] > 0.0 && parts[3] == 0.0, "{parts:?}");
    }

    #[test]
    fn nothing_to_draw_is_no_bar() {
        assert_eq!(parts(Scale::Linear, &[0.0, 0.0]), [0.0, 0.0]);
        assert_eq!(parts(Scale::Logarithmic, &[0.0]), [0.0]);
        assert_eq!(parts(Scale::Logarithmic, &[3.0]), [1.0]);
    }
}
