//! `hashlane queue`: the queues of a bucket.
//!
//! Promises: queues go to stdout, everything else to stderr; `--json` prints one [`record::QueueRecord`] per line.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod update;

mod record;

use hashlane_wire::queue::{QueueDetail, QueueListQuery};

use crate::commands::connection::Connection;
use crate::commands::job::call_failure;
use crate::failure::Failure;

/// One queue as it is now. One that the bucket does not have is a "no": the service did answer.
async fn describe(connection: &Connection, id: &str) -> Result<QueueDetail, Failure> {
    let query = QueueListQuery { ids: vec![id.to_owned()], ..QueueListQuery::default() };
    let (list, _) =
        connection.client.list_queues(&query).await.map_err(|error| call_failure("ask for queues", &error))?;
    let found = list.queues.into_iter().find(|queue| queue.queue_id == id);
    found.ok_or_else(|| Failure::no(format!("the bucket has no queue {}", crate::commands::job::one_line(id))))
}

/// What only the admin listener can do.
fn no_admin(connection: &Connection, what: &str) -> Failure {
    Failure::cannot(format!(
        "{what} is no part of the API of bucket {}: it needs the admin listener; give --admin-endpoint or \
         HASHLANE_ADMIN_ENDPOINT",
        connection.bucket
    ))
}
