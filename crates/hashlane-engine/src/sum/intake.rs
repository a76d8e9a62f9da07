//! What is to be summed, in the order of the results: paths, trees, streams, and what turned out to be none.
//!
//! It promises that nothing named is passed over in silence: what cannot be summed is a result with an error.

use std::ffi::{CStr, CString};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashlane_lanes::Algorithm;

use super::SumError;
use super::batch::{Batch, End};
use super::dealer::Dealer;
use super::folder::{Folder, Kind, Listing, c_path};
use super::spread;

/// Takes what is to be summed. Its methods wait when too much is in, and return whether more is wanted.
pub struct Intake {
    dealer: Arc<Dealer>,
    threads: usize,
    algorithms: Arc<[Algorithm]>,
    /// Where the files of the batch are.
    folder: Arc<Folder>,
    working: Arc<Folder>,
    batch: Batch,
}

impl Intake {
    pub(super) fn new(dealer: Arc<Dealer>, threads: usize, algorithms: &[Algorithm]) -> Intake {
        let algorithms: Arc<[Algorithm]> = algorithms.into();
        let working = Arc::new(Folder::working());
        let batch = Batch::new(working.prefix().clone(), algorithms.clone());
        Intake { dealer, threads, algorithms, folder: working.clone(), working, batch }
    }

    /// What is computed from now on, instead of what was said at the start: none twice.
    pub fn set_algorithms(&mut self, algorithms: &[Algorithm]) -> bool {
        if *self.algorithms == *algorithms {
            return true;
        }
        let wanted = self.flush();
        self.algorithms = algorithms.into();
        self.batch = Batch::new(self.folder.prefix().clone(), self.algorithms.clone());
        wanted
    }

    /// A file by its path, which may be a link to one.
    pub fn file(&mut self, path: &[u8]) -> bool {
        match c_path(path) {
            Ok(path) => self.push(&self.working.clone(), &path, End::Open),
            Err(errno) => self.failed(path, errno.into()),
        }
    }

    /// A path of any kind: a file, or a link to one, or with `recursive` a folder and all files beneath it in the order
    /// of their names.
    pub fn path(&mut self, path: &[u8], recursive: bool) -> bool {
        let kind = c_path(path).and_then(|path| Folder::kind_of_path(&path));
        match kind {
            Ok(Kind::Folder) if recursive => self.tree(path),
            Ok(Kind::Folder) => self.failed(path, SumError::folder()),
            Ok(Kind::Special) => self.failed(path, SumError::special()),
            Ok(Kind::File | Kind::Link) => self.file(path),
            Err(errno) => self.failed(path, errno.into()),
        }
    }

    /// A stream, read to its end here and now.
    pub fn stream(&mut self, name: &[u8], stream: &mut dyn Read) -> bool {
        let progress = self.dealer.progress.clone();
        let summed = spread::stream(&self.algorithms, self.threads, |space| {
            let read = stream.read(space)?;
            progress.bytes.fetch_add(read as u64, Ordering::Relaxed);
            Ok(read)
        });
        match (summed, c_path(name)) {
            (Ok((bytes, digests)), Ok(name)) => {
                self.progress_one();
                self.turn_to(&self.working.clone());
                self.batch.push_ended(&name, End::Hashed(bytes), &digests);
                // Who waits for a stream waits for its digest.
                self.flush()
            }
            (Err(error), _) => self.failed(name, error.into()),
            (_, Err(errno)) => self.failed(name, errno.into()),
        }
    }

    fn failed(&mut self, path: &[u8], error: SumError) -> bool {
        let path: Vec<u8> = path.iter().copied().filter(|byte| *byte != 0).collect();
        let path = CString::new(path).unwrap_or_default();
        self.progress_one();
        self.push(&self.working.clone(), &path, End::Failed(Box::new(error)))
    }

    fn tree(&mut self, path: &[u8]) -> bool {
        let mut walk = Walk::default();
        let root = c_path(path).and_then(|path| walk.enter(&self.working, &path, true));
        if let Err(errno) = root {
            return self.failed(path, errno.into());
        }
        while let Some((folder, kind, name)) = walk.next() {
            let wanted = match kind {
                Kind::File => self.push(&folder, &name, End::Open),
                Kind::Folder => match walk.enter(&folder, &name, false) {
                    Ok(()) => true,
                    Err(errno) => self.push_failed(&folder, &name, errno.into()),
                },
                Kind::Special => self.push_failed(&folder, &name, SumError::special()),
                Kind::Link => true,
            };
            if !wanted {
                return false;
            }
        }
        true
    }

    fn push_failed(&mut self, folder: &Arc<Folder>, name: &CStr, error: SumError) -> bool {
        self.progress_one();
        self.push(folder, name, End::Failed(Box::new(error)))
    }

    fn push(&mut self, folder: &Arc<Folder>, name: &CStr, end: End) -> bool {
        let wanted = self.turn_to(folder);
        self.batch.push_ended(name, end, &[]);
        if self.batch.is_full() { self.flush() } else { wanted }
    }

    /// The next files are in that folder.
    fn turn_to(&mut self, folder: &Arc<Folder>) -> bool {
        if Arc::ptr_eq(&self.folder, folder) {
            return true;
        }
        let wanted = self.flush();
        self.folder = folder.clone();
        self.batch = Batch::new(folder.prefix().clone(), self.algorithms.clone());
        wanted
    }

    /// Hands over what was taken so far.
    pub(super) fn flush(&mut self) -> bool {
        if self.batch.len() == 0 {
            return true;
        }
        let next = Batch::new(self.folder.prefix().clone(), self.algorithms.clone());
        let batch = std::mem::replace(&mut self.batch, next);
        self.dealer.push(&self.folder, batch)
    }

    fn progress_one(&self) {
        self.dealer.progress.files.fetch_add(1, Ordering::Relaxed);
    }
}

/// The way through a tree: each folder's names in order, and what is beneath a folder in its place among them.
///
/// It holds one folder open for each level that it is deep.
#[derive(Default)]
pub(super) struct Walk {
    levels: Vec<(Arc<Folder>, Listing, usize)>,
}

impl Walk {
    /// Goes on with what is in that folder.
    pub(super) fn enter(&mut self, folder: &Folder, name: &CStr, follow: bool) -> Result<(), rustix::io::Errno> {
        let folder = folder.open_folder(name, follow)?;
        let listing = folder.list()?;
        self.levels.push((Arc::new(folder), listing, 0));
        Ok(())
    }

    /// The next thing.
    pub(super) fn next(&mut self) -> Option<(Arc<Folder>, Kind, CString)> {
        while let Some((folder, listing, place)) = self.levels.last_mut() {
            if let Some((kind, name)) = listing.get(*place) {
                *place += 1;
                return Some((folder.clone(), kind, name.to_owned()));
            }
            self.levels.pop();
        }
        None
    }
}
