//! The running digests of one algorithm, one for each slot.
//!
//! What it promises: the scheduler and [`Hasher`](crate::Hasher) run every algorithm alike, whether its messages go side by
//! side ([`Chained`](crate::chained::Chained)) or each by itself ([`Streamed`](crate::streamed::Streamed)). One call
//! through the trait runs many blocks, so what the call costs does not show. What it leaves out on purpose: where the bytes
//! are and which of them wait; `row.rs` knows that.

use crate::Platform;
use crate::digest;
use crate::kernel::{Inputs, Scratch};
use crate::slot::Slot;

/// A value of a running digest in the form of a digest; bytes beyond its length are zero.
pub(crate) type Value = [u8; digest::BYTES_MAX];

/// How an algorithm is run: what the list in `algorithm.rs` asks of each.
pub(crate) trait Method {
    /// The name as commands spell it. It is also stored in states, so it never changes.
    const NAME: &'static str;
    /// The length of a digest in bytes.
    const DIGEST_BYTES: usize;
    /// Until its end a message is run in multiples of this, a power of two.
    const BLOCK_BYTES: usize;
    /// Whether [`Running::value`] of a message that has not ended is all that is needed to go on with it elsewhere.
    const RESUMABLE: bool;

    /// Writes the padding of a message of `message_bytes` behind its last `rest` bytes, which `area` begins with. Returns the
    /// length of both together: what is yet to be run.
    fn pad(area: &mut [u8], rest: usize, message_bytes: u64) -> usize;

    /// For one message alone, in slot 0.
    fn alone() -> Box<dyn Running>;

    /// For that many slots.
    fn lanes(platform: Platform, slots: usize) -> Box<dyn Running>;
}

/// The running digests.
pub(crate) trait Running: Send + Sync {
    /// The digest of a slot begins anew.
    fn begin(&mut self, slot: Slot);
    /// The digest of a slot goes on from a value, of the algorithm's length.
    fn resume(&mut self, slot: Slot, value: &[u8]);
    /// What has been run so far: the digest, once the padding was run too.
    fn value(&self, slot: Slot) -> Value;
    /// Runs bytes of one message: a multiple of the block, unless they are its last.
    fn run_one(&mut self, slot: Slot, bytes: &[u8]);
    /// The best kernel for that many messages at once; `None` where one after the other is faster.
    fn group(&self, busy: usize) -> Option<Group>;
    /// Runs the same number of bytes of several messages, at most the group's degree.
    fn run_group(&mut self, group: Group, slots: &[Slot], inputs: &Inputs<'_>, scratch: &mut Scratch);
    /// The greatest number of messages that any kernel runs at once.
    fn degree(&self) -> usize;
    /// The same once more.
    fn duplicate(&self) -> Box<dyn Running>;
}

/// A kernel of several lanes, whatever its words.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    /// Its place in the ladder.
    pub(crate) rung: usize,
    /// How many lanes it runs.
    pub(crate) degree: usize,
}
