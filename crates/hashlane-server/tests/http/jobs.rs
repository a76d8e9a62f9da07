//! Jobs over the wire: submitted, queried, refused for want of a service or of room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hashlane_job::{Clock, FileFacts, ManualClock, Outcome, Stage, Timestamp};
use hashlane_lanes::{Algorithm, Digest};
use hashlane_wire::job_detail::{self, JobDetail};

use crate::exchange::{Ask, Line, Reply};
use crate::server::{BUCKET, NOW, OTHER_HOST, QUEUE, Server, bucket};

pub(crate) fn minimal(key: &str) -> String {
    format!(
        "<Request><Input><Object>{key}</Object></Input><Tag>FileHashCode</Tag>\
         <Operation><FileHashCodeConfig><Type>MD5</Type></FileHashCodeConfig></Operation></Request>"
    )
}

/// Submits one job and returns its id.
pub(crate) async fn submit(server: &Server, body: &str) -> String {
    let (jobs, _) = described(&Ask::submit(body).signed().send(server.api).await);
    jobs[0].job_id.clone()
}

fn described(reply: &Reply) -> (Vec<JobDetail>, Vec<String>) {
    job_detail::parse(reply.expect_ok().as_bytes()).expect("an answer that clients can read")
}

async fn query(server: &Server, ids: &str) -> (Vec<JobDetail>, Vec<String>) {
    described(&Ask::get(&format!("/file_jobs/{ids}")).signed().send(server.api).await)
}

async fn queue_of(server: &Server, id: &str) -> String {
    query(server, id).await.0[0].queue_id.clone()
}

/// Failure rule C2: what must be signed is stored with the job, and what is not is refused.
#[tokio::test]
async fn a_submit_asks_for_a_reading_of_its_own_by_a_signed_header() {
    let server = Server::start().await;
    let body = minimal("a.txt");
    for (value, fresh) in [(Some("true"), true), (Some("TRUE"), true), (Some("false"), false), (None, false)] {
        let ask = Ask::submit(body.as_str());
        let ask = value.into_iter().fold(ask, |ask, value| ask.header("x-ci-fresh", value));
        let (jobs, _) = described(&ask.signed().send(server.api).await);
        let id = hashlane_job::JobId::parse(&jobs[0].job_id).expect("an id");
        let stored = server.store.get(&bucket(), &[id]).await.expect("the store answers");
        assert_eq!(stored[0].request.fresh, fresh, "{value:?}");
    }
    for value in ["1", "yes", ""] {
        let reply = Ask::submit(body.as_str()).header("x-ci-fresh", value).signed().send(server.api).await;
        assert!(reply.expect_error(400, "InvalidArgument").contains("x-ci-fresh"), "{value:?}");
    }
    let twice = Ask::submit(body.as_str()).header("x-ci-fresh", "true").header("x-ci-fresh", "false").signed();
    assert_ne!(twice.send(server.api).await.status, 200);
    let unsigned = Ask::submit(body.as_str()).signed().header("x-ci-fresh", "true").send(server.api).await;
    assert!(unsigned.expect_error(403, "AccessDenied").contains("x-ci-fresh must be signed"));
}

/// Rule W7.1.
#[tokio::test]
async fn a_job_can_be_followed_from_submit_to_result() {
    let server = Server::start().await;
    let id = submit(&server, &minimal("a.txt")).await;
    let (jobs, missing) = query(&server, &id).await;
    assert_eq!((jobs[0].state.as_str(), missing.len()), ("Submitted", 0));
    assert!(jobs[0].queue_id.starts_with('p') && jobs[0].bucket == BUCKET);

    let claimed = server.store.claim(Stage::Hash, 1, Duration::from_secs(30)).await.expect("a claim");
    let (jobs, _) = query(&server, &id).await;
    assert_eq!((jobs[0].state.as_str(), jobs[0].start_time.as_str()), ("Running", "2023-11-15T06:13:20+0800"));

    let digest = Digest::from_hex(Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72").expect("a digest");
    let facts = FileFacts {
        digests: vec![digest],
        size_bytes: 3,
        etag: "\"900150983cd24fb0d6963f7d28e17f72\"".into(),
        modified: Timestamp::from_unix_seconds(NOW - 60),
    };
    server.store.settle(claimed.leases[0].token, Outcome::Hashed { facts, version: None }).await.expect("a settle");
    let (jobs, _) = query(&server, &id).await;
    let result = jobs[0].result.as_ref().expect("a result");
    assert_eq!((jobs[0].state.as_str(), jobs[0].progress, jobs[0].message.as_str()), ("Success", 100, "success"));
    assert_eq!(result.digests, [("MD5".to_owned(), "900150983cd24fb0d6963f7d28e17f72".to_owned())]);
    assert_eq!((result.file_size, result.last_modified.as_str()), (3, "2023-11-14T22:12:20+0000"));
}

/// Rules W6.1, W6.3.
#[tokio::test]
async fn a_query_answers_existing_jobs_in_order_and_lists_the_rest() {
    let server = Server::start().await;
    let first = submit(&server, &minimal("1")).await;
    let second = submit(&server, &minimal("2")).await;
    let absent = "f93984788066911ed89ed352d4d9d2084";
    // Commas plain and encoded, a repeat, and an id that no job can have.
    let (jobs, missing) = query(&server, &format!("{second},{absent}%2C{first},{second},not-a-job")).await;
    let ids: Vec<&str> = jobs.iter().map(|job| job.job_id.as_str()).collect();
    assert_eq!(ids, [&second, &first]);
    assert_eq!(missing, [absent, "not-a-job"]);

    let alias = Ask::get(&format!("/jobs/{first}")).signed().send(server.api).await;
    assert_eq!(described(&alias).0[0].job_id, first);
}

/// Failure rule C12.
#[tokio::test]
async fn a_job_is_seen_only_through_its_bucket() {
    let server = Server::start().await;
    let id = submit(&server, &minimal("a")).await;
    let elsewhere = Ask::get(&format!("/file_jobs/{id}")).host(OTHER_HOST).signed().send(server.api).await;
    let (jobs, missing) = described(&elsewhere);
    assert_eq!((jobs.len(), missing), (0, vec![id]));
}

#[tokio::test]
async fn at_most_fifty_ids_are_answered_at_once() {
    let server = Server::start().await;
    let ids = |count: usize| (0..count).map(|n| format!("f{n:032x}")).collect::<Vec<_>>().join(",");
    assert_eq!(query(&server, &ids(50)).await.1.len(), 50);
    let reply = Ask::get(&format!("/file_jobs/{}", ids(51))).signed().send(server.api).await;
    reply.expect_error(400, "InvalidArgument");
}

/// Rules W5.11, W16.2.
#[tokio::test]
async fn a_job_without_a_queue_goes_to_the_first_active_one() {
    let server = Server::start().await;
    let queues = server.store.queues(&bucket()).await.expect("queues");
    let id = submit(&server, &minimal("a")).await;
    assert_eq!(queue_of(&server, &id).await, queues[0].id.to_string());

    for paused in [1, 2] {
        for queue in &queues[..paused] {
            server.store.put_queue(hashlane_job::Queue { paused: true, ..queue.clone() }).await.expect("paused");
        }
        let id = submit(&server, &minimal("a")).await;
        // With all of them paused it is the first again.
        assert_eq!(queue_of(&server, &id).await, queues[paused % queues.len()].id.to_string());
    }
    assert!(queues.iter().any(|queue| queue.id.to_string() == QUEUE));
}

#[tokio::test]
async fn the_service_opens_at_its_first_use_or_not_at_all() {
    let server = Server::start_with(|setup| setup.opened = false).await;
    assert!(server.store.services().await.expect("services").is_empty());
    submit(&server, &minimal("a")).await;
    assert_eq!(server.store.services().await.expect("services")[0].bucket, bucket());

    let server = Server::start_with(|setup| {
        setup.opened = false;
        setup.options.auto_open = false;
    })
    .await;
    for ask in [Ask::submit("not XML"), Ask::get("/file_jobs/f93984788066911ed89ed352d4d9d2084")] {
        let message = ask.signed().send(server.api).await.expect_error(400, "MediaBucketUnBinded");
        assert_eq!(message, "file processing is not active yet, please apply for file processing service first");
    }
    server.store.open_service(&bucket()).await.expect("opened");
    submit(&server, &minimal("a")).await;
}

/// Rules W13.4, W14.12.
/// Failure rule E5.
#[tokio::test]
async fn a_full_queue_asks_clients_to_come_back() {
    let server = Server::start_with(|setup| setup.jobs_waiting_max = 1).await;
    submit(&server, &minimal("a")).await;
    let reply = Ask::submit(minimal("b")).signed().send(server.api).await;
    reply.expect_error(503, "SlowDown");
    assert!(reply.header("Retry-After").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{reply:?}");
}

/// Failure rule E5.
#[tokio::test]
async fn a_submit_to_a_full_queue_is_refused_without_its_body_and_a_repeat_of_an_accepted_one_is_not() {
    let server = Server::start_with(|setup| setup.jobs_waiting_max = 1).await;
    // The service opens with a queue of its own; both are full then.
    let queues = server.store.queues(&bucket()).await.expect("queues");
    let mut accepted = Vec::new();
    for (number, queue) in queues.iter().enumerate() {
        let body = minimal(&format!("{number}"))
            .replace("<Operation>", &format!("<QueueId>{}</QueueId><Operation>", queue.id));
        accepted.push((body.clone(), submit(&server, &body).await));
    }

    let mut line = Line::open(server.api).await;
    line.write(&Ask::submit(minimal("c")).header("Expect", "100-continue").signed().head_bytes()).await;
    let refused = line.reply("POST").await;
    refused.expect_error(503, "SlowDown");
    assert!(refused.header("Retry-After").is_some());

    for (body, id) in accepted {
        let repeated = Ask::submit(body).header("x-cos-sdk-retry", "true").signed().send(server.api).await;
        repeated.expect_ok();
        assert!(repeated.text().contains(&format!("<JobId>{id}</JobId>")), "{}", repeated.text());
    }
    assert_eq!(Ask::submit(minimal("c")).send(server.api).await.status, 403, "who is nobody is not told of queues");
}

/// Failure rules A14, C12.
#[tokio::test]
async fn a_store_that_does_not_answer_is_a_503_that_tells_nothing_of_it() {
    let server = Server::start().await;
    server.store.clone().close().await;
    for ask in [Ask::submit(minimal("a")), Ask::get("/file_jobs/f93984788066911ed89ed352d4d9d2084")] {
        let reply = ask.signed().send(server.api).await;
        let message = reply.expect_error(503, "SlowDown");
        assert!(reply.header("Retry-After").is_some());
        assert!(!message.contains("sqlite") && !message.contains(".db"), "{message}");
    }
}

/// Panics at the second reading of each armed request: within its handler.
struct BrokenClock {
    clock: Arc<ManualClock>,
    readings_left: AtomicUsize,
}

impl Clock for BrokenClock {
    fn now(&self) -> Timestamp {
        let left = self.readings_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert_ne!(left, Ok(1), "the clock breaks here on purpose");
        self.clock.now()
    }
}

/// Rule W14.13.
#[tokio::test]
async fn a_panic_in_a_handler_is_a_500_and_the_server_goes_on() {
    let broken = Arc::new(BrokenClock {
        clock: Arc::new(ManualClock::new(Timestamp::from_unix_seconds(NOW))),
        readings_left: AtomicUsize::new(0),
    });
    let clock = broken.clone();
    let server = Server::start_with(|setup| setup.options.clock = clock).await;
    broken.readings_left.store(2, Ordering::SeqCst);
    let ask = Ask::submit(minimal("a")).signed();
    let mut line = Line::open(server.api).await;
    line.write(&ask.bytes()).await;
    let message = line.reply("POST").await.expect_error(500, "InternalError");
    assert!(!message.contains("clock"), "{message}");
    line.write(&ask.bytes()).await;
    line.reply("POST").await.expect_ok();
}
