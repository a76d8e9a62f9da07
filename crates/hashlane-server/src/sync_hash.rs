//! `GET /<object>?ci-process=filehash`: the digest of an object while the client waits (spec section 10).
//!
//! It promises an answer within the time limit, whatever jobs are doing: as many synchronous hashes run as the engine keeps
//! slots for, so that they neither wait for jobs nor take their slots (the argument is at the head of the engine's
//! `pool.rs`); what comes on top waits for a moment and is then told to come back. Left out on purpose: the store. A
//! synchronous hash is no job and leaves no trace there.

use std::sync::Arc;
use std::time::Duration;

use hashlane_engine::{HashRequest, ReadProgress};
use hashlane_job::{FailureCode, FileFacts, JobError, ObjectRef};
use hashlane_wire::sync_hash::{self, SyncHashQuery};
use hashlane_wire::{ErrorCode, RequestHead, WireError};
use tokio::time::timeout;

use crate::access::AccessKey;
use crate::answer::Answer;
use crate::api::Api;
use crate::refusal::Refusal;
use crate::routes::Bucket;
use crate::{service, storage};

/// How long a request waits for its turn. Small objects take milliseconds, so that a short burst is over by then; SDKs
/// that are told to slow down try again after a second or more.
const TURN_WAIT_MAX: Duration = Duration::from_secs(1);

/// The action that storing the digest at the object takes, beside that of reading it.
const WRITE: &str = "cos:PutObject";

/// Hashes and, when asked to, stores the digest at the object.
pub(crate) async fn answer(
    api: &Api,
    bucket: Bucket<'_>,
    key: &str,
    access: &AccessKey,
    head: &RequestHead<'_>,
) -> Result<Answer, Refusal> {
    let query = SyncHashQuery::parse(head.query)?;
    if query.add_to_header {
        access.require(WRITE)?;
    }
    service::open_queues(api, bucket.name).await.map_err(closed_is_denied)?;
    let object = ObjectRef { bucket: bucket.name.clone(), key: key.to_owned() };
    let hashed = timeout(api.limits.sync_timeout, hash(api, &object, query)).await;
    let facts = hashed.unwrap_or_else(|_elapsed| {
        let seconds = api.limits.sync_timeout.as_secs();
        let message = format!("the object could not be hashed within {seconds} s; submit a file hash job for it");
        Err(Refusal::new(ErrorCode::RequestTimeout, message))
    })?;
    Ok(Answer::xml(sync_hash::print(bucket.name, key, bucket.region, &facts)))
}

async fn hash(api: &Api, object: &ObjectRef, query: SyncHashQuery) -> Result<FileFacts, Refusal> {
    // The semaphore is never closed; what is left is that the turn did not come.
    let Ok(Ok(_turn)) = timeout(TURN_WAIT_MAX, api.sync_turns.acquire()).await else {
        return Err(Refusal::slow_down("too many synchronous hashes at once, please try again", None));
    };
    let progress = Arc::new(ReadProgress::default());
    let request = HashRequest { object: object.clone(), algorithms: vec![query.algorithm], checkpoint: None, progress };
    let hashed = match api.engine.hash_awaited(request, api.limits.sync_object_bytes).await {
        // A job says why there can be no object under such a key; here the answer is that of a GET.
        Err(error) if error.code == FailureCode::Denied && storage::is_absent(api, object).await => {
            return Err(Refusal::new(ErrorCode::NoSuchKey, "the object does not exist"));
        }
        hashed => hashed.map_err(refusal)?,
    };
    if query.add_to_header
        && let Some(digest) = hashed.facts.digests.first()
    {
        api.engine.add_to_header(object, &hashed, *digest).await.map_err(refusal)?;
    }
    Ok(hashed.facts)
}

/// A closed service is refused with another code here than on the calls of processing.
fn closed_is_denied(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal { error, cause } if error.code == ErrorCode::MediaBucketUnBinded => {
            Refusal { error: WireError { code: ErrorCode::AccessDenied, ..error }, cause }
        }
        other => other,
    }
}

/// What fails a job later is answered here at once (spec section 14).
fn refusal(error: JobError) -> Refusal {
    match error.code {
        FailureCode::NotFound => Refusal::new(ErrorCode::NoSuchKey, error.message),
        FailureCode::Denied | FailureCode::HeaderDenied => Refusal::new(ErrorCode::AccessDenied, error.message),
        FailureCode::TooLarge => Refusal::new(ErrorCode::InvalidArgument, error.message),
        // A job would try again; here that is the client's business, and SDKs do it after a 503.
        FailureCode::Unreadable | FailureCode::Changed => Refusal::slow_down(&error.message, None),
        FailureCode::Internal => Refusal::internal(error.message),
    }
}
