//! The running digests of an algorithm whose messages go each by itself, since it is fast by nature inside one message.
//!
//! What it promises: such an algorithm takes part in everything that the others do. What it leaves out on purpose: memory
//! for slots that never ask for it; a running digest of BLAKE3 has two kilobytes.

use crate::Platform;
use crate::kernel::{Inputs, Scratch};
use crate::running::{Group, Method, Running, Value};
use crate::slot::Slot;

/// An algorithm that takes bytes as they come.
pub(crate) trait Stream: Clone + Send + Sync + 'static {
    /// The name as commands spell it. It is also stored in states, so it never changes.
    const NAME: &'static str;
    /// The length of a digest in bytes.
    const DIGEST_BYTES: usize;
    /// Goes on from the digest of the message so far; `None` when a digest does not say enough for that.
    const RESUME: Option<fn(&[u8]) -> Self>;

    /// The empty message.
    fn new() -> Self;
    /// Appends bytes to the message.
    fn update(&mut self, bytes: &[u8]);
    /// The digest of the message so far, with zeros behind it.
    fn value(&self) -> Value;
}

/// A value from the bytes of a digest.
pub(crate) fn value_of(digest: &[u8]) -> Value {
    let mut value = [0; size_of::<Value>()];
    value[..digest.len()].copy_from_slice(digest);
    value
}

/// The running digests of the slots, as far as any has asked for one.
#[derive(Clone)]
pub(crate) struct Streamed<S> {
    streams: Vec<S>,
    slots: usize,
}

impl<S: Stream> Method for Streamed<S> {
    const NAME: &'static str = S::NAME;
    const DIGEST_BYTES: usize = S::DIGEST_BYTES;
    const BLOCK_BYTES: usize = 1;
    const RESUMABLE: bool = S::RESUME.is_some();

    /// There is none.
    fn pad(_: &mut [u8], rest: usize, _: u64) -> usize {
        rest
    }

    fn alone() -> Box<dyn Running> {
        Box::new(Streamed { streams: vec![S::new()], slots: 1 })
    }

    fn lanes(_: Platform, slots: usize) -> Box<dyn Running> {
        Box::new(Streamed { streams: Vec::<S>::new(), slots })
    }
}

impl<S: Stream> Running for Streamed<S> {
    fn begin(&mut self, slot: Slot) {
        if self.streams.is_empty() {
            self.streams.resize(self.slots, S::new());
        }
        self.streams[slot.index()] = S::new();
    }

    fn resume(&mut self, slot: Slot, value: &[u8]) {
        let resume = S::RESUME.expect("there is no state of what cannot go on from one");
        self.begin(slot);
        self.streams[slot.index()] = resume(value);
    }

    fn value(&self, slot: Slot) -> Value {
        self.streams[slot.index()].value()
    }

    fn run_one(&mut self, slot: Slot, bytes: &[u8]) {
        self.streams[slot.index()].update(bytes);
    }

    fn group(&self, _: usize) -> Option<Group> {
        None
    }

    fn run_group(&mut self, _: Group, slots: &[Slot], inputs: &Inputs<'_>, _: &mut Scratch) {
        slots.iter().zip(inputs).for_each(|(slot, bytes)| self.run_one(*slot, bytes));
    }

    fn degree(&self) -> usize {
        1
    }

    fn duplicate(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }
}
