//! Commands.

mod replacement;
mod script;
pub(crate) mod syntax;
pub(crate) mod template;

pub(crate) use self::replacement::{Given, Missing, Replacement, Subject};
pub(crate) use self::syntax::empty_braces;
pub(crate) use self::template::{Command, SHELL, Template, TemplateError};
