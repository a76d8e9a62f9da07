//! `PUT /`: buckets are made in the configuration, so this only says whether one is there.

use hashlane_wire::ErrorCode;

use crate::answer::Answer;
use crate::refusal::Refusal;
use crate::routes::Bucket;

/// As the original answers for a bucket that exists; programs that make sure of their bucket go on then.
pub(crate) fn answer(bucket: Result<Bucket<'_>, Refusal>) -> Result<Answer, Refusal> {
    match bucket {
        Ok(_) => Err(Refusal::new(ErrorCode::BucketAlreadyOwnedByYou, "the bucket exists already, and it is yours")),
        Err(_) => Err(Refusal::new(
            ErrorCode::AccessDenied,
            "buckets cannot be made by a request; add it to the server's configuration",
        )),
    }
}
