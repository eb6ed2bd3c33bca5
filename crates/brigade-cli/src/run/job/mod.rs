//! One job: what an item of input asks for, what it is called, what it waits for, and why it can fail.
//!
//! The door is [`Recipe`], which makes a [`Job`] of an item. Nothing here is run.

mod bad_item;
mod failure;
mod hash;
mod needs;
mod object;
mod priority;
mod recipe;
mod scalar;
mod title;
mod unmet;

use brigade::Priority;

use crate::resource::Request;
use crate::run::command::Command;
use crate::run::input::{Block, Place};

use self::needs::Needs;
use self::object::Label;
use self::title::Title;

pub(crate) use self::bad_item::BadItem;
pub(crate) use self::failure::Failure;
pub(crate) use self::hash::{Hash, hash};
pub(crate) use self::needs::Predecessor;
pub(crate) use self::object::Settings;
pub(crate) use self::priority::{AGEING, parse_priority};
pub(crate) use self::recipe::{Asked, Recipe};
pub(crate) use self::unmet::Unmet;

/// Something to run. An item that cannot be run is a job too, one that fails: so it is counted,
/// reported and listed like any other.
#[derive(Debug)]
pub(crate) struct Job {
    /// Which of the jobs that are run it is in the order of the input, counted from 1.
    pub(crate) turn: u64,
    /// Its number in the job log.
    pub(crate) sequence: u64,
    pub(crate) place: Place,
    /// As it was given.
    pub(crate) text: Vec<u8>,
    /// The arguments it is made of: those of several lists, or the columns of a line.
    pub(crate) arguments: Vec<Vec<u8>>,
    /// Of a job that is a JSON object.
    pub(crate) label: Option<Label>,
    pub(crate) priority: Priority,
    pub(crate) settings: Settings,
    /// Of a job that is a JSON object, if it waits for anything.
    pub(crate) needs: Option<Box<Needs>>,
    pub(crate) command: Result<Command, BadItem>,
    /// What it reads, if it reads anything.
    pub(crate) block: Option<Block>,
    /// How often it has been begun.
    pub(crate) attempts: u32,
}

impl Job {
    /// The job as people read it in a message.
    pub(crate) fn title(&self) -> Title<'_> {
        Title(self.name())
    }

    /// What other jobs name it by.
    pub(crate) fn id_text(&self) -> Option<&str> {
        self.label.as_ref()?.id.as_deref()
    }

    /// The same as a hash.
    pub(crate) fn id(&self) -> Option<Hash> {
        self.id_text().map(|id| hash(id.as_bytes()))
    }

    /// The jobs that must have ended well before it begins.
    pub(crate) fn after(&self) -> &[Predecessor] {
        self.needs.as_ref().map_or(&[], |needs| &needs.after)
    }

    /// The resources that it needs besides those of all jobs.
    pub(crate) fn locks(&self) -> &[Request] {
        self.needs.as_ref().map_or(&[], |needs| &needs.locks)
    }

    /// False if what it waits for will not come about.
    pub(crate) fn can_begin(&self) -> bool {
        !matches!(self.command, Err(BadItem::Unmet(_)))
    }

    /// What people know it by: as it was given, or its `id`, or what it runs.
    pub(crate) fn name(&self) -> &[u8] {
        match &self.label {
            Some(Label { id: Some(id), .. }) => id.as_bytes(),
            Some(Label { shown, .. }) => shown,
            None => &self.text,
        }
    }

    /// The bytes that it reads.
    pub(crate) fn input(&self) -> Option<&[u8]> {
        self.block.as_ref()?.bytes.as_deref().ok()
    }

    /// Lets go of what it reads, as it will not be run again.
    pub(crate) fn drop_input(&mut self) {
        if let Some(Block {
            bytes: Ok(bytes), ..
        }) = &mut self.block
        {
            *bytes = Vec::new();
        }
    }
}
