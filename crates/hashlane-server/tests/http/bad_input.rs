//! What clients do wrong, and the documented answer to each.

use crate::exchange::{Ask, Line};
use crate::server::{QUEUE, Server};

/// A submit body around the parts of a request.
fn body(parts: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Request>{parts}</Request>")
}

fn hash(config: &str, rest: &str) -> String {
    body(&format!(
        "<Input><Object>a.txt</Object></Input><Tag>FileHashCode</Tag>\
         <Operation><FileHashCodeConfig>{config}</FileHashCodeConfig></Operation>{rest}"
    ))
}

fn good() -> String {
    hash("<Type>MD5</Type>", "")
}

/// Rules W5.2, W5.11, W14.1, W14.2, W14.3.
#[tokio::test]
async fn each_wrong_body_gets_its_documented_error() {
    let server = Server::start().await;
    let with = |rest: &str| hash("<Type>MD5</Type>", rest);
    let operation = |inner: &str| {
        body(&format!(
            "<Input><Object>a.txt</Object></Input><Tag>FileHashCode</Tag>\
             <Operation><FileHashCodeConfig><Type>MD5</Type></FileHashCodeConfig>{inner}</Operation>"
        ))
    };
    let object = |key: &str| good().replace("a.txt", key);
    let entities: String = (1..9).map(|n| format!("<!ENTITY e{n} \"&e{};&e{};\">", n - 1, n - 1)).collect();
    let bomb = format!("<!DOCTYPE Request [<!ENTITY e0 \"x\">{entities}]><Request><Tag>&e8;</Tag></Request>");
    let deep = "<a>".repeat(10_000);
    let cases: Vec<(&str, String, u16, &str)> = vec![
        ("nothing", String::new(), 400, "MissingContent"),
        ("no XML", "hello".into(), 400, "InvalidContent"),
        ("JSON", "{\"Request\":{}}".into(), 400, "InvalidContent"),
        ("unclosed", good().replace("</Request>", ""), 400, "InvalidContent"),
        ("the document's own sample", with("<CallBackFormat>JSON<CallBackFormat>"), 400, "InvalidContent"),
        ("another root", good().replace("Request>", "Response>"), 400, "InvalidContent"),
        (
            "a DTD",
            format!("<!DOCTYPE Request>{}", good().replace("<?xml version=\"1.0\" encoding=\"utf-8\"?>", "")),
            400,
            "InvalidContent",
        ),
        (
            "an external entity",
            "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Request>&x;</Request>".into(),
            400,
            "InvalidContent",
        ),
        ("an entity bomb", bomb, 400, "InvalidContent"),
        ("an unknown entity", object("&nbsp;"), 400, "InvalidContent"),
        ("depth", deep, 400, "InvalidContent"),
        ("NUL", object("a\0b"), 400, "InvalidContent"),
        ("no tag", good().replace("<Tag>FileHashCode</Tag>", ""), 400, "InvalidArgument"),
        ("another task", good().replace("FileHashCode</Tag>", "FileUncompress</Tag>"), 400, "InvalidArgument"),
        ("no object", good().replace("<Object>a.txt</Object>", ""), 400, "InvalidArgument"),
        ("an empty object", object(""), 400, "InvalidArgument"),
        ("a long object", object(&"k".repeat(851)), 400, "InvalidArgument"),
        ("no type", hash("", ""), 400, "InvalidArgument"),
        ("a wrong type", hash("<Type>CRC32</Type>", ""), 400, "InvalidArgument"),
        ("two types", hash("<Type>MD5</Type><Type>SHA1</Type>", ""), 400, "InvalidArgument"),
        ("a wrong AddToHeader", hash("<Type>MD5</Type><AddToHeader>maybe</AddToHeader>", ""), 400, "InvalidArgument"),
        ("long user data", operation(&format!("<UserData>{}</UserData>", "u".repeat(1025))), 400, "InvalidArgument"),
        ("user data with a line break", operation("<UserData>a&#10;b</UserData>"), 400, "InvalidArgument"),
        ("user data beyond ASCII", operation("<UserData>é</UserData>"), 400, "InvalidArgument"),
        ("a wrong level", operation("<JobLevel>3</JobLevel>"), 400, "InvalidArgument"),
        ("an unknown queue", with("<QueueId>p00000000000000000000000000000000</QueueId>"), 400, "QueueNotFound"),
        ("no queue id at all", with("<QueueId>x</QueueId>"), 400, "QueueNotFound"),
        // The queue is looked up before the callback is complained of.
        (
            "an unknown queue and a wrong callback",
            with("<QueueId>x</QueueId><CallBack>ftp://x/</CallBack>"),
            400,
            "QueueNotFound",
        ),
        ("a callback of another scheme", with("<CallBack>ftp://x/</CallBack>"), 400, "InvalidArgument"),
        ("a callback with a password", with("<CallBack>http://u:p@example.com/</CallBack>"), 400, "InvalidArgument"),
        (
            "a long callback",
            with(&format!("<CallBack>http://example.com/{}</CallBack>", "c".repeat(2048))),
            400,
            "InvalidArgument",
        ),
        ("a wrong format", with("<CallBackFormat>YAML</CallBackFormat>"), 400, "InvalidArgument"),
        ("a wrong callback type", with("<CallBackType>Mail</CallBackType>"), 400, "InvalidArgument"),
        ("a message queue without its target", with("<CallBackType>TDMQ</CallBackType>"), 400, "InvalidArgument"),
        (
            "a message queue in no region",
            with(
                "<CallBackType>TDMQ</CallBackType><CallBackMqConfig><MqRegion>xx</MqRegion><MqMode>Queue</MqMode><MqName>n</MqName></CallBackMqConfig>",
            ),
            400,
            "InvalidArgument",
        ),
    ];
    for (what, body, status, code) in cases {
        let reply = Ask::submit(body).signed().send(server.api).await;
        let (got_status, got_code, message) = reply.error();
        assert_eq!((got_status, got_code.as_str()), (status, code), "{what}: {message}");
    }
    let count = server.store.counts().await.expect("counts");
    assert_eq!(count.waiting, 0, "nothing wrong was stored");
}

/// Rules W2.7, W5.1.
#[tokio::test]
async fn each_odd_but_right_body_is_accepted() {
    let server = Server::start().await;
    for (what, body) in [
        ("no declaration", good().replace("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n", "")),
        ("unknown elements", hash("<Type>MD5</Type><Other/>", "<Extra><Deep>1</Deep></Extra>")),
        ("small letters", hash("<Type>sha256</Type><AddToHeader>TRUE</AddToHeader>", "")),
        (
            "empty optional fields",
            hash("<Type>MD5</Type><AddToHeader/>", "<QueueId/><CallBack/><CallBackFormat/><CallBackType/>"),
        ),
        ("the queue by its id", hash("<Type>MD5</Type>", &format!("<QueueId>{QUEUE}</QueueId>"))),
        ("silence", hash("<Type>MD5</Type>", "<CallBack>no</CallBack>")),
        ("the longest object", good().replace("a.txt", &"k".repeat(850))),
    ] {
        let reply = Ask::submit(body).signed().send(server.api).await;
        assert_eq!(reply.status, 200, "{what}: {}", reply.text());
    }
    let mut ask = Ask::submit(good());
    ask.headers.retain(|(name, _)| name != "Content-Type");
    ask.signed().send(server.api).await.expect_ok();
    Ask { target: "/jobs".into(), ..Ask::submit(good()) }.signed().send(server.api).await.expect_ok();
    Ask::submit(good()).header("x-cos-sdk-retry", "true").signed().send(server.api).await.expect_ok();
}

/// Rules W2.8, W14.3, W14.4.
#[tokio::test]
async fn content_md5_and_content_type_are_held_against_the_body() {
    let server = Server::start().await;
    let with_md5 = |md5: &str| Ask::submit(good()).header("Content-MD5", md5).signed();
    for wrong in ["1B2M2Y8AsgTpgAmY7PhCfg==", "nonsense", "d41d8cd98f00b204e9800998ecf8427e"] {
        with_md5(wrong).send(server.api).await.expect_error(400, "InvalidContent");
    }
    let mut ask = Ask::submit(good());
    ask.headers[1].1 = "application/json".into();
    ask.signed().send(server.api).await.expect_error(400, "InvalidContentType");
}

/// Failure rules C8, E8.
#[tokio::test]
async fn a_body_over_the_limit_is_refused_however_its_length_is_told() {
    let server = Server::start().await;
    // Ten times the order of the limit, written in full before anything is read: the client still gets its answer.
    Ask::submit(vec![b' '; 10 << 20]).signed().send(server.api).await.expect_error(413, "EntityTooLarge");

    let mut ask = Ask::submit("");
    ask.headers.retain(|(name, _)| name != "Content-Length");
    let mut ask = ask.header("Transfer-Encoding", "chunked").signed();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    ask.body = [chunk.repeat(4), b"0\r\n\r\n".to_vec()].concat();
    ask.send(server.api).await.expect_error(413, "EntityTooLarge");

    // At the limit exactly, it is read.
    let padding = " ".repeat(128 * 1024 - good().len());
    Ask::submit(good() + &padding).signed().send(server.api).await.expect_ok();
    Ask::submit(good() + &padding + " ").signed().send(server.api).await.expect_error(413, "EntityTooLarge");
}

#[tokio::test]
async fn a_body_that_ends_before_its_end_is_refused() {
    let server = Server::start().await;
    let ask = Ask::submit(good()).signed();
    let mut line = Line::open(server.api).await;
    line.write(&ask.head_bytes()).await;
    line.write(&ask.body[..20]).await;
    line.finish_writing().await;
    line.reply("POST").await.expect_error(400, "InvalidContent");
}

#[tokio::test]
async fn paths_and_methods_that_the_api_does_not_know_are_told_so() {
    let server = Server::start().await;
    let ci = "demo-1250000000.ci.ap-chongqing.myqcloud.com";
    for (method, target, status, code) in [
        ("GET", "/no_such_path", 404, "NotFound"),
        ("GET", "/file_jobs/a/b", 404, "NotFound"),
        ("PATCH", "/file_jobs", 405, "MethodNotAllowed"),
        ("DELETE", "/file_jobs/f93984788066911ed89ed352d4d9d2084", 405, "MethodNotAllowed"),
        ("POST", "/docqueue", 405, "MethodNotAllowed"),
        ("PUT", "/file_queue", 405, "MethodNotAllowed"),
        ("GET", "/%ff", 400, "InvalidURI"),
    ] {
        let reply = Ask::new(method, target).host(ci).signed().send(server.api).await;
        let (got_status, got_code, message) = reply.error();
        assert_eq!((got_status, got_code.as_str()), (status, code), "{method} {target}: {message}");
    }
}

#[tokio::test]
async fn an_unknown_bucket_is_told_before_the_body_is_looked_at() {
    let server = Server::start().await;
    let host = "ghost-1250000000.cos.ap-chongqing.myqcloud.com";
    Ask::submit("not XML").host(host).signed().send(server.api).await.expect_error(404, "NoSuchBucket");
    Ask::submit("not XML")
        .host("no_bucket_name.cos.x.myqcloud.com")
        .signed()
        .send(server.api)
        .await
        .expect_error(404, "NoSuchBucket");
}
