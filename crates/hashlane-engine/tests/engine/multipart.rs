//! Multipart uploads: one winner, parts where the object will lie, crashes in between.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::future::join_all;
use hashlane_engine::{
    Attributes, Ending, Engine, EngineOptions, PartChoice, StorageError, StorageFault, Stored, Upload, folder_url,
};
use hashlane_lanes::Algorithm;

use crate::bucket::{Bucket, content, expected, object, run, start};

const KEY: &str = "dir/big";
const STRIDE: usize = 300_000;

async fn each_scheme(test: impl AsyncFn(&Bucket)) {
    for bucket in [Bucket::folder(), Bucket::memory()] {
        test(&bucket).await;
    }
}

async fn begin(engine: &Engine) -> String {
    engine.initiate_multipart(&object(KEY), Attributes::default()).await.expect("begun")
}

async fn begin_part(engine: &Engine, id: &str, number: u32, body: &[u8]) -> Upload {
    engine.begin_part(&object(KEY), id, number, Some(body.len() as u64)).await.expect("begun")
}

async fn part(engine: &Engine, id: &str, number: u32, body: &[u8]) -> PartChoice {
    let mut part = begin_part(engine, id, number, body).await;
    part.write(Bytes::copy_from_slice(body)).await.expect("taken");
    let stored = engine.finish_part(&object(KEY), id, part, Ending::default()).await.expect("stored");
    PartChoice { number, etag: stored.etag }
}

async fn complete(engine: &Engine, id: &str, parts: &[PartChoice]) -> Result<Stored, StorageError> {
    engine.complete_multipart(&object(KEY), id, parts, Ending::default()).await
}

async fn get(engine: &Engine) -> Result<Vec<u8>, StorageError> {
    let open = engine.open_object(&object(KEY)).await?;
    let size_bytes = open.head().size_bytes;
    let (mut stream, mut bytes) = (open.read(0..size_bytes).await?, Vec::new());
    while let Some(piece) = stream.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn fault<T: std::fmt::Debug>(result: Result<T, StorageError>) -> StorageFault {
    result.expect_err("refused").fault
}

fn uploads(bucket: &Bucket) -> usize {
    fs::read_dir(bucket.path(".hashlane-uploads")).map_or(0, |entries| entries.count())
}

#[test]
fn completions_at_once_answer_alike_and_never_undo_what_came_after_the_first() {
    run(async {
        each_scheme(async |bucket| {
            let engine = &bucket.engine;
            for _ in 0..10 {
                let id = begin(engine).await;
                let parts = [part(engine, &id, 1, &content(STRIDE)).await, part(engine, &id, 2, b"tail").await];
                let first = tokio::sync::Notify::new();
                let completions = join_all((0..6).map(|_| async {
                    let completed = complete(engine, &id, &parts).await;
                    first.notify_one();
                    completed
                }));
                let newer = async {
                    first.notified().await;
                    engine.put(&object(KEY), Bytes::from_static(b"newer")).await.expect("stored");
                };
                let (completed, ()) = tokio::join!(completions, newer);
                let etags: Vec<_> = completed.iter().flatten().map(|stored| &stored.etag).collect();
                assert!(!etags.is_empty() && etags.iter().all(|etag| *etag == etags[0]), "{completed:?}");
                for refused in completed.iter().filter_map(|completed| completed.as_ref().err()) {
                    assert_eq!(refused.fault, StorageFault::NoSuchUpload, "the object is not the one it made any more");
                }
                assert_eq!(get(engine).await.expect("read"), b"newer");
            }
            let id = begin(engine).await;
            let parts = [part(engine, &id, 1, b"one").await];
            for completed in join_all((0..6).map(|_| complete(engine, &id, &parts))).await {
                assert_eq!(completed.expect("told what the first one was").size_bytes, 3);
            }
        })
        .await;
    });
}

#[test]
fn of_a_completion_and_an_abort_at_once_one_wins() {
    run(async {
        each_scheme(async |bucket| {
            let engine = &bucket.engine;
            for _ in 0..30 {
                let id = begin(engine).await;
                let parts = [part(engine, &id, 1, &content(STRIDE)).await];
                let big = object(KEY);
                let (completed, aborted) =
                    tokio::join!(complete(engine, &id, &parts), engine.abort_multipart(&big, &id));
                match aborted {
                    Ok(()) => {
                        assert_eq!(fault(completed), StorageFault::NoSuchUpload);
                        assert_eq!(fault(get(engine).await), StorageFault::NotFound);
                    }
                    Err(error) => {
                        assert_eq!(error.fault, StorageFault::NoSuchUpload);
                        completed.expect("completed");
                        assert_eq!(get(engine).await.expect("read"), content(STRIDE));
                        engine.delete_object(&big).await.expect("deleted");
                    }
                }
                assert_eq!(uploads(bucket), 0);
            }
        })
        .await;
    });
}

#[test]
fn a_part_that_is_under_way_is_never_mixed_into_the_object() {
    run(async {
        each_scheme(async |bucket| {
            let engine = &bucket.engine;
            let id = begin(engine).await;
            let parts = [part(engine, &id, 1, &content(STRIDE)).await, part(engine, &id, 2, &content(STRIDE)).await];
            // One replaces a chosen part, one comes behind the last.
            let mut late = vec![];
            for number in [2, 3] {
                let mut part = begin_part(engine, &id, number, &[b'x'; STRIDE]).await;
                part.write(Bytes::from(vec![b'x'; STRIDE - 1])).await.expect("taken");
                late.push(part);
            }
            complete(engine, &id, &parts).await.expect("completed");
            for mut part in late {
                let written = part.write(Bytes::from(vec![b'x'; 1])).await;
                let finished = engine.finish_part(&object(KEY), &id, part, Ending::default()).await;
                assert_eq!(fault(written.and(finished)), StorageFault::NoSuchUpload);
            }
            assert_eq!(get(engine).await.expect("read"), content(STRIDE).repeat(2));
            assert_eq!(uploads(bucket), 0);
        })
        .await;
    });
}

/// The file of an upload in which parts lie in their places.
fn whole(bucket: &Bucket, id: &str) -> PathBuf {
    bucket.path(&format!(".hashlane-uploads/{id}/whole"))
}

#[test]
fn parts_of_one_length_become_the_object_without_being_copied_and_others_are_copied() {
    run(async {
        let (a, b, c, tail) = (content(STRIDE), vec![b'b'; STRIDE], vec![b'c'; STRIDE], b"tail".to_vec());
        let longer = vec![b'l'; STRIDE + 1];
        // In the order of their coming; which are chosen; whether the file of places becomes the object.
        type Case<'a> = (&'a str, Vec<(u32, &'a [u8])>, Vec<u32>, bool);
        let cases: [Case<'_>; 10] = [
            ("in order", vec![(1, &a), (2, &b), (3, &c), (4, &tail)], vec![1, 2, 3, 4], true),
            ("another order", vec![(1, &a), (4, &tail), (3, &c), (2, &b)], vec![1, 2, 3, 4], true),
            ("the last one first", vec![(4, &tail), (3, &c), (2, &b), (1, &a)], vec![1, 2, 3, 4], true),
            ("one part", vec![(1, &tail)], vec![1], true),
            ("one comes again", vec![(1, &a), (2, &c), (3, &c), (2, &b)], vec![1, 2, 3], true),
            ("not all are chosen", vec![(1, &a), (2, &b), (3, &c)], vec![1, 2], true),
            ("a gap", vec![(1, &a), (2, &b), (4, &c), (6, &tail)], vec![1, 4, 6], false),
            ("other lengths", vec![(1, &a), (2, &tail), (3, &longer), (4, &b)], vec![1, 2, 3, 4], false),
            ("an empty one", vec![(1, &a), (2, b""), (3, &b)], vec![1, 3], false),
            ("none in its place", vec![(3, &a), (5, &tail), (7, &longer)], vec![3, 5, 7], true),
        ];
        for (name, given, chosen, keeps_file) in cases {
            let bucket = Bucket::folder();
            let engine = &bucket.engine;
            let id = begin(engine).await;
            let mut choices: Vec<PartChoice> = vec![];
            for (number, body) in &given {
                let choice = part(engine, &id, *number, body).await;
                choices.retain(|known| known.number != *number);
                choices.push(choice);
            }
            choices.retain(|choice| chosen.contains(&choice.number));
            choices.sort_by_key(|choice| choice.number);
            let body_of = |number: &u32| given.iter().rev().find(|(known, _)| known == number).expect("given").1;
            let want = chosen.iter().map(body_of).collect::<Vec<_>>().concat();
            let inode = fs::metadata(whole(&bucket, &id)).expect("it exists").ino();
            let stored = complete(engine, &id, &choices).await.expect(name);
            assert_eq!(get(engine).await.expect(name), want, "{name}");
            assert_eq!(fs::metadata(bucket.path(KEY)).expect("it exists").ino() == inode, keeps_file, "{name}");
            // The CRC of the parts is that of the whole.
            let plain = engine.put_object(&object("plain"), Bytes::from(want.clone()), Attributes::default()).await;
            assert_eq!(stored.crc64, plain.expect("stored").crc64, "{name}");
            let head = engine.head_object(&object(KEY)).await.expect(name);
            assert_eq!((head.etag, head.crc64), (stored.etag, Some(stored.crc64)), "{name}");
            let hashed = bucket.hash(KEY, &[Algorithm::Sha256]).await.expect(name);
            assert_eq!(hashed.facts.digests, [expected(Algorithm::Sha256, &want)], "{name}");
            assert_eq!(uploads(&bucket), 0, "{name}");
        }
    });
}

#[test]
fn a_completion_that_copies_goes_on_when_nobody_waits_for_it() {
    run(async {
        let bucket = Bucket::folder();
        let id = begin(&bucket.engine).await;
        let mut parts = vec![];
        for number in [1, 2, 4] {
            parts.push(part(&bucket.engine, &id, number, &content(20 * STRIDE)).await);
        }
        let waiting = {
            let (engine, id) = (bucket.engine.clone(), id.clone());
            tokio::spawn(async move { complete(&engine, &id, &parts).await })
        };
        let copied = bucket.path(&format!(".hashlane-uploads/{id}/copied"));
        while !copied.exists() && !bucket.path(KEY).exists() {
            tokio::task::yield_now().await;
        }
        waiting.abort();
        while !bucket.path(KEY).exists() || uploads(&bucket) > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(get(&bucket.engine).await.expect("read"), content(20 * STRIDE).repeat(3));
    });
}

#[test]
fn a_completion_that_is_refused_leaves_the_upload_as_it_was() {
    run(async {
        each_scheme(async |bucket| {
            let engine = &bucket.engine;
            let id = begin(engine).await;
            let parts = [part(engine, &id, 1, &content(STRIDE)).await, part(engine, &id, 2, &content(STRIDE)).await];
            engine.put(&object(KEY), Bytes::from_static(b"there")).await.expect("stored");
            let ending = Ending { keep_existing: true, ..Ending::default() };
            let refused = engine.complete_multipart(&object(KEY), &id, &parts[..1], ending).await;
            assert_eq!(fault(refused), StorageFault::Exists);
            assert_eq!(get(engine).await.expect("read"), b"there");
            complete(engine, &id, &parts).await.expect("completed");
            assert_eq!(get(engine).await.expect("read"), content(STRIDE).repeat(2));
        })
        .await;
    });
}

#[test]
fn a_key_that_is_in_the_way_of_others_begins_no_upload() {
    run(async {
        let bucket = Bucket::folder();
        bucket.put("a", b"x").await;
        bucket.put("d/e", b"x").await;
        for key in ["a/sub", "a/sub/sub", "d"] {
            let begun = bucket.engine.initiate_multipart(&object(key), Attributes::default()).await;
            assert_eq!(fault(begun), StorageFault::Conflict, "{key}");
        }
        assert_eq!(uploads(&bucket), 0);
    });
}

/// The engine once more over the same folder, as after a crash.
fn restarted(bucket: &Bucket) -> Engine {
    start(EngineOptions { hash_threads: 1, ..EngineOptions::default() }, &folder_url(&bucket.path("")))
}

#[test]
fn a_completion_that_a_crash_cut_short_goes_on_or_is_over_but_is_never_done_twice() {
    run(async {
        for is_published in [false, true] {
            let bucket = Bucket::folder();
            let id = begin(&bucket.engine).await;
            let parts =
                [part(&bucket.engine, &id, 1, &content(STRIDE)).await, part(&bucket.engine, &id, 2, b"t").await];
            let dir = bucket.path(&format!(".hashlane-uploads/{id}"));
            // As a completion does it, up to the crash.
            fs::rename(dir.join("upload"), dir.join("ending-whole")).expect("renamed");
            if is_published {
                fs::remove_file(dir.join("whole")).expect("it has its key");
                bucket.put(KEY, b"newer").await;
            }
            let again = restarted(&bucket);
            let completed = complete(&again, &id, &parts).await;
            if is_published {
                assert_eq!(fault(completed), StorageFault::NoSuchUpload);
                assert_eq!(get(&again).await.expect("read"), b"newer");
            } else {
                assert_eq!(completed.expect("completed").size_bytes, STRIDE as u64 + 1);
                assert_eq!(get(&again).await.expect("read"), [content(STRIDE), b"t".to_vec()].concat());
            }
            assert_eq!(uploads(&bucket), 0);
        }
    });
}

#[test]
fn parts_outlive_a_restart_and_one_that_was_not_written_whole_is_none() {
    run(async {
        let bucket = Bucket::folder();
        let engine = &bucket.engine;
        let id = begin(engine).await;
        let mut parts = vec![part(engine, &id, 1, &content(STRIDE)).await];
        part(engine, &id, 2, &[b'o'; STRIDE]).await;
        parts.push(part(engine, &id, 2, &[b'n'; STRIDE]).await);
        let mut cut = begin_part(engine, &id, 3, &[b'x'; STRIDE]).await;
        cut.write(Bytes::from(vec![b'x'; STRIDE - 1])).await.expect("taken");
        let again = restarted(&bucket);
        let listed = again.list_parts(&object(KEY), &id, 0, 10).await.expect("listed");
        let told: Vec<_> = listed.parts.into_iter().map(|part| (part.number, part.stored.etag)).collect();
        assert_eq!(told, parts.iter().map(|part| (part.number, part.etag.clone())).collect::<Vec<_>>());
        complete(&again, &id, &parts).await.expect("completed");
        assert_eq!(get(&again).await.expect("read"), [content(STRIDE), vec![b'n'; STRIDE]].concat());
    });
}
