//! What became of each item that was handed over: it has exactly one end, and those of a key keep their order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};

/// All that happened to the items of one run, by their number. `SeqCst` throughout: its times are compared across
/// threads.
pub(crate) struct Ledger {
    /// Each event has a time of its own; 0 is never.
    clock: AtomicU64,
    items: Vec<Item>,
    /// The thing has ended: what is run from now on was handed back.
    over: AtomicBool,
}

#[derive(Default)]
struct Item {
    /// Items of one key are served in the order of their coming.
    key: AtomicU32,
    offered: AtomicU64,
    /// When the offer had been accepted.
    accepted: AtomicU64,
    served: AtomicU64,
    /// How often each of these happened.
    refusals: AtomicU32,
    servings: AtomicU32,
    cancels: AtomicU32,
    returns: AtomicU32,
    /// Whoever served it is done with it.
    settled: AtomicBool,
}

impl Item {
    fn ends(&self) -> [u32; 4] {
        [&self.refusals, &self.servings, &self.cancels, &self.returns]
            .map(|count| count.load(SeqCst))
    }
}

impl Ledger {
    /// For so many items, numbered from 0.
    pub(crate) fn new(items: usize) -> Self {
        Self {
            clock: AtomicU64::new(1),
            items: (0..items).map(|_| Item::default()).collect(),
            over: AtomicBool::new(false),
        }
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, SeqCst)
    }

    /// Hands an item over by `offer`, which says whether it was accepted.
    pub(crate) fn offer(&self, number: usize, key: u32, offer: impl FnOnce() -> bool) {
        let item = &self.items[number];
        item.key.store(key, SeqCst);
        item.offered.store(self.tick(), SeqCst);
        if offer() {
            item.accepted.store(self.tick(), SeqCst);
        } else {
            item.refusals.fetch_add(1, SeqCst);
        }
    }

    /// An item is served, or run by the test after the end.
    pub(crate) fn serve(&self, number: usize) {
        let item = &self.items[number];
        if self.over.load(SeqCst) {
            item.returns.fetch_add(1, SeqCst);
        } else {
            item.served.store(self.tick(), SeqCst);
            item.servings.fetch_add(1, SeqCst);
        }
    }

    /// Whoever was served is done with it.
    pub(crate) fn settle(&self, number: usize) {
        self.items[number].settled.store(true, SeqCst);
    }

    pub(crate) fn cancel(&self, number: usize) {
        self.items[number].cancels.fetch_add(1, SeqCst);
    }

    pub(crate) fn hand_back(&self, number: usize) {
        self.items[number].returns.fetch_add(1, SeqCst);
    }

    /// The thing has ended.
    pub(crate) fn close(&self) {
        self.over.store(true, SeqCst);
    }

    pub(crate) fn was_served(&self, number: usize) -> bool {
        self.items[number].servings.load(SeqCst) > 0
    }

    /// Waits by `wait` for all to be settled that had been accepted before; says which was not.
    pub(crate) fn await_rest(&self, wait: impl FnOnce()) -> Result<(), String> {
        let accepted = |item: &Item| item.accepted.load(SeqCst) > 0;
        let before: Vec<bool> = self.items.iter().map(accepted).collect();
        wait();
        let unsettled =
            |number: &usize| before[*number] && !self.items[*number].settled.load(SeqCst);
        match (0..self.items.len()).find(unsettled) {
            Some(number) => Err(format!("item {number} is not settled after the wait")),
            None => Ok(()),
        }
    }

    /// Each item that was offered was refused, served, cancelled or handed back, and one of these once.
    pub(crate) fn each_has_one_end(&self) -> Result<(), String> {
        for (number, item) in self.items.iter().enumerate() {
            let offered = u32::from(item.offered.load(SeqCst) > 0);
            let ends = item.ends();
            if ends.iter().sum::<u32>() != offered {
                let [refused, served, cancelled, returned] = ends;
                return Err(format!(
                    "item {number} was offered {offered} times, refused {refused}, served {served}, \
                     cancelled {cancelled}, handed back {returned} times"
                ));
            }
        }
        Ok(())
    }

    /// No item was served before another of its key whose offer had been accepted before its own began.
    ///
    /// That is what linearizability comes to for a queue with one server that notes the order: orders of the offers
    /// that agree with their times and with the servings exist if and only if there is no such pair.
    pub(crate) fn first_come_first_served(&self) -> Result<(), String> {
        let mut served: Vec<(u64, usize)> = (0..self.items.len())
            .map(|number| (self.items[number].served.load(SeqCst), number))
            .filter(|(time, _)| *time > 0)
            .collect();
        served.sort_unstable();
        // By key: of those served so far, the one whose offer began last.
        let mut latest: HashMap<u32, (u64, usize)> = HashMap::new();
        for (_, number) in served {
            let item = &self.items[number];
            let times = (item.offered.load(SeqCst), number);
            let latest = latest.entry(item.key.load(SeqCst)).or_insert(times);
            let accepted = item.accepted.load(SeqCst);
            // 0: it was served before its offer returned.
            if accepted > 0 && accepted < latest.0 {
                let other = latest.1;
                return Err(format!(
                    "item {number} was accepted before item {other} was offered, and served after it"
                ));
            }
            *latest = times.max(*latest);
        }
        Ok(())
    }
}
