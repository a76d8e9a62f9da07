//! Why the engine cannot do something for its operator.
//!
//! It promises one line that says what, on which bucket, why, and what to do. It may name paths of the server, so it is
//! for logs and terminals and never for clients: what those are told is a [`hashlane_job::JobError`].

use std::fmt;

/// Why the engine could not start, reach a bucket or store an object. For operators, not for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError {
    /// One lower-case line.
    pub message: String,
}

impl EngineError {
    pub(crate) fn new(message: impl Into<String>) -> EngineError {
        EngineError { message: message.into() }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EngineError {}
