//! A batch: files that follow each other in the output, and what became of each.
//!
//! It promises that a result is kept in few bytes until its turn comes: names and digests lie in one piece of memory
//! each. A batch is filled by the walk, then shared, never grown.

use std::ffi::CStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashlane_lanes::{Algorithm, Digest};

use super::SumError;

/// Files of one batch: few enough that the first results come soon, many enough that handing one over costs little.
const FILES_MAX: usize = 256;
/// Bytes of names of one batch.
const NAMES_BYTES_MAX: usize = 16 * 1024;
/// What an entry takes beside its name and digests: where its name begins, and its end.
const ENTRY_BYTES: usize = 24;

/// What became of a file.
#[derive(Debug, Default)]
pub(crate) enum End {
    /// Nothing yet.
    #[default]
    Open,
    /// It has digests, and so many bytes.
    Hashed(u64),
    /// It has none.
    Failed(Box<SumError>),
}

/// The ends of a batch's files.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    ends: Vec<End>,
    digests: Vec<u8>,
    open: usize,
    /// Whether the reader of results waits for the whole of it.
    watched: bool,
}

/// Files that follow each other in the output.
#[derive(Debug)]
pub(crate) struct Batch {
    /// What stands before each name in the output: nothing, or a folder with its slash.
    prefix: Arc<[u8]>,
    algorithms: Arc<[Algorithm]>,
    /// The names, each with a NUL behind it.
    names: Vec<u8>,
    /// Where each begins.
    starts: Vec<u32>,
    /// Those that had their end when they were pushed, in order.
    ended_before: Vec<usize>,
    ends: Mutex<Ends>,
    changed: Condvar,
}

impl Batch {
    /// An empty batch.
    pub(crate) fn new(prefix: Arc<[u8]>, algorithms: Arc<[Algorithm]>) -> Batch {
        Batch {
            prefix,
            algorithms,
            names: Vec::new(),
            starts: Vec::new(),
            ended_before: Vec::new(),
            ends: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Appends a file, whose end may be known already.
    pub(crate) fn push_ended(&mut self, name: &CStr, end: End, digests: &[Digest]) {
        if !matches!(end, End::Open) {
            self.ended_before.push(self.starts.len());
        }
        self.starts.push(self.names.len() as u32);
        self.names.extend_from_slice(name.to_bytes_with_nul());
        let stride = self.stride();
        let ends = self.ends.get_mut().unwrap_or_else(PoisonError::into_inner);
        ends.open += usize::from(matches!(end, End::Open));
        ends.ends.push(end);
        ends.digests.extend(digests.iter().flat_map(|digest| digest.as_bytes()));
        ends.digests.resize(ends.ends.len() * stride, 0);
    }

    /// How many files it has.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether it should take no more.
    pub(crate) fn is_full(&self) -> bool {
        self.starts.len() >= FILES_MAX || self.names.len() >= NAMES_BYTES_MAX
    }

    /// What it takes in memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Batch>() + self.prefix.len() + self.names.len() + self.len() * (ENTRY_BYTES + self.stride())
    }

    /// What stands before each name.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// What is computed of each file.
    pub(crate) fn algorithms(&self) -> &Arc<[Algorithm]> {
        &self.algorithms
    }

    /// The name of a file within its folder.
    pub(crate) fn name(&self, index: usize) -> &CStr {
        let rest = &self.names[self.starts[index] as usize..];
        CStr::from_bytes_until_nul(rest).unwrap_or_default()
    }

    /// Whether a file is to be hashed: it had no end when it was pushed.
    pub(crate) fn is_to_be_hashed(&self, index: usize) -> bool {
        self.ended_before.binary_search(&index).is_err()
    }

    /// Notes the digests of a file.
    pub(crate) fn finish(&self, index: usize, message_bytes: u64, digests: &[Digest]) {
        let mut ends = self.lock();
        let mut place = index * self.stride();
        for digest in digests {
            let bytes = digest.as_bytes();
            ends.digests[place..place + bytes.len()].copy_from_slice(bytes);
            place += bytes.len();
        }
        self.end(ends, index, End::Hashed(message_bytes));
    }

    /// Notes why a file has no digests.
    pub(crate) fn fail(&self, index: usize, error: SumError) {
        self.end(self.lock(), index, End::Failed(Box::new(error)));
    }

    fn end(&self, mut ends: MutexGuard<'_, Ends>, index: usize, end: End) {
        ends.ends[index] = end;
        ends.open -= 1;
        if ends.open == 0 && ends.watched {
            self.changed.notify_one();
        }
    }

    /// Waits until every file has its end, or for so long. Returns whether they have.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let mut ends = self.lock();
        ends.watched = true;
        if ends.open > 0 {
            ends = self.changed.wait_timeout(ends, timeout).unwrap_or_else(PoisonError::into_inner).0;
        }
        ends.watched = false;
        ends.open == 0
    }

    /// What became of a file, with its digests put into `digests`. [`End::Open`] leaves it for later.
    pub(crate) fn take(&self, index: usize, digests: &mut Vec<Digest>) -> End {
        digests.clear();
        let mut ends = self.lock();
        let end = std::mem::take(&mut ends.ends[index]);
        if matches!(end, End::Hashed(_)) {
            let mut rest = &ends.digests[index * self.stride()..];
            for algorithm in &*self.algorithms {
                let (bytes, others) = rest.split_at(algorithm.digest_bytes());
                digests.extend(Digest::from_bytes(*algorithm, bytes));
                rest = others;
            }
        }
        end
    }

    fn stride(&self) -> usize {
        self.algorithms.iter().map(|algorithm| algorithm.digest_bytes()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Ends> {
        // What is done under the lock does not panic halfway.
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
