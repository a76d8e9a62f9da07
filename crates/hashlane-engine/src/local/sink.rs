//! Uploads to a local folder: a file appears under its key whole or not at all.
//!
//! It promises that parent folders are made beneath the bucket's folder only, that readers see the old object or the new
//! one, and that the new one is on the disk, with its ETag and attributes, before the upload is answered. Bytes on their
//! way are in [`UPLOADS`], in the bucket's own file system; a file system that is mounted further below cannot be written to.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use hashlane_job::{Clock, SystemClock, Timestamp};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::attributes::{self, Kept};
use super::copy::{self, Wanted};
use super::{Folder, LocalObject, assembly, failure};
use crate::identity::Identity;
use crate::storage::{StorageError, StorageFault, Target, Terms, UPLOADS, is_id};

/// Uploads of a process that died are removed at a start after so long; one that is alive writes to its file more often.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How the names of files on their way begin; no id of a multipart upload does.
const TEMPORARY: &str = "put-";

/// A file on its way. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Temporary {
    folder: Arc<Folder>,
    uploads: File,
    name: String,
    file: File,
}

impl Folder {
    /// A new file on its way.
    pub(crate) fn temporary(self: &Arc<Folder>) -> Result<Temporary, StorageError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let uploads = self.make_folder(UPLOADS).map_err(failure::at_write)?;
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("{TEMPORARY}{}-{number}", std::process::id());
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(&uploads, &*name, flags, Mode::from_raw_mode(0o666)) {
                Ok(file) => return Ok(Temporary { folder: self.clone(), uploads, name, file: file.into() }),
                // Left by a process of the same number that died in an upload.
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(failure::at_write(errno)),
            }
        }
    }

    /// Removes what processes that died long ago left of their uploads. What cannot be removed stays.
    pub(super) fn sweep(&self) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let Ok(uploads) = self.beneath(UPLOADS, flags) else { return };
        let Ok(names) = rustix::fs::Dir::read_from(&uploads) else { return };
        for entry in names.flatten() {
            let name = entry.file_name();
            let Ok(stat) = rustix::fs::statat(&uploads, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
            let is_old = SystemTime::now().duration_since(modified).is_ok_and(|age| age > LEFTOVER_AGE);
            if let Some(id) = name.to_str().ok().filter(|name| is_id(name)) {
                assembly::recover(&uploads, id, is_old);
            } else if is_old && name.to_bytes().starts_with(TEMPORARY.as_bytes()) {
                let _ = rustix::fs::unlinkat(&uploads, name, AtFlags::empty());
            }
        }
    }

    /// Opens a folder beneath the bucket's, and makes what is missing of it. Each part is resolved from the bucket's folder
    /// again, so links in it may lead to anywhere inside.
    pub(super) fn make_folder(&self, path: &str) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        match self.beneath(if path.is_empty() { "." } else { path }, flags) {
            Err(Errno::NOENT) => {}
            opened => return opened,
        }
        let mut parent = self.beneath(".", flags)?;
        let ends = path.match_indices('/').map(|(slash, _)| slash).chain([path.len()]);
        for end in ends {
            let here = &path[..end];
            let name = here.rsplit('/').next().unwrap_or(here);
            parent = match self.beneath(here, flags) {
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o777)) {
                        Ok(()) => rustix::fs::fsync(&parent)?,
                        Err(Errno::EXIST) => {}
                        Err(errno) => return Err(errno),
                    }
                    self.beneath(here, flags)?
                }
                opened => opened?,
            };
        }
        Ok(parent)
    }
}

impl Temporary {
    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.file.write_all(bytes).map_err(|error| failure::at_write(errno(&error)))
    }

    /// Appends the whole of an object that is open, without its digests.
    pub(crate) fn copy(&mut self, from: &LocalObject, wanted: &Wanted) -> Result<(), StorageError> {
        let size_bytes = from.head.size_bytes;
        copy::range((from.file(), 0), (&self.file, 0), size_bytes, wanted).map_err(|errno| match errno {
            Errno::NODATA => StorageError::changed(),
            errno => failure::at_write(errno),
        })?;
        from.verify()
    }

    /// Sees to it that what was written is on the disk.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        rustix::fs::fsync(&self.file)
    }

    /// Gives the file another name in a folder of uploads, durably; its content was synced before.
    pub(super) fn keep(self, dir: &File, name: &str) -> Result<(), Errno> {
        rustix::fs::renameat(&self.uploads, &*self.name, dir, name)?;
        rustix::fs::fsync(dir)
    }

    /// Gives the file its key, and says when it was modified.
    pub(crate) fn store(
        self,
        target: &Target,
        etag: &str,
        crc64: u64,
        terms: &Terms,
    ) -> Result<Timestamp, StorageError> {
        let metadata = self.file.metadata().map_err(|error| failure::at_write(errno(&error)))?;
        if let Some(folder) = target.path.strip_suffix('/') {
            return self.store_marker(folder, metadata.len(), target, terms);
        }
        let identity = Identity::of(&metadata);
        let kept = Kept { etag: Some(etag), crc64: Some(crc64), attributes: &target.attributes };
        attributes::write(&self.file, &identity, &kept, target.needs_attributes)?;
        rustix::fs::fsync(&self.file).map_err(failure::at_write)?;

        self.folder.publish((&self.uploads, &self.name), &target.path, terms)?;
        Ok(identity.modified())
    }

    /// A key that ends with a slash marks a folder, which then is listed under that key.
    fn store_marker(
        &self,
        folder: &str,
        size_bytes: u64,
        target: &Target,
        terms: &Terms,
    ) -> Result<Timestamp, StorageError> {
        if size_bytes > 0 {
            let message = "a key that ends with a slash marks a folder, which has no content";
            return Err(StorageError::new(StorageFault::InvalidKey, message));
        }
        let _alone = self.folder.key_locks().of(&target.path);
        self.folder.check_terms(&target.path, terms)?;
        let dir = self.folder.make_folder(folder).map_err(failure::at_write)?;
        let now = SystemClock.now();
        attributes::mark(&dir, now, &target.attributes)?;
        rustix::fs::fsync(&dir).map_err(failure::at_write)?;
        Ok(now)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove, and then this fails without harm.
        let _ = rustix::fs::unlinkat(&self.uploads, &*self.name, AtFlags::empty());
    }
}

pub(super) fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
