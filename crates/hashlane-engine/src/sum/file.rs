//! A file on its way through the lanes of one thread.
//!
//! It promises that digests are those of one version of the file: the bytes read are as many as the file has after the
//! last of them, and nothing was written since the opening (`stamp.rs` tells how one look proves that). What cannot be
//! proven is read again; what keeps changing has an error and no digest. It never waits for a pipe and reads no device.

use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hashlane_lanes::{Algorithm, Digest, Finished, Lanes, Slot};
use rustix::fs::{Advice, fadvise};

use super::SumError;
use super::dealer::{Dealer, Entry};
use super::stamp::{Devices, Look, Moment};
use crate::pool::hashing::{Occupant, Turn};

/// From this size on files are dealt out one by one. Smaller ones even out by their number.
const BIG_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// From this size on a file may have the algorithms asked of it spread over threads.
pub(crate) const SPREAD_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// Files from this size on are announced to the kernel, which then reads ahead; see `local/file.rs`.
const ANNOUNCED_BYTES_MIN: u64 = 128 * 1024;
/// How much is asked for in advance.
const READAHEAD_BYTES: u64 = 1024 * 1024;

/// The pause before a file is opened again that may have changed: longer than any tick of a kernel's clock.
const CHANGED_PAUSE: Duration = Duration::from_millis(12);
/// A file is given up when it was read so often...
const TRIES_MIN: u32 = 3;
/// ...for so long, which is more than the second that a file system may take for a tick.
const TRYING_TIME: Duration = Duration::from_millis(1500);

/// What the files of one thread share.
pub(crate) struct Bench {
    pub(crate) dealer: Arc<Dealer>,
    pub(crate) thread: usize,
    pub(crate) devices: RefCell<Devices>,
}

/// A file that is being read.
pub(crate) struct SumFile {
    bench: Rc<Bench>,
    entry: Entry,
    file: File,
    /// Before it was opened.
    opened: Moment,
    /// What it was before the first byte, where one look is not enough.
    first: Option<Look>,
    /// Its length, once known.
    size_bytes: Option<u64>,
    read_bytes: u64,
    leaves_for: LeavesFor,
}

/// Where a file goes when it leaves the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeavesFor {
    /// It is for another thread.
    Another,
    /// It may have changed.
    Later,
    /// It must be looked at first.
    Now,
}

/// What is to be done with a file after a look at it.
enum Next {
    Read,
    End,
    Leave(LeavesFor),
}

impl SumFile {
    /// Opens a file. None when it went elsewhere, or has its end.
    pub(crate) fn open(bench: &Rc<Bench>, entry: Entry) -> Option<SumFile> {
        let opened = Moment::now();
        let file = match entry.folder.open_file(entry.batch.name(entry.index)) {
            Ok(file) => file,
            Err(errno) => {
                let special = matches!(errno, rustix::io::Errno::NXIO | rustix::io::Errno::NODEV);
                end(bench, &entry, Err(if special { SumError::special() } else { errno.into() }));
                return None;
            }
        };
        let looks_first = entry.tries > 0 || entry.folder.looks_first();
        let mut file = SumFile {
            bench: bench.clone(),
            entry,
            file,
            opened,
            first: None,
            size_bytes: None,
            read_bytes: 0,
            leaves_for: LeavesFor::Later,
        };
        if looks_first {
            match Look::at(&file.file) {
                Ok(look) if look.is_regular && look.is_fresh(opened) => {
                    file.leave();
                    return None;
                }
                Ok(look) => file.first = Some(look),
                Err(error) => {
                    file.fail(error.into());
                    return None;
                }
            }
        }
        Some(file)
    }

    /// Looks at the file: after its first bytes to learn its length, and after its last.
    fn look(&mut self) -> Result<Next, SumError> {
        let look = Look::at(&self.file)?;
        if !look.is_regular {
            return Err(if look.is_folder { SumError::folder() } else { SumError::special() });
        }
        let size_bytes = look.identity.size_bytes;
        if size_bytes < self.read_bytes || self.size_bytes.is_some_and(|before| before != size_bytes) {
            return Ok(Next::Leave(LeavesFor::Later));
        }
        match self.first {
            Some(first) if first != look => return Ok(Next::Leave(LeavesFor::Later)),
            Some(_) => {}
            None => {
                let stamps_here = self.bench.devices.borrow_mut().stamp_here(&self.file, look.identity.device);
                if !stamps_here {
                    self.entry.folder.look_first();
                    return Ok(Next::Leave(LeavesFor::Now));
                }
                if !look.is_older_than(self.opened) {
                    return Ok(Next::Leave(LeavesFor::Later));
                }
            }
        }
        if size_bytes == self.read_bytes {
            return Ok(Next::End);
        }
        if self.size_bytes.is_none() {
            self.size_bytes = Some(size_bytes);
            if size_bytes >= ANNOUNCED_BYTES_MIN {
                // Advice only: that it is not taken is no error.
                let _ = fadvise(&self.file, 0, None, Advice::Sequential);
                let _ = fadvise(&self.file, self.read_bytes, NonZeroU64::new(READAHEAD_BYTES), Advice::WillNeed);
            }
            if size_bytes >= BIG_BYTES_MIN && !self.entry.big {
                // With several algorithms its new thread decides whether they are spread.
                let spreads = size_bytes >= SPREAD_BYTES_MIN && self.entry.batch.algorithms().len() > 1;
                self.entry.big = !spreads && self.bench.dealer.keep_big(self.bench.thread);
                if !self.entry.big {
                    return Ok(Next::Leave(LeavesFor::Another));
                }
            }
        }
        Ok(Next::Read)
    }

    /// Reads the next bytes into `space`. The end of a file that is shorter than it was comes as no bytes at all.
    fn fill(&mut self, space: &mut [u8]) -> Result<usize, SumError> {
        let read = loop {
            match (&self.file).read(space) {
                Ok(read) => break read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::IsADirectory => return Err(SumError::folder()),
                // What can be waited for is a pipe or a device.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(SumError::special()),
                Err(error) => return Err(error.into()),
            }
        };
        self.read_bytes += read as u64;
        self.bench.dealer.progress.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }

    /// Whether so many bytes and no more were to be read before the next look.
    fn is_to_be_looked_at(&self, read: usize) -> bool {
        read == 0 || self.size_bytes.is_none_or(|size_bytes| self.read_bytes >= size_bytes)
    }

    /// Reads all of it into `take`, outside of any lanes. `Ok(None)` when it changed.
    pub(crate) fn read_all(&mut self, space: &mut [u8], mut take: impl FnMut(&[u8])) -> Result<Option<u64>, SumError> {
        loop {
            let read = self.fill(space)?;
            take(&space[..read]);
            if self.is_to_be_looked_at(read) {
                match self.look()? {
                    Next::End => return Ok(Some(self.read_bytes)),
                    Next::Read if read > 0 => {}
                    Next::Read => return Ok(None),
                    Next::Leave(leaves_for) => {
                        self.leaves_for = leaves_for;
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Its digests, from elsewhere than the lanes.
    pub(crate) fn finish_with(self, message_bytes: u64, digests: &[Digest]) {
        end(&self.bench, &self.entry, Ok((message_bytes, digests)));
    }
}

impl Occupant for SumFile {
    const METERED: bool = false;
    type Error = SumError;

    fn algorithms(&self) -> &[Algorithm] {
        self.entry.batch.algorithms()
    }

    fn read(&mut self, lanes: &mut Lanes, slot: Slot) -> Result<Turn, SumError> {
        let bytes = self.fill(lanes.space(slot))?;
        lanes.feed(slot, bytes);
        let mut turn = Turn { bytes, ..Turn::default() };
        if self.is_to_be_looked_at(bytes) {
            match self.look()? {
                Next::End => turn.ended = true,
                Next::Read if bytes > 0 => {}
                // It said that there is more, and there is not.
                Next::Read => turn.leaves = true,
                Next::Leave(leaves_for) => {
                    self.leaves_for = leaves_for;
                    turn.leaves = true;
                }
            }
        }
        Ok(turn)
    }

    fn finish(self, finished: &Finished) {
        end(&self.bench, &self.entry, Ok((finished.message_bytes, &finished.digests)));
    }

    fn fail(self, error: SumError) {
        end(&self.bench, &self.entry, Err(error));
    }

    fn leave(mut self) {
        let dealer = &self.bench.dealer;
        // What was read of it is read again.
        dealer.progress.bytes.fetch_sub(self.read_bytes, Ordering::Relaxed);
        if self.leaves_for == LeavesFor::Another {
            // It counts for the thread that takes it.
            self.entry.big = true;
            dealer.leave_big(self.entry);
            return;
        }
        let since = *self.entry.since.get_or_insert_with(Instant::now);
        if self.entry.tries >= TRIES_MIN && since.elapsed() >= TRYING_TIME {
            end(&self.bench, &self.entry, Err(SumError::changing()));
            return;
        }
        self.entry.tries += 1;
        if std::mem::take(&mut self.entry.big) {
            dealer.drop_big(self.bench.thread);
        }
        let pause = if self.leaves_for == LeavesFor::Now { Duration::ZERO } else { CHANGED_PAUSE };
        dealer.leave_for_later(self.entry, pause);
    }
}

/// Notes what became of a file.
fn end(bench: &Bench, entry: &Entry, end: Result<(u64, &[Digest]), SumError>) {
    if entry.big {
        bench.dealer.drop_big(bench.thread);
    }
    bench.dealer.progress.files.fetch_add(1, Ordering::Relaxed);
    match end {
        Ok((message_bytes, digests)) => entry.batch.finish(entry.index, message_bytes, digests),
        Err(error) => entry.batch.fail(entry.index, error),
    }
}
