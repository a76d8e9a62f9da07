//! The schema and its migrations.
//!
//! `PRAGMA user_version` is the number of the last migration that was applied; each is applied in one transaction together
//! with that number, so that a process killed in the middle leaves the schema before or after it. Migrations are never
//! edited once released: the next change is the next file. There is no way back to an older schema.

use rusqlite::{Connection, TransactionBehavior};

use crate::{StoreError, StoreErrorKind};

/// Marks the file as ours (`PRAGMA application_id`): the bytes `hshl`.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"hshl");

/// Every migration; the first leads from an empty file to version 1.
const MIGRATIONS: [&str; 6] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
];

/// The version that this program writes.
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Brings the schema up to date; says from and to which version.
///
/// # Errors
/// [`StoreErrorKind::TooNew`] when a newer program wrote it, [`StoreErrorKind::Refused`] when the file is a database of
/// something else. Both leave the file untouched.
pub(super) fn migrate(connection: &mut Connection) -> Result<(u32, u32), StoreError> {
    let from = check(connection)?;
    if from == 0 {
        // Lets prune give space back step by step; it can only be chosen before the first table.
        connection.pragma_update(None, "auto_vacuum", "incremental")?;
    }
    // Changes an empty file as well, which is why the checks come first.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::new(
            StoreErrorKind::Refused,
            format!(
                "this file system has no write-ahead log for SQLite (journal mode {mode}), put the store on a local disk"
            ),
        ));
    }
    for (version, sql) in (1..).zip(MIGRATIONS).skip(from as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        hashlane_job::failpoint::reach("migration");
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok((from, VERSION))
}

/// The schema version of a store that is only read, which must be this program's or an older one.
///
/// # Errors
/// As [`migrate`], and [`StoreErrorKind::Refused`] when the file holds no store yet.
pub(super) fn require(connection: &Connection) -> Result<u32, StoreError> {
    match check(connection)? {
        0 => Err(StoreError::new(StoreErrorKind::Refused, "the file is empty, it holds no store")),
        VERSION => Ok(VERSION),
        older => Err(StoreError::new(
            StoreErrorKind::Refused,
            format!("the store has schema {older} and this program reads {VERSION}, run `hashlane migrate` first"),
        )),
    }
}

fn check(connection: &Connection) -> Result<u32, StoreError> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && version == 0 && tables == 0;
    if application != APPLICATION_ID && !empty {
        return Err(StoreError::new(StoreErrorKind::Refused, "the file is a SQLite database of another program"));
    }
    if version > VERSION {
        return Err(StoreError::new(
            StoreErrorKind::TooNew,
            format!(
                "the store has schema {version} and this program knows up to {VERSION}, run the version that wrote it or a newer one"
            ),
        ));
    }
    Ok(version)
}
