//! Many messages on one thread: the scheduler that keeps lanes full.
//!
//! # The picture
//!
//! A *slot* holds one admitted message and its chunk, a piece of the message in a buffer that is used again and again. For
//! each algorithm asked of the message the slot has one *lane*: a running digest, and how far into the chunk it has come.
//! A step takes lanes that have whole blocks waiting, as many as the kernel's degree, and runs all of them for the
//! shortest common run:
//!
//! ```text
//!            full                      ragged                     few
//!  slot 0  ########|####     0  ####|####............    0  ########|####
//!  slot 1  ########|######   1  ####|##########PP....    1  (waits for input)
//!  slot 2  ########|##PP     2  ####|................    2  (free)
//!  slot 3  ########|         3  ####|##..............    3  (waits for input)
//!          the step ends     slot 2 is hungry now:       below the measured number of
//!          at the shortest   feed it, and the next       busy lanes one lane after the
//!          chunk             step is full again          other is faster
//! ```
//!
//! # The argument
//!
//! - *No lane waits for another message.* A lane whose message is finished leaves the step; its slot is free as soon as the
//!   digests are taken, and the next message can be admitted before the next step. Results come out of order.
//! - *The hot loop has no case for ends.* The padding `PP` is written behind the message's last bytes in the slot's own
//!   chunk: one or two blocks like any others. (Algorithms differ in padding, so those after the first of a message have
//!   theirs behind the chunk.)
//! - *One read feeds all algorithms.* A slot is hungry when every lane of it has used up the chunk. Lanes of a message run
//!   whole blocks of the longest that it has asked for, so that what is left of the chunk is the same bytes for all.
//! - *Full groups go first.* When more lanes are ready than the degree, those left over wait for the next step, which
//!   begins with them, instead of running in a group that is nearly empty.
//! - *All memory is known at the start*: the chunks, one array of lanes for each algorithm, and lists as long as there are
//!   slots. No step allocates, locks or looks at a clock.
//!
//! # The use
//!
//! ```
//! use hashlane_lanes::{Algorithm, Lanes, Platform};
//!
//! let messages: Vec<Vec<u8>> = (0..100).map(|i| vec![b'x'; i * 37]).collect();
//! let mut coming = messages.iter().enumerate();
//! let mut lanes = Lanes::new(Platform::detect(), 16, 4096);
//! let mut unread: Vec<&[u8]> = vec![&[]; lanes.slots()];
//! let mut finished = 0;
//! loop {
//!     while lanes.vacant() {
//!         let Some((tag, message)) = coming.next() else { break };
//!         let slot = lanes.admit(tag as u64, &[Algorithm::Md5, Algorithm::Sha256]).unwrap();
//!         unread[slot.index()] = message;
//!     }
//!     let hungry: Vec<_> = lanes.hungry().collect();
//!     for slot in hungry {
//!         // A reader would read into `lanes.space(slot)` and then say `lanes.feed(slot, n)`.
//!         let n = lanes.feed_from(slot, unread[slot.index()]);
//!         unread[slot.index()] = &unread[slot.index()][n..];
//!         if unread[slot.index()].is_empty() {
//!             lanes.end(slot);
//!         }
//!     }
//!     let ran = lanes.step();
//!     while let Some(message) = lanes.finished() {
//!         assert_eq!(message.message_bytes, messages[message.tag as usize].len() as u64);
//!         finished += 1;
//!     }
//!     if !ran {
//!         break;
//!     }
//! }
//! assert_eq!(finished, 100);
//! ```
//!
//! What it leaves out on purpose: reading, threads, time, and the order in which messages are admitted.

use std::collections::VecDeque;

use crate::chunks::Chunks;
use crate::finished::{Digests, Finished};
use crate::kernel::Scratch;
use crate::row::{Lane, Row};
use crate::slot::{Message, Slot};
use crate::{Algorithm, Digest, Platform, State};

const ALGORITHMS: usize = Algorithm::ALL.len();

/// The scheduler; see the head of this file. One thread owns it.
///
/// To name a slot that is not in use, to feed more bytes than there is space for, and to end a message twice are
/// mistakes of the caller: the methods panic.
pub struct Lanes {
    rows: [Row; ALGORITHMS],
    messages: Vec<Message>,
    free: Vec<Slot>,
    /// Messages whose lanes are all done, in the order in which they were.
    done: VecDeque<Slot>,
    chunks: Chunks,
    /// Scratch of a step: the lanes with blocks waiting.
    ready: Vec<Slot>,
    /// Scratch of a step: the chaining values of the lanes that run.
    scratch: Box<Scratch>,
}

impl Lanes {
    /// Room for `slots` messages at once, 1 to 65,535, each with a chunk of `chunk_bytes`, rounded up to whole blocks.
    ///
    /// A good number of slots is the greatest [`Platform::degree`] of the algorithms in use, or twice that where input comes
    /// late; a good chunk is 32 KiB or less, so that all chunks stay in the second-level cache.
    pub fn new(platform: Platform, slots: usize, chunk_bytes: usize) -> Lanes {
        let count = u16::try_from(slots.max(1)).expect("at most 65,535 slots");
        let slots = usize::from(count);
        Lanes {
            rows: Algorithm::ALL.map(|algorithm| Row::new(algorithm.lanes(platform, slots), slots)),
            messages: vec![Message::NONE; slots],
            free: (0..count).rev().map(Slot).collect(),
            done: VecDeque::with_capacity(slots),
            chunks: Chunks::new(slots, chunk_bytes),
            ready: Vec::with_capacity(slots),
            scratch: Box::new(Scratch::NEW),
        }
    }

    /// How many messages can be in at once.
    pub fn slots(&self) -> usize {
        self.messages.len()
    }

    /// How many messages are in: admitted, and neither taken from [`Lanes::finished`] nor abandoned.
    pub fn busy(&self) -> usize {
        self.messages.len() - self.free.len()
    }

    /// Whether another message can be admitted.
    pub fn vacant(&self) -> bool {
        !self.free.is_empty()
    }

    /// The bytes of all chunks together, for whoever keeps a budget.
    pub fn buffer_bytes(&self) -> usize {
        self.chunks.total_bytes()
    }

    /// Takes in a message, whose bytes are to come by [`Lanes::feed`] or [`Lanes::feed_from`]. `None` when all slots are busy.
    /// With no algorithms at all the bytes are only taken, and there are no digests: what feeding costs without hashing.
    ///
    /// # Panics
    ///
    /// When `algorithms` has one twice.
    pub fn admit(&mut self, tag: u64, algorithms: &[Algorithm]) -> Option<Slot> {
        self.take_in(tag, 0, algorithms.iter().map(|algorithm| (*algorithm, None)), &[])
    }

    /// Takes in a message whose first [`State::message_bytes`] bytes have been hashed before; what follows them is to be
    /// fed. `None` when all slots are busy.
    pub fn resume(&mut self, tag: u64, state: &State) -> Option<Slot> {
        let values = state.values().iter().map(|value| (value.algorithm(), Some(value)));
        self.take_in(tag, state.message_bytes(), values, state.rest())
    }

    fn take_in<'a>(
        &mut self,
        tag: u64,
        message_bytes: u64,
        algorithms: impl Iterator<Item = (Algorithm, Option<&'a Digest>)>,
        rest: &[u8],
    ) -> Option<Slot> {
        let slot = *self.free.last()?;
        let mut message = Message { used: true, tag, message_bytes, filled: rest.len(), ..Message::NONE };
        for (algorithm, value) in algorithms {
            assert!(!message.algorithms().contains(&algorithm), "{algorithm} is asked for twice");
            message.algorithms[message.asked] = algorithm;
            message.asked += 1;
            message.block_bytes = message.block_bytes.max(algorithm.block_bytes());
            let row = &mut self.rows[algorithm as usize];
            row.lanes[slot.index()] = Lane::default();
            match value {
                None => row.running.begin(slot),
                Some(value) => row.running.resume(slot, value.as_bytes()),
            }
        }
        for algorithm in message.algorithms() {
            self.rows[*algorithm as usize].asked += 1;
        }
        self.chunks.piece_mut(slot.index())[..rest.len()].copy_from_slice(rest);
        self.messages[slot.index()] = message;
        self.free.pop()
    }

    /// The slots that wait for input: their message has not ended and no lane of theirs can run before they are fed.
    pub fn hungry(&self) -> impl Iterator<Item = Slot> {
        self.used().filter(|slot| self.messages[slot.index()].hungry())
    }

    /// The slots whose message has not ended and that have space for at least `bytes` more, hungry ones included. Whoever
    /// feeds the hungry may as well top these up: then chunks end together and steps are longer.
    pub fn spacious(&self, bytes: usize) -> impl Iterator<Item = Slot> {
        self.used().filter(move |slot| {
            let message = &self.messages[slot.index()];
            let filled = if message.hungry() { message.rest() } else { message.filled };
            !message.ended && self.chunks.chunk_bytes() - filled >= bytes
        })
    }

    fn used(&self) -> impl Iterator<Item = Slot> {
        let used = self.messages.iter().enumerate().filter(|(_, message)| message.used);
        used.map(|(index, _)| Slot(index as u16))
    }

    /// The free end of this slot's chunk: a reader writes the next bytes of the message to its beginning and then says
    /// [`Lanes::feed`]. Never empty for a hungry slot; empty when the message has ended.
    pub fn space(&mut self, slot: Slot) -> &mut [u8] {
        self.compact(slot);
        let end = self.chunks.chunk_bytes();
        let message = self.message(slot);
        let begin = if message.ended { end } else { message.filled };
        &mut self.chunks.piece_mut(slot.index())[begin..end]
    }

    /// Says that the first `bytes` of [`Lanes::space`] are the next bytes of the message.
    pub fn feed(&mut self, slot: Slot, bytes: usize) {
        let mut message = *self.message(slot);
        assert!(
            !message.ended && bytes <= self.chunks.chunk_bytes() - message.filled,
            "{bytes} bytes are more than the slot has space for"
        );
        message.filled += bytes;
        message.message_bytes += bytes as u64;
        for algorithm in message.algorithms.into_iter().take(message.asked) {
            let lane = &mut self.rows[algorithm as usize].lanes[slot.index()];
            message.running += usize::from(lane.blocks.is_empty() && message.whole() > lane.blocks.end);
            lane.blocks.end = message.whole();
        }
        self.messages[slot.index()] = message;
    }

    /// Takes bytes from elsewhere: copies what there is space for, and returns how many that were. A message that is alone
    /// has nobody to share a step with, so its whole blocks are hashed at once where they lie, and all bytes are taken.
    pub fn feed_from(&mut self, slot: Slot, bytes: &[u8]) -> usize {
        let mut taken = 0;
        if self.busy() == 1 && !self.message(slot).ended {
            let message = self.message(slot);
            let until_block = message.filled.wrapping_neg() & (message.block_bytes - 1);
            taken = self.copy_in(slot, &bytes[..bytes.len().min(until_block)]);
            self.catch_up(slot);
            let whole = (bytes.len() - taken) & !(self.message(slot).block_bytes - 1);
            let blocks = &bytes[taken..taken + whole];
            self.run_alone(slot, blocks);
            self.messages[slot.index()].message_bytes += blocks.len() as u64;
            taken += blocks.len();
        }
        taken + self.copy_in(slot, &bytes[taken..])
    }

    /// Copies as many bytes as there is space for.
    fn copy_in(&mut self, slot: Slot, bytes: &[u8]) -> usize {
        let space = self.space(slot);
        let taken = bytes.len().min(space.len());
        if taken > 0 {
            space[..taken].copy_from_slice(&bytes[..taken]);
            self.feed(slot, taken);
        }
        taken
    }

    /// Says that the message has no more bytes. Its digests come out of [`Lanes::finished`] some steps later.
    pub fn end(&mut self, slot: Slot) {
        let mut message = *self.message(slot);
        assert!(!message.ended, "the message has ended before");
        message.ended = true;
        let (whole, rest) = (message.whole(), message.rest());
        for (number, algorithm) in message.algorithms.into_iter().take(message.asked).enumerate() {
            let place = if number == 0 { whole } else { self.chunks.padding(number) };
            let piece = self.chunks.piece_mut(slot.index());
            piece.copy_within(whole..whole + rest, place);
            let padded = place..place + algorithm.pad(&mut piece[place..], rest, message.message_bytes);
            let lane = &mut self.rows[algorithm as usize].lanes[slot.index()];
            message.running += usize::from(lane.blocks.is_empty() && !padded.is_empty());
            if lane.blocks.is_empty() {
                lane.blocks = padded;
            } else if number == 0 {
                lane.blocks.end = padded.end;
            } else {
                lane.padding = padded;
            }
        }
        if message.running == 0 {
            // Nothing is left to run: no algorithm pads, and all bytes have been hashed.
            self.done.push_back(slot);
        }
        self.messages[slot.index()] = message;
    }

    /// Runs lanes of every algorithm for their shortest common run: as many full groups as there are, or what there is when
    /// it does not fill one. Returns whether anything ran; if not, every message is done or hungry.
    pub fn step(&mut self) -> bool {
        let mut ran = false;
        for algorithm in 0..ALGORITHMS {
            if self.rows[algorithm].asked > 0 {
                ran |= self.step_algorithm(algorithm);
            }
        }
        ran
    }

    /// Steps until nothing can run: then every message is done or hungry.
    pub fn flush(&mut self) {
        while self.step() {}
    }

    fn step_algorithm(&mut self, algorithm: usize) -> bool {
        let Lanes { rows, messages, done, chunks, ready, scratch, .. } = self;
        let ran = rows[algorithm].run_some(ready, chunks, scratch);
        for slot in ran {
            let message = &mut messages[slot.index()];
            message.running -= usize::from(!rows[algorithm].lanes[slot.index()].has_more());
            if message.ended && message.running == 0 {
                done.push_back(*slot);
            }
        }
        !ran.is_empty()
    }

    /// The next message that is done; its slot is free then. Messages come in the order in which they are done, not in the
    /// order in which they were admitted.
    pub fn finished(&mut self) -> Option<Finished> {
        let slot = self.done.pop_front()?;
        let message = *self.message(slot);
        let digests = Digests::new(message.asked, |number| self.value(slot, message.algorithms[number]));
        self.free(slot);
        Some(Finished { tag: message.tag, slot, digests, message_bytes: message.message_bytes })
    }

    /// What is needed to go on with a message elsewhere: all that it was fed so far is in the state. `None` when the message
    /// has ended, since then its digests are only a few steps away, and when one of its algorithms is not
    /// [resumable](Algorithm::resumable).
    pub fn export(&mut self, slot: Slot) -> Option<State> {
        let message = self.message(slot);
        if message.ended || !message.algorithms().iter().all(|algorithm| algorithm.resumable()) {
            return None;
        }
        self.catch_up(slot);
        let message = self.message(slot);
        let values = message.algorithms().iter().map(|algorithm| self.value(slot, *algorithm));
        let rest = &self.chunks.piece(slot.index())[message.whole()..message.filled];
        Some(State::new(message.message_bytes, values.collect(), rest))
    }

    /// Gives a message up, wherever it is; its slot is free then.
    pub fn abandon(&mut self, slot: Slot) {
        self.message(slot);
        self.done.retain(|done| *done != slot);
        self.free(slot);
    }

    fn free(&mut self, slot: Slot) {
        let message = std::mem::replace(&mut self.messages[slot.index()], Message::NONE);
        for algorithm in message.algorithms() {
            let row = &mut self.rows[*algorithm as usize];
            row.asked -= 1;
            row.lanes[slot.index()] = Lane::default();
        }
        self.free.push(slot);
    }

    /// The running digest of a message: final once its padding was run.
    fn value(&self, slot: Slot, algorithm: Algorithm) -> Digest {
        Digest::from_value(algorithm, self.rows[algorithm as usize].running.value(slot))
    }

    fn message(&self, slot: Slot) -> &Message {
        let message = &self.messages[slot.index()];
        assert!(message.used, "slot {} is not in use", slot.0);
        message
    }

    /// When nothing of the chunk is left but the bytes after the last whole block, moves them to its beginning.
    fn compact(&mut self, slot: Slot) {
        let message = self.message(slot);
        if !message.hungry() || message.whole() == 0 {
            return;
        }
        let (whole, filled, rest) = (message.whole(), message.filled, message.rest());
        let message = &mut self.messages[slot.index()];
        message.filled = rest;
        for algorithm in &message.algorithms[..message.asked] {
            self.rows[*algorithm as usize].lanes[slot.index()].blocks = 0..0;
        }
        self.chunks.piece_mut(slot.index()).copy_within(whole..filled, 0);
    }

    /// Runs all waiting blocks of a message that has not ended, so that its lanes stand at the same place.
    fn catch_up(&mut self, slot: Slot) {
        let message = &mut self.messages[slot.index()];
        message.running = 0;
        for algorithm in &message.algorithms[..message.asked] {
            self.rows[*algorithm as usize].run_one(slot, &self.chunks);
        }
    }

    /// Runs whole blocks from elsewhere into every lane of a message.
    fn run_alone(&mut self, slot: Slot, blocks: &[u8]) {
        for algorithm in self.messages[slot.index()].algorithms() {
            self.rows[*algorithm as usize].running.run_one(slot, blocks);
        }
    }
}
