//! Why a job failed.

use std::fmt;

/// What went wrong with a job, in the terms in which a client can act on it. The wire spells these as the codes of spec
/// section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureCode {
    /// The object is missing.
    NotFound,
    /// The object is not readable, or its name or kind is refused.
    Denied,
    /// Reading failed.
    Unreadable,
    /// The object changed while it was read.
    Changed,
    /// The object is larger than the configured limit.
    TooLarge,
    /// The digest could not be written to the object's metadata.
    HeaderDenied,
    /// Anything else.
    Internal,
}

impl FailureCode {
    /// Every code.
    pub const ALL: [FailureCode; 7] = [
        FailureCode::NotFound,
        FailureCode::Denied,
        FailureCode::Unreadable,
        FailureCode::Changed,
        FailureCode::TooLarge,
        FailureCode::HeaderDenied,
        FailureCode::Internal,
    ];

    /// The plain word, as stored.
    pub const fn word(self) -> &'static str {
        match self {
            FailureCode::NotFound => "not-found",
            FailureCode::Denied => "denied",
            FailureCode::Unreadable => "unreadable",
            FailureCode::Changed => "changed",
            FailureCode::TooLarge => "too-large",
            FailureCode::HeaderDenied => "header-denied",
            FailureCode::Internal => "internal",
        }
    }

    /// The code of that word.
    pub fn from_word(word: &str) -> Option<FailureCode> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }
}

/// A failure of a job: what the client is told, and whether another attempt may help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobError {
    /// What a client can act on.
    pub code: FailureCode,
    /// One sentence for the client, without a final period and without paths or addresses of the server.
    pub message: String,
    /// Whether the same attempt may succeed later: an I/O error, a timeout, throttling, an object that just changed.
    pub may_retry: bool,
}

impl JobError {
    /// A failure that no further attempt can mend.
    pub fn permanent(code: FailureCode, message: impl Into<String>) -> JobError {
        JobError { code, message: message.into(), may_retry: false }
    }

    /// A failure that may pass.
    pub fn temporary(code: FailureCode, message: impl Into<String>) -> JobError {
        JobError { code, message: message.into(), may_retry: true }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.message)
    }
}

impl std::error::Error for JobError {}
