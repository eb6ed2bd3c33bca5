//! The list of what did not run.

use crate::quantity::count;
use crate::run::input::Kind;
use crate::run::job::Job;
use crate::run::work::Fed;

/// Says how many jobs did not run, and from where on the input was not even read.
pub(crate) fn tell(jobs: &[Job], fed: &Fed) -> String {
    let number = count(jobs.len() as u64, "job");
    let rest = match (fed.ended, fed.last) {
        (true, _) => String::new(),
        (false, Some(last)) => format!("; what follows {last} of the input was not read"),
        (false, None) => "; the input was not read".to_owned(),
    };
    format!("{number} did not run{rest}")
}

/// Says which jobs did not run, each on a line as it was given, so that it can be given again.
/// Items and arguments, which may have newlines, are quoted for a shell.
pub(crate) fn list(jobs: &[Job], fed: &Fed, kind: Kind) -> Vec<u8> {
    let colon = if jobs.is_empty() { "" } else { ":" };
    let mut list = format!("brigade: {}{colon}\n", tell(jobs, fed)).into_bytes();
    for job in jobs {
        match kind {
            // Combinations are quoted already.
            Kind::Line | Kind::Logged | Kind::Combination => list.extend_from_slice(&job.text),
            Kind::Item | Kind::Argument => match shlex::bytes::try_quote(&job.text) {
                Ok(quoted) => list.extend_from_slice(&quoted),
                // It has a NUL byte, which no argument has, nor any item that ends with one.
                Err(_) => list.extend_from_slice(&job.text),
            },
            Kind::Block => {
                list.extend_from_slice(format!("{}: ", job.place).as_bytes());
                list.extend_from_slice(&job.text);
            }
        }
        list.push(b'\n');
    }
    list
}

#[cfg(test)]
mod tests {
    use brigade::Priority;

    use super::*;
    use crate::run::input::Place;
    use crate::run::job::BadItem;
    use crate::run::job::Settings;

    fn listed(texts: &[&str], kind: Kind, ended: bool) -> String {
        let job = |(index, text): (usize, &&str)| Job {
            turn: 0,
            sequence: 0,
            place: Place {
                file: None,
                number: index as u64 + 1,
                kind,
            },
            text: text.as_bytes().to_vec(),
            arguments: Vec::new(),
            label: None,
            priority: Priority::NORMAL,
            settings: Settings::default(),
            needs: None,
            command: Err(BadItem::PriorityAlone),
            block: None,
            attempts: 0,
        };
        let jobs = texts.iter().enumerate().map(job).collect::<Vec<_>>();
        let fed = Fed {
            last: jobs.last().map(|job| job.place),
            logged: 0,
            jobs: jobs.len() as u64,
            ended,
            unreadable: false,
        };
        String::from_utf8(list(&jobs, &fed, kind)).expect("UTF-8")
    }

    #[test]
    fn lines_are_listed_as_they_were() {
        assert_eq!(
            listed(&["@high echo 'a'", "  b"], Kind::Line, false),
            "brigade: 2 jobs did not run; what follows line 2 of the input was not read:\n\
             @high echo 'a'\n  b\n"
        );
    }

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        let shown = listed(&["a b", "c"], Kind::Argument, true);
        assert_eq!(shown, "brigade: 2 jobs did not run:\n'a b'\nc\n");
    }

    #[test]
    fn blocks_are_told_by_their_lines() {
        assert_eq!(
            listed(&["lines 1-9", "line 10"], Kind::Block, false),
            "brigade: 2 jobs did not run; what follows block 2 of the input was not read:\n\
             block 1: lines 1-9\nblock 2: line 10\n"
        );
    }

    #[test]
    fn none_is_said_too() {
        assert_eq!(
            listed(&[], Kind::Line, true),
            "brigade: 0 jobs did not run\n"
        );
    }
}
