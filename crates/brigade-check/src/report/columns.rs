//! A run as text: a column for each thread, a line for each moment.

use std::fmt;

use super::{Drawing, Drawn};

/// What happens at one moment.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    Invoked,
    Returned,
}

impl fmt::Display for Drawing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut moments = self.moments();
        moments.sort_by_key(|&(at, call, _)| (at, call));
        let threads = self.calls.iter().map(|call| call.thread).max().unwrap_or(0);

        let mut lines: Vec<Vec<String>> = Vec::new();
        let mut running: Vec<bool> = vec![false; threads + 1];
        let mut moments = moments.into_iter().peekable();
        while let Some((_, number, moment)) = moments.next() {
            let call = &self.calls[number];
            let at_once = moment == Moment::Invoked
                && moments
                    .next_if(|&(_, next, moment)| next == number && moment == Moment::Returned)
                    .is_some();
            running[call.thread] = false;
            let mut line: Vec<String> = running
                .iter()
                .map(|&running| if running { "│" } else { "" }.to_owned())
                .collect();
            line[call.thread] = match (moment, &call.returned) {
                (Moment::Invoked, Some((_, outcome))) if at_once => {
                    format!("╶ {} -> {outcome}", call.operation)
                }
                (Moment::Returned, Some((_, outcome))) => format!("└ -> {outcome}"),
                _ => format!("┌ {}", call.operation),
            };
            running[call.thread] = moment == Moment::Invoked && !at_once;
            lines.push(line);
        }
        if running.contains(&true) {
            let last = running.iter().map(|&running| match running {
                true => "└ does not return".to_owned(),
                false => String::new(),
            });
            lines.push(last.collect());
        }
        write(formatter, threads, &lines)
    }
}

impl Drawing {
    fn moments(&self) -> Vec<(u64, usize, Moment)> {
        let mut moments = Vec::new();
        for (
            number,
            Drawn {
                invoked, returned, ..
            },
        ) in self.calls.iter().enumerate()
        {
            moments.push((*invoked, number, Moment::Invoked));
            if let Some((returned, _)) = returned {
                moments.push((*returned, number, Moment::Returned));
            }
        }
        moments
    }
}

fn write(formatter: &mut fmt::Formatter<'_>, threads: usize, lines: &[Vec<String>]) -> fmt::Result {
    let header = |thread: usize| match thread {
        0 => "before/after".to_owned(),
        _ => format!("thread {thread}"),
    };
    // The column of who prepares and looks is shown only if there is something in it.
    let used: Vec<usize> = (0..=threads)
        .filter(|&thread| thread > 0 || lines.iter().any(|line| !line[0].is_empty()))
        .collect();
    let width = |thread: usize| {
        let cells = lines.iter().map(|line| line[thread].chars().count());
        cells.max().unwrap_or(0).max(header(thread).len())
    };
    let widths: Vec<usize> = used.iter().map(|&thread| width(thread)).collect();
    let mut row = |cells: Vec<String>| {
        let mut line = String::new();
        for (cell, &width) in cells.iter().zip(&widths) {
            line += &format!("  {cell:<width$}");
        }
        writeln!(formatter, "{}", line.trim_end())
    };
    row(used.iter().map(|&thread| header(thread)).collect())?;
    for line in lines {
        row(used.iter().map(|&thread| line[thread].clone()).collect())?;
    }
    Ok(())
}
