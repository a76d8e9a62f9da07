//! The place of one message in the lanes, and what is known of the message there.

use crate::Algorithm;

/// The place of one admitted message. Valid until the message is taken from
/// [`Lanes::finished`](crate::Lanes::finished) or abandoned; a message admitted later may then get the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(pub(crate) u16);

impl Slot {
    /// Below [`Lanes::slots`](crate::Lanes::slots): for arrays beside the lanes, such as the files that feed them.
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// What a slot knows of its message.
#[derive(Clone, Copy)]
pub(crate) struct Message {
    pub(crate) used: bool,
    pub(crate) tag: u64,
    pub(crate) algorithms: [Algorithm; Algorithm::ALL.len()],
    /// How many of those are asked for: the first ones.
    pub(crate) asked: usize,
    /// The longest block of those: until the message ends, all of them are run in whole ones.
    pub(crate) block_bytes: usize,
    /// What was fed, with what came before a resumed state.
    pub(crate) message_bytes: u64,
    /// Bytes of the chunk that are filled; the chunk begins at a whole block of the message.
    pub(crate) filled: usize,
    pub(crate) ended: bool,
    /// Lanes that have blocks waiting.
    pub(crate) running: usize,
}

impl Message {
    /// A slot that is not in use.
    pub(crate) const NONE: Message = Message {
        used: false,
        tag: 0,
        algorithms: Algorithm::ALL,
        asked: 0,
        block_bytes: 1,
        message_bytes: 0,
        filled: 0,
        ended: false,
        running: 0,
    };

    pub(crate) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms[..self.asked]
    }

    /// The filled bytes that are whole blocks.
    pub(crate) fn whole(&self) -> usize {
        self.filled - self.rest()
    }

    /// The filled bytes after the last whole block.
    pub(crate) fn rest(&self) -> usize {
        self.filled & (self.block_bytes - 1)
    }

    /// Whether it waits for input: it has not ended, and no lane can run.
    pub(crate) fn hungry(&self) -> bool {
        self.used && !self.ended && self.running == 0
    }
}
