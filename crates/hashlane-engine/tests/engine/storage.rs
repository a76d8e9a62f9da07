//! The storage calls, one suite for every scheme.

use std::collections::BTreeMap;
use std::fs;

use bytes::Bytes;
use hashlane_engine::{
    Attributes, BucketConfig, Ending, Engine, EngineOptions, ListRequest, ListUploadsRequest, PartChoice, StorageError,
    StorageFault, folder_url,
};
use hashlane_lanes::Algorithm;

use crate::bucket::{Bucket, content, expected, object, run, start};

/// Runs a test over each scheme.
async fn each_scheme(test: impl AsyncFn(&Bucket)) {
    for bucket in [Bucket::folder(), Bucket::memory()] {
        test(&bucket).await;
    }
}

fn attributes() -> Attributes {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Attributes {
        headers: map(&[("content-type", "text/plain"), ("cache-control", "no-cache: x")]),
        metadata: map(&[("author", "x y"), ("empty", ""), ("long", &"é".repeat(700))]),
    }
}

async fn put(bucket: &Bucket, key: &str, body: &[u8]) -> Result<hashlane_engine::Stored, StorageError> {
    bucket.engine.put_object(&object(key), Bytes::copy_from_slice(body), Attributes::default()).await
}

async fn get(bucket: &Bucket, key: &str) -> Result<Vec<u8>, StorageError> {
    let open = bucket.engine.open_object(&object(key)).await?;
    let size_bytes = open.head().size_bytes;
    read(open.read(0..size_bytes).await?).await
}

async fn read(mut stream: hashlane_engine::ObjectStream) -> Result<Vec<u8>, StorageError> {
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// CRC-64/XZ, bit by bit.
fn crc64(bytes: &[u8]) -> u64 {
    !bytes.iter().fold(!0_u64, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xc96c_5795_d787_0f42 } else { 0 })
    })
}

fn fault<T: std::fmt::Debug>(result: Result<T, StorageError>) -> StorageFault {
    result.expect_err("refused").fault
}

#[test]
fn what_is_stored_is_told_and_read_and_hashed_as_one_version() {
    run(async {
        assert_eq!(crc64(b"123456789"), 0x995d_c9bb_df19_39fa);
        each_scheme(async |bucket| {
            for size_bytes in [0, 1, 1000, 262_144, 1_000_003] {
                let body = content(size_bytes);
                let mut upload = bucket.engine.begin_upload(&object("dir/a b"), attributes()).await.expect("begun");
                for piece in body.chunks(70_001) {
                    upload.write(Bytes::copy_from_slice(piece)).await.expect("taken");
                }
                let stored = upload.finish(Ending::default()).await.expect("stored");
                let md5 = expected(Algorithm::Md5, &body);
                assert_eq!(stored.etag, format!("\"{md5}\""));
                assert_eq!((stored.size_bytes, stored.crc64), (size_bytes as u64, crc64(&body)));

                let head = bucket.engine.head_object(&object("dir/a b")).await.expect("it exists");
                assert_eq!(
                    (&head.etag, head.size_bytes, head.crc64),
                    (&stored.etag, size_bytes as u64, Some(stored.crc64))
                );
                assert_eq!((head.modified, head.attributes), (stored.modified, attributes()));
                assert_eq!(get(bucket, "dir/a b").await.expect("read"), body);
                let hashed = bucket.hash("dir/a b", &[Algorithm::Sha1]).await.expect("hashed");
                assert_eq!((hashed.facts.etag, hashed.facts.modified), (stored.etag, stored.modified));
                assert_eq!(hashed.facts.digests, [expected(Algorithm::Sha1, &body)]);
            }
        })
        .await;
    });
}

#[test]
fn any_range_of_an_object_can_be_read() {
    run(async {
        each_scheme(async |bucket| {
            let body = content(600_000);
            put(bucket, "a", &body).await.expect("stored");
            for range in [0..0, 0..1, 5..5, 599_999..600_000, 1..600_000, 262_143..262_145, 100..500_000] {
                let open = bucket.engine.open_object(&object("a")).await.expect("open");
                let bytes = read(open.read(range.clone()).await.expect("begun")).await.expect("read");
                assert_eq!(bytes, body[range.start as usize..range.end as usize], "{range:?}");
            }
        })
        .await;
    });
}

#[test]
fn a_reader_keeps_the_object_it_opened_or_is_told() {
    run(async {
        each_scheme(async |bucket| {
            let (old, new) = (content(600_000), vec![b'n'; 600_000]);
            put(bucket, "a", &old).await.expect("stored");
            let open = bucket.engine.open_object(&object("a")).await.expect("open");
            let mut stream = open.read(0..600_000).await.expect("begun");
            let first = stream.next().await.expect("read").expect("a piece");
            put(bucket, "a", &new).await.expect("replaced");
            let mut bytes = first.to_vec();
            bytes.extend(read(stream).await.expect("the old object stays for its readers"));
            assert_eq!(bytes, old);

            let open = bucket.engine.open_object(&object("a")).await.expect("open");
            put(bucket, "a", &old).await.expect("replaced");
            match open.read(0..600_000).await {
                Ok(stream) => assert_eq!(read(stream).await.expect("read"), new),
                Err(error) => assert_eq!(error.fault, StorageFault::Changed),
            }
        })
        .await;
    });
}

#[test]
fn a_file_that_is_changed_in_place_while_it_is_read_never_looks_complete() {
    run(async {
        let bucket = Bucket::folder();
        bucket.write("a", &content(600_000));
        let mut stream =
            bucket.engine.open_object(&object("a")).await.expect("open").read(0..600_000).await.expect("begun");
        stream.next().await.expect("read");
        fs::write(bucket.path("a"), vec![b'n'; 600_000]).expect("rewritten");
        assert_eq!(fault(read(stream).await), StorageFault::Changed);
    });
}

#[test]
fn an_upload_that_is_dropped_or_refused_leaves_nothing() {
    run(async {
        each_scheme(async |bucket| {
            put(bucket, "old", b"old").await.expect("stored");
            for key in ["old", "new/folder/a"] {
                let mut upload = bucket.engine.begin_upload(&object(key), attributes()).await.expect("begun");
                upload.write(Bytes::from(content(600_000))).await.expect("taken");
                drop(upload);
                let mut upload = bucket.engine.begin_upload(&object(key), attributes()).await.expect("begun");
                upload.write(Bytes::from_static(b"new")).await.expect("taken");
                let ending = Ending { content_md5: Some([0; 16]), ..Ending::default() };
                assert_eq!(fault(upload.finish(ending).await), StorageFault::DigestMismatch);
            }
            let mut upload = bucket.engine.begin_upload(&object("old"), attributes()).await.expect("begun");
            upload.write(Bytes::from_static(b"new")).await.expect("taken");
            let ending = Ending { keep_existing: true, ..Ending::default() };
            assert_eq!(fault(upload.finish(ending).await), StorageFault::Exists);
            assert_eq!(get(bucket, "old").await.expect("read"), b"old");
            assert_eq!(fault(get(bucket, "new/folder/a").await), StorageFault::NotFound);
            assert_eq!(listed(bucket, "", "").await, ["old"]);
        })
        .await;
        let bucket = Bucket::folder();
        drop(bucket.engine.begin_upload(&object("x/y"), Attributes::default()).await.expect("begun"));
        let left: Vec<_> = fs::read_dir(bucket.path(".hashlane-uploads")).expect("it exists").collect();
        assert!(left.is_empty() && !bucket.path("x").exists());
    });
}

#[test]
fn a_new_object_can_be_kept_from_replacing_one() {
    run(async {
        each_scheme(async |bucket| {
            let upload = bucket.engine.begin_upload(&object("a/b"), attributes()).await.expect("begun");
            let ending = Ending { keep_existing: true, ..Ending::default() };
            upload.finish(ending).await.expect("there is none");
            assert_eq!(listed(bucket, "", "").await, ["a/b"]);
        })
        .await;
    });
}

#[test]
fn deleting_is_for_good_and_twice_is_no_error() {
    run(async {
        each_scheme(async |bucket| {
            for key in ["a/b/c", "a/d"] {
                put(bucket, key, b"x").await.expect("stored");
            }
            for key in ["a/b/c", "a/b/c", "a", "a/b", "no/such", "a/d/e"] {
                bucket.engine.delete_object(&object(key)).await.expect(key);
            }
            assert_eq!(fault(get(bucket, "a/b/c").await), StorageFault::NotFound);
            assert_eq!(listed(bucket, "", "").await, ["a/d"]);
            // Nothing is left of the folder that the key had made, so the name is free.
            put(bucket, "a/b", b"x").await.expect("stored");
            assert_eq!(listed(bucket, "", "").await, ["a/b", "a/d"]);
        })
        .await;
    });
}

/// Failure rule E2.
#[test]
fn keys_that_a_storage_cannot_hold_are_refused_and_never_name_another() {
    run(async {
        each_scheme(async |bucket| {
            put(bucket, "a/b", b"x").await.expect("stored");
            for key in ["", "/", "/a/b", "a//b", "a/b//", "a\0", ".hashlane-uploads/x", ".hashlane-uploads"] {
                assert_eq!(fault(put(bucket, key, b"").await), StorageFault::InvalidKey, "{key:?}");
                assert_eq!(fault(get(bucket, key).await), StorageFault::InvalidKey, "{key:?}");
                assert_eq!(fault(bucket.engine.delete_object(&object(key)).await), StorageFault::InvalidKey, "{key:?}");
            }
            assert_eq!(listed(bucket, "", "").await, ["a/b"]);
            for prefix in [".hashlane-uploads/", "/", "a//", "../", "./", "a/../", "x/y/z/"] {
                assert!(listed(bucket, prefix, "").await.is_empty(), "{prefix:?}");
            }
        })
        .await;
        let bucket = Bucket::folder();
        put(&bucket, "a", b"x").await.expect("stored");
        put(&bucket, "d/e", b"x").await.expect("stored");
        for key in ["..", "../x", "a/../b", "./a", "a/.", ".hashlane-put-1/x"] {
            assert_eq!(fault(put(&bucket, key, b"").await), StorageFault::InvalidKey, "{key:?}");
        }
        assert_eq!(fault(put(&bucket, &"n".repeat(256), b"").await), StorageFault::InvalidKey);
        assert_eq!(fault(put(&bucket, "a/b", b"").await), StorageFault::Conflict);
        assert_eq!(fault(put(&bucket, "d", b"").await), StorageFault::Conflict);
        assert_eq!(fault(get(&bucket, "d").await), StorageFault::NotFound);
    });
}

/// Failure rule E1.
#[test]
fn links_that_lead_out_of_the_folder_are_neither_written_nor_read_nor_listed() {
    run(async {
        let bucket = Bucket::folder();
        fs::create_dir(bucket.outside("out")).expect("made");
        fs::write(bucket.outside("out/secret"), b"secret").expect("written");
        std::os::unix::fs::symlink(bucket.outside("out"), bucket.path("leak")).expect("linked");
        std::os::unix::fs::symlink("../out/secret", bucket.path("peek")).expect("linked");
        bucket.write("a", b"x");
        std::os::unix::fs::symlink("a", bucket.path("link")).expect("linked");
        std::os::unix::fs::symlink(".", bucket.path("loop")).expect("linked");
        assert_eq!(fault(put(&bucket, "leak/new", b"x").await), StorageFault::Denied);
        assert_eq!(fault(get(&bucket, "leak/secret").await), StorageFault::Denied);
        assert_eq!(fault(get(&bucket, "peek").await), StorageFault::Denied);
        assert_eq!(fault(bucket.engine.delete_object(&object("leak/secret")).await), StorageFault::Denied);
        assert_eq!(listed(&bucket, "", "").await, ["a", "link"]);
        assert!(listed(&bucket, "leak/", "").await.is_empty());
        assert!(fs::read_dir(bucket.outside("out")).expect("it exists").count() == 1);
        // Writing over a link replaces the link, not what it leads to.
        put(&bucket, "peek", b"mine").await.expect("stored");
        assert_eq!(fs::read(bucket.outside("out/secret")).expect("it exists"), b"secret");
    });
}

async fn page(bucket: &Bucket, request: &ListRequest) -> hashlane_engine::ListPage {
    let name = object("").bucket;
    bucket.engine.list_objects(&name, request.clone()).await.expect("listed")
}

async fn listed(bucket: &Bucket, prefix: &str, delimiter: &str) -> Vec<String> {
    let request = ListRequest {
        prefix: prefix.into(),
        delimiter: delimiter.into(),
        marker: String::new(),
        entries_max: 1_000_000,
    };
    let page = page(bucket, &request).await;
    page.objects.into_iter().map(|listed| listed.key).chain(page.prefixes).collect()
}

#[test]
fn listings_are_in_the_order_of_bytes_whatever_the_page_prefix_and_delimiter() {
    run(async {
        each_scheme(async |bucket| {
            let mut keys: Vec<String> = [
                "a.txt", "a/1", "a/2", "a/b/3", "a/b/c/4", "a0", "A", "b/1", "b-1", "b0/1", "c", "é/1", "文", "~",
                "a b", "a\nb",
            ]
            .map(str::to_owned)
            .into();
            keys.extend((0..40).map(|number| format!("many/{}", number * 7 % 40)));
            for key in &keys {
                put(bucket, key, key.as_bytes()).await.expect(key);
            }
            keys.sort_unstable();
            for prefix in ["", "a", "a/", "a/b", "a/b/", "many/1", "b", "é", "zz", "a/1"] {
                for delimiter in ["", "/", "1"] {
                    let (mut want_keys, mut want_prefixes) = (vec![], vec![]);
                    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
                        match key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty()) {
                            Some(at) => want_prefixes.push(key[..prefix.len() + at + delimiter.len()].to_owned()),
                            None => want_keys.push(key.clone()),
                        }
                    }
                    want_prefixes.dedup();
                    for entries_max in [1, 2, 7, 1000] {
                        let (mut got_keys, mut got_prefixes) = (vec![], vec![]);
                        let mut request = ListRequest {
                            prefix: prefix.into(),
                            delimiter: delimiter.into(),
                            marker: String::new(),
                            entries_max,
                        };
                        loop {
                            let page = page(bucket, &request).await;
                            assert!(page.objects.len() + page.prefixes.len() <= entries_max);
                            for listed in &page.objects {
                                assert_eq!(listed.head.size_bytes, listed.key.len() as u64);
                                let md5 = expected(Algorithm::Md5, listed.key.as_bytes());
                                assert_eq!(listed.head.etag, format!("\"{md5}\""));
                            }
                            got_keys.extend(page.objects.into_iter().map(|listed| listed.key));
                            got_prefixes.extend(page.prefixes);
                            match page.next_marker {
                                Some(next) => request.marker = next,
                                None => break,
                            }
                        }
                        let what = format!("{prefix:?} {delimiter:?} {entries_max}");
                        assert_eq!((&got_keys, &got_prefixes), (&want_keys, &want_prefixes), "{what}");
                    }
                }
            }
            let none = ListRequest { entries_max: 0, ..ListRequest::default() };
            assert_eq!(page(bucket, &none).await, hashlane_engine::ListPage::default());
        })
        .await;
    });
}

#[test]
fn a_folder_of_more_names_than_a_page_is_listed_whole_and_empty_folders_are_not() {
    run(async {
        let bucket = Bucket::folder();
        for number in 0..2500 {
            fs::write(bucket.path(&format!("f{number}")), b"").expect("written");
            if number % 2 == 0 {
                fs::create_dir(bucket.path(&format!("e{number}"))).expect("made");
            }
        }
        fs::create_dir_all(bucket.path("z/z")).expect("made");
        fs::write(bucket.path("z/z/last"), b"").expect("written");
        let keys = listed(&bucket, "", "").await;
        assert_eq!((keys.len(), keys.is_sorted(), keys[2500].as_str()), (2501, true, "z/z/last"));
        assert_eq!(listed(&bucket, "", "/").await.last().map(String::as_str), Some("z/"));
        assert_eq!(listed(&bucket, "e", "/").await.len(), 0);
    });
}

#[test]
fn a_key_with_a_slash_at_its_end_marks_a_folder_of_a_folder_bucket() {
    run(async {
        let bucket = Bucket::folder();
        let stored = bucket.engine.put_object(&object("d/e/"), Bytes::new(), attributes()).await.expect("stored");
        put(&bucket, "d/e/f", b"x").await.expect("stored");
        let head = bucket.engine.head_object(&object("d/e/")).await.expect("it exists");
        assert_eq!((head.size_bytes, head.etag, head.attributes), (0, stored.etag, attributes()));
        assert_eq!(fault(bucket.engine.head_object(&object("d/")).await), StorageFault::NotFound);
        assert_eq!(get(&bucket, "d/e/").await.expect("read"), b"");
        assert_eq!(listed(&bucket, "", "").await, ["d/e/", "d/e/f"]);
        assert_eq!(listed(&bucket, "d/", "/").await, ["d/e/"]);
        assert_eq!(listed(&bucket, "d/e/", "/").await, ["d/e/", "d/e/f"]);
        // The mark keeps the folder when its last object goes.
        bucket.engine.delete_object(&object("d/e/f")).await.expect("deleted");
        assert_eq!(listed(&bucket, "", "").await, ["d/e/"]);
        bucket.engine.delete_object(&object("d/e/")).await.expect("deleted");
        assert!(!bucket.path("d").exists());
        assert_eq!(fault(put(&bucket, "d/", b"x").await), StorageFault::InvalidKey);
    });
}

#[test]
fn copies_take_content_and_attributes_or_get_new_ones() {
    run(async {
        each_scheme(async |bucket| {
            let body = content(600_000);
            let stored =
                bucket.engine.put_object(&object("a"), Bytes::from(body.clone()), attributes()).await.expect("stored");
            let new = Attributes { metadata: [("new".to_owned(), "1".to_owned())].into(), ..Attributes::default() };
            for (to, given, want) in [
                ("d/b", None, attributes()),
                ("c", Some(new.clone()), new.clone()),
                ("a", Some(new.clone()), new.clone()),
            ] {
                let from = bucket.engine.open_object(&object("a")).await.expect("open");
                let copied =
                    bucket.engine.copy_object(from, &object(to), given, Ending::default()).await.expect("copied");
                assert_eq!((&copied.etag, copied.crc64), (&stored.etag, stored.crc64));
                let head = bucket.engine.head_object(&object(to)).await.expect("it exists");
                assert_eq!(head.attributes, want);
                assert_eq!(get(bucket, to).await.expect("read"), body);
            }
        })
        .await;
    });
}

async fn part(bucket: &Bucket, id: &str, number: u32, body: &[u8]) -> Result<String, StorageError> {
    let mut part = bucket.engine.begin_part(&object("dir/big"), id, number, Some(body.len() as u64)).await?;
    part.write(Bytes::copy_from_slice(body)).await?;
    Ok(bucket.engine.finish_part(&object("dir/big"), id, part, Ending::default()).await?.etag)
}

fn choose(parts: &[(u32, &str)]) -> Vec<PartChoice> {
    parts.iter().map(|(number, etag)| PartChoice { number: *number, etag: (*etag).into() }).collect()
}

/// Rule W15.2.
#[test]
fn parts_become_one_object_with_the_etag_of_their_md5s() {
    run(async {
        each_scheme(async |bucket| {
            let engine = &bucket.engine;
            let big = object("dir/big");
            let id = engine.initiate_multipart(&big, attributes()).await.expect("begun");
            let (one, two, three) = (content(300_000), vec![b'2'; 100_000], vec![b'3'; 4]);
            // Out of order, and one of them twice.
            let etag_3 = part(bucket, &id, 10_000, &three).await.expect("stored");
            let wrong = part(bucket, &id, 2, b"first try").await.expect("stored");
            let etag_1 = part(bucket, &id, 1, &one).await.expect("stored");
            let etag_2 = part(bucket, &id, 2, &two).await.expect("stored");
            assert_eq!(etag_2, format!("\"{}\"", expected(Algorithm::Md5, &two)));
            assert_eq!(fault(get(bucket, "dir/big").await), StorageFault::NotFound);
            assert!(listed(bucket, "", "").await.is_empty());

            let parts = engine.list_parts(&big, &id, 0, 1000).await.expect("listed");
            let told: Vec<_> =
                parts.parts.iter().map(|part| (part.number, part.stored.size_bytes, &part.stored.etag)).collect();
            assert_eq!(told, [(1, 300_000, &etag_1), (2, 100_000, &etag_2), (10_000, 4, &etag_3)]);
            let page = engine.list_parts(&big, &id, 1, 1).await.expect("listed");
            assert_eq!((page.parts.len(), page.parts[0].number, page.is_truncated), (1, 2, true));
            assert!(engine.list_parts(&big, &id, 10_000, 10).await.expect("listed").parts.is_empty());

            let complete = async |parts: &[(u32, &str)]| {
                engine.complete_multipart(&big, &id, &choose(parts), Ending::default()).await
            };
            assert_eq!(fault(complete(&[]).await), StorageFault::InvalidPart);
            assert_eq!(fault(complete(&[(1, &etag_1), (2, &wrong)]).await), StorageFault::InvalidPart);
            assert_eq!(fault(complete(&[(1, &etag_1), (3, &etag_2)]).await), StorageFault::InvalidPart);
            assert_eq!(fault(complete(&[(2, &etag_2), (1, &etag_1)]).await), StorageFault::InvalidPartOrder);
            assert_eq!(fault(complete(&[(1, &etag_1), (1, &etag_1)]).await), StorageFault::InvalidPartOrder);
            let stored =
                complete(&[(1, etag_1.trim_matches('"')), (2, &etag_2), (10_000, &etag_3)]).await.expect("completed");

            let whole = [one.clone(), two.clone(), three.clone()].concat();
            let md5s: Vec<u8> = [&one, &two, &three]
                .iter()
                .flat_map(|part| expected(Algorithm::Md5, part).as_bytes().to_vec())
                .collect();
            assert_eq!(stored.etag, format!("\"{}-3\"", expected(Algorithm::Md5, &md5s)));
            assert_eq!((stored.size_bytes, stored.crc64), (whole.len() as u64, crc64(&whole)));
            assert_eq!(get(bucket, "dir/big").await.expect("read"), whole);
            let head = engine.head_object(&big).await.expect("it exists");
            assert_eq!((&head.etag, head.attributes), (&stored.etag, attributes()));
            let hashed = bucket.hash("dir/big", &[Algorithm::Md5]).await.expect("hashed");
            assert_eq!(hashed.facts.etag, stored.etag);
            assert_eq!(hashed.facts.digests, [expected(Algorithm::Md5, &whole)]);

            // It is over; asked again, the same is told again, and nothing else.
            let again = complete(&[(1, &etag_1), (2, &etag_2), (10_000, &etag_3)]).await.expect("told again");
            assert_eq!(again, stored);
            assert_eq!(fault(complete(&[(1, &etag_1)]).await), StorageFault::NoSuchUpload);
            assert_eq!(fault(complete(&[]).await), StorageFault::NoSuchUpload);
            assert_eq!(fault(complete(&[(1, "no MD5")]).await), StorageFault::NoSuchUpload);
            let other_id = format!("{}{}", "f".repeat(10), &id[10..]);
            let parts = choose(&[(1, &etag_1), (2, &etag_2), (10_000, &etag_3)]);
            let later = engine.complete_multipart(&big, &other_id, &parts, Ending::default()).await;
            assert_eq!(fault(later), StorageFault::NoSuchUpload, "the object is older than that upload");
            assert_eq!(fault(part(bucket, &id, 1, b"").await), StorageFault::NoSuchUpload);
            assert_eq!(fault(engine.abort_multipart(&big, &id).await), StorageFault::NoSuchUpload);
            let uploads = ListUploadsRequest { entries_max: 10, ..ListUploadsRequest::default() };
            assert!(engine.list_multiparts(&big.bucket, uploads).await.expect("listed").uploads.is_empty());
        })
        .await;
    });
}

#[test]
fn an_aborted_upload_leaves_nothing_and_ids_hold_for_their_key_only() {
    run(async {
        each_scheme(async |bucket| {
            let engine = &bucket.engine;
            let big = object("dir/big");
            let id = engine.initiate_multipart(&big, Attributes::default()).await.expect("begun");
            part(bucket, &id, 1, b"x").await.expect("stored");
            let late = engine.begin_part(&big, &id, 2, None).await.expect("begun");
            for (key, id) in
                [("dir/other", id.as_str()), ("dir/big", ""), ("dir/big", "../../etc"), ("dir/big", &id[1..])]
            {
                assert_eq!(
                    fault(engine.abort_multipart(&object(key), id).await),
                    StorageFault::NoSuchUpload,
                    "{key} {id}"
                );
                assert_eq!(fault(engine.list_parts(&object(key), id, 0, 9).await), StorageFault::NoSuchUpload);
            }
            for number in [0, 10_001, u32::MAX] {
                assert_eq!(fault(part(bucket, &id, number, b"").await), StorageFault::InvalidPart);
            }
            engine.abort_multipart(&big, &id).await.expect("aborted");
            assert_eq!(fault(engine.finish_part(&big, &id, late, Ending::default()).await), StorageFault::NoSuchUpload);
            assert_eq!(fault(get(bucket, "dir/big").await), StorageFault::NotFound);
        })
        .await;
        let bucket = Bucket::folder();
        let id = bucket.engine.initiate_multipart(&object("dir/big"), Attributes::default()).await.expect("begun");
        part(&bucket, &id, 1, b"x").await.expect("stored");
        bucket.engine.abort_multipart(&object("dir/big"), &id).await.expect("aborted");
        let left = fs::read_dir(bucket.path(".hashlane-uploads")).map_or(0, |entries| entries.count());
        assert_eq!(left, 0);
    });
}

#[test]
fn uploads_on_their_way_are_listed_by_key_in_pages() {
    run(async {
        each_scheme(async |bucket| {
            let engine = &bucket.engine;
            let mut all = vec![];
            for key in ["b", "a/2", "a/1", "a/1", "c/x"] {
                all.push((
                    key.to_owned(),
                    engine.initiate_multipart(&object(key), Attributes::default()).await.expect("begun"),
                ));
            }
            all.sort();
            let name = object("").bucket;
            for entries_max in [1, 2, 100] {
                let (mut got, mut request) =
                    (vec![], ListUploadsRequest { entries_max, ..ListUploadsRequest::default() });
                loop {
                    let page = engine.list_multiparts(&name, request.clone()).await.expect("listed");
                    assert!(page.uploads.len() <= entries_max);
                    got.extend(page.uploads.into_iter().map(|upload| (upload.key, upload.upload_id)));
                    match page.next {
                        Some((key, id)) => (request.key_marker, request.upload_id_marker) = (key, id),
                        None => break,
                    }
                }
                assert_eq!(got, all, "{entries_max}");
            }
            let request =
                ListUploadsRequest { delimiter: "/".into(), entries_max: 10, ..ListUploadsRequest::default() };
            let page = engine.list_multiparts(&name, request).await.expect("listed");
            assert_eq!((page.uploads.len(), page.prefixes), (1, vec!["a/".to_owned(), "c/".to_owned()]));
            let request = ListUploadsRequest { prefix: "a/1".into(), entries_max: 10, ..ListUploadsRequest::default() };
            assert_eq!(engine.list_multiparts(&name, request).await.expect("listed").uploads.len(), 2);
        })
        .await;
    });
}

#[test]
fn an_upload_outlives_a_restart_in_a_folder() {
    run(async {
        let bucket = Bucket::folder();
        let big = object("dir/big");
        let id = bucket.engine.initiate_multipart(&big, attributes()).await.expect("begun");
        let etag = part(&bucket, &id, 1, b"one").await.expect("stored");
        let again = start(EngineOptions { hash_threads: 1, ..EngineOptions::default() }, &folder_url(&bucket.path("")));
        let stored =
            again.complete_multipart(&big, &id, &choose(&[(1, &etag)]), Ending::default()).await.expect("completed");
        assert_eq!(stored.size_bytes, 3);
        assert_eq!(get(&bucket, "dir/big").await.expect("read"), b"one");
        assert_eq!(again.head_object(&big).await.expect("it exists").attributes, attributes());
    });
}

#[test]
fn what_does_not_fit_beside_a_file_is_refused_and_nothing_is_stored() {
    run(async {
        let bucket = Bucket::folder();
        let large = Attributes { metadata: [("a".to_owned(), "x".repeat(70_000))].into(), ..Attributes::default() };
        let refused = bucket.engine.put_object(&object("a"), Bytes::new(), large).await;
        assert_eq!(fault(refused), StorageFault::AttributesTooLarge);
        assert_eq!(fault(get(&bucket, "a").await), StorageFault::NotFound);
    });
}

#[test]
fn writers_readers_listers_and_deleters_of_the_same_keys_never_see_a_mixture() {
    run(async {
        each_scheme(async |bucket| {
            let bodies: Vec<Vec<u8>> = (0..4).map(|number| vec![b'0' + number; 300_000]).collect();
            let writers = bodies.iter().map(|body| async move {
                for _ in 0..10 {
                    put(bucket, "d/e/a", body).await.expect("stored");
                }
            });
            let deleter = async {
                for _ in 0..10 {
                    bucket.engine.delete_object(&object("d/e/a")).await.expect("deleted");
                    tokio::task::yield_now().await;
                }
            };
            let reader = async {
                for _ in 0..40 {
                    match get(bucket, "d/e/a").await {
                        Ok(bytes) => assert!(bytes.len() == 300_000 && bytes.iter().all(|byte| *byte == bytes[0])),
                        Err(error) => {
                            assert!(matches!(error.fault, StorageFault::NotFound | StorageFault::Changed), "{error:?}")
                        }
                    }
                    assert!(listed(bucket, "", "").await.len() <= 1);
                }
            };
            tokio::join!(futures_util::future::join_all(writers), deleter, reader);
        })
        .await;
    });
}

#[test]
fn a_bucket_that_is_not_configured_has_no_objects() {
    run(async {
        let bucket = Bucket::memory();
        let other = hashlane_job::BucketName::parse("other-1250000000").expect("a name");
        let object = hashlane_job::ObjectRef { bucket: other.clone(), key: "a".into() };
        let engine: &Engine = &bucket.engine;
        assert_eq!(fault(engine.head_object(&object).await), StorageFault::NoSuchBucket);
        assert_eq!(fault(engine.list_objects(&other, ListRequest::default()).await), StorageFault::NoSuchBucket);
        let _: &[BucketConfig] = engine.buckets();
    });
}

#[test]
fn a_bucket_whose_folder_vanished_is_unreachable_and_not_empty() {
    run(async {
        let bucket = Bucket::folder();
        put(&bucket, "a", b"x").await.expect("stored");
        fs::remove_dir_all(bucket.path("")).expect("removed");
        assert_eq!(fault(get(&bucket, "a").await), StorageFault::Unavailable);
        assert_eq!(fault(get(&bucket, "d/").await), StorageFault::Unavailable);
        let name = object("").bucket;
        let request = ListRequest { entries_max: 10, ..ListRequest::default() };
        assert_eq!(fault(bucket.engine.list_objects(&name, request).await), StorageFault::Unavailable);
        assert_eq!(fault(put(&bucket, "a", b"x").await), StorageFault::Unavailable);
        let hashed = bucket.hash("a", &[Algorithm::Md5]).await.expect_err("unreachable");
        assert!(hashed.may_retry);
        assert!(bucket.engine.probe(&name).await.is_err());
    });
}
