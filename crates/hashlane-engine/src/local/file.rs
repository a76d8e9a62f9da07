//! A local object, open for reading: one version of one file.
//!
//! It promises that the bytes it gives are those of the version it was opened at, or an error: the length must be that
//! of the first look at the file, and [`OpenFile::verify`] looks again. It never blocks on anything but the disk: pipes,
//! sockets and devices are refused before they are read.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;

use hashlane_job::{FailureCode, JobError};
use rustix::fs::{Advice, OFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use super::change_time::ChangeTime;
use super::{Folder, failure, key, object};
use crate::identity::{self, Identity};

/// Files longer than this are announced to the kernel, which then reads ahead twice as far. Shorter ones are here after
/// one read or two, and the announcement costs as much as a read.
const ANNOUNCED_BYTES_MIN: u64 = 128 * 1024;
/// How much is asked for in advance, so that the disk works for a new file while other lanes are hashed.
const READAHEAD_BYTES: u64 = 1024 * 1024;

/// One version of a file, open.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    identity: Identity,
    change_time: ChangeTime,
    read_bytes: u64,
    ended: bool,
    folder: Arc<Folder>,
    key: String,
}

/// What came of opening a file.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It can be read.
    File(OpenFile),
    /// It was modified this very moment, so that another write could not be told from the last one. Open it again after
    /// a few milliseconds.
    TooFresh,
}

impl OpenFile {
    /// Opens the object of that key.
    pub(crate) fn open(folder: &Arc<Folder>, key: &str) -> Result<Opened, JobError> {
        let path = key::path(key)?;
        // Before the first look at the file: see `Identity::is_fresh`.
        let coarse = clock_gettime(ClockId::RealtimeCoarse);
        // Without O_NONBLOCK a pipe would wait for its writer, without O_NOCTTY a terminal would become ours.
        let file = folder.beneath(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY);
        let file = file.map_err(|errno| folder.at_open(errno))?;
        let metadata = file.metadata().map_err(|error| failure::at_read(&error))?;
        if !metadata.is_file() {
            return Err(JobError::permanent(FailureCode::Denied, failure::NOT_A_REGULAR_FILE));
        }
        let (identity, change_time) = (Identity::of(&metadata), ChangeTime::of(&metadata));
        // The change time must tell later writes too, and it cannot be set back: it alone decides.
        if identity::is_fresh(change_time.parts(), (coarse.tv_sec, coarse.tv_nsec)) {
            return Ok(Opened::TooFresh);
        }
        let (folder, key) = (folder.clone(), key.to_owned());
        Ok(Opened::File(OpenFile { file, identity, change_time, read_bytes: 0, ended: false, folder, key }))
    }

    /// What identifies the version.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The version in words, for checkpoints: other words mean another version. The change time is part of it, so a digest
    /// that was stored beside the file since makes a checkpoint worthless, which costs a read.
    pub(crate) fn version(&self) -> String {
        let Identity { device, inode, size_bytes, modified_seconds, modified_nanos } = self.identity;
        let (changed_seconds, changed_nanos) = self.change_time.parts();
        format!(
            "file {device}:{inode} {size_bytes} {modified_seconds}.{modified_nanos:09} {changed_seconds}.{changed_nanos:09}"
        )
    }

    /// Goes on behind the first bytes, which were hashed before and are not to be read again.
    pub(crate) fn skip(&mut self, bytes: u64) -> Result<(), JobError> {
        let at = (&self.file).seek(SeekFrom::Start(bytes)).map_err(|error| failure::at_read(&error))?;
        self.read_bytes = at;
        Ok(())
    }

    /// Asks the kernel to read ahead. Advice only: that it is not taken is no error.
    pub(crate) fn announce(&self) {
        if self.identity.size_bytes >= ANNOUNCED_BYTES_MIN {
            let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::Sequential);
            let ahead = std::num::NonZeroU64::new(READAHEAD_BYTES);
            let _ = rustix::fs::fadvise(&self.file, self.read_bytes, ahead, Advice::WillNeed);
        }
    }

    /// Whether the file's end was reached.
    pub(crate) fn is_read(&self) -> bool {
        self.ended
    }

    /// Reads the next bytes, until `space` is full or the file ends. It must end where the first look said: files of
    /// `/proc` tell no length and have bytes all the same.
    pub(crate) fn read(&mut self, space: &mut [u8]) -> Result<usize, JobError> {
        let mut filled = 0;
        while filled < space.len() && !self.ended {
            match (&self.file).read(&mut space[filled..]) {
                Ok(0) => self.ended = true,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failure::at_read(&error)),
            }
        }
        self.read_bytes += filled as u64;
        let size_bytes = self.identity.size_bytes;
        if self.read_bytes > size_bytes || (self.ended && self.read_bytes < size_bytes) {
            return Err(failure::changed());
        }
        Ok(filled)
    }

    /// Looks at the file again: it must be the same version, and the key must still name it.
    pub(crate) fn verify(&self) -> Result<(), JobError> {
        let now = self.file.metadata().map_err(|error| failure::at_read(&error))?;
        if Identity::of(&now) != self.identity || !self.folder.own_moves().lead(self.change_time, &now) {
            return Err(failure::changed());
        }
        match self.folder.look(&self.key) {
            Ok(named) => {
                let named = Identity::of(&named);
                let same = (named.device, named.inode) == (self.identity.device, self.identity.inode);
                same.then_some(()).ok_or_else(failure::changed)
            }
            // Deleted, or another kind of thing now: not what was read.
            Err(Errno::MFILE | Errno::NFILE) => Err(failure::at_open(Errno::MFILE)),
            Err(_) => Err(failure::changed()),
        }
    }

    /// The object's ETag: that of its upload when it came through us and was not changed since, else one made from the
    /// identity.
    pub(crate) fn etag(&self) -> String {
        object::etag_of(&self.file, &self.identity)
    }

    /// Changes an attribute of the file, which moves its change time; [`OpenFile::verify`] knows of it.
    pub(super) fn write_attribute(&self, write: impl FnOnce(&File) -> Result<(), Errno>) -> Result<(), Errno> {
        let written = self.folder.own_moves().write(&self.file, || Ok::<(), io::Error>(write(&self.file)?));
        written.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// The file itself, for its attributes.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    //! What changes between the first look and the last is arranged here step by step; through the engine it would be a
    //! race.

    use std::fs;
    use std::io::Write;
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::etag;

    struct Bucket {
        dir: tempfile::TempDir,
        folder: Arc<Folder>,
    }

    impl Bucket {
        fn new() -> Bucket {
            let dir = tempfile::tempdir().expect("a temporary folder");
            let folder = Arc::new(Folder::open(dir.path()).expect("it exists"));
            Bucket { dir, folder }
        }

        fn path(&self, key: &str) -> PathBuf {
            self.dir.path().join(key)
        }

        /// A file that was modified long ago.
        fn write(&self, key: &str, content: &[u8]) {
            fs::write(self.path(key), content).expect("written");
            self.set_modified(key, SystemTime::now() - Duration::from_secs(60));
        }

        fn set_modified(&self, key: &str, time: SystemTime) {
            File::options()
                .write(true)
                .open(self.path(key))
                .and_then(|file| file.set_modified(time))
                .expect("time set");
        }

        fn open(&self, key: &str) -> OpenFile {
            // The file was made a moment ago; its change time is fresh for a tick of the kernel's clock.
            loop {
                match OpenFile::open(&self.folder, key) {
                    Ok(Opened::File(file)) => return file,
                    Ok(Opened::TooFresh) => std::thread::yield_now(),
                    other => panic!("{key}: {other:?}"),
                }
            }
        }
    }

    fn assert_changed<T: std::fmt::Debug>(result: Result<T, JobError>) {
        assert_eq!(result.expect_err("it changed"), failure::changed());
    }

    #[test]
    fn an_untouched_file_is_read_whole_and_verified() {
        let bucket = Bucket::new();
        bucket.write("a", b"hello world");
        let mut file = bucket.open("a");
        let mut space = [0; 8];
        assert_eq!(file.read(&mut space), Ok(8));
        assert!(!file.is_read());
        assert_eq!(file.read(&mut space), Ok(3));
        assert!(file.is_read());
        assert_eq!(file.read(&mut space), Ok(0));
        assert_eq!(file.verify(), Ok(()));
    }

    /// Failure rule B1.
    #[test]
    fn a_file_that_is_cut_while_it_is_read_has_changed() {
        let bucket = Bucket::new();
        bucket.write("a", b"hello world");
        let mut file = bucket.open("a");
        assert_eq!(file.read(&mut [0; 4]), Ok(4));
        File::options().write(true).open(bucket.path("a")).and_then(|file| file.set_len(6)).expect("cut");
        assert_changed(file.read(&mut [0; 100]));
    }

    /// Failure rule B8.
    #[test]
    fn a_file_that_grows_while_it_is_read_has_changed() {
        let bucket = Bucket::new();
        bucket.write("a", b"hello world");
        let mut file = bucket.open("a");
        File::options().append(true).open(bucket.path("a")).and_then(|mut file| file.write_all(b"!")).expect("grown");
        assert_changed(file.read(&mut [0; 100]));
    }

    #[test]
    fn a_file_that_grows_after_its_end_was_reached_has_changed() {
        let bucket = Bucket::new();
        bucket.write("a", b"hello world");
        let mut file = bucket.open("a");
        assert_eq!(file.read(&mut [0; 100]), Ok(11));
        File::options().append(true).open(bucket.path("a")).and_then(|mut file| file.write_all(b"!")).expect("grown");
        assert_changed(file.verify());
    }

    /// Failure rule B2.
    #[test]
    fn a_file_that_is_rewritten_in_place_has_changed() {
        let bucket = Bucket::new();
        bucket.write("a", b"hello world");
        let mut file = bucket.open("a");
        assert_eq!(file.read(&mut [0; 4]), Ok(4));
        File::options()
            .write(true)
            .open(bucket.path("a"))
            .and_then(|mut file| file.write_all(b"HELLO"))
            .expect("rewritten");
        assert_eq!(file.read(&mut [0; 100]), Ok(7));
        assert_changed(file.verify());
    }

    /// Failure rule B2.
    #[test]
    fn a_file_that_is_replaced_or_deleted_has_changed() {
        let bucket = Bucket::new();
        bucket.write("a", b"hello world");
        bucket.write("b", b"HELLO WORLD");
        let replaced = bucket.open("a");
        fs::rename(bucket.path("b"), bucket.path("a")).expect("replaced");
        assert_changed(replaced.verify());
        let deleted = bucket.open("a");
        fs::remove_file(bucket.path("a")).expect("deleted");
        assert_changed(deleted.verify());
    }

    #[test]
    fn a_key_that_leads_elsewhere_now_has_changed() {
        let bucket = Bucket::new();
        fs::create_dir(bucket.path("d")).expect("made");
        fs::create_dir(bucket.path("e")).expect("made");
        bucket.write("d/a", b"hello");
        bucket.write("e/a", b"HELLO");
        let file = bucket.open("d/a");
        fs::rename(bucket.path("d"), bucket.path("old")).expect("moved");
        std::os::unix::fs::symlink("e", bucket.path("d")).expect("linked");
        assert_changed(file.verify());
    }

    /// Failure rule B2.
    #[test]
    fn a_rewrite_whose_modified_time_is_set_back_has_changed() {
        let bucket = Bucket::new();
        bucket.write("a", b"hello world");
        let modified = fs::metadata(bucket.path("a")).and_then(|metadata| metadata.modified()).expect("a time");
        let mut file = bucket.open("a");
        assert_eq!(file.read(&mut [0; 4]), Ok(4));
        File::options()
            .write(true)
            .open(bucket.path("a"))
            .and_then(|mut file| file.write_all(b"HELLO"))
            .expect("rewritten");
        bucket.set_modified("a", modified);
        assert_eq!(file.read(&mut [0; 100]), Ok(7));
        assert_changed(file.verify());
    }

    #[test]
    fn a_digest_that_we_store_beside_the_file_is_not_a_change_of_the_object() {
        let bucket = Bucket::new();
        bucket.write("a", b"hello world");
        let mut file = bucket.open("a");
        let other = bucket.open("a");
        for bytes in [b"hello", b"world"] {
            other.write_header(&hashlane_lanes::Hasher::digest(hashlane_lanes::Algorithm::Md5, bytes)).expect("stored");
        }
        assert_eq!(file.read(&mut [0; 100]), Ok(11));
        assert_eq!(file.verify(), Ok(()));
    }

    #[test]
    fn a_foreign_change_between_two_of_ours_is_a_change_of_the_object() {
        let bucket = Bucket::new();
        bucket.write("a", b"hello world");
        let (file, digest) =
            (bucket.open("a"), hashlane_lanes::Hasher::digest(hashlane_lanes::Algorithm::Md5, b"hello"));
        bucket.open("a").write_header(&digest).expect("stored");
        fs::set_permissions(bucket.path("a"), std::os::unix::fs::PermissionsExt::from_mode(0o640)).expect("rights");
        bucket.open("a").write_header(&digest).expect("stored");
        assert_changed(file.verify());
    }

    #[test]
    fn a_file_of_this_very_moment_is_to_be_opened_again() {
        let bucket = Bucket::new();
        // A busy machine may let the moment pass before the file is opened.
        let too_fresh = || {
            fs::write(bucket.path("a"), b"hello world").expect("written");
            matches!(OpenFile::open(&bucket.folder, "a"), Ok(Opened::TooFresh))
        };
        assert!((0..1000).any(|_| too_fresh()));
    }

    #[test]
    fn the_etag_of_an_upload_lasts_until_the_file_is_changed() {
        let bucket = Bucket::new();
        bucket.write("a", b"hello world");
        let file = bucket.open("a");
        let made = file.etag();
        assert!(made.ends_with("-0\""), "{made}");
        let stored = etag::stored_form("\"0123456789abcdef0123456789abcdef\"", file.identity());
        rustix::fs::setxattr(bucket.path("a"), etag::XATTR, stored.as_bytes(), rustix::fs::XattrFlags::empty())
            .expect("the temporary folder's file system keeps attributes");
        assert_eq!(bucket.open("a").etag(), "\"0123456789abcdef0123456789abcdef\"");
        bucket.write("a", b"hello World");
        let changed = bucket.open("a").etag();
        assert!(changed.ends_with("-0\"") && changed != made, "{changed}");
    }
}
