//! How far the summing is: bytes, files, rate and the time that is left, on a terminal.
//!
//! It promises nothing on stderr when that is not a terminal, and nothing for what takes less than a second. How much
//! there is to do is counted by a walk of its own, which only then begins; until it is known there is no time left.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use hashlane_engine::{SumProgress, SumTotal};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is done sooner needs no progress.
const SHOWN_AFTER: Duration = Duration::from_secs(1);
const SHOWN_EVERY: Duration = Duration::from_millis(100);

/// Counts what there is to do; stops when it is told to.
type Count = Box<dyn FnOnce(&AtomicBool) -> Option<SumTotal> + Send>;

/// The progress on the terminal, or none.
pub(super) struct Progress {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Shows how far it is, when `wanted` and stderr is a terminal.
    pub(super) fn start(wanted: bool, done: Arc<SumProgress>, count: Option<Count>) -> Progress {
        let stop = Arc::new(AtomicBool::new(false));
        if !wanted || !std::io::stderr().is_terminal() {
            return Progress { bar: ProgressBar::hidden(), stop, thread: None };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let (ended, end) = channel();
        let (its_bar, its_stop) = (bar.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            if end.recv_timeout(SHOWN_AFTER) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let total = Arc::new(OnceLock::new());
            if let Some(count) = count {
                let total = total.clone();
                // Not waited for: it may be in a call that hangs, and its result is of no use any more then.
                std::thread::spawn(move || count(&its_stop).map(|counted| total.set(counted)));
            }
            its_bar.set_message("0 files");
            its_bar.set_style(style("{spinner} {binary_bytes}, {msg}, {binary_bytes_per_sec}"));
            let mut told = false;
            loop {
                let files = done.files.load(Ordering::Relaxed);
                match total.get() {
                    None => its_bar.set_message(format!("{files} files")),
                    Some(SumTotal { files: all, bytes }) => {
                        if !told {
                            its_bar.set_length(*bytes);
                            its_bar.set_style(style(
                                "{wide_bar} {binary_bytes} of {binary_total_bytes}, {msg}, {binary_bytes_per_sec}, {eta} left",
                            ));
                            told = true;
                        }
                        its_bar.set_message(format!("{files} of {all} files"));
                    }
                }
                // Drawn with this, so it comes last.
                its_bar.set_position(done.bytes.load(Ordering::Relaxed));
                its_bar.tick();
                if end.recv_timeout(SHOWN_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        Progress { bar, stop, thread: Some((ended, thread)) }
    }

    /// Whether there is any.
    pub(super) fn is_shown(&self) -> bool {
        self.thread.is_some()
    }

    /// Writes something else to the terminal.
    pub(super) fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        if self.is_shown() { self.bar.suspend(write) } else { write() }
    }

    /// Takes it away.
    pub(super) fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some((ended, thread)) = self.thread.take() {
            drop(ended);
            // What panicked has told so.
            let _ = thread.join();
            self.bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
