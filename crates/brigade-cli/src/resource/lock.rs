//! Locking one resource, and several in order.
//!
//! Each resource has a *turn*: whoever wants the resource, in whatever way, first queues there, keeps the turn while it
//! waits for the resource itself, and passes it on when it has it. So a stream of sharers does not starve someone
//! who wants it alone, the units of a counted resource are collected by one process at a time, and first come is first
//! served as far as the kernel does so for `flock(2)`: it queues the waiting and wakes the first one, which
//! someone who comes at just that moment may still forestall.
//!
//! Locks are those of `flock(2)`, which belong to an open file and are shared by all who have inherited it. A command
//! inherits them, so that it still has them should `brigade` be killed before it. When the command ends they are given
//! back by name ([`Lock`] unlocks and does not just close), so that what it leaves in the background has them no more.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, FdFlags, fcntl_setfd, retry_on_intr};

use super::directory::{LockDirectory, open_or_create};
use super::error::ResourceError;
use super::record::State;
use super::request::{Request, Use};

/// Whether to wait for who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    Never,
    ForEver,
}

/// A locked file, until this is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing it would not do: others may have inherited it. An error is not possible for an open file.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// A resource that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(Vec<Lock>);

impl Held {
    /// Lets all that is started from now on have it too, until this is dropped or, should this process be killed, until
    /// the last of them has ended.
    ///
    /// # Errors
    /// [`ResourceError::System`].
    pub(crate) fn bequeath(&self) -> Result<(), ResourceError> {
        for Lock(file) in &self.0 {
            fcntl_setfd(file, FdFlags::empty()).map_err(|error| ResourceError::System {
                what: "a lock cannot be handed on".to_owned(),
                error: error.into(),
            })?;
        }
        Ok(())
    }
}

impl LockDirectory {
    /// Locks all of the resources, which must be in order; `None` if one of them would have to be waited for and is not
    /// to be. `tell` hears of each resource that it is had, and before that, that it has to be waited for if it has.
    ///
    /// With `redeclare`, a capacity that is given replaces another one, once nobody uses the resource.
    ///
    /// # Errors
    /// [`ResourceError`]; nothing is held then, nor when `None` is returned.
    pub(crate) fn lock_all(
        &self,
        requests: &[Request],
        waits: Waits,
        redeclare: bool,
        tell: &mut dyn FnMut(&Request, State),
    ) -> Result<Option<Vec<Held>>, ResourceError> {
        if !redeclare {
            for request in requests {
                self.check_capacity(request)?;
            }
        }
        let mut all = Vec::with_capacity(requests.len());
        for request in requests {
            let mut taking = Taking {
                directory: self,
                request,
                waits,
                told: false,
                tell,
            };
            match taking.take(redeclare)? {
                Some(held) => all.push(held),
                None => return Ok(None),
            }
            tell(request, State::Held);
        }
        Ok(Some(all))
    }
}

/// One resource while it is being locked.
pub(super) struct Taking<'a> {
    pub(super) directory: &'a LockDirectory,
    pub(super) request: &'a Request,
    pub(super) waits: Waits,
    told: bool,
    tell: &'a mut dyn FnMut(&Request, State),
}

impl Taking<'_> {
    fn take(&mut self, redeclare: bool) -> Result<Option<Held>, ResourceError> {
        // Who does not wait needs no turn.
        let _turn = self.lock("turn", Mode::Exclusive)?;
        let mode = match self.request.usage {
            Use::Exclusive => Mode::Exclusive,
            Use::Shared | Use::Units { .. } => Mode::Shared,
        };
        if redeclare
            && self.directory.check_capacity(self.request).is_err()
            && self.redeclare()?.is_none()
        {
            return Ok(None);
        }
        let Some(whole) = self.lock("lock", mode)? else {
            return Ok(None);
        };
        let mut locks = vec![whole];
        if let Use::Units { wanted, capacity } = self.request.usage {
            match self.take_units(wanted, capacity)? {
                Some(units) => locks.extend(units),
                None => return Ok(None),
            }
        }
        Ok(Some(Held(locks)))
    }

    /// Changes the capacity while nobody uses the resource. Someone may take it before we do; who has it by then has
    /// read the new capacity.
    fn redeclare(&mut self) -> Result<Option<()>, ResourceError> {
        let Some(_alone) = self.lock("lock", Mode::Exclusive)? else {
            return Ok(None);
        };
        self.directory.change_capacity(self.request)?;
        Ok(Some(()))
    }

    /// Locks a file of the resource; `None` if it is locked otherwise and is not to be waited for.
    fn lock(&mut self, purpose: &str, mode: Mode) -> Result<Option<Lock>, ResourceError> {
        let path = self.directory.file(&self.request.name, purpose);
        let lock_now = try_lock(&path, mode)?;
        if lock_now.is_some() {
            return Ok(lock_now);
        }
        self.tell_that_it_waits();
        match self.waits {
            Waits::Never => Ok(None),
            Waits::ForEver => lock(path, mode).map(Some),
        }
    }

    /// Says once that this has to be waited for.
    pub(super) fn tell_that_it_waits(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            (self.tell)(self.request, State::Waiting);
        }
    }
}

/// How a file is locked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    Exclusive,
    Shared,
}

/// Locks a file, waiting until it can be.
pub(super) fn lock(path: PathBuf, mode: Mode) -> Result<Lock, ResourceError> {
    let operation = match mode {
        Mode::Exclusive => FlockOperation::LockExclusive,
        Mode::Shared => FlockOperation::LockShared,
    };
    loop {
        let file = open_or_create(&path)?;
        retry_on_intr(|| flock(&file, operation))
            .map_err(|error| ResourceError::file(&path, error.into()))?;
        if is_at(&file, &path) {
            return Ok(Lock(file));
        }
    }
}

/// Locks a file; `None` if it is locked otherwise.
pub(super) fn try_lock(path: &Path, mode: Mode) -> Result<Option<Lock>, ResourceError> {
    let operation = match mode {
        Mode::Exclusive => FlockOperation::NonBlockingLockExclusive,
        Mode::Shared => FlockOperation::NonBlockingLockShared,
    };
    loop {
        let file = open_or_create(path)?;
        match retry_on_intr(|| flock(&file, operation)) {
            Ok(()) if is_at(&file, path) => return Ok(Some(Lock(file))),
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(ResourceError::file(path, error.into())),
        }
    }
}

/// False if the file was deleted before it was locked, so that a lock on it excludes nobody.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.metadata()) {
        (Ok(ours), Ok(theirs)) => ours.ino() == theirs.ino() && ours.dev() == theirs.dev(),
        _ => false,
    }
}
