//! Publication: a finished file gets its key, or loses it, with nobody in between.
//!
//! It promises that of a key's writers and deleters one is at work at a time, so that what a precondition was asked about is
//! what is replaced. Readers are never held up. What is left out on purpose: programs that change the folder beside us;
//! a rename is atomic for them as well, but a precondition cannot see them.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::{Folder, failure};
use crate::storage::{StorageError, StorageFault, Terms};

/// How often the folder of an object is made anew when deletions of its last neighbours remove it in between.
const STORE_ATTEMPTS: usize = 100;

/// So many keys can be published at the same time; each holds its lock for a rename.
const LOCKS: usize = 64;

/// The locks of the keys of a folder; keys share them.
#[derive(Debug)]
pub(super) struct KeyLocks {
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Default for KeyLocks {
    fn default() -> KeyLocks {
        KeyLocks { locks: (0..LOCKS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl KeyLocks {
    /// Keeps other writers and deleters from a key.
    pub(super) fn of(&self, path: &str) -> MutexGuard<'_, ()> {
        let number = self.hasher.hash_one(path) as usize % self.locks.len();
        self.locks[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Folder {
    /// Gives a file, by its folder and name there, the path of its key; durably. Its content must be on the disk already.
    pub(super) fn publish(&self, from: (&File, &str), path: &str, terms: &Terms) -> Result<(), StorageError> {
        let (parent_path, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut attempt = 0;
        loop {
            attempt += 1;
            let parent = match self.make_folder(parent_path) {
                Err(Errno::NOENT) if attempt < STORE_ATTEMPTS => continue,
                made => made.map_err(failure::at_write)?,
            };
            let named = {
                let _alone = self.key_locks().of(path);
                self.check_terms(path, terms)?;
                if terms.keep_existing {
                    rename_to_new(from, (&parent, name))
                } else {
                    rustix::fs::renameat(from.0, from.1, &parent, name)
                }
            };
            match named.and_then(|()| rustix::fs::fsync(&parent)) {
                Err(Errno::NOENT) if attempt < STORE_ATTEMPTS => {}
                Err(Errno::EXIST) if terms.keep_existing => return Err(exists()),
                named => return named.map_err(failure::at_write),
            }
        }
    }

    /// Asks whether the object of a path, if there is one, may be replaced or deleted. For an answer that lasts the caller holds
    /// the path's lock.
    pub(crate) fn check_terms(&self, path: &str, terms: &Terms) -> Result<(), StorageError> {
        if terms.precondition.is_none() && !terms.keep_existing {
            return Ok(());
        }
        let current = match self.open_object(path) {
            Ok(object) => Some(object.head),
            Err(error) if error.fault == StorageFault::NotFound => None,
            Err(error) => return Err(error),
        };
        if terms.keep_existing && current.is_some() {
            return Err(exists());
        }
        terms.precondition.as_ref().map_or(Ok(()), |precondition| precondition.check(current.as_ref()))
    }

    /// Refuses a path that no object can have now, as its publication would.
    pub(crate) fn check_target(&self, path: &str) -> Result<(), StorageError> {
        if let Some((parent, _)) = path.rsplit_once('/') {
            match self.look(parent) {
                Ok(parent) if !parent.is_dir() => return Err(failure::at_write(Errno::NOTDIR)),
                Ok(_) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(failure::at_write(errno)),
            }
        }
        match self.look(path) {
            Ok(there) if there.is_dir() => Err(failure::at_write(Errno::ISDIR)),
            Err(errno @ (Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ)) => Err(failure::at_write(errno)),
            // A link that leads nowhere is replaced.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn rename_to_new(from: (&File, &str), to: (&File, &str)) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE) {
        // A file system without it.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty())?;
            rustix::fs::unlinkat(from.0, from.1, AtFlags::empty())
        }
        renamed => renamed,
    }
}

fn exists() -> StorageError {
    StorageError::new(StorageFault::Exists, "the object exists already, and was not to be replaced")
}
