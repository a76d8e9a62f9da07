//! What stands between the walk, the hashing threads and the reader of results: one lock, and bounds on everything.
//!
//! It promises that results come in the order of the walk, and that what is in memory stays within the window: a huge file
//! at the front holds back the walk, not memory. Files are dealt out a few at a time; big ones go to the thread that
//! has the fewest of them, since the first thread to come would else take all four of four and leave the others idle.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::folder::Folder;

/// Batches that wait to be dealt, each with its folder open.
const WAITING_MAX: usize = 64;
/// Names and digests from the first result that was not told yet to the last file that was walked: some 200,000 files.
const WINDOW_BYTES: usize = 16 * 1024 * 1024;
/// Files that are dealt at once: fewer and the lock shows, more and the last ones are shared out badly.
const DEALT_MAX: usize = 16;
/// How long a thread without work waits for a file that is to be read again before it looks at the clock.
const LATER_PAUSE: Duration = Duration::from_millis(4);
/// The big files of a thread that has ended: it never has the fewest.
const RETIRED: usize = usize::MAX;

/// A file to be hashed.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) folder: Arc<Folder>,
    pub(crate) batch: Arc<Batch>,
    pub(crate) index: usize,
    /// It was opened so often, in vain.
    pub(crate) tries: u32,
    /// When that was first.
    pub(crate) since: Option<Instant>,
    /// It is known to be big, and counts as such for the thread that has it.
    pub(crate) big: bool,
}

/// Files of a batch that wait to be dealt.
struct Waiting {
    folder: Arc<Folder>,
    batch: Arc<Batch>,
    left: Range<usize>,
}

/// What a thread got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Deal {
    /// Some files.
    Some,
    /// Nothing at the moment.
    Nothing,
    /// There is nothing and there will be nothing.
    End,
}

/// How far everything is, for whoever shows it.
#[derive(Debug, Default)]
pub struct SumProgress {
    /// Files that have digests or an error.
    pub files: AtomicU64,
    /// Bytes read for hashing.
    pub bytes: AtomicU64,
}

/// The meeting place.
pub(crate) struct Dealer {
    state: Mutex<State>,
    /// Threads wait here for files.
    work: Condvar,
    /// The walk waits here for room.
    room: Condvar,
    /// The reader of results waits here for the next batch.
    batches: Condvar,
    /// As in the state, for those who look at every turn.
    stopped: AtomicBool,
    pub(crate) progress: Arc<SumProgress>,
}

struct State {
    waiting: VecDeque<Waiting>,
    /// Known to be big, and not taken by a thread yet.
    bigs: VecDeque<Entry>,
    /// To be opened again from that moment on.
    later: VecDeque<(Instant, Entry)>,
    threads: Vec<Thread>,
    /// In the order of the results.
    ordered: VecDeque<Arc<Batch>>,
    window_bytes: usize,
    walked: bool,
    stopped: bool,
    walk_waits: bool,
    reader_waits: bool,
}

/// What is known of a hashing thread.
#[derive(Clone, Default)]
struct Thread {
    /// The big files that it has.
    bigs: usize,
    /// It has files whose size it has yet to learn: they may turn out to be big and for others.
    opening: bool,
    /// It waits for work.
    idle: bool,
}

impl Dealer {
    pub(crate) fn new(threads: usize) -> Dealer {
        let state = State {
            waiting: VecDeque::new(),
            bigs: VecDeque::new(),
            later: VecDeque::new(),
            threads: vec![Thread::default(); threads],
            ordered: VecDeque::new(),
            window_bytes: 0,
            walked: false,
            stopped: false,
            walk_waits: false,
            reader_waits: false,
        };
        Dealer {
            state: Mutex::new(state),
            work: Condvar::new(),
            room: Condvar::new(),
            batches: Condvar::new(),
            stopped: AtomicBool::new(false),
            progress: Arc::default(),
        }
    }

    /// Takes a batch from the walk; waits for room. Returns whether more is wanted.
    pub(crate) fn push(&self, folder: &Arc<Folder>, batch: Batch) -> bool {
        let (left, bytes) = (0..batch.len(), batch.bytes());
        let mut state = self.lock();
        // One that is larger than the window must come in all the same, alone.
        while !state.stopped
            && (state.waiting.len() >= WAITING_MAX
                || (state.window_bytes > 0 && state.window_bytes + bytes > WINDOW_BYTES))
        {
            state.walk_waits = true;
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.walk_waits = false;
        }
        let batch = Arc::new(batch);
        state.window_bytes += bytes;
        state.ordered.push_back(batch.clone());
        state.waiting.push_back(Waiting { folder: folder.clone(), batch, left });
        if state.reader_waits {
            self.batches.notify_one();
        }
        self.wake(&state);
        !state.stopped
    }

    /// The walk is over.
    pub(crate) fn walked(&self) {
        self.lock().walked = true;
        self.work.notify_all();
        self.batches.notify_one();
    }

    /// Ends everything soon.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.stopped.store(true, Ordering::Relaxed);
        self.work.notify_all();
        self.room.notify_all();
        self.batches.notify_all();
    }

    /// Whether nobody wants results any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The next batch of results, complete or not; none after `timeout`, and none when there are no more.
    pub(crate) fn next_batch(&self, timeout: Duration) -> (Option<Arc<Batch>>, bool) {
        let mut state = self.lock();
        if state.ordered.is_empty() && !state.walked && !state.stopped {
            state.reader_waits = true;
            state = self.batches.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0;
            state.reader_waits = false;
        }
        let batch = state.ordered.pop_front();
        let ended = batch.is_none() && (state.walked || state.stopped);
        (batch, ended)
    }

    /// All results of a batch were told.
    pub(crate) fn told(&self, batch: &Batch) {
        let mut state = self.lock();
        state.window_bytes -= batch.bytes();
        // Half of the window at once, so that the walk does not wake for each.
        if state.walk_waits && state.window_bytes < WINDOW_BYTES / 2 {
            self.room.notify_one();
        }
    }

    /// Deals at most `room` files to a thread, which has opened those of its last deal by now. Waits for them if it
    /// may: then it comes back without any only at the end, or when another look at the clock is due.
    pub(crate) fn deal(&self, thread: usize, room: usize, may_wait: bool, into: &mut Vec<Entry>) -> Deal {
        let mut state = self.lock();
        if std::mem::take(&mut state.threads[thread].opening) && !state.bigs.is_empty() {
            // Some may have waited to know whom they could be spread over.
            self.wake(&state);
        }
        loop {
            if state.stopped {
                return Deal::End;
            }
            if state.deal_big(thread, into) || state.deal_later(into) || state.deal_next(thread, room, into) {
                if state.walk_waits && state.waiting.len() <= WAITING_MAX / 2 {
                    self.room.notify_one();
                }
                return Deal::Some;
            }
            let ended = state.walked && state.waiting.is_empty() && state.bigs.is_empty() && state.later.is_empty();
            if ended && !state.threads.iter().any(|thread| thread.opening) {
                // Those who waited for this thread to open its files can end too.
                self.wake(&state);
                return Deal::End;
            }
            if !may_wait {
                return Deal::Nothing;
            }
            state.threads[thread].idle = true;
            state = match state.later.is_empty() {
                true => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                false => self.work.wait_timeout(state, LATER_PAUSE).unwrap_or_else(PoisonError::into_inner).0,
            };
            state.threads[thread].idle = false;
        }
    }

    /// A thread found a file to be big: it may keep it when nobody has fewer, and gives it back by [`Dealer::leave_big`]
    /// if not.
    pub(crate) fn keep_big(&self, thread: usize) -> bool {
        let mut state = self.lock();
        let keeps = state.has_fewest_bigs(thread);
        state.threads[thread].bigs += usize::from(keeps);
        keeps
    }

    /// A big file is for whoever has the fewest.
    pub(crate) fn leave_big(&self, entry: Entry) {
        let mut state = self.lock();
        state.bigs.push_back(entry);
        self.wake(&state);
    }

    /// A thread is done with a big file.
    pub(crate) fn drop_big(&self, thread: usize) {
        let mut state = self.lock();
        state.threads[thread].bigs -= 1;
        self.wake(&state);
    }

    /// A file is to be opened again after that pause.
    pub(crate) fn leave_for_later(&self, entry: Entry, pause: Duration) {
        let mut state = self.lock();
        state.later.push_back((Instant::now() + pause, entry));
        self.wake(&state);
    }

    /// A thread ends; it takes no big files any more.
    pub(crate) fn retire(&self, thread: usize) {
        self.lock().threads[thread].bigs = RETIRED;
    }

    /// How many threads beside this one have nothing to do, or only small files in hand, when no file waits: what a big
    /// file may be spread over.
    pub(crate) fn spare_threads(&self, thread: usize) -> usize {
        let state = self.lock();
        if !state.waiting.is_empty() || !state.bigs.is_empty() {
            return 0;
        }
        let spare = |other: &Thread| matches!(other.bigs, 0 | RETIRED);
        state.threads.iter().enumerate().filter(|(number, other)| *number != thread && spare(other)).count()
    }

    fn wake(&self, state: &State) {
        // A notification is a system call even when nobody waits.
        if state.threads.iter().any(|thread| thread.idle) {
            self.work.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is done under the lock does not panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_fewest_bigs(&self, thread: usize) -> bool {
        self.threads.iter().all(|other| self.threads[thread].bigs <= other.bigs)
    }

    fn deal_big(&mut self, thread: usize, into: &mut Vec<Entry>) -> bool {
        let Some(first) = self.bigs.front() else { return false };
        if !self.has_fewest_bigs(thread) {
            return false;
        }
        // Several algorithms are spread over threads that have nothing to do. While no file waits and another thread is
        // opening some, these may turn out to be big, or that thread to be free: it is known in a moment.
        let is_spread = first.batch.algorithms().len() > 1;
        if is_spread && self.waiting.is_empty() && self.threads.iter().any(|thread| thread.opening) {
            return false;
        }
        into.extend(self.bigs.pop_front());
        self.threads[thread].bigs += 1;
        true
    }

    fn deal_later(&mut self, into: &mut Vec<Entry>) -> bool {
        // Pauses differ a little, so that one that is due may wait for the one before it.
        if self.later.front().is_none_or(|(due, _)| *due > Instant::now()) {
            return false;
        }
        into.extend(self.later.pop_front().map(|(_, entry)| entry));
        true
    }

    fn deal_next(&mut self, thread: usize, room: usize, into: &mut Vec<Entry>) -> bool {
        while let Some(first) = self.waiting.front_mut() {
            let end = first.left.end.min(first.left.start + room.min(DEALT_MAX));
            for index in first.left.start..end {
                if first.batch.is_to_be_hashed(index) {
                    let (folder, batch) = (first.folder.clone(), first.batch.clone());
                    into.push(Entry { folder, batch, index, tries: 0, since: None, big: false });
                }
            }
            first.left.start = end;
            if first.left.is_empty() {
                self.waiting.pop_front();
            }
            if !into.is_empty() {
                self.threads[thread].opening = true;
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use hashlane_lanes::Algorithm;

    use super::super::batch::End;
    use super::*;

    fn batch(folder: &Arc<Folder>, files: usize) -> Batch {
        let mut batch = Batch::new(folder.prefix().clone(), [Algorithm::Md5].into());
        (0..files).for_each(|_| batch.push_ended(c"name", End::Open, &[]));
        batch
    }

    #[test]
    fn four_big_files_are_dealt_to_two_threads_two_each() {
        let dealer = Dealer::new(2);
        let folder = Arc::new(Folder::working());
        assert!(dealer.push(&folder, batch(&folder, 4)));
        dealer.walked();
        let mut files = Vec::new();
        assert_eq!(dealer.deal(0, 32, false, &mut files), Deal::Some);
        assert_eq!(files.len(), 4);
        let mut kept = [0; 2];
        for file in files {
            // The first thread opened all of them; it keeps those for which it has no more than the other.
            match dealer.keep_big(0) {
                true => kept[0] += 1,
                false => dealer.leave_big(file),
            }
            let mut dealt = Vec::new();
            if dealer.deal(1, 32, false, &mut dealt) == Deal::Some {
                kept[1] += 1;
            }
        }
        assert_eq!(kept, [2, 2]);
    }

    #[test]
    fn a_big_file_of_several_algorithms_finds_the_threads_that_have_nothing_to_do() {
        let dealer = Dealer::new(2);
        let folder = Arc::new(Folder::working());
        let mut files = Batch::new(folder.prefix().clone(), [Algorithm::Md5, Algorithm::Sha1].into());
        files.push_ended(c"name", End::Open, &[]);
        assert!(dealer.push(&folder, files));
        dealer.walked();
        let mut dealt = Vec::new();
        assert_eq!(dealer.deal(0, 32, false, &mut dealt), Deal::Some);
        dealer.leave_big(dealt.remove(0));
        // The thread that opened it may have more that are as big.
        assert_eq!(dealer.deal(1, 32, false, &mut dealt), Deal::Nothing);
        assert_eq!(dealer.deal(0, 32, true, &mut dealt), Deal::Some);
        assert_eq!(dealer.spare_threads(0), 1);
        dealer.retire(1);
        assert_eq!(dealer.spare_threads(0), 1, "a thread that has ended leaves its core");
    }

    #[test]
    fn a_thread_without_work_waits_for_what_another_is_opening() {
        let dealer = Dealer::new(2);
        let folder = Arc::new(Folder::working());
        assert!(dealer.push(&folder, batch(&folder, 1)));
        dealer.walked();
        let mut files = Vec::new();
        assert_eq!(dealer.deal(0, 32, false, &mut files), Deal::Some);
        assert_eq!(dealer.deal(1, 32, false, &mut Vec::new()), Deal::Nothing);
        assert_eq!(dealer.deal(0, 32, false, &mut Vec::new()), Deal::End);
        assert_eq!(dealer.deal(1, 32, true, &mut Vec::new()), Deal::End);
    }

    #[test]
    fn the_walk_goes_no_further_ahead_than_the_window() {
        let dealer = Arc::new(Dealer::new(1));
        let folder = Arc::new(Folder::working());
        let walking = dealer.clone();
        let walk = std::thread::spawn(move || {
            let folder = Arc::new(Folder::working());
            let mut pushed = 0_usize;
            while walking.push(&folder, batch(&folder, 200)) {
                pushed += 1;
            }
            pushed
        });
        // Files are dealt and none of their results is told, as when the first of them is huge.
        let mut dealt = Vec::new();
        let one = batch(&folder, 200).bytes();
        while dealt.len() / 200 < WINDOW_BYTES / one {
            dealer.deal(0, 32, true, &mut dealt);
        }
        while !dealer.lock().walk_waits {
            std::thread::yield_now();
        }
        assert_eq!(dealer.deal(0, 32, false, &mut dealt), Deal::Nothing);
        assert!(dealer.lock().window_bytes <= WINDOW_BYTES);
        dealer.stop();
        assert_eq!(walk.join().expect("it ends"), WINDOW_BYTES / one);
    }

    #[test]
    fn what_had_its_end_before_is_not_dealt() {
        let dealer = Dealer::new(1);
        let folder = Arc::new(Folder::working());
        let mut mixed = Batch::new(folder.prefix().clone(), [Algorithm::Md5].into());
        for number in 0..40 {
            let end = if number % 2 == 0 { End::Hashed(0) } else { End::Open };
            mixed.push_ended(c"name", end, &[]);
        }
        dealer.push(&folder, mixed);
        dealer.walked();
        let mut dealt = Vec::new();
        while dealer.deal(0, 32, true, &mut dealt) != Deal::End {}
        assert!(dealt.iter().map(|entry| entry.index).eq((0..40).filter(|index| index % 2 == 1)));
    }
}
