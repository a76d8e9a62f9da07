//! A message that came out of the lanes, with its digests.

use std::fmt;
use std::ops::Deref;

use crate::{Algorithm, Digest, Slot};

/// A message that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// What [`Lanes::admit`](crate::Lanes::admit) was told.
    pub tag: u64,
    /// The slot it had, which is free again.
    pub slot: Slot,
    /// One for each algorithm, in the order asked.
    pub digests: Digests,
    /// The length of the message, with what came before a resumed state.
    pub message_bytes: u64,
}

/// The digests of one message: a slice that needs no allocation.
#[derive(Clone, Copy)]
pub struct Digests {
    all: [Digest; Algorithm::ALL.len()],
    asked: usize,
}

impl Digests {
    /// One for each of at most [`Algorithm::ALL`].
    pub(crate) fn new(asked: usize, digest: impl Fn(usize) -> Digest) -> Digests {
        let mut all = [digest(0); Algorithm::ALL.len()];
        all.iter_mut().enumerate().take(asked).skip(1).for_each(|(number, one)| *one = digest(number));
        Digests { all, asked }
    }
}

impl Deref for Digests {
    type Target = [Digest];

    fn deref(&self) -> &[Digest] {
        &self.all[..self.asked]
    }
}

impl PartialEq for Digests {
    fn eq(&self, other: &Digests) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Digests {}

impl fmt::Debug for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(f)
    }
}
