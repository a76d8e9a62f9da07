//! One hashing thread of the pool: take messages in, give them their turns, park when all of them wait for bytes.
//!
//! It promises that a message whose bytes are late holds a slot and nothing else, and that what one message does ends that
//! message only; `hashing.rs` keeps most of that promise. It never awaits; it parks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use bytes::{Buf, Bytes};
use hashlane_job::{FailureCode, JobError};
use hashlane_lanes::{Algorithm, Finished, Lanes, Platform, Slot, State};
use tokio::sync::{mpsc, oneshot};

use super::hashing::{Hashing, Interruption, Occupant, Turn};
use super::inbox::{Course, Input, Letter, Message, Piece};
use super::{Crew, Read, Seat, Unread, stopping};
use crate::budget::Budget;
use crate::checkpoint::{Checkpoints, first_bytes};
use crate::local::{OpenFile, Opened};
use crate::reading::Reading;

/// How many bytes of a channel one message may take in one turn. A message that is alone hashes them where they lie, so
/// this is also how long a turn can last: a millisecond.
const TURN_BYTES_MAX: usize = 256 * 1024;

/// Runs until the crew stops.
pub(super) fn run(crew: &Crew, letters: &Receiver<Letter>, budget: &Budget, platform: Platform) {
    let mut hashing = Hashing::new(*budget, platform);
    while !crew.is_stopping() {
        let mut worked = admit(&mut hashing, letters);
        worked |= hashing.turn();
        if !worked {
            hashing.report();
            std::thread::park();
        }
    }
    hashing.give_all_up(Interruption::Stopping);
    for letter in letters.try_iter() {
        refuse(letter.reply, letter.seat, stopping());
    }
    hashing.report();
}

/// Takes in what waits, as long as there is a slot. Returns whether anything was taken.
fn admit(hashing: &mut Hashing<Guest>, letters: &Receiver<Letter>) -> bool {
    let mut any = false;
    while hashing.vacancies() > 0 {
        let Ok(Letter { message, reply, seat }) = letters.try_recv() else { break };
        any = true;
        let Message { algorithms, input, bytes_max, course, reading } = message;
        let opened = catch_unwind(AssertUnwindSafe(|| open(input, bytes_max, course, algorithms, &reading)));
        match opened.unwrap_or_else(|_| Err(panicked().into())) {
            Ok(Open { source, algorithms, checkpoints, state }) => {
                hashing.admit(Guest { source, algorithms, checkpoints, state, reading, reply, seat });
            }
            Err(unread) => refuse(reply, seat, unread),
        }
    }
    any
}

/// A message that came by letter.
struct Guest {
    source: Source,
    algorithms: Vec<Algorithm>,
    checkpoints: Option<Checkpoints>,
    state: Option<State>,
    reading: Arc<Reading>,
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

impl Occupant for Guest {
    const METERED: bool = true;
    type Error = JobError;

    fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    fn read(&mut self, lanes: &mut Lanes, slot: Slot) -> Result<Turn, JobError> {
        let turn = self.source.read(lanes, slot, &self.reading)?;
        self.reading.meter().advance(turn.bytes);
        if !turn.ended && turn.bytes > 0 {
            hashlane_job::failpoint::reach("object");
        }
        if let Some(checkpoints) = &mut self.checkpoints
            && !turn.ended
        {
            let leaving = self.reading.is_leaving();
            if checkpoints.advance(turn.bytes) || (leaving && checkpoints.is_last_due()) {
                let state = lanes.export(slot);
                state.iter().for_each(|state| self.reading.offer(checkpoints.seal(state)));
            }
            if leaving {
                return Err(stopping());
            }
        }
        Ok(turn)
    }

    fn state(&mut self) -> Option<State> {
        self.state.take()
    }

    fn awaited(&self) -> bool {
        self.seat.awaited
    }

    fn given_up(&self) -> bool {
        self.reply.is_closed()
    }

    fn finish(self, finished: &Finished) {
        let file = match self.source {
            Source::File(file) => Some(file),
            _ => None,
        };
        let read = Read { digests: finished.digests.to_vec(), message_bytes: finished.message_bytes, file };
        drop(self.seat);
        // Nobody waits for it when the ticket was dropped just now.
        let _ = self.reply.send(Ok(read));
    }

    fn fail(self, error: JobError) {
        refuse(self.reply, self.seat, error);
    }

    fn leave(self) {
        // No source of the pool asks for it.
        self.fail(panicked());
    }
}

impl From<Interruption> for JobError {
    fn from(why: Interruption) -> JobError {
        match why {
            Interruption::Panicked => panicked(),
            Interruption::Stopping => stopping(),
        }
    }
}

impl Source {
    /// Reads the next bytes into the slot.
    fn read(&mut self, lanes: &mut Lanes, slot: Slot, reading: &Reading) -> Result<Turn, JobError> {
        match self {
            Source::File(file) => {
                let bytes = file.read(lanes.space(slot))?;
                lanes.feed(slot, bytes);
                let ended = file.is_read();
                if ended {
                    reading.close();
                    file.verify()?;
                }
                Ok(Turn { bytes, ended, leaves: false })
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

/// A message that can be read.
struct Open {
    source: Source,
    /// Those of the message, and those that the state has beyond.
    algorithms: Vec<Algorithm>,
    checkpoints: Option<Checkpoints>,
    /// Of what need not be read.
    state: Option<State>,
}

/// Opens what a message is to be read from, and learns its length where the thread is the first to know it.
fn open(
    input: Input,
    bytes_max: Option<u64>,
    course: Course,
    algorithms: Vec<Algorithm>,
    reading: &Reading,
) -> Result<Open, Unread> {
    match input {
        Input::File { folder, key } => {
            hashlane_job::failpoint::open(&key);
            let mut file = match OpenFile::open(&folder, &key)? {
                Opened::TooFresh => return Err(Unread::TooFresh),
                Opened::File(file) => file,
            };
            let size_bytes = file.identity().size_bytes;
            check_size(size_bytes, bytes_max)?;
            let (checkpoints, state) = match course {
                // A small file is read anew sooner than its checkpoint is stored.
                Course::File { object, checkpoints: earlier, every_bytes }
                    if size_bytes > first_bytes(every_bytes, reading.is_early()) =>
                {
                    let checkpoints = Checkpoints::new(object, file.version(), every_bytes);
                    let checkpoints = if reading.is_early() { checkpoints.early() } else { checkpoints };
                    let state = checkpoints.open_best(&earlier, &algorithms);
                    (Some(checkpoints), state.filter(|state| state.message_bytes() <= size_bytes))
                }
                _ => (None, None),
            };
            let begin = state.as_ref().map_or(0, State::message_bytes);
            if begin > 0 {
                file.skip(begin)?;
                tracing::info!(key, begin, size_bytes, "hashing goes on in the middle of the object");
            }
            reading.meter().begin(begin, size_bytes);
            file.announce();
            let algorithms = state.as_ref().map_or(algorithms, |state| state.algorithms().collect());
            Ok(Open { source: Source::File(file), algorithms, checkpoints, state })
        }
        Input::Pieces(channel) => {
            let (checkpoints, state) = match course {
                Course::Object { checkpoints, state } => (Some(checkpoints), state),
                _ => (None, None),
            };
            let algorithms = state.as_ref().map_or(algorithms, |state| state.algorithms().collect());
            Ok(Open { source: Source::Pieces { channel, current: Bytes::new() }, algorithms, checkpoints, state })
        }
        #[cfg(test)]
        Input::Panic => Ok(Open { source: Source::Panic, algorithms, checkpoints: None, state: None }),
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
