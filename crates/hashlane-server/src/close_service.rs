//! `DELETE /file_bucket`: the file processing service of a bucket is closed (spec section 3).
//!
//! Its queues go; waiting jobs are cancelled, running ones finish. With `auto_open` the next use of the bucket opens it
//! again, with a new queue.

use hashlane_wire::service::ServiceDetail;

use crate::answer::Answer;
use crate::api::Api;
use crate::refusal::Refusal;
use crate::routes::Bucket;
use crate::service;

/// Closes it, or says that it is not open.
pub(crate) async fn answer(api: &Api, bucket: Bucket<'_>, request_id: &str) -> Result<Answer, Refusal> {
    if !api.store.close_service(bucket.name).await? {
        return Err(service::closed());
    }
    tracing::info!(bucket = %bucket.name, "file processing service closed");
    Ok(Answer::xml(ServiceDetail::print_closed(bucket.name.as_str(), request_id)))
}
