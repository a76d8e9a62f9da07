//! What goes into a hashing thread: messages, and for remote objects their bytes.

use std::sync::Arc;
use std::thread::Thread;

use bytes::Bytes;
use hashlane_job::{Checkpoint, ObjectRef};
use hashlane_lanes::{Algorithm, State};
use opendal::Buffer;
use tokio::sync::{mpsc, oneshot};

use super::{Read, Seat, Unread};
use crate::checkpoint::Checkpoints;
use crate::local::Folder;
use crate::reading::Reading;

/// A message to hash.
#[derive(Debug)]
pub(crate) struct Message {
    /// At least one, none twice.
    pub(crate) algorithms: Vec<Algorithm>,
    /// Where its bytes come from.
    pub(crate) input: Input,
    /// An object of this length or more is refused.
    pub(crate) bytes_max: Option<u64>,
    /// How it goes on in the middle, and tells where it could.
    pub(crate) course: Course,
    /// Told of every read.
    pub(crate) reading: Arc<Reading>,
}

/// How a message relates to earlier and later attempts at it.
#[derive(Debug)]
pub(crate) enum Course {
    /// It is read from its beginning to its end.
    Whole,
    /// A file that can be taken up in the middle.
    File {
        /// The object.
        object: ObjectRef,
        /// Where earlier attempts were.
        checkpoints: Vec<Checkpoint>,
        /// How many bytes lie between checkpoints.
        every_bytes: u64,
    },
    /// An object of a store that can be taken up in the middle; its bytes come from there on.
    Object {
        /// What makes its checkpoints.
        checkpoints: Checkpoints,
        /// The state of what is before.
        state: Option<State>,
    },
}

/// A message on its way to its thread.
#[derive(Debug)]
pub(super) struct Letter {
    /// The message.
    pub(super) message: Message,
    /// Told of the end.
    pub(super) reply: oneshot::Sender<Result<Read, Unread>>,
    /// Its right to a slot, given back when the slot is free.
    pub(super) seat: Seat,
}

/// Where the bytes of a message come from.
#[derive(Debug)]
pub(crate) enum Input {
    /// A local file, opened and read by the hashing thread.
    File {
        /// The bucket's folder.
        folder: Arc<Folder>,
        /// The object's key.
        key: String,
    },
    /// A channel, fed by a [`Feeder`].
    Pieces(mpsc::Receiver<Piece>),
    /// Panics when it is read: what the boundary around each message is for.
    #[cfg(test)]
    Panic,
}

/// A part of a message.
#[derive(Debug)]
pub(crate) enum Piece {
    /// The next bytes.
    Bytes(Bytes),
    /// There are no more. A channel that is closed without it leaves the message unfinished: it has no digest.
    End,
}

/// Feeds a message through its channel, which holds one piece. Dropping it before [`Feeder::end`] gives the message up.
pub(crate) struct Feeder {
    pieces: Option<mpsc::Sender<Piece>>,
    thread: Thread,
}

impl Feeder {
    /// A feeder for a message on that thread, and what the message reads from.
    pub(crate) fn new(thread: Thread) -> (Feeder, Input) {
        let (sender, receiver) = mpsc::channel(1);
        (Feeder { pieces: Some(sender), thread }, Input::Pieces(receiver))
    }

    /// Hands the next bytes over; waits while the piece before them is still in the channel. Returns whether the message
    /// still wants bytes.
    pub(crate) async fn feed(&self, buffer: Buffer) -> bool {
        for bytes in buffer.filter(|bytes| !bytes.is_empty()) {
            if !self.send(Piece::Bytes(bytes)).await {
                return false;
            }
        }
        true
    }

    /// Says that the message has no more bytes.
    pub(crate) async fn end(self) {
        // When the message is gone its ticket says why.
        self.send(Piece::End).await;
    }

    async fn send(&self, piece: Piece) -> bool {
        let Some(pieces) = &self.pieces else { return false };
        let sent = pieces.send(piece).await.is_ok();
        self.thread.unpark();
        sent
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        // Closed first and told afterwards: see the head of pool.rs.
        self.pieces = None;
        self.thread.unpark();
    }
}
