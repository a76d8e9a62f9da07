//! Why a command ends without success: a text for people and an exit code for scripts.
//!
//! Promises: 1 means that the work itself says no, 2 that it could not be done. The text says what was wrong, where, and
//! what to do.

use std::fmt;
use std::process::ExitCode;

/// The work says no: a job failed, a digest differs, a job does not exist.
pub(crate) const EXIT_NO: u8 = 1;
/// It could not be done: bad usage, bad configuration, unreachable, unreadable.
pub(crate) const EXIT_CANNOT: u8 = 2;

/// The end of a command that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: u8,
    message: String,
}

impl Failure {
    /// The work itself says no.
    pub(crate) fn no(message: impl Into<String>) -> Failure {
        Failure { exit: EXIT_NO, message: message.into() }
    }

    /// It could not be done.
    pub(crate) fn cannot(message: impl Into<String>) -> Failure {
        Failure { exit: EXIT_CANNOT, message: message.into() }
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
