//! The directory that holds the files of all locks.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;

use super::error::ResourceError;
use super::name::Name;
use super::units::UnitQueues;

/// Names the directory for all commands that inherit it.
const VARIABLE: &str = "BRIGADE_LOCK_DIR";

/// A directory of locks. Its files stay: to delete one that someone is about to lock would give two processes a lock
/// each on two files of one name.
#[derive(Debug)]
pub(crate) struct LockDirectory {
    path: PathBuf,
    /// See [`keep`].
    _kept: File,
    pub(super) unit_queues: UnitQueues,
}

impl LockDirectory {
    /// Opens the one that was given, or that `BRIGADE_LOCK_DIR` names, or the user's own; it is made if need be.
    ///
    /// # Errors
    /// [`ResourceError::System`] if it cannot be made; [`ResourceError::Foreign`] if what should be the user's own
    /// is not.
    pub(crate) fn open(given: Option<&Path>) -> Result<Self, ResourceError> {
        let named = env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let named = given.map(Path::to_owned).or(named.map(PathBuf::from));
        let own = named.is_none();
        let path = named.unwrap_or_else(own_path);
        let at = |path: &Path, error| ResourceError::System {
            what: format!("the directory of locks {}", path.display()),
            error,
        };
        make(&path).map_err(|error| at(&path, error))?;
        if own && !is_own(&path).map_err(|error| at(&path, error))? {
            return Err(ResourceError::Foreign(path));
        }
        let path = fs::canonicalize(&path).map_err(|error| at(&path, error))?;
        make_records(&path).map_err(|error| at(&path, error))?;
        let kept = keep(&path).map_err(|error| at(&path, error))?;
        Ok(Self {
            path,
            _kept: kept,
            unit_queues: UnitQueues::default(),
        })
    }

    /// The file of a resource for this purpose.
    pub(crate) fn file(&self, name: &Name, purpose: &str) -> PathBuf {
        self.path.join(format!("{}.{purpose}", name.encoded()))
    }

    /// Where those who hold and wait leave word.
    pub(crate) fn records(&self) -> PathBuf {
        self.path.join(RECORDS)
    }
}

/// It begins with `%`, and not as an encoded name can.
const RECORDS: &str = "%records";

/// The user's own directory. It is the same for cron, a login and a service, which `XDG_RUNTIME_DIR` and `TMPDIR` are
/// not; and the former goes away with the last login, though a lock may still be held.
fn own_path() -> PathBuf {
    PathBuf::from(format!("/tmp/brigade-{}", geteuid().as_raw()))
}

/// True if it is a directory of this user to which no other can write. Its parent is open to all, so that somebody else
/// could have made it before us.
fn is_own(path: &Path) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    let owned = metadata.is_dir() && metadata.uid() == geteuid().as_raw();
    Ok(owned && metadata.mode() & 0o022 == 0)
}

/// Keeps what clears old files away (systemd-tmpfiles) from a directory while it is in use.
fn keep(path: &Path) -> io::Result<File> {
    let directory = File::open(path)?;
    // It is locked only while it is being cleared, and what is held by then is younger than that.
    let _ = flock(&directory, FlockOperation::NonBlockingLockShared);
    Ok(directory)
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes the directory of records, as open to other users as the one around it.
fn make_records(path: &Path) -> io::Result<()> {
    let records = path.join(RECORDS);
    match DirBuilder::new().create(&records) {
        Ok(()) => fs::set_permissions(&records, path.metadata()?.permissions()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a file to lock it, making it if need be. Reading must do: it may be another user's.
///
/// # Errors
/// As `open(2)`.
pub(crate) fn open_or_create(path: &Path) -> Result<File, ResourceError> {
    let opened = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path),
        opened => opened,
    };
    opened.map_err(|error| ResourceError::file(path, error))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_directory_that_others_could_change_is_not_ones_own() {
        let parent = TempDir::new().expect("a directory");
        let path = parent.path().join("locks");
        make(&path).expect("made");
        assert!(is_own(&path).expect("exists"));
        let link = parent.path().join("link");
        symlink(&path, &link).expect("made");
        assert!(!is_own(&link).expect("exists"));
        fs::set_permissions(&path, Permissions::from_mode(0o777)).expect("changed");
        assert!(!is_own(&path).expect("exists"));
        fs::write(parent.path().join("file"), "").expect("written");
        assert!(!is_own(&parent.path().join("file")).expect("exists"));
    }
}
