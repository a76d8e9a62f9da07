//! The reading side: a few connections that cannot write, used from blocking threads.
//!
//! In the write-ahead log readers see the last commit and never wait for the writer. Reads are short: each is bounded by a
//! page or by the ids of one request.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::sleep;

use super::connection;
use crate::{StoreError, StoreErrorKind};

/// How many reads run at once. Each is microseconds of work on cached pages; more only cost memory for caches.
const READERS_MAX: usize = 4;
/// No read takes longer: while one is open, the write-ahead log cannot start over. The longest, a page of a list, is a
/// thousandth of it.
const READ_TIME_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    time_max: Duration,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Arc<Readers> {
        Readers::within(path, READ_TIME_MAX)
    }

    fn within(path: PathBuf, time_max: Duration) -> Arc<Readers> {
        let permits = Arc::new(Semaphore::new(READERS_MAX));
        Arc::new(Readers { path, permits, idle: Mutex::default(), time_max })
    }

    /// Runs `read` on a connection of its own. Everything it sees inside one transaction is one point in time.
    pub(super) async fn read<T, F>(self: &Arc<Self>, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let closed = || StoreError::unavailable("the store is closed");
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| closed())?;
        let readers = self.clone();
        let (tell, told) = oneshot::channel();
        let mut work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut connection = match readers.idle().pop() {
                Some(connection) => connection,
                None => connection::open_reader(&readers.path)?,
            };
            // Nobody listens any more when the caller has gone; then nobody ends it early either.
            let _ = tell.send(connection.get_interrupt_handle());
            let answer = read(&mut connection);
            // A connection that met a failing disk is not trusted again.
            let fit = !matches!(&answer, Err(error) if error.kind == StoreErrorKind::Unavailable);
            if fit && !readers.permits.is_closed() {
                readers.idle().push(connection);
            }
            answer
        });
        let in_time = async {
            let handle = told.await;
            sleep(self.time_max).await;
            handle
        };
        let ended = tokio::select! {
            biased;
            ended = &mut work => ended,
            handle = in_time => {
                if let Ok(handle) = handle {
                    tracing::warn!("a read of the store took too long and is ended");
                    handle.interrupt();
                }
                work.await
            }
        };
        ended.unwrap_or_else(|_| Err(StoreError::unavailable("a read was cut off by the end of the program")))
    }

    /// Closes the connections; reads that come later are refused.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failure rule A15: a read that does not end is ended, so that the log can start over.
    #[tokio::test]
    async fn a_read_that_takes_too_long_is_ended_and_the_next_one_is_answered() {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let path = folder.path().join("jobs.db");
        let writer = connection::open_writer(&path).expect("the file is made");
        writer.execute_batch("pragma journal_mode = wal; create table queue (id)").expect("a table is made");
        let readers = Readers::within(path, Duration::from_millis(50));
        const ENDLESS: &str = "with recursive n (n) as (select 1 union all select n + 1 from n) select sum(n) from n";
        let endless = readers.read(|connection| Ok(connection.query_row(ENDLESS, [], |row| row.get::<_, i64>(0))?));
        assert_eq!(endless.await.expect_err("it is ended").kind, StoreErrorKind::Unavailable);
        let queues = readers.read(|it| Ok(it.query_row("select count(*) from queue", [], |row| row.get::<_, i64>(0))?));
        assert_eq!(queues.await, Ok(0));
    }
}
