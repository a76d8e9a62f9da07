//! The change time (ctime) of local files, and the moves of it that are our own.
//!
//! A writer can set the modified time back, but not the change time: the kernel stamps it at every write, and at every
//! change of attributes. So a change time that moved while a file was read means that the file may have changed, except
//! when we moved it ourselves by storing a digest beside the file. Those moves are remembered here, and a reader follows
//! them from the change time that it saw first.
//!
//! What is left out on purpose: other processes. A digest that another server stores beside the same file makes a reader
//! here begin again, which costs a read and never a wrong digest.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Moves that are remembered. Each takes 64 bytes; a reader whose file was moved and forgotten begins again.
const MOVES_MAX: usize = 4096;

/// A change time: seconds since the Unix epoch, rounded down, and nanoseconds within the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChangeTime {
    seconds: i64,
    nanos: i64,
}

impl ChangeTime {
    /// The change time that these facts of the file system tell.
    pub(crate) fn of(metadata: &Metadata) -> ChangeTime {
        ChangeTime { seconds: metadata.ctime(), nanos: metadata.ctime_nsec() }
    }

    /// Seconds and nanoseconds.
    pub(crate) fn parts(self) -> (i64, i64) {
        (self.seconds, self.nanos)
    }
}

/// Our own moves of the change times of one folder's files, oldest first.
#[derive(Debug, Default)]
pub(crate) struct OwnMoves(Mutex<VecDeque<Move>>);

#[derive(Debug)]
struct Move {
    device: u64,
    inode: u64,
    from: ChangeTime,
    to: ChangeTime,
}

impl OwnMoves {
    /// Writes an attribute of a file and remembers how that moved the change time. Writes come one after the other, so
    /// that their moves make a chain; an attribute is written in microseconds.
    ///
    /// A foreign write that falls between the two looks here, and that also sets the modified time back, would go unseen.
    pub(crate) fn write<E: From<std::io::Error>>(
        &self,
        file: &File,
        write: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let mut moves = self.moves();
        let before = file.metadata()?;
        let written = write();
        let after = file.metadata()?;
        if moves.len() >= MOVES_MAX {
            moves.pop_front();
        }
        moves.push_back(Move {
            device: after.dev(),
            inode: after.ino(),
            from: ChangeTime::of(&before),
            to: ChangeTime::of(&after),
        });
        written
    }

    /// Whether a file whose change time was `from` can have the one in `now` by moves of ours alone.
    pub(crate) fn lead(&self, from: ChangeTime, now: &Metadata) -> bool {
        let to = ChangeTime::of(now);
        if from == to {
            return true;
        }
        let moves = self.moves();
        let own = moves.iter().filter(|own| (own.device, own.inode) == (now.dev(), now.ino()));
        own.fold(from, |at, own| if own.from == at { own.to } else { at }) == to
    }

    fn moves(&self) -> MutexGuard<'_, VecDeque<Move>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
