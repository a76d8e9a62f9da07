//! No key leads out of the bucket, and nothing but a regular file is read.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hashlane_engine::{EngineOptions, folder_url};
use hashlane_job::FailureCode;
use hashlane_lanes::Algorithm;
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

use crate::bucket::{Bucket, NAME, expected, hash, object, run, start, write_old};

async fn refused(bucket: &Bucket, key: &str) -> (FailureCode, String) {
    let error = bucket.hash(key, &[Algorithm::Md5]).await.expect_err(key);
    assert!(!error.may_retry, "{key:?}: {error}");
    assert!(!error.message.contains("/tmp") && !error.message.contains("os error"), "{error}");
    (error.code, error.message)
}

/// Failure rule E1.
#[test]
fn keys_that_are_no_paths_beneath_the_folder_are_denied() {
    run(async {
        let bucket = Bucket::folder();
        bucket.write("d/a", b"inside");
        write_old(&bucket.outside("secret"), b"outside");
        let absolute = bucket.outside("secret").display().to_string();
        for key in [
            "../secret",
            "d/../../secret",
            "d/../d/a",
            "..",
            "d/..",
            "/etc/passwd",
            &absolute,
            "//d/a",
            "/d/a",
            "d//a",
            "./d/a",
            "d/./a",
            ".",
            "d\0/a",
            "d/a\0",
            "\0",
            "",
        ] {
            assert_eq!(refused(&bucket, key).await.0, FailureCode::Denied, "{key:?}");
            assert!(bucket.engine.put(&object(key), "x".into()).await.is_err(), "{key:?}");
        }
        assert_eq!(refused(&bucket, "../secret").await.1, "the key leaves the bucket's folder");
    });
}

#[test]
fn keys_that_name_nothing_are_not_found() {
    run(async {
        let bucket = Bucket::folder();
        bucket.write("d/a", b"inside");
        let long = "x".repeat(256);
        let deep = "d/".repeat(2100) + "a";
        // With a slash at the end: only folders that somebody marked are objects.
        for key in ["d/", "d/a/", "e/", "b", "d/b", "e/a", "d/a/b", "%64/a", "D/a", &long, &deep] {
            let (code, message) = refused(&bucket, key).await;
            assert_eq!(code, FailureCode::NotFound, "{key:?}: {message}");
        }
        assert!(refused(&bucket, &long).await.1.contains("longer than the bucket's file system allows"));
    });
}

/// Failure rule E1.
#[test]
fn only_regular_files_are_read_and_nothing_hangs() {
    run(async {
        let bucket = Bucket::folder();
        fs::create_dir(bucket.path("folder")).expect("made");
        mknodat(CWD, bucket.path("fifo"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("a pipe");
        let _listener = UnixListener::bind(bucket.path("socket")).expect("a socket");
        symlink("fifo", bucket.path("to-fifo")).expect("linked");
        for key in ["folder", "fifo", "socket", "to-fifo"] {
            assert_eq!(
                refused(&bucket, key).await,
                (FailureCode::Denied, "the object is not a regular file".to_owned()),
                "{key}"
            );
        }
        // 1:5 is /dev/zero, which never ends.
        match mknodat(
            CWD,
            bucket.path("zero"),
            FileType::CharacterDevice,
            Mode::from_raw_mode(0o666),
            rustix::fs::makedev(1, 5),
        ) {
            Ok(()) => assert_eq!(refused(&bucket, "zero").await.0, FailureCode::Denied),
            Err(errno) => {
                eprintln!("not tested, for want of the right to make devices: a device in the bucket ({errno})")
            }
        }
    });
}

/// Failure rule E1.
#[test]
fn links_are_followed_inside_the_bucket_and_refused_beyond() {
    run(async {
        let bucket = Bucket::folder();
        bucket.write("d/a", b"inside");
        write_old(&bucket.outside("secret"), b"outside");
        for (name, target) in [
            ("near", "d/a"),
            ("d/up", "../d/a"),
            ("folder", "d"),
            ("far", "../secret"),
            ("d/far", "../../secret"),
            ("beside", "../in/d/a"),
            ("device", "/dev/zero"),
            ("proc", "/proc/self/environ"),
            ("circle", "circle"),
            ("dangling", "nothing"),
        ] {
            symlink(target, bucket.path(name)).expect("linked");
        }
        symlink(bucket.path("d/a"), bucket.path("absolute")).expect("linked");
        symlink(bucket.outside(""), bucket.path("outer")).expect("linked");

        for key in ["near", "d/up", "folder/a", "folder/up"] {
            let facts = bucket.hash(key, &[Algorithm::Md5]).await.expect(key).facts;
            assert_eq!(facts.digests, [expected(Algorithm::Md5, b"inside")], "{key}");
        }
        // An absolute link is refused even when its target is inside: it names a place of the server, not of the bucket.
        for key in ["far", "d/far", "beside", "device", "proc", "absolute", "outer/secret", "outer/in/d/a", "circle"] {
            assert_eq!(refused(&bucket, key).await.0, FailureCode::Denied, "{key}");
        }
        assert_eq!(refused(&bucket, "far").await.1, "the key leaves the bucket's folder");
        assert_eq!(refused(&bucket, "dangling").await.0, FailureCode::NotFound);
        // An upload does not go through a link either: it replaces it.
        bucket.put("far", b"new").await;
        assert_eq!(fs::read(bucket.outside("secret")).expect("it exists"), b"outside");
        assert!(bucket.engine.put(&object("outer/new"), "x".into()).await.is_err());
        assert!(!bucket.outside("new").exists());
        bucket.put("folder/new/b", b"new").await;
        assert_eq!(fs::read(bucket.path("d/new/b")).expect("through a link that stays inside"), b"new");
    });
}

/// Failure rule E1.
#[test]
fn the_magic_of_proc_is_neither_followed_nor_believed() {
    run(async {
        let engine = start(EngineOptions::default(), "fs:///proc/self");
        for key in ["exe", "cwd/Cargo.toml", "root/etc/passwd", "fd/0"] {
            let error = hash(&engine, key, &[Algorithm::Md5], &Default::default()).await.expect_err(key);
            assert_eq!(error.code, FailureCode::Denied, "{key}: {error}");
        }
        // It tells a length of 0 and has bytes: the digest of nothing would be wrong.
        let error = hash(&engine, "status", &[Algorithm::Md5], &Default::default()).await.expect_err("status");
        assert_eq!(error.code, FailureCode::Changed, "{error}");
    });
}

/// Failure rule B7.
#[test]
fn a_file_without_read_permission_is_denied() {
    run(async {
        let bucket = Bucket::folder();
        bucket.write("a", b"hello");
        fs::set_permissions(bucket.path("a"), std::os::unix::fs::PermissionsExt::from_mode(0o000)).expect("rights");
        if fs::read(bucket.path("a")).is_ok() {
            return eprintln!("not tested, since this user may read everything: a file without read permission");
        }
        let (code, message) = refused(&bucket, "a").await;
        assert_eq!((code, &*message), (FailureCode::Denied, "the server may not read the object"));
    });
}

/// Failure rule E1.
#[test]
fn a_folder_that_turns_into_a_link_and_back_never_leads_outside() {
    let bucket = Bucket::folder();
    bucket.write("d/a", b"inside");
    fs::create_dir(bucket.outside("out")).expect("made");
    write_old(&bucket.outside("out/a"), b"outside");
    symlink("../out", bucket.path("link")).expect("linked");

    let (stop, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (inside, denied) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, bucket.path("d"), CWD, bucket.path("link"), RenameFlags::EXCHANGE).expect("swapped");
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        // A check that fails ends the swapping too, else it would be waited for without end.
        let _swapping = StopsAtTheEnd(&stop);
        run(async {
            let (mut inside, mut denied, mut tries) = (0, 0, 0);
            // At least 5,000 tries and 100,000 swaps, and on until both ways were met.
            while tries < 5_000 || swaps.load(Ordering::Relaxed) < 100_000 || inside == 0 || denied == 0 {
                tries += 1;
                match bucket.hash("d/a", &[Algorithm::Md5]).await {
                    Ok(hashed) => {
                        assert_eq!(hashed.facts.digests, [expected(Algorithm::Md5, b"inside")]);
                        inside += 1;
                    }
                    Err(error) => {
                        assert!(
                            matches!(error.code, FailureCode::Denied | FailureCode::Changed | FailureCode::Unreadable),
                            "{error}"
                        );
                        denied += usize::from(error.code == FailureCode::Denied);
                    }
                }
            }
            (inside, denied)
        })
    });
    assert!(inside > 0 && denied > 0);
}

struct StopsAtTheEnd<'a>(&'a AtomicBool);

impl Drop for StopsAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn memory_takes_keys_literally_or_not_at_all() {
    run(async {
        let bucket = Bucket::memory();
        bucket.put("a", b"plain").await;
        bucket.put("d/../a", b"literal").await;
        let facts = bucket.hash("d/../a", &[Algorithm::Md5]).await.expect("hashed").facts;
        assert_eq!(facts.digests, [expected(Algorithm::Md5, b"literal")]);
        for key in ["/a", "a/", "//a", " a", "a ", "d//a", "a\0", ""] {
            assert_eq!(refused(&bucket, key).await.0, FailureCode::Denied, "{key:?}");
        }
        assert_eq!(refused(&bucket, "b").await.0, FailureCode::NotFound);
    });
}

#[test]
fn a_bucket_that_is_not_configured_is_not_found() {
    run(async {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let engine = start(EngineOptions::default(), &folder_url(dir.path()));
        let mut request = hashlane_engine::HashRequest {
            object: object("a"),
            algorithms: vec![Algorithm::Md5],
            checkpoint: None,
            progress: Default::default(),
        };
        request.object.bucket = hashlane_job::BucketName::parse("other-1").expect("a name");
        assert_eq!(engine.hash(request).await.expect_err("unknown").code, FailureCode::NotFound);
        assert_eq!(engine.buckets()[0].name.as_str(), NAME);
    });
}
