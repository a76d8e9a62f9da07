//! The folder of a bucket, held open: every path is resolved from it and beneath it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use hashlane_job::{FailureCode, JobError};

use super::assembly::Assembly;
use super::change_time::OwnMoves;
use super::failure;
use super::publish::KeyLocks;
use crate::error::EngineError;
use crate::storage::{Claims, StorageError};

/// How often a path is resolved anew when a rename ran into the resolving; each try takes microseconds.
const RESOLVE_ATTEMPTS: usize = 1000;

/// So many files are copied at once; a disk is not faster with more, and each holds up a thread.
const COPIES_MAX: usize = 4;

/// An unmounted or removed folder looks like an empty one.
pub(super) fn unreachable() -> JobError {
    JobError::temporary(FailureCode::Unreadable, "the storage of the bucket cannot be reached")
}

/// A bucket's folder.
#[derive(Debug)]
pub(crate) struct Folder {
    /// The folder itself, whatever becomes of its path.
    dir: File,
    /// Where it was configured, for [`Folder::probe`] and for the operator.
    path: PathBuf,
    /// What we did to the change times of its files.
    own_moves: OwnMoves,
    /// One writer or deleter for each key.
    key_locks: KeyLocks,
    /// Multipart uploads that somebody works on.
    assemblies: Claims<Assembly>,
    /// For copies of files.
    copies: Arc<Semaphore>,
}

impl Folder {
    /// Opens the folder at `path`, which must exist and be readable.
    pub(crate) fn open(path: &Path) -> Result<Folder, EngineError> {
        let shown = path.display();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| {
            EngineError::new(match errno {
                Errno::NOENT => {
                    format!("its folder {shown} does not exist; create it, or correct the bucket's storage")
                }
                Errno::NOTDIR => format!("{shown} is not a folder; correct the bucket's storage"),
                Errno::ACCESS => {
                    format!("its folder {shown} may not be read; let the server's user read and search it")
                }
                other => format!("its folder {shown} cannot be opened: {}", io::Error::from(other)),
            })
        })?;
        let folder = Folder {
            dir: dir.into(),
            path: path.to_owned(),
            own_moves: OwnMoves::default(),
            key_locks: KeyLocks::default(),
            assemblies: Claims::default(),
            copies: Arc::new(Semaphore::new(COPIES_MAX)),
        };
        match folder.beneath(".", OFlags::PATH | OFlags::DIRECTORY) {
            Ok(_) => {
                folder.sweep();
                Ok(folder)
            }
            Err(Errno::NOSYS) => Err(EngineError::new(
                "local folders need the system call openat2, which this kernel lacks; use Linux 5.6 or later",
            )),
            Err(Errno::PERM) => Err(EngineError::new(
                "local folders need the system call openat2, which a sandbox forbids; allow it (Docker 20.10 and \
                 libseccomp 2.5 do)",
            )),
            Err(other) => {
                Err(EngineError::new(format!("its folder {shown} cannot be searched: {}", io::Error::from(other))))
            }
        }
    }

    /// What we did to the change times of its files.
    pub(super) fn own_moves(&self) -> &OwnMoves {
        &self.own_moves
    }

    /// The locks of its keys.
    pub(super) fn key_locks(&self) -> &KeyLocks {
        &self.key_locks
    }

    /// Multipart uploads that somebody works on.
    pub(super) fn assemblies(&self) -> &Claims<Assembly> {
        &self.assemblies
    }

    /// Waits for a turn to copy a file; it is held until the copy is done.
    pub(crate) async fn copy_turn(&self) -> Result<OwnedSemaphorePermit, StorageError> {
        self.copies.clone().acquire_owned().await.map_err(|_| StorageError::panicked())
    }

    /// The folder itself, held open.
    pub(super) fn dir(&self) -> &File {
        &self.dir
    }

    /// Opens a path beneath the folder. Links that stay beneath it are followed; what leads out of it is `EXDEV`.
    pub(crate) fn beneath(&self, path: &str, flags: OFlags) -> Result<File, Errno> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut attempt = 0;
        loop {
            attempt += 1;
            match openat2(&self.dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Ok(file) => return Ok(file.into()),
                // The kernel could not rule out that a rename, anywhere on the machine, led a `..` of a link outside.
                Err(Errno::AGAIN | Errno::INTR) if attempt < RESOLVE_ATTEMPTS => continue,
                Err(errno) => return Err(errno),
            }
        }
    }

    /// The file that a path names now, without opening it.
    pub(crate) fn look(&self, path: &str) -> Result<Metadata, Errno> {
        let file = self.beneath(path, OFlags::PATH)?;
        file.metadata().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// What an error at opening a path beneath the folder says of the object: when the folder itself is gone, nothing is known of
    /// what was in it.
    pub(super) fn at_open(&self, errno: Errno) -> JobError {
        if errno == Errno::NOENT && self.probe().is_err() {
            return unreachable();
        }
        failure::at_open(errno)
    }

    /// Whether the folder is still there, at its path, and readable.
    pub(crate) fn probe(&self) -> Result<(), EngineError> {
        let shown = self.path.display();
        let fail = |error: io::Error| EngineError::new(format!("its folder {shown} cannot be read: {error}"));
        let at_path = std::fs::metadata(&self.path).map_err(fail)?;
        let held = self.dir.metadata().map_err(fail)?;
        if (at_path.dev(), at_path.ino()) != (held.dev(), held.ino()) {
            return Err(EngineError::new(format!(
                "its folder {shown} was replaced or mounted anew; restart the server"
            )));
        }
        self.beneath(".", OFlags::RDONLY | OFlags::DIRECTORY).map_err(|errno| fail(errno.into()))?;
        Ok(())
    }
}
