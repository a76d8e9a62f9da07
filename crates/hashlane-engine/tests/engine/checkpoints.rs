//! A large file is gone on with in the middle, when it is still the same file.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashlane_engine::{Engine, EngineOptions, HashRequest, ReadProgress};
use hashlane_job::{Checkpoint, JobError};
use hashlane_lanes::{Algorithm, Digest};

use crate::bucket::{Bucket, content, expected, object, run};

const EVERY_BYTES: u64 = 1 << 20;
const SIZE_BYTES: usize = (5 << 20) + 12_345;

fn bucket() -> Bucket {
    Bucket::folder_with(EngineOptions { hash_threads: 1, checkpoint_bytes: EVERY_BYTES, ..EngineOptions::default() })
}

struct Attempt {
    result: Result<Vec<Digest>, JobError>,
    /// Where it began.
    begin: u64,
    checkpoint: Option<Checkpoint>,
}

/// Hashes the object `a`; asks for the end when `leave_at` bytes are read.
async fn attempt(engine: &Engine, checkpoint: Option<Checkpoint>, leave_at: Option<u64>) -> Attempt {
    let progress = Arc::new(ReadProgress::default());
    let request =
        HashRequest { object: object("a"), algorithms: vec![Algorithm::Sha1], checkpoint, progress: progress.clone() };
    let task = tokio::spawn({
        let engine = engine.clone();
        async move { engine.hash(request).await.map(|hashed| hashed.facts.digests) }
    });
    while !task.is_finished() {
        let read_bytes = progress.meter().read_bytes.load(Ordering::Relaxed);
        if leave_at.is_some_and(|bytes| read_bytes >= bytes) {
            progress.leave();
        }
        tokio::task::yield_now().await;
    }
    let begin = progress.meter().spared_bytes.load(Ordering::Relaxed);
    Attempt { result: task.await.expect("no panic"), begin, checkpoint: progress.checkpoint() }
}

/// Failure rule B5.
#[test]
fn a_file_is_gone_on_with_at_its_last_checkpoint() {
    run(async {
        let bucket = bucket();
        let content = content(SIZE_BYTES);
        bucket.write("a", &content);
        let first = attempt(&bucket.engine, None, None).await;
        assert_eq!(first.result.expect("hashed"), [expected(Algorithm::Sha1, &content)]);
        let second = attempt(&bucket.engine, first.checkpoint, None).await;
        assert_eq!(second.result.expect("hashed"), [expected(Algorithm::Sha1, &content)]);
        assert!(second.begin >= SIZE_BYTES as u64 - 2 * EVERY_BYTES, "{} bytes were spared", second.begin);
    });
}

/// Failure rule B5.
#[test]
fn a_file_that_was_written_to_since_is_read_from_its_beginning() {
    run(async {
        let bucket = bucket();
        bucket.write("a", &content(SIZE_BYTES));
        let first = attempt(&bucket.engine, None, None).await;
        let mut other = content(SIZE_BYTES);
        other[0] ^= 1;
        // Of the same length and modified time.
        bucket.write("a", &other);
        let second = attempt(&bucket.engine, first.checkpoint, None).await;
        assert_eq!(second.result.expect("hashed"), [expected(Algorithm::Sha1, &other)]);
    });
}

#[test]
fn who_asks_for_the_end_gets_a_last_checkpoint() {
    run(async {
        let bucket = Bucket::folder_with(EngineOptions {
            hash_threads: 1,
            checkpoint_bytes: 64 << 20,
            ..EngineOptions::default()
        });
        let content = content(96 << 20);
        bucket.write("a", &content);
        let left = attempt(&bucket.engine, None, Some(2 << 20)).await;
        assert!(left.result.expect_err("it was asked to end").may_retry);
        let second = attempt(&bucket.engine, left.checkpoint, None).await;
        assert!(second.begin >= 2 << 20, "{} bytes were spared", second.begin);
        assert_eq!(second.result.expect("hashed"), [expected(Algorithm::Sha1, &content)]);
    });
}

#[test]
fn a_small_file_has_no_checkpoints() {
    run(async {
        let bucket = bucket();
        bucket.write("a", &content(EVERY_BYTES as usize));
        let first = attempt(&bucket.engine, None, None).await;
        assert_eq!((first.result.expect("hashed").len(), first.checkpoint), (1, None));
    });
}
