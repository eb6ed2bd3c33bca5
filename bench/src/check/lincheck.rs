//! The subjects as the `lincheck` crate wants them.

use std::fmt::Debug;
use std::panic::UnwindSafe;

use brigade_check::Model;
use lincheck::scenario::{Scenario, check_scenario_with_loom};
use lincheck::{ConcurrentSpec, Lincheck, SequentialSpec};
use proptest::prelude::{Arbitrary, BoxedStrategy, Just, Strategy, any, any_with, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use super::subjects::of_loom::{LookingStack, LosingCounter, Stack};
use super::subjects::{Access, Count, Increment, Items, Subject};

impl Arbitrary for Increment {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        Just(Self).boxed()
    }
}

impl Arbitrary for Access {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        prop_oneof![any::<u8>().prop_map(Self::Push), Just(Self::Pop)].boxed()
    }
}

/// One model serves both checks.
macro_rules! models {
    ($($model:ty),+) => {$(
        impl SequentialSpec for $model {
            type Op = <Self as Model>::Operation;
            type Ret = <Self as Model>::Outcome;

            fn exec(&mut self, operation: Self::Op) -> Self::Ret {
                self.apply(&operation)
            }
        }
    )+};
}
models!(Count, Items);

macro_rules! subjects {
    ($($subject:ty),+) => {$(
        impl ConcurrentSpec for $subject {
            type Seq = <Self as Subject>::Model;

            fn exec(&self, operation: <Self::Seq as SequentialSpec>::Op) -> <Self::Seq as SequentialSpec>::Ret {
                self.apply(&operation)
            }
        }
    )+};
}
subjects!(LosingCounter, Stack, LookingStack);

/// Whether what failed is made smaller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Minimise {
    Yes,
    No,
}

/// Looks for a failure as `Lincheck::default().verify` does, but writes no file about it.
///
/// # Panics
/// If there is none.
pub(super) fn find_failure<C, O, R>(minimise: Minimise)
where
    C: ConcurrentSpec + Send + Sync + 'static,
    C::Seq: SequentialSpec<Op = O, Ret = R> + Send + Sync + 'static,
    O: Send + Sync + UnwindSafe + Clone + Arbitrary + Debug + 'static,
    R: PartialEq + Debug + Send + Clone,
{
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if minimise == Minimise::No {
        config.max_shrink_iters = 0;
    }
    let scenarios = any_with::<Scenario<O>>(Lincheck::default());
    let result = TestRunner::new(config).run(&scenarios, |scenario| {
        check_scenario_with_loom::<C>(scenario)
            .map_err(|_| TestCaseError::fail("Non-linearizable execution"))
    });
    let Err(TestError::Fail(_, scenario)) = result else {
        panic!("lincheck finds nothing: {result:?}");
    };
    // Once more, for the execution that is shown.
    let execution = check_scenario_with_loom::<C>(scenario).expect_err("it fails again");
    assert!(!execution.to_string().is_empty());
}
