//! Space that pruned jobs leave in the file, and its way back to the file system.
//!
//! A page that is free is used for the next job, so that some may stay. What is too much goes back in steps of 1 MiB: pages from
//! the end of the file are moved to free places, and the file is cut when the log is copied into it.

use rusqlite::Connection;

/// Pages of one step: moved in some milliseconds.
const STEP_PAGES: i64 = 256;
/// So many free pages stay whatever the share: less is not worth a step.
const SPARE_PAGES_MIN: i64 = 256;
/// The share of the file that may be free while others write, as its divisor: moving pages costs them time.
pub(super) const SPARE_BUSY: i64 = 4;
/// The same when nobody calls.
pub(super) const SPARE_IDLE: i64 = 16;

/// Gives back at most one step of what is free beyond a share; whether there is more.
pub(super) fn give_back(connection: &Connection, share: i64) -> Result<bool, rusqlite::Error> {
    let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let before = free()?;
    let all: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let spare = (all / share).max(SPARE_PAGES_MIN);
    if before <= spare {
        return Ok(false);
    }
    let mut statement = connection.prepare_cached(&format!("pragma incremental_vacuum({STEP_PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    let after = free()?;
    // A file that cannot shrink is not asked again and again.
    Ok(after < before && after > spare)
}
