//! Pages that include each other are put together, each once, however many visitors ask at the same time.
//!
//! What it shows: for one key the computation runs once, and the others wait for it; a page that includes itself, by
//! way of others, is an error instead of a hang.

use std::error::Error;
use std::thread;

use brigade::Counter;
use brigade::cache::{ComputeError, OnceMap};

const SOURCES: [(&str, &str); 6] = [
    ("home", "{header} Welcome! {footer}"),
    ("header", "{logo} | news | about |"),
    ("logo", "BRIGADE"),
    ("footer", "(c) 2026 {logo}"),
    ("egg", "an egg comes from a {hen}"),
    ("hen", "hen, which comes from {egg}"),
];

static RENDERED: Counter = Counter::new();

type Pages = OnceMap<&'static str, String>;

fn page(pages: &Pages, name: &'static str) -> Result<String, ComputeError<String>> {
    pages.try_get_or_compute(name, || {
        RENDERED.increment();
        let source = SOURCES.iter().find(|source| source.0 == name);
        let mut text = String::new();
        for part in source.ok_or("no such page")?.1.split_inclusive(['{', '}']) {
            if let Some(included) = part.strip_suffix('}') {
                text += &page(pages, included).map_err(|error| error.to_string())?;
            } else {
                text += part.trim_end_matches('{');
            }
        }
        Ok(text)
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let pages = OnceMap::named("pages");
    thread::scope(|scope| {
        let visitors = [(); 8].map(|()| scope.spawn(|| page(&pages, "home")));
        for visitor in visitors {
            let text = visitor.join().unwrap().unwrap();
            assert_eq!(text, "BRIGADE | news | about | Welcome! (c) 2026 BRIGADE");
        }
    });
    println!("{:#?}", pages.values());
    assert_eq!(RENDERED.sum(), 4, "four pages, each once");

    let error = page(&pages, "egg").unwrap_err().to_string();
    println!("{error}");
    assert!(error.contains("would wait for itself"));
    Ok(())
}
