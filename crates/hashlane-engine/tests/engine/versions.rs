//! Which objects are known again without being read.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use hashlane_engine::{EngineOptions, Identified};
use hashlane_job::{Clock, FailureCode, ObjectVersion, SystemClock};
use hashlane_lanes::Algorithm;

use crate::bucket::{Bucket, object, run, write_old};

/// The version that an object has now. A file that was changed a moment ago has none yet, for a tick of the file system's clock.
async fn version(bucket: &Bucket, key: &str) -> ObjectVersion {
    for _ in 0..100_000 {
        if let Some(identified) = bucket.engine.identify(&object(key)).await {
            return identified.version;
        }
        tokio::task::yield_now().await;
    }
    panic!("{key} is never known");
}

#[test]
fn an_object_that_was_hashed_is_known_again_until_it_changes() {
    run(async {
        let bucket = Bucket::folder();
        type Change = (&'static str, fn(&Bucket));
        let changes: [Change; 6] = [
            ("rewritten in place, and its modified time set back", |bucket| {
                let modified = fs::metadata(bucket.path("a")).and_then(|it| it.modified()).expect("a time");
                let mut file = File::options().write(true).open(bucket.path("a")).expect("the file");
                file.write_all(b"HELLO").and_then(|()| file.set_modified(modified)).expect("rewritten");
            }),
            ("replaced by one of the same length and modified time", |bucket| {
                let modified = fs::metadata(bucket.path("a")).and_then(|it| it.modified()).expect("a time");
                write_old(&bucket.outside("new"), b"HELLO");
                File::options()
                    .write(true)
                    .open(bucket.outside("new"))
                    .and_then(|it| it.set_modified(modified))
                    .expect("set");
                fs::rename(bucket.outside("new"), bucket.path("a")).expect("replaced");
            }),
            ("longer", |bucket| {
                let mut file = File::options().append(true).open(bucket.path("a")).expect("the file");
                file.write_all(b"!").expect("longer");
            }),
            ("cut", |bucket| {
                File::options().write(true).open(bucket.path("a")).and_then(|file| file.set_len(4)).expect("cut");
            }),
            // Whoever may read it is no part of its content, but moves the change time: it is read for nothing.
            ("with other permissions", |bucket| {
                fs::set_permissions(bucket.path("a"), fs::Permissions::from_mode(0o640)).expect("set");
            }),
            ("linked under another name", |bucket| fs::hard_link(bucket.path("a"), bucket.path("b")).expect("linked")),
        ];
        for (what, change) in changes {
            let _ = fs::remove_file(bucket.path("b"));
            bucket.write("a", b"hello");
            let hashed = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed");
            let hashed_version = hashed.version().expect("a file has a version");
            assert_eq!(version(&bucket, "a").await, hashed_version, "before it was {what}");
            change(&bucket);
            assert_ne!(version(&bucket, "a").await, hashed_version, "after it was {what}");
        }
    });
}

#[test]
fn a_file_that_was_changed_this_very_moment_is_not_known_yet() {
    run(async {
        let bucket = Bucket::folder();
        let mut unknown = false;
        // A busy machine may let the moment pass before the file is looked at.
        for _ in 0..1000 {
            fs::write(bucket.path("a"), b"hello").expect("written");
            unknown |= bucket.engine.identify(&object("a")).await.is_none();
        }
        assert!(unknown);
        version(&bucket, "a").await;
    });
}

#[test]
fn what_cannot_be_told_apart_or_may_not_be_hashed_is_not_known() {
    run(async {
        let bucket = Bucket::folder_with(EngineOptions { object_bytes_max: Some(5), ..EngineOptions::default() });
        bucket.write("fits", b"1234");
        version(&bucket, "fits").await;
        bucket.write("long", b"12345");
        fs::create_dir(bucket.path("folder")).expect("made");
        for key in ["long", "missing", "folder", "folder/", "../outside", ""] {
            assert!(bucket.engine.identify(&object(key)).await.is_none(), "{key:?}");
        }
    });
}

#[test]
fn an_object_in_memory_is_another_version_with_each_upload() {
    run(async {
        let bucket = Bucket::memory();
        bucket.put("a", b"hello").await;
        let hashed = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed").version();
        assert_eq!(Some(version(&bucket, "a").await), hashed);
        bucket.put("a", b"hello").await;
        assert_ne!(Some(version(&bucket, "a").await), hashed);
        // Uploads of another process are numbered from 1 as well, but they are made at another time.
        let other = Bucket::memory();
        let begun = SystemClock.now();
        while SystemClock.now() == begun {
            tokio::task::yield_now().await;
        }
        other.put("a", b"hello").await;
        assert_ne!(Some(version(&other, "a").await), hashed);
    });
}

#[test]
fn a_digest_that_is_stored_once_more_leaves_the_version_as_it_is() {
    run(async {
        let bucket = Bucket::folder();
        bucket.write("a", b"hello");
        let first = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed");
        bucket.engine.add_to_header(&object("a"), &first, first.facts.digests[0]).await.expect("stored");
        let stored = version(&bucket, "a").await;
        let again = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed");
        bucket.engine.add_to_header(&object("a"), &again, again.facts.digests[0]).await.expect("stored");
        assert_eq!(version(&bucket, "a").await, stored);
        assert_eq!(again.version(), Some(stored));
    });
}

/// What was identified can be given the digest of an earlier reading, but not when it changed since.
#[test]
fn a_digest_is_stored_only_at_the_version_that_was_identified() {
    run(async {
        let bucket = Bucket::folder();
        bucket.write("a", b"hello");
        let facts = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed").facts;
        let identify = async || -> Identified {
            version(&bucket, "a").await;
            bucket.engine.identify(&object("a")).await.expect("it is known")
        };
        let known = identify().await.hashed(facts.clone());
        bucket.engine.add_to_header(&object("a"), &known, facts.digests[0]).await.expect("stored");
        let known = identify().await.hashed(facts.clone());
        bucket.write("a", b"HELLO");
        let refused = bucket.engine.add_to_header(&object("a"), &known, facts.digests[0]).await;
        assert_eq!(refused.expect_err("it changed").code, FailureCode::Changed);
    });
}
