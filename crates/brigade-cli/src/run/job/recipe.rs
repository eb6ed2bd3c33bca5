//! How items of input become jobs.

use brigade::Priority;

use crate::run::command::{Command, Given, Template};
use crate::run::input::{Block, Item, Kind, Text};

use super::Job;
use super::bad_item::BadItem;
use super::object::{Label, Object, Settings};
use super::priority::parse_priority;

/// How items become jobs.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// What to run for each item; without it an item is itself a command.
    pub(crate) template: Option<Template>,
    /// For jobs that do not say how urgent they are.
    pub(crate) priority: Priority,
    /// What stands between the columns of an item; without it an item is one argument.
    pub(crate) separator: Option<Vec<u8>>,
    /// Items are JSON objects.
    pub(crate) objects: bool,
}

/// What comes of an item.
#[derive(Debug)]
pub(crate) enum Asked {
    /// It asks for no job.
    Nothing,
    /// Its job is not to be run.
    Known,
    Job(Box<Job>),
}

impl Recipe {
    /// The job an item asks for. `number` tells the number of what is known by a text, or that it is not
    /// to be run.
    pub(crate) fn job(&self, item: Item, number: impl FnOnce(&[u8]) -> Option<u64>) -> Asked {
        let Item {
            place,
            text,
            mut arguments,
            object,
            block,
        } = item;
        let (text, bad) = match text {
            Text::TooLong(start) => (start, Some(BadItem::TooLong)),
            Text::Whole(text) if text.contains(&0) => (text, Some(BadItem::Nul)),
            Text::Whole(text) if self.is_nothing(&text, place.kind) => return Asked::Nothing,
            Text::Whole(text) => (text, None),
        };
        let is_object = self.objects || object;
        let (object, bad) = match bad {
            None if is_object => match Object::read(&text) {
                Ok(object) => (Some(object), None),
                Err(problem) => (None, Some(BadItem::Object(problem))),
            },
            bad => (None, bad),
        };
        let label = match &object {
            Some(object) => Some(object.label.clone()),
            None => is_object.then(|| Label::unread(&text)),
        };
        let identity = block.as_ref().and_then(|block| block.identity.as_ref());
        let known_by = match (&label, identity) {
            (Some(Label { id: Some(id), .. }), _) => id.as_bytes(),
            (Some(label), _) => &label.key,
            (None, Some(identity)) => identity.sha256.as_bytes(),
            (None, None) => &text,
        };
        let Some(sequence) = number(known_by) else {
            return Asked::Known;
        };
        if let (Some(separator), None) = (&self.separator, &bad) {
            arguments = split(&text, separator);
        }
        let (mut priority, mut settings) = (self.priority, Settings::default());
        let mut needs = None;
        let bad = match &block {
            Some(Block {
                bytes: Err(too_long),
                ..
            }) => Some(BadItem::Block(*too_long)),
            _ => bad,
        };
        let command = match (bad, object, &self.template) {
            (Some(bad), ..) => Err(bad),
            // What it reads is no argument.
            (None, None, Some(template)) if block.is_some() => fill(template, &[], sequence),
            (None, Some(object), _) => {
                priority = object.priority.unwrap_or(priority);
                settings = object.settings;
                needs = Some(Box::new(object.needs));
                Ok(object.command)
            }
            (None, None, None) => read_command(command_line(&text), &mut priority),
            (None, None, Some(template)) if arguments.is_empty() => {
                fill(template, std::slice::from_ref(&text), sequence)
            }
            (None, None, Some(template)) => fill(template, &arguments, sequence),
        };
        Asked::Job(Box::new(Job {
            turn: 0,
            sequence,
            place,
            text,
            arguments,
            label,
            priority,
            settings,
            needs,
            command,
            block,
            attempts: 0,
        }))
    }

    /// True if a text is no job: an empty line stands for no file, though an empty argument was meant.
    fn is_nothing(&self, text: &[u8], kind: Kind) -> bool {
        if self.template.is_some() {
            return text.is_empty() && kind == Kind::Line;
        }
        if self.objects {
            return text.trim_ascii().is_empty();
        }
        let line = command_line(text);
        line.is_empty() || line.starts_with(b"#")
    }
}

fn fill(template: &Template, arguments: &[Vec<u8>], number: u64) -> Result<Command, BadItem> {
    let filled = template.fill(Given { arguments, number });
    filled.map_err(BadItem::Missing)
}

/// Files from other systems end their lines with a return, which no command wants.
fn command_line(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r").unwrap_or(text).trim_ascii_start()
}

/// The columns of a line, one at least.
fn split(line: &[u8], separator: &[u8]) -> Vec<Vec<u8>> {
    let (mut columns, mut column, mut rest) = (Vec::new(), Vec::new(), line);
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(separator) {
            columns.push(std::mem::take(&mut column));
            rest = after;
        } else {
            column.push(byte);
            rest = after;
        }
    }
    columns.push(column);
    columns
}

/// Reads a command line that may begin with its priority.
fn read_command(line: &[u8], priority: &mut Priority) -> Result<Command, BadItem> {
    let line = std::str::from_utf8(line).map_err(BadItem::NotUtf8)?;
    let command = match line.strip_prefix('@') {
        None => line,
        Some(escaped) if escaped.starts_with('@') => escaped,
        Some(rest) => {
            let (level, command) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
            *priority = parse_priority(level).map_err(BadItem::Priority)?;
            let command = command.trim_ascii_start();
            if command.is_empty() {
                return Err(BadItem::PriorityAlone);
            }
            command
        }
    };
    Ok(Command::from_line(command.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::run::input::Place;

    fn job(template: Option<&str>, kind: Kind, text: &[u8]) -> Option<Job> {
        let template = template.map(|line| Template::parse(vec![line.into()]).expect("a template"));
        let recipe = Recipe {
            template,
            priority: Priority::LOW,
            separator: None,
            objects: false,
        };
        let item = Item {
            place: Place {
                file: None,
                number: 7,
                kind,
            },
            text: Text::Whole(text.to_vec()),
            arguments: Vec::new(),
            object: false,
            block: None,
        };
        match recipe.job(item, |_| Some(1)) {
            Asked::Job(job) => Some(*job),
            Asked::Nothing | Asked::Known => None,
        }
    }

    fn command(line: &[u8]) -> Job {
        job(None, Kind::Line, line).expect("a job")
    }

    fn direct(words: &[&str]) -> Result<Command, BadItem> {
        Ok(Command::Direct(words.iter().map(OsString::from).collect()))
    }

    #[test]
    fn blank_lines_and_comments_are_no_jobs() {
        for line in ["", "  \t", "\r", "# a", "  # a"] {
            assert!(job(None, Kind::Line, line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn arguments_are_taken_as_they_are() {
        for text in ["# a", " ", "@high a", "@@a"] {
            let job = job(Some("echo"), Kind::Line, text.as_bytes()).expect("a job");
            assert_eq!(job.command, direct(&["echo", text]));
            assert_eq!(job.priority, Priority::LOW);
        }
        assert!(job(Some("echo"), Kind::Line, b"").is_none());
        assert_eq!(
            job(Some("echo"), Kind::Item, b"").expect("a job").command,
            direct(&["echo", ""])
        );
        assert_eq!(
            job(Some("echo"), Kind::Argument, b"")
                .expect("a job")
                .command,
            direct(&["echo", ""])
        );
    }

    #[test]
    fn columns_are_what_stands_between_separators() {
        let columns = |line: &[u8], separator: &[u8]| split(line, separator);
        assert_eq!(columns(b"a\tb c", b"\t"), [&b"a"[..], b"b c"]);
        assert_eq!(columns(b",a,,", b","), [&b""[..], b"a", b"", b""]);
        assert_eq!(columns(b"a::b:c", b"::"), [&b"a"[..], b"b:c"]);
        assert_eq!(columns(b"a", b","), [b"a"]);
    }

    #[test]
    fn a_command_may_begin_with_its_priority() {
        let cases: [(&str, Priority, &[&str]); 7] = [
            ("make a", Priority::LOW, &["make", "a"]),
            ("make a\r", Priority::LOW, &["make", "a"]),
            ("@high make a", Priority::HIGH, &["make", "a"]),
            ("  @normal\t make", Priority::NORMAL, &["make"]),
            ("@low make", Priority::LOW, &["make"]),
            ("@0 make", Priority(0), &["make"]),
            ("@@high make", Priority::LOW, &["@high", "make"]),
        ];
        for (line, priority, words) in cases {
            let job = command(line.as_bytes());
            assert_eq!(
                (job.priority, job.command),
                (priority, direct(words)),
                "{line}"
            );
        }
    }

    #[test]
    fn bad_items_say_what_is_wrong_and_what_to_do() {
        let cases: [(&[u8], &str); 6] = [
            (b"echo a\0b", "use -0"),
            (b"echo \xff", "not UTF-8 from byte 6 on"),
            (b"@urgent make", "`urgent` is not a priority"),
            (b"@256 make", "`256` is not a priority"),
            (b"@high", "no command"),
            (b"@high  ", "no command"),
        ];
        for (line, message) in cases {
            let error = command(line).command.expect_err(message).to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
