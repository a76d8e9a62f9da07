//! Where results and messages go: stdout and stderr, around the progress that may stand on the same terminal.

use std::io::{IsTerminal, Write};

use super::progress::Progress;
use crate::failure::Failure;

/// Written at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// The two streams.
pub(super) struct Output {
    /// Results that were not written yet.
    pub(super) results: Vec<u8>,
    progress: Progress,
    /// Results and progress stand on one terminal.
    shared: bool,
    broken: Option<std::io::Error>,
}

impl Output {
    pub(super) fn new(progress: Progress) -> Output {
        let shared = progress.is_shown() && std::io::stdout().is_terminal();
        Output { results: Vec::with_capacity(BUFFER_BYTES + 4096), progress, shared, broken: None }
    }

    /// Writes when there is much to write.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        if self.results.len() >= BUFFER_BYTES {
            self.flush();
        }
        match self.broken.take() {
            None => Ok(()),
            Some(error) => Err(Failure::cannot(format!("cannot write to stdout: {error}"))),
        }
    }

    /// Writes what there is. Returns whether that is of any use; what goes wrong is told by [`Output::settle`].
    pub(super) fn flush(&mut self) -> bool {
        if self.results.is_empty() || self.broken.is_some() {
            return self.broken.is_none();
        }
        let results = &self.results;
        let mut stdout = std::io::stdout().lock();
        let mut write = || stdout.write_all(results).and_then(|()| stdout.flush());
        let written = if self.shared { self.progress.aside(write) } else { write() };
        self.broken = written.err();
        self.results.clear();
        self.broken.is_none()
    }

    /// A line on stderr, after the results before it.
    pub(super) fn complain(&mut self, text: &str) {
        self.flush();
        // A closed stderr is no reason to stop.
        self.progress.aside(|| drop(writeln!(std::io::stderr(), "hashlane: {text}")));
    }

    /// Takes the progress away and writes everything.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.progress.end();
        self.flush();
        self.settle()
    }
}
