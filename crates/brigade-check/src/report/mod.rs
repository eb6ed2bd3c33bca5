//! Runs, drawn.

mod columns;

use std::fmt::Debug;

use crate::history::Call;

/// The calls of one run as text, with their moments.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Drawing {
    pub(crate) calls: Vec<Drawn>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drawn {
    /// 0 is who prepares the thing and looks at it afterwards.
    pub(crate) thread: usize,
    pub(crate) operation: String,
    pub(crate) invoked: u64,
    pub(crate) returned: Option<(u64, String)>,
}

impl Drawing {
    pub(crate) fn new<O: Debug, R: Debug>(calls: &[Call<O, R>]) -> Self {
        let drawn = calls.iter().map(|call| Drawn {
            thread: call.thread,
            operation: format!("{:?}", call.operation),
            invoked: call.invoked,
            returned: call
                .returned
                .as_ref()
                .map(|(at, outcome)| (*at, format!("{outcome:?}"))),
        });
        Self {
            calls: drawn.collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }
}
