//! `HEAD /`: whether a bucket is there.

use http::StatusCode;

use crate::answer::Answer;
use crate::routes::Bucket;

/// That it was found says it all.
pub(super) fn answer(bucket: Bucket<'_>) -> Answer {
    Answer::with_status(StatusCode::OK).header("x-cos-bucket-region", bucket.region)
}
