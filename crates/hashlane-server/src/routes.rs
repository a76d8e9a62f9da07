//! The route table: every call that the wire knows, and what answers it.
//!
//! Whoever gets here was let in by `access.rs`. A call that has no endpoint yet is refused with 405, never with a 5xx, so
//! that SDKs do not repeat it.

use hashlane_job::BucketName;
use hashlane_wire::{Address, Call, ErrorCode, RequestHead};

use crate::answer::Answer;
use crate::api::Api;
use crate::body::RequestBody;
use crate::refusal::Refusal;
use crate::{describe_jobs, submit_job};

/// Answers one call.
pub(crate) async fn answer(
    api: &Api,
    call: Call,
    address: &Address,
    head: &RequestHead<'_>,
    body: &mut RequestBody,
) -> Result<Answer, Refusal> {
    match call {
        Call::SubmitJob => submit_job::answer(api, bucket(api, address)?, head, body).await,
        Call::DescribeJobs { ids } => describe_jobs::answer(api, bucket(api, address)?, &ids).await,
        Call::ListJobs | Call::CancelJob { .. } => not_offered(),
        Call::ListQueues | Call::UpdateQueue { .. } => not_offered(),
        Call::OpenService | Call::ListServices | Call::CloseService => not_offered(),
        Call::CreateBatch | Call::DescribeBatch { .. } | Call::ListBatches | Call::CancelBatch { .. } => not_offered(),
        Call::Storage { .. } => not_offered(),
        Call::Sibling => not_offered(),
        Call::WrongMethod => Err(Refusal::new(ErrorCode::MethodNotAllowed, "this path does not take this method")),
        Call::Unknown => Err(Refusal::new(ErrorCode::NotFound, "this path is not part of the API")),
    }
}

fn not_offered() -> Result<Answer, Refusal> {
    Err(Refusal::new(ErrorCode::MethodNotAllowed, "this server does not offer this operation yet"))
}

/// A bucket that exists, and its region.
#[derive(Clone, Copy)]
pub(crate) struct Bucket<'a> {
    pub(crate) name: &'a BucketName,
    /// The configured one, whatever the Host said.
    pub(crate) region: &'a str,
}

/// The bucket that a request is about.
fn bucket<'a>(api: &'a Api, address: &Address) -> Result<Bucket<'a>, Refusal> {
    let named = address.bucket.as_deref();
    let configured = api.engine.buckets().iter().find(|bucket| Some(bucket.name.as_str()) == named);
    match configured {
        Some(bucket) => Ok(Bucket { name: &bucket.name, region: &bucket.region }),
        None => Err(Refusal::new(ErrorCode::NoSuchBucket, "the specified bucket does not exist")),
    }
}
