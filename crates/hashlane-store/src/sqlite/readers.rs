//! The reading side: a few connections that cannot write, used from blocking threads.
//!
//! In the write-ahead log readers see the last commit and never wait for the writer. Reads are short: each is bounded by a
//! page or by the ids of one request.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection;
use crate::{StoreError, StoreErrorKind};

/// How many reads run at once. Each is microseconds of work on cached pages; more only cost memory for caches.
const READERS_MAX: usize = 4;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Arc<Readers> {
        Arc::new(Readers { path, permits: Arc::new(Semaphore::new(READERS_MAX)), idle: Mutex::default() })
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
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut connection = match readers.idle().pop() {
                Some(connection) => connection,
                None => connection::open_reader(&readers.path)?,
            };
            let answer = read(&mut connection);
            // A connection that met a failing disk is not trusted again.
            let fit = !matches!(&answer, Err(error) if error.kind == StoreErrorKind::Unavailable);
            if fit && !readers.permits.is_closed() {
                readers.idle().push(connection);
            }
            answer
        });
        work.await.unwrap_or_else(|_| Err(StoreError::unavailable("a read was cut off by the end of the program")))
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
