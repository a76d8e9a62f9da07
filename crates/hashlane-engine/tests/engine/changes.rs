//! A file that changes while it is read has no digest, or the digest of what it was or is as a whole.
//!
//! These are races through the whole engine; each change at its exact moment is tested beside `local/file.rs`.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashlane_engine::ReadProgress;
use hashlane_job::{FailureCode, JobError};
use hashlane_lanes::Algorithm;

use crate::bucket::{Bucket, content, expected, hash, run, write_old};

/// Long enough that the change comes while it is read, mostly: at 1 GB/s this takes 16 ms.
const SIZE_BYTES: usize = 16 << 20;

fn check(name: &str, change: impl Fn(&Bucket)) {
    run(async {
        let bucket = Bucket::folder();
        let before = content(SIZE_BYTES);
        let mut changed = 0;
        // Twice is enough; a busy machine may be too slow to change it in time.
        for _ in 0..20 {
            bucket.write("a", &before);
            let progress = Arc::new(ReadProgress::default());
            let task = tokio::spawn({
                let (engine, progress) = (bucket.engine.clone(), progress.clone());
                async move { hash(&engine, "a", &[Algorithm::Md5], &progress).await }
            });
            while progress.meter().read_bytes.load(Ordering::Relaxed) == 0 && !task.is_finished() {
                tokio::task::yield_now().await;
            }
            change(&bucket);
            match task.await.expect("no panic") {
                // It was done before the change.
                Ok(hashed) => assert_eq!(hashed.facts.digests, [expected(Algorithm::Md5, &before)], "{name}"),
                Err(error) => {
                    let message = "the object changed while it was read";
                    assert_eq!(error, JobError::temporary(FailureCode::Changed, message), "{name}");
                    changed += 1;
                }
            }
            if changed == 2 {
                return;
            }
        }
        assert!(changed > 0, "{name}: the change never came while the file was read");
    });
}

/// Failure rule B2.
#[test]
fn appending_to_a_file_while_it_is_read_is_noticed() {
    check("appended", |bucket| {
        File::options()
            .append(true)
            .open(bucket.path("a"))
            .and_then(|mut file| file.write_all(b"more"))
            .expect("appended");
    });
}

/// Failure rule B1.
#[test]
fn truncating_a_file_while_it_is_read_is_noticed() {
    check("truncated", |bucket| {
        File::options().write(true).open(bucket.path("a")).and_then(|file| file.set_len(100)).expect("truncated");
    });
}

/// Failure rule B2.
#[test]
fn replacing_a_file_while_it_is_read_is_noticed() {
    check("replaced", |bucket| {
        write_old(&bucket.outside("new"), b"new");
        fs::rename(bucket.outside("new"), bucket.path("a")).expect("replaced");
    });
}

/// Failure rule B2.
#[test]
fn rewriting_a_file_in_place_while_it_is_read_is_noticed() {
    check("rewritten", |bucket| {
        let file = File::options().write(true).open(bucket.path("a")).expect("it exists");
        file.write_all_at(b"new", 0).expect("rewritten");
        file.write_all_at(b"new", SIZE_BYTES as u64 - 3).expect("rewritten");
    });
}

/// Failure rule B7.
#[test]
fn deleting_a_file_while_it_is_read_is_noticed() {
    check("deleted", |bucket| fs::remove_file(bucket.path("a")).expect("deleted"));
}

/// Failure rule B2.
#[test]
fn rewriting_a_file_and_setting_its_modified_time_back_is_noticed() {
    check("rewritten with its old time", |bucket| {
        let modified = fs::metadata(bucket.path("a")).and_then(|metadata| metadata.modified()).expect("a time");
        let file = File::options().write(true).open(bucket.path("a")).expect("it exists");
        file.write_all_at(b"new", 0).expect("rewritten");
        file.write_all_at(b"new", SIZE_BYTES as u64 - 3).expect("rewritten");
        file.set_modified(modified).expect("set back");
    });
}
