//! A part of a multipart upload on its way into a local folder: in its place, or in a file of its own.
//!
//! It promises that a part is there only when it was told of with its whole content on the disk, and that dropping it before
//! leaves its place free. Whoever writes or keeps it holds the gate of its upload shared.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use hashlane_job::{Clock, SystemClock, Timestamp};
use hashlane_lanes::Digest;
use rustix::fs::AtFlags;
use rustix::io::Errno;
use tokio::sync::RwLock;

use super::assembly::{Assembly, Pending};
use super::journal::{Place, Record};
use super::sink::{Temporary, errno};
use super::{Folder, failure};
use crate::storage::{StorageError, StorageFault};

/// A part on its way.
#[derive(Debug)]
pub(crate) struct PartFile {
    assembly: Arc<Assembly>,
    number: u32,
    spot: Option<Spot>,
}

#[derive(Debug)]
enum Spot {
    /// In its place in the file of the upload.
    Whole { file: Arc<File>, at: u64, written: u64, bytes_max: u64, epoch: u64 },
    /// In a file of its own.
    Own(Temporary),
}

impl PartFile {
    /// Begins a part; `announced` is its length, as far as it is known.
    pub(crate) fn begin(
        folder: &Arc<Folder>,
        assembly: Arc<Assembly>,
        number: u32,
        announced: Option<u64>,
    ) -> Result<PartFile, StorageError> {
        let whole = assembly.with(|pending| {
            let Some(bytes_max) = announced else { return Ok(None) };
            let Some(at) = pending.place(number, bytes_max)? else { return Ok(None) };
            pending.busy.insert(number);
            let (file, epoch) = (pending.whole.clone(), pending.epoch);
            Ok(Some(Spot::Whole { file, at, written: 0, bytes_max, epoch }))
        })?;
        let spot = match whole {
            Some(whole) => whole,
            None => Spot::Own(folder.temporary()?),
        };
        Ok(PartFile { assembly, number, spot: Some(spot) })
    }

    /// What is to be held shared while the part is written or kept.
    pub(crate) fn gate(&self) -> &Arc<RwLock<()>> {
        &self.assembly.gate
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        match &mut self.spot {
            None => Err(StorageError::panicked()),
            Some(Spot::Own(temporary)) => temporary.write(bytes),
            Some(Spot::Whole { file, at, written, bytes_max, epoch }) => {
                let now = self.assembly.with(|pending| Ok(pending.epoch))?;
                if now != *epoch || *written + bytes.len() as u64 > *bytes_max {
                    return Err(lost());
                }
                file.write_all_at(bytes, *at + *written).map_err(|error| failure::at_write(errno(&error)))?;
                *written += bytes.len() as u64;
                Ok(())
            }
        }
    }

    /// Makes it a part of the upload, durably; one of its number is replaced. Says when that was.
    pub(crate) fn keep(mut self, size_bytes: u64, md5: Digest, crc64: u64) -> Result<Timestamp, StorageError> {
        let (number, modified) = (self.number, SystemClock.now());
        let record = |place| Record { place, size_bytes, md5, crc64, modified };
        let keep = |pending: &mut Pending, record: Record| {
            pending.journal.part(number, &record).map_err(failure::at_write)?;
            if let Some(Record { place: Place::Own(own), .. }) = pending.told.parts.insert(number, record) {
                // One that stays goes with the upload.
                let _ = rustix::fs::unlinkat(&pending.dir, &*Pending::own_name(number, own), AtFlags::empty());
            }
            Ok(modified)
        };
        match self.spot.take() {
            None => Err(StorageError::panicked()),
            Some(Spot::Whole { file, at, epoch, .. }) => {
                let synced = rustix::fs::fdatasync(&file).map_err(failure::at_write);
                self.assembly.with(|pending| {
                    pending.busy.remove(&number);
                    synced?;
                    if pending.epoch == epoch { keep(pending, record(Place::Whole(at))) } else { Err(lost()) }
                })
            }
            Some(Spot::Own(temporary)) => {
                temporary.sync().map_err(failure::at_write)?;
                self.assembly.with(|pending| {
                    let own = pending.next_own;
                    pending.next_own += 1;
                    let kept = temporary.keep(&pending.dir, &Pending::own_name(number, own));
                    kept.map_err(|errno| match errno {
                        Errno::NOENT => crate::storage::no_such_upload(),
                        errno => failure::at_write(errno),
                    })?;
                    keep(pending, record(Place::Own(own)))
                })
            }
        }
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if matches!(self.spot, Some(Spot::Whole { .. })) {
            // An upload that is over has no places any more.
            let _ = self.assembly.with(|pending| {
                pending.busy.remove(&self.number);
                Ok(())
            });
        }
    }
}

/// Its place was given to another by a completion that failed.
fn lost() -> StorageError {
    StorageError::new(StorageFault::Changed, "the part lost its place to a completion of the upload; send it again")
}
