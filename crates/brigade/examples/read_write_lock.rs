//! A price list that three shops read without pause, and a wholesaler who changes it a hundred times.
//!
//! What it shows: readers read at the same time and never see half of a change; and the writer gets its turns, although
//! there is never a moment without a reader who wants to read.

use std::error::Error;
use std::thread;

use brigade::Counter;
use brigade::lock::RwLock;

#[derive(Debug, Default)]
struct Prices {
    apple: u64,
    pear: u64, // always twice that of an apple
    edition: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let prices = RwLock::named("prices", Prices::default());
    let reads = Counter::new();

    let shop = || {
        loop {
            let prices = prices.read();
            reads.increment();
            assert_eq!(
                prices.pear,
                2 * prices.apple,
                "half of a change: {prices:?}"
            );
            if prices.edition == 100 {
                break;
            }
        }
    };
    let wholesaler = || {
        for edition in 1..=100 {
            let mut prices = prices.write();
            prices.edition = edition;
            prices.apple = 10 + edition % 7;
            thread::yield_now(); // gives the shops every chance to look now
            prices.pear = 2 * prices.apple;
        }
    };
    thread::scope(|scope| {
        let shops = [(); 3].map(|()| scope.spawn(shop));
        scope.spawn(wholesaler).join().unwrap();
        shops.into_iter().for_each(|shop| shop.join().unwrap());
    });

    println!("{} reads beside 100 changes", reads.sum());
    assert!(reads.sum() >= 3, "each shop has seen the last edition");
    assert_eq!(prices.read().edition, 100);
    Ok(())
}
