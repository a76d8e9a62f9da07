//! Preconditions of writes and deletions: asked in the moment of the change.

use bytes::Bytes;
use futures_util::future::join_all;
use hashlane_engine::{Attributes, Ending, Precondition, StorageError, StorageFault, Stored};

use crate::bucket::{Bucket, object, run};

async fn put(bucket: &Bucket, body: &[u8], precondition: Precondition) -> Result<Stored, StorageError> {
    let mut upload = bucket.engine.begin_upload(&object("a"), Attributes::default()).await?;
    upload.write(Bytes::copy_from_slice(body)).await?;
    upload.finish(Ending { precondition: Some(precondition), ..Ending::default() }).await
}

fn absent() -> Precondition {
    Precondition::new(|current| current.is_none())
}

fn is(etag: &str) -> Precondition {
    let etag = etag.to_owned();
    Precondition::new(move |current| current.is_some_and(|current| current.etag == etag))
}

fn count_won<T>(results: &[Result<T, StorageError>]) -> usize {
    let lost = results.iter().filter_map(|result| result.as_ref().err());
    assert!(lost.clone().all(|error| error.fault == StorageFault::PreconditionFailed));
    results.len() - lost.count()
}

#[test]
fn of_writers_with_the_same_precondition_one_wins() {
    run(async {
        for bucket in [Bucket::folder(), Bucket::memory()] {
            for _ in 0..10 {
                let bodies: Vec<Vec<u8>> = (0..8).map(|number| vec![b'0' + number; 10]).collect();
                let made = join_all(bodies.iter().map(|body| put(&bucket, body, absent()))).await;
                assert_eq!(count_won(&made), 1);
                let old = bucket.engine.head_object(&object("a")).await.expect("it exists").etag;
                let replaced = join_all(bodies.iter().map(|body| put(&bucket, &body[1..], is(&old)))).await;
                assert_eq!(count_won(&replaced), 1);
                let new = bucket.engine.head_object(&object("a")).await.expect("it exists").etag;
                let a = object("a");
                let deleted = join_all((0..8).map(|_| bucket.engine.delete_object_if(&a, is(&new)))).await;
                assert_eq!(count_won(&deleted), 1);
            }
            // Nothing is left of those that were refused.
            let left = std::fs::read_dir(bucket.path(".hashlane-uploads")).map_or(0, |entries| entries.count());
            assert_eq!(left, 0);
        }
    });
}
