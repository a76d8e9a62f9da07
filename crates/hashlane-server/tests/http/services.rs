//! The file processing service over the wire (spec section 3): opened, listed, closed, and needed.

use std::time::Duration;

use hashlane_job::Stage;
use hashlane_wire::job_detail;

use crate::exchange::{Ask, Reply};
use crate::jobs::{minimal, submit};
use crate::queues;
use crate::server::{BUCKET, NOW, OTHER_BUCKET, OTHER_HOST, QUEUE, Server, bucket, full_key};

const CI_HOST: &str = "demo-1250000000.ci.ap-chongqing.myqcloud.com";
const SERVICE_HOST: &str = "ci.ap-chongqing.myqcloud.com";

fn open(host: &str) -> Ask {
    Ask::new("POST", "/file_bucket").header("Content-Length", "0").host(host).signed()
}

fn close(host: &str) -> Ask {
    Ask::new("DELETE", "/file_bucket").host(host).signed()
}

fn texts(reply: &Reply, name: &str) -> Vec<String> {
    let text = reply.expect_ok();
    let opening = format!("<{name}>");
    let parts = text.split(&opening).skip(1);
    parts.map(|part| part.split('<').next().unwrap_or_default().to_owned()).collect()
}

async fn listed(server: &Server, host: &str, query: &str) -> Vec<String> {
    let reply = Ask::get(&format!("/file_bucket?{query}")).host(host).signed().send(server.api).await;
    texts(&reply, "BucketId")
}

/// Rule W3.2.
#[tokio::test]
async fn opening_gives_the_bucket_and_one_queue_and_twice_is_once() {
    let server = Server::start_with(|setup| {
        setup.opened = false;
        setup.options.auto_open = false;
    })
    .await;
    let first = open(CI_HOST).send(server.api).await;
    let id = first.header("x-ci-request-id").expect("an id");
    let expected = format!(
        "<Response><RequestId>{id}</RequestId><FileBucket><BucketId>{BUCKET}</BucketId><Name>{BUCKET}</Name>\
         <Region>ap-chongqing</Region><CreateTime>2023-11-15T06:13:20+0800</CreateTime></FileBucket></Response>"
    );
    assert!(first.expect_ok().ends_with(&expected), "{}", first.text());
    assert_eq!(server.store.queues(&bucket()).await.expect("queues").len(), 1);

    server.clock.advance(Duration::from_secs(5));
    let second = open(CI_HOST).send(server.api).await;
    assert_eq!(texts(&second, "CreateTime"), ["2023-11-15T06:13:20+0800"]);
    assert_eq!(server.store.queues(&bucket()).await.expect("queues").len(), 1);
    open("unknown-1.ci.ap-chongqing.myqcloud.com").send(server.api).await.expect_error(404, "NoSuchBucket");
}

/// Rules W3.1, W14.8.
#[tokio::test]
async fn without_auto_open_every_call_on_a_closed_bucket_says_so() {
    let server = Server::start_with(|setup| {
        setup.opened = false;
        setup.options.auto_open = false;
    })
    .await;
    let job = "f93984788066911ed89ed352d4d9d2084";
    for (method, target) in [
        ("POST", "/file_jobs".to_owned()),
        ("GET", format!("/file_jobs/{job}")),
        ("GET", "/file_jobs?tag=FileHashCode".to_owned()),
        ("PUT", format!("/file_jobs/{job}?cancel")),
        ("PUT", format!("/jobs/{job}?cancel")),
        ("GET", "/file_queue".to_owned()),
        ("PUT", format!("/file_queue/{QUEUE}")),
        ("DELETE", "/file_bucket".to_owned()),
    ] {
        let reply =
            Ask::new(method, &target).header("Content-Length", "0").host(CI_HOST).signed().send(server.api).await;
        let message = reply.expect_error(400, "MediaBucketUnBinded");
        assert!(message.starts_with("file processing is not active yet"), "{method} {target}: {message}");
    }
    assert!(server.store.services().await.expect("services").is_empty());
    open(CI_HOST).send(server.api).await.expect_ok();
    submit(&server, &minimal("a")).await;
}

#[tokio::test]
async fn with_auto_open_reading_and_cancelling_open_nothing() {
    let server = Server::start_with(|setup| setup.opened = false).await;
    let job = "f93984788066911ed89ed352d4d9d2084";
    Ask::get("/file_jobs?tag=FileHashCode").signed().send(server.api).await.expect_ok();
    Ask::get(&format!("/file_jobs/{job}")).signed().send(server.api).await.expect_ok();
    Ask::new("PUT", &format!("/jobs/{job}?cancel"))
        .signed()
        .send(server.api)
        .await
        .expect_error(400, "ResourceNotFound");
    assert_eq!(listed(&server, SERVICE_HOST, "").await, [""; 0]);
    queues::update(&server, &queues::state("Active")).await.expect_error(400, "QueueNotFound");
    close(CI_HOST).send(server.api).await.expect_error(400, "MediaBucketUnBinded");
    Ask::get("/file_queue").signed().send(server.api).await.expect_ok();
    assert_eq!(listed(&server, SERVICE_HOST, "").await, [BUCKET]);
}

/// Rules W3.3, W3.8, W3.9, W16.15.
#[tokio::test]
async fn services_are_listed_by_region_name_beginning_and_page() {
    let server = Server::start().await;
    open(OTHER_HOST).send(server.api).await.expect_ok();
    // On the service host without a bucket, and on the hosts of buckets, as the Node samples have it.
    for host in [SERVICE_HOST, CI_HOST, OTHER_HOST] {
        assert_eq!(listed(&server, host, "regions=&bucketNames=").await, [BUCKET, OTHER_BUCKET], "{host}");
    }
    for (query, expected) in [
        (format!("bucketNames={OTHER_BUCKET}"), vec![OTHER_BUCKET]),
        (format!("bucketNames={OTHER_BUCKET},{BUCKET},absent-1"), vec![BUCKET, OTHER_BUCKET]),
        ("bucketName=oth".to_owned(), vec![OTHER_BUCKET]),
        ("bucketName=ther".to_owned(), vec![]),
        ("regions=ap-chongqing,ap-guangzhou".to_owned(), vec![BUCKET, OTHER_BUCKET]),
        ("regions=ap-guangzhou".to_owned(), vec![]),
        ("pageNumber=2&pageSize=1".to_owned(), vec![OTHER_BUCKET]),
        ("pageNumber=3&pageSize=1".to_owned(), vec![]),
    ] {
        assert_eq!(listed(&server, SERVICE_HOST, &query).await, expected, "{query}");
    }
    let reply = Ask::get("/file_bucket?pageNumber=2&pageSize=1").host(SERVICE_HOST).signed().send(server.api).await;
    for (name, expected) in [("TotalCount", "2"), ("PageNumber", "2"), ("PageSize", "1")] {
        assert_eq!(texts(&reply, name), [expected], "{name}");
    }
    for query in ["pageSize=0", "pageSize=101", "pageNumber=0"] {
        let reply = Ask::get(&format!("/file_bucket?{query}")).host(SERVICE_HOST).signed().send(server.api).await;
        reply.expect_error(400, "InvalidArgument");
    }
}

/// Rule W12.4.
#[tokio::test]
async fn a_list_of_services_shows_only_the_buckets_that_the_key_may_see() {
    let server = Server::start_with(|setup| {
        setup
            .options
            .keys
            .push(hashlane_server::AccessKey { buckets: vec!["other-*".into()], ..full_key("AKIDother", "secret") });
        setup.options.keys.push(hashlane_server::AccessKey {
            actions: vec!["ci:CreateFileProcessJobs".into()],
            ..full_key("AKIDsubmit", "secret")
        });
    })
    .await;
    open(OTHER_HOST).send(server.api).await.expect_ok();
    let ask = Ask::get("/file_bucket").host(SERVICE_HOST);
    let reply = ask.clone().signed_by("AKIDother", "secret", NOW, NOW + 60).send(server.api).await;
    assert_eq!((texts(&reply, "BucketId"), texts(&reply, "TotalCount")), (vec![OTHER_BUCKET.into()], vec!["1".into()]));
    let reply = ask.signed_by("AKIDsubmit", "secret", NOW, NOW + 60).send(server.api).await;
    reply.expect_error(403, "AccessDenied");
}

/// Rule W3.4.
#[tokio::test]
async fn closing_removes_the_queues_and_cancels_what_waits() {
    let server = Server::start_with(|setup| setup.options.auto_open = false).await;
    let running = submit(&server, &minimal("a")).await;
    server.store.claim(Stage::Hash, 1, Duration::from_secs(30)).await.expect("a claim");
    let waiting = submit(&server, &minimal("b")).await;

    let reply = close(CI_HOST).send(server.api).await;
    assert_eq!((texts(&reply, "BucketName"), texts(&reply, "RequestId").len()), (vec![BUCKET.into()], 1));
    assert_eq!(listed(&server, SERVICE_HOST, "").await, [""; 0]);
    close(CI_HOST).send(server.api).await.expect_error(400, "MediaBucketUnBinded");
    Ask::submit(minimal("c")).signed().send(server.api).await.expect_error(400, "MediaBucketUnBinded");

    open(CI_HOST).send(server.api).await.expect_ok();
    let reply = Ask::get(&format!("/file_jobs/{running},{waiting}")).signed().send(server.api).await;
    let (jobs, _) = job_detail::parse(reply.expect_ok().as_bytes()).expect("jobs");
    let states: Vec<&str> = jobs.iter().map(|job| job.state.as_str()).collect();
    assert_eq!(states, ["Running", "Cancel"]);
    let queues = server.store.queues(&bucket()).await.expect("queues");
    assert!(queues.len() == 1 && queues[0].id.to_string() != QUEUE, "a new queue");
}

#[tokio::test]
async fn on_a_storage_host_a_delete_closes_nothing() {
    let server = Server::start().await;
    let reply = Ask::new("DELETE", "/file_bucket").signed().send(server.api).await;
    assert_ne!(reply.status, 200, "it would be the deletion of an object of that name");
    assert_eq!(listed(&server, SERVICE_HOST, "").await, [BUCKET]);
}
