//! A multipart upload to a local folder: a folder of its own among the uploads, in which the object grows where it will lie.
//!
//! Parts of one length are written to their places in one sparse file, `whole`, so that completing the upload cuts that file to
//! its length, gives it its attributes and renames it. Parts that do not fit there, and parts that come again, have files of
//! their own; completing copies those. The `journal` tells which parts there are. It promises:
//!
//! - one winner: whoever completes or aborts has the upload alone, and a part is written for a batch at a time beside
//!   other parts only. What a completion changes in `whole` is nobody else's any more: parts under way there fail.
//! - one publication: `upload`, without which there is no upload, becomes `ending-<file>` before that file gets its key. A
//!   start after a crash finds either the file, and the upload goes on, or not, and it is over.
//!
//! What is left out on purpose: other processes that write to the same uploads, and expiry.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crc_fast::CrcAlgorithm;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;
use tokio::sync::RwLock;

use super::attributes::{self, Kept};
use super::copy::{self, Wanted};
use super::journal::{Journal, Place, Record, Told};
use super::{Folder, failure};
use crate::identity::Identity;
use crate::storage::{Attributes, PartChoice, StorageError, Stored, Terms, UPLOADS, invalid_part, no_such_upload};

/// The upload itself: key and attributes of the object to be.
const UPLOAD: &str = "upload";
const JOURNAL: &str = "journal";
/// The file in which parts lie in their places.
const WHOLE: &str = "whole";
/// A file into which all parts were copied.
const COPIED: &str = "copied";
/// Before the name of the file that is being published.
const ENDING: &str = "ending-";

/// Keys are shorter: a longer content is not ours.
const KEY_BYTES_MAX: u64 = 4096;

/// No place lies beyond: file systems allow files of 16 TiB, and a sparse one of more is a mistake.
const WHOLE_BYTES_MAX: u64 = 8 << 40;

/// A multipart upload that somebody works on.
#[derive(Debug)]
pub(crate) struct Assembly {
    id: String,
    /// Held shared while a part is written or told of, alone by whoever ends the upload.
    pub(crate) gate: Arc<RwLock<()>>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Nobody looked yet.
    New,
    Open(Box<Pending>),
    Over,
}

/// An upload on its way.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(super) dir: File,
    pub(super) whole: Arc<File>,
    pub(super) journal: Journal,
    key: String,
    attributes: Attributes,
    pub(super) told: Told,
    /// Lengths that parts were announced with, while nothing is known of places.
    announced: BTreeSet<u64>,
    /// Parts that are being written to their places.
    pub(super) busy: BTreeSet<u32>,
    /// The number of the next part's own file.
    pub(super) next_own: u64,
    /// How often the file of places was changed by a completion.
    pub(super) epoch: u64,
}

/// How the chosen parts become one file.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The parts and where they go.
    parts: Vec<(u32, Record, u64)>,
    size_bytes: u64,
    /// Whether those that lie in the file of places lie there as they must.
    in_place: bool,
}

impl Plan {
    /// Whether bytes must be copied.
    pub(crate) fn copies(&self) -> bool {
        !self.in_place || self.parts.iter().any(|(_, record, _)| matches!(record.place, Place::Own(_)))
    }
}

impl Folder {
    /// The upload of that id, which must be one to this key.
    pub(crate) fn assembly(&self, id: &str, key: &str) -> Result<Arc<Assembly>, StorageError> {
        let assembly = self.assemblies().of(id, || Assembly {
            id: id.to_owned(),
            gate: Arc::default(),
            state: Mutex::new(State::New),
        });
        let is_of_key = {
            let mut state = assembly.lock();
            if matches!(*state, State::New) {
                match self.load(id) {
                    Ok(pending) => *state = State::Open(Box::new(pending)),
                    Err(error) => {
                        drop(state);
                        drop(assembly);
                        self.assemblies().forget(id);
                        return Err(error);
                    }
                }
            }
            matches!(&*state, State::Open(pending) if pending.key == key)
        };
        if is_of_key { Ok(assembly) } else { Err(no_such_upload()) }
    }

    fn load(&self, id: &str) -> Result<Pending, StorageError> {
        let at_open = |errno| match errno {
            Errno::NOENT | Errno::NOTDIR => no_such_upload(),
            errno => failure::at_write(errno),
        };
        let dir = self.beneath(&format!("{UPLOADS}/{id}"), OFlags::RDONLY | OFlags::DIRECTORY).map_err(at_open)?;
        let upload = open_in(&dir, UPLOAD, OFlags::RDONLY).map_err(at_open)?;
        let mut key = String::new();
        let read = (&upload).take(KEY_BYTES_MAX).read_to_string(&mut key);
        read.map_err(|error| failure::at_read(&error))?;
        let attributes = attributes::given_with_all_digests(&upload);
        let open = |name| open_in(&dir, name, OFlags::RDWR | OFlags::CREATE).map_err(failure::at_write);
        let (whole, journal) = (open(WHOLE)?, open(JOURNAL)?);
        rustix::fs::fsync(&dir).map_err(failure::at_write)?;
        let (journal, mut told) = Journal::open(journal).map_err(failure::at_write)?;
        // A completion that was cut short may have cut off what nobody chose.
        let whole_bytes = whole.metadata().map_err(|error| failure::at_read(&error))?.len();
        told.parts
            .retain(|_, record| !matches!(record.place, Place::Whole(at) if at + record.size_bytes > whole_bytes));
        let announced = told.parts.values().map(|record| record.size_bytes).collect();
        let own = told.parts.values().map(|record| if let Place::Own(own) = record.place { own + 1 } else { 0 });
        let next_own = own.max().unwrap_or(0);
        let (busy, whole) = (BTreeSet::new(), Arc::new(whole));
        Ok(Pending { dir, whole, journal, key, attributes, told, announced, busy, next_own, epoch: 0 })
    }
}

impl Assembly {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the upload, as long as it is on its way.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Pending) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        match &mut *self.lock() {
            State::Open(pending) => work(pending),
            State::New | State::Over => Err(no_such_upload()),
        }
    }

    /// The parts after a number, at most so many, and whether there are more.
    pub(crate) fn parts(&self, after: u32, entries_max: usize) -> Result<(Vec<(u32, Stored)>, bool), StorageError> {
        self.with(|pending| {
            let mut further = pending.told.parts.range(after.saturating_add(1)..);
            let page = further.by_ref().take(entries_max).map(|(number, record)| (*number, record.stored())).collect();
            Ok((page, further.next().is_some()))
        })
    }

    /// How the chosen parts become one file; nothing is changed.
    pub(crate) fn plan(&self, chosen: &[PartChoice]) -> Result<Plan, StorageError> {
        self.with(|pending| {
            let mut plan = Plan { parts: Vec::with_capacity(chosen.len()), size_bytes: 0, in_place: true };
            for part in chosen {
                let record = pending.told.parts.get(&part.number).ok_or_else(|| invalid_part(part))?;
                if !part.etag.trim_matches('"').eq_ignore_ascii_case(&record.md5.to_string()) {
                    return Err(invalid_part(part));
                }
                let at = plan.size_bytes;
                plan.in_place &= !matches!(record.place, Place::Whole(place) if place != at);
                plan.parts.push((part.number, *record, at));
                plan.size_bytes += record.size_bytes;
            }
            Ok(plan)
        })
    }

    /// Makes the object and ends the upload; the caller has the gate alone. When it fails the upload goes on.
    pub(crate) fn complete(
        &self,
        folder: &Folder,
        plan: &Plan,
        path: &str,
        etag: &str,
        terms: &Terms,
    ) -> Result<Stored, StorageError> {
        folder.check_target(path)?;
        folder.check_terms(path, terms)?;
        let (stored, dir) = self.with(|pending| {
            let name = if plan.in_place { WHOLE } else { COPIED };
            let made = pending.put_together(&self.id, plan).and_then(|file| pending.finish(&file, plan, etag));
            let stored = made.inspect_err(|_| {
                // A full disk needs the space.
                let _ = rustix::fs::unlinkat(&pending.dir, COPIED, AtFlags::empty());
            })?;
            let ending = format!("{ENDING}{name}");
            let ended = rustix::fs::renameat(&pending.dir, UPLOAD, &pending.dir, &*ending);
            ended.and_then(|()| rustix::fs::fsync(&pending.dir)).map_err(failure::at_write)?;
            let published = folder.publish((&pending.dir, name), path, terms);
            if let Err(error) = published {
                // Gone without an answer that it is durable: it must not be published again.
                let left = rustix::fs::statat(&pending.dir, name, AtFlags::SYMLINK_NOFOLLOW);
                if left.err() != Some(Errno::NOENT) {
                    let back = rustix::fs::renameat(&pending.dir, &*ending, &pending.dir, UPLOAD);
                    back.and_then(|()| rustix::fs::fsync(&pending.dir)).map_err(failure::at_write)?;
                }
                return Err(error);
            }
            Ok((stored, pending.dir.try_clone()))
        })?;
        *self.lock() = State::Over;
        if let Ok(dir) = dir {
            folder.remove_upload(&self.id, &dir);
        }
        Ok(stored)
    }

    /// Ends the upload without an object; the caller has the gate alone.
    pub(crate) fn abort(&self, folder: &Folder) -> Result<(), StorageError> {
        let dir = self.with(|pending| {
            let removed = rustix::fs::unlinkat(&pending.dir, UPLOAD, AtFlags::empty());
            removed.and_then(|()| rustix::fs::fsync(&pending.dir)).map_err(failure::at_write)?;
            Ok(pending.dir.try_clone())
        })?;
        *self.lock() = State::Over;
        if let Ok(dir) = dir {
            folder.remove_upload(&self.id, &dir);
        }
        Ok(())
    }
}

impl Pending {
    /// The place of a part of that length, when it fits into one that nobody has.
    pub(super) fn place(&mut self, number: u32, bytes: u64) -> Result<Option<u64>, StorageError> {
        if bytes == 0 || self.busy.contains(&number) {
            return Ok(None);
        }
        // The first part has the length of all but the last; so have two of one length.
        if self.told.stride.is_none() && (number == 1 || !self.announced.insert(bytes)) {
            self.journal.stride(bytes).map_err(failure::at_write)?;
            self.told.stride = Some(bytes);
        }
        let taken = self.told.parts.get(&number).is_some_and(|record| matches!(record.place, Place::Whole(_)));
        let stride = self.told.stride.filter(|stride| bytes <= *stride && !taken);
        let place = stride.and_then(|stride| stride.checked_mul(u64::from(number) - 1));
        Ok(place.filter(|place| place.checked_add(bytes).is_some_and(|end| end <= WHOLE_BYTES_MAX)))
    }

    /// The file of a part that has one of its own.
    pub(super) fn own_name(number: u32, own: u64) -> String {
        format!("part-{number:05}-{own}")
    }

    /// One file with the chosen parts at its beginning.
    fn put_together(&mut self, id: &str, plan: &Plan) -> Result<Arc<File>, StorageError> {
        let file = match plan.in_place {
            true => self.whole.clone(),
            false => {
                let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC;
                Arc::new(open_in(&self.dir, COPIED, flags).map_err(failure::at_write)?)
            }
        };
        if plan.in_place {
            self.give_up_places(plan)?;
        } else {
            tracing::debug!(upload = id, bytes = plan.size_bytes, "the parts of an upload do not lie in their places");
        }
        // Nobody stops a completion: it goes on when its client leaves, and whoever asks again waits for it.
        let wanted = Wanted::default();
        for (number, record, at) in &plan.parts {
            let own = match record.place {
                Place::Whole(_) if plan.in_place => continue,
                Place::Whole(_) => None,
                Place::Own(own) => {
                    let opened = open_in(&self.dir, &Pending::own_name(*number, own), OFlags::RDONLY);
                    Some(opened.map_err(failure::at_write)?)
                }
            };
            let from = match (&own, record.place) {
                (None, Place::Whole(place)) => (&*self.whole, place),
                (Some(own), _) => (own, 0),
                (None, Place::Own(_)) => continue,
            };
            copy::range(from, (&file, *at), record.size_bytes, &wanted).map_err(failure::at_write)?;
        }
        rustix::fs::ftruncate(&file, plan.size_bytes).map_err(failure::at_write)?;
        Ok(file)
    }

    /// Before the file of places is changed: what nobody chose and does not stay whole is gone, and parts that are being
    /// written there fail.
    fn give_up_places(&mut self, plan: &Plan) -> Result<(), StorageError> {
        let is_chosen = |number: &u32| plan.parts.binary_search_by_key(number, |(number, ..)| *number).is_ok();
        let copied: Vec<(u64, u64)> = plan
            .parts
            .iter()
            .filter(|(_, record, _)| matches!(record.place, Place::Own(_)))
            .map(|(_, record, at)| (*at, at + record.size_bytes))
            .collect();
        let spoils = |number: &u32, record: &Record| match record.place {
            Place::Whole(at) if !is_chosen(number) => {
                let end = at + record.size_bytes;
                end > plan.size_bytes || copied.iter().any(|(from, to)| *from < end && at < *to)
            }
            _ => false,
        };
        let gone: Vec<u32> = self
            .told
            .parts
            .iter()
            .filter(|(number, record)| spoils(number, record))
            .map(|(number, _)| *number)
            .collect();
        self.journal.gone(&gone).map_err(failure::at_write)?;
        for number in &gone {
            self.told.parts.remove(number);
        }
        self.epoch += 1;
        Ok(())
    }

    /// Gives the file its attributes, and sees to it that all of it is on the disk.
    fn finish(&self, file: &File, plan: &Plan, etag: &str) -> Result<Stored, StorageError> {
        let crc64 = plan.parts.iter().fold(0, |crc64, (_, record, _)| {
            crc_fast::checksum_combine(CrcAlgorithm::Crc64Xz, crc64, record.crc64, record.size_bytes)
        });
        let now = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        };
        rustix::fs::futimens(file, &now).map_err(failure::at_write)?;
        let identity = Identity::of(&file.metadata().map_err(|error| failure::at_read(&error))?);
        let kept = Kept { etag: Some(etag), crc64: Some(crc64), attributes: &self.attributes };
        attributes::write(file, &identity, &kept, !self.attributes.metadata.is_empty())?;
        rustix::fs::fsync(file).map_err(failure::at_write)?;
        Ok(Stored { size_bytes: plan.size_bytes, etag: etag.to_owned(), crc64, modified: identity.modified() })
    }
}

impl Record {
    /// What is told of a part.
    fn stored(&self) -> Stored {
        let etag = crate::etag::of_content(&self.md5);
        Stored { size_bytes: self.size_bytes, etag, crc64: self.crc64, modified: self.modified }
    }
}

impl Folder {
    /// Removes what is left of an upload that is over. What cannot be removed goes at a later start.
    fn remove_upload(&self, id: &str, dir: &File) {
        if let Ok(uploads) = self.beneath(UPLOADS, OFlags::RDONLY | OFlags::DIRECTORY) {
            remove(&uploads, id, dir);
        }
    }
}

/// At a start: an upload whose completion was cut short goes on or is over, and old remains go.
pub(super) fn recover(uploads: &File, id: &str, is_old: bool) {
    let Ok(dir) = open_in(uploads, id, OFlags::RDONLY | OFlags::DIRECTORY) else { return };
    let is_there = |name: &str| rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    if is_there(UPLOAD) {
        return;
    }
    for name in [WHOLE, COPIED] {
        let ending = format!("{ENDING}{name}");
        if is_there(&ending) {
            if is_there(name) {
                let back = rustix::fs::renameat(&dir, &*ending, &dir, UPLOAD);
                if let Err(errno) = back.and_then(|()| rustix::fs::fsync(&dir)) {
                    tracing::warn!(upload = id, %errno, "an upload could not be recovered");
                }
            } else {
                remove(uploads, id, &dir);
            }
            return;
        }
    }
    if is_old {
        remove(uploads, id, &dir);
    }
}

/// Removes the folder of an upload. The mark that it ended goes last, so that a crash in between leaves an upload that is over.
fn remove(uploads: &File, id: &str, dir: &File) {
    let Ok(entries) = Dir::read_from(dir) else { return };
    let mut marks = vec![];
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_bytes().starts_with(ENDING.as_bytes()) {
            marks.push(name.to_owned());
        } else if !matches!(name.to_bytes(), b"." | b"..") {
            let _ = rustix::fs::unlinkat(dir, name, AtFlags::empty());
        }
    }
    for mark in marks {
        let _ = rustix::fs::unlinkat(dir, &*mark, AtFlags::empty());
    }
    if let Err(errno) = rustix::fs::unlinkat(uploads, id, AtFlags::REMOVEDIR) {
        tracing::warn!(upload = id, %errno, "the remains of an upload could not be removed");
    }
}

fn open_in(dir: &File, name: &str, flags: OFlags) -> Result<File, Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(0o666)).map(File::from)
}
