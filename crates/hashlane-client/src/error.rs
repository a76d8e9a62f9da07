//! Why a call failed.
//!
//! Promises: every text says what was being done, where, and what can be done about it. Leaves out the secret key, which
//! no error ever carries.

use std::fmt;

use hashlane_wire::ErrorAnswer;

/// A failed call.
#[derive(Debug)]
pub enum ClientError {
    /// The configuration cannot work: which field, and how to mend it. Nothing was sent.
    Misconfigured(String),
    /// The server answered with an error body.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        answer: ErrorAnswer,
    },
    /// No answer, also after retries: where to, and why.
    Unreachable(String),
    /// An answer that no server of this API gives: a proxy's page, XML of another root.
    Unexpected(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Misconfigured(text) | ClientError::Unreachable(text) | ClientError::Unexpected(text) => {
                f.write_str(text)
            }
            ClientError::Refused { status, answer } => write!(
                f,
                "the server refused with {status} {}: {} (request id {})",
                answer.code, answer.message, answer.request_id
            ),
        }
    }
}

impl std::error::Error for ClientError {}
