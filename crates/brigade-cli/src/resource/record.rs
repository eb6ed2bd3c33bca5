//! What those who hold and wait say of themselves, for people to read. No lock depends on it.
//!
//! A record is a file that its process has locked, and that the command inherits like the other locks: so who can lock
//! it knows that nobody stands behind it any more. It grows by one line for each change, written at once, so
//! that readers need no lock.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{FdFlags, fcntl_setfd, retry_on_intr};
use serde::{Deserialize, Serialize};

use super::directory::LockDirectory;
use super::error::ResourceError;
use super::name::{Name, printable};
use super::request::{Request, Use};

/// Whether a resource is held or waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Held,
    Waiting,
}

/// One line of a record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    /// The first one.
    Process { pid: u32, command: Vec<String> },
    /// The command has been started.
    Command { pid: u32 },
    /// A resource is waited for, or held, from now on.
    Resource {
        encoded: String,
        usage: Use,
        state: State,
        /// Milliseconds since 1970.
        at: u64,
    },
}

/// Numbers the records of this process, which may have many at once.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The record of one command of this process.
#[derive(Debug)]
pub(crate) struct Record {
    path: PathBuf,
    file: File,
}

impl Record {
    /// Begins a record of this process, which is to run that command. Records that nobody stands behind are removed.
    ///
    /// # Errors
    /// [`ResourceError::System`].
    pub(crate) fn begin(
        directory: &LockDirectory,
        command: &[OsString],
    ) -> Result<Self, ResourceError> {
        users(directory)?;
        let pid = process::id();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed); // each its own, in whatever order
        let path = directory
            .records()
            .join(format!("{pid}-{}-{number}", now()));
        let record = loop {
            let create = || {
                let mut options = File::options();
                let file = options.append(true).create(true).open(&path)?;
                retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))?;
                io::Result::Ok(file)
            };
            let file = create().map_err(|error| ResourceError::file(&path, error))?;
            // Before it was locked, somebody may have taken it for one that nobody stands behind.
            if file.metadata().is_ok_and(|metadata| metadata.nlink() > 0) {
                break Self { path, file };
            }
        };
        let command = command
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        record.write(&Entry::Process { pid, command });
        Ok(record)
    }

    /// Its name, by which a command inside this one finds it.
    pub(crate) fn id(&self) -> &str {
        let name = self.path.file_name().and_then(|name| name.to_str());
        name.unwrap_or_default()
    }

    /// Says that a resource is waited for, or held.
    pub(crate) fn note(&self, request: &Request, state: State) {
        self.write(&Entry::Resource {
            encoded: request.name.encoded().to_owned(),
            usage: request.usage,
            state,
            at: now(),
        });
    }

    /// Says that the command has been started.
    pub(crate) fn note_command(&self, pid: u32) {
        self.write(&Entry::Command { pid });
    }

    /// Lets all that is started from now on stand behind the record too.
    ///
    /// # Errors
    /// [`ResourceError::System`].
    pub(crate) fn bequeath(&self) -> Result<(), ResourceError> {
        fcntl_setfd(&self.file, FdFlags::empty())
            .map_err(|error| ResourceError::file(&self.path, error.into()))
    }

    /// Removes it. It need not be the last to have it that does so.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
        let _ = flock(&self.file, FlockOperation::Unlock);
    }

    fn write(&self, entry: &Entry) {
        // Locks do not depend on it: a full disk is no reason not to run a command.
        if let Ok(mut line) = serde_json::to_vec(entry) {
            line.push(b'\n');
            let _ = (&self.file).write_all(&line);
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Someone who holds a resource or waits for it.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) record: String,
    /// Of the `brigade`.
    pub(crate) pid: u32,
    pub(crate) command_pid: Option<u32>,
    pub(crate) command: Vec<String>,
    pub(crate) resource: Name,
    pub(crate) usage: Use,
    pub(crate) state: State,
    pub(crate) since: SystemTime,
}

/// How much of a command is shown, in characters.
const SHOWN: usize = 72;

impl User {
    /// Its command as one would type it, on one line and not too long.
    pub(crate) fn command_line(&self) -> String {
        let words = self
            .command
            .iter()
            .map(|word| match shlex::try_quote(word) {
                Ok(quoted) => quoted.into_owned(),
                Err(_) => word.clone(),
            });
        let line = words.collect::<Vec<_>>().join(" ");
        let mut shown = printable(&line);
        if let Some((cut, _)) = shown.char_indices().nth(SHOWN) {
            shown.truncate(cut);
            shown.push('…');
        }
        shown
    }

    /// How long it has held it or waited.
    pub(crate) fn age(&self) -> Duration {
        // The clock may have been set back.
        self.since.elapsed().unwrap_or_default()
    }
}

/// All who hold or wait, ordered by resource, holders first, and the earliest first. Records that nobody stands behind
/// are removed.
///
/// # Errors
/// [`ResourceError::System`] if the directory cannot be read.
pub(crate) fn users(directory: &LockDirectory) -> Result<Vec<User>, ResourceError> {
    let path = directory.records();
    let at = |error| ResourceError::file(&path, error);
    let mut users = Vec::new();
    for entry in fs::read_dir(&path).map_err(at)? {
        let path = entry.map_err(at)?.path();
        match read_live(&path) {
            Ok(Some(text)) => users.extend(parse(&path, &text)),
            Ok(None) => {}
            // It has just been removed, or it is another user's who does not show it.
            Err(error)
                if [ErrorKind::NotFound, ErrorKind::PermissionDenied].contains(&error.kind()) => {}
            Err(error) => return Err(ResourceError::file(&path, error)),
        }
    }
    users.sort_by(|a, b| {
        let key = |user: &User| (user.state, user.since, user.pid);
        a.resource.cmp(&b.resource).then(key(a).cmp(&key(b)))
    });
    Ok(users)
}

/// The text of a record; `None` if nobody stood behind it, and then it is removed.
fn read_live(path: &Path) -> io::Result<Option<String>> {
    let file = File::open(path)?;
    let free = retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockShared)).is_ok();
    if free {
        // While we hold this lock, nobody can begin to stand behind it unnoticed.
        let _ = fs::remove_file(path);
        return Ok(None);
    }
    let bytes = fs::read(path)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The users that a record tells of. A line that is not whole yet is passed over.
fn parse(path: &Path, text: &str) -> Vec<User> {
    let name = path.file_name().unwrap_or_default();
    let record = name.to_string_lossy().into_owned();
    let mut process = (0, Vec::new());
    let mut command_pid = None;
    let mut users = Vec::<User>::new();
    for entry in text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
    {
        match entry {
            Entry::Process { pid, command } => process = (pid, command),
            Entry::Command { pid } => command_pid = Some(pid),
            Entry::Resource {
                encoded,
                usage,
                state,
                at,
            } => {
                let Some(resource) = Name::decode(&encoded) else {
                    continue;
                };
                users.retain(|user| user.resource != resource);
                users.push(User {
                    record: record.clone(),
                    pid: process.0,
                    command_pid: None,
                    command: process.1.clone(),
                    resource,
                    usage,
                    state,
                    since: UNIX_EPOCH + Duration::from_millis(at),
                });
            }
        }
    }
    for user in &mut users {
        user.command_pid = command_pid;
    }
    users
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_resource_counts_and_half_a_line_does_not() {
        let text = concat!(
            "{\"process\":{\"pid\":7,\"command\":[\"a b\",\"c\\n\"]}}\n",
            "{\"resource\":{\"encoded\":\"db\",\"usage\":\"shared\",\"state\":\"waiting\",\"at\":1}}\n",
            "{\"resource\":{\"encoded\":\"db\",\"usage\":\"shared\",\"state\":\"held\",\"at\":2}}\n",
            "{\"command\":{\"pid\":8}}\n",
            "{\"resource\":{\"encoded\":\"gpu\",\"us",
        );
        let users = parse(Path::new("records/7-1"), text);
        let [user] = users.as_slice() else {
            panic!("{users:?}");
        };
        assert_eq!(
            (user.state, user.pid, user.command_pid),
            (State::Held, 7, Some(8))
        );
        assert_eq!(user.command_line(), "'a b' 'c\\n'");
    }
}
