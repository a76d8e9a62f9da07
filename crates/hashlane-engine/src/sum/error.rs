//! Why a file has no digests, for whoever asked for them at a terminal.

use std::fmt;
use std::io;

use rustix::io::Errno;

use crate::pool::hashing::Interruption;

/// Why a file or folder could not be summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumError {
    /// A lower-case fragment without the file's name.
    pub message: String,
    /// The name names nothing.
    pub not_found: bool,
}

impl SumError {
    pub(crate) fn new(message: impl Into<String>) -> SumError {
        SumError { message: message.into(), not_found: false }
    }

    /// The file changed, again and again.
    pub(crate) fn changing() -> SumError {
        SumError::new("it changed while it was read; it has no digest until it is left alone")
    }

    /// Neither a regular file nor a folder. A pipe that is opened may wait for ever, a device may do anything.
    pub(crate) fn special() -> SumError {
        SumError::new("it is a pipe, socket or device, not a regular file; give - to read stdin")
    }

    pub(crate) fn folder() -> SumError {
        SumError::new("it is a folder; -r sums the files in it")
    }
}

impl From<Errno> for SumError {
    fn from(errno: Errno) -> SumError {
        io::Error::from(errno).into()
    }
}

impl From<io::Error> for SumError {
    fn from(error: io::Error) -> SumError {
        // The text of the system, without the number that Rust adds.
        let text = error.to_string();
        let message = text.split(" (os error").next().unwrap_or_default().to_lowercase();
        // What lies beneath a file is as little there as what lies beneath nothing.
        let not_found = matches!(Errno::from_io_error(&error), Some(Errno::NOENT | Errno::NOTDIR));
        SumError { message, not_found }
    }
}

impl From<Interruption> for SumError {
    fn from(why: Interruption) -> SumError {
        SumError::new(match why {
            Interruption::Panicked => "hashing it failed by a mistake of this program",
            Interruption::Stopping => "hashing it was given up",
        })
    }
}

impl fmt::Display for SumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SumError {}
