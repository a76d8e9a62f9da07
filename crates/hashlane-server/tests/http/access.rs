//! Who is let in: signatures, keys, buckets, actions.

use std::time::Duration;

use hashlane_job::Timestamp;
use hashlane_server::AccessKey;

use crate::exchange::{Ask, Line};
use crate::server::{BUCKET, HOST, KEY_ID, KEY_SECRET, NOW, OTHER_HOST, Server, full_key};

const JOB: &str = "f93984788066911ed89ed352d4d9d2084";
const CI_HOST: &str = "demo-1250000000.ci.ap-chongqing.myqcloud.com";

fn query() -> Ask {
    Ask::get("/file_jobs/f93984788066911ed89ed352d4d9d2084")
}

/// Failure rule C2.
#[tokio::test]
async fn every_route_is_closed_to_unsigned_requests() {
    let server = Server::start().await;
    let queue = "/file_queue/p2911917386e148639319e13c285cc774";
    let batch = "/inventorytriggerjob/b3deffea2f84911ec9cb15254008618d9";
    let routes: Vec<(&str, String)> = [
        ("POST", "/file_jobs"),
        ("POST", "/jobs"),
        ("GET", "/file_jobs?tag=FileHashCode"),
        ("GET", "/file_queue?state=All"),
        ("GET", "/file_queue"),
        ("PUT", queue),
        ("POST", queue),
        ("POST", "/file_bucket"),
        ("GET", "/file_bucket?pageNumber=1"),
        ("DELETE", "/file_bucket"),
        ("POST", "/inventorytriggerjob"),
        ("GET", "/inventorytriggerjob?type=Job"),
        ("GET", batch),
        ("PUT", batch),
        ("POST", "/picbucket"),
        ("DELETE", "/mediabucket"),
        ("PATCH", "/file_jobs"),
        ("OPTIONS", "/file_jobs"),
        ("TRACE", "/"),
        ("GET", "/no_such_path"),
        ("GET", "/"),
        ("GET", "/?prefix=a"),
        ("GET", "/?uploads"),
        ("HEAD", "/"),
        ("PUT", "/"),
        ("POST", "/?delete"),
        ("GET", "/a.txt"),
        ("GET", "/a.txt?ci-process=filehash&type=md5"),
        ("HEAD", "/a.txt"),
        ("PUT", "/a.txt"),
        ("DELETE", "/a.txt"),
        ("POST", "/a.txt?uploads"),
        ("POST", "/a.txt?uploadId=1"),
        ("PUT", "/a.txt?partNumber=1&uploadId=1"),
        ("GET", "/a.txt?uploadId=1"),
        ("DELETE", "/a.txt?uploadId=1"),
        ("GET", "/a.txt?acl"),
        ("GET", "/%ff"),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
    ]
    .into_iter()
    .map(|(method, target)| (method, target.to_owned()))
    .chain([
        ("GET", format!("/file_jobs/{JOB}")),
        ("GET", format!("/jobs/{JOB}")),
        ("PUT", format!("/jobs/{JOB}?cancel")),
    ])
    .collect();
    for host in [HOST, CI_HOST, OTHER_HOST, "127.0.0.1:8480", "unknown-1250000000.cos.x.myqcloud.com"] {
        for (method, target) in &routes {
            let bare = Ask::new(method, target).host(host);
            for ask in [bare.clone(), bare.header("Authorization", "")] {
                let reply = ask.send(server.api).await;
                match *method {
                    "HEAD" => assert_eq!((reply.status, reply.body.len()), (403, 0), "{target}"),
                    _ => assert_eq!(
                        reply.expect_error(403, "AccessDenied"),
                        "Access Denied.",
                        "{method} {target} {host}"
                    ),
                }
            }
        }
    }
}

/// Rules W2.4, S2.11.
#[tokio::test]
async fn a_signed_query_is_answered_in_each_form_and_to_each_kind_of_host() {
    let server = Server::start().await;
    let port = server.api.port();
    for host in [
        HOST.to_owned(),
        CI_HOST.to_owned(),
        format!("{BUCKET}.hash.test"),
        format!("{BUCKET}.hash.test:{port}"),
        // Domain mode: no trace of the bucket, the default one is meant.
        format!("127.0.0.1:{port}"),
        "localhost".to_owned(),
    ] {
        for ask in [query().host(&host).signed(), query().host(&host).presigned()] {
            let text = ask.send(server.api).await.expect_ok();
            assert!(text.contains(&format!("<NonExistJobIds>{JOB}</NonExistJobIds>")), "{host}: {text}");
        }
        // The Python SDK signs the host without its port.
        let bare = query().host(host.split(':').next().unwrap_or_default()).signed();
        Ask { headers: vec![bare.headers[1].clone()], ..bare.clone() }.host(&host).send(server.api).await.expect_ok();
    }
}

/// Rules S3.1, S3.2.
/// Failure rule C3.
#[tokio::test]
async fn a_signature_outside_its_window_is_refused_in_the_words_that_sdks_compare() {
    let server = Server::start().await;
    let signed = |start, end| query().signed_by(KEY_ID, KEY_SECRET, start, end);
    let expired = signed(NOW - 100, NOW - 1).send(server.api).await;
    assert_eq!(expired.expect_error(403, "AccessDenied"), "Request has expired");
    signed(NOW + 901, NOW + 3600).send(server.api).await.expect_error(403, "RequestTimeTooSkewed");
    signed(NOW + 900, NOW + 3600).send(server.api).await.expect_ok();
    signed(NOW - 100, NOW).send(server.api).await.expect_ok();
    // A window may be of any length.
    signed(1, i64::from(u32::MAX)).send(server.api).await.expect_ok();

    let ask = query().signed();
    ask.send(server.api).await.expect_ok();
    server.clock.advance(Duration::from_secs(3601));
    assert_eq!(ask.send(server.api).await.expect_error(403, "AccessDenied"), "Request has expired");
    server.clock.set(Timestamp::from_unix_seconds(NOW - 901));
    ask.send(server.api).await.expect_error(403, "RequestTimeTooSkewed");
}

/// Rules S4.6, S4.9.
#[tokio::test]
async fn a_wrong_signature_or_an_unknown_key_is_refused() {
    let server = Server::start().await;
    let reply = query().signed_by(KEY_ID, "not the secret", NOW, NOW + 60).send(server.api).await;
    reply.expect_error(403, "SignatureDoesNotMatch");
    assert!(!reply.text().contains("sha1"), "nothing of the arithmetic is told: {}", reply.text());

    let reply = query().signed_by("AKIDunknown", KEY_SECRET, NOW, NOW + 60).send(server.api).await;
    assert_eq!(
        reply.expect_error(403, "InvalidAccessKeyId"),
        "The Access Key Id you provided does not exist in our records"
    );

    for garbage in ["Basic abc", "q-sign-algorithm=sha1", "q-sign-algorithm=sha256&q-ak=a", "&&&=", "\u{e9}"] {
        let reply = query().header("Authorization", garbage).send(server.api).await;
        assert_eq!(reply.expect_error(403, "AccessDenied"), "Access Denied.", "{garbage}");
    }
    let twice = query().signed().signed().send(server.api).await;
    assert_eq!(twice.status, 403);
}

/// Failure rule C4.
#[tokio::test]
async fn a_refusal_says_the_same_wherever_a_signature_differs_and_whatever_an_unknown_key_signed() {
    let server = Server::start().await;
    let flipped = |ask: Ask, at: usize| {
        let mut ask = ask;
        let value = &mut ask.headers.last_mut().expect("it is signed").1;
        let digit = value.len() - 40 + at;
        let other = if value.as_bytes()[digit] == b'0' { "1" } else { "0" };
        value.replace_range(digit..=digit, other);
        ask
    };
    let told = async |ask: Ask| ask.send(server.api).await.error();
    let wrong = told(flipped(query().signed(), 0)).await;
    assert_eq!((wrong.0, wrong.1.as_str()), (403, "SignatureDoesNotMatch"));
    for at in 1..40 {
        assert_eq!(told(flipped(query().signed(), at)).await, wrong, "digit {at}");
    }
    let by_nobody = |secret: &str, start, end| query().signed_by("AKIDnobody", secret, start, end);
    let unknown = told(by_nobody(KEY_SECRET, NOW, NOW + 60)).await;
    assert_eq!((unknown.0, unknown.1.as_str()), (403, "InvalidAccessKeyId"));
    for ask in [
        by_nobody("x", NOW, NOW + 60),
        by_nobody(KEY_SECRET, NOW - 100, NOW - 1),
        by_nobody(KEY_SECRET, NOW + 9000, NOW + 9999),
        flipped(by_nobody(KEY_SECRET, NOW, NOW + 60), 7),
    ] {
        assert_eq!(told(ask).await, unknown);
    }
}

/// Failure rule C1.
#[tokio::test]
async fn a_swapped_body_is_found_by_its_signed_content_md5_which_can_be_required() {
    let body = crate::jobs::minimal("a");
    let swapped = crate::jobs::minimal("b");
    let md5 = |body: &str| {
        let digest = hashlane_lanes::Algorithm::Md5;
        let mut hasher = hashlane_lanes::Hasher::new(digest);
        hasher.update(body.as_bytes());
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hasher.finish().as_bytes())
    };
    let with_md5 = Ask::submit(body.as_str()).header("Content-MD5", &md5(&body)).signed();
    let without = Ask::submit(body.as_str()).signed();
    let swap = |ask: &Ask| Ask { body: swapped.clone().into(), ..ask.clone() };
    let other_md5 = {
        let mut ask = swap(&with_md5);
        ask.headers.iter_mut().filter(|(name, _)| name == "Content-MD5").for_each(|(_, value)| *value = md5(&swapped));
        ask
    };

    let server = Server::start().await;
    with_md5.send(server.api).await.expect_ok();
    swap(&with_md5).send(server.api).await.expect_error(400, "InvalidContent");
    other_md5.send(server.api).await.expect_error(403, "SignatureDoesNotMatch");
    // The signature does not cover a body by itself.
    swap(&without).send(server.api).await.expect_ok();

    let server = Server::start_with(|setup| setup.options.require_signed_body = true).await;
    with_md5.send(server.api).await.expect_ok();
    swap(&with_md5).send(server.api).await.expect_error(400, "InvalidContent");
    without.send(server.api).await.expect_error(403, "AccessDenied");
    let unsigned_md5 = without.clone().header("Content-MD5", &md5(&body));
    unsigned_md5.send(server.api).await.expect_error(403, "AccessDenied");
    let empty_md5 = Ask::submit(body.as_str()).header("Content-MD5", "").signed();
    empty_md5.send(server.api).await.expect_error(403, "AccessDenied");
    let put = |md5: &str| crate::storage::put("/a", "abc").header("Content-MD5", md5).signed();
    put(&md5("abc")).send(server.api).await.expect_ok();
    put(&md5("abd")).send(server.api).await.expect_error(400, "BadDigest");
    crate::storage::put("/a", "abc").signed().send(server.api).await.expect_error(403, "AccessDenied");
    query().signed().send(server.api).await.expect_ok();
    let empty = Ask::new("POST", "/file_bucket").header("Content-Length", "0").signed();
    empty.send(server.api).await.expect_ok();
}

/// Failure rule E3.
#[tokio::test]
async fn a_job_keeps_the_key_that_submitted_it_which_may_or_may_not_hash_later() {
    let server = Server::start().await;
    let id = crate::jobs::submit(&server, &crate::jobs::minimal("a")).await;
    let id = hashlane_job::JobId::parse(&id).expect("an id");
    let jobs = server.store.get(&crate::server::bucket(), &[id]).await.expect("jobs");
    assert_eq!(jobs[0].request.submitter.as_deref(), Some(KEY_ID));

    let key = |bucket: &str, actions: &[&str]| AccessKey {
        buckets: vec![bucket.to_owned()],
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        ..full_key("k", "secret")
    };
    for (key, read, write) in [
        (key("*", &["*"]), true, true),
        (key("demo-*", &["cos:GetObject"]), true, false),
        (key("other-*", &["*"]), false, false),
        (key("*", &["ci:*", "cos:PutObject"]), false, false),
    ] {
        assert_eq!((key.may_hash(BUCKET, false), key.may_hash(BUCKET, true)), (read, write), "{key:?}");
    }
}

/// Failure rule C1.
#[tokio::test]
async fn a_signature_holds_only_for_its_method_path_host_and_listed_values() {
    let server = Server::start().await;
    let signed = Ask::submit("<Request/>").signed();
    let changed = |change: &dyn Fn(&mut Ask)| {
        let mut ask = signed.clone();
        change(&mut ask);
        ask
    };
    for (what, ask) in [
        ("method", changed(&|ask| ask.method = "PUT".into())),
        ("path", changed(&|ask| ask.target = "/file_jobs/".into())),
        ("alias", changed(&|ask| ask.target = "/jobs".into())),
        ("host", changed(&|ask| ask.headers[0].1 = OTHER_HOST.into())),
        ("type", changed(&|ask| ask.headers[1].1 = "text/xml".into())),
        ("a second value", changed(&|ask| ask.headers.push(("Content-Type".into(), "text/xml".into())))),
    ] {
        let reply = ask.send(server.api).await;
        assert_eq!(reply.status, 403, "{what}");
        reply.error();
    }
    // What the client did not list is not covered.
    changed(&|ask| ask.headers.push(("User-Agent".into(), "x".into())))
        .send(server.api)
        .await
        .expect_error(400, "InvalidArgument");
}

/// Rule S2.3.
#[tokio::test]
async fn paths_reach_the_signature_as_they_were_written() {
    let server = Server::start().await;
    for target in [
        "//a/..%2Fb",
        "/a//b/./c/../d",
        "/%E7%9B%AE/a%20b+c",
        "/a/",
        "/a%2fb",
        "/x?a=b%20c+d&e&f=%C3%A9",
        "/~'()*!;:@,$=[]|",
    ] {
        let reply = Ask::get(target).signed().send(server.api).await;
        assert_ne!(reply.status, 403, "{target}: {}", reply.text());
    }
    // The absolute form names the same path.
    let mut ask = query().signed();
    ask.target = format!("http://{HOST}{}", ask.target);
    ask.send(server.api).await.expect_ok();
}

/// Rules W12.1, W12.2.
/// Failure rule E3.
#[tokio::test]
async fn a_key_is_held_to_its_buckets_and_actions() {
    let limited = |id: &str, buckets: &[&str], actions: &[&str]| AccessKey {
        buckets: buckets.iter().map(|pattern| (*pattern).to_owned()).collect(),
        actions: actions.iter().map(|pattern| (*pattern).to_owned()).collect(),
        ..full_key(id, "secret")
    };
    let server = Server::start_with(|setup| {
        setup.options.keys.extend([
            limited("demo", &["demo-*"], &["*"]),
            limited("nowhere", &[], &["*"]),
            limited("reader", &["*"], &["ci:Describe*"]),
            limited("storage", &["*"], &["cos:*"]),
            limited("submitter", &["*"], &["ci:*"]),
            limited("hasher", &["*"], &["ci:*", "cos:GetObject"]),
            limited("stamper", &["*"], &["ci:*", "cos:GetObject", "cos:PutObject"]),
        ]);
    })
    .await;
    let signed = |ask: Ask, id: &str| ask.signed_by(id, "secret", NOW, NOW + 60);
    let denied = async |ask: Ask| {
        assert_eq!(ask.send(server.api).await.expect_error(403, "AccessDenied"), "Access Denied.");
    };
    signed(query(), "demo").send(server.api).await.expect_ok();
    denied(signed(query().host(OTHER_HOST), "demo")).await;
    // One that does not exist is no different from one that is forbidden.
    denied(signed(query().host("ghost-1250000000.cos.x.myqcloud.com"), "demo")).await;
    denied(signed(query(), "nowhere")).await;
    signed(query(), "reader").send(server.api).await.expect_ok();
    denied(signed(Ask::submit("<Request/>"), "reader")).await;
    denied(signed(query(), "storage")).await;
    // Submitting tells what is in the object, and may write to it (spec section 12).
    let job = |header: bool| {
        Ask::submit(format!(
            "<Request><Tag>FileHashCode</Tag><Input><Object>a.txt</Object></Input><Operation><FileHashCodeConfig>\
             <Type>MD5</Type><AddToHeader>{header}</AddToHeader></FileHashCodeConfig></Operation></Request>"
        ))
    };
    denied(signed(job(false), "submitter")).await;
    signed(job(false), "hasher").send(server.api).await.expect_ok();
    denied(signed(job(true), "hasher")).await;
    signed(job(true), "stamper").send(server.api).await.expect_ok();
    denied(signed(Ask::get("/a.txt"), "reader")).await;
    signed(Ask::get("/a.txt"), "storage").send(server.api).await.expect_error(404, "NoSuchKey");
}

/// Rule S1.4.
#[tokio::test]
async fn a_temporary_key_needs_its_token_under_either_name_signed_or_not() {
    let server = Server::start_with(|setup| {
        setup.options.keys.push(AccessKey { token: Some("made/up+token==".into()), ..full_key("temporary", "secret") });
    })
    .await;
    let sign = |ask: Ask| ask.signed_by("temporary", "secret", NOW, NOW + 60);
    for name in ["x-cos-security-token", "x-ci-security-token"] {
        sign(query().header(name, "made/up+token==")).send(server.api).await.expect_ok();
        sign(query()).header(name, "made/up+token==").send(server.api).await.expect_ok();
        sign(query().header(name, "another")).send(server.api).await.expect_error(403, "AccessDenied");
    }
    sign(query()).send(server.api).await.expect_error(403, "AccessDenied");
}

/// Rule S2.10.
#[tokio::test]
async fn a_signed_length_that_got_lost_on_the_way_is_taken_from_the_body() {
    let server = Server::start().await;
    let body = b"<Request/>";
    let mut ask = Ask::submit(&body[..]).signed();
    ask.headers.retain(|(name, _)| name != "Content-Length");
    ask.headers.push(("Transfer-Encoding".into(), "chunked".into()));
    let chunk = |body: &[u8]| [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
    ask.body = chunk(body);
    ask.send(server.api).await.expect_error(400, "InvalidArgument");
    ask.body = chunk(b"<Request></Request>");
    ask.send(server.api).await.expect_error(403, "SignatureDoesNotMatch");
}

/// Rule W14.5.
#[tokio::test]
async fn a_request_needs_exactly_one_host() {
    let server = Server::start().await;
    let none = Ask { headers: vec![], ..query() };
    none.send(server.api).await.expect_error(400, "InvalidHost");
    query().header("Host", HOST).send(server.api).await.expect_error(400, "InvalidHost");

    let server = Server::start_with(|setup| setup.options.hosts.default_bucket = None).await;
    query().host("127.0.0.1").signed().send(server.api).await.expect_error(400, "InvalidHost");
}

#[tokio::test]
async fn a_refused_client_is_not_asked_for_its_body() {
    let server = Server::start().await;
    let ask = Ask::submit(vec![b'x'; 100_000]).header("Expect", "100-continue");
    let mut line = Line::open(server.api).await;
    line.write(&ask.head_bytes()).await;
    let reply = line.reply("POST").await;
    reply.expect_error(403, "AccessDenied");
    assert_eq!(reply.header("Connection"), Some("close"));
    assert!(line.closes_silently().await);
}
