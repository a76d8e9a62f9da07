//! Right digests and right facts.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashlane_engine::ReadProgress;
use hashlane_lanes::Algorithm;

use crate::bucket::{Bucket, content, expected, expected_all, hash, run};

/// Around the blocks and padding of all algorithms, around the chunk of 32 KiB, around where files are announced, MiBs.
const SIZES: [usize; 24] = [
    0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 4095, 4096, 4097, 32_767, 32_768, 32_769, 65_535, 65_536,
    65_537, 131_071, 1_000_003, 5_000_011,
];

/// Failure rule B7.
#[test]
fn all_digests_of_every_size_are_those_of_independent_implementations() {
    run(async {
        let (folder, memory) = (Bucket::folder(), Bucket::memory());
        for size in SIZES {
            let key = format!("{size}");
            folder.write(&key, &content(size));
            memory.put(&key, &content(size)).await;
            for bucket in [&folder, &memory] {
                let facts = bucket.hash(&key, &Algorithm::ALL).await.expect("hashed").facts;
                assert_eq!(facts.digests, expected_all(&content(size)), "{size} bytes");
                assert_eq!(facts.size_bytes, size as u64);
            }
        }
    });
}

#[test]
fn digests_come_in_the_order_and_as_often_as_asked() {
    run(async {
        let bucket = Bucket::folder();
        bucket.write("a", b"hello");
        let asked = [Algorithm::Sha256, Algorithm::Md5, Algorithm::Sha256];
        let facts = bucket.hash("a", &asked).await.expect("hashed").facts;
        assert_eq!(facts.digests, asked.map(|algorithm| expected(algorithm, b"hello")));
        assert!(bucket.hash("a", &[]).await.is_err());
    });
}

/// Failure rule E2.
#[test]
fn keys_of_any_kind_name_their_own_file() {
    run(async {
        let (folder, memory) = (Bucket::folder(), Bucket::memory());
        let long = "x".repeat(255);
        let deep = format!("{}end", "d/".repeat(400));
        let keys = [
            "plain",
            "a b",
            "100%",
            "%2e%2e",
            "a+b&c=d",
            "quote\"'",
            "back\\slash",
            "new\nline",
            "...",
            "..a",
            "a..",
            "-rf",
            "~",
            "*",
            "中文/键",
            "😀",
            "é",
            "e\u{301}",
            "\u{202e}x",
            "a:b",
            "CON",
            "A",
            &long,
            &deep,
        ];
        for (number, key) in keys.iter().enumerate() {
            folder.put(key, format!("content {number}").as_bytes()).await;
            memory.put(key, format!("content {number}").as_bytes()).await;
        }
        for (number, key) in keys.iter().enumerate() {
            for bucket in [&folder, &memory] {
                let facts = bucket.hash(key, &[Algorithm::Md5]).await.expect(key).facts;
                assert_eq!(
                    facts.digests,
                    [expected(Algorithm::Md5, format!("content {number}").as_bytes())],
                    "{key:?}"
                );
            }
        }
    });
}

#[test]
fn facts_of_a_file_are_those_of_the_file_system() {
    run(async {
        let bucket = Bucket::folder();
        bucket.write("a", b"hello");
        let metadata = std::fs::metadata(bucket.path("a")).expect("it exists");
        let facts = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed").facts;
        assert_eq!(facts.modified.unix_millis(), metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000);
        let again = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed").facts;
        assert_eq!(facts, again);
        assert!(
            facts.etag.starts_with('"') && facts.etag.ends_with("-0\"") && facts.etag.len() == 36,
            "{}",
            facts.etag
        );
    });
}

/// Failure rule B3.
#[test]
fn an_upload_has_the_md5_as_its_etag_in_folders_and_in_memory() {
    run(async {
        for bucket in [Bucket::folder(), Bucket::memory()] {
            bucket.put("deep/er/a", b"hello").await;
            let etag = format!("\"{}\"", expected(Algorithm::Md5, b"hello"));
            let facts = bucket.hash("deep/er/a", &[Algorithm::Sha1]).await.expect("hashed").facts;
            assert_eq!(facts.etag, etag);
            assert_eq!(facts.digests, [expected(Algorithm::Sha1, b"hello")]);
            let before = facts.modified;
            bucket.put("deep/er/a", b"hello again").await;
            let facts = bucket.hash("deep/er/a", &[Algorithm::Sha1]).await.expect("hashed").facts;
            assert_ne!(facts.etag, etag);
            assert!(facts.modified >= before);
        }
        let bucket = Bucket::folder();
        bucket.put("a", b"hello").await;
        bucket.write("a", b"by another program");
        let facts = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed").facts;
        assert!(facts.etag.ends_with("-0\""), "an ETag does not outlive its content: {}", facts.etag);
    });
}

#[test]
fn progress_reaches_the_length_of_the_object() {
    run(async {
        for bucket in [Bucket::folder(), Bucket::memory()] {
            bucket.put("a", &content(100_000)).await;
            let progress = Arc::new(ReadProgress::default());
            hash(&bucket.engine, "a", &Algorithm::ALL, &progress).await.expect("hashed");
            assert_eq!(progress.meter().read_bytes.load(Ordering::Relaxed), 100_000);
            assert_eq!(progress.meter().total_bytes.load(Ordering::Relaxed), 100_000);
            assert_eq!(progress.percent(), 99);
        }
    });
}

#[test]
fn a_file_is_hashed_the_moment_it_was_written() {
    run(async {
        let bucket = Bucket::folder();
        for number in 0..20 {
            let content = format!("{number}");
            std::fs::write(bucket.path("a"), &content).expect("written");
            let facts = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed").facts;
            assert_eq!(facts.digests, [expected(Algorithm::Md5, content.as_bytes())]);
        }
    });
}
