//! A file on its way through the lanes of one thread.
//!
//! It promises that digests are those of one version of the file: the bytes read are as many as the file has after the
//! last of them, and nothing was written since the opening (`stamp.rs` tells how one look proves that). What cannot be
//! proven is read again; what keeps changing has an error and no digest. It never waits for a pipe and reads no device.

use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hashlane_lanes::{Algorithm, Digest, Finished, Lanes, Slot};
use rustix::fs::{Advice, fadvise};

use super::SumError;
use super::dealer::{Dealer, Entry};
use super::stamp::{Devices, Look, Moment};
use crate::pool::hashing::{Occupant, Turn};

/// From this size on files are dealt out one by one. Smaller ones even out by their number.
const BIG_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// From this size on a file may have the algorithms asked of it spread over threads.
pub(crate) const SPREAD_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// Files from this size on are announced to the kernel, which then reads ahead; see `local/file.rs`.
const ANNOUNCED_BYTES_MIN: u64 = 128 * 1024;
/// How much is asked for in advance.
const READAHEAD_BYTES: u64 = 1024 * 1024;

/// The pause before a file is opened again that may have changed: longer than any tick of a kernel's clock.
const CHANGED_PAUSE: Duration = Duration::from_millis(12);
/// A file is given up when it was read so often...
const TRIES_MIN: u32 = 3;
/// ...for so long, which is more than the second that a file system may take for a tick.
const TRYING_TIME: Duration = Duration::from_millis(1500);

/// What the files of one thread share.
pub(crate) struct Bench {
    pub(crate) dealer: Arc<Dealer>,
    pub(crate) thread: usize,
    pub(crate) devices: RefCell<Devices>,
}

/// A file that is being read.
pub(crate) struct SumFile {
    bench: Rc<Bench>,
    entry: Entry,
    file: File,
    /// Before it was opened.
    opened: Moment,
    /// What it was before the first byte, where one look is not enough.
    first: Option<Look>,
    /// Its length, once known.
    size_bytes: Option<u64>,
    read_bytes: u64,
    leaves_for: LeavesFor,
}

/// Where a file goes when it leaves the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeavesFor {
    /// It is for another thread.
    Another,
    /// It may have changed.
    Later,
    /// It must be looked at first.
    Now,
}

/// What is to be done with a file after a look at it.
enum Next {
    Read,
    End,
    Leave(LeavesFor),
}

impl SumFile {
    /// Opens a file. None when it went elsewhere, or has its end.
    pub(crate) fn open(bench: &Rc<Bench>, entry: Entry) -> Option<SumFile> {
        let opened = Moment::now();
        let file = match entry.folder.open_file(entry.batch.name(entry.index)) {
            Ok(file) => file,
            Err(errno) => {
                let special = matches!(errno, rustix::io::Errno::NXIO | rustix::io::Errno::NODEV);
                end(bench, &entry, Err(if special { SumError::special() } else { errno.into() }));
                return None;
            }
        };
        let looks_first = entry.tries > 0 || entry.folder.looks_first();
        let mut file = SumFile {
            bench: bench.clone(),
            entry,
            file,
            opened,
            first: None,
            size_bytes: None,
            read_bytes: 0,
            leaves_for: LeavesFor::Later,
        };
        if looks_first {
            match Look::at(&file.file) {
                Ok(look) if look.is_regular && look.is_fresh(opened) => {
                    file.leave();
                    return None;
                }
                Ok(look) => file.first = Some(look),
                Err(error) => {
                    file.fail(error.into());
                    return None;
                }
            }
        }
        Some(file)
    }

    /// Looks at the file: after its first bytes to learn its length, and after its last.
    fn look(&mut self) -> Result<Next, SumError> {
        let look = Look::at(&self.file)?;
        if !look.is_regular {
            return Err(if look.is_folder { SumError::folder() } else { SumError::special() });
        }
        let size_bytes = look.identity.size_bytes;
        if size_bytes < self.read_bytes || self.size_bytes.is_some_and(|before| before != size_bytes) {
            return Ok(Next::Leave(LeavesFor::Later));
        }
        match self.first {
            Some(first) if first != look => return Ok(Next::Leave(LeavesFor::Later)),
            Some(_) => {}
            None => {
                let stamps_here = self.bench.devices.borrow_mut().stamp_here(&self.file, look.identity.device);
                if !stamps_here {
                    self.entry.folder.look_first();
                    return Ok(Next::Leave(LeavesFor::Now));
                }
                if !look.is_older_than(self.opened) {
                    return Ok(Next::Leave(LeavesFor::Later));
                }
            }
        }
        if size_bytes == self.read_bytes {
            return Ok(Next::End);
        }
        if self.size_bytes.is_none() {
            self.size_bytes = Some(size_bytes);
            if size_bytes >= ANNOUNCED_BYTES_MIN {
                // Advice only: that it is not taken is no error.
                let _ = fadvise(&self.file, 0, None, Advice::Sequential);
                let _ = fadvise(&self.file, self.read_bytes, NonZeroU64::new(READAHEAD_BYTES), Advice::WillNeed);
            }
            if size_bytes >= BIG_BYTES_MIN && !self.entry.big {
                // With several algorithms its new thread decides whether they are spread.
                let spreads = size_bytes >= SPREAD_BYTES_MIN && self.entry.batch.algorithms().len() > 1;
                self.entry.big = !spreads && self.bench.dealer.keep_big(self.bench.thread);
                if !self.entry.big {
                    return Ok(Next::Leave(LeavesFor::Another));
                }
            }
        }
        Ok(Next::Read)
    }

    /// Reads the next bytes into `space`. The end of a file that is shorter than it was comes as no bytes at all.
    fn fill(&mut self, space: &mut [u8]) -> Result<usize, SumError> {
        let read = loop {
            match (&self.file).read(space) {
                Ok(read) => break read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::IsADirectory => return Err(SumError::folder()),
                // What can be waited for is a pipe or a device.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(SumError::special()),
                Err(error) => return Err(error.into()),
            }
        };
        self.read_bytes += read as u64;
        self.bench.dealer.progress.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }

    /// Whether so many bytes and no more were to be read before the next look.
    fn is_to_be_looked_at(&self, read: usize) -> bool {
        read == 0 || self.size_bytes.is_none_or(|size_bytes| self.read_bytes >= size_bytes)
    }

    /// Reads all of it into `take`, outside of any lanes. `Ok(None)` when it changed.
    pub(crate) fn read_all(&mut self, space: &mut [u8], mut take: impl FnMut(&[u8])) -> Result<Option<u64>, SumError> {
        loop {
            if self.bench.dealer.is_stopped() {
                return Ok(None);
            }
            let read = self.fill(space)?;
            take(&space[..read]);
            if self.is_to_be_looked_at(read) {
                match self.look()? {
                    Next::End => return Ok(Some(self.read_bytes)),
                    Next::Read if read > 0 => {}
                    Next::Read => return Ok(None),
                    Next::Leave(leaves_for) => {
                        self.leaves_for = leaves_for;
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Its digests, from elsewhere than the lanes.
    pub(crate) fn finish_with(self, message_bytes: u64, digests: &[Digest]) {
        end(&self.bench, &self.entry, Ok((message_bytes, digests)));
    }
}

impl Occupant for SumFile {
    const METERED: bool = false;
    type Error = SumError;

    fn algorithms(&self) -> &[Algorithm] {
        self.entry.batch.algorithms()
    }

    fn read(&mut self, lanes: &mut Lanes, slot: Slot) -> Result<Turn, SumError> {
        let bytes = self.fill(lanes.space(slot))?;
        lanes.feed(slot, bytes);
        let mut turn = Turn { bytes, ..Turn::default() };
        if self.is_to_be_looked_at(bytes) {
            match self.look()? {
                Next::End => turn.ended = true,
                Next::Read if bytes > 0 => {}
                // It said that there is more, and there is not.
                Next::Read => turn.leaves = true,
                Next::Leave(leaves_for) => {
                    self.leaves_for = leaves_for;
                    turn.leaves = true;
                }
            }
        }
        Ok(turn)
    }

    fn given_up(&self) -> bool {
        self.bench.dealer.is_stopped()
    }

    fn finish(self, finished: &Finished) {
        end(&self.bench, &self.entry, Ok((finished.message_bytes, &finished.digests)));
    }

    fn fail(self, error: SumError) {
        end(&self.bench, &self.entry, Err(error));
    }

    fn leave(mut self) {
        let dealer = &self.bench.dealer;
        // What was read of it is read again.
        dealer.progress.bytes.fetch_sub(self.read_bytes, Ordering::Relaxed);
        if self.leaves_for == LeavesFor::Another {
            // It counts for the thread that takes it.
            self.entry.big = true;
            dealer.leave_big(self.entry);
            return;
        }
        let since = *self.entry.since.get_or_insert_with(Instant::now);
        if self.entry.tries >= TRIES_MIN && since.elapsed() >= TRYING_TIME {
            end(&self.bench, &self.entry, Err(SumError::changing()));
            return;
        }
        self.entry.tries += 1;
        if std::mem::take(&mut self.entry.big) {
            dealer.drop_big(self.bench.thread);
        }
        let pause = if self.leaves_for == LeavesFor::Now { Duration::ZERO } else { CHANGED_PAUSE };
        dealer.leave_for_later(self.entry, pause);
    }
}

/// Notes what became of a file.
fn end(bench: &Bench, entry: &Entry, end: Result<(u64, &[Digest]), SumError>) {
    if entry.big {
        bench.dealer.drop_big(bench.thread);
    }
    bench.dealer.progress.files.fetch_add(1, Ordering::Relaxed);
    match end {
        Ok((message_bytes, digests)) => entry.batch.finish(entry.index, message_bytes, digests),
        Err(error) => entry.batch.fail(entry.index, error),
    }
}

#[cfg(test)]
mod tests {
    //! What changes while a file is read is arranged here step by step; through the command it would be a race.

    use std::ffi::CString;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use hashlane_lanes::Algorithm;

    use super::super::batch::{Batch, End};
    use super::super::folder::Folder;
    use super::*;

    struct World {
        dir: tempfile::TempDir,
        bench: Rc<Bench>,
    }

    impl World {
        fn new() -> World {
            let dealer = Arc::new(Dealer::new(1));
            let bench = Rc::new(Bench { dealer, thread: 0, devices: RefCell::default() });
            World { dir: tempfile::tempdir().expect("a temporary folder"), bench }
        }

        fn write(&self, content: &[u8]) {
            fs::write(self.path(), content).expect("written");
        }

        fn path(&self) -> std::path::PathBuf {
            self.dir.path().join("a")
        }

        fn entry(&self) -> Entry {
            entry(&self.path())
        }

        /// Opens the file when its last change is older than the clock's tick.
        fn open(&self) -> SumFile {
            loop {
                let file = SumFile::open(&self.bench, self.entry()).expect("it exists");
                if Look::at(&file.file).is_ok_and(|look| look.is_older_than(file.opened)) {
                    return file;
                }
                std::thread::yield_now();
            }
        }
    }

    fn entry(path: &Path) -> Entry {
        let name = CString::new(path.as_os_str().as_bytes()).expect("no NUL");
        let folder = Arc::new(Folder::working());
        let mut batch = Batch::new(folder.prefix().clone(), [Algorithm::Md5].into());
        batch.push_ended(&name, End::Open, &[]);
        Entry { folder, batch: Arc::new(batch), index: 0, tries: 0, since: None, big: false }
    }

    fn end_of(entry: &Entry) -> Option<Result<u64, String>> {
        match entry.batch.take(0, &mut Vec::new()) {
            End::Open => None,
            End::Hashed(bytes) => Some(Ok(bytes)),
            End::Failed(error) => Some(Err(error.message)),
        }
    }

    #[test]
    fn an_untouched_file_is_read_whole_with_one_look() {
        let world = World::new();
        for content in [&b""[..], b"hello", &[7; 100], &[8; 1000]] {
            world.write(content);
            let mut read = Vec::new();
            let bytes = world.open().read_all(&mut [0; 100], |bytes| read.extend_from_slice(bytes));
            assert_eq!((bytes, &read[..]), (Ok(Some(content.len() as u64)), content));
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_has_no_digest() {
        let rewrite: fn(&Path) = |path| {
            use std::os::unix::fs::FileExt;
            File::options().write(true).open(path).and_then(|file| file.write_all_at(b"!", 150)).expect("rewritten");
        };
        let cut: fn(&Path) =
            |path| File::options().write(true).open(path).and_then(|file| file.set_len(120)).expect("cut");
        let grow: fn(&Path) =
            |path| File::options().write(true).open(path).and_then(|file| file.set_len(900)).expect("grown");
        let turn_back: fn(&Path) = |path| {
            let modified = fs::metadata(path).and_then(|facts| facts.modified()).expect("a time");
            let file = File::options().write(true).open(path).expect("opened");
            std::os::unix::fs::FileExt::write_all_at(&file, b"!", 150).expect("rewritten");
            file.set_modified(modified).expect("set");
        };
        for change in [rewrite, cut, grow, turn_back] {
            for changed_at in [0, 1, 2] {
                let world = World::new();
                world.write(&[7; 200]);
                let mut file = world.open();
                let mut turns = 0;
                if changed_at == 0 {
                    change(&world.path());
                }
                let read = file.read_all(&mut [0; 100], |_| {
                    turns += 1;
                    if turns == changed_at {
                        change(&world.path());
                    }
                });
                assert_eq!(read, Ok(None), "changed at {changed_at}");
            }
        }
    }

    #[test]
    fn a_file_that_is_replaced_is_read_as_it_was_opened() {
        let world = World::new();
        world.write(b"hello");
        let mut file = world.open();
        fs::write(world.dir.path().join("b"), b"HELLO").expect("written");
        fs::rename(world.dir.path().join("b"), world.path()).expect("replaced");
        let mut read = Vec::new();
        // The rename changed the old file's count of links, so that it is looked at again, and then it is the new one.
        if file.read_all(&mut [0; 100], |bytes| read.extend_from_slice(bytes)) != Ok(None) {
            assert_eq!(read, b"hello");
        }
    }

    #[test]
    fn a_file_that_keeps_changing_is_given_up_with_an_error() {
        let world = World::new();
        world.write(b"hello");
        let mut entry = world.entry();
        (entry.tries, entry.since) = (TRIES_MIN, Instant::now().checked_sub(TRYING_TIME));
        // It is looked at first now; while it is fresh it goes back, and it was tried for long enough.
        let fresh = (0..1000).any(|_| {
            world.write(b"hello");
            let tried = entry.clone();
            SumFile::open(&world.bench, tried).is_none()
        });
        assert!(fresh);
        assert_eq!(end_of(&entry), Some(Err(SumError::changing().message)));
    }

    #[test]
    fn what_is_no_regular_file_is_not_waited_for() {
        let world = World::new();
        rustix::fs::mknodat(rustix::fs::CWD, world.path(), rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("made");
        for (path, error) in [
            (world.path().as_path(), SumError::special()),
            (world.dir.path(), SumError::folder()),
            (Path::new("/dev/zero"), SumError::special()),
        ] {
            let entry = entry(path);
            let mut file = SumFile::open(&world.bench, entry).expect("it opens");
            assert_eq!(file.read_all(&mut [0; 100], |_| {}), Err(error), "{}", path.display());
        }
    }
}
