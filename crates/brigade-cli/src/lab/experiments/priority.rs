//! Urgent tasks behind a backlog, and what becomes of the least urgent ones.

mod line;

use std::time::Duration;

use brigade::Pool;

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::Soundness::{Broken, Sound};
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Bar, Bars, Picture, Scale};

use self::line::{Begun, Kind, Line, Policy};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "priority",
    question: "do urgent tasks overtake a backlog, and do unimportant ones ever have their turn?",
    explanation: "\
One worker, tasks of a millisecond. First 10 urgent tasks come behind a backlog of 100: in one queue for all they wait \
for all 100. Then 10 unimportant tasks wait while urgent ones never cease to come, until 250 of those have run: with \
strict priorities they wait for the end of that, however far off. Brigade's priorities age: each 10 ms of waiting (0.5 \
ms in the second part) make up for one level, so that the unimportant ones have their turn meanwhile, and what is \
urgent hardly notices.",
    expected: "one queue delays the urgent, strict priorities starve the unimportant, ageing ones do neither",
    run,
};

const BACKLOG: usize = 100;
const FEW: usize = 10;
/// How many urgent tasks there are in the constant flow.
const FLOW: usize = 250;
/// A task that is 128 levels less urgent has its turn after 64 ms, of the flow's 250.
const AGEING: Duration = Duration::from_micros(500);

/// What came of a policy.
struct Run {
    /// How long the urgent tasks behind the backlog waited.
    median: Duration,
    longest: Duration,
    /// Ordinary tasks that began before the median urgent one.
    overtook: usize,
    /// The longest wait of an unimportant task.
    unimportant: Duration,
    /// Unimportant tasks that began before the last urgent one of the flow.
    served: usize,
}

fn run(_: &Setting) -> Outcome {
    let [queue, strict, ageing] = [Policy::OneQueue, Policy::Strict, Policy::Ageing].map(measure);
    let verdict = Verdict {
        seen: format!(
            "of {BACKLOG} before the urgent: {} in one queue, {} with ageing; \
             of {FEW} unimportant meanwhile: {} with strict priorities, {} with ageing",
            queue.overtook, ageing.overtook, strict.served, ageing.served
        ),
        as_expected: queue.overtook == BACKLOG
            && ageing.overtook < BACKLOG / 2
            && strict.served == 0
            && ageing.served == FEW,
    };
    let bar = |label: &str, soundness, wait: Duration| Bar {
        label: label.to_owned(),
        soundness,
        length: wait.as_secs_f64(),
        shown: Value::Time(wait),
    };
    let bars = vec![
        bar("urgent, one queue", Broken, queue.median),
        bar("urgent, strict", Sound, strict.median),
        bar("urgent, ageing", Sound, ageing.median),
        bar("unimportant, one queue", Sound, queue.unimportant),
        bar("unimportant, strict", Broken, strict.unimportant),
        bar("unimportant, ageing", Sound, ageing.unimportant),
    ];
    Outcome {
        variants: vec![
            Variant::broken("one queue for all", queue.figures()),
            Variant::broken("strict priorities", strict.figures()),
            Variant::sound("ageing priorities", ageing.figures()),
        ],
        picture: Picture::Bars(Bars {
            title: "wait of the urgent (median) and the unimportant (longest), logarithmic"
                .to_owned(),
            scale: Scale::Logarithmic,
            bars,
        }),
        excerpt: None,
        verdict,
    }
}

fn measure(policy: Policy) -> Run {
    let behind_backlog = behind_backlog(policy);
    let beside_flow = beside_flow(policy);
    let urgent = waits(&behind_backlog, Kind::Urgent);
    let unimportant = waits(&beside_flow, Kind::Unimportant);
    Run {
        median: urgent[FEW / 2],
        longest: urgent[FEW - 1],
        overtook: before(&behind_backlog, Kind::Ordinary, FEW / 2),
        unimportant: unimportant[FEW - 1],
        served: before(&beside_flow, Kind::Unimportant, FLOW - 1),
    }
}

/// Some urgent tasks come behind many ordinary ones.
fn behind_backlog(policy: Policy) -> Vec<Begun> {
    let line = Line::new(policy, Pool::builder("backlog"));
    line.fill(|line| {
        (0..BACKLOG).for_each(|_| line.add(Kind::Ordinary, 0));
        (0..FEW).for_each(|_| line.add(Kind::Urgent, 0));
    })
}

/// Some unimportant tasks wait, and urgent ones do not cease to come for long: each brings the next one.
fn beside_flow(policy: Policy) -> Vec<Begun> {
    let line = Line::new(policy, Pool::builder("flow").ageing(AGEING));
    line.fill(|line| {
        (0..FEW).for_each(|_| line.add(Kind::Unimportant, 0));
        line.add(Kind::Urgent, FLOW - 1);
    })
}

/// How long the tasks of a kind waited, shortest first.
fn waits(begun: &[Begun], wanted: Kind) -> Vec<Duration> {
    let of_kind = begun.iter().filter(|(kind, _)| *kind == wanted);
    let mut waits = of_kind.map(|(_, waited)| *waited).collect::<Vec<_>>();
    waits.sort_unstable();
    waits
}

/// How many tasks of a kind began before the urgent one with this number, from zero.
fn before(begun: &[Begun], wanted: Kind, number: usize) -> usize {
    let kinds = || begun.iter().map(|(kind, _)| *kind).enumerate();
    let mut urgent = kinds().filter(|(_, kind)| *kind == Kind::Urgent);
    let end = urgent.nth(number).map_or(0, |(place, _)| place);
    kinds()
        .take(end)
        .filter(|(_, kind)| *kind == wanted)
        .count()
}

impl Run {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("urgent: median wait", Value::Time(self.median)),
            Figure::new("longest", Value::Time(self.longest)),
            Figure::new("unimportant: longest", Value::Time(self.unimportant)),
            Figure::new("served meanwhile", Value::Count(self.served as u64)),
        ]
    }
}
