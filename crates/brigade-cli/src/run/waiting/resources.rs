//! Which jobs have which resources, and who gets them next.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::resource::{Name, Request, Use};
use crate::run::job::Job;

/// The resources that jobs have or wait for.
///
/// A job gets all that it needs at once or waits without any, so no two jobs wait for each other. Those that wait come
/// in one order, by priority and the time since when they wait. What a job has once been found to lack it has *claimed*
/// from then on: nobody behind it gets what would keep it from that. So after at most as many claims as it has
/// requests, all that runs before it is what ran already, and no job starves; and what no job lacks is not kept
/// back for one that lacks something else.
#[derive(Debug)]
pub(super) struct Resources {
    /// Those that are held.
    used: HashMap<Name, Used>,
    waiting: BTreeMap<Place, Waiting>,
    /// What each job has, by turn.
    holders: HashMap<u64, Vec<Request>>,
    /// So many jobs may have some at once.
    most_holders: usize,
}

/// When it is a job's turn: the time since when it waits and its priority, one level being as much as one unit of ageing;
/// and its turn.
type Place = (Instant, u64);

#[derive(Debug)]
struct Waiting {
    job: Job,
    /// What it has claimed, as places in its requests.
    claimed: Vec<bool>,
}

/// How a resource is held; not at all if all of it is zero.
#[derive(Debug, Default, PartialEq, Eq)]
struct Used {
    alone: bool,
    /// By so many who share it, or have units of it.
    together: usize,
    units: u16,
}

impl Used {
    fn allows(&self, usage: Use) -> bool {
        match usage {
            Use::Exclusive => *self == Self::default(),
            Use::Shared => !self.alone,
            Use::Units { wanted, capacity } => {
                let free = capacity.unwrap_or(0).checked_sub(self.units);
                !self.alone && free.is_some_and(|free| wanted <= free)
            }
        }
    }

    fn take(&mut self, usage: Use) {
        match usage {
            Use::Exclusive => self.alone = true,
            Use::Shared => self.together += 1,
            Use::Units { wanted, .. } => {
                self.together += 1;
                self.units += wanted;
            }
        }
    }

    fn give_back(&mut self, usage: Use) {
        match usage {
            Use::Exclusive => self.alone = false,
            Use::Shared => self.together -= 1,
            Use::Units { wanted, .. } => {
                self.together -= 1;
                self.units -= wanted;
            }
        }
    }
}

/// True if one who has it in one way keeps it from one who wants it in the other.
fn excludes(one: Use, other: Use) -> bool {
    let whole = |usage| usage == Use::Exclusive;
    let units = |usage| matches!(usage, Use::Units { .. });
    whole(one) || whole(other) || units(one) && units(other)
}

impl Resources {
    /// So many jobs may have some at once.
    pub(super) fn new(most_holders: usize) -> Self {
        Self {
            used: HashMap::new(),
            waiting: BTreeMap::new(),
            holders: HashMap::new(),
            most_holders,
        }
    }

    /// How many jobs wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// True if the job of that turn has what it needs.
    pub(super) fn are_held(&self, turn: u64) -> bool {
        self.holders.contains_key(&turn)
    }

    /// Lets a job wait, and tells for what. `ageing` is how much waiting makes up for one level of priority.
    pub(super) fn enter(&mut self, job: Job, ageing: Duration) -> Vec<Name> {
        let Some(needs) = &job.needs else {
            return Vec::new();
        };
        let names = needs.locks.iter().map(|request| request.name.clone());
        let names = names.collect();
        let claimed = vec![false; needs.locks.len()];
        let place = needs.since + ageing * u32::from(job.priority.0);
        self.waiting
            .insert((place, job.turn), Waiting { job, claimed });
        names
    }

    /// Takes what is free for those that wait, and returns those that have all they need now. Something has changed for
    /// those that need one of these resources. Goes through the waiting until nobody behind can get any of them.
    pub(super) fn grant(&mut self, mut changed: Vec<Name>) -> Vec<Job> {
        let mut granted = Vec::new();
        // What those before have claimed.
        let mut claims = HashMap::<&Name, Vec<Use>>::new();
        for (place, Waiting { job, claimed }) in &mut self.waiting {
            changed.retain(|name| {
                let alone = self.used.get(name).is_some_and(|used| used.alone);
                let claimed = claims.get(name);
                !alone && claimed.is_none_or(|claims| !claims.contains(&Use::Exclusive))
            });
            if changed.is_empty() || self.holders.len() >= self.most_holders {
                break;
            }
            let requests = job.locks();
            let mut free = true;
            for (request, claimed) in requests.iter().zip(&mut *claimed) {
                let used = self.used.get(&request.name);
                let allowed = used.is_none_or(|used| used.allows(request.usage));
                let passed = claims.get(&request.name).is_none_or(|claims| {
                    !claims.iter().any(|&claim| excludes(claim, request.usage))
                });
                *claimed |= !(allowed && passed);
                free &= allowed && passed;
            }
            if free {
                for request in requests {
                    let used = self.used.entry(request.name.clone()).or_default();
                    used.take(request.usage);
                    // What it has claimed of it may have been more than it takes.
                    if !changed.contains(&request.name) {
                        changed.push(request.name.clone());
                    }
                }
                self.holders.insert(place.1, requests.to_vec());
                granted.push(*place);
                continue;
            }
            for (request, _) in requests.iter().zip(claimed).filter(|it| *it.1) {
                let claims = claims.entry(&request.name).or_default();
                if !claims.contains(&request.usage) {
                    claims.push(request.usage);
                }
            }
        }
        let granted = granted
            .iter()
            .filter_map(|place| self.waiting.remove(place));
        granted.map(|waiting| waiting.job).collect()
    }

    /// Gives back what a job has, and tells what that is.
    pub(super) fn give_back(&mut self, turn: u64) -> Vec<Name> {
        let requests = self.holders.remove(&turn).unwrap_or_default();
        for request in &requests {
            if let Some(used) = self.used.get_mut(&request.name) {
                used.give_back(request.usage);
                if *used == Used::default() {
                    self.used.remove(&request.name);
                }
            }
        }
        requests.into_iter().map(|request| request.name).collect()
    }

    /// Takes out all that wait.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Job> + use<> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().map(|waiting| waiting.job)
    }
}
