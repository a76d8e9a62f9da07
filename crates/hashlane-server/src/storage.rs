//! The storage calls (spec section 15): objects of a bucket, for whoever may use it.
//!
//! One file per call: parse, one call of the engine, print. What the engine says went wrong becomes a code of COS here. A call
//! that COS has and this server has not is refused with 405, so that nothing is taken for what it is not.

mod complete_upload;
mod copy_object;
mod copy_part;
mod delete_object;
mod delete_objects;
mod get_object;
mod head_bucket;
mod list_buckets;
mod list_objects;
mod list_parts;
mod list_uploads;
mod put_bucket;
mod put_object;
mod uploads;

use hashlane_engine::{Attributes, ObjectHead, Precondition, StorageError, StorageFault};
use hashlane_job::ObjectRef;
use hashlane_wire::storage::{Conditions, GivenHeaders};
use hashlane_wire::{ErrorCode, Query, RequestHead, StorageOperation};

use crate::access::AccessKey;
use crate::answer::Answer;
use crate::api::Api;
use crate::body::RequestBody;
use crate::refusal::Refusal;
use crate::routes::Bucket;

pub(crate) use list_buckets::answer as list_buckets;
pub(crate) use put_bucket::answer as put_bucket;

/// XML bodies of storage calls may have so many bytes (failure rule C8): 10,000 parts take half of it.
const XML_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How often a call is made again when the object changed just then; each time somebody else was done with it.
const CHANGED_ATTEMPTS: usize = 20;

/// A request on a bucket or on an object in it.
#[derive(Clone, Copy)]
struct Ask<'a> {
    api: &'a Api,
    /// Who asks.
    access: &'a AccessKey,
    bucket: Bucket<'a>,
    /// Empty for the bucket.
    key: &'a str,
    head: &'a RequestHead<'a>,
}

impl Ask<'_> {
    fn object(&self) -> ObjectRef {
        ObjectRef { bucket: self.bucket.name.clone(), key: self.key.to_owned() }
    }

    /// What the request says must hold of the object that it changes, if it says anything.
    fn precondition(&self) -> Option<Precondition> {
        let conditions = Conditions::of(self.head);
        conditions.guard_changes().then(|| {
            Precondition::new(move |current: Option<&ObjectHead>| {
                conditions.allow_change(current.map(|current| (current.etag.as_str(), current.modified)))
            })
        })
    }

    /// Refuses a body that has neither a length nor chunks: nobody could tell it from one that broke off.
    fn check_length(&self) -> Result<(), Refusal> {
        let is_told = ["content-length", "transfer-encoding"].iter().any(|name| self.head.header(name).is_some());
        let message = "the body of an object needs a Content-Length, or Transfer-Encoding: chunked";
        if is_told { Ok(()) } else { Err(Refusal::new(ErrorCode::MissingContentLength, message)) }
    }

    fn query(&self) -> Result<Query, Refusal> {
        Ok(Query::parse(self.head.query)?)
    }
}

/// Answers a call on a bucket that exists. `key` is empty for the bucket itself.
pub(crate) async fn answer(
    api: &Api,
    access: &AccessKey,
    bucket: Bucket<'_>,
    key: &str,
    operation: StorageOperation,
    head: &RequestHead<'_>,
    body: &mut RequestBody,
) -> Result<Answer, Refusal> {
    let ask = Ask { api, access, bucket, key, head };
    match operation {
        StorageOperation::PutObject => put_object::answer(ask, body).await,
        StorageOperation::GetObject | StorageOperation::HeadObject => get_object::answer(ask).await,
        StorageOperation::DeleteObject => delete_object::answer(ask).await,
        StorageOperation::CopyObject => copy_object::answer(ask).await,
        StorageOperation::ListObjects => list_objects::answer(ask).await,
        StorageOperation::DeleteObjects => delete_objects::answer(ask, body).await,
        StorageOperation::InitiateUpload => uploads::initiate(ask).await,
        StorageOperation::UploadPart => uploads::put_part(ask, body).await,
        StorageOperation::CopyPart => copy_part::answer(ask).await,
        StorageOperation::AbortUpload => uploads::abort(ask).await,
        StorageOperation::CompleteUpload => complete_upload::answer(ask, body).await,
        StorageOperation::ListParts => list_parts::answer(ask).await,
        StorageOperation::ListUploads => list_uploads::answer(ask).await,
        StorageOperation::HeadBucket => Ok(head_bucket::answer(bucket)),
        // These are answered before a bucket is looked for, or elsewhere.
        StorageOperation::PutBucket | StorageOperation::ListBuckets | StorageOperation::SyncHash => Err(not_offered()),
        StorageOperation::Other => Err(not_offered()),
    }
}

fn not_offered() -> Refusal {
    Refusal::new(ErrorCode::MethodNotAllowed, "this server does not offer this storage operation")
}

/// What a client gave with an object, as the engine keeps it.
fn attributes(given: GivenHeaders) -> Attributes {
    Attributes { headers: given.headers, metadata: given.metadata }
}

/// For calls that only read: under a key that no object can have there is none.
fn absent(error: StorageError) -> Refusal {
    match error.fault {
        StorageFault::InvalidKey => Refusal::new(ErrorCode::NoSuchKey, error.message),
        _ => error.into(),
    }
}

/// Whether a GET would find no object.
pub(crate) async fn is_absent(api: &Api, object: &ObjectRef) -> bool {
    let head = api.engine.head_object(object).await;
    head.is_err_and(|error| matches!(error.fault, StorageFault::NotFound | StorageFault::InvalidKey))
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Refusal {
        let code = match error.fault {
            StorageFault::NoSuchBucket => ErrorCode::NoSuchBucket,
            StorageFault::NotFound => ErrorCode::NoSuchKey,
            StorageFault::InvalidKey | StorageFault::Conflict | StorageFault::AttributesTooLarge => {
                ErrorCode::InvalidArgument
            }
            StorageFault::PreconditionFailed => ErrorCode::PreconditionFailed,
            StorageFault::Exists => ErrorCode::FileAlreadyExists,
            StorageFault::DigestMismatch => ErrorCode::BadDigest,
            StorageFault::NoSuchUpload => ErrorCode::NoSuchUpload,
            StorageFault::InvalidPart => ErrorCode::InvalidPart,
            StorageFault::InvalidPartOrder => ErrorCode::InvalidPartOrder,
            StorageFault::Denied => ErrorCode::AccessDenied,
            // Not 501, which SDKs would repeat.
            StorageFault::Unsupported => ErrorCode::MethodNotAllowed,
            StorageFault::Full | StorageFault::Changed | StorageFault::Unavailable => {
                return Refusal::slow_down(&error.message, None);
            }
        };
        Refusal::new(code, error.message)
    }
}
