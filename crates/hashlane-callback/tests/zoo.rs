//! Receivers of every kind, good, slow and hostile, and what becomes of a callback that is sent to them.

mod receiver;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use hashlane_callback::{CallbackOptions, Message, Resolver, Resolving, Sent, SigningSecret, Transports};
use hashlane_job::{BucketName, CallbackFormat, CallbackTarget, JobId, MqMode, MqTarget, NotifyAddress};
use receiver::{Receiver, Reply};

const JOB: &str = "f93984788066911ed89ed352d4d9d2084";

/// Long enough for a busy machine, for attempts that are answered.
const PATIENT: Duration = Duration::from_secs(30);
/// Short, for attempts that are not.
const IMPATIENT: Duration = Duration::from_millis(300);

fn message() -> Message {
    Message {
        job: JobId::parse(JOB).expect("the documented id"),
        bucket: BucketName::parse("demo-1250000000").expect("a name"),
        event_id: "event-1".into(),
        request_id: "attempt-1".into(),
        content_type: "application/xml",
        body: Bytes::from_static(b"<Response/>"),
    }
}

fn url(text: impl Into<String>) -> CallbackTarget {
    CallbackTarget { address: NotifyAddress::Url(text.into()), format: CallbackFormat::Xml }
}

fn options(timeout: Duration, allow_networks: &[&str]) -> CallbackOptions {
    CallbackOptions {
        allow_networks: allow_networks.iter().map(|text| text.parse().expect("a network")).collect(),
        timeout,
        connect_timeout: timeout,
        ..CallbackOptions::default()
    }
}

/// Transports that may send to this machine.
fn transports(timeout: Duration) -> Transports {
    Transports::new(options(timeout, &["127.0.0.0/8"])).expect("the options are fine")
}

/// Sends once to a receiver that answers like this.
async fn sent_to(reply: Reply, timeout: Duration) -> Sent {
    let receiver = Receiver::start(reply).await;
    transports(timeout).send(&url(receiver.url("/hook")), &message()).await
}

fn said(sent: &Sent) -> &str {
    match sent {
        Sent::Delivered { said } | Sent::Again { said, .. } | Sent::Never { said } => said,
    }
}

fn delivered(text: &str) -> Sent {
    Sent::Delivered { said: text.into() }
}

/// Rule W9.9.
#[tokio::test]
async fn the_request_is_the_one_of_the_spec() {
    let receiver = Receiver::start(Reply::ok()).await;
    let target = url(format!("{}#fragment", receiver.url("/hook/a%20b?token=1&x=%2F")));
    assert_eq!(transports(PATIENT).send(&target, &message()).await, delivered("200 OK"));

    let [request] = <[_; 1]>::try_from(receiver.requests()).expect("one request");
    assert_eq!(request.line, "POST /hook/a%20b?token=1&x=%2F HTTP/1.1");
    assert_eq!(request.body, b"<Response/>");
    for (name, value) in [
        ("content-type", "application/xml"),
        ("user-agent", "ci-callback/1.0"),
        ("x-ci-request-id", "attempt-1"),
        ("x-ci-event-id", "event-1"),
        ("x-ci-event", "TaskFinish"),
        ("x-ci-job-id", JOB),
        ("content-length", "11"),
        ("host", &receiver.address.to_string()),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    for name in ["authorization", "cookie", "accept-encoding"] {
        assert_eq!(request.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn every_2xx_is_delivered() {
    for (head, text) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 OK"),
        ("HTTP/1.1 200 Whatever\r\nContent-Length: 0\r\n\r\n", "200 OK"),
        ("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", "201 Created"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "204 No Content"),
        ("HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n", "299"),
        ("HTTP/1.0 200 OK\r\n\r\nbye", "200 OK"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 OK"),
        ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 OK"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "200 OK"),
        // A body in another coding is not looked at.
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x1fxx", "200 OK"),
        // Whatever becomes of the body, the status stands.
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut off", "200 OK"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", "200 OK"),
    ] {
        assert_eq!(sent_to(Reply::Bytes(head.into()), PATIENT).await, delivered(text), "{head:?}");
    }
}

/// Failure rule D7.
#[tokio::test]
async fn every_other_status_is_tried_again_but_for_410() {
    for (status, expected) in [
        ("400 Bad Request", "400 Bad Request"),
        ("401 Unauthorized", "401 Unauthorized"),
        ("404 Not Found", "404 Not Found"),
        ("429 Too Many Requests", "429 Too Many Requests"),
        ("500 Internal Server Error", "500 Internal Server Error"),
        ("503 Service Unavailable", "503 Service Unavailable"),
        ("599 Odd", "599"),
        ("999 Odder", "999"),
    ] {
        let reply = Reply::Bytes(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(sent_to(reply, PATIENT).await, Sent::Again { said: expected.into(), after: None });
    }
    let gone = Reply::Bytes("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n".into());
    assert_eq!(sent_to(gone, PATIENT).await, Sent::Never { said: "410 Gone".into() });
}

/// Failure rule D7.
#[tokio::test]
async fn the_receivers_wish_for_a_pause_is_passed_on_up_to_an_hour() {
    for (value, expected) in [("7", Some(7)), ("86400", Some(3600)), ("later", None)] {
        let reply = format!("HTTP/1.1 503 Service Unavailable\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n");
        let expected = expected.map(Duration::from_secs);
        match sent_to(Reply::Bytes(reply), PATIENT).await {
            Sent::Again { after, .. } => assert_eq!(after, expected, "{value}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Failure rule D2.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Receiver::start(Reply::ok()).await;
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let location = elsewhere.url("/elsewhere");
        let reply = format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let sent = sent_to(Reply::Bytes(reply), PATIENT).await;
        assert_eq!(sent, Sent::Again { said: format!("{status} (redirects are not followed)"), after: None });
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// Failure rule D5.
#[tokio::test]
async fn a_receiver_that_never_answers_is_left_at_the_timeout() {
    for reply in [
        Reply::Hang,
        Reply::BytesThenHang("HTTP/1.1 200 O".into()),
        Reply::BytesThenHang("HTTP/1.1 200 OK\r\nX-A: ".into()),
        Reply::Drip("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()),
    ] {
        let name = format!("{reply:?}");
        assert_eq!(
            sent_to(reply, IMPATIENT).await,
            Sent::Again { said: "no answer within 300 ms".into(), after: None },
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_read_is_left_at_the_timeout() {
    let receiver = Receiver::start(Reply::NeverRead).await;
    let large = Message { body: vec![b'x'; 16 << 20].into(), ..message() };
    let sent = transports(IMPATIENT).send(&url(receiver.url("/")), &large).await;
    assert_eq!(said(&sent), "no answer within 300 ms");
}

/// Failure rule D5.
#[tokio::test]
async fn a_body_that_does_not_end_neither_delays_nor_undoes_a_delivery() {
    // Each of these gzip members is a mebibyte of zeros; it is not unpacked.
    let bomb = include_bytes!("zeros.gz").to_vec();
    for (head, then) in [
        ("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 4096]),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", vec![b'x'; 4096]),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", bomb),
    ] {
        let receiver = Receiver::start(Reply::Endless { head: head.into(), then }).await;
        assert_eq!(transports(PATIENT).send(&url(receiver.url("/")), &message()).await, delivered("200 OK"));
        // Its connection is closed soon after the bound, not read on.
        let bytes = receiver.bytes_until_closed().await;
        assert!(bytes < 16 << 20, "{bytes} bytes of the body were taken");
    }
    let hanging = Reply::BytesThenHang("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx".into());
    assert_eq!(sent_to(hanging, IMPATIENT).await, delivered("200 OK"));
}

/// Failure rule D5.
#[tokio::test]
async fn heads_that_do_not_end_and_interim_answers_without_end_are_cut_off() {
    for (head, then) in [
        ("HTTP/1.1 200 OK\r\n", &b"X-A: 0123456789\r\n"[..]),
        ("HTTP/1.1 200 OK\r\nX-A: ", &b"0123456789"[..]),
        ("HTTP/1.1 200 ", &b"0123456789"[..]),
        ("", &b"HTTP/1.1 100 Continue\r\n\r\n"[..]),
    ] {
        let receiver = Receiver::start(Reply::Endless { head: head.into(), then: then.repeat(256) }).await;
        let sent = transports(PATIENT).send(&url(receiver.url("/")), &message()).await;
        // By a bound on what is read, not by the end of its time, until when it would hold a core.
        assert!(matches!(&sent, Sent::Again { said, .. } if said.starts_with("no answer: ")), "{head:?}: {sent:?}");
        let bytes = receiver.bytes_until_closed().await;
        assert!(bytes < 16 << 20, "{head:?}: {bytes} bytes were taken");
    }
}

#[tokio::test]
async fn what_is_not_http_is_tried_again() {
    for reply in [
        Reply::Bytes("SSH-2.0-OpenSSH_9.6\r\n".into()),
        Reply::Bytes("\0\0\0\0\0\0\0\0\r\n\r\n".into()),
        Reply::Bytes("HTTP/1.1 abc OK\r\n\r\n".into()),
        Reply::Bytes("HTTP/2 200 OK\r\n\r\n".into()),
        Reply::Bytes("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".into()),
        Reply::Bytes("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".into()),
        Reply::Bytes(String::new()),
        Reply::Reset,
    ] {
        let name = format!("{reply:?}");
        let sent = sent_to(reply, PATIENT).await;
        assert!(matches!(&sent, Sent::Again { said, .. } if said.starts_with("no answer: ")), "{name}: {sent:?}");
    }
}

#[tokio::test]
async fn a_closed_port_is_tried_again() {
    let closed = Receiver::start(Reply::ok()).await;
    let address = closed.url("/");
    closed.stop().await;
    let sent = transports(PATIENT).send(&url(address), &message()).await;
    assert!(matches!(&sent, Sent::Again { said, .. } if said.starts_with("could not connect: ")), "{sent:?}");
}

#[tokio::test]
async fn https_to_a_receiver_without_tls_is_tried_again() {
    let receiver = Receiver::start(Reply::Greet("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into())).await;
    let target = url(receiver.url("/").replace("http:", "https:"));
    let sent = transports(PATIENT).send(&target, &message()).await;
    assert!(matches!(sent, Sent::Again { .. }), "{sent:?}");
    assert!(!said(&sent).contains("200"), "{sent:?}");
}

/// Failure rule D9.
#[tokio::test]
async fn targets_that_can_never_work_are_given_up_at_once() {
    for (target, part) in [
        ("", "no URL"),
        ("hook", "no URL"),
        ("http://", "no URL"),
        ("http://[fe80::1%25eth0]/", "no URL"),
        ("http://1.2.3.999/", "no URL"),
        ("http://127.0.0.1:99999/", "no URL"),
        ("ftp://127.0.0.1/", "only http: and https:"),
        ("file:///etc/passwd", "only http: and https:"),
        ("gopher://127.0.0.1/", "only http: and https:"),
        ("javascript:alert(1)", "only http: and https:"),
        ("http://user:pass@127.0.0.1/", "user name or password"),
        ("http://user@127.0.0.1/", "user name or password"),
        ("http://:pass@127.0.0.1/", "user name or password"),
    ] {
        let sent = transports(PATIENT).send(&url(target), &message()).await;
        assert!(matches!(&sent, Sent::Never { said } if said.contains(part)), "{target}: {sent:?}");
        assert!(!said(&sent).contains("pass@") && !said(&sent).contains("user:"), "{sent:?}");
    }
}

/// Failure rule D9.
#[tokio::test]
async fn only_the_allowed_ports_are_sent_to_when_there_are_any() {
    let receiver = Receiver::start(Reply::ok()).await;
    let send = async |ports: Vec<u16>, target: String| {
        let options = CallbackOptions { ports, ..options(PATIENT, &["127.0.0.0/8"]) };
        Transports::new(options).expect("the options are fine").send(&url(target), &message()).await
    };
    for target in [receiver.url("/"), "http://127.0.0.1:6379/".into(), "http://127.0.0.1/".into()] {
        let sent = send(vec![443], target.clone()).await;
        assert!(matches!(&sent, Sent::Never { said } if said.contains("callback.ports")), "{target}: {sent:?}");
    }
    assert_eq!(receiver.connections(), 0);
    let default_port = send(vec![80], "http://127.0.0.2/".into()).await;
    assert!(!said(&default_port).contains("callback.ports"), "{default_port:?}");
    let own = receiver.address.port();
    assert_eq!(send(vec![80, own], receiver.url("/")).await, delivered("200 OK"));
}

/// Failure rule D8.
#[tokio::test]
async fn signed_requests_carry_the_event_as_id_a_fresh_time_and_a_signature_for_each_secret() {
    let receiver = Receiver::start(Reply::ok()).await;
    let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];
    let signing_secrets = secrets.map(|text| SigningSecret::parse(text).expect("a secret")).to_vec();
    let options = CallbackOptions { signing_secrets, ..options(PATIENT, &["127.0.0.0/8"]) };
    let seconds = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let signed = Transports::new(options).expect("the options are fine");
    let before = seconds();
    assert_eq!(signed.send(&url(receiver.url("/")), &message()).await, delivered("200 OK"));
    assert_eq!(transports(PATIENT).send(&url(receiver.url("/")), &message()).await, delivered("200 OK"));

    let [signed, unsigned] = <[_; 2]>::try_from(receiver.requests()).expect("two requests");
    assert_eq!(signed.header("webhook-id"), signed.header("x-ci-event-id"));
    let timestamp: u64 = signed.header("webhook-timestamp").expect("a time").parse().expect("seconds");
    assert!((before..=seconds()).contains(&timestamp));
    let signatures: Vec<&str> = signed.header("webhook-signature").expect("signatures").split(' ').collect();
    assert!(signatures.len() == 2 && signatures.iter().all(|one| one.starts_with("v1,")), "{signatures:?}");
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert_eq!(unsigned.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_message_queue_of_a_region_without_a_broker_fails_with_its_name() {
    let queue = MqTarget { region: "gz".into(), mode: MqMode::Topic, name: "my-queue".into() };
    let target = CallbackTarget { address: NotifyAddress::Mq(queue), format: CallbackFormat::Json };
    let sent = transports(PATIENT).send(&target, &message()).await;
    assert!(matches!(&sent, Sent::Never { said } if said.contains("[mq.gz]")), "{sent:?}");
}

/// Failure rule D3.
#[tokio::test]
async fn loopback_is_refused_in_every_spelling_unless_it_is_allowed() {
    let receiver = Receiver::start(Reply::ok()).await;
    let port = receiver.address.port();
    let strict = Transports::new(options(PATIENT, &[])).expect("the options are fine");
    let allowed = transports(PATIENT);
    for host in ["127.0.0.1", "127.1", "0x7f.1", "017700000001", "2130706433", "localhost", "[::ffff:127.0.0.1]"] {
        let target = url(format!("http://{host}:{port}/"));
        let sent = strict.send(&target, &message()).await;
        assert!(matches!(&sent, Sent::Never { said } if said.contains("allow_networks")), "{host}: {sent:?}");
        assert_eq!(receiver.connections(), 0, "{host}");
    }
    for host in ["127.0.0.1", "0x7f.1", "localhost", "[::ffff:127.0.0.1]"] {
        let target = url(format!("http://{host}:{port}/"));
        assert_eq!(allowed.send(&target, &message()).await, delivered("200 OK"), "{host}");
    }
    let other = Transports::new(options(PATIENT, &["10.0.0.0/8", "127.0.0.2/32"])).expect("the options are fine");
    let sent = other.send(&url(receiver.url("/")), &message()).await;
    assert!(matches!(sent, Sent::Never { .. }), "{sent:?}");
}

/// Answers with the next list of addresses at each question; the last one for ever.
#[derive(Debug)]
struct Flipping {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Flipping {
    fn new(answers: &[&[[u8; 4]]]) -> Arc<Flipping> {
        let answers = answers.iter().map(|list| list.iter().map(|octets| Ipv4Addr::from(*octets).into()).collect());
        Arc::new(Flipping { answers: answers.collect(), asked: AtomicUsize::new(0) })
    }
}

impl Resolver for Flipping {
    fn resolve(&self, _host: &str) -> Resolving {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let answer = self.answers[turn].clone();
        Box::pin(async move { Ok(answer) })
    }
}

/// Failure rule D1.
#[tokio::test]
async fn a_name_that_changes_to_a_forbidden_address_is_never_connected_to() {
    let inside = Receiver::start(Reply::ok()).await;
    // 127.0.0.2 plays the public address: the guard is told to allow it and nothing else.
    let resolver = Flipping::new(&[&[[127, 0, 0, 2]], &[[127, 0, 0, 1]]]);
    let transports = Transports::with_resolver(options(PATIENT, &["127.0.0.2/32"]), resolver.clone()).expect("fine");
    let target = url(format!("http://rebinding.example:{}/", inside.address.port()));

    let first = transports.send(&target, &message()).await;
    assert!(matches!(&first, Sent::Again { said, .. } if said.starts_with("could not connect")), "{first:?}");
    for _ in 0..1000 {
        let sent = transports.send(&target, &message()).await;
        assert!(matches!(&sent, Sent::Never { said } if said.contains("rebinding.example")), "{sent:?}");
        assert!(!said(&sent).contains("127.0.0.1"), "the answer tells what the name means inside: {sent:?}");
    }
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1001, "a name is resolved anew for each connection");
    assert_eq!(inside.connections(), 0);
}

/// Failure rule D3.
#[tokio::test]
async fn a_name_that_is_allowed_is_sent_to_wherever_it_leads_and_no_other() {
    let inside = Receiver::start(Reply::ok()).await;
    let port = inside.address.port();
    let resolver = Flipping::new(&[&[[127, 0, 0, 1]]]);
    let options = CallbackOptions { allow_hosts: vec!["receiver.example".into()], ..options(PATIENT, &[]) };
    let transports = Transports::with_resolver(options, resolver).expect("fine");
    for allowed in ["receiver.example", "RECEIVER.example", "receiver.example."] {
        let target = url(format!("http://{allowed}:{port}/"));
        assert_eq!(transports.send(&target, &message()).await, delivered("200 OK"), "{allowed}");
    }
    let connections = inside.connections();
    for other in ["a.receiver.example", "receiver.example.evil", "xreceiver.example", "127.0.0.1"] {
        let sent = transports.send(&url(format!("http://{other}:{port}/")), &message()).await;
        assert!(matches!(sent, Sent::Never { .. }), "{other}: {sent:?}");
    }
    assert_eq!(inside.connections(), connections);
}

#[tokio::test]
async fn of_several_addresses_only_those_that_pass_are_connected_to() {
    let inside = Receiver::start_on([127, 0, 0, 1], Reply::ok()).await;
    let outside = Receiver::start_at(([127, 0, 0, 2], inside.address.port()).into(), Reply::ok()).await;
    let resolver = Flipping::new(&[&[[127, 0, 0, 1], [10, 0, 0, 1], [127, 0, 0, 2], [169, 254, 169, 254]]]);
    let transports = Transports::with_resolver(options(PATIENT, &["127.0.0.2/32"]), resolver).expect("fine");
    let target = url(format!("http://mixed.example:{}/", inside.address.port()));
    assert_eq!(transports.send(&target, &message()).await, delivered("200 OK"));
    assert_eq!((inside.connections(), outside.connections()), (0, 1));
}

/// Failure rule D4.
#[tokio::test]
async fn two_names_of_one_address_never_share_a_connection() {
    let receiver = Receiver::start_on([127, 0, 0, 2], Reply::ok()).await;
    let resolver = Flipping::new(&[&[[127, 0, 0, 2]]]);
    let transports = Transports::with_resolver(options(PATIENT, &["127.0.0.2/32"]), resolver).expect("fine");
    for name in ["one.example", "two.example"] {
        let target = url(format!("http://{name}:{}/", receiver.address.port()));
        assert_eq!(transports.send(&target, &message()).await, delivered("200 OK"));
    }
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn an_address_that_says_no_does_not_hide_the_next_one() {
    let receiver = Receiver::start_on([127, 0, 0, 3], Reply::ok()).await;
    let resolver = Flipping::new(&[&[[127, 0, 0, 4], [127, 0, 0, 3]]]);
    let transports = Transports::with_resolver(options(PATIENT, &["127.0.0.0/8"]), resolver).expect("fine");
    let target = url(format!("http://several.example:{}/", receiver.address.port()));
    assert_eq!(transports.send(&target, &message()).await, delivered("200 OK"));
}

#[tokio::test]
async fn a_name_without_an_address_is_tried_again() {
    let transports = Transports::with_resolver(options(PATIENT, &[]), Flipping::new(&[&[]])).expect("fine");
    let sent = transports.send(&url("http://nowhere.example/"), &message()).await;
    assert!(matches!(&sent, Sent::Again { said, .. } if said.contains("nowhere.example")), "{sent:?}");
}

#[derive(Debug)]
struct NeverResolves;

impl Resolver for NeverResolves {
    fn resolve(&self, _host: &str) -> Resolving {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_resolver_that_hangs_ends_with_the_attempt() {
    let transports = Transports::with_resolver(options(IMPATIENT, &[]), Arc::new(NeverResolves)).expect("fine");
    let sent = transports.send(&url("http://slow.example/"), &message()).await;
    assert!(matches!(sent, Sent::Again { .. }), "{sent:?}");
}

/// Failure rule D4.
#[tokio::test]
async fn callbacks_of_two_buckets_never_share_a_connection() {
    let receiver = Receiver::start(Reply::ok()).await;
    let transports = transports(PATIENT);
    let other = Message { bucket: BucketName::parse("other-1250000000").expect("a name"), ..message() };
    for _ in 0..5 {
        for message in [&message(), &other] {
            assert_eq!(transports.send(&url(receiver.url("/")), message).await, delivered("200 OK"));
        }
    }
    assert_eq!((receiver.connections(), receiver.requests().len()), (2, 10));
}

/// Failure rule D8.
#[tokio::test]
async fn a_bucket_with_secrets_of_its_own_is_signed_with_those() {
    let receiver = Receiver::start(Reply::ok()).await;
    let secret = |text| vec![SigningSecret::parse(text).expect("a secret")];
    let (all, own) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    let other = Message { bucket: BucketName::parse("other-1250000000").expect("a name"), ..message() };
    let signatures = async |options: CallbackOptions, message: &Message| {
        let transports = Transports::new(options).expect("the options are fine");
        assert_eq!(transports.send(&url(receiver.url("/")), message).await, delivered("200 OK"));
        let request = receiver.requests().pop().expect("it came");
        let word = |name| request.header(name).map(str::to_owned);
        (word("webhook-timestamp"), word("webhook-signature"))
    };
    let with = |signing_secrets, bucket_secrets: &[(&Message, Vec<SigningSecret>)]| CallbackOptions {
        signing_secrets,
        bucket_secrets: bucket_secrets.iter().map(|(message, own)| (message.bucket.clone(), own.clone())).collect(),
        ..options(PATIENT, &["127.0.0.0/8"])
    };
    // The second of an attempt is signed too: compare attempts of the same second.
    loop {
        let (time, expected) = signatures(with(secret(own), &[]), &other).await;
        let (time_own, signed) = signatures(with(secret(all), &[(&other, secret(own))]), &other).await;
        let (time_all, of_all) = signatures(with(secret(all), &[(&other, secret(own))]), &message()).await;
        if time == time_own && time == time_all {
            assert!(expected.is_some() && signed == expected);
            assert!(of_all.is_some() && of_all != expected);
            return;
        }
    }
}

#[tokio::test]
async fn who_tries_a_receiver_out_sees_its_answer_and_no_more_than_the_bound_of_it() {
    let head = "HTTP/1.1 418 No coffee here\r\nRetry-After: 7\r\nContent-Length: 10000\r\n\r\n";
    let receiver = Receiver::start(Reply::Bytes(format!("{head}{}", "x".repeat(10_000)))).await;
    let (sent, answer) = transports(PATIENT).try_out(&url(receiver.url("/")), &message()).await;
    assert_eq!(sent, Sent::Again { said: "418 I'm a teapot".into(), after: Some(Duration::from_secs(7)) });
    let answer = answer.expect("there was an answer");
    assert_eq!((answer.status, answer.reason.as_str()), (418, "No coffee here"));
    assert!(answer.headers.contains(&("retry-after".into(), "7".into())), "{:?}", answer.headers);
    assert_eq!(answer.body, "x".repeat(4096));
    let closed = receiver.url("/");
    receiver.stop().await;
    let (sent, answer) = transports(PATIENT).try_out(&url(closed), &message()).await;
    assert!(matches!(sent, Sent::Again { .. }) && answer.is_none(), "{sent:?}");
}

#[tokio::test]
async fn connections_are_used_again_for_the_same_receiver_and_only_for_it() {
    let first = Receiver::start(Reply::ok()).await;
    let second = Receiver::start(Reply::ok()).await;
    let transports = transports(PATIENT);
    for _ in 0..50 {
        for receiver in [&first, &second] {
            assert_eq!(transports.send(&url(receiver.url("/")), &message()).await, delivered("200 OK"));
        }
    }
    for receiver in [&first, &second] {
        assert_eq!(receiver.requests().len(), 50);
        assert!(
            receiver.requests().iter().all(|request| request.header("host") == Some(&receiver.address.to_string()))
        );
        assert!(receiver.connections() < 50, "{} connections for 50 callbacks", receiver.connections());
    }
}

#[tokio::test]
async fn a_hundred_hanging_receivers_do_not_hold_up_a_healthy_one() {
    let hanging = Receiver::start(Reply::Hang).await;
    let healthy = Receiver::start(Reply::ok()).await;
    let transports = transports(PATIENT);
    let stuck: Vec<_> = (0..100)
        .map(|_| {
            let (transports, target) = (transports.clone(), url(hanging.url("/")));
            tokio::spawn(async move { transports.send(&target, &message()).await })
        })
        .collect();
    hanging.until_connections(100).await;
    let started = Instant::now();
    assert_eq!(transports.send(&url(healthy.url("/")), &message()).await, delivered("200 OK"));
    assert!(started.elapsed() < PATIENT, "it waited for the hanging ones");
    for attempt in stuck {
        attempt.abort();
    }
}
