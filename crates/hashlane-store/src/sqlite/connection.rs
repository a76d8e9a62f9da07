//! Connections to the database file, and the lock that keeps a second process out.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::{StoreError, StoreErrorKind};

/// Older versions can lose what was committed when the write-ahead log starts over (fixed in 3.51.3).
const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// More than the number of statements of any one connection, so that each is prepared once.
const STATEMENTS_MAX: usize = 64;
/// How long a connection waits for another's lock. Only the writer writes, so that this covers checkpoints and recovery.
const BUSY: Duration = Duration::from_secs(5);

/// The mode of every file that is made here.
pub(super) const OWNER_ONLY: u32 = 0o600;

/// The exclusive lock on a store; held until dropped, and by the operating system no longer than the process lives.
#[derive(Debug)]
pub(super) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock, a file named as the database with `.lock` behind.
    ///
    /// # Errors
    /// [`StoreErrorKind::InUse`] when another process, or another store of this process, holds it.
    pub(super) fn take(database: &Path) -> Result<StoreLock, StoreError> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let refuse = |error: std::io::Error| {
            StoreError::unavailable(format!("cannot lock the store with {}: {error}", path.display()))
        };
        // The content is not used, so that nothing is truncated and nothing is written.
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).mode(OWNER_ONLY).open(&path).map_err(refuse)?;
        match file.try_lock() {
            Ok(()) => Ok(StoreLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::new(
                StoreErrorKind::InUse,
                format!("the store {} is in use by another process, stop that one first", database.display()),
            )),
            Err(TryLockError::Error(error)) => Err(refuse(error)),
        }
    }
}

fn require_version(number: i32, name: &str) -> Result<(), StoreError> {
    if number >= SQLITE_VERSION_MIN {
        return Ok(());
    }
    let said = format!("SQLite {name} can lose committed data, at least 3.51.3 is needed");
    Err(StoreError::new(StoreErrorKind::Refused, said))
}

/// The one connection that writes; it creates the file.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    require_version(rusqlite::version_number(), rusqlite::version())?;
    // Jobs hold callback addresses and user data: nobody else's business. SQLite gives its other files the same mode. What
    // is wrong with the path is told by SQLite's own open.
    let _ = OpenOptions::new().create(true).truncate(false).write(true).mode(OWNER_ONLY).open(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    // FULL: a commit is on the disk when it returns. Checkpoints are run by the writer after it has answered.
    connection.execute_batch(
        "pragma synchronous = full;
         pragma foreign_keys = off;
         pragma wal_autocheckpoint = 0;
         pragma journal_size_limit = 67108864;
         pragma cache_size = -16384;
         pragma temp_store = memory;",
    )?;
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags).map_err(|error| StoreError {
        message: format!("cannot open the store {}: {error}", path.display()),
        ..error.into()
    })?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // The planner must not look at what is bound: with partial indexes it would compile such a statement anew at each call.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Mapped files turn an I/O error into a signal.
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failure rule A16.
    #[test]
    fn a_sqlite_that_can_lose_what_was_committed_is_refused_and_no_file_is_mapped() {
        for (number, name, is_refused) in
            [(3_051_002, "3.51.2", true), (3_050_007, "3.50.7", true), (3_051_003, "3.51.3", false)]
        {
            let answer = require_version(number, name);
            assert_eq!(answer.as_ref().is_err_and(|it| it.kind == StoreErrorKind::Refused), is_refused, "{answer:?}");
        }
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let path = folder.path().join("jobs.db");
        let writer = open_writer(&path).expect("this SQLite will do");
        for connection in [&writer, &open_reader(&path).expect("a reader opens")] {
            let mapped: Option<i64> =
                rusqlite::OptionalExtension::optional(
                    connection.pragma_query_value(None, "mmap_size", |row| row.get(0)),
                )
                .expect("the setting is read");
            assert_eq!(mapped.unwrap_or(0), 0);
        }
    }
}
