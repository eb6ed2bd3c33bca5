//! Stages that work at the same time: glued together by hand, and as a pipeline.

mod plant;

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use brigade::lock::Mutex;
use brigade::pipeline;

use crate::lab::experiment::{Experiment, Setting};
use crate::lab::outcome::{Figure, Outcome, Value, Variant, Verdict};
use crate::lab::picture::{Lanes, Picture};

use self::plant::{FRAMES, Frame, Plant};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "pipeline",
    question: "what becomes of order, errors and memory when stages work at the same time?",
    explanation: "\
100 frames are decoded, encoded and written; each step waits for a device, so that one loop wastes most of its time. \
The broken twin glues threads together with unbounded channels: two decoders, an encoder, and a writer. It is fast, \
but frames overtake each other, all of them are in memory at once, and when frame 20 is damaged, its decoder ends with \
an error that nobody asks for: the program says that all went well. The pipeline has as many threads.",
    expected: "glued threads lose order, bounds and the error; the pipeline keeps them, and works as much at once",
    run,
};

const DAMAGED: usize = 20;
const DECODERS: usize = 2;
/// How many frames fit between two stages, and how many the decoders may have, in the pipeline.
const BUFFER: usize = 2;
const WINDOW: usize = 4;
/// Three buffers, those that are decoded, and one in the hands of the source, the encoder and the writer.
const BOUND: u64 = (3 * BUFFER + WINDOW + 3) as u64;

/// A way to run the stages. Errs with what it says about a damaged frame.
type Way = fn(&Plant) -> Result<(), String>;

/// What came of a way.
struct Run {
    plant: Plant,
    time: Duration,
    /// What was said about the damaged frame, if anything.
    error: Option<String>,
}

fn run(_: &Setting) -> Outcome {
    let [glued, looped, piped] = [glued as Way, one_loop, pipeline].map(Run::of);
    let complete = [&glued, &looped, &piped].map(|run| run.plant.written.lock().len() == FRAMES);
    let error = piped.error.clone().unwrap_or_default();
    let named = error.contains("stage `decode`");
    let glued_is_broken = !glued.in_order() && glued.error.is_none() && glued.most() > 2 * BOUND;
    let piped_is_sound = piped.in_order() && named && piped.most() <= BOUND;
    let seen = format!(
        "glued: {}, {} frames in memory, {}; pipeline: {}, {}, {}, {} steps at once",
        glued.order(),
        glued.most(),
        glued.told(),
        piped.order(),
        piped.most(),
        piped.told(),
        piped.steps(),
    );
    let report = piped.plant.report.lock().take().unwrap_or_default();
    Outcome {
        variants: vec![
            Variant::broken("threads and channels", glued.figures()),
            Variant::sound("one loop", looped.figures()),
            Variant::sound("pipeline", piped.figures()),
        ],
        verdict: Verdict {
            seen,
            as_expected: complete == [true; 3]
                && glued_is_broken
                && piped_is_sound
                && looped.error.is_some()
                && piped.steps() > looped.steps(),
        },
        picture: Picture::Lanes(Lanes {
            title: "who worked when: one loop on one thread, and the threads of the pipeline"
                .to_owned(),
            until: looped.time.max(piped.time),
            lanes: [looped.plant.lanes("one loop"), piped.plant.lanes("write")]
                .into_iter()
                .flatten()
                .collect(),
        }),
        excerpt: Some(format!("{report}\n\n{error}")),
    }
}

fn one_loop(plant: &Plant) -> Result<(), String> {
    for frame in plant.read() {
        let frame = plant.encode(plant.decode(frame)?);
        plant.write(&frame);
    }
    Ok(())
}

fn glued(plant: &Plant) -> Result<(), String> {
    let (reader, frames) = mpsc::channel();
    let (decoder, decoded) = mpsc::channel();
    let (encoder, encoded) = mpsc::channel();
    let frames = Mutex::new(frames);
    let next = |frames: &Mutex<Receiver<Frame>>| frames.lock().recv();
    thread::scope(|scope| {
        scope.spawn(move || plant.read().try_for_each(|frame| reader.send(frame)));
        for _ in 0..DECODERS {
            let (decoder, frames) = (decoder.clone(), &frames);
            // Nobody asks the threads for their results.
            scope.spawn(move || -> Result<(), String> {
                while let Ok(frame) = next(frames) {
                    let _ = decoder.send(plant.decode(frame)?);
                }
                Ok(())
            });
        }
        drop(decoder);
        scope.spawn(move || {
            let mut frames = decoded.into_iter().map(|frame| plant.encode(frame));
            frames.try_for_each(|frame| encoder.send(frame))
        });
        encoded.iter().for_each(|frame| plant.write(&frame));
    });
    Ok(())
}

fn pipeline(plant: &Plant) -> Result<(), String> {
    let ended = pipeline::source(plant.read())
        .named("read")
        .buffer(BUFFER)
        .try_map_ordered(DECODERS, |frame| plant.decode(frame))
        .named("decode")
        .window(WINDOW)
        .buffer(BUFFER)
        .map(1, |frame| plant.encode(frame))
        .named("encode")
        .buffer(BUFFER)
        .end_named("write")
        .report(|report| *plant.report.lock() = Some(report.to_string()))
        .for_each(|frame| plant.write(&frame));
    ended.map_err(|error| error.to_string())
}

impl Run {
    /// Runs it with whole frames, and then with a damaged one.
    fn of(way: Way) -> Self {
        let plant = Plant::new(None);
        let ended = way(&plant);
        let time = plant.began.elapsed();
        ended.expect("no frame is damaged");
        Self {
            plant,
            time,
            error: way(&Plant::new(Some(DAMAGED))).err(),
        }
    }

    fn in_order(&self) -> bool {
        self.plant.written.lock().is_sorted()
    }

    fn most(&self) -> u64 {
        self.plant.frames.most()
    }

    fn steps(&self) -> u64 {
        self.plant.steps.most()
    }

    fn order(&self) -> &'static str {
        if self.in_order() {
            "in order"
        } else {
            "out of order"
        }
    }

    fn told(&self) -> &'static str {
        if self.error.is_some() {
            "error returned"
        } else {
            "error lost"
        }
    }

    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("written", Value::Word(self.order())),
            Figure::new("steps at once", Value::Count(self.steps())),
            Figure::new("frames in memory", Value::Count(self.most())),
            Figure::new("damaged frame", Value::Word(self.told())),
            Figure::new("time", Value::Time(self.time)),
        ]
    }
}
