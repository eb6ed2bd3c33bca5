//! A check and the runs it asks for.

use std::fmt::Debug;
use std::future::{self, Future};
use std::pin::Pin;
use std::slice;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::driver::{Course, Stage, Trace};
use super::notes::{Notes, Points, Shared};
use super::threads::{self, Explored};
use crate::lock::lock;
use crate::panics;
use crate::point::Visit;
use crate::scenario::{Ending, Run, Scenario};
use crate::watch::{Watch, Watched};

/// Without a step for so long, the code under test is taken to wait for something outside of shuttle.
pub(crate) const HANG_LIMIT: Duration = Duration::from_secs(10);

/// The check, and what a run does. All that is the user's is in here, and is dropped when the check has ended.
type Task<O, R, V> = Arc<Mutex<Option<(Check<V>, Body<O, R>)>>>;
type Check<V> = Pin<Box<dyn Future<Output = V> + Send>>;
type Body<O, R> = Arc<dyn Fn(&Arc<Scenario<O>>, &Shared<O, R>, &Arc<Stage>) + Send + Sync>;

/// Where a check asks for runs, one at a time. It is a future so that all of them can be had from one runner of
/// shuttle, which calls whoever wants the next run instead of being called.
pub(crate) struct Runs<O, R>(Arc<Mutex<Desk<O, R>>>);

/// Where the check and the runner meet. Locked by one thread of the system only, but for a hang.
struct Desk<O, R> {
    /// Of the run that was asked for last.
    scenario: Option<Arc<Scenario<O>>>,
    /// By what that run goes, until it begins.
    course: Option<Course>,
    ended: Option<Ended<O, R>>,
}

/// A run that has come to an end, of whichever kind.
pub(crate) struct Ended<O, R> {
    pub(crate) run: Run<O, R>,
    pub(crate) trace: Trace,
}

impl<O, R> Runs<O, R> {
    pub(crate) async fn run(&self, scenario: &Arc<Scenario<O>>, course: Course) -> Ended<O, R> {
        {
            let mut desk = lock(&self.0);
            desk.scenario = Some(Arc::clone(scenario));
            desk.course = Some(course);
        }
        future::poll_fn(|_| match lock(&self.0).ended.take() {
            Some(ended) => Poll::Ready(ended),
            None => Poll::Pending,
        })
        .await
    }
}

/// Why a check itself did not come to its end.
pub(crate) enum Stuck {
    Panicked(String),
    /// Not within the limit.
    Hung,
}

/// Runs a check to its end, and `body` whenever it asks for a run.
///
/// On a thread of its own, as nothing but another thread can tell that it waits for something outside of shuttle. Such
/// a thread is left behind, and what it hung in is the end of that run.
pub(super) fn explore_for<O, R, V, C>(
    body: impl Fn(&Arc<Scenario<O>>, &Shared<O, R>, &Arc<Stage>) + Send + Sync + 'static,
    hang_limit: Duration,
    check: impl FnOnce(Runs<O, R>) -> C,
) -> Result<V, Stuck>
where
    O: Debug + Send + Sync + 'static,
    R: Send + 'static,
    V: Send + 'static,
    C: Future<Output = V> + Send + 'static,
{
    let desk = Arc::new(Mutex::new(Desk {
        scenario: None,
        course: None,
        ended: None,
    }));
    let check = check(Runs(Arc::clone(&desk)));
    let task: Task<O, R, V> = Arc::new(Mutex::new(Some((Box::pin(check), Arc::new(body)))));
    loop {
        let (sender, end) = mpsc::channel();
        let notes: Shared<O, R> = Arc::new(Mutex::new(Notes::new()));
        let stage = Arc::new(Stage::default());
        let watched = Arc::new(Watched::default());
        threads::explore(Arc::new(Explorer {
            desk: Arc::clone(&desk),
            task: Arc::clone(&task),
            notes: Arc::clone(&notes),
            points: Points(Arc::clone(&notes)),
            stage: Arc::clone(&stage),
            watched: Arc::clone(&watched),
            end: sender,
        }));
        if let Some(end) = watch(&end, &stage, &watched, hang_limit) {
            return end;
        }
        let Ok(_not_polled) = task.try_lock() else {
            return Err(Stuck::Hung);
        };
        if let Ok(end) = end.try_recv() {
            return end;
        }
        stage.left_behind.store(true, Relaxed);
        let mut notes = lock(&notes);
        notes.fail(Ending::Hung(hang_limit, Vec::new()));
        let trace = Trace::default();
        let run = notes.take(&trace, false);
        lock(&desk).ended = Some(Ended { run, trace });
    }
}

/// To be woken takes about as long as to find out what fails at once: for so long whoever waits looks by itself.
const AT_ONCE: Duration = Duration::from_micros(200);

/// Waits for the end of a check; `None` if there was no step for `hang_limit`, though the thread could have gone on.
fn watch<V>(
    ends: &mpsc::Receiver<Result<V, Stuck>>,
    stage: &Stage,
    watched: &Watched,
    hang_limit: Duration,
) -> Option<Result<V, Stuck>> {
    let begun = Instant::now();
    while begun.elapsed() < AT_ONCE {
        if let Ok(end) = ends.try_recv() {
            return Some(end);
        }
        thread::yield_now();
    }
    let mut watch = Watch::new(hang_limit, 1);
    loop {
        match ends.recv_timeout(watch.interval()) {
            Ok(end) => return Some(end),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                panic!("brigade-check itself panicked on its exploring thread")
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        let progress = stage.progress.load(Relaxed);
        if watch.hangs(progress, slice::from_ref(watched), |_| false) {
            return None;
        }
    }
}

/// What a thread works with that explores a check. Notes and stage are its own, as one that is left behind may come back.
struct Explorer<O, R, V> {
    desk: Arc<Mutex<Desk<O, R>>>,
    task: Task<O, R, V>,
    notes: Shared<O, R>,
    points: Points<O, R>,
    stage: Arc<Stage>,
    /// The thread.
    watched: Arc<Watched>,
    /// If nobody listens any more, the thread was left behind.
    end: mpsc::Sender<Result<V, Stuck>>,
}

impl<O, R, V> Explored for Explorer<O, R, V>
where
    O: Debug + Send + Sync + 'static,
    R: Send + 'static,
    V: Send + 'static,
{
    /// Lets the check go on, given the run that has ended, until it asks for another. Tells of its end.
    fn next(&self, ended: Option<Trace>) -> Option<(Arc<Stage>, Course)> {
        self.watched.begin();
        let mut task = lock(&self.task);
        if self.stage.left_behind.load(Relaxed) {
            return None;
        }
        if let Some(trace) = ended {
            let run = lock(&self.notes).take(&trace, self.stage.strangers.load(Relaxed));
            lock(&self.desk).ended = Some(Ended { run, trace });
        }
        let (check, _) = task.as_mut()?;
        let mut context = Context::from_waker(Waker::noop());
        let end = match panics::catch(|| check.as_mut().poll(&mut context)) {
            Ok(Poll::Pending) => {
                let course = lock(&self.desk).course.take()?;
                return Some((Arc::clone(&self.stage), course));
            }
            Ok(Poll::Ready(value)) => Ok(value),
            Err(message) => Err(Stuck::Panicked(message)),
        };
        // Whoever waits need not wait until the stacks are given back; but nothing of the user's may be left here.
        *task = None;
        lock(&self.desk).scenario = None;
        let _ = self.end.send(end);
        None
    }

    fn run(&self) {
        let body = lock(&self.task).as_ref().map(|(_, body)| Arc::clone(body));
        let scenario = lock(&self.desk).scenario.clone();
        if let (Some(body), Some(scenario)) = (body, scenario) {
            body(&scenario, &self.notes, &self.stage);
        }
    }

    fn visit(&self, point: &'static str) {
        self.points.visit(point);
    }

    /// Makes the panic the end of the run.
    fn break_off(&self, message: String, trace: Trace) {
        let mut notes = lock(&self.notes);
        notes.fail(Ending::Panicked(message));
        let run = notes.take(&trace, false);
        lock(&self.desk).ended = Some(Ended { run, trace });
    }
}
