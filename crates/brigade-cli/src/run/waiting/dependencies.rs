//! Which jobs wait for which.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::run::job::Hash;
use crate::run::job::{BadItem, Job, Predecessor, Unmet};

/// How a job has ended, for those that are after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Succeeded,
    /// For this reason, which is no longer than is of use.
    Failed(Box<str>),
    /// As it could not begin.
    NotRun,
}

impl Fate {
    /// How a job has ended that failed for this reason.
    pub(crate) fn failed(why: &str) -> Self {
        Self::Failed(why.chars().take(LONGEST_REASON).collect())
    }
}

/// How much of the reason of a failure is remembered, in characters.
const LONGEST_REASON: usize = 200;

/// The jobs that wait for others, and what is known of those others.
///
/// An id that was read is in one of three places: in `live` until its job has ended, and then in `succeeded` or
/// `failed`, for good, as any job that is still to be read may name it. An id that was only named is in `live`
/// as long as a job waits for it. So memory is needed for the jobs that wait, whose number has a limit, and
/// about 30 bytes for each id that has ended.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    live: HashMap<Hash, Live>,
    succeeded: BTreeSet<Hash>,
    /// Those that did not succeed.
    failed: BTreeMap<Hash, Fate>,
    /// By turn. Each waits for one `live` id at least, and is among the followers of all that it waits for.
    parked: BTreeMap<u64, Parked>,
}

/// An id whose job has not ended.
#[derive(Debug, Default)]
struct Live {
    /// The turn of its job, once that was read.
    turn: Option<u64>,
    /// The turns of the jobs that wait for it.
    followers: Vec<u64>,
}

/// A job that waits for others.
#[derive(Debug)]
struct Parked {
    job: Job,
    /// For how many.
    unmet: usize,
}

/// How the job of an id has ended in an earlier run, if it is not to run again.
pub(crate) type Before<'a> = &'a dyn Fn(&str) -> Option<bool>;

impl Dependencies {
    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.parked.len()
    }

    /// The first of those that a job would have to wait for.
    pub(super) fn first_unmet<'a>(&self, job: &'a Job, before: Before) -> Option<&'a Predecessor> {
        job.after().iter().find(|it| {
            let ended = self.succeeded.contains(&it.hash) || self.failed.contains_key(&it.hash);
            !ended && before(&it.id).is_none()
        })
    }

    /// Takes in a job that was read, and returns those to hand over now: this one if it need not wait; and those that
    /// are after themselves, as is known by it.
    pub(super) fn enter(&mut self, job: Job, before: Before) -> Vec<Job> {
        if let Some(id) = job.id() {
            if self.is_taken(id, &job, before) {
                return vec![fail(job, Unmet::IdTwice)];
            }
            self.live.entry(id).or_default().turn = Some(job.turn);
        }
        if job.command.is_err() {
            return vec![job];
        }
        let mut unmet = Vec::new();
        for predecessor in job.after() {
            if self.succeeded.contains(&predecessor.hash) {
                continue;
            }
            let id = || predecessor.id.clone();
            let problem = match (self.failed.get(&predecessor.hash), before(&predecessor.id)) {
                (Some(fate), _) => because_of(id(), fate),
                (None, Some(true)) => continue,
                (None, Some(false)) => Unmet::FailedBefore { id: id() },
                (None, None) => {
                    unmet.push(predecessor.hash);
                    continue;
                }
            };
            return vec![fail(job, problem)];
        }
        if unmet.is_empty() {
            return vec![job];
        }
        if let Some(turns) = self.find_cycle(&job) {
            return self.fail_cycle(job, &turns);
        }
        for id in &unmet {
            let live = self.live.entry(*id).or_default();
            live.followers.push(job.turn);
        }
        let unmet = unmet.len();
        self.parked.insert(job.turn, Parked { job, unmet });
        Vec::new()
    }

    fn is_taken(&self, id: Hash, job: &Job, before: Before) -> bool {
        self.live.get(&id).is_some_and(|live| live.turn.is_some())
            || self.succeeded.contains(&id)
            || self.failed.contains_key(&id)
            || job.id_text().is_some_and(|id| before(id).is_some())
    }

    /// Notes that a job has ended, and returns those to hand over that waited for it: they can begin, or have failed.
    pub(super) fn end(&mut self, turn: u64, id: Hash, fate: Fate) -> Vec<Job> {
        // The job of that turn is another's namesake if the id is not its own.
        if self
            .live
            .get(&id)
            .is_none_or(|live| live.turn != Some(turn))
        {
            return Vec::new();
        }
        let followers = self.live.remove(&id).map(|live| live.followers);
        let mut ready = Vec::new();
        for follower in followers.unwrap_or_default() {
            if fate == Fate::Succeeded {
                ready.extend(self.meet_one(follower));
            } else if let Some(job) = self.unpark(follower) {
                let problem = because_of(id_of(&job, id), &fate);
                ready.push(fail(job, problem));
            }
        }
        if fate == Fate::Succeeded {
            self.succeeded.insert(id);
        } else {
            self.failed.insert(id, fate);
        }
        ready
    }

    /// One of those that a job waits for has ended well; returns the job if that was the last.
    fn meet_one(&mut self, turn: u64) -> Option<Job> {
        let parked = self.parked.get_mut(&turn)?;
        parked.unmet -= 1;
        if parked.unmet > 0 {
            return None;
        }
        self.parked.remove(&turn).map(|parked| parked.job)
    }

    /// Fails all that wait for a job that was not read, as there is nothing more to read.
    pub(super) fn fail_missing(&mut self) -> Vec<Job> {
        let is_missing = |it: &&Predecessor| {
            let live = self.live.get(&it.hash);
            live.is_some_and(|live| live.turn.is_none())
        };
        let missing = self.parked.iter().filter_map(|(&turn, parked)| {
            let mut after = parked.job.after().iter();
            Some((turn, after.find(is_missing)?.id.clone()))
        });
        let missing = missing.collect::<Vec<_>>();
        let failed = missing.into_iter().filter_map(|(turn, id)| {
            let job = self.unpark(turn)?;
            Some(fail(job, Unmet::Missing { id }))
        });
        failed.collect()
    }

    /// Fails the job of that turn if it waits, for a reason made of the id that it waits for.
    pub(super) fn fail(&mut self, turn: u64, problem: impl FnOnce(String) -> Unmet) -> Option<Job> {
        let parked = self.parked.get(&turn)?;
        let mut after = parked.job.after().iter();
        let id = after
            .find(|it| self.live.contains_key(&it.hash))?
            .id
            .clone();
        let job = self.unpark(turn)?;
        Some(fail(job, problem(id)))
    }

    /// Takes out a job that still waits, and forgets the ids that only it has named.
    fn unpark(&mut self, turn: u64) -> Option<Job> {
        let job = self.parked.remove(&turn)?.job;
        for predecessor in job.after() {
            if let Some(live) = self.live.get_mut(&predecessor.hash) {
                live.followers.retain(|&follower| follower != turn);
                if live.turn.is_none() && live.followers.is_empty() {
                    self.live.remove(&predecessor.hash);
                }
            }
        }
        Some(job)
    }

    /// Takes out all that wait.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Job> + use<> {
        let parked = std::mem::take(&mut self.parked);
        parked.into_values().map(|parked| parked.job)
    }

    /// The turns of the jobs that a new job waits for and that wait for it, from the nearest on; `None` if it is not
    /// after itself.
    fn find_cycle(&self, job: &Job) -> Option<Vec<u64>> {
        let id = job.id()?;
        let names_itself = |job: &Job| job.after().iter().any(|it| it.hash == id);
        if names_itself(job) {
            return Some(Vec::new());
        }
        if self.live.get(&id)?.followers.is_empty() {
            return None; // as for nearly all
        }
        // Depth first; `path` leads to what is looked at, each with the number of those it is after that were passed.
        let mut seen = HashSet::new();
        let mut path = vec![(job, 0)];
        while let Some((job, passed)) = path.last_mut() {
            let Some(predecessor) = job.after().get(*passed) else {
                path.pop();
                continue;
            };
            *passed += 1;
            let turn = self.live.get(&predecessor.hash).and_then(|live| live.turn);
            let Some(parked) = turn.and_then(|turn| self.parked.get(&turn)) else {
                continue;
            };
            if seen.insert(parked.job.turn) {
                path.push((&parked.job, 0));
                if names_itself(&parked.job) {
                    return Some(path[1..].iter().map(|(job, _)| job.turn).collect());
                }
            }
        }
        None
    }

    fn fail_cycle(&mut self, job: Job, turns: &[u64]) -> Vec<Job> {
        let mut jobs = vec![job];
        jobs.extend(turns.iter().filter_map(|&turn| self.unpark(turn)));
        let ids = jobs.iter().map(|job| job.id_text().unwrap_or_default());
        let mut ids = ids.map(str::to_owned).collect::<Vec<_>>();
        let fail_one = |job| {
            let failed = fail(job, Unmet::cycle(&ids));
            ids.rotate_left(1); // each is told it from its own point of view
            failed
        };
        jobs.into_iter().map(fail_one).collect()
    }
}

/// Makes a job one that cannot be run.
pub(super) fn fail(mut job: Job, problem: Unmet) -> Job {
    job.command = Err(BadItem::Unmet(problem));
    job
}

/// What becomes of a job whose predecessor has ended so.
fn because_of(id: String, fate: &Fate) -> Unmet {
    match fate {
        Fate::Failed(why) => Unmet::Failed {
            id,
            why: why.to_string(),
        },
        Fate::NotRun | Fate::Succeeded => Unmet::NotRun { id },
    }
}

/// The id of that hash, as a job that is after it names it.
fn id_of(job: &Job, hash: Hash) -> String {
    let found = job
        .after()
        .iter()
        .find(|predecessor| predecessor.hash == hash);
    found
        .map(|predecessor| predecessor.id.clone())
        .unwrap_or_default()
}
