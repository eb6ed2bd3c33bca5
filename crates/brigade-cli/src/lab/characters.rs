//! Pictures drawn with characters.

use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::quantity::Span;

use super::picture::{Activity, Bars, Curve, Curves, Lane, Lanes, Picture};
use super::text::{DIM, style};

/// The lines of a picture, at most so many characters wide, with colours.
pub(super) fn draw(picture: &Picture, width: usize) -> Vec<String> {
    match picture {
        Picture::Bars(bars) => draw_bars(bars, width),
        Picture::Curves(curves) => draw_curves(curves, width),
        Picture::Lanes(lanes) => draw_lanes(lanes, width),
    }
}

fn draw_bars(picture: &Bars, width: usize) -> Vec<String> {
    let label_width = longest(picture.bars.iter().map(|bar| bar.label.as_str()));
    let values = picture
        .bars
        .iter()
        .map(|bar| bar.shown.to_string())
        .collect::<Vec<_>>();
    let value_width = longest(values.iter().map(String::as_str));
    let room = width.saturating_sub(label_width + value_width + 4).max(10);
    let parts = picture.parts();
    let lines = picture.bars.iter().zip(&values).zip(&parts);
    lines
        .map(|((bar, value), &part)| {
            let style = style(bar.soundness);
            let (label, bar) = (&bar.label, blocks(part, room));
            format!("{label:<label_width$}  {style}{bar}{style:#}  {value}")
        })
        .collect()
}

/// A bar of so large a part of the room, to an eighth of a character.
fn blocks(part: f64, room: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (part * room as f64 * 8.0).round() as usize;
    // What is there at all can be seen.
    let eighths = if part > 0.0 { eighths.max(1) } else { 0 };
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// How high a picture of curves is, in lines.
const HEIGHT: usize = 10;

fn draw_curves(picture: &Curves, width: usize) -> Vec<String> {
    let most = picture.most_shown.to_string();
    let margin = most.chars().count();
    let columns = width.saturating_sub(margin + 2).max(10);
    // The curve to be seen in each cell, from the top line to the ground.
    let mut cells = vec![vec![None; columns]; HEIGHT];
    let time = |column: usize| picture.until.mul_f64(column as f64 / columns as f64);
    for (index, curve) in picture.curves.iter().enumerate() {
        let values = (0..columns).map(|column| highest(curve, time(column), time(column + 1)));
        for (column, value) in values.enumerate() {
            if let Some(value) = value {
                let part = (value / picture.most).clamp(0.0, 1.0);
                let above_ground = (part * (HEIGHT - 1) as f64).round() as usize;
                cells[HEIGHT - 1 - above_ground][column] = Some(index);
            }
        }
    }
    let mut lines = Vec::new();
    for (row, cells) in cells.iter().enumerate() {
        let scale = match row {
            0 => most.as_str(),
            _ if row == HEIGHT - 1 => "0",
            _ => "",
        };
        let mut line = format!("{DIM}{scale:>margin$} │{DIM:#}");
        for cell in cells {
            match cell {
                Some(index) => line.push_str(&symbol(&picture.curves[*index], *index)),
                None => line.push(' '),
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.push(time_line(margin + 2, columns, picture.until));
    for (index, curve) in picture.curves.iter().enumerate() {
        let (symbol, label) = (symbol(curve, index), &curve.label);
        lines.push(format!("{:margin$}  {symbol} {label}", ""));
    }
    lines
}

/// A curve's own character, in the colour of its soundness.
fn symbol(curve: &Curve, index: usize) -> String {
    const SYMBOLS: [char; 4] = ['●', '○', '+', '×'];
    let style = style(curve.soundness);
    let symbol = SYMBOLS[index % SYMBOLS.len()];
    format!("{style}{symbol}{style:#}")
}

/// The highest value that a curve has between two times; before its first and after its last point it has none.
fn highest(curve: &Curve, from: Duration, to: Duration) -> Option<f64> {
    if curve.points.last()?.at < from {
        return None;
    }
    let begun = curve.points.iter().rev().find(|point| point.at <= from);
    let inside = curve
        .points
        .iter()
        .filter(|point| from < point.at && point.at < to);
    let values = begun.into_iter().chain(inside).map(|point| point.value);
    values.reduce(f64::max)
}

fn draw_lanes(picture: &Lanes, width: usize) -> Vec<String> {
    let label_width = longest(picture.lanes.iter().map(|lane| lane.label.as_str()));
    let columns = width.saturating_sub(label_width + 2).max(10);
    let mut lines = Vec::new();
    for lane in &picture.lanes {
        let cells = (0..columns).map(|column| {
            let from = picture.until.mul_f64(column as f64 / columns as f64);
            let to = picture.until.mul_f64((column + 1) as f64 / columns as f64);
            activity(lane, from, to).map_or_else(|| " ".to_owned(), cell)
        });
        let label = &lane.label;
        let line = format!("{label:<label_width$}  {}", cells.collect::<String>());
        lines.push(line.trim_end().to_owned());
    }
    lines.push(time_line(label_width + 2, columns, picture.until));
    let occurs = |activity: &Activity| {
        let mut stretches = picture.lanes.iter().flat_map(|lane| &lane.stretches);
        stretches.any(|stretch| stretch.activity == *activity)
    };
    let known = Activity::ALL.into_iter().filter(occurs);
    let legend = known.map(|activity| format!("{} {}", cell(activity), activity.name()));
    let legend = legend.collect::<Vec<_>>().join("   ");
    lines.push(format!("{:label_width$}  {legend}", ""));
    lines
}

/// What a thread did for most of this time.
fn activity(lane: &Lane, from: Duration, to: Duration) -> Option<Activity> {
    let spent = |activity: Activity| {
        let stretches = lane
            .stretches
            .iter()
            .filter(|stretch| stretch.activity == activity);
        let inside =
            stretches.map(|stretch| stretch.to.min(to).saturating_sub(stretch.from.max(from)));
        inside.sum::<Duration>()
    };
    let most = Activity::ALL
        .into_iter()
        .max_by_key(|&activity| spent(activity))?;
    (spent(most) * 2 >= to - from).then_some(most)
}

fn cell(activity: Activity) -> String {
    let (character, color) = match activity {
        Activity::Working => ("█", AnsiColor::Green),
        Activity::Waiting => ("░", AnsiColor::Yellow),
        Activity::Stuck => ("×", AnsiColor::Red),
    };
    let style: Style = color.on_default();
    format!("{style}{character}{style:#}")
}

/// The line under a picture whose width is time.
fn time_line(margin: usize, columns: usize, until: Duration) -> String {
    let until = Span(until).to_string();
    let columns = columns.saturating_sub(1);
    format!("{DIM}{:margin$}0{until:>columns$}{DIM:#}", "")
}

fn longest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::outcome::{Soundness, Value};
    use crate::lab::picture::{Bar, Point, Scale, Stretch};

    /// The lines without their colours.
    fn plain(picture: &Picture) -> Vec<String> {
        let drawn = draw(picture, 40);
        let lines = drawn
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string());
        lines.map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn bars_are_as_long_as_their_values_and_never_invisible() {
        let bar = |label: &str, length: f64| Bar {
            label: label.to_owned(),
            soundness: Soundness::Sound,
            length,
            shown: Value::Count(length as u64),
        };
        let lines = plain(&Picture::Bars(Bars {
            title: String::new(),
            scale: Scale::Linear,
            bars: vec![
                bar("all", 1000.0),
                bar("half", 500.0),
                bar("one", 1.0),
                bar("none", 0.0),
            ],
        }));
        let blocks = |line: &str| line.chars().filter(|character| *character == '█').count();
        assert_eq!(blocks(&lines[0]) / 2, blocks(&lines[1]));
        assert!(lines[0].ends_with("  1,000"), "{lines:?}");
        assert_eq!(lines[2], "one   ▏  1");
        assert_eq!(lines[3], "none    0");
        assert!(
            lines.iter().all(|line| line.chars().count() <= 40),
            "{lines:?}"
        );
    }

    #[test]
    fn lanes_show_what_each_thread_did_when() {
        let stretch = |from, to, activity| Stretch {
            from: Duration::from_secs(from),
            to: Duration::from_secs(to),
            activity,
        };
        let lane = Lane {
            label: "thread".to_owned(),
            stretches: vec![
                stretch(0, 8, Activity::Working),
                stretch(16, 24, Activity::Waiting),
                stretch(24, 32, Activity::Stuck),
            ],
        };
        let lines = plain(&Picture::Lanes(Lanes {
            title: String::new(),
            until: Duration::from_secs(32),
            lanes: vec![lane],
        }));
        assert_eq!(lines[0], "thread  ████████        ░░░░░░░░××××××××");
        assert_eq!(lines[1], "        0                         32.0 s");
        assert_eq!(lines[2], "        █ working   ░ waiting   × stuck for ever");
    }

    #[test]
    fn a_curve_holds_its_value_until_the_next_point_and_ends_with_its_last() {
        let point = |at, value| Point {
            at: Duration::from_secs(at),
            value,
        };
        let curve = Curve {
            label: "memory".to_owned(),
            soundness: Soundness::Broken,
            points: vec![point(0, 0.0), point(9, 9.0), point(18, 9.0)],
        };
        let lines = plain(&Picture::Curves(Curves {
            title: String::new(),
            until: Duration::from_secs(36),
            most: 9.0,
            most_shown: Value::Count(9),
            curves: vec![curve],
        }));
        assert_eq!(lines[0], format!("9 │{}{}", " ".repeat(9), "●".repeat(10)));
        assert_eq!(lines[HEIGHT - 1], format!("0 │{}", "●".repeat(9)));
        assert_eq!(lines[HEIGHT + 1], "   ● memory");
    }
}
