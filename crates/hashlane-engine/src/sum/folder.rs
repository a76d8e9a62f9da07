//! A folder of the file system, held open, and its names in order.
//!
//! It promises names sorted by their bytes, and that listing takes their bytes and six more for each, whatever their
//! number. What it leaves out on purpose: names in pieces. A folder's names are sorted, so all of them must be known.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, openat, statat};
use rustix::io::Errno;

/// For the kernel to put names in: some hundred at once.
const LISTING_BYTES: usize = 32 * 1024;

/// Where files are opened: a folder held open, or the working directory.
#[derive(Debug)]
pub(crate) struct Folder {
    /// None: the working directory.
    dir: Option<File>,
    /// What stands before the name of its files in the output.
    prefix: Arc<[u8]>,
    /// Whether files here let us read without marking them as read; only their owner may ask for it.
    unmarked: AtomicBool,
    /// Whether files here are to be looked at before they are read too: see `stamp.rs`.
    look_first: AtomicBool,
}

/// The kinds of things in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    Special,
}

impl Folder {
    /// The working directory, whose files are called by their paths.
    pub(crate) fn working() -> Folder {
        Folder::new(None, Arc::default())
    }

    fn new(dir: Option<File>, prefix: Arc<[u8]>) -> Folder {
        Folder { dir, prefix, unmarked: AtomicBool::new(true), look_first: AtomicBool::new(false) }
    }

    /// Opens a folder in this one. Links are followed only in what the user named.
    pub(crate) fn open_folder(&self, name: &CStr, follow: bool) -> Result<Folder, Errno> {
        let no_follow = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | no_follow;
        let dir = openat(self.dir(), name, flags, Mode::empty())?;
        let mut prefix = [&self.prefix, name.to_bytes()].concat();
        if prefix.last() != Some(&b'/') {
            prefix.push(b'/');
        }
        Ok(Folder::new(Some(dir.into()), prefix.into()))
    }

    /// Opens a file for reading. Pipes do not wait for their writers, terminals do not become ours.
    pub(crate) fn open_file(&self, name: &CStr) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        if self.unmarked.load(Ordering::Relaxed) {
            match openat(self.dir(), name, flags | OFlags::NOATIME, Mode::empty()) {
                Err(Errno::PERM) => self.unmarked.store(false, Ordering::Relaxed),
                opened => return opened.map(File::from),
            }
        }
        openat(self.dir(), name, flags, Mode::empty()).map(File::from)
    }

    /// What a name of the working directory is, links followed.
    pub(crate) fn kind_of_path(name: &CStr) -> Result<Kind, Errno> {
        Ok(Kind::of(FileType::from_raw_mode(statat(CWD, name, AtFlags::empty())?.st_mode)))
    }

    /// The length of a file, for those who only count.
    pub(crate) fn file_bytes(&self, name: &CStr) -> u64 {
        statat(self.dir(), name, AtFlags::empty()).map_or(0, |facts| u64::try_from(facts.st_size).unwrap_or(0))
    }

    /// What stands before the name of its files in the output.
    pub(crate) fn prefix(&self) -> &Arc<[u8]> {
        &self.prefix
    }

    /// Whether files are to be looked at before they are read too.
    pub(crate) fn looks_first(&self) -> bool {
        self.look_first.load(Ordering::Relaxed)
    }

    /// Files of this folder are to be looked at before they are read too.
    pub(crate) fn look_first(&self) {
        self.look_first.store(true, Ordering::Relaxed);
    }

    fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_ref().map_or(CWD, AsFd::as_fd)
    }

    /// All names, sorted.
    pub(crate) fn list(&self) -> Result<Listing, Errno> {
        let mut listing = Listing::default();
        let mut space = [MaybeUninit::uninit(); LISTING_BYTES];
        let mut names = RawDir::new(self.dir(), &mut space);
        while let Some(entry) = names.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                listing.push(self.kind(name, entry.file_type()), name)?;
            }
        }
        listing.sort();
        Ok(listing)
    }

    fn kind(&self, name: &CStr, told: FileType) -> Kind {
        match told {
            // Some file systems do not tell. What cannot be looked at cannot be opened either, which then is told.
            FileType::Unknown => statat(self.dir(), name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or(Kind::File, |facts| Kind::of(FileType::from_raw_mode(facts.st_mode))),
            told => Kind::of(told),
        }
    }
}

impl Kind {
    fn of(kind: FileType) -> Kind {
        match kind {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            _ => Kind::Special,
        }
    }
}

/// The names of a folder: those that are not links, in the order of their bytes.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// For each name a byte for its kind, the name, and NUL.
    text: Vec<u8>,
    /// Where each begins, sorted by name.
    starts: Vec<u32>,
}

impl Listing {
    fn push(&mut self, kind: Kind, name: &CStr) -> Result<(), Errno> {
        let code = match kind {
            Kind::File => b'f',
            Kind::Folder => b'd',
            Kind::Special => b's',
            // Like `find -type f`: what a link names is found where it is, or is not beneath the folder.
            Kind::Link => return Ok(()),
        };
        // More than 4 GiB of names in one folder are told as an error of that folder.
        let start = u32::try_from(self.text.len()).map_err(|_| Errno::OVERFLOW)?;
        self.starts.push(start);
        self.text.push(code);
        self.text.extend_from_slice(name.to_bytes_with_nul());
        Ok(())
    }

    fn sort(&mut self) {
        let text = &self.text;
        // A name ends at its NUL, which is less than any byte of a name; so what follows it never decides.
        let name = |start: &u32| {
            let rest = &text[*start as usize + 1..];
            &rest[..rest.len().min(256)]
        };
        self.starts.sort_unstable_by(|a, b| name(a).cmp(name(b)));
    }

    /// The entry at a place.
    pub(crate) fn get(&self, place: usize) -> Option<(Kind, &CStr)> {
        let start = *self.starts.get(place)? as usize;
        let name = CStr::from_bytes_until_nul(&self.text[start + 1..]).ok()?;
        let kind = match self.text[start] {
            b'f' => Kind::File,
            b'd' => Kind::Folder,
            _ => Kind::Special,
        };
        Some((kind, name))
    }
}

/// A path as system calls take it; one with a NUL names nothing.
pub(crate) fn c_path(path: &[u8]) -> Result<CString, Errno> {
    CString::new(path).map_err(|_| Errno::NOENT)
}
