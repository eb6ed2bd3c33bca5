//! Pictures drawn as an SVG file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use svg::Document;
use svg::node::element::{Group, Line, Polyline, Rectangle, Text};

use crate::quantity::Span;

use super::error::LabError;
use super::outcome::Soundness;
use super::picture::{Activity, Bars, Curves, Lanes, Picture};

const WIDTH: f64 = 760.0;
/// Around everything.
const MARGIN: f64 = 20.0;
/// For the labels at the left.
const LABELS: f64 = 190.0;
/// From one line of text, bar or lane to the next.
const LINE: f64 = 22.0;
/// Where what is drawn may reach to, at the right.
const END: f64 = WIDTH - MARGIN;
/// For the value beside a bar.
const VALUES: f64 = 110.0;
/// How high curves are.
const HEIGHT: f64 = 180.0;

/// A file that was opened before anything was run, so that its errors come first.
pub(super) struct File {
    path: PathBuf,
    file: fs::File,
}

impl File {
    pub(super) fn create(path: &Path) -> Result<Self, LabError> {
        match fs::File::create(path) {
            Ok(file) => Ok(Self {
                path: path.to_owned(),
                file,
            }),
            Err(error) => Err(LabError::Drawing {
                path: path.to_owned(),
                error,
            }),
        }
    }

    /// Writes the pictures, one below the other.
    pub(super) fn write(mut self, pictures: &[&Picture]) -> Result<(), LabError> {
        let written = self.file.write_all(draw(pictures).as_bytes());
        written.map_err(|error| LabError::Drawing {
            path: self.path,
            error,
        })
    }
}

/// The document.
fn draw(pictures: &[&Picture]) -> String {
    let mut top = MARGIN;
    let mut all = Group::new();
    for picture in pictures {
        let (group, height) = draw_one(picture);
        all = all.add(group.set("transform", format!("translate(0 {top})")));
        top += height + LINE;
    }
    let background = Rectangle::new()
        .set("width", "100%")
        .set("height", "100%")
        .set("fill", "white");
    let document = Document::new()
        .set("viewBox", (0, 0, WIDTH, top))
        .set("font-family", "sans-serif")
        .set("font-size", 13)
        .add(background)
        .add(all);
    format!("{document}\n")
}

/// A picture under its title, and how high it is.
fn draw_one(picture: &Picture) -> (Group, f64) {
    let title = text(MARGIN, 0.0, picture.title()).set("font-weight", "bold");
    let group = Group::new().add(title);
    match picture {
        Picture::Bars(bars) => draw_bars(group, bars),
        Picture::Curves(curves) => draw_curves(group, curves),
        Picture::Lanes(lanes) => draw_lanes(group, lanes),
    }
}

fn draw_bars(mut group: Group, picture: &Bars) -> (Group, f64) {
    let room = END - LABELS - VALUES;
    for ((index, bar), part) in picture.bars.iter().enumerate().zip(picture.parts()) {
        let top = LINE * (index + 1) as f64;
        let length = part * room;
        group = group
            .add(text(MARGIN, top, &bar.label))
            .add(rectangle(LABELS, top, length, color(bar.soundness)))
            .add(text(LABELS + length + 6.0, top, &bar.shown.to_string()));
    }
    (group, LINE * (picture.bars.len() + 1) as f64)
}

fn draw_curves(mut group: Group, picture: &Curves) -> (Group, f64) {
    let (left, room) = (MARGIN + 80.0, END - MARGIN - 80.0);
    let ground = LINE + HEIGHT;
    let axis = |x2: f64, y2: f64| {
        Line::new()
            .set("x1", left)
            .set("y1", ground)
            .set("x2", x2)
            .set("y2", y2)
            .set("stroke", "gray")
    };
    group = group
        .add(axis(END, ground))
        .add(axis(left, LINE))
        .add(text(MARGIN, LINE, &picture.most_shown.to_string()))
        .add(text(MARGIN, ground, "0"))
        .add(text(left, ground + LINE, "0"))
        .add(text(END, ground + LINE, &Span(picture.until).to_string()).set("text-anchor", "end"));
    let until = picture.until.as_secs_f64();
    for (index, curve) in picture.curves.iter().enumerate() {
        let points = curve.points.iter().map(|point| {
            let x = left + room * point.at.as_secs_f64() / until;
            let y = ground - HEIGHT * (point.value / picture.most).clamp(0.0, 1.0);
            format!("{x:.1},{y:.1}")
        });
        let line = Polyline::new()
            .set("points", points.collect::<Vec<_>>().join(" "))
            .set("fill", "none")
            .set("stroke-width", 2)
            // Of two that are equally sound, one is dashed.
            .set(
                "stroke-dasharray",
                if index % 2 == 0 { "none" } else { "6 3" },
            )
            .set("stroke", color(curve.soundness));
        let legend = ground + LINE * (index + 2) as f64;
        group = group
            .add(line)
            .add(rectangle(left, legend, 14.0, color(curve.soundness)))
            .add(text(left + 20.0, legend, &curve.label));
    }
    (group, ground + LINE * (picture.curves.len() + 2) as f64)
}

fn draw_lanes(mut group: Group, picture: &Lanes) -> (Group, f64) {
    let room = END - LABELS;
    let until = picture.until.as_secs_f64();
    for (index, lane) in picture.lanes.iter().enumerate() {
        let top = LINE * (index + 1) as f64;
        group = group.add(text(MARGIN, top, &lane.label));
        for stretch in &lane.stretches {
            let place = |time: f64| room * (time / until).clamp(0.0, 1.0);
            let (from, to) = (
                place(stretch.from.as_secs_f64()),
                place(stretch.to.as_secs_f64()),
            );
            let fill = activity_color(stretch.activity);
            group = group.add(rectangle(LABELS + from, top, to - from, fill));
        }
    }
    let legend = LINE * (picture.lanes.len() + 1) as f64;
    let end = Span(picture.until).to_string();
    group = group.add(text(END, legend, &end).set("text-anchor", "end"));
    for (index, activity) in Activity::ALL.into_iter().enumerate() {
        let left = LABELS + 130.0 * index as f64;
        group = group
            .add(rectangle(left, legend, 14.0, activity_color(activity)))
            .add(text(left + 20.0, legend, activity.name()));
    }
    (group, legend + LINE)
}

/// Text in the line that begins at `top`.
fn text(x: f64, top: f64, content: &str) -> Text {
    Text::new(content).set("x", x).set("y", top + 14.0)
}

/// A bar in the line that begins at `top`.
fn rectangle(x: f64, top: f64, width: f64, fill: &str) -> Rectangle {
    Rectangle::new()
        .set("x", round(x))
        .set("y", round(top + 3.0))
        .set("width", round(width))
        .set("height", LINE - 8.0)
        .set("fill", fill)
}

/// A tenth of a pixel is more than can be seen.
fn round(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

fn color(soundness: Soundness) -> &'static str {
    match soundness {
        Soundness::Broken => "#c0392b",
        Soundness::Sound => "#2e7d32",
    }
}

fn activity_color(activity: Activity) -> &'static str {
    match activity {
        Activity::Working => "#2e7d32",
        Activity::Waiting => "#e0b83c",
        Activity::Stuck => "#c0392b",
    }
}
