//! The route table: every call that the wire knows, and what answers it.
//!
//! Whoever gets here was let in by `access.rs`. A call that has no endpoint yet is refused with 405, never with a 5xx, so
//! that SDKs do not repeat it.

use hashlane_job::BucketName;
use hashlane_wire::{Address, Call, ErrorCode, RequestHead, StorageOperation};

use crate::access::AccessKey;
use crate::answer::Answer;
use crate::api::Api;
use crate::body::RequestBody;
use crate::refusal::Refusal;
use crate::{
    cancel_job, close_service, describe_jobs, list_jobs, list_queues, list_services, open_service, storage, submit_job,
    sync_hash, update_queue,
};

/// Answers one call. `key` may make it; what a call does beyond its name is checked where that is known.
pub(crate) async fn answer(
    api: &Api,
    call: Call,
    key: &AccessKey,
    address: &Address,
    head: &RequestHead<'_>,
    body: &mut RequestBody,
    request_id: &str,
) -> Result<Answer, Refusal> {
    match call {
        Call::SubmitJob => submit_job::answer(api, bucket(api, address)?, key, head, body).await,
        Call::DescribeJobs { ids } => describe_jobs::answer(api, bucket(api, address)?, &ids).await,
        Call::ListJobs => list_jobs::answer(api, bucket(api, address)?, head, request_id).await,
        Call::CancelJob { id } => cancel_job::answer(api, bucket(api, address)?, &id).await,
        Call::ListQueues => list_queues::answer(api, bucket(api, address)?, head, request_id).await,
        Call::UpdateQueue { id } => update_queue::answer(api, bucket(api, address)?, &id, head, body, request_id).await,
        Call::OpenService => open_service::answer(api, bucket(api, address)?, request_id).await,
        Call::ListServices => list_services::answer(api, key, head, request_id).await,
        Call::CloseService => close_service::answer(api, bucket(api, address)?, request_id).await,
        Call::CreateBatch | Call::DescribeBatch { .. } | Call::ListBatches | Call::CancelBatch { .. } => not_offered(),
        Call::Storage { key: Some(object), operation: StorageOperation::SyncHash } => {
            sync_hash::answer(api, bucket(api, address)?, &object, key, head).await
        }
        Call::Storage { operation: StorageOperation::ListBuckets, .. } => Ok(storage::list_buckets(api, key)),
        Call::Storage { operation: StorageOperation::PutBucket, .. } => storage::put_bucket(bucket(api, address)),
        Call::Storage { key: object, operation } => {
            let object = object.unwrap_or_default();
            storage::answer(api, key, bucket(api, address)?, &object, operation, head, body).await
        }
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
