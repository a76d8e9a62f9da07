//! Storage calls on single objects: what SDKs send and read around jobs (spec section 15).

use std::time::Duration;

use hashlane_job::{BucketName, ObjectRef};

use crate::exchange::{Ask, Line, Reply};
use crate::server::{BUCKET, HOST, NOW, OTHER_HOST, Server, full_key};

/// The MD5, its base64 and the CRC-64 of `abc`.
const ABC_ETAG: &str = "\"900150983cd24fb0d6963f7d28e17f72\"";
const ABC_MD5: &str = "kAFQmDzST7DWlj99KOF/cg==";
const ABC_CRC64: &str = "3231342946509354535";

pub(crate) fn put(target: &str, body: impl Into<Vec<u8>>) -> Ask {
    let body = body.into();
    let length = body.len().to_string();
    Ask { body, ..Ask::new("PUT", target).header("Content-Length", &length) }
}

pub(crate) async fn stored(server: &Server, target: &str, body: impl Into<Vec<u8>>) -> Reply {
    let reply = put(target, body).signed().send(server.api).await;
    assert_eq!(reply.expect_ok(), "");
    reply
}

pub(crate) async fn get(server: &Server, target: &str) -> Reply {
    Ask::get(target).signed().send(server.api).await
}

/// Rules W2.10, W15.1, W15.3.
#[tokio::test]
async fn an_object_is_told_and_given_as_it_was_stored() {
    let server = Server::start().await;
    let reply = put("/dir/a%20b.txt", "abc")
        .header("Content-Type", "text/plain; x=é")
        .header("Cache-Control", "no-cache")
        .header("x-cos-meta-author", "x y")
        .header("X-Cos-Meta-CASE", "é")
        .header("x-cos-storage-class", "STANDARD_IA")
        .signed()
        .send(server.api)
        .await;
    assert_eq!(reply.expect_ok(), "");
    assert_eq!(reply.header("Server"), Some("tencent-cos"));
    assert_eq!((reply.header("ETag"), reply.header("x-cos-hash-crc64ecma")), (Some(ABC_ETAG), Some(ABC_CRC64)));
    assert_eq!(std::fs::read(server.objects.join("dir/a b.txt")).expect("it is a file"), b"abc");

    let head = Ask::new("HEAD", "/dir/a%20b.txt").signed().send(server.api).await;
    let got = get(&server, "/dir/a%20b.txt").await;
    for reply in [&head, &got] {
        reply.check_common();
        assert_eq!(reply.status, 200);
        for (name, value) in [
            ("ETag", ABC_ETAG),
            ("Content-Length", "3"),
            ("Content-Type", "text/plain; x=é"),
            ("Cache-Control", "no-cache"),
            ("Accept-Ranges", "bytes"),
            ("x-cos-hash-crc64ecma", ABC_CRC64),
            ("x-cos-meta-author", "x y"),
            ("x-cos-meta-case", "é"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{name}");
        }
        assert!(reply.header("Last-Modified").is_some_and(|date| date.ends_with(" GMT")));
    }
    assert_eq!((head.body.as_slice(), got.body.as_slice()), (&b""[..], &b"abc"[..]));
}

#[tokio::test]
async fn a_stored_object_is_hashed_by_jobs_at_once_and_has_the_etag_of_its_upload() {
    let server = Server::start().await;
    stored(&server, "/a.txt", "abc").await;
    let object = ObjectRef { bucket: BucketName::parse(BUCKET).expect("a name"), key: "a.txt".into() };
    let request = hashlane_engine::HashRequest {
        object,
        algorithms: vec![hashlane_lanes::Algorithm::Md5],
        checkpoint: None,
        progress: Default::default(),
    };
    let hashed = server.engine.hash(request).await.expect("hashed");
    assert_eq!(hashed.facts.etag, ABC_ETAG);
    assert_eq!(hashed.facts.digests[0].to_string(), ABC_ETAG.trim_matches('"'));
}

/// Rule W15.4.
#[tokio::test]
async fn bodies_of_any_length_are_taken_chunked_and_after_a_100_continue() {
    let server = Server::start().await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| (number * 31 % 251) as u8).collect();
    stored(&server, "/length", body.clone()).await;
    assert_eq!(get(&server, "/length").await.body, body);

    let ask = Ask::new("PUT", "/chunked").header("Transfer-Encoding", "chunked").signed();
    let mut chunked: Vec<u8> = Vec::new();
    for chunk in body.chunks(100_001) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(Ask { body: chunked, ..ask }.send(server.api).await.expect_ok(), "");
    assert_eq!(get(&server, "/chunked").await.body, body);

    let ask = put("/expected", body.clone()).header("Expect", "100-continue").signed();
    let mut line = Line::open(server.api).await;
    line.write(&ask.head_bytes()).await;
    assert_eq!(line.reply("PUT").await.status, 100);
    line.write(&ask.body).await;
    assert_eq!(line.reply("PUT").await.expect_ok(), "");
    assert_eq!(get(&server, "/expected").await.body, body);
}

#[tokio::test]
async fn a_body_that_nobody_wants_is_not_asked_for() {
    let server = Server::start().await;
    for (target, name, value, status) in [
        ("/a/../b", "x-cos-meta-a", "x", 400),
        ("/a?partNumber=1&uploadId=1", "x-cos-meta-a", "x", 404),
        ("/a", "Content-MD5", "?", 400),
        ("/a", "x-cos-server-side-encryption", "AES256", 400),
    ] {
        let ask = put(target, vec![b'x'; 1000]).header("Expect", "100-continue").header(name, value).signed();
        let mut line = Line::open(server.api).await;
        line.write(&ask.head_bytes()).await;
        assert_eq!(line.reply("PUT").await.status, status, "{target}");
        assert!(line.closes_silently().await);
    }
}

#[tokio::test]
async fn a_body_is_compared_with_its_content_md5() {
    let server = Server::start().await;
    stored(&server, "/a.txt", "old").await;
    let with = |md5: &str, body: &str| put("/a.txt", body).header("Content-MD5", md5).signed();
    with(ABC_MD5, "abd").send(server.api).await.expect_error(400, "BadDigest");
    with("no base64", "abc").send(server.api).await.expect_error(400, "InvalidDigest");
    assert_eq!(get(&server, "/a.txt").await.body, b"old");
    with(ABC_MD5, "abc").send(server.api).await.expect_ok();
    assert_eq!(get(&server, "/a.txt").await.body, b"abc");
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_the_old_object_and_nothing_else() {
    let server = Server::start().await;
    stored(&server, "/old", "old").await;
    for target in ["/old", "/new/folder/a"] {
        let ask = put(target, vec![b'n'; 1_000_000]).signed();
        let mut line = Line::open(server.api).await;
        line.write(&ask.head_bytes()).await;
        line.write(&ask.body[..600_000]).await;
        line.finish_writing().await;
        assert!(line.try_reply("PUT").await.is_none_or(|reply| reply.status == 400), "{target}");
    }
    assert_eq!(get(&server, "/old").await.body, b"old");
    get(&server, "/new/folder/a").await.expect_error(404, "NoSuchKey");
    assert!(!server.objects.join("new").exists());
    let uploads = server.objects.join(".hashlane-uploads");
    while std::fs::read_dir(&uploads).expect("the folder of uploads").count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_upload_that_stalls_is_answered_408_and_one_that_is_only_long_is_not() {
    let server = Server::start_with(|setup| setup.options.limits.body_timeout = Duration::from_millis(300)).await;
    let ask = put("/stalled", vec![b'n'; 100_000]).signed();
    let mut line = Line::open(server.api).await;
    line.write(&ask.head_bytes()).await;
    line.write(&ask.body[..50_000]).await;
    // It is told before the connection is closed.
    line.reply("PUT").await.expect_error(408, "RequestTimeout");
    assert!(line.closes_silently().await);
    get(&server, "/stalled").await.expect_error(404, "NoSuchKey");

    let ask = put("/long", vec![b'n'; 100_000]).signed();
    let mut line = Line::open(server.api).await;
    line.write(&ask.head_bytes()).await;
    let started = tokio::time::Instant::now();
    let mut pieces = ask.body.chunks(1000).peekable();
    while let Some(piece) = pieces.next() {
        line.write(piece).await;
        // Longer over all than a body of the API may take.
        if pieces.peek().is_some() && started.elapsed() < Duration::from_millis(900) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(line.reply("PUT").await.expect_ok(), "");
}

/// Failure rule C2.
#[tokio::test]
async fn control_headers_are_obeyed_only_when_they_are_signed() {
    // Failure rule C2.
    let server = Server::start().await;
    stored(&server, "/source", "abc").await;
    let source = format!("{HOST}/source");
    for (name, value) in [
        ("x-cos-copy-source", source.as_str()),
        ("x-cos-metadata-directive", "Replaced"),
        ("x-cos-meta-a", "x"),
        ("x-cos-acl", "public-read"),
        ("x-cos-forbid-overwrite", "true"),
        ("x-ci-anything", "x"),
        ("X-Cos-Meta-B", "x"),
    ] {
        let reply = put("/target", "abc").signed().header(name, value).send(server.api).await;
        assert!(reply.expect_error(403, "AccessDenied").contains("must be signed"), "{name}");
    }
    get(&server, "/target").await.expect_error(404, "NoSuchKey");
    for (name, value) in [("x-cos-security-token", "t"), ("x-ci-security-token", "t"), ("x-cos-sdk-retry", "true")] {
        put("/target", "abc").signed().header(name, value).send(server.api).await.expect_ok();
    }
}

#[tokio::test]
async fn a_single_range_is_given_and_what_is_none_is_ignored() {
    let server = Server::start().await;
    stored(&server, "/a", "0123456789").await;
    stored(&server, "/empty", "").await;
    for (range, body, content_range) in [
        ("bytes=0-1", "01", "bytes 0-1/10"),
        ("bytes=5-", "56789", "bytes 5-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=0-100", "0123456789", "bytes 0-9/10"),
    ] {
        let reply = Ask::get("/a").header("Range", range).signed().send(server.api).await;
        assert_eq!((reply.status, reply.text().as_str()), (206, body), "{range}");
        assert_eq!(reply.header("Content-Range"), Some(content_range));
        assert_eq!(reply.header("Content-Length"), Some(body.len().to_string().as_str()));
    }
    for range in ["bytes=1-0", "bytes=0-1,3-4", "lines=0-1", "x"] {
        let reply = Ask::get("/a").header("Range", range).signed().send(server.api).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "0123456789"), "{range}");
    }
    for (target, range, content_range) in
        [("/a", "bytes=10-", "bytes */10"), ("/a", "bytes=-0", "bytes */10"), ("/empty", "bytes=0-", "bytes */0")]
    {
        let reply = Ask::get(target).header("Range", range).signed().send(server.api).await;
        reply.expect_error(416, "InvalidRange");
        assert_eq!(reply.header("Content-Range"), Some(content_range), "{target} {range}");
    }
    let reply = Ask::new("HEAD", "/a").header("Range", "bytes=0-1").signed().send(server.api).await;
    assert_eq!((reply.status, reply.header("Content-Length")), (200, Some("10")));
    let reply =
        Ask::get("/a").header("Range", "bytes=0-1").header("If-Range", "\"other\"").signed().send(server.api).await;
    assert_eq!((reply.status, reply.body.len()), (200, 10));
}

#[tokio::test]
async fn conditions_are_answered_with_304_and_412() {
    let server = Server::start().await;
    stored(&server, "/a.txt", "abc").await;
    let modified = get(&server, "/a.txt").await.header("Last-Modified").expect("a date").to_owned();
    let ask = |method: &str, name: &str, value: &str| Ask::new(method, "/a.txt").header(name, value).signed();
    for method in ["GET", "HEAD"] {
        for (name, value, status) in [
            ("If-Match", ABC_ETAG, 200),
            ("If-Match", "\"other\"", 412),
            ("If-None-Match", ABC_ETAG, 304),
            ("If-None-Match", "\"other\"", 200),
            ("If-Modified-Since", modified.as_str(), 304),
            ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 200),
            ("If-Unmodified-Since", modified.as_str(), 200),
            ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 412),
        ] {
            let reply = ask(method, name, value).send(server.api).await;
            assert_eq!(reply.status, status, "{method} {name}: {value}");
            match status {
                304 => assert_eq!((reply.header("ETag"), reply.body.len()), (Some(ABC_ETAG), 0)),
                412 if method == "GET" => drop(reply.expect_error(412, "PreconditionFailed")),
                412 => assert!(reply.body.is_empty()),
                _ => {}
            }
        }
    }
}

/// Rule S1.2.
#[tokio::test]
async fn a_presigned_url_gives_the_object_with_the_headers_it_asks_for() {
    let server = Server::start().await;
    stored(&server, "/a.txt", "abc").await;
    let target = "/a.txt?response-content-type=a%2Fb&response-content-disposition=attachment&response-etag=x";
    let reply = Ask::get(target).presigned().send(server.api).await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"abc"[..]));
    assert_eq!(reply.header("Content-Type"), Some("a/b"));
    assert_eq!(reply.header("Content-Disposition"), Some("attachment"));
    assert_eq!(reply.header("ETag"), Some(ABC_ETAG));
    let ask = Ask { body: b"new".to_vec(), ..Ask::new("PUT", "/new").header("Content-Length", "3") };
    ask.presigned().send(server.api).await.expect_ok();
    assert_eq!(get(&server, "/new").await.body, b"new");
}

/// Rules W14.11, W15.5.
#[tokio::test]
async fn deleting_is_204_whether_there_was_something_or_not() {
    let server = Server::start().await;
    stored(&server, "/d/a", "abc").await;
    for target in ["/d/a", "/d/a", "/no/such", "/a%2F..%2Fb", "//"] {
        let reply = Ask::new("DELETE", target).signed().send(server.api).await;
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{target}");
        reply.check_common();
    }
    get(&server, "/d/a").await.expect_error(404, "NoSuchKey");
    assert!(!server.objects.join("d").exists());
}

/// Rule W15.5.
/// Failure rule E2.
#[tokio::test]
async fn keys_that_a_folder_cannot_hold_are_refused_and_are_absent_for_readers() {
    // Failure rules E1 and E2.
    let server = Server::start().await;
    std::fs::write(server.objects.parent().expect("a folder").join("secret"), "secret").expect("written");
    for target in ["/..%2Fsecret", "/a%2F..%2F..%2Fsecret", "//a", "/a//b", "/.%2Fa", "/a%00b", "/.hashlane-uploads/a"]
    {
        put(target, "x").signed().send(server.api).await.expect_error(400, "InvalidArgument");
        get(&server, target).await.expect_error(404, "NoSuchKey");
        let head = Ask::new("HEAD", target).signed().send(server.api).await;
        assert_eq!((head.status, head.body.len()), (404, 0), "{target}");
    }
    put(&format!("/{}", "n".repeat(851)), "x").signed().send(server.api).await.expect_error(400, "KeyTooLong");
    put(&format!("/{}", "n".repeat(300)), "x").signed().send(server.api).await.expect_error(400, "InvalidArgument");
    put("/%ff", "x").signed().send(server.api).await.expect_error(400, "InvalidURI");
    // A newline is a character like others.
    stored(&server, "/a%0Ab", "abc").await;
    assert_eq!(get(&server, "/a%0Ab").await.body, b"abc");
    stored(&server, "/f", "abc").await;
    put("/f/g", "x").signed().send(server.api).await.expect_error(400, "InvalidArgument");
}

#[tokio::test]
async fn a_key_with_a_slash_at_its_end_is_a_folder_that_lists_itself() {
    let server = Server::start().await;
    stored(&server, "/d/", "").await;
    let head = Ask::new("HEAD", "/d/").signed().send(server.api).await;
    assert_eq!((head.status, head.header("Content-Length")), (200, Some("0")));
    assert!(server.objects.join("d").is_dir());
    assert!(get(&server, "/?prefix=d").await.expect_ok().contains("<Key>d/</Key>"));
    assert!(get(&server, "/?delimiter=%2F").await.expect_ok().contains("<Prefix>d/</Prefix>"));
    put("/e/", "x").signed().send(server.api).await.expect_error(400, "InvalidArgument");
}

#[tokio::test]
async fn an_object_can_be_kept_from_being_replaced() {
    let server = Server::start().await;
    let ask = |body: &str| put("/a", body).header("x-cos-forbid-overwrite", "true").signed();
    ask("one").send(server.api).await.expect_ok();
    ask("two").send(server.api).await.expect_error(409, "FileAlreadyExists");
    assert_eq!(get(&server, "/a").await.body, b"one");
}

#[tokio::test]
async fn copies_keep_the_metadata_or_replace_it_and_need_the_right_to_read() {
    let server = Server::start_with(|setup| {
        let mut writer = full_key("writer", "secret");
        writer.actions = vec!["cos:PutObject".into()];
        let mut elsewhere = full_key("elsewhere", "secret");
        elsewhere.buckets = vec!["other-*".into()];
        setup.options.keys.extend([writer, elsewhere]);
    })
    .await;
    put("/%C3%A9%20a.txt", "abc")
        .header("x-cos-meta-a", "1")
        .header("Content-Type", "a/b")
        .signed()
        .send(server.api)
        .await
        .expect_ok();
    let copy = |target: &str, host: &str| {
        put(target, "").host(host).header("x-cos-copy-source", &format!("{HOST}/%C3%A9%20a.txt"))
    };
    let text =
        copy("/b.txt", HOST).header("x-cos-metadata-directive", "Copy").signed().send(server.api).await.expect_ok();
    assert!(text.contains(&format!("<ETag>{ABC_ETAG}</ETag>")) && text.contains("<LastModified>"), "{text}");
    let reply = get(&server, "/b.txt").await;
    assert_eq!(
        (reply.header("x-cos-meta-a"), reply.header("Content-Type"), reply.body.as_slice()),
        (Some("1"), Some("a/b"), &b"abc"[..])
    );

    copy("/c.txt", OTHER_HOST).signed().send(server.api).await.expect_ok();
    let reply = Ask::get("/c.txt").host(OTHER_HOST).signed().send(server.api).await;
    assert_eq!((reply.header("x-cos-meta-a"), reply.body.as_slice()), (Some("1"), &b"abc"[..]));

    let short = put("/d", "").header("x-cos-copy-source", &format!("/{BUCKET}/b.txt")).signed();
    short.send(server.api).await.expect_ok();

    // Onto itself, to change the metadata.
    let onto = |directive: &str| {
        copy("/%C3%A9%20a.txt", HOST).header("x-cos-metadata-directive", directive).header("x-cos-meta-b", "2").signed()
    };
    onto("Copy").send(server.api).await.expect_error(400, "InvalidArgument");
    onto("Move").send(server.api).await.expect_error(400, "InvalidArgument");
    onto("Replaced").send(server.api).await.expect_ok();
    let reply = get(&server, "/%C3%A9%20a.txt").await;
    assert_eq!((reply.header("x-cos-meta-a"), reply.header("x-cos-meta-b")), (None, Some("2")));
    assert_eq!((reply.header("ETag"), reply.body.as_slice()), (Some(ABC_ETAG), &b"abc"[..]));

    let refused = async |source: &str, status, code: &str| {
        let ask = put("/d", "").header("x-cos-copy-source", source).signed();
        ask.send(server.api).await.expect_error(status, code);
    };
    refused(&format!("{HOST}/no-such"), 404, "NoSuchKey").await;
    refused("ghost-1250000000.cos.x.myqcloud.com/a", 404, "NoSuchBucket").await;
    refused("127.0.0.1/a", 400, "InvalidArgument").await;
    refused("a", 400, "InvalidArgument").await;
    let condition = |name: &str, value: &str| copy("/d", HOST).header(name, value).signed();
    condition("x-cos-copy-source-If-Match", "\"x\"").send(server.api).await.expect_error(412, "PreconditionFailed");
    condition("x-cos-copy-source-If-Match", ABC_ETAG).send(server.api).await.expect_ok();

    // Failure rule E3: reading the source takes the right to it.
    let by = |ask: Ask, id: &str| ask.signed_by(id, "secret", NOW, NOW + 60);
    by(copy("/d", HOST), "writer").send(server.api).await.expect_error(403, "AccessDenied");
    by(copy("/d", OTHER_HOST), "elsewhere").send(server.api).await.expect_error(403, "AccessDenied");
}

#[tokio::test]
async fn operations_that_are_not_offered_are_never_taken_for_one_on_the_object() {
    let server = Server::start().await;
    stored(&server, "/a.txt", "abc").await;
    for (method, target) in [
        ("PUT", "/a.txt?acl"),
        ("PUT", "/a.txt?tagging"),
        ("PUT", "/a.txt?partNumber=1"),
        ("DELETE", "/a.txt?tagging"),
        ("DELETE", "/a.txt?versionId=1"),
        ("GET", "/a.txt?acl"),
        ("POST", "/a.txt"),
        ("DELETE", "/"),
        ("GET", "/?location"),
    ] {
        Ask::new(method, target).signed().send(server.api).await.expect_error(405, "MethodNotAllowed");
    }
    assert_eq!(get(&server, "/a.txt").await.body, b"abc");
}

#[tokio::test]
async fn a_metadata_attribute_that_no_header_can_carry_is_left_out() {
    let server = Server::start().await;
    let path = server.objects.join("a");
    std::fs::write(&path, "abc").expect("written");
    let set = |name: &str, value: &[u8]| {
        rustix::fs::setxattr(&path, name, value, rustix::fs::XattrFlags::empty()).expect("attributes");
    };
    // Failure rule C10.
    set("user.x-cos-meta-evil", b"a\r\nSet-Cookie: b");
    set("user.x-cos-meta-na me", b"x");
    set("user.x-cos-meta-good", b"x");
    let reply = get(&server, "/a").await;
    assert_eq!((reply.status, reply.header("x-cos-meta-good")), (200, Some("x")));
    assert!(
        !reply
            .headers
            .iter()
            .any(|(name, _)| name.contains("evil") || name.contains("Cookie") || name.contains("na me"))
    );
    // One that did not come through us: an ETag of its own making, and no CRC.
    assert!(reply.header("ETag").is_some_and(|etag| etag.ends_with("-0\"")));
    assert_eq!(reply.header("x-cos-hash-crc64ecma"), None);
}

#[tokio::test]
async fn preconditions_of_writes_and_deletions_are_heeded() {
    let server = Server::start().await;
    let ask = |method: &str, body: &str, name: &str, value: &str| {
        let length = body.len().to_string();
        let ask = Ask::new(method, "/a").header("Content-Length", &length).header(name, value);
        Ask { body: body.as_bytes().to_vec(), ..ask }.signed()
    };
    // RFC 9110, sections 13.1.1 and 13.1.2.
    ask("PUT", "new", "If-Match", "*").send(server.api).await.expect_error(412, "PreconditionFailed");
    get(&server, "/a").await.expect_error(404, "NoSuchKey");
    ask("PUT", "abc", "If-None-Match", "*").send(server.api).await.expect_ok();
    for (method, name, value) in [
        ("PUT", "If-None-Match", "*"),
        ("PUT", "If-None-Match", ABC_ETAG),
        ("PUT", "If-Match", "\"0123\""),
        ("PUT", "If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("DELETE", "If-Match", "\"0123\""),
    ] {
        ask(method, "new", name, value).send(server.api).await.expect_error(412, "PreconditionFailed");
        assert_eq!(get(&server, "/a").await.body, b"abc", "{method} {name}: {value}");
    }
    // The body of a write that is refused is not asked for.
    let mut line = Line::open(server.api).await;
    let refused = put("/a", "new").header("If-None-Match", "*").header("Expect", "100-continue").signed();
    line.write(&refused.head_bytes()).await;
    line.reply("PUT").await.expect_error(412, "PreconditionFailed");
    let copy =
        put("/a", "").header("x-cos-copy-source", &format!("{HOST}/a")).header("x-cos-metadata-directive", "Replaced");
    copy.header("If-None-Match", "*").signed().send(server.api).await.expect_error(412, "PreconditionFailed");
    ask("PUT", "new", "If-Match", ABC_ETAG).send(server.api).await.expect_ok();
    assert_eq!(get(&server, "/a").await.body, b"new");
    assert_eq!(ask("DELETE", "", "If-Match", "*").send(server.api).await.status, 204);
    ask("DELETE", "", "If-Match", "*").send(server.api).await.expect_error(412, "PreconditionFailed");
}

#[tokio::test]
async fn what_of_http_is_not_done_is_said() {
    let server = Server::start().await;
    for (name, value, status, code) in [
        ("Transfer-Encoding", "gzip, chunked", 501, "NotImplemented"),
        ("Expect", "nonsense", 417, "ExpectationFailed"),
    ] {
        let ask = Ask::new("PUT", "/a").header(name, value).signed();
        Ask { body: b"0\r\n\r\n".to_vec(), ..ask }.send(server.api).await.expect_error(status, code);
    }
    Ask::new("PUT", "/a").signed().send(server.api).await.expect_error(411, "MissingContentLength");
    let part = Ask::new("PUT", "/a?partNumber=1&uploadId=x").signed();
    part.send(server.api).await.expect_error(411, "MissingContentLength");
    put("/a", "x")
        .header("x-cos-storage-class", "GLACIER")
        .signed()
        .send(server.api)
        .await
        .expect_error(400, "InvalidStorageClass");
    get(&server, "/a").await.expect_error(404, "NoSuchKey");
}

#[tokio::test]
async fn a_bucket_whose_folder_vanished_is_503_and_not_empty() {
    let server = Server::start().await;
    stored(&server, "/a", "abc").await;
    std::fs::remove_dir_all(&server.objects).expect("removed");
    for target in ["/a", "/", "/a?ci-process=filehash&type=md5"] {
        get(&server, target).await.expect_error(503, "SlowDown");
    }
    assert_eq!(Ask::new("HEAD", "/a").signed().send(server.api).await.status, 503);
    put("/a", "abc").signed().send(server.api).await.expect_error(503, "SlowDown");
    assert_eq!(Ask::get("/readyz").host("127.0.0.1").send(server.admin).await.status, 503);
}
