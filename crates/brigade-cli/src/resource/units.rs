//! Counted resources: a file for each unit, and one that says how many there are.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use super::directory::LockDirectory;
use super::error::ResourceError;
use super::lock::{Lock, Mode, Taking, Waits, lock, try_lock};
use super::name::Name;
use super::request::{MOST_UNITS, Request, Use};

/// The file that says how many units there are. Whoever holds a lock on it is done in a moment, and looks through the
/// units alone: two who each find half of what they want do not both give up.
const CAPACITY: &str = "capacity";

/// A thread that does nothing but wait needs little.
const STACK: usize = 64 * 1024;

impl LockDirectory {
    /// How many units a resource has, as its first user said; `None` if there was none.
    ///
    /// # Errors
    /// [`ResourceError::System`] if it cannot be read.
    pub(crate) fn known_capacity(&self, name: &Name) -> Result<Option<u16>, ResourceError> {
        // One that was killed before it had written all of it has said nothing.
        let path = self.file(name, CAPACITY);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let whole = text.strip_suffix('\n');
                let known = whole.and_then(|text| text.trim_start().parse().ok());
                Ok(known.filter(|known| (1..=MOST_UNITS).contains(known)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ResourceError::file(&path, error)),
        }
    }

    /// Compares what a request says of the capacity with what is known, and with what it asks for.
    ///
    /// # Errors
    /// [`ResourceError::OtherCapacity`], [`ResourceError::TooMany`].
    pub(crate) fn check_capacity(&self, request: &Request) -> Result<(), ResourceError> {
        let Use::Units { wanted, capacity } = request.usage else {
            return Ok(());
        };
        match self.known_capacity(&request.name)?.or(capacity) {
            Some(known) => agree(&request.name, wanted, capacity, known),
            None => Err(ResourceError::NoCapacity(request.name.clone())),
        }
    }

    /// Writes down the capacity that a request gives. Nobody else may use the resource.
    pub(super) fn change_capacity(&self, request: &Request) -> Result<(), ResourceError> {
        if let Use::Units {
            capacity: Some(capacity),
            ..
        } = request.usage
        {
            let _alone = lock(self.file(&request.name, CAPACITY), Mode::Exclusive)?;
            self.write_capacity(&request.name, capacity)?;
        }
        Ok(())
    }

    fn write_capacity(&self, name: &Name, capacity: u16) -> Result<(), ResourceError> {
        let path = self.file(name, CAPACITY);
        // Always as long, so that it is replaced at once: others may read it meanwhile.
        let line = format!("{capacity:>5}\n");
        let opened = File::options().write(true).open(&path);
        opened
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|error| ResourceError::file(&path, error))
    }
}

fn agree(name: &Name, wanted: u16, here: Option<u16>, there: u16) -> Result<(), ResourceError> {
    let name = || name.clone();
    match here {
        Some(here) if here != there => Err(ResourceError::OtherCapacity {
            name: name(),
            here,
            there,
        }),
        _ if wanted > there => Err(ResourceError::TooMany {
            name: name(),
            wanted,
            capacity: there,
        }),
        _ => Ok(()),
    }
}

impl Taking<'_> {
    /// Locks so many units. The resource itself must be held, so that the capacity does not change.
    pub(super) fn take_units(
        &mut self,
        wanted: u16,
        capacity: Option<u16>,
    ) -> Result<Option<Vec<Lock>>, ResourceError> {
        let (directory, name) = (self.directory, &self.request.name);
        let wanted_units = usize::from(wanted);
        let mut units = Vec::with_capacity(wanted_units);
        let mut taken = Vec::new();
        {
            let _alone = lock(directory.file(name, CAPACITY), Mode::Exclusive)?;
            let known = directory.known_capacity(name)?;
            let Some(there) = known.or(capacity) else {
                return Err(ResourceError::NoCapacity(name.clone()));
            };
            agree(name, wanted, capacity, there)?;
            if known.is_none() {
                directory.write_capacity(name, there)?;
            }
            for unit in 0..there {
                if units.len() == wanted_units {
                    break;
                }
                match try_lock(&directory.file(name, &purpose(unit)), Mode::Exclusive)? {
                    Some(unit) => units.push(unit),
                    None => taken.push(unit),
                }
            }
            if units.len() < wanted_units && self.waits == Waits::Never {
                drop(units); // before somebody else looks
                self.tell_that_it_waits();
                return Ok(None);
            }
        }
        if units.len() < wanted_units {
            self.tell_that_it_waits();
            let missing = wanted_units - units.len();
            let queue = directory.queue(name);
            units.extend(queue.wait_for(directory, name, missing, &taken)?);
        }
        Ok(Some(units))
    }
}

fn purpose(unit: u16) -> String {
    format!("unit-{unit}")
}

/// Waits of this process for any units of one resource. The kernel waits for one file at a time, so a thread waits for
/// each unit. Those of which the unit is not needed any more cannot be called back: they wait on, for the next one who
/// needs it, or give it back at once. So there are never more than there are units.
#[derive(Debug, Default)]
pub(super) struct UnitQueue {
    state: Mutex<QueueState>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    /// The units for which a thread waits.
    awaited: BTreeSet<u16>,
    /// How many are needed now. Only who has the turn needs any.
    needed: usize,
    arrived: Vec<Result<Lock, ResourceError>>,
}

/// The queues of one directory, by resource.
pub(super) type UnitQueues = Mutex<HashMap<Name, Arc<UnitQueue>>>;

impl LockDirectory {
    fn queue(&self, name: &Name) -> Arc<UnitQueue> {
        Arc::clone(self.unit_queues.lock().entry(name.clone()).or_default())
    }
}

impl UnitQueue {
    /// Waits for any so many of these units.
    fn wait_for(
        self: &Arc<Self>,
        directory: &LockDirectory,
        name: &Name,
        needed: usize,
        units: &[u16],
    ) -> Result<Vec<Lock>, ResourceError> {
        let mut state = self.state.lock();
        state.needed = needed;
        for &unit in units {
            if !state.awaited.insert(unit) {
                continue;
            }
            let path = directory.file(name, &purpose(unit));
            let queue = Arc::clone(self);
            let waiting = move || {
                let file = lock(path, Mode::Exclusive);
                queue.hand_over(unit, file);
            };
            let started = thread::Builder::new()
                .name("brigade-unit".to_owned())
                .stack_size(STACK)
                .spawn(waiting);
            if let Err(error) = started {
                state.awaited.remove(&unit);
                state.needed = 0;
                state.arrived.clear();
                return Err(ResourceError::System {
                    what: "a thread cannot be started".to_owned(),
                    error,
                });
            }
        }
        while state.arrived.len() < state.needed {
            self.arrived.wait(&mut state);
        }
        state.needed = 0;
        state.arrived.drain(..).collect()
    }

    fn hand_over(&self, unit: u16, file: Result<Lock, ResourceError>) {
        let mut state = self.state.lock();
        state.awaited.remove(&unit);
        if state.arrived.len() < state.needed {
            state.arrived.push(file);
            self.arrived.notify_one();
        }
    }
}
