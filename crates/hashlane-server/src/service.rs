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

/// 400 `MediaBucketUnBinded` with the message of spec section 10.
pub(crate) fn closed() -> Refusal {
    Refusal::new(
        ErrorCode::MediaBucketUnBinded,
        "file processing is not active yet, please apply for file processing service first",
    )
}
