//! A finding as a page that opens in any browser: one file, without scripts and without anything from elsewhere.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Drawing, Drawn, Passed};
use crate::failure::Finding;

const STYLE: &str = "\
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --box: #e3effb; --edge: #3b6ea5; --open: #fbe3e3; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #16181c; --box: #1d3348; --edge: #7fb0e0; --open: #4a2326; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2em; }
pre, svg text { font: 13px/1.4 ui-monospace, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
svg text { fill: var(--ink); }
.head { font-weight: bold; }
.lane { stroke: var(--edge); stroke-opacity: .25; }
.call { fill: var(--box); stroke: var(--edge); }
.pending { fill: var(--open); stroke: var(--edge); stroke-dasharray: 4 3; }
.point { fill: var(--edge); }";

/// Pixels: of a moment, of a letter, around a text, of the line of headings.
const ROW: usize = 26;
const LETTER: usize = 8;
const MARGIN: usize = 14;
const HEADING: usize = 30;

pub(crate) fn page(finding: &Finding) -> String {
    let mut page = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
    let title = escape(&finding.kind.to_string());
    let _ = writeln!(page, "<title>{title}</title>\n<style>\n{STYLE}\n</style>");
    let _ = writeln!(
        page,
        "<h1>{title}</h1>\n<pre>{}</pre>",
        escape(&finding.reason)
    );
    if !finding.drawing.is_empty() {
        page += &picture(&finding.drawing);
    }
    let _ = writeln!(page, "<pre>{}</pre>\n</html>", escape(&finding.repeat()));
    page
}

fn picture(drawing: &Drawing) -> String {
    let rows = Rows::of(drawing);
    let mut body = String::new();
    let (mut left, bottom) = (MARGIN, HEADING + rows.height() + MARGIN);
    for thread in 0..=drawing.threads() {
        let calls: Vec<&Drawn> = drawing
            .calls
            .iter()
            .filter(|call| call.thread == thread)
            .collect();
        let points: Vec<&Passed> = drawing
            .points
            .iter()
            .filter(|point| point.thread == thread)
            .collect();
        if thread == 0 && calls.is_empty() && points.is_empty() {
            continue;
        }
        let name = drawing.name(thread);
        let operations = calls.iter().map(|call| call.operation.chars().count());
        let outcomes = calls.iter().map(|call| call.outcome().chars().count());
        let names = points.iter().map(|point| point.name.chars().count() + 2);
        let letters = operations.chain(outcomes).chain(names).max().unwrap_or(0);
        let width = letters.max(name.chars().count()) * LETTER + 2 * MARGIN;
        let middle = left + width / 2;

        let _ = writeln!(
            body,
            "<text class=\"head\" x=\"{middle}\" y=\"18\" text-anchor=\"middle\">{name}</text>"
        );
        let _ = writeln!(
            body,
            "<line class=\"lane\" x1=\"{middle}\" y1=\"{HEADING}\" x2=\"{middle}\" y2=\"{bottom}\"/>"
        );
        for call in calls {
            draw_call(&mut body, call, &rows, left, width);
        }
        for point in points {
            let y = rows.top(point.at) + ROW / 2;
            let _ = writeln!(
                body,
                "<circle class=\"point\" cx=\"{}\" cy=\"{y}\" r=\"3\"/>",
                left + MARGIN
            );
            let _ = writeln!(
                body,
                "<text x=\"{}\" y=\"{}\">{}</text>",
                left + MARGIN + LETTER,
                y + 4,
                escape(point.name)
            );
        }
        left += width + MARGIN;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{left}\" height=\"{bottom}\" role=\"img\" aria-label=\"the run, thread by thread\">\n{body}</svg>\n"
    )
}

/// A box from the invocation to the return, or to the end.
fn draw_call(body: &mut String, call: &Drawn, rows: &Rows, left: usize, width: usize) {
    let top = rows.top(call.invoked) + 2;
    let end = match &call.returned {
        Some((at, _)) => rows.top(*at) + ROW - 2,
        None => HEADING + rows.height(),
    };
    let class = if call.returned.is_some() {
        "call"
    } else {
        "pending"
    };
    let height = end - top;
    let _ = writeln!(
        body,
        "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/>"
    );
    let x = left + MARGIN / 2;
    let _ = writeln!(
        body,
        "<text x=\"{x}\" y=\"{}\">{}</text>",
        top + 16,
        escape(&call.operation)
    );
    let _ = writeln!(
        body,
        "<text x=\"{x}\" y=\"{}\">{}</text>",
        end - 8,
        escape(&call.outcome())
    );
}

impl Drawn {
    fn outcome(&self) -> String {
        match &self.returned {
            Some((_, outcome)) => format!("-> {outcome}"),
            None => "does not return".to_owned(),
        }
    }
}

/// Every moment at which something happens, a row each, and one for what does not return.
struct Rows(Vec<u64>);

impl Rows {
    fn of(drawing: &Drawing) -> Self {
        let mut moments = BTreeSet::new();
        for call in &drawing.calls {
            moments.insert(call.invoked);
            moments.extend(call.returned.as_ref().map(|(at, _)| *at));
        }
        moments.extend(drawing.points.iter().map(|point| point.at));
        Self(moments.into_iter().collect())
    }

    fn top(&self, moment: u64) -> usize {
        HEADING + self.0.partition_point(|&earlier| earlier < moment) * ROW
    }

    fn height(&self) -> usize {
        (self.0.len() + 1) * ROW
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            other => escaped.push(other),
        }
    }
    escaped
}
