//! How measurements are shown: a table to read, or JSON lines to keep.

use std::fmt::Write;

use crate::REFERENCE;
use crate::round::{Case, Contestant, Unit};
use crate::statistics::{greatest, least, median, quantile};

/// A table, case by case: times (or bytes), the ratio of medians to the reference, and remarks.
pub fn table(family: &str, rounds: u32, cases: &[Case]) -> String {
    let mut out = String::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    push(
        &mut out,
        format_args!("{family}: {rounds} rounds on {cores} cores"),
    );
    for case in cases {
        let unit = match case.unit {
            Unit::Nanoseconds => "ns/op",
            Unit::Bytes => "bytes",
        };
        push(&mut out, format_args!(""));
        push(
            &mut out,
            format_args!(
                "{:<24} {:>12} {:>12} {:>12}  {:>9}",
                case.name,
                format!("median {unit}"),
                "min",
                "max",
                format!("/ {REFERENCE}"),
            ),
        );
        for contestant in &case.contestants {
            let samples = &contestant.samples;
            push(
                &mut out,
                format_args!(
                    "  {:<22} {:>12} {:>12} {:>12}  {:>9}  {}",
                    contestant.system,
                    number(median(samples)),
                    number(least(samples)),
                    number(greatest(samples)),
                    ratio(case, contestant),
                    remark(case, contestant),
                ),
            );
        }
    }
    out
}

/// One object a line for each case and system that has samples; the ideals are not systems and go into
/// `efficiency`.
pub fn json(family: &str, cases: &[Case]) -> String {
    let mut out = String::new();
    for case in cases {
        for contestant in case
            .contestants
            .iter()
            .filter(|contestant| !contestant.is_ideal() && !contestant.samples.is_empty())
        {
            let samples = &contestant.samples;
            let mut more = String::new();
            if case.unit == Unit::Bytes {
                more += ",\"unit\":\"bytes\"";
            }
            if case.tail {
                let _ = write!(more, ",\"p99_ns\":{:.1}", quantile(samples, 0.99));
            }
            if let Some(efficiency) = efficiency(case, contestant) {
                let Efficiency { median, best } = efficiency;
                let _ = write!(
                    more,
                    ",\"efficiency\":{median:.3},\"best_efficiency\":{best:.3}"
                );
            }
            // Names are this crate's own and need no escaping.
            push(
                &mut out,
                format_args!(
                    "{{\"family\":\"{family}\",\"case\":\"{}\",\"system\":\"{}\",\"median_ns\":{:.1},\"min_ns\":{:.1},\"max_ns\":{:.1}{more}}}",
                    case.name,
                    contestant.system,
                    median(samples),
                    least(samples),
                    greatest(samples),
                ),
            );
        }
    }
    out
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    let text = line.to_string();
    out.push_str(text.trim_end());
    out.push('\n');
}

/// Three significant digits are more than these measurements hold; whole numbers from 100 on. A dash where there
/// are no samples.
fn number(value: f64) -> String {
    if value.is_nan() {
        "-".to_owned()
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

fn ratio(case: &Case, contestant: &Contestant) -> String {
    let reference = case
        .contestants
        .iter()
        .find(|other| other.system.starts_with(REFERENCE));
    reference.map_or_else(String::new, |reference| {
        let ratio = median(&contestant.samples) / median(&reference.samples);
        if ratio.is_nan() {
            "-".to_owned()
        } else {
            format!("{ratio:.2}")
        }
    })
}

fn remark(case: &Case, contestant: &Contestant) -> String {
    if let Some(efficiency) = efficiency(case, contestant) {
        return format!(
            "efficiency {:.3}, best {:.3}",
            efficiency.median, efficiency.best
        );
    }
    if case.tail {
        return format!("p99 {}", number(quantile(&contestant.samples, 0.99)));
    }
    String::new()
}

/// The share of its time that a system spends on the work itself.
struct Efficiency {
    /// Of the medians. Disturbances of the machine fall on the ideal as on the system, so that it may
    /// even exceed 1.
    median: f64,
    /// Of the least times, which are the least disturbed.
    best: f64,
}

fn efficiency(case: &Case, contestant: &Contestant) -> Option<Efficiency> {
    let ideal = &case
        .contestants
        .iter()
        .find(|other| other.is_ideal())?
        .samples;
    let samples = &contestant.samples;
    Some(Efficiency {
        median: median(ideal) / median(samples),
        best: least(ideal) / least(samples),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::IDEAL;

    fn case() -> Case {
        let contestant = |system, samples: &[f64]| {
            let mut contestant = Contestant::new(system, Box::new(Vec::new));
            contestant.samples = samples.to_vec();
            contestant
        };
        Case {
            name: "some-case",
            unit: Unit::Nanoseconds,
            rounds: None,
            tail: false,
            contestants: vec![
                contestant(IDEAL, &[10.0]),
                contestant(REFERENCE, &[18.0, 20.0, 22.0]),
                contestant("peer", &[50.0]),
            ],
        }
    }

    #[test]
    fn the_table_compares_with_the_reference_and_the_ideal() {
        let table = table("family", 3, &[case()]);
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let peer = table.lines().find(|line| line.contains("peer")).unwrap();
        assert_eq!(
            words(peer),
            [
                "peer",
                "50.0",
                "50.0",
                "50.0",
                "2.50",
                "efficiency",
                "0.200,",
                "best",
                "0.200"
            ]
        );
    }

    #[test]
    fn json_has_the_stable_fields_and_leaves_the_ideal_out() {
        let json = json("family", &[case()]);
        let lines: Vec<_> = json.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0],
            "{\"family\":\"family\",\"case\":\"some-case\",\"system\":\"brigade\",\
             \"median_ns\":20.0,\"min_ns\":18.0,\"max_ns\":22.0,\"efficiency\":0.500,\"best_efficiency\":0.556}"
        );
    }
}
