//! An object that ends the process that reads it, beside everything else that is under way: whoever works on it dies, and
//! somebody starts the service again each time.
//!
//! Its job fails after three deaths that count against it, with a callback, and no other job fails (failure rule A9; the
//! comparison at the end sees to both). The binary must be built with the feature `failpoints`.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;

use crate::failure::Failure;
use crate::fault::Victim;
use crate::plan::DEADLY_KEY;

/// How long it may take until the job is given up, restarts of a large store included.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(120);
/// A process whose output has ended is dead within this time.
const DEAD_WITHIN: Duration = Duration::from_secs(10);
/// One death makes suspects, three count against the job. A death beside another job that holds a lease counts for nobody, so
/// that a few more may come.
const DEATHS_MAX: u64 = 10;

pub(super) async fn suffer(victim: &mut Victim) -> Result<(), Failure> {
    let (load, number) = (victim.load.clone(), victim.totals.deadly);
    let submitted = tokio::spawn(async move { load.submit_deadly(number).await });
    let began = Instant::now();
    let mut deaths = 0;
    while deaths == 0 || is_left(victim.server.database()).await? {
        if began.elapsed() > GIVEN_UP_WITHIN {
            let hint = if deaths == 0 { "; is the binary built with the feature failpoints?" } else { "" };
            return Err(Failure::new(format!("a deadly job was not given up after {deaths} deaths{hint}")));
        }
        if victim.server.has_ended().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        // It may die again before it is ready.
        let mut failure = Failure::new("the service has ended");
        loop {
            match victim.server.ended(DEAD_WITHIN).await? {
                Some(status) if status.signal() == Some(Signal::ABORT.as_raw()) && deaths < DEATHS_MAX => deaths += 1,
                other => return Err(Failure::new(format!("{failure}; after {deaths} deaths it ended as {other:?}"))),
            }
            match victim.server.start().await {
                Ok(()) => break,
                Err(why) => failure = why,
            }
        }
    }
    submitted.await.map_err(|error| Failure::new(error.to_string()))??;
    victim.totals.deadly += 1;
    victim.totals.deaths += deaths;
    victim.recovers_from("a deadly object").await
}

/// Whether a deadly object is still to be read; a store that cannot be asked at this moment is asked again.
async fn is_left(database: PathBuf) -> Result<bool, Failure> {
    let left = tokio::task::spawn_blocking(move || -> Result<bool, Failure> {
        let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let sql = "select exists (select 1 from live join job on job.bucket = live.bucket and job.id = live.id
                   where live.stage = 'hash' and job.key = ?1)";
        Ok(connection.query_row(sql, [DEADLY_KEY], |row| row.get(0))?)
    });
    Ok(left.await.map_err(|error| Failure::new(error.to_string()))?.unwrap_or(true))
}
