//! Images: the files of a store as they may be after a cut of the power, opened by the store's own code.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{SteadyClock, SystemClock};
use hashlane_store::{JobStore, QueueDefaults, StoreOptions};
use rusqlite::{Connection, OpenFlags};
use tokio::runtime::Handle;

use crate::failure::Failure;
use crate::store_rows::id_text;

/// Opens and checks the store in a file as a start does, and gives the ids of its jobs. What a check finds is an error.
pub fn open(runtime: &Handle, database: &Path) -> Result<BTreeSet<String>, Failure> {
    let url = format!("sqlite:{}", database.display());
    let options = StoreOptions {
        wall: Arc::new(SystemClock),
        steady: Arc::new(SteadyClock::start()),
        queue_defaults: QueueDefaults { jobs_waiting_max: 1 << 30, jobs_running_max: 1 << 20 },
        submit_twice_window: Duration::from_secs(60),
    };
    let problems = runtime.block_on(async {
        JobStore::open(&url, options).await?.close().await;
        JobStore::check(&url, |_| {}).await
    })?;
    if problems.problems > 0 {
        return Err(Failure::new(format!("check finds {} problems", problems.problems)));
    }
    jobs(database)
}

/// The ids of the jobs that SQLite alone finds in a file.
pub fn jobs(database: &Path) -> Result<BTreeSet<String>, Failure> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut statement = connection.prepare("select id from job")?;
    let ids = statement.query_map([], |row| row.get::<_, [u8; 16]>(0))?;
    ids.map(|id| Ok(id_text(id?))).collect()
}
