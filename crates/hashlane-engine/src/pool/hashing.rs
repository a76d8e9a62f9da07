//! One thread's lanes, and the messages in them: read for those that are hungry, step, hand digests out.
//!
//! It promises that nothing of one message stops another: an error or a panic while a message is read ends that message,
//! and a message that nobody waits for any more is given up before its next read. It knows its messages only as
//! [`Occupant`]s, so that jobs, synchronous hashes and `hashlane sum` run through the same code. What it leaves out on
//! purpose: where messages come from, and waiting.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hashlane_lanes::{Algorithm, Finished, Lanes, Platform, Slot, State};

use crate::budget::{self, Budget};

/// While a thread has a message that somebody waits for, the others are read in one turn of so many.
pub(super) const TURNS_PER_JOB_TURN: u32 = 8;

/// Hashed bytes are counted at the latest when they are so many, so that the counter moves while a big object is read.
const UNREPORTED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A message in a slot: where its bytes come from and whom it tells of its end.
pub(crate) trait Occupant: Sized {
    /// Whether the bytes of such messages are counted in the metrics.
    const METERED: bool;
    /// Why it has no digests.
    type Error: From<Interruption>;

    /// None twice.
    fn algorithms(&self) -> &[Algorithm];

    /// Reads the next bytes into the slot.
    fn read(&mut self, lanes: &mut Lanes, slot: Slot) -> Result<Turn, Self::Error>;

    /// The running digests that it goes on from; asked once, when it is taken in.
    fn state(&mut self) -> Option<State> {
        None
    }

    /// Whether somebody waits for this very message, so that it goes before others.
    fn awaited(&self) -> bool {
        false
    }

    /// Whether nobody wants its digests any more.
    fn given_up(&self) -> bool {
        false
    }

    /// Its digests are there.
    fn finish(self, finished: &Finished);

    /// It has no digests.
    fn fail(self, error: Self::Error);

    /// Its turn said that it goes on elsewhere, from its beginning.
    fn leave(self);
}

/// What one turn of reading came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Turn {
    /// So many bytes were fed.
    pub(crate) bytes: usize,
    /// The message has no more.
    pub(crate) ended: bool,
    /// The message leaves the lanes without digests and without an error.
    pub(crate) leaves: bool,
}

/// Why a message ends for no reason of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// A panic; the panic hook printed it.
    Panicked,
    /// The threads are being stopped.
    Stopping,
}

/// The lanes of one thread with their messages.
pub(crate) struct Hashing<O> {
    budget: Budget,
    platform: Platform,
    lanes: Lanes,
    /// The message in each slot.
    occupants: Vec<Option<O>>,
    /// Scratch: slots to be fed in this turn.
    wanting: Vec<Slot>,
    /// Bytes hashed and not yet counted, by algorithm.
    unreported: [u64; Algorithm::ALL.len()],
    /// What the gauge was last told of this thread.
    reported_busy: usize,
    /// Turns, to tell those in which jobs are read from the others.
    turn: u32,
}

impl<O: Occupant> Hashing<O> {
    pub(crate) fn new(budget: Budget, platform: Platform) -> Hashing<O> {
        let lanes = budget::lanes(&budget, platform);
        Hashing {
            occupants: (0..lanes.slots()).map(|_| None).collect(),
            wanting: Vec::with_capacity(lanes.slots()),
            unreported: [0; Algorithm::ALL.len()],
            reported_busy: 0,
            turn: 0,
            budget,
            platform,
            lanes,
        }
    }

    /// How many messages can be admitted.
    pub(crate) fn vacancies(&self) -> usize {
        self.lanes.slots() - self.lanes.busy()
    }

    /// Whether no message is in.
    pub(crate) fn is_idle(&self) -> bool {
        self.lanes.busy() == 0
    }

    /// Takes a message in; there must be a vacancy.
    pub(crate) fn admit(&mut self, mut occupant: O) {
        // The tag is not needed: what belongs to a message lies beside its slot.
        let slot = match occupant.state() {
            Some(state) => self.lanes.resume(0, &state),
            None => self.lanes.admit(0, occupant.algorithms()),
        };
        match slot {
            Some(slot) => self.occupants[slot.index()] = Some(occupant),
            None => occupant.fail(Interruption::Panicked.into()),
        }
    }

    /// Reads, runs the lanes, hands digests out. Returns whether anything was done; if not, every message waits for bytes.
    pub(crate) fn turn(&mut self) -> bool {
        let mut worked = self.read();
        worked |= self.step();
        // What was passed over for an awaited message is not passed over for nothing.
        worked = worked || self.read_those(false);
        self.hand_out();
        if self.unreported_bytes() >= UNREPORTED_BYTES_MAX {
            self.report();
        }
        worked
    }

    /// Reads for every message that has nothing left to hash, and for those that have little; awaited messages go first,
    /// see the head of pool.rs. Returns whether anything came.
    fn read(&mut self) -> bool {
        self.turn = self.turn.wrapping_add(1);
        let has_awaited = self.occupants.iter().flatten().any(O::awaited);
        let mut any = has_awaited && self.read_those(true);
        if !has_awaited || self.turn.is_multiple_of(TURNS_PER_JOB_TURN) {
            any |= self.read_those(false);
        }
        any
    }

    /// Reads for the awaited messages, or for the others.
    fn read_those(&mut self, awaited: bool) -> bool {
        // Topping up at a quarter left makes for longer steps, and moves no more than that quarter.
        self.wanting.clear();
        self.wanting.extend(self.lanes.spacious(self.budget.chunk_bytes / 4 * 3));
        let mut any = false;
        for number in 0..self.wanting.len() {
            let slot = self.wanting[number];
            if self.occupants[slot.index()].as_ref().is_some_and(|occupant| occupant.awaited() == awaited) {
                any |= self.read_slot(slot);
            }
        }
        any
    }

    fn read_slot(&mut self, slot: Slot) -> bool {
        let Some(occupant) = &mut self.occupants[slot.index()] else { return false };
        if occupant.given_up() {
            self.give_up(slot, Interruption::Stopping.into());
            return true;
        }
        let lanes = &mut self.lanes;
        let read = catch_unwind(AssertUnwindSafe(|| occupant.read(lanes, slot)));
        match read.unwrap_or_else(|_| Err(Interruption::Panicked.into())) {
            Ok(turn) if turn.leaves => {
                self.lanes.abandon(slot);
                if let Some(occupant) = self.occupants[slot.index()].take() {
                    occupant.leave();
                }
                true
            }
            Ok(turn) => {
                for algorithm in occupant.algorithms() {
                    self.unreported[*algorithm as usize] += turn.bytes as u64;
                }
                if turn.ended {
                    self.lanes.end(slot);
                }
                turn.ended || turn.bytes > 0
            }
            Err(error) => {
                self.give_up(slot, error);
                true
            }
        }
    }

    /// Runs the lanes. A panic in there cannot be laid to one message, so all of them fail, and the lanes are made anew.
    fn step(&mut self) -> bool {
        let lanes = &mut self.lanes;
        catch_unwind(AssertUnwindSafe(|| lanes.step())).unwrap_or_else(|_| {
            self.give_all_up(Interruption::Panicked);
            true
        })
    }

    /// Tells those whose digests are there.
    fn hand_out(&mut self) {
        while let Some(finished) = self.lanes.finished() {
            let Some(occupant) = self.occupants[finished.slot.index()].take() else { continue };
            // Counted before it is told, so that who was told finds it counted.
            self.report();
            occupant.finish(&finished);
        }
    }

    fn give_up(&mut self, slot: Slot, error: O::Error) {
        self.lanes.abandon(slot);
        if let Some(occupant) = self.occupants[slot.index()].take() {
            occupant.fail(error);
        }
    }

    /// Fails every message.
    pub(crate) fn give_all_up(&mut self, why: Interruption) {
        let occupants: Vec<O> = self.occupants.iter_mut().filter_map(Option::take).collect();
        self.lanes = budget::lanes(&self.budget, self.platform);
        occupants.into_iter().for_each(|occupant| occupant.fail(why.into()));
    }

    fn unreported_bytes(&self) -> u64 {
        self.unreported.iter().sum()
    }

    /// Tells the metrics what they do not know yet.
    pub(crate) fn report(&mut self) {
        if !O::METERED {
            return;
        }
        for (algorithm, bytes) in Algorithm::ALL.into_iter().zip(&mut self.unreported) {
            if *bytes > 0 {
                metrics::counter!(super::HASHED_BYTES, "algorithm" => algorithm.name()).increment(*bytes);
                *bytes = 0;
            }
        }
        let busy = self.lanes.busy();
        if busy != self.reported_busy {
            metrics::gauge!(super::LANES_BUSY).increment(busy as f64 - self.reported_busy as f64);
            self.reported_busy = busy;
        }
    }
}
