//! What is checked: the counter and the stack of lincheck's own tests, right and wrong, and their models.

use brigade_check::Model;

/// What a counter does when one thread uses it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Count(pub(super) usize);

/// Adds one; returns what was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Increment;

impl Model for Count {
    type Operation = Increment;
    type Outcome = usize;

    fn apply(&mut self, _: &Increment) -> usize {
        self.0 += 1;
        self.0 - 1
    }
}

/// What a stack does when one thread uses it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Items(Vec<u8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Push(u8),
    Pop,
}

impl Model for Items {
    type Operation = Access;
    type Outcome = Option<u8>;

    fn apply(&mut self, access: &Access) -> Option<u8> {
        match *access {
            Access::Push(item) => {
                self.0.push(item);
                None
            }
            Access::Pop => self.0.pop(),
        }
    }
}

/// A thing under test, the same for each check but for the types that threads meet at.
pub(super) trait Subject: Default + Send + Sync + 'static {
    /// Its model.
    type Model: Model + Default + Send + Sync + 'static;
    /// Does an operation.
    fn apply(
        &self,
        operation: &<Self::Model as Model>::Operation,
    ) -> <Self::Model as Model>::Outcome;
}

/// The subjects, made of the types of `$sync`.
macro_rules! subjects {
    ($module:ident, $sync:ident) => {
        pub(super) mod $module {
            use $sync::sync::Mutex;
            use $sync::sync::atomic::{AtomicUsize, Ordering::Relaxed};

            use super::{Access, Count, Increment, Items, Subject};

            /// Reads, and then writes one more: an update between the two is lost.
            pub(in crate::check) struct LosingCounter(AtomicUsize);

            impl Default for LosingCounter {
                fn default() -> Self {
                    Self(AtomicUsize::new(0))
                }
            }

            impl Subject for LosingCounter {
                type Model = Count;

                fn apply(&self, _: &Increment) -> usize {
                    let before = self.0.load(Relaxed);
                    self.0.store(before + 1, Relaxed);
                    before
                }
            }

            /// A vector under a mutex.
            pub(in crate::check) struct Stack(Mutex<Vec<u8>>);

            impl Default for Stack {
                fn default() -> Self {
                    Self(Mutex::new(Vec::new()))
                }
            }

            impl Subject for Stack {
                type Model = Items;

                fn apply(&self, access: &Access) -> Option<u8> {
                    let mut items = self.0.lock().unwrap();
                    match *access {
                        Access::Push(item) => {
                            items.push(item);
                            None
                        }
                        Access::Pop => items.pop(),
                    }
                }
            }

            /// Looks at the last item, and then takes one: another thread's, if that came between.
            #[derive(Default)]
            pub(in crate::check) struct LookingStack(Stack);

            impl Subject for LookingStack {
                type Model = Items;

                fn apply(&self, access: &Access) -> Option<u8> {
                    match access {
                        Access::Push(_) => self.0.apply(access),
                        Access::Pop => {
                            let last = self.0.0.lock().unwrap().last().copied();
                            self.0.apply(access);
                            last
                        }
                    }
                }
            }
        }
    };
}

subjects!(of_shuttle, shuttle);
subjects!(of_loom, loom_of_lincheck);
