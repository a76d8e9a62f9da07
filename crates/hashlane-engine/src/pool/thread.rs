//! One hashing thread: take messages in, read for those that are hungry, step the lanes, hand digests out.
//!
//! It promises that nothing of one message stops another: an error or a panic while a message is read ends that message,
//! a message that nobody waits for any more is given up before its next read, and a message whose bytes are late holds a
//! slot and nothing else. It never awaits; it parks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use bytes::{Buf, Bytes};
use hashlane_job::{FailureCode, JobError};
use hashlane_lanes::{Algorithm, Lanes, Platform, Slot};
use tokio::sync::{mpsc, oneshot};

use super::inbox::{Input, Letter, Message, Piece};
use super::{Crew, Read, Seat, Unread, stopping};
use crate::ReadProgress;
use crate::budget::{self, Budget};
use crate::local::{OpenFile, Opened};

/// How many bytes of a channel one message may take in one turn. A message that is alone hashes them where they lie, so
/// this is also how long a turn can last: a millisecond.
const TURN_BYTES_MAX: usize = 256 * 1024;

/// While a message is in that somebody waits for, those of jobs are read in one turn of so many.
pub(super) const TURNS_PER_JOB_TURN: u32 = 8;

/// Hashed bytes are counted at the latest when they are so many, so that the counter moves while a big object is read.
const UNREPORTED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Runs until the crew stops.
pub(super) fn run(crew: &Crew, letters: &Receiver<Letter>, budget: &Budget, platform: Platform) {
    let mut hashing = Hashing::new(*budget, platform);
    while !crew.is_stopping() {
        let mut worked = hashing.admit(letters);
        worked |= hashing.read();
        worked |= hashing.step();
        // What was passed over for an awaited message is not passed over for nothing.
        worked = worked || hashing.read_those(false);
        hashing.hand_out();
        if !worked {
            hashing.report();
            std::thread::park();
        } else if hashing.unreported_bytes() >= UNREPORTED_BYTES_MAX {
            hashing.report();
        }
    }
    hashing.give_all_up(&stopping());
    for letter in letters.try_iter() {
        refuse(letter.reply, letter.seat, stopping());
    }
    hashing.report();
}

/// The state of one thread.
struct Hashing {
    budget: Budget,
    platform: Platform,
    lanes: Lanes,
    /// The message in each slot.
    occupants: Vec<Option<Occupant>>,
    /// Scratch: slots to be fed in this turn.
    wanting: Vec<Slot>,
    /// Bytes hashed and not yet counted, by algorithm.
    unreported: [u64; Algorithm::ALL.len()],
    /// What the gauge was last told of this thread.
    reported_busy: usize,
    /// Turns, to tell those in which jobs are read from the others.
    turn: u32,
}

/// A message in a slot.
struct Occupant {
    source: Source,
    algorithms: Vec<Algorithm>,
    progress: Arc<ReadProgress>,
    reply: oneshot::Sender<Result<Read, Unread>>,
    seat: Seat,
}

/// Where a message's bytes come from, open.
enum Source {
    File(OpenFile),
    Pieces {
        channel: mpsc::Receiver<Piece>,
        current: Bytes,
    },
    #[cfg(test)]
    Panic,
}

/// What one turn of reading came to.
#[derive(Default)]
struct Turn {
    bytes: usize,
    ended: bool,
}

impl Hashing {
    fn new(budget: Budget, platform: Platform) -> Hashing {
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

    /// Takes in what waits, as long as there is a slot. Returns whether anything was taken.
    fn admit(&mut self, letters: &Receiver<Letter>) -> bool {
        let mut any = false;
        while self.lanes.vacant() {
            let Ok(Letter { message, reply, seat }) = letters.try_recv() else { break };
            any = true;
            let Message { algorithms, input, bytes_max, progress } = message;
            let opened = catch_unwind(AssertUnwindSafe(|| open(input, bytes_max, &progress)));
            let source = match opened.unwrap_or_else(|_| Err(panicked().into())) {
                Ok(source) => source,
                Err(unread) => {
                    refuse(reply, seat, unread);
                    continue;
                }
            };
            // The tag is not needed: what belongs to a message lies beside its slot.
            match self.lanes.admit(0, &algorithms) {
                Some(slot) => {
                    self.occupants[slot.index()] = Some(Occupant { source, algorithms, progress, reply, seat });
                }
                None => refuse(reply, seat, panicked()),
            }
        }
        any
    }

    /// Reads for every message that has nothing left to hash, and for those that have little; awaited messages go first,
    /// see the head of pool.rs. Returns whether anything came.
    fn read(&mut self) -> bool {
        self.turn = self.turn.wrapping_add(1);
        let has_awaited = self.occupants.iter().flatten().any(|occupant| occupant.seat.awaited);
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
            if self.occupants[slot.index()].as_ref().is_some_and(|occupant| occupant.seat.awaited == awaited) {
                any |= self.read_slot(slot);
            }
        }
        any
    }

    fn read_slot(&mut self, slot: Slot) -> bool {
        let Some(occupant) = &mut self.occupants[slot.index()] else { return false };
        if occupant.reply.is_closed() {
            self.give_up(slot, stopping());
            return true;
        }
        let lanes = &mut self.lanes;
        let read = catch_unwind(AssertUnwindSafe(|| occupant.source.read(lanes, slot)));
        match read.unwrap_or_else(|_| Err(panicked())) {
            Ok(turn) => {
                occupant.progress.advance(turn.bytes);
                for algorithm in &occupant.algorithms {
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
            let occupants: Vec<_> = self.occupants.iter_mut().filter_map(Option::take).collect();
            self.lanes = budget::lanes(&self.budget, self.platform);
            occupants.into_iter().for_each(|occupant| refuse(occupant.reply, occupant.seat, panicked()));
            true
        })
    }

    /// Replies to those whose digests are there.
    fn hand_out(&mut self) {
        while let Some(finished) = self.lanes.finished() {
            let Some(occupant) = self.occupants[finished.slot.index()].take() else { continue };
            // Counted before it is told, so that who was told finds it counted.
            self.report();
            let file = match occupant.source {
                Source::File(file) => Some(file),
                _ => None,
            };
            let read = Read { digests: finished.digests.to_vec(), message_bytes: finished.message_bytes, file };
            drop(occupant.seat);
            // Nobody waits for it when the ticket was dropped just now.
            let _ = occupant.reply.send(Ok(read));
        }
    }

    fn give_up(&mut self, slot: Slot, error: JobError) {
        self.lanes.abandon(slot);
        if let Some(occupant) = self.occupants[slot.index()].take() {
            refuse(occupant.reply, occupant.seat, error);
        }
    }

    fn give_all_up(&mut self, error: &JobError) {
        for occupant in self.occupants.iter_mut().filter_map(Option::take) {
            refuse(occupant.reply, occupant.seat, error.clone());
        }
        self.lanes = budget::lanes(&self.budget, self.platform);
    }

    fn unreported_bytes(&self) -> u64 {
        self.unreported.iter().sum()
    }

    /// Tells the metrics what they do not know yet.
    fn report(&mut self) {
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

impl Source {
    /// Reads the next bytes into the slot.
    fn read(&mut self, lanes: &mut Lanes, slot: Slot) -> Result<Turn, JobError> {
        match self {
            Source::File(file) => {
                let bytes = file.read(lanes.space(slot))?;
                lanes.feed(slot, bytes);
                let ended = file.is_read();
                if ended {
                    file.verify()?;
                }
                Ok(Turn { bytes, ended })
            }
            Source::Pieces { channel, current } => take_pieces(channel, current, lanes, slot),
            #[cfg(test)]
            Source::Panic => panic!("a test asked for it"),
        }
    }
}

/// Takes what there is in the channel and fits into the slot.
fn take_pieces(
    channel: &mut mpsc::Receiver<Piece>,
    current: &mut Bytes,
    lanes: &mut Lanes,
    slot: Slot,
) -> Result<Turn, JobError> {
    let mut turn = Turn::default();
    while turn.bytes < TURN_BYTES_MAX {
        if current.is_empty() {
            match channel.try_recv() {
                Ok(Piece::Bytes(bytes)) => *current = bytes,
                Ok(Piece::End) => turn.ended = true,
                Err(mpsc::error::TryRecvError::Empty) => break,
                // The feeder was dropped, and with it whoever could be told why.
                Err(mpsc::error::TryRecvError::Disconnected) => return Err(stopping()),
            }
        }
        if turn.ended {
            break;
        }
        let taken = lanes.feed_from(slot, &current[..current.len().min(TURN_BYTES_MAX)]);
        if taken == 0 {
            break;
        }
        current.advance(taken);
        turn.bytes += taken;
    }
    if current.is_empty() {
        // An empty slice of a piece would keep the whole piece in memory.
        *current = Bytes::new();
    }
    Ok(turn)
}

/// Opens what a message is to be read from, and learns its length where the thread is the first to know it.
fn open(input: Input, bytes_max: Option<u64>, progress: &ReadProgress) -> Result<Source, Unread> {
    match input {
        Input::File { folder, key } => match OpenFile::open(&folder, &key)? {
            Opened::TooFresh => Err(Unread::TooFresh),
            Opened::File(file) => {
                let size_bytes = file.identity().size_bytes;
                check_size(size_bytes, bytes_max)?;
                progress.begin(size_bytes);
                file.announce();
                Ok(Source::File(file))
            }
        },
        Input::Pieces(channel) => Ok(Source::Pieces { channel, current: Bytes::new() }),
        #[cfg(test)]
        Input::Panic => Ok(Source::Panic),
    }
}

/// Refuses an object that is not smaller than the limit.
pub(crate) fn check_size(size_bytes: u64, bytes_max: Option<u64>) -> Result<(), JobError> {
    match bytes_max {
        Some(bytes_max) if size_bytes >= bytes_max => Err(JobError::permanent(
            FailureCode::TooLarge,
            format!("the object has {size_bytes} bytes and must have fewer than {bytes_max}"),
        )),
        _ => Ok(()),
    }
}

/// Gives the seat back first, so that who is told finds it free.
fn refuse(reply: oneshot::Sender<Result<Read, Unread>>, seat: Seat, why: impl Into<Unread>) {
    drop(seat);
    let _ = reply.send(Err(why.into()));
}

/// The panic itself was printed by the panic hook.
fn panicked() -> JobError {
    JobError::permanent(FailureCode::Internal, "hashing the object failed by a mistake of the server")
}
