//! `PUT /jobs/<id>?cancel` and `PUT /file_jobs/<id>?cancel`: a job is cancelled (spec section 6).
//!
//! Also a running one: whoever works on it loses the lease and stops reading. No callback is sent. The store counts it.

use hashlane_job::JobId;
use hashlane_store::Cancelled;
use hashlane_wire::ErrorCode;

use crate::answer::Answer;
use crate::api::Api;
use crate::refusal::Refusal;
use crate::routes::Bucket;
use crate::service;

/// An empty 200, also when the job was cancelled before, so that a repeated request is no error.
pub(crate) async fn answer(api: &Api, bucket: Bucket<'_>, id: &str) -> Result<Answer, Refusal> {
    service::check_open(api, bucket.name).await?;
    let cancelled = match JobId::parse(id) {
        Some(id) => api.store.cancel(bucket.name, id).await?,
        None => Cancelled::NotFound,
    };
    match cancelled {
        Cancelled::Done => Ok(Answer::empty()),
        Cancelled::AlreadyEnded => {
            Err(Refusal::new(ErrorCode::AccessDenied, "operation forbidden: the job has ended already"))
        }
        Cancelled::NotFound => Err(Refusal::new(ErrorCode::ResourceNotFound, "the job does not exist in this bucket")),
    }
}
