//! A job as a JSON object.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use brigade::Priority;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::duration;
use crate::run::command::{self, Command};

use super::needs::{self, Needs};
use super::priority::parse_priority;
use super::scalar::Scalar;

/// A job as a JSON object.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its key is equal for equal commands with equal directory and environment, however they are
    /// written.
    pub(crate) label: Label,
    pub(crate) priority: Option<Priority>,
    pub(crate) command: Command,
    pub(crate) settings: Settings,
    pub(crate) needs: Needs,
}

/// What a job that is a JSON object is called.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) id: Option<String>,
    /// What it runs, as people read it.
    pub(crate) shown: Vec<u8>,
    /// What it is known by in a job log if it has no `id`.
    pub(crate) key: Vec<u8>,
}

impl Label {
    /// Of what cannot be read as an object.
    pub(crate) fn unread(text: &[u8]) -> Self {
        Self {
            id: None,
            shown: text.to_vec(),
            key: text.to_vec(),
        }
    }
}

/// What one job asks for in place of what holds for all.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: Option<u32>,
    /// Added to the environment.
    pub(crate) env: Vec<(OsString, OsString)>,
    /// Where it runs.
    pub(crate) directory: Option<PathBuf>,
}

impl Settings {
    /// What is executed, as one would type it into a shell, with where and with what environment.
    pub(crate) fn typed(&self, command: &Command) -> Vec<u8> {
        let mut typed = Vec::new();
        if let Some(directory) = &self.directory {
            typed = command::join(&["cd".as_ref(), "--".as_ref(), directory.as_os_str()]);
            typed.extend_from_slice(b" && ");
        }
        if self.env.is_empty() {
            typed.extend(command.typed());
            return typed;
        }
        let set = self.env.iter().map(|(name, value)| {
            let mut pair = name.clone();
            pair.push("=");
            pair.push(value);
            pair
        });
        let set = set.collect::<Vec<_>>();
        let mut words = vec![OsStr::new("env")];
        words.extend(set.iter().map(OsString::as_os_str));
        words.extend(command.words());
        typed.extend(command::join(&words));
        typed
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    cmd: Option<String>,
    argv: Option<Vec<String>>,
    #[serde(default, deserialize_with = "read_priority")]
    priority: Option<Priority>,
    #[serde(default, deserialize_with = "read_timeout")]
    timeout: Option<Duration>,
    retries: Option<u32>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    cwd: Option<String>,
    #[serde(default, deserialize_with = "read_id")]
    id: Option<String>,
    #[serde(default, deserialize_with = "needs::read_list")]
    locks: Vec<String>,
    #[serde(default, deserialize_with = "needs::read_list")]
    after: Vec<String>,
}

impl Object {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        let written = serde_json::from_slice::<Written>(text).map_err(|error| describe(&error))?;
        written.check()?;
        let key = written.key();
        let Written {
            cmd,
            argv,
            priority,
            timeout,
            retries,
            env,
            cwd,
            id,
            locks,
            after,
        } = written;
        let shown = match (&cmd, &argv) {
            (Some(code), _) => code.clone(),
            (None, Some(words)) => {
                shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default()
            }
            (None, None) => return Err("it has neither `cmd` nor `argv`".to_owned()),
        };
        let command = match (cmd, argv) {
            (Some(code), _) => Command::from_line(code.as_bytes()),
            (None, argv) => {
                let words = argv.unwrap_or_default().into_iter();
                Command::Direct(words.map(OsString::from).collect())
            }
        };
        let env = env
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        let settings = Settings {
            timeout,
            retries,
            env: env.collect(),
            directory: cwd.map(PathBuf::from),
        };
        let needs = Needs::read(after, locks)?;
        Ok(Self {
            label: Label {
                id,
                shown: shown.into_bytes(),
                key: key.into_bytes(),
            },
            priority,
            command,
            settings,
            needs,
        })
    }
}

/// An error as a part of a message. It may quote what it is about, and must not move a cursor.
fn describe(error: &serde_json::Error) -> String {
    // The line that counts is that of the input.
    let said = error
        .to_string()
        .replace(" at line 1 column ", " at column ");
    let mut shown = String::with_capacity(said.len());
    for character in said.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

impl Written {
    /// Refuses what has the right types and cannot be run even so.
    fn check(&self) -> Result<(), String> {
        let refuse = |problem: &str| Err(problem.to_owned());
        match (&self.cmd, &self.argv) {
            (Some(_), Some(_)) => return refuse("it has both `cmd` and `argv`; use one of them"),
            (Some(code), None) if code.trim().is_empty() => return refuse("its `cmd` is empty"),
            (None, Some(words)) if words.first().is_none_or(String::is_empty) => {
                return refuse("its `argv` names no program");
            }
            _ => {}
        }
        if self
            .env
            .keys()
            .any(|name| name.is_empty() || name.contains('='))
        {
            return refuse("a name in its `env` is empty or has a `=`");
        }
        if self.cwd.as_ref().is_some_and(String::is_empty) {
            return refuse("its `cwd` is empty");
        }
        let words = self.argv.iter().flatten().chain(&self.cmd).chain(&self.cwd);
        let mut texts = words.chain(self.env.keys()).chain(self.env.values());
        if texts.any(|text| text.contains('\0')) {
            return refuse("it has a NUL character, which cannot be passed to a program");
        }
        Ok(())
    }

    fn key(&self) -> String {
        serde_json::json!([self.cmd, self.argv, self.env, self.cwd]).to_string()
    }
}

fn read_priority<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Priority>, D::Error> {
    let text = from.deserialize_any(Scalar("high, normal, low or a number from 0 to 255"))?;
    parse_priority(&text).map(Some).map_err(D::Error::custom)
}

fn read_timeout<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text =
        from.deserialize_any(Scalar("a duration such as \"30s\", or a number of seconds"))?;
    duration::parse_some(&text)
        .map(Some)
        .map_err(D::Error::custom)
}

fn read_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let id = from.deserialize_any(Scalar("a string or a number"))?;
    if id.is_empty() {
        return Err(D::Error::custom("its `id` is empty"));
    }
    Ok(Some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_jobs_have_equal_keys_however_they_are_written() {
        let key = |text: &str| Object::read(text.as_bytes()).expect(text).label.key;
        let one = key(r#"{"cmd":"a b","env":{"X":"1","Y":"2"}}"#);
        let other = r#" { "timeout": 3, "env": {"Y":"2", "X":"\u0031"}, "cmd":"a b", "id":"x" } "#;
        assert_eq!(key(other), one);
        for different in [
            r#"{"cmd":"a b"}"#,
            r#"{"argv":["a","b"],"env":{"X":"1","Y":"2"}}"#,
            r#"{"cmd":"a b","cwd":"/","env":{"X":"1","Y":"2"}}"#,
        ] {
            assert_ne!(key(different), one);
        }
    }
}
