//! Errors of SQLite in the terms of the store: what a caller can do, and what the writer must do.

use rusqlite::{Error, ErrorCode};

use crate::batch::{Fault, FaultClass};
use crate::{StoreError, StoreErrorKind};

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let (kind, class) = judge(&error);
        Fault::Group { error: StoreError::new(kind, describe(&error)), class }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> StoreError {
        StoreError::new(judge(&error).0, describe(&error))
    }
}

/// A fault of one call that has written nothing.
impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Alone(error)
    }
}

fn describe(error: &Error) -> String {
    format!("the SQLite store failed: {error}")
}

fn judge(error: &Error) -> (StoreErrorKind, FaultClass) {
    use StoreErrorKind::{Corrupt, Unavailable};
    let Error::SqliteFailure(failure, _) = error else {
        // A value of the wrong type or a statement that does not fit the schema: a bug, or a damaged row.
        return (Corrupt, FaultClass::Rule);
    };
    match failure.code {
        ErrorCode::DiskFull
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted
        | ErrorCode::OperationAborted => (Unavailable, FaultClass::Passing),
        // After a failed fsync the pages count as clean though they never reached the disk: what is cached may not be
        // trusted, and a second fsync would succeed without having written them.
        ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::NoLargeFileSupport => (Unavailable, FaultClass::Broken),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => (Corrupt, FaultClass::Broken),
        _ => (Corrupt, FaultClass::Rule),
    }
}
