//! The shell variables in which one job's code finds its values.

use super::super::replacement::{Part, Replacement, Subject};

/// The shell variable that holds the argument. With `_2` after it it is that of the second.
pub(super) const VARIABLE: &str = "brigade_argument";

/// The variables of one job's code, each for another value. The first parameter of `sh -c` is the value
/// of the first, and so on.
pub(super) struct Variables(Vec<Replacement>);

impl Default for Variables {
    /// The one for all arguments, which the code may name.
    fn default() -> Self {
        Self(vec![Replacement::ALL])
    }
}

impl Variables {
    /// What each is the value of.
    pub(super) fn values(&self) -> impl Iterator<Item = &Replacement> {
        self.0.iter()
    }

    /// The name of the variable for a value.
    pub(super) fn name(&mut self, replacement: Replacement) -> String {
        let known = self.0.iter().position(|&it| it == replacement);
        let index = known.unwrap_or_else(|| {
            self.0.push(replacement);
            self.0.len() - 1
        });
        Self::name_of(index, replacement)
    }

    /// The name of the variable for a value, before which there are so many.
    pub(super) fn name_of(index: usize, replacement: Replacement) -> String {
        match (replacement.subject, replacement.part) {
            (Subject::All, Part::Whole) => VARIABLE.to_owned(),
            (Subject::Nth(nth), Part::Whole) => format!("{VARIABLE}_{nth}"),
            _ => format!("brigade_value_{index}"),
        }
    }

    /// Code that sets them from parameters, which a function or `set` may change later. They are not
    /// exported.
    pub(super) fn preamble(&self) -> String {
        let mut code = String::new();
        for (index, &replacement) in self.0.iter().enumerate() {
            let name = Self::name_of(index, replacement);
            code.push_str(&format!("{name}=${{{}}}; ", index + 1));
        }
        code + &format!("shift {}; ", self.0.len())
    }
}
