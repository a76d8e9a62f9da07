//! `POST /file_bucket`: the file processing service of a bucket is opened (spec section 3).
//!
//! Opening twice gives what exists, because SDKs repeat requests whose answer was lost.

use hashlane_wire::service::ServiceDetail;

use crate::answer::Answer;
use crate::api::Api;
use crate::refusal::Refusal;
use crate::routes::Bucket;

/// Opens it, with one queue.
pub(crate) async fn answer(api: &Api, bucket: Bucket<'_>, request_id: &str) -> Result<Answer, Refusal> {
    let service = api.store.open_service(bucket.name).await?;
    let detail = ServiceDetail {
        bucket: service.bucket.to_string(),
        region: bucket.region.to_owned(),
        created: api.time_offset.print(service.created),
    };
    tracing::info!(bucket = %bucket.name, "file processing service is open");
    Ok(Answer::xml(detail.print_opened(request_id)))
}
