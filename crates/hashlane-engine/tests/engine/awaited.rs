//! Objects that somebody waits for, beside jobs without end.

use std::sync::Arc;

use hashlane_engine::{EngineOptions, HashRequest};
use hashlane_job::FailureCode;
use hashlane_lanes::Algorithm;

use crate::bucket::{Bucket, content, expected_all, object, run};
use crate::limits::{ENDLESS_BYTES, endless};

fn options(memory_bytes: u64) -> EngineOptions {
    EngineOptions { hash_threads: 1, memory_bytes, ..EngineOptions::default() }
}

fn request(key: &str) -> HashRequest {
    HashRequest { object: object(key), algorithms: Algorithm::ALL.to_vec(), checkpoint: None, progress: Arc::default() }
}

#[test]
fn an_awaited_object_is_hashed_although_jobs_hold_every_slot_of_theirs_and_more_wait() {
    run(async {
        let bucket = Bucket::folder_with(options(1 << 20));
        bucket.write_sparse("endless", ENDLESS_BYTES);
        let body = content(3_000_000);
        bucket.write("awaited", &body);
        let jobs = endless(&bucket, bucket.engine.slots()).await;
        // Those that wait for a slot come first in any queue that there might be.
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let (engine, request) = (bucket.engine.clone(), request("endless"));
                tokio::spawn(async move { engine.hash(request).await.map(drop) })
            })
            .collect();
        tokio::task::yield_now().await;
        for _ in 0..2 * bucket.engine.awaited_slots() {
            let hashed = bucket.engine.hash_awaited(request("awaited"), None).await.expect("hashed");
            assert_eq!(hashed.facts.digests, expected_all(&body));
        }
        waiting.iter().for_each(|task| task.abort());
        jobs.iter().for_each(|task| task.abort());
    });
}

#[test]
fn jobs_go_on_while_awaited_objects_hold_every_slot_of_theirs() {
    run(async {
        let bucket = Bucket::folder_with(options(1 << 20));
        bucket.write_sparse("endless", ENDLESS_BYTES);
        let body = content(300_000);
        bucket.write("job", &body);
        let awaited: Vec<_> = (0..2 * bucket.engine.awaited_slots())
            .map(|_| {
                let (engine, request) = (bucket.engine.clone(), request("endless"));
                tokio::spawn(async move { engine.hash_awaited(request, None).await.map(drop) })
            })
            .collect();
        tokio::task::yield_now().await;
        let facts = bucket.hash("job", &Algorithm::ALL).await.expect("hashed").facts;
        assert_eq!(facts.digests, expected_all(&body));
        awaited.iter().for_each(|task| task.abort());
    });
}

#[test]
fn an_awaited_object_has_a_bound_of_its_own() {
    run(async {
        let options = EngineOptions { object_bytes_max: Some(10), ..options(1 << 20) };
        for bucket in [Bucket::folder_with(options.clone()), Bucket::memory_with(options)] {
            bucket.put("99", &content(99)).await;
            bucket.put("100", &content(100)).await;
            assert!(bucket.engine.hash_awaited(request("99"), Some(100)).await.is_ok());
            let error = bucket.engine.hash_awaited(request("100"), Some(100)).await.expect_err("too large");
            assert_eq!(error.code, FailureCode::TooLarge);
            assert!(bucket.engine.hash_awaited(request("100"), None).await.is_ok());
        }
    });
}

#[test]
fn an_engine_with_a_single_slot_hashes_awaited_objects_too() {
    run(async {
        let options = options(17 << 10);
        let bucket = Bucket::folder_with(options);
        assert_eq!((bucket.engine.slots(), bucket.engine.awaited_slots()), (1, 0));
        bucket.write("a", b"hello");
        let hashed = bucket.engine.hash_awaited(request("a"), None).await.expect("hashed");
        assert_eq!(hashed.facts.digests, expected_all(b"hello"));
    });
}
