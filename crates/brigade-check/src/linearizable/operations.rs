//! Where the operations of a scenario come from.

#[cfg(feature = "proptest")]
use std::sync::Arc;

use fastrand::Rng;
#[cfg(feature = "proptest")]
use proptest::{
    strategy::{BoxedStrategy, Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::Linearizable;
use crate::failure::Failure;
use crate::model::Model;

impl<M: Model> Linearizable<M> {
    /// How to generate an operation. It must draw all that is random from the generator it is given, so that a seed
    /// repeats it; few different values make threads meet.
    pub fn generate(
        mut self,
        generate: impl Fn(&mut Rng) -> M::Operation + Send + 'static,
    ) -> Self {
        self.generate = Some(Operations::Closure(Box::new(generate)));
        self
    }

    /// Takes the operations from a strategy of [proptest](https://docs.rs/proptest), instead of from
    /// [`generate`](Self::generate).
    ///
    /// The same seed gives the same operations. When a failing scenario has been made small, the values of the
    /// operations that are left are simplified, too, as the strategy does it, for as long as the scenario fails (and
    /// no longer than 10 seconds); a token repeats the simple ones. Values that must be equal for the scenario to
    /// fail, like two keys, are simplified together. They become simple only as far as the strategy makes them so: a
    /// filter (`prop_filter`) is often in the way.
    ///
    /// A check goes on in a thread of its own, and the strategy with it: it must be `Send` and `Sync`, as most are. Those
    /// of `boxed()` and `prop_recursive`, and of `prop_oneof!` with more than ten arms, are not: for them there is
    /// [`operations_from_fn`](Self::operations_from_fn).
    ///
    /// A strategy that rejects too much makes the check end with [`Failure::StrategyGaveUp`].
    ///
    /// ```
    /// use brigade_check::{Model, linearizable, point};
    /// use proptest::prelude::*;
    /// use std::collections::BTreeSet;
    /// use std::sync::Mutex;
    ///
    /// #[derive(Clone, Default, PartialEq, Eq, Hash)]
    /// struct Names(BTreeSet<String>);
    ///
    /// #[derive(Clone, Debug)]
    /// struct Take(String);
    ///
    /// impl Model for Names {
    ///     type Operation = Take;
    ///     type Outcome = bool;
    ///
    ///     fn apply(&mut self, Take(name): &Take) -> bool {
    ///         self.0.insert(name.clone())
    ///     }
    /// }
    ///
    /// let check = linearizable::<Names>().explore();
    /// let failure = check
    ///     .operations_from((0..10_u8).prop_map(|number| Take(format!("name-{number}"))))
    ///     .check(
    ///         || Mutex::new(BTreeSet::new()),
    ///         |names: &Mutex<BTreeSet<String>>, Take(name)| {
    ///             let free = !names.lock().unwrap().contains(name);
    ///             point("looked");
    ///             names.lock().unwrap().insert(name.clone());
    ///             free
    ///         },
    ///     );
    /// let report = failure.unwrap_err().to_string();
    /// // Two threads take the same name, and it is the simplest.
    /// assert!(report.contains(r#"thread 1: Take("name-0") -> true"#), "{report}");
    /// assert!(report.contains(r#"thread 2: Take("name-0") -> true"#), "{report}");
    /// ```
    #[cfg(feature = "proptest")]
    pub fn operations_from(
        self,
        strategy: impl Strategy<Value = M::Operation> + Send + Sync + 'static,
    ) -> Self {
        let strategy = Arc::new(strategy);
        self.operations_from_fn(move || Arc::clone(&strategy))
    }

    /// [`operations_from`](Self::operations_from) the strategy that `make` makes, of whatever kind. It is made anew
    /// where it is needed, for each scenario at least, and must be the same each time.
    ///
    /// ```
    /// use brigade_check::{Model, linearizable};
    /// use proptest::prelude::*;
    /// use std::sync::Mutex;
    ///
    /// /// A value, or several that go together.
    /// #[derive(Clone, Debug)]
    /// enum Item {
    ///     One(u8),
    ///     Several(Vec<Item>),
    /// }
    ///
    /// impl Item {
    ///     fn sum(&self) -> u32 {
    ///         match self {
    ///             Self::One(value) => u32::from(*value),
    ///             Self::Several(items) => items.iter().map(Self::sum).sum(),
    ///         }
    ///     }
    /// }
    ///
    /// #[derive(Clone, Default, PartialEq, Eq, Hash)]
    /// struct Sum(u32);
    ///
    /// impl Model for Sum {
    ///     type Operation = Item;
    ///     type Outcome = u32;
    ///
    ///     fn apply(&mut self, item: &Item) -> u32 {
    ///         self.0 += item.sum();
    ///         self.0
    ///     }
    /// }
    ///
    /// fn items() -> impl Strategy<Value = Item> {
    ///     let several = |item| prop::collection::vec(item, 0..4).prop_map(Item::Several);
    ///     any::<u8>().prop_map(Item::One).prop_recursive(3, 10, 4, several)
    /// }
    ///
    /// linearizable::<Sum>().scenarios(10).operations_from_fn(items).assert(
    ///     || Mutex::new(0),
    ///     |sum, item| {
    ///         let mut sum = sum.lock().unwrap();
    ///         *sum += item.sum();
    ///         *sum
    ///     },
    /// );
    /// ```
    #[cfg(feature = "proptest")]
    pub fn operations_from_fn<S>(mut self, make: impl Fn() -> S + Send + Sync + 'static) -> Self
    where
        S: Strategy<Value = M::Operation> + 'static,
    {
        self.generate = Some(Operations::Strategy(Arc::new(move || make().boxed())));
        self
    }
}

/// How to make a strategy, which itself may be bound to the thread that uses it.
#[cfg(feature = "proptest")]
pub(super) type MakeStrategy<O> = Arc<dyn Fn() -> BoxedStrategy<O> + Send + Sync>;

/// Gives operations; equal seeds give equal ones.
pub(super) enum Operations<O> {
    /// A closure, called for one after the other with one generator.
    Closure(Box<dyn Fn(&mut Rng) -> O + Send>),
    /// A strategy, whose operations have a seed each: any of them can be had again without the others.
    #[cfg(feature = "proptest")]
    Strategy(MakeStrategy<O>),
}

impl<O: std::fmt::Debug> Operations<O> {
    /// The first `count` operations of a seed.
    pub(super) fn generate(&self, seed: u64, count: usize) -> Result<Vec<O>, Failure> {
        match self {
            Self::Closure(generate) => {
                let mut rng = Rng::with_seed(seed);
                Ok((0..count).map(|_| generate(&mut rng)).collect())
            }
            #[cfg(feature = "proptest")]
            Self::Strategy(make) => {
                let strategy = make();
                (0..count)
                    .map(|number| tree(&strategy, seed, number).map(|tree| tree.current()))
                    .collect()
            }
        }
    }
}

/// The operation of a seed with that number, as something that can be made simpler.
#[cfg(feature = "proptest")]
pub(super) fn tree<O: std::fmt::Debug>(
    strategy: &BoxedStrategy<O>,
    seed: u64,
    number: usize,
) -> Result<Box<dyn ValueTree<Value = O>>, Failure> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&(number as u64).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    // All that values depend on is said here: the rest of the default is read from the environment.
    let config = Config {
        max_local_rejects: 65_536,
        max_flat_map_regens: 1_000_000,
        max_default_size_range: 100,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, rng);
    strategy.new_tree(&mut runner).map_err(|reason| {
        // Which filters they were, proptest only tells in the text of all its figures.
        let figures = runner.to_string();
        let filters = figures.lines().filter(|line| line.contains(" times at "));
        let filters = filters.map(|line| format!("; {}", line.trim()));
        Failure::StrategyGaveUp(reason.to_string() + &filters.collect::<String>())
    })
}
