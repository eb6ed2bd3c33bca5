//! What is generated from the command line: completions for shells, and manual pages.

use std::io;

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use crate::arguments::{Arguments, COMMAND_NAME, ManArguments};
use crate::stdout;

/// Prints the completions for a shell, and returns the exit code.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn completions(shell: Shell) -> io::Result<u8> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), COMMAND_NAME, &mut script);
    stdout::print(&script)
}

/// Prints a manual page, and returns the exit code.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn man(arguments: &ManArguments) -> io::Result<u8> {
    // `help` would have pages of its own, that say nothing.
    let mut command = Arguments::command().disable_help_subcommand(true);
    // Gives subcommands their full names, `brigade-run`.
    command.build();
    let named = arguments.subcommand.as_ref();
    // The name has been checked: it is one of those there are.
    let page = named
        .and_then(|name| command.find_subcommand(name))
        .unwrap_or(&command);
    let mut text = Vec::new();
    Man::new(page.clone()).render(&mut text)?;
    stdout::print(&text)
}
