//! Lists of jobs over the wire (spec section 6): every parameter, and pages that stay right while jobs come and end.

use std::time::Duration;

use hashlane_job::{FailureCode, JobError, Outcome, Stage};
use hashlane_wire::job_detail::{self, JobDetail};

use crate::exchange::Ask;
use crate::jobs::{minimal, submit};
use crate::queues::{state, update};
use crate::server::{BUCKET, OTHER_HOST, QUEUE, Server};

async fn page(server: &Server, query: &str) -> (Vec<JobDetail>, Option<String>) {
    let reply = Ask::get(&format!("/file_jobs?tag=FileHashCode&{query}")).signed().send(server.api).await;
    let id = reply.header("x-ci-request-id").expect("an id").to_owned();
    let text = reply.expect_ok();
    assert!(text.contains(&format!("<Response><RequestId>{id}</RequestId>")), "{text}");
    job_detail::parse_listed(text.as_bytes()).expect("jobs")
}

async fn objects(server: &Server, query: &str) -> Vec<String> {
    page(server, query).await.0.into_iter().map(|job| job.object).collect()
}

fn in_queue(key: &str) -> String {
    minimal(key).replace("</Request>", &format!("<QueueId>{QUEUE}</QueueId></Request>"))
}

/// Rule W6.5.
#[tokio::test]
async fn every_parameter_selects_what_it_says() {
    let server = Server::start().await;
    // One job a second: failed, running, cancelled, waiting, paused.
    let mut ids = Vec::new();
    for key in ["failed", "running", "cancelled", "waiting", "paused"] {
        let body = if key == "paused" { in_queue(key) } else { minimal(key) };
        ids.push(submit(&server, &body).await);
        if matches!(key, "failed" | "running") {
            let claimed = server.store.claim(Stage::Hash, 1, Duration::from_secs(300)).await.expect("a claim");
            if key == "failed" {
                let error = JobError::permanent(FailureCode::NotFound, "the object does not exist");
                server.store.settle(claimed.leases[0].token, Outcome::Failed(error)).await.expect("settled");
            }
        }
        server.clock.advance(Duration::from_secs(1));
    }
    let cancel = Ask::new("PUT", &format!("/file_jobs/{}?cancel", ids[2])).signed().send(server.api).await;
    assert_eq!((cancel.status, cancel.body.len()), (200, 0));
    update(&server, &state("Paused")).await.expect_ok();

    let all = ["paused", "waiting", "cancelled", "running", "failed"];
    let reversed: Vec<&str> = all.iter().rev().copied().collect();
    for (query, expected) in [
        ("", &all[..]),
        ("states=All&orderByTime=Desc&size=10&nextToken=&queueId=", &all),
        ("orderByTime=Asc", &reversed),
        ("states=Submitted", &["waiting"]),
        ("states=Pause", &["paused"]),
        ("states=Running", &["running"]),
        ("states=Success", &[]),
        ("states=Failed", &["failed"]),
        ("states=Cancel", &["cancelled"]),
        ("states=Failed,Cancel,Pause", &["paused", "cancelled", "failed"]),
        ("size=2", &["paused", "waiting"]),
        (&format!("queueId={QUEUE}"), &["paused"]),
        // The jobs were made at :20 to :24.
        ("startCreationTime=2023-11-15T06:13:23%2B0800", &["paused", "waiting"]),
        ("endCreationTime=2023-11-14T22:13:21%2B0000", &["running", "failed"]),
        (
            "startCreationTime=2023-11-15T06:13:21%2B0800&endCreationTime=2023-11-15T06:13:22%2B0800",
            &["cancelled", "running"],
        ),
    ] {
        assert_eq!(objects(&server, query).await, expected, "{query}");
    }
    let (jobs, _) = page(&server, "states=Failed").await;
    assert_eq!((jobs[0].code.as_str(), jobs[0].bucket.as_str()), ("ResourceNotFound", BUCKET));

    let alias = Ask::get("/jobs?tag=FileHashCode&states=Failed").signed().send(server.api).await;
    assert_eq!(job_detail::parse_listed(alias.expect_ok().as_bytes()).expect("jobs").0.len(), 1);
    let elsewhere = Ask::get("/file_jobs?tag=FileHashCode").host(OTHER_HOST).signed().send(server.api).await;
    assert_eq!(job_detail::parse_listed(elsewhere.expect_ok().as_bytes()).expect("jobs"), (vec![], None));
}

#[tokio::test]
async fn what_is_not_allowed_is_refused() {
    let server = Server::start().await;
    for query in [
        "size=10",
        "tag=Transcode",
        "tag=FileHashCode&size=0",
        "tag=FileHashCode&size=101",
        "tag=FileHashCode&states=Done",
        "tag=FileHashCode&orderByTime=Random",
        "tag=FileHashCode&nextToken=bm9uc2Vuc2U",
        "tag=FileHashCode&startCreationTime=1700000000",
    ] {
        let reply = Ask::get(&format!("/file_jobs?{query}")).signed().send(server.api).await;
        reply.expect_error(400, "InvalidArgument");
    }
    for queue in ["p00000000000040008000000000000000", "nonsense"] {
        let reply = Ask::get(&format!("/file_jobs?tag=FileHashCode&queueId={queue}")).signed().send(server.api).await;
        reply.expect_error(400, "QueueNotFound");
    }
}

#[tokio::test]
async fn pages_meet_every_job_once_while_jobs_are_added_and_end() {
    let server = Server::start().await;
    for (order, states) in [("Desc", "All"), ("Asc", "All"), ("Desc", "Submitted,Cancel"), ("Asc", "Submitted,Cancel")]
    {
        let mut expected = Vec::new();
        for number in 0..25 {
            expected.push(submit(&server, &minimal(&format!("{order} {states} {number}"))).await);
            server.clock.advance(Duration::from_millis(1));
        }
        let (mut met, mut token, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let query = format!("orderByTime={order}&states={states}&size=7&nextToken={token}");
            let (jobs, next) = page(&server, &query).await;
            assert!(jobs.len() <= 7);
            met.extend(jobs.into_iter().map(|job| job.job_id));
            pages += 1;
            // Between two pages a job comes and one that was shown, and one that was not, end.
            let added = submit(&server, &minimal("added")).await;
            for id in [&added, &expected[pages % 25], &expected[24 - pages % 25]] {
                let cancel = Ask::new("PUT", &format!("/jobs/{id}?cancel")).signed().send(server.api).await;
                assert_eq!(cancel.status, 200);
            }
            server.clock.advance(Duration::from_millis(1));
            match next {
                Some(next) => token = next,
                None => break,
            }
            assert!(pages < 200, "it ends");
        }
        let mut ordered = met.clone();
        ordered.dedup();
        assert_eq!(ordered.len(), met.len(), "none twice");
        let ours: Vec<&String> = met.iter().filter(|id| expected.contains(id)).collect();
        let mut wanted: Vec<&String> = expected.iter().collect();
        if order == "Desc" {
            wanted.reverse();
        }
        assert_eq!(ours, wanted, "{order} {states}");
    }
}

#[tokio::test]
async fn a_token_of_the_other_order_is_refused_and_one_of_a_job_that_is_gone_goes_on() {
    let server = Server::start().await;
    for number in 0..3 {
        submit(&server, &minimal(&number.to_string())).await;
        server.clock.advance(Duration::from_millis(1));
    }
    let (_, token) = page(&server, "size=1&orderByTime=Asc").await;
    let token = token.expect("there are more");
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{token}");
    let reply = Ask::get(&format!("/file_jobs?tag=FileHashCode&nextToken={token}")).signed().send(server.api).await;
    reply.expect_error(400, "InvalidArgument");

    let lease = server.store.claim(Stage::Hash, 1, Duration::from_secs(30)).await.expect("a claim").leases.remove(0);
    let error = JobError::permanent(FailureCode::NotFound, "the object does not exist");
    server.store.settle(lease.token, Outcome::Failed(error)).await.expect("settled");
    server.clock.advance(Duration::from_secs(1));
    let now = hashlane_job::Clock::now(&*server.clock);
    assert_eq!(server.store.prune(now, 10).await.expect("pruned"), 1, "the job that the token names");
    assert_eq!(objects(&server, &format!("orderByTime=Asc&nextToken={token}")).await, ["1", "2"]);
    // The last page has no token.
    assert_eq!(page(&server, "size=2").await.1, None);
}
