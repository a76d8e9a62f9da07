//! Storage calls on buckets: listings, deleting many, multipart uploads, and the buckets themselves (spec section 15).

use crate::exchange::{Ask, Reply};
use crate::server::{BUCKET, HOST, NOW, OTHER_BUCKET, OTHER_HOST, Server, full_key};
use crate::storage::{get, put, stored};

const MANY: &str = "/?delete";

fn texts(reply: &Reply, name: &str) -> Vec<String> {
    let text = reply.expect_ok();
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    text.split(&open).skip(1).filter_map(|part| part.split(&close).next()).map(str::to_owned).collect()
}

async fn post(server: &Server, target: &str, body: impl Into<Vec<u8>>) -> Reply {
    let body = body.into();
    let length = body.len().to_string();
    Ask { body, ..Ask::new("POST", target).header("Content-Length", &length) }.signed().send(server.api).await
}

#[tokio::test]
async fn a_bucket_is_listed_by_page_prefix_and_delimiter() {
    let server = Server::start().await;
    for key in ["a.txt", "a/1", "a/b/2", "a0", "x%20y/%C3%A9&"] {
        stored(&server, &format!("/{key}"), "abc").await;
    }
    let all = get(&server, "/").await;
    assert_eq!(texts(&all, "Key"), ["a.txt", "a/1", "a/b/2", "a0", "x y/é&amp;"]);
    assert_eq!(texts(&all, "IsTruncated"), ["false"]);
    assert_eq!(texts(&all, "Size"), ["3"; 5]);
    assert_eq!(texts(&all, "ETag"), ["\"900150983cd24fb0d6963f7d28e17f72\""; 5]);
    assert_eq!(texts(&all, "Name"), [BUCKET]);
    let encoded = get(&server, "/?prefix=x+y%2F&encoding-type=url").await;
    assert_eq!(texts(&encoded, "Key"), ["x%20y/%C3%A9%26"]);
    assert_eq!(texts(&encoded, "Prefix"), ["x%20y/"]);

    let (mut keys, mut marker) = (vec![], String::new());
    loop {
        let page = get(&server, &format!("/?delimiter=%2F&max-keys=1&marker={marker}")).await;
        keys.extend(texts(&page, "Key"));
        keys.extend(texts(&page, "Prefix").into_iter().filter(|prefix| !prefix.is_empty()));
        match texts(&page, "NextMarker").pop() {
            Some(next) => marker = next.replace('/', "%2F").replace(' ', "+"),
            None => break,
        }
    }
    assert_eq!(keys, ["a.txt", "a/", "a0", "x y/"]);
    assert!(texts(&get(&server, "/?max-keys=0").await, "Key").is_empty());
    get(&server, "/?max-keys=x").await.expect_error(400, "InvalidArgument");
    get(&server, "/?encoding-type=x").await.expect_error(400, "InvalidArgument");
}

/// Failure rule C8.
#[tokio::test]
async fn many_objects_are_deleted_at_once_and_what_could_not_be_is_told() {
    let server = Server::start().await;
    for key in ["a", "b", "c"] {
        stored(&server, &format!("/{key}"), "abc").await;
    }
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>no such</Key></Object><Object><Key>../x</Key></Object></Delete>";
    let reply = post(&server, MANY, body).await;
    assert_eq!(texts(&reply, "Deleted"), ["<Key>a</Key>", "<Key>no such</Key>"]);
    assert_eq!(texts(&reply, "Code"), ["InvalidArgument"]);
    let reply = post(&server, MANY, "<Delete><Quiet>true</Quiet><Object><Key>b</Key></Object></Delete>").await;
    assert!(texts(&reply, "Deleted").is_empty());
    assert_eq!(texts(&get(&server, "/").await, "Key"), ["c"]);

    for body in ["", "<Delete/>", "<Other/>", "<!DOCTYPE a><Delete/>"] {
        assert_eq!(post(&server, MANY, body).await.status, 400, "{body}");
    }
    let ask = Ask::new("POST", MANY).header("Content-MD5", "kAFQmDzST7DWlj99KOF/cg==").header("Content-Length", "7");
    let ask = Ask { body: b"<Other>".to_vec(), ..ask };
    ask.signed().send(server.api).await.expect_error(400, "InvalidContent");
    // Failure rule C8: XML of storage calls may have two MiB, and its length is looked at first.
    let object = "<Object><Key>cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc</Key></Object>";
    let large = format!("<Delete>{}</Delete>", object.repeat(1000)).into_bytes();
    assert!(large.len() < 128 * 1024);
    post(&server, MANY, large).await.expect_ok();
    let padded = |bytes: usize| {
        let body = b"<Delete><Object><Key>x</Key></Object></Delete>".to_vec();
        [body.clone(), vec![b' '; bytes - body.len()]].concat()
    };
    post(&server, MANY, padded(2 << 20)).await.expect_ok();
    post(&server, MANY, padded((2 << 20) + 1)).await.expect_error(413, "EntityTooLarge");
}

/// Rules W15.1, W15.2.
#[tokio::test]
async fn an_object_is_uploaded_in_parts() {
    let server = Server::start().await;
    let begun = Ask::new("POST", "/big.bin?uploads=")
        .header("Content-Type", "a/b")
        .header("x-cos-meta-a", "1")
        .signed()
        .send(server.api)
        .await;
    assert_eq!((texts(&begun, "Bucket"), texts(&begun, "Key")), (vec![BUCKET.to_owned()], vec!["big.bin".to_owned()]));
    let id = texts(&begun, "UploadId").remove(0);
    let part = |number: u32| format!("/big.bin?partNumber={number}&uploadId={id}");
    let one = stored(&server, &part(1), vec![b'1'; 300_000]).await;
    let two = stored(&server, &part(2), "tail").await;
    assert_eq!(two.header("ETag"), Some("\"7aea2552dfe7eb84b9443b6fc9ba6e01\""));
    assert!(one.header("x-cos-hash-crc64ecma").is_some());
    put(&part(0), "x").signed().send(server.api).await.expect_error(400, "InvalidPart");
    put("/big.bin?partNumber=x&uploadId=1", "x").signed().send(server.api).await.expect_error(400, "InvalidArgument");
    let other_md5 = put(&part(3), "x").header("Content-MD5", "kAFQmDzST7DWlj99KOF/cg==").signed();
    other_md5.send(server.api).await.expect_error(400, "BadDigest");

    let listed = get(&server, &format!("/big.bin?uploadId={id}&max-parts=1")).await;
    assert_eq!(texts(&listed, "PartNumber"), ["1"]);
    assert_eq!(
        (texts(&listed, "IsTruncated"), texts(&listed, "NextPartNumberMarker")),
        (vec!["true".to_owned()], vec!["1".to_owned()])
    );
    let listed = get(&server, &format!("/big.bin?uploadId={id}&part-number-marker=1")).await;
    assert_eq!((texts(&listed, "PartNumber"), texts(&listed, "Size")), (vec!["2".to_owned()], vec!["4".to_owned()]));
    assert_eq!(texts(&listed, "IsTruncated"), ["false"]);
    let uploads = get(&server, "/?uploads&prefix=big").await;
    assert_eq!((texts(&uploads, "UploadId"), texts(&uploads, "Key")), (vec![id.clone()], vec!["big.bin".to_owned()]));
    assert!(texts(&get(&server, "/").await, "Key").is_empty());

    let complete = |parts: &[(u32, &str)]| {
        let parts: String = parts
            .iter()
            .map(|(number, etag)| {
                let etag = etag.replace('"', "&quot;");
                format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
            })
            .collect();
        format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
    };
    let target = format!("/big.bin?uploadId={id}");
    let (etag_1, etag_2) = (one.header("ETag").expect("an ETag"), two.header("ETag").expect("an ETag"));
    post(&server, &target, complete(&[(1, etag_1), (3, etag_2)])).await.expect_error(400, "InvalidPart");
    post(&server, &target, complete(&[(1, etag_2)])).await.expect_error(400, "InvalidPart");
    post(&server, &target, complete(&[(2, etag_2), (1, etag_1)])).await.expect_error(400, "InvalidPartOrder");
    post(&server, &target, "<Part/>").await.expect_error(400, "InvalidContent");
    get(&server, "/big.bin").await.expect_error(404, "NoSuchKey");
    let done = post(&server, &target, complete(&[(1, etag_1), (2, etag_2)])).await;
    let etag = texts(&done, "ETag").remove(0);
    assert!(etag.ends_with("-2\"") && etag.len() == 36, "{etag}");
    assert_eq!(texts(&done, "Location"), [format!("http://{HOST}/big.bin")]);
    assert_eq!((texts(&done, "Bucket"), texts(&done, "Key")), (vec![BUCKET.to_owned()], vec!["big.bin".to_owned()]));

    let object = get(&server, "/big.bin").await;
    assert_eq!((object.status, object.body.len(), &object.body[300_000..]), (200, 300_004, &b"tail"[..]));
    assert_eq!((object.header("ETag"), object.header("x-cos-meta-a")), (Some(etag.as_str()), Some("1")));
    assert_eq!(object.header("Content-Type"), Some("a/b"));
    // Asked again by a client that lost the answer.
    let again = post(&server, &target, complete(&[(1, etag_1), (2, etag_2)])).await;
    assert_eq!(texts(&again, "ETag"), std::slice::from_ref(&etag));
    assert_eq!(again.header("x-cos-hash-crc64ecma"), done.header("x-cos-hash-crc64ecma"));
    post(&server, &target, complete(&[(1, etag_1)])).await.expect_error(404, "NoSuchUpload");
    stored(&server, "/big.bin", "another").await;
    post(&server, &target, complete(&[(1, etag_1), (2, etag_2)])).await.expect_error(404, "NoSuchUpload");
    assert!(texts(&get(&server, "/?uploads").await, "UploadId").is_empty());
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let server = Server::start().await;
    let begun = Ask::new("POST", "/big.bin?uploads").signed().send(server.api).await;
    let target = format!("/big.bin?uploadId={}", texts(&begun, "UploadId").remove(0));
    stored(&server, &format!("{target}&partNumber=1"), "x").await;
    assert_eq!(Ask::new("DELETE", &target).signed().send(server.api).await.status, 204);
    Ask::new("DELETE", &target).signed().send(server.api).await.expect_error(404, "NoSuchUpload");
    get(&server, &target).await.expect_error(404, "NoSuchUpload");
    put(&format!("{target}&partNumber=2"), "x").signed().send(server.api).await.expect_error(404, "NoSuchUpload");
}

#[tokio::test]
async fn buckets_are_those_of_the_configuration() {
    let server = Server::start_with(|setup| {
        let mut limited = full_key("limited", "secret");
        limited.buckets = vec!["other-*".into()];
        setup.options.keys.push(limited);
    })
    .await;
    let ghost = "ghost-1250000000.cos.ap-chongqing.myqcloud.com";
    let head = async |host: &str| Ask::new("HEAD", "/").host(host).signed().send(server.api).await.status;
    assert_eq!((head(HOST).await, head(OTHER_HOST).await, head(ghost).await), (200, 200, 404));
    let make = |host: &str| Ask::new("PUT", "/").host(host).header("Content-Length", "0").signed();
    make(HOST).send(server.api).await.expect_error(409, "BucketAlreadyOwnedByYou");
    let message = make(ghost).send(server.api).await.expect_error(403, "AccessDenied");
    assert!(message.contains("configuration"), "{message}");
    get(&Server::start().await, "/?prefix=").await.expect_ok();
    Ask::get("/").host(ghost).signed().send(server.api).await.expect_error(404, "NoSuchBucket");
    put("/a", "x").host(ghost).signed().send(server.api).await.expect_error(404, "NoSuchBucket");

    for host in ["service.cos.myqcloud.com", "127.0.0.1"] {
        let all = Ask::get("/").host(host).signed().send(server.api).await;
        assert_eq!(texts(&all, "Name"), [BUCKET, OTHER_BUCKET], "{host}");
        assert_eq!(texts(&all, "Location"), ["ap-chongqing"; 2]);
        // Failure rule E3: a key sees the buckets that it may use.
        let some = Ask::get("/").host(host).signed_by("limited", "secret", NOW, NOW + 60).send(server.api).await;
        assert_eq!(texts(&some, "Name"), [OTHER_BUCKET], "{host}");
    }
}

#[tokio::test]
async fn a_range_of_another_object_becomes_a_part_for_who_may_read_it() {
    let server = Server::start_with(|setup| {
        let mut writer = full_key("writer", "secret");
        writer.actions = vec!["cos:UploadPart".into()];
        setup.options.keys.push(writer);
    })
    .await;
    let source: Vec<u8> = (0..600_000_u32).map(|number| (number % 251) as u8).collect();
    stored(&server, "/s", source.clone()).await;
    let begun = Ask::new("POST", "/t?uploads").host(OTHER_HOST).signed().send(server.api).await;
    let id = texts(&begun, "UploadId").remove(0);
    let copy = |number: u32, range: &str| {
        put(&format!("/t?partNumber={number}&uploadId={id}"), "")
            .host(OTHER_HOST)
            .header("x-cos-copy-source", &format!("{HOST}/s"))
            .header("x-cos-copy-source-range", range)
    };
    let mut parts = String::new();
    for (number, range) in [(1, "bytes=0-399999"), (2, "bytes=400000-599999"), (3, "")] {
        let reply = copy(number, range).signed().send(server.api).await;
        assert!(reply.expect_ok().contains("<CopyPartResult>"));
        let etag = texts(&reply, "ETag").remove(0);
        parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    for range in ["bytes=600000-", "lines=1-2"] {
        copy(4, range).signed().send(server.api).await.expect_error(400, "InvalidArgument");
    }
    copy(4, "")
        .header("x-cos-copy-source-if-match", "\"x\"")
        .signed()
        .send(server.api)
        .await
        .expect_error(412, "PreconditionFailed");
    // A key needs to read the source as well.
    copy(4, "").signed_by("writer", "secret", NOW, NOW + 60).send(server.api).await.expect_error(403, "AccessDenied");
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>").into_bytes();
    let length = body.len().to_string();
    let done = Ask::new("POST", &format!("/t?uploadId={id}")).host(OTHER_HOST).header("Content-Length", &length);
    Ask { body, ..done }.signed().send(server.api).await.expect_ok();
    let copied = Ask::get("/t").host(OTHER_HOST).signed().send(server.api).await;
    assert!(copied.body == [source.clone(), source].concat());
}
