//! A local object for the storage calls: open, with what is told of it; and its deletion.
//!
//! It promises that what is told belongs to the open file, and that nothing but regular files and marked folders is opened.

use std::fs::File;
use std::os::unix::fs::FileExt;

use hashlane_job::JobError;
use hashlane_lanes::Digest;
use rustix::fs::{AtFlags, FileType, OFlags, XattrFlags, fsetxattr};
use rustix::io::Errno;

use super::{Folder, attributes, failure, key};
use crate::etag;
use crate::identity::Identity;
use crate::storage::{Attributes, ObjectHead, StorageError, StorageFault, Terms};

/// The ETag and CRC of no bytes.
const EMPTY_ETAG: &str = "\"d41d8cd98f00b204e9800998ecf8427e\"";

/// One version of a local object, open.
#[derive(Debug)]
pub(crate) struct LocalObject {
    file: File,
    identity: Identity,
    pub(crate) head: ObjectHead,
}

impl Folder {
    /// Opens the object of a path; one that ends with a slash is a folder that was marked.
    pub(crate) fn open_object(&self, path: &str) -> Result<LocalObject, StorageError> {
        if let Some(folder) = path.strip_suffix('/') {
            return Ok(self.open_marker(folder)?);
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.beneath(path, flags).map_err(|errno| self.at_open(errno))?;
        let metadata = file.metadata().map_err(|error| failure::at_read(&error))?;
        if metadata.is_dir() {
            // A folder is no object; there is none under this key.
            return Err(StorageError::not_found());
        }
        if !metadata.is_file() {
            return Err(StorageError::new(StorageFault::Denied, failure::NOT_A_REGULAR_FILE));
        }
        let identity = Identity::of(&metadata);
        let head = ObjectHead {
            size_bytes: identity.size_bytes,
            etag: etag_of(&file, &identity),
            modified: identity.modified(),
            crc64: attributes::crc64(&file, &identity),
            attributes: attributes::given(&file, &identity),
        };
        Ok(LocalObject { file, identity, head })
    }

    /// Opens the marker of a key that ends with a slash, for a job.
    pub(crate) fn open_marker_of(&self, key: &str) -> Result<LocalObject, JobError> {
        self.open_marker(key::object_path(key)?.trim_end_matches('/'))
    }

    fn open_marker(&self, folder: &str) -> Result<LocalObject, JobError> {
        let file = self.beneath(folder, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|errno| self.at_open(errno))?;
        let modified = attributes::marked(&file).ok_or_else(|| failure::at_open(Errno::NOENT))?;
        let metadata = file.metadata().map_err(|error| failure::at_read(&error))?;
        let attributes: Attributes = attributes::given_with_all_digests(&file);
        let head = ObjectHead { size_bytes: 0, etag: EMPTY_ETAG.into(), modified, crc64: Some(0), attributes };
        Ok(LocalObject { file, identity: Identity::of(&metadata), head })
    }

    /// Deletes the object of a path, and the folders that are empty then and marked by nobody. Nothing there is no error.
    /// Whether a deletion outlives a crash of the machine is left to the file system.
    pub(crate) fn delete(&self, path: &str, terms: &Terms) -> Result<(), StorageError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let _alone = self.key_locks().of(path);
        self.check_terms(path, terms)?;
        if let Some(folder) = path.strip_suffix('/') {
            match self.beneath(folder, flags) {
                Ok(dir) => attributes::unmark(&dir),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(()),
                Err(errno) => return Err(failure::at_write(errno)),
            }
            self.prune(folder);
            return Ok(());
        }
        let (parent_path, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = match self.beneath(if parent_path.is_empty() { "." } else { parent_path }, flags) {
            Ok(parent) => parent,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(()),
            Err(errno) => return Err(failure::at_write(errno)),
        };
        let kind = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)
            .map(|stat| FileType::from_raw_mode(stat.st_mode));
        let deleted = match kind {
            Ok(FileType::RegularFile | FileType::Symlink) => rustix::fs::unlinkat(&parent, name, AtFlags::empty()),
            // A folder is no object.
            Ok(FileType::Directory) => Ok(()),
            Ok(_) => return Err(StorageError::new(StorageFault::Denied, failure::NOT_A_REGULAR_FILE)),
            Err(errno) => Err(errno),
        };
        match deleted {
            Ok(()) | Err(Errno::NOENT | Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ) => {}
            Err(errno) => return Err(failure::at_write(errno)),
        }
        self.prune(parent_path);
        Ok(())
    }

    /// Removes a folder and those above it, as far as they are empty and nobody marked them.
    fn prune(&self, mut path: &str) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        while !path.is_empty() {
            if self.beneath(path, flags).map_or(true, |dir| attributes::marked(&dir).is_some()) {
                return;
            }
            let (parent_path, name) = path.rsplit_once('/').unwrap_or(("", path));
            let parent = self.beneath(if parent_path.is_empty() { "." } else { parent_path }, flags);
            let removed = parent.and_then(|parent| rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR));
            if removed.is_err() {
                return;
            }
            path = parent_path;
        }
    }
}

impl LocalObject {
    /// The file itself.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Stores the digest beside the marker of a folder, as metadata.
    pub(crate) fn write_header(&self, digest: &Digest) -> Result<(), JobError> {
        if attributes::marked(&self.file) != Some(self.head.modified) {
            return Err(failure::changed());
        }
        let name = format!("user.x-cos-meta-{}", digest.algorithm());
        let written = fsetxattr(&self.file, &*name, digest.to_string().as_bytes(), XattrFlags::empty());
        written.map_err(failure::at_header)
    }

    /// Reads just these bytes.
    pub(crate) fn read_exact_at(&self, space: &mut [u8], offset: u64) -> Result<(), StorageError> {
        self.file.read_exact_at(space, offset).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => StorageError::changed(),
            _ => failure::at_read(&error).into(),
        })
    }

    /// Whether the file is still the version that was opened.
    pub(crate) fn verify(&self) -> Result<(), StorageError> {
        let now = self.file.metadata().map_err(|error| failure::at_read(&error))?;
        if Identity::of(&now) == self.identity { Ok(()) } else { Err(StorageError::changed()) }
    }
}

/// The ETag of an upload when the file came through us and was not changed since, else one made from the identity.
pub(super) fn etag_of(file: &File, identity: &Identity) -> String {
    let mut stored = [0; etag::STORED_BYTES_MAX];
    rustix::fs::fgetxattr(file, etag::XATTR, &mut stored[..])
        .ok()
        .and_then(|length| etag::from_stored(&stored[..length], identity))
        .unwrap_or_else(|| etag::of_identity(identity))
}

/// Runs system calls that may wait for a disk where waiting harms nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    calls: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(calls).await.unwrap_or_else(|_| Err(StorageError::panicked()))
}
