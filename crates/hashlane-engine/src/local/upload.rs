//! Uploads to a local folder: a file appears under its key whole or not at all.
//!
//! It promises that parent folders are made beneath the bucket's folder only, that readers see the old object or the new
//! one, that the new one is on the disk before the upload is answered, and that its ETag is kept beside it.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use hashlane_lanes::{Algorithm, Hasher};
use rustix::fs::{AtFlags, Mode, OFlags, XattrFlags};
use rustix::io::Errno;

use super::{Folder, key};
use crate::error::EngineError;
use crate::etag;
use crate::identity::Identity;

impl Folder {
    /// Stores an object and returns its ETag.
    pub(crate) fn put(&self, key: &str, body: &[u8]) -> Result<String, EngineError> {
        let path = key::path(key).map_err(|refused| EngineError::new(refused.message))?;
        let parent =
            self.make_parent(path).map_err(|errno| failure("the folder of the object cannot be made", errno))?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let (temporary, file) =
            create_temporary(&parent).map_err(|errno| failure("no file can be made in the object's folder", errno))?;
        let etag = etag::of_content(&Hasher::digest(Algorithm::Md5, body));
        let stored = fill(&file, body, &etag).and_then(|()| {
            rustix::fs::renameat(&parent, &*temporary, &parent, name)?;
            rustix::fs::fsync(&parent)
        });
        match stored {
            Ok(()) => Ok(etag),
            Err(errno) => {
                // After a rename there is nothing left to remove, and then this fails without harm.
                let _ = rustix::fs::unlinkat(&parent, &*temporary, AtFlags::empty());
                Err(failure("the object cannot be written", errno))
            }
        }
    }

    /// Opens the folder that a path lies in, and makes what is missing of it. Each part is resolved beneath the bucket's
    /// folder again, so links in it may lead to anywhere inside.
    fn make_parent(&self, path: &str) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let mut parent = self.beneath(".", flags)?;
        for (slash, _) in path.match_indices('/') {
            let here = &path[..slash];
            let name = here.rsplit('/').next().unwrap_or(here);
            parent = match self.beneath(here, flags) {
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o777)) {
                        Ok(()) | Err(Errno::EXIST) => {}
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

/// A new file in that folder whose name no key can have.
fn create_temporary(parent: impl AsFd) -> Result<(String, File), Errno> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}put-{}-{number}", key::RESERVED, std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(parent.as_fd(), &*name, flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => return Ok((name, file.into())),
            // Left by a process of the same number that died in an upload.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Writes content and ETag, and waits for the disk.
fn fill(mut file: &File, body: &[u8], etag: &str) -> Result<(), Errno> {
    let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    file.write_all(body).map_err(errno)?;
    let identity = Identity::of(&file.metadata().map_err(errno)?);
    match rustix::fs::fsetxattr(file, etag::XATTR, etag::stored_form(etag, &identity).as_bytes(), XattrFlags::empty()) {
        // Without attributes the object has an ETag made from its identity, which is good enough to be stored.
        Ok(()) | Err(Errno::NOTSUP) => {}
        Err(errno) => return Err(errno),
    }
    rustix::fs::fsync(file)
}

fn failure(what: &str, errno: Errno) -> EngineError {
    EngineError::new(format!("{what}: {}", std::io::Error::from(errno)))
}
