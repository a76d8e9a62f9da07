//! What users of the client may rely on, against a server whose answers are scripted.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use hashlane_client::{ATTEMPTS_MAX, Client, ClientConfig, ClientError};
use hashlane_job::{BucketName, CallbackRequest, Clock, JobId, Notify, Queue, QueueId, SystemClock, Timestamp};
use hashlane_lanes::Algorithm;
use hashlane_wire::queue::{QueueDetail, QueueList, QueueListQuery, QueueUpdate};
use hashlane_wire::{JobListQuery, ListOrder, Page, RequestHead, SubmitRequest, TimeOffset, check_content_md5, sign};

const SECRET: &str = "ExampleSecretKeyExampleSecretKey01";

/// Answers one request after the other, each on its connection or the next, and gives what was asked.
struct Script {
    address: SocketAddr,
    asked: JoinHandle<Vec<String>>,
}

impl Script {
    fn of(answers: Vec<String>) -> Script {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("a connection");
                asked.push(read_request(&mut stream));
                stream.write_all(answer.as_bytes()).expect("written");
            }
            asked
        });
        Script { address, asked }
    }

    fn client(&self) -> Client {
        client(&format!("http://{}", self.address))
    }

    fn asked(self) -> Vec<String> {
        self.asked.join().expect("the script ends")
    }
}

fn read_request(stream: &mut impl Read) -> String {
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = header(head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut chunk).expect("readable") {
            0 => return text,
            read => request.extend_from_slice(&chunk[..read]),
        }
    }
}

fn header(request: &str, name: &str) -> Option<String> {
    let mut lines = request.split("\r\n").take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}

/// An answer that ends its connection, so that the script needs to accept only.
fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn job(id: &str, state: &str) -> String {
    format!(
        "<Response><JobsDetail><Code>Success</Code><Message/><JobId>{id}</JobId><State>{state}</State><Progress>0</Progress>\
         <CreationTime>2022-07-18T15:16:43+0800</CreationTime><StartTime>-</StartTime><EndTime>-</EndTime>\
         <QueueId>p2911917386e148639319e13c285cc774</QueueId><Tag>FileHashCode</Tag><Input><BucketId>demo-1250000000</BucketId>\
         <Object>a</Object><Region>local</Region></Input><Operation><FileHashCodeConfig><Type>MD5</Type>\
         <AddToHeader>false</AddToHeader></FileHashCodeConfig><JobLevel>0</JobLevel></Operation></JobsDetail></Response>"
    )
}

fn client(endpoint: &str) -> Client {
    Client::new(ClientConfig {
        endpoint: endpoint.into(),
        secret_id: "AKIDexample".into(),
        secret_key: SECRET.into(),
        token: None,
        bucket: "demo-1250000000".into(),
        region: "ap-chongqing".into(),
        extra_roots: vec![],
    })
    .expect("a configuration that can work")
}

fn request() -> SubmitRequest {
    SubmitRequest {
        object: "目录/a b&<c>.txt".into(),
        algorithm: Algorithm::Md5,
        algorithm_as_given: "MD5".into(),
        add_to_header: false,
        user_data: None,
        level: 0,
        queue: None,
        callback: CallbackRequest::default(),
    }
}

/// Checks the signature of a request as a server does.
fn verify(request: &str) {
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.split("\r\n");
    let mut words = lines.next().expect("a request line").split(' ');
    let (method, target) = (words.next().expect("a method"), words.next().expect("a target"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let head = RequestHead {
        method,
        path,
        query,
        headers: lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name, value.as_bytes())).collect(),
    };
    let presented = sign::presented(&head).expect("readable").expect("signed");
    let rules = sign::Rules { skew_seconds: 0, require_signed_host: true };
    sign::verify(&head, &presented, Some(SECRET), Some(body.len() as u64), SystemClock.now(), rules).expect("valid");
    if !body.is_empty() {
        assert!(presented.signs_header("content-md5"), "the signature covers the body");
        check_content_md5(header(request, "content-md5").as_deref(), body.as_bytes()).expect("the body's digest");
    }
}

#[tokio::test]
async fn a_submit_is_signed_with_its_body_and_names_bucket_and_region_in_the_host() {
    let script = Script::of(vec![answer("200 OK", &job("f1", "Submitted"))]);
    let (job, exchange) = script.client().submit(&request()).await.expect("accepted");
    assert_eq!((job.job_id.as_str(), job.state.as_str()), ("f1", "Submitted"));
    let asked = script.asked().remove(0);
    assert_eq!(header(&asked, "host").as_deref(), Some("demo-1250000000.ci.ap-chongqing.myqcloud.com"));
    assert_eq!([header(&asked, "x-cos-sdk-retry"), header(&asked, "x-ci-fresh")], [None, None]);
    assert!(!asked.contains(SECRET));
    verify(&asked);

    // The exchange is what went over the wire.
    assert_eq!(exchange.call(), "POST /file_jobs");
    let body = String::from_utf8(exchange.request_body).expect("UTF-8");
    assert_eq!(format!("{}\r\n{body}", exchange.request_head), asked);
    assert_eq!(SubmitRequest::parse(body.as_bytes()).expect("readable").object, request().object);
}

#[tokio::test]
async fn a_fresh_submit_says_so_in_a_signed_header_in_every_attempt() {
    let script = Script::of(vec![answer("503 Service Unavailable", ""), answer("200 OK", &job("f1", "Submitted"))]);
    let (job, _) = script.client().submit_fresh(&request()).await.expect("accepted");
    assert_eq!(job.job_id, "f1");
    let asked = script.asked();
    assert_eq!(asked.len(), 2);
    for asked in &asked {
        assert_eq!(header(asked, "x-ci-fresh").as_deref(), Some("true"));
        verify(asked);
        assert!(asked.contains("x-ci-fresh;") || asked.contains(";x-ci-fresh"), "it is among the signed: {asked}");
    }
}

#[tokio::test]
async fn a_query_gives_the_jobs_that_exist_and_the_ids_that_do_not() {
    let body = job("f1", "Running").replace("</Response>", "<NonExistJobIds>f/2</NonExistJobIds></Response>");
    let script = Script::of(vec![answer("200 OK", &body)]);
    let (jobs, missing, exchange) = script.client().describe(&["f1".into(), "f/2".into()]).await.expect("answered");
    assert_eq!((jobs.len(), missing), (1, vec!["f/2".to_owned()]));
    assert_eq!(exchange.call(), "GET /file_jobs/f1,f%2F2");
    verify(&script.asked()[0]);
}

#[tokio::test]
async fn a_list_of_jobs_is_signed_with_its_query_and_goes_on_with_its_token() {
    let first = JobListQuery { size: 1, order: ListOrder::OldestFirst, ..JobListQuery::default() };
    let id = "f93984788066911ed89ed352d4d9d2084";
    let token = first.token_after(JobId::parse(id).expect("an id"));
    let page = job(id, "Pause").replace("</Response>", &format!("<NextToken>{token}</NextToken></Response>"));
    let last = "<Response><RequestId>r</RequestId><NextToken/></Response>";
    let script = Script::of(vec![answer("200 OK", &page), answer("200 OK", last)]);
    let client = script.client();
    let (jobs, next, _) = client.list_jobs(&first).await.expect("a page");
    assert_eq!((jobs.len(), next.as_deref()), (1, Some(token.as_str())));
    let second = first.with_token(&next.expect("a token")).expect("it is one");
    let (jobs, next, exchange) = client.list_jobs(&second).await.expect("a page");
    assert_eq!((jobs.len(), next), (0, None));
    let expected = format!("GET /file_jobs?tag=FileHashCode&orderByTime=Asc&size=1&states=All&nextToken={token}");
    assert_eq!(exchange.call(), expected);
    script.asked().iter().for_each(|request| verify(request));
}

#[tokio::test]
async fn a_cancel_has_no_body_and_a_finished_job_is_a_refusal() {
    let body = "<Error><Code>AccessDenied</Code><Message>operation forbidden</Message><Resource>/</Resource>\
                <RequestId>r</RequestId><TraceId>t</TraceId></Error>";
    let script = Script::of(vec![answer("200 OK", ""), answer("403 Forbidden", body)]);
    let client = script.client();
    assert_eq!(client.cancel_job("f1").await.expect("cancelled").call(), "PUT /jobs/f1?cancel");
    let error = client.cancel_job("a/b").await.expect_err("refused");
    assert!(matches!(&error, ClientError::Refused { status: 403, .. }), "{error}");
    let asked = script.asked();
    assert!(asked[1].starts_with("PUT /jobs/a%2Fb?cancel "), "{}", asked[1]);
    asked.iter().for_each(|request| verify(request));
}

#[tokio::test]
async fn queues_are_listed_and_updated() {
    let queue = Queue {
        id: QueueId::parse("p2911917386e148639319e13c285cc774").expect("an id"),
        bucket: BucketName::parse("demo-1250000000").expect("a bucket"),
        name: "队列".into(),
        paused: true,
        notify: Notify::default(),
        jobs_waiting_max: 5,
        jobs_running_max: 6,
        created: Timestamp::from_unix_seconds(1),
        updated: Timestamp::from_unix_seconds(2),
    };
    let detail = QueueDetail::of(&queue, TimeOffset::default());
    let listed =
        QueueList { total: 1, page: Page::default(), queues: vec![detail.clone()], missing: vec!["pA".to_owned()] };
    let text = |body: Vec<u8>| String::from_utf8(body).expect("UTF-8");
    let script = Script::of(vec![
        answer("200 OK", &text(listed.print("r"))),
        answer("200 OK", &text(detail.print_updated("r"))),
    ]);
    let client = script.client();
    let asked = QueueListQuery { ids: vec!["p1".into(), "pA".into()], ..QueueListQuery::default() };
    let (list, exchange) = client.list_queues(&asked).await.expect("a list");
    assert_eq!(list, listed);
    assert_eq!(exchange.call(), "GET /file_queue?queueIds=p1%2CpA&state=All&pageNumber=1&pageSize=10");
    let update = QueueUpdate { name: "队列".into(), paused: true, notify: Notify::default() };
    let (updated, exchange) = client.update_queue(&detail.queue_id, &update).await.expect("updated");
    assert_eq!(updated, detail);
    assert_eq!(QueueUpdate::parse(&exchange.request_body), Ok(update));
    script.asked().iter().for_each(|request| verify(request));
}

#[tokio::test]
async fn a_server_error_and_a_lost_connection_are_tried_again_and_marked_as_a_retry() {
    let script = Script::of(vec![
        answer("503 Service Unavailable", ""),
        String::new(),
        answer("200 OK", &job("f1", "Submitted")),
    ]);
    script.client().submit(&request()).await.expect("accepted in the end");
    let asked = script.asked();
    let marks: Vec<_> = asked.iter().map(|request| header(request, "x-cos-sdk-retry")).collect();
    assert_eq!(marks, [None, Some("true".into()), Some("true".into())]);
    asked.iter().for_each(|request| verify(request));
}

#[tokio::test]
async fn a_refusal_is_told_in_the_server_s_words_and_not_repeated() {
    let body = "<Error><Code>AccessDenied</Code><Message>Access Denied.</Message><Resource>/file_jobs</Resource>\
                <RequestId>r1</RequestId><TraceId>t1</TraceId></Error>";
    let script = Script::of(vec![answer("403 Forbidden", body)]);
    let error = script.client().submit(&request()).await.expect_err("refused");
    assert!(matches!(&error, ClientError::Refused { status: 403, answer } if answer.code == "AccessDenied"));
    assert_eq!(error.to_string(), "the server refused with 403 AccessDenied: Access Denied. (request id r1)");
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_of_something_else_is_told_as_such() {
    for (status, body) in [("404 Not Found", "<html>no</html>"), ("200 OK", "hello"), ("200 OK", "<Response/>")] {
        let script = Script::of(vec![answer(status, body)]);
        let error = script.client().submit(&request()).await.expect_err(body);
        assert!(matches!(error, ClientError::Unexpected(_)), "{status} {body}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let error = client(&format!("http://{closed}")).submit(&request()).await.expect_err("nobody");
    assert!(matches!(&error, ClientError::Unreachable(text) if text.contains(&closed.to_string())), "{error}");
}

#[tokio::test]
async fn the_last_of_several_server_errors_is_told() {
    let body = "<Error><Code>SlowDown</Code><Message>later</Message><Resource>/</Resource><RequestId>r</RequestId>\
                <TraceId>t</TraceId></Error>";
    let script = Script::of(vec![answer("503 Service Unavailable", body); ATTEMPTS_MAX as usize]);
    let error = script.client().submit(&request()).await.expect_err("busy");
    assert!(matches!(&error, ClientError::Refused { status: 503, answer } if answer.code == "SlowDown"), "{error}");
    assert_eq!(script.asked().len(), ATTEMPTS_MAX as usize);
}

#[test]
fn the_secret_is_in_no_debug_output() {
    assert!(!format!("{:?}", client("http://127.0.0.1:1")).contains(SECRET));
}
