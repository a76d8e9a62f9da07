//! The model: every request and every answer, in a log that is on the disk before the request is sent and before the next
//! step after an answer.
//!
//! One thread writes; what waits shares one fdatasync, as in the store that is tested. The checker reads the log and not
//! what this process remembers.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::failure::Failure;

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Entry {
    /// A submit is about to be sent.
    Send {
        /// Its number.
        n: u64,
    },
    /// It was answered with 200.
    Accepted {
        /// The request's number.
        n: u64,
        /// The job's id.
        id: String,
    },
    /// It was refused in order: 503.
    Refused {
        /// The request's number.
        n: u64,
    },
    /// No answer came, or none that means anything.
    Unanswered {
        /// The request's number.
        n: u64,
        /// What came instead.
        why: String,
    },
    /// A cancel is about to be sent.
    Cancel {
        /// The request's number.
        n: u64,
    },
    /// It was answered with 200.
    Cancelled {
        /// The request's number.
        n: u64,
    },
    /// A query showed a job in a final state.
    Seen {
        /// The request's number.
        n: u64,
        /// The state in the word of the wire.
        state: String,
        /// The digest in hex, empty when there is none.
        digest: String,
    },
}

type Line = (Vec<u8>, oneshot::Sender<()>);

/// Where lines are written; clones share it.
#[derive(Debug, Clone)]
pub struct Model {
    lines: mpsc::Sender<Line>,
    /// The file.
    path: PathBuf,
}

impl Model {
    /// A new log.
    pub fn create(path: &Path) -> Result<Model, Failure> {
        let mut file = File::create_new(path)?;
        let (lines, waiting) = mpsc::channel::<Line>();
        std::thread::spawn(move || {
            while let Ok(first) = waiting.recv() {
                let group: Vec<Line> = std::iter::once(first).chain(waiting.try_iter()).collect();
                let bytes: Vec<u8> = group.iter().flat_map(|(line, _)| line.iter().copied()).collect();
                // Whoever waits sees the channel closed, and the run ends.
                if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
                    return;
                }
                for (_, written) in group {
                    let _ = written.send(());
                }
            }
        });
        Ok(Model { lines, path: path.to_owned() })
    }

    /// Writes a line and returns when it is on the disk.
    pub async fn write(&self, entry: &Entry) -> Result<(), Failure> {
        let lost = || Failure::new("the model's log cannot be written");
        let mut line = serde_json::to_vec(entry).map_err(|error| Failure::new(error.to_string()))?;
        line.push(b'\n');
        let (written, done) = oneshot::channel();
        self.lines.send((line, written)).map_err(|_| lost())?;
        done.await.map_err(|_| lost())
    }

    /// Gives every line that was written.
    pub fn read(&self, mut entry: impl FnMut(Entry)) -> Result<(), Failure> {
        for line in BufReader::new(File::open(&self.path)?).lines() {
            let line = line?;
            entry(serde_json::from_str(&line).map_err(|error| Failure::new(format!("{line}: {error}")))?);
        }
        Ok(())
    }
}
