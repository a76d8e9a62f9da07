//! Why a measurement could not be made: one text for the person who runs it.

use std::fmt;

use hashlane_client::ClientError;

/// The reason, with what was being done.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A reason.
    pub fn new(what: impl Into<String>) -> Failure {
        Failure(what.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure(error.to_string())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        Failure(error.to_string())
    }
}

impl From<hashlane_store::StoreError> for Failure {
    fn from(error: hashlane_store::StoreError) -> Failure {
        Failure(error.to_string())
    }
}
