//! `check`: whether a store is what its writer wrote.
//!
//! It reads everything: the pages, every job with its checksum, and that the tables say the same. It changes nothing, and
//! works beside a server. It leaves out repairing: what is damaged is restored from a backup.

use std::collections::HashMap;
use std::path::Path;

use hashlane_job::{JobId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::directory::Directory;
use super::{connection, job_row, schema};
use crate::{Checked, StoreError, StoreErrorKind};

/// How many lines of damage SQLite is asked for: the first ones say enough.
const DAMAGE_MAX: usize = 20;

/// Pairs of rows that must exist together. Each query gives the ids of jobs where they do not.
const PAIRS: [(&str, &str); 4] = [
    (
        "a row of live work has no job",
        "select live.id from live left join job on job.bucket = live.bucket and job.id = live.id where job.id is null",
    ),
    (
        "it has ended and is still to be hashed",
        "select live.id from live join job on job.bucket = live.bucket and job.id = live.id
         where live.stage = 'hash' and job.state <> 'open'",
    ),
    (
        "a callback is to be delivered that its job does not have",
        "select live.id from live join job on job.bucket = live.bucket and job.id = live.id
         where live.stage = 'deliver' and job.delivery is not 'due'",
    ),
    (
        "its callback is due and nobody would deliver it",
        "select job.id from job left join live on live.id = job.id
         where job.delivery = 'due' and live.stage is not 'deliver'",
    ),
];

/// Checks the store at `path`; each problem is one line for people.
pub(super) fn check(path: &Path, problem: &mut dyn FnMut(&str)) -> Result<Checked, StoreError> {
    let mut connection = connection::open_reader(path)?;
    let schema = schema::require(&connection)?;
    // One transaction, so that all that is compared is of one moment.
    let transaction = connection.transaction()?;
    let mut checked = Checked { schema, jobs: 0, problems: 0 };
    let mut report = |line: &str| {
        checked.problems += 1;
        problem(line);
    };
    for line in damage(&transaction)? {
        report(&line);
    }
    // Rows on damaged pages cannot be read: that is one more problem, not the end of the check.
    match jobs(&transaction, &mut report) {
        Ok(jobs) => checked.jobs = jobs,
        Err(error) => report(&format!("not all jobs can be read: {error}")),
    }
    if let Err(error) = agreement(&transaction, &mut report) {
        report(&format!("the tables cannot be compared: {error}"));
    }
    Ok(checked)
}

/// What SQLite finds wrong with pages, indexes and constraints.
pub(super) fn damage(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(&format!("pragma integrity_check({DAMAGE_MAX})"))?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>();
    match lines {
        Ok(lines) => Ok(lines.into_iter().filter(|line| line != "ok").collect()),
        Err(error) => {
            let error = StoreError::from(error);
            // The check itself stumbling over a page is a finding; a failing disk is not.
            if error.kind == StoreErrorKind::Corrupt { Ok(vec![error.message]) } else { Err(error) }
        }
    }
}

/// Reads every job; says how many there are.
fn jobs(transaction: &Transaction<'_>, report: &mut impl FnMut(&str)) -> Result<u64, StoreError> {
    let directory = Directory::load(transaction)?;
    let mut statement = transaction.prepare("select bucket, id from job order by bucket, id")?;
    let mut rows = statement.query([])?;
    let mut jobs = 0;
    while let Some(row) = rows.next()? {
        jobs += 1;
        let (number, id): (i64, [u8; 16]) = (row.get(0)?, row.get(1)?);
        let id = JobId::from_bytes(id);
        let Some(bucket) = directory.bucket_name(number) else {
            report(&format!("job {id}: its bucket is missing"));
            continue;
        };
        match job_row::read_job(transaction, bucket, number, id, Timestamp::from_unix_millis(0)) {
            Ok(Some(_)) => {}
            Ok(None) => report(&format!("job {id}: its queue is missing")),
            Err(error) => report(&error.to_string()),
        }
    }
    Ok(jobs)
}

/// Compares the tables with each other.
fn agreement(transaction: &Transaction<'_>, report: &mut impl FnMut(&str)) -> Result<(), StoreError> {
    for (what, sql) in PAIRS {
        let mut statement = transaction.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            report(&format!("job {}: {what}", JobId::from_bytes(row.get(0)?)));
        }
    }
    let mut ended: HashMap<String, i64> = HashMap::new();
    let mut statement =
        transaction.prepare("select state, count(*) from job where ended_ms is not null group by state")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        ended.insert(row.get(0)?, row.get(1)?);
    }
    for state in ["succeeded", "failed", "cancelled"] {
        let counted = ended.get(state).copied().unwrap_or(0);
        let total: Option<i64> =
            transaction.query_row("select jobs from total where state = ?1", [state], |row| row.get(0)).optional()?;
        if total != Some(counted) {
            let total = total.map_or("nothing".to_owned(), |total| total.to_string());
            report(&format!("{counted} jobs {state}, and the store remembers {total}"));
        }
    }
    Ok(())
}
