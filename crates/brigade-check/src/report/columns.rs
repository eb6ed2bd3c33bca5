//! A run as text: a column for each thread, a line for each moment.

use std::fmt;

use super::{Drawing, Drawn, Passed};

/// What happens at one moment; calls and points by their number.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    Invoked(usize),
    Returned(usize),
    Point(usize),
}

/// Of a long run only the end is shown.
const LINES: usize = 60;

impl fmt::Display for Drawing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        let hidden = lines.len().saturating_sub(LINES);
        let lines = &lines[hidden..];
        // The column of who prepares and looks is shown only if there is something in it.
        let used: Vec<usize> = (0..=self.threads())
            .filter(|&thread| thread > 0 || lines.iter().any(|line| !line[0].is_empty()))
            .collect();
        let header = |thread: usize| self.name(thread);
        let width = |thread: usize| {
            let cells = lines.iter().map(|line| line[thread].chars().count());
            cells.max().unwrap_or(0).max(header(thread).chars().count())
        };
        let widths: Vec<usize> = used.iter().map(|&thread| width(thread)).collect();
        let row = |cells: &mut dyn Iterator<Item = String>| {
            let mut line = String::new();
            for (cell, &width) in cells.zip(&widths) {
                line += &format!("  {cell:<width$}");
            }
            line.trim_end().to_owned()
        };
        write!(
            formatter,
            "{}",
            row(&mut used.iter().map(|&thread| header(thread)))
        )?;
        if hidden > 0 {
            write!(formatter, "\n  ({hidden} lines)")?;
        }
        for line in lines {
            write!(
                formatter,
                "\n{}",
                row(&mut used.iter().map(|&thread| line[thread].clone()))
            )?;
        }
        Ok(())
    }
}

impl Drawing {
    /// By moment, what is in each thread's column.
    fn lines(&self) -> Vec<Vec<String>> {
        let mut lines: Vec<Vec<String>> = Vec::new();
        let mut running: Vec<bool> = vec![false; self.threads() + 1];
        let mut moments = self.moments().into_iter().peekable();
        while let Some(moment) = moments.next() {
            let thread = match moment {
                Moment::Invoked(call) | Moment::Returned(call) => self.calls[call].thread,
                Moment::Point(point) => self.points[point].thread,
            };
            let under_way = std::mem::replace(&mut running[thread], false);
            let mut line: Vec<String> = running
                .iter()
                .map(|&running| if running { "│" } else { "" }.to_owned())
                .collect();
            running[thread] = under_way;
            line[thread] = match moment {
                Moment::Invoked(call) => {
                    let Drawn {
                        operation,
                        returned,
                        ..
                    } = &self.calls[call];
                    let at_once = moments.next_if_eq(&Moment::Returned(call)).is_some();
                    running[thread] = !at_once;
                    match returned {
                        Some((_, outcome)) if at_once => format!("╶ {operation} -> {outcome}"),
                        _ => format!("┌ {operation}"),
                    }
                }
                Moment::Returned(call) => {
                    running[thread] = false;
                    let returned = self.calls[call].returned.as_ref();
                    format!("└ -> {}", returned.map_or("", |(_, outcome)| outcome))
                }
                Moment::Point(point) if under_way => format!("├ {}", self.points[point].name),
                Moment::Point(point) => self.points[point].name.to_owned(),
            };
            lines.push(line);
        }
        if running.contains(&true) {
            let last = running.iter().map(|&running| match running {
                true => "└ does not return".to_owned(),
                false => String::new(),
            });
            lines.push(last.collect());
        }
        lines
    }

    fn moments(&self) -> Vec<Moment> {
        let mut moments = Vec::new();
        for (
            number,
            Drawn {
                invoked, returned, ..
            },
        ) in self.calls.iter().enumerate()
        {
            moments.push((*invoked, Moment::Invoked(number)));
            if let Some((returned, _)) = returned {
                moments.push((*returned, Moment::Returned(number)));
            }
        }
        for (number, Passed { at, .. }) in self.points.iter().enumerate() {
            moments.push((*at, Moment::Point(number)));
        }
        moments.sort_by_key(|&(at, _)| at);
        moments.into_iter().map(|(_, moment)| moment).collect()
    }
}
