//! An index of a poem: for each word, where it stands. Each word belongs to one worker, which alone has its list.
//!
//! What it shows: there is no lock, for nothing is shared; and the messages of one key are handled in the order in which
//! they were sent, so every list comes out sorted.

use std::collections::HashMap;
use std::error::Error;
use std::sync::mpsc::{Sender, channel};

use brigade::partitioned::Partitioned;

/// William Blake, 1794.
const POEM: &str = "\
    Tyger Tyger, burning bright, In the forests of the night; What immortal hand or eye, Could frame thy fearful \
    symmetry? In what distant deeps or skies, Burnt the fire of thine eyes? On what wings dare he aspire? What the \
    hand, dare seize the fire? And what shoulder, & what art, Could twist the sinews of thy heart? And when thy heart \
    began to beat, What dread hand? & what dread feet?";

enum Message {
    StandsAt(usize),
    Where(Sender<Vec<usize>>),
}

type Index = HashMap<String, Vec<usize>>;

fn handle(index: &mut Index, word: &String, message: Message) {
    match message {
        Message::StandsAt(place) => index.entry(word.clone()).or_default().push(place),
        Message::Where(reply) => {
            let _ = reply.send(index.get(word).cloned().unwrap_or_default()); // whoever asked may have gone
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let index = Partitioned::builder("index")
        .workers(4)
        .buffer(10)
        .start(Index::new, handle)?;

    let words = POEM.split_whitespace().map(|word| {
        let letters = word.chars().filter(|letter| letter.is_alphabetic());
        letters.collect::<String>().to_lowercase()
    });
    for (place, word) in words.enumerate() {
        index.send(word, Message::StandsAt(place))?; // waits while that worker has ten to do
    }

    let places = |word: &str| -> Result<Vec<usize>, Box<dyn Error>> {
        let (reply, answer) = channel();
        index.send(word.to_owned(), Message::Where(reply))?; // behind all that was sent about this word
        Ok(answer.recv()?)
    };
    for word in ["what", "fire", "hand", "lamb"] {
        println!("{word}: {:?}", places(word)?);
        assert!(places(word)?.is_sorted());
    }
    assert_eq!((places("what")?.len(), places("lamb")?.len()), (8, 0));
    Ok(())
}
