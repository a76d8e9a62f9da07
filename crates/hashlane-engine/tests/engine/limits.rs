//! Bounds: memory, slots, sizes; and nothing left behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashlane_engine::{EngineOptions, ReadProgress};
use hashlane_job::FailureCode;
use hashlane_lanes::Algorithm;

use crate::bucket::{Bucket, content, expected_all, hash, run};

/// A file that nobody lives to see hashed: at 1 GB/s this takes a quarter of an hour.
pub(crate) const ENDLESS_BYTES: u64 = 1 << 40;

fn options(hash_threads: usize, memory_bytes: u64) -> EngineOptions {
    EngineOptions { hash_threads, memory_bytes, ..EngineOptions::default() }
}

/// Failure rule E8.
#[test]
fn a_budget_of_one_mebibyte_hashes_any_number_of_objects_at_once() {
    run(async {
        for bucket in [Bucket::folder_with(options(2, 1 << 20)), Bucket::memory_with(options(2, 1 << 20))] {
            assert!(bucket.engine.slots() < 64);
            for number in 0..64 {
                bucket.put(&format!("{number}"), &content(300_000 + number)).await;
            }
            let tasks: Vec<_> = (0..64)
                .map(|number| {
                    let engine = bucket.engine.clone();
                    tokio::spawn(
                        async move { hash(&engine, &format!("{number}"), &Algorithm::ALL, &Arc::default()).await },
                    )
                })
                .collect();
            for (number, task) in tasks.into_iter().enumerate() {
                let facts = task.await.expect("no panic").expect("hashed").facts;
                assert_eq!(facts.digests, expected_all(&content(300_000 + number)), "object {number}");
            }
        }
    });
}

/// Starts to hash the endless object `count` times and waits until each is being read.
pub(crate) async fn endless(bucket: &Bucket, count: usize) -> Vec<tokio::task::JoinHandle<()>> {
    let mut tasks = Vec::new();
    for _ in 0..count {
        let progress = Arc::new(ReadProgress::default());
        tasks.push(tokio::spawn({
            let (engine, progress) = (bucket.engine.clone(), progress.clone());
            async move {
                let _ = hash(&engine, "endless", &[Algorithm::Sha256], &progress).await;
            }
        }));
        while progress.meter().read_bytes.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    }
    tasks
}

/// Failure rule E6.
#[test]
fn big_objects_do_not_keep_small_ones_waiting() {
    run(async {
        let bucket = Bucket::folder_with(options(1, 1 << 20));
        bucket.write_sparse("endless", ENDLESS_BYTES);
        bucket.write("small", b"hello");
        let tasks = endless(&bucket, bucket.engine.slots() - 1).await;
        for _ in 0..10 {
            let facts = bucket.hash("small", &Algorithm::ALL).await.expect("hashed").facts;
            assert_eq!(facts.digests, expected_all(b"hello"));
        }
        tasks.iter().for_each(|task| task.abort());
        bucket.engine.stop().await;
    });
}

#[test]
fn a_future_that_is_dropped_stops_its_reading_and_frees_its_slot() {
    run(async {
        let bucket = Bucket::folder_with(options(1, 64 << 10));
        bucket.write_sparse("endless", ENDLESS_BYTES);
        bucket.write("small", b"hello");
        for _ in 0..3 {
            // All slots: without a free one nothing could be hashed afterwards.
            let tasks = endless(&bucket, bucket.engine.slots()).await;
            tasks.iter().for_each(|task| task.abort());
            let facts = bucket.hash("small", &Algorithm::ALL).await.expect("hashed").facts;
            assert_eq!(facts.digests, expected_all(b"hello"));
        }
    });
}

#[test]
fn stopping_ends_what_is_being_read() {
    run(async {
        let bucket = Bucket::folder_with(options(2, 1 << 20));
        bucket.write_sparse("endless", ENDLESS_BYTES);
        let tasks = endless(&bucket, 2).await;
        bucket.engine.clone().stop().await;
        for task in tasks {
            task.await.expect("no panic");
        }
        let error = bucket.hash("endless", &[Algorithm::Md5]).await.expect_err("stopped");
        assert!(error.may_retry, "{error}");
    });
}

#[test]
fn no_file_is_open_after_its_hash_is_forgotten() {
    run(async {
        let bucket = Bucket::folder_with(options(1, 1 << 20));
        bucket.write("a", b"hello");
        let open = || {
            let links = std::fs::read_dir("/proc/self/fd").expect("proc").flatten();
            let path = bucket.path("a");
            links.filter(|link| std::fs::read_link(link.path()).is_ok_and(|target| target == path)).count()
        };
        let hashed = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed");
        assert_eq!(open(), 1);
        drop(hashed);
        assert_eq!(open(), 0);
    });
}

/// Rules W8.3, W13.1.
/// Failure rule B8.
#[test]
fn an_object_that_is_not_smaller_than_the_limit_is_refused() {
    run(async {
        let limit = EngineOptions { object_bytes_max: Some(100), ..options(1, 1 << 20) };
        for bucket in [Bucket::folder_with(limit.clone()), Bucket::memory_with(limit)] {
            bucket.put("99", &content(99)).await;
            bucket.put("100", &content(100)).await;
            assert!(bucket.hash("99", &[Algorithm::Md5]).await.is_ok());
            let error = bucket.hash("100", &[Algorithm::Md5]).await.expect_err("too large");
            assert_eq!((error.code, error.may_retry), (FailureCode::TooLarge, false));
            assert_eq!(error.message, "the object has 100 bytes and must have fewer than 100");
        }
    });
}
