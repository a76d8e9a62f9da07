//! `GET /` of the service: the buckets that a key may use, and no others.

use hashlane_job::Timestamp;
use hashlane_wire::storage::{BucketEntry, print_buckets};

use crate::access::AccessKey;
use crate::answer::Answer;
use crate::api::Api;

/// Nobody knows when a bucket was made: it is a line in a configuration. The epoch says so, and stays the same.
pub(crate) fn answer(api: &Api, access: &AccessKey) -> Answer {
    let visible = api.engine.buckets().iter().filter(|bucket| access.may_use(bucket.name.as_str()));
    let buckets: Vec<BucketEntry> = visible
        .map(|bucket| BucketEntry {
            name: bucket.name.to_string(),
            region: bucket.region.clone(),
            created: Timestamp::default(),
        })
        .collect();
    Answer::xml(print_buckets(&buckets, &access.id))
}
