//! Digests of files and folders now, in order: what `hashlane sum` stands on.
//!
//! ```text
//!   walk ── batches of names ──▶ dealer ── files ──▶ threads with lanes ── digests ──▶ batches ──▶ reader, in order
//!                                   ▲                                                                 │
//!                                   └──────────── the window: walked and not told yet ◀───────────────┘
//! ```
//!
//! The threads run the same lanes by the same code as jobs do (`pool/hashing.rs`), without async tasks and channels in
//! between: a small file is one open by its folder's descriptor, one read into its lane's own space, one look, one close.
//!
//! It promises digests of one version of each file or an error (`file.rs`), results in the order of the walk
//! (`intake.rs`), and memory that does not grow with the number of files (`dealer.rs`), except for the names of the
//! folders that the walk is in, since they are sorted. What it leaves out on purpose: memory maps, since a file that
//! is cut while it is mapped kills the process, and io_uring, which gains nothing on a warm cache.

mod batch;
mod count;
mod dealer;
mod error;
mod file;
mod folder;
mod intake;
mod spread;
mod stamp;
mod thread;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hashlane_lanes::{Algorithm, Digest, Platform};

use crate::budget::Budget;
use crate::pool::hashing::Interruption;

use batch::{Batch, End};
pub use count::SumTotal;
use dealer::Dealer;
pub use dealer::SumProgress;
pub use error::SumError;
pub use intake::Intake;

/// The longest time between a digest and its telling, when those before it are told.
const TOLD_WITHIN: Duration = Duration::from_millis(50);

/// How files are summed.
#[derive(Debug, Clone)]
pub struct SumOptions {
    /// The instruction set of the lanes.
    pub platform: Platform,
    /// Hashing threads; 0 = one per core.
    pub threads: usize,
    /// What is computed of each file: none twice. With none at all files are read and verified as ever, and have no
    /// digests: what reading alone costs.
    pub algorithms: Vec<Algorithm>,
}

/// Files that are being summed. Dropping it ends the work soon.
pub struct Sums {
    dealer: Arc<Dealer>,
    joins: Vec<JoinHandle<()>>,
    batch: Option<Arc<Batch>>,
    index: usize,
    digests: Vec<Digest>,
    error: Option<Box<SumError>>,
}

/// What became of one file.
#[derive(Debug)]
pub struct Summed<'a> {
    /// What stands before the name: nothing, or folders that end in a slash. No text in general, but bytes.
    pub prefix: &'a [u8],
    /// The name, or the path that was given.
    pub name: &'a [u8],
    /// One digest for each algorithm, in the order asked, and the length in bytes; or why there are none.
    pub outcome: Result<(&'a [Digest], u64), &'a SumError>,
}

impl Sums {
    /// Starts the threads; `feed` runs on one of its own and says what is to be summed.
    ///
    /// # Errors
    ///
    /// When threads cannot be started.
    pub fn start(options: &SumOptions, feed: impl FnOnce(&mut Intake) + Send + 'static) -> io::Result<Sums> {
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let dealer = Arc::new(Dealer::new(threads));
        let mut sums =
            Sums { dealer: dealer.clone(), joins: Vec::new(), batch: None, index: 0, digests: Vec::new(), error: None };
        let mut intake = Intake::new(dealer, threads, &options.algorithms);
        sums.spawn("walk".into(), move |dealer| {
            // Also after a panic the reader must see an end.
            let _walked = Walked(dealer);
            feed(&mut intake);
            intake.flush();
        })?;
        for number in 0..threads {
            let platform = options.platform;
            let budget = Budget::of_files(threads);
            sums.spawn(format!("hash-{number}"), move |dealer| thread::run(dealer, number, budget, platform))?;
        }
        Ok(sums)
    }

    fn spawn(&mut self, name: String, run: impl FnOnce(&Arc<Dealer>) + Send + 'static) -> io::Result<()> {
        let dealer = self.dealer.clone();
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&dealer));
        // On an error the threads that run already end when this value is dropped.
        self.joins.push(thread?);
        Ok(())
    }

    /// How far everything is.
    pub fn progress(&self) -> Arc<SumProgress> {
        self.dealer.progress.clone()
    }

    /// The next result, in the order in which files were fed; none when there are no more. `idle` is called when the
    /// next result is not there yet and nothing else came for a while, so that what is known can be shown; it says
    /// whether to go on waiting, and there is no result when it does not.
    pub fn next(&mut self, mut idle: impl FnMut() -> bool) -> Option<Summed<'_>> {
        loop {
            let Some(batch) = &self.batch else {
                match self.dealer.next_batch(TOLD_WITHIN) {
                    (Some(batch), _) => (self.batch, self.index) = (Some(batch), 0),
                    (None, true) => return None,
                    (None, false) if !idle() => return None,
                    (None, false) => {}
                }
                continue;
            };
            if self.index == batch.len() {
                self.dealer.told(batch);
                self.batch = None;
                continue;
            }
            match batch.take(self.index, &mut self.digests) {
                End::Open if self.dealer.is_stopped() => {
                    self.error = Some(Box::new(SumError::from(Interruption::Panicked)));
                }
                End::Open => {
                    if !batch.wait(TOLD_WITHIN) && !idle() {
                        return None;
                    }
                    continue;
                }
                End::Hashed(bytes) => {
                    self.index += 1;
                    return self.told(Some(bytes));
                }
                End::Failed(error) => self.error = Some(error),
            }
            self.index += 1;
            return self.told(None);
        }
    }

    /// The result before the place that was reached.
    fn told(&self, bytes: Option<u64>) -> Option<Summed<'_>> {
        let batch = self.batch.as_ref()?;
        let outcome = match (bytes, &self.error) {
            (Some(bytes), _) => Ok((&self.digests[..], bytes)),
            (None, Some(error)) => Err(&**error),
            (None, None) => return None,
        };
        Some(Summed { prefix: batch.prefix(), name: batch.name(self.index - 1).to_bytes(), outcome })
    }
}

impl Drop for Sums {
    fn drop(&mut self) {
        self.dealer.stop();
        for join in self.joins.drain(..) {
            // The walk may be reading a stream that never ends; a process that ends ends it too.
            if join.thread().name() != Some("walk") {
                // What panicked has told so.
                let _ = join.join();
            }
        }
    }
}

/// The walk is over, however it ended.
struct Walked<'a>(&'a Dealer);

impl Drop for Walked<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
        self.0.walked();
    }
}
