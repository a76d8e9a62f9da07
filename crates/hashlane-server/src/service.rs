//! The file processing service of a bucket, as endpoints need it: open, or a reason why not (spec section 3).

use hashlane_job::{BucketName, Queue};
use hashlane_wire::ErrorCode;

use crate::api::Api;
use crate::refusal::Refusal;

/// The queues of a bucket whose service is open, oldest first and at least one. With `auto_open` the first use opens it.
///
/// A closed service has no queues and an open one has at least one, so that the ordinary way is a single read.
pub(crate) async fn open_queues(api: &Api, bucket: &BucketName) -> Result<Vec<Queue>, Refusal> {
    let queues = api.store.queues(bucket).await?;
    if !queues.is_empty() {
        return Ok(queues);
    }
    if !api.auto_open {
        return Err(closed());
    }
    api.store.open_service(bucket).await?;
    tracing::info!(%bucket, "file processing service opened at its first use");
    match api.store.queues(bucket).await? {
        // Closed again in between, by someone who meant it.
        queues if queues.is_empty() => Err(closed()),
        queues => Ok(queues),
    }
}

/// Refuses what needs an open service when it is closed and does not open by itself, without opening it: for calls that read
/// or change what exists, and find nothing in a service that was never open.
pub(crate) async fn check_open(api: &Api, bucket: &BucketName) -> Result<(), Refusal> {
    if !api.auto_open {
        open_queues(api, bucket).await?;
    }
    Ok(())
}

/// 400 `QueueNotFound`.
pub(crate) fn queue_not_found() -> Refusal {
    Refusal::new(ErrorCode::QueueNotFound, "the queue does not exist in this bucket")
}

/// 400 `MediaBucketUnBinded` with the message of spec section 10.
pub(crate) fn closed() -> Refusal {
    Refusal::new(
        ErrorCode::MediaBucketUnBinded,
        "file processing is not active yet, please apply for file processing service first",
    )
}
