//! `PUT /<key>` with `x-cos-copy-source`: a copy, also onto itself to change its metadata.
//!
//! The source may be in any bucket that the key may use and read.

use hashlane_engine::{Ending, StorageFault};
use hashlane_job::{BucketName, ObjectRef};
use hashlane_wire::storage::{
    Conditions, CopySource, GivenHeaders, MetadataDirective, Verdict, check_key, print_copied,
};
use hashlane_wire::{ErrorCode, WireError};

use super::{Ask, CHANGED_ATTEMPTS, absent, attributes, get_object};
use crate::answer::Answer;
use crate::refusal::Refusal;

/// The action that reading the source takes, beside that of writing the copy.
const READ: &str = "cos:GetObject";

pub(super) async fn answer(ask: Ask<'_>) -> Result<Answer, Refusal> {
    check_key(ask.key)?;
    let header = ask.head.header("x-cos-copy-source").unwrap_or_default();
    let source = source(ask, &CopySource::parse(&header)?)?;
    let directive = MetadataDirective::of(ask.head)?;
    let given = GivenHeaders::of(ask.head)?;
    let conditions = Conditions::of_copy_source(ask.head);
    if directive == MetadataDirective::Copy && source == ask.object() {
        let message = "a copy onto itself must change the metadata: send x-cos-metadata-directive: Replaced";
        return Err(Refusal::new(ErrorCode::InvalidArgument, message));
    }
    let precondition = ask.precondition();
    let ending = Ending { keep_existing: given.keep_existing, precondition, ..Ending::default() };
    let attributes = (directive == MetadataDirective::Replaced).then(|| attributes(given));
    for _ in 0..CHANGED_ATTEMPTS {
        let open = ask.api.engine.open_object(&source).await.map_err(absent)?;
        if conditions.check(&open.head().etag, open.head().modified) != Verdict::Met {
            return Err(get_object::failed());
        }
        let copied = ask.api.engine.copy_object(open, &ask.object(), attributes.clone(), ending.clone()).await;
        match copied {
            Ok(stored) => return Ok(Answer::xml(print_copied(&stored.etag, stored.crc64, stored.modified))),
            Err(error) if error.fault == StorageFault::Changed => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::slow_down("the source of the copy changes all the time", None))
}

/// The object that is to be copied, when the key may read it.
pub(super) fn source(ask: Ask<'_>, source: &CopySource) -> Result<ObjectRef, Refusal> {
    ask.access.require(READ)?;
    let address = ask.api.address(&source.host);
    // A Host without a bucket means the default one, but a source that names none is a mistake.
    let named = address.bucket.filter(|_| address.bucket_named).and_then(|name| BucketName::parse(&name));
    // OpenDAL writes the bucket alone, in the way of S3.
    let Some(bucket) = named.or_else(|| BucketName::parse(&source.host)) else {
        let message = "x-cos-copy-source names no bucket; write <bucket>.cos.<region>.myqcloud.com/<key>";
        return Err(Refusal::new(ErrorCode::InvalidArgument, message));
    };
    // One that does not exist is no different from one that is forbidden.
    if !ask.access.may_use(bucket.as_str()) {
        return Err(WireError::access_denied().into());
    }
    Ok(ObjectRef { bucket, key: source.key.clone() })
}
