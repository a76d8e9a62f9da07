//! Digests as user metadata of the object that was hashed.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use hashlane_job::FailureCode;
use hashlane_lanes::Algorithm;
use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::bucket::{Bucket, expected, object, run, write_old};

fn attribute(bucket: &Bucket, key: &str, name: &str) -> Option<String> {
    let mut value = [0; 256];
    let length = getxattr(bucket.path(key), name, &mut value[..]).ok()?;
    Some(String::from_utf8_lossy(&value[..length]).into_owned())
}

#[test]
fn a_digest_is_stored_beside_the_file_and_nothing_else_changes() {
    run(async {
        let bucket = Bucket::folder();
        bucket.put("a", b"hello").await;
        setxattr(bucket.path("a"), "user.x-cos-meta-author", b"me", XattrFlags::empty()).expect("attributes");
        setxattr(bucket.path("a"), "user.x-cos-meta-md5", b"old", XattrFlags::empty()).expect("attributes");
        let before = fs::metadata(bucket.path("a")).expect("it exists");
        let hashed = bucket.hash("a", &Algorithm::ALL).await.expect("hashed");
        for digest in &hashed.facts.digests {
            bucket.engine.add_to_header(&object("a"), &hashed, *digest).await.expect("stored");
        }
        for digest in &hashed.facts.digests {
            let name = format!("user.x-cos-meta-{}", digest.algorithm());
            assert_eq!(attribute(&bucket, "a", &name), Some(digest.to_string()));
        }
        assert_eq!(attribute(&bucket, "a", "user.x-cos-meta-author").as_deref(), Some("me"));
        assert_eq!(fs::read(bucket.path("a")).expect("it exists"), b"hello");
        let after = fs::metadata(bucket.path("a")).expect("it exists");
        assert_eq!((before.mtime(), before.mtime_nsec()), (after.mtime(), after.mtime_nsec()));
        let again = bucket.hash("a", &Algorithm::ALL).await.expect("hashed");
        assert_eq!(again.facts, hashed.facts);
    });
}

#[test]
fn a_file_that_is_not_what_was_hashed_gets_no_digest() {
    run(async {
        type Change = (&'static str, fn(&Bucket));
        let changes: [Change; 4] = [
            ("replaced", |bucket| {
                write_old(&bucket.outside("new"), b"HELLO");
                fs::rename(bucket.outside("new"), bucket.path("a")).expect("replaced");
            }),
            ("rewritten", |bucket| fs::write(bucket.path("a"), b"HELLO").expect("rewritten")),
            ("deleted", |bucket| fs::remove_file(bucket.path("a")).expect("deleted")),
            ("longer", |bucket| {
                File::options().write(true).open(bucket.path("a")).and_then(|file| file.set_len(6)).expect("longer");
            }),
        ];
        for (name, change) in changes {
            let bucket = Bucket::folder();
            bucket.write("a", b"hello");
            setxattr(bucket.path("a"), "user.x-cos-meta-md5", b"before", XattrFlags::empty()).expect("attributes");
            let hashed = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed");
            change(&bucket);
            let digest = hashed.facts.digests[0];
            let error = bucket.engine.add_to_header(&object("a"), &hashed, digest).await.expect_err(name);
            assert_eq!((error.code, error.may_retry), (FailureCode::Changed, true), "{name}: {error}");
            let expected = matches!(name, "rewritten" | "longer").then_some("before");
            assert_eq!(attribute(&bucket, "a", "user.x-cos-meta-md5").as_deref(), expected, "{name}");
        }
    });
}

#[test]
fn where_metadata_cannot_be_written_the_reason_is_told() {
    run(async {
        // An immutable file refuses attributes, even root's; making one takes root and a file system that knows it.
        let bucket = Bucket::folder();
        bucket.write("a", b"hello");
        let file = File::open(bucket.path("a")).expect("it exists");
        let flags = rustix::fs::ioctl_getflags(&file).unwrap_or(rustix::fs::IFlags::empty());
        if let Err(errno) = rustix::fs::ioctl_setflags(&file, flags | rustix::fs::IFlags::IMMUTABLE) {
            return eprintln!("not tested, for want of the right to make files immutable: no permission ({errno})");
        }
        let hashed = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed");
        let result = bucket.engine.add_to_header(&object("a"), &hashed, hashed.facts.digests[0]).await;
        rustix::fs::ioctl_setflags(&file, flags).expect("mutable again");
        let error = result.expect_err("refused");
        assert_eq!((error.code, error.may_retry), (FailureCode::HeaderDenied, false), "{error}");
        assert!(error.message.ends_with("the server may not write to the object"), "{error}");
    });
}

#[test]
fn a_digest_is_stored_with_the_very_object_of_a_memory_bucket_that_was_hashed() {
    run(async {
        let memory = Bucket::memory();
        memory.put("a", b"hello").await;
        let hashed = memory.hash("a", &[Algorithm::Md5]).await.expect("hashed");
        let digest = hashed.facts.digests[0];
        memory.engine.add_to_header(&object("a"), &hashed, digest).await.expect("stored");
        let head = memory.engine.head_object(&object("a")).await.expect("it exists");
        assert_eq!(head.attributes.metadata.get("md5"), Some(&digest.to_string()));
        assert_eq!((&head.etag, head.modified), (&hashed.facts.etag, hashed.facts.modified));

        // The same content, stored again, is another upload.
        memory.put("a", b"hello").await;
        let error = memory.engine.add_to_header(&object("a"), &hashed, digest).await.expect_err("another object");
        assert_eq!((error.code, error.may_retry), (FailureCode::Changed, true));
        assert!(memory.engine.head_object(&object("a")).await.expect("it exists").attributes.metadata.is_empty());
    });
}

#[test]
fn a_digest_that_was_added_is_told_only_of_the_content_that_it_belongs_to() {
    run(async {
        let bucket = Bucket::folder();
        bucket.put("a", b"hello").await;
        setxattr(bucket.path("a"), "user.x-cos-meta-sha1", b"my own", XattrFlags::empty()).expect("attributes");
        let hashed = bucket.hash("a", &[Algorithm::Md5]).await.expect("hashed");
        bucket.engine.add_to_header(&object("a"), &hashed, hashed.facts.digests[0]).await.expect("stored");
        let told = async || bucket.engine.head_object(&object("a")).await.expect("it exists").attributes.metadata;
        assert_eq!(told().await.get("md5"), Some(&hashed.facts.digests[0].to_string()));
        write_old(&bucket.path("a"), b"HELLO");
        let told = told().await;
        assert_eq!((told.get("md5"), told.get("sha1").map(String::as_str)), (None, Some("my own")));
    });
}

/// Failure rule B7.
#[test]
fn the_marker_of_a_folder_is_hashed_as_an_object_without_content() {
    run(async {
        let bucket = Bucket::folder();
        bucket.put("d/e/", b"").await;
        let hashed = bucket.hash("d/e/", &Algorithm::ALL).await.expect("hashed");
        assert_eq!(hashed.facts.digests, Algorithm::ALL.map(|algorithm| expected(algorithm, b"")));
        let head = bucket.engine.head_object(&object("d/e/")).await.expect("it exists");
        assert_eq!(
            (hashed.facts.size_bytes, &hashed.facts.etag, hashed.facts.modified),
            (0, &head.etag, head.modified)
        );
        bucket.engine.add_to_header(&object("d/e/"), &hashed, hashed.facts.digests[0]).await.expect("stored");
        let head = bucket.engine.head_object(&object("d/e/")).await.expect("it exists");
        assert_eq!(head.attributes.metadata.get("md5"), Some(&hashed.facts.digests[0].to_string()));
        for key in ["d/", "no/"] {
            let error = bucket.hash(key, &[Algorithm::Md5]).await.expect_err(key);
            assert_eq!(error.code, FailureCode::NotFound, "{key}");
        }
    });
}
