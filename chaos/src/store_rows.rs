//! The rows of the job store, read from its file without the store's own code.

use std::path::Path;

use hashlane_job::JobId;
use rusqlite::{Connection, OpenFlags};

use crate::failure::Failure;
use crate::truth::hex;

/// A job as it is stored, in the words of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// The id as clients see it.
    pub id: String,
    /// The client's text.
    pub user_data: String,
    /// The object's key.
    pub key: String,
    /// The algorithm's name.
    pub algorithm: String,
    /// The state.
    pub state: String,
    /// The digest in hex, empty when there is none.
    pub digest: String,
    /// Why it failed, empty when it did not.
    pub error_code: String,
    /// What became of its callback, empty when there is none.
    pub delivery: String,
    /// How often its callback was tried.
    pub delivery_attempts: u64,
}

/// An id as clients see it.
pub fn id_text(bytes: [u8; 16]) -> String {
    JobId::from_bytes(bytes).to_string()
}

/// How much is still to be done, and the most attempts that one of it has had; a service may be using the file.
pub fn live(database: &Path) -> Result<(u64, u64), Failure> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let sql = "select count(*), coalesce(max(attempts) filter (where stage = 'hash'), 0) from live";
    let (rows, attempts): (i64, i64) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((rows.unsigned_abs(), attempts.unsigned_abs()))
}

/// Gives every job; what SQLite finds wrong with the file is an error.
pub fn read(database: &Path, mut job: impl FnMut(Row)) -> Result<(), Failure> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let verdict: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Failure::new(format!("integrity_check says: {verdict}")));
    }
    let mut statement = connection.prepare(
        "select id, user_data, key, algorithm, state, digest, error_code, delivery, delivery_attempts from job",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text = |at: usize| row.get::<_, Option<String>>(at).map(Option::unwrap_or_default);
        job(Row {
            id: id_text(row.get(0)?),
            user_data: text(1)?,
            key: text(2)?,
            algorithm: text(3)?,
            state: text(4)?,
            digest: row.get::<_, Option<Vec<u8>>>(5)?.map(|it| hex(&it)).unwrap_or_default(),
            error_code: text(6)?,
            delivery: text(7)?,
            delivery_attempts: row.get::<_, i64>(8)?.unsigned_abs(),
        });
    }
    Ok(())
}
