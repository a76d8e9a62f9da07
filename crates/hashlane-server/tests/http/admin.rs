//! The admin listener: health, readiness, metrics, and the delivery record of a job.

use std::time::Duration;

use hashlane_job::{FailureCode, JobError, Outcome, Stage};
use serde_json::Value;

use crate::exchange::{Ask, Reply};
use crate::jobs::{minimal, submit};
use crate::server::Server;

async fn get(server: &Server, path: &str) -> Reply {
    Ask::get(path).host(&server.admin.to_string()).send(server.admin).await
}

#[tokio::test]
async fn health_and_readiness_are_200_while_all_is_well() {
    let server = Server::start().await;
    assert_eq!(get(&server, "/healthz").await.status, 200);
    let ready = get(&server, "/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.text());
}

#[tokio::test]
async fn readiness_names_the_bucket_that_is_gone() {
    let server = Server::start().await;
    std::fs::remove_dir(&server.objects).expect("the folder goes");
    let ready = get(&server, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("store: ok") && ready.text().contains("demo-1250000000"), "{}", ready.text());
    assert_eq!(get(&server, "/healthz").await.status, 200);
}

#[tokio::test]
async fn readiness_fails_with_the_store() {
    let server = Server::start().await;
    server.store.clone().close().await;
    assert_eq!(get(&server, "/readyz").await.status, 503);
    assert_eq!(get(&server, "/metrics").await.status, 200);
}

#[tokio::test]
async fn metrics_have_every_name_that_others_rely_on() {
    let server = Server::start().await;
    submit(&server, &minimal("a")).await;
    let text = get(&server, "/metrics").await.text();
    for line in [
        "hashlane_jobs{state=\"Submitted\"} 1",
        "hashlane_jobs{state=\"Pause\"} 0",
        "hashlane_jobs{state=\"Running\"} 0",
        "hashlane_jobs{state=\"Success\"} 0",
        "hashlane_jobs{state=\"Failed\"} 0",
        "hashlane_jobs{state=\"Cancel\"} 0",
        "hashlane_jobs_finished_total{state=\"Success\"} ",
        "hashlane_jobs_finished_total{state=\"Failed\"} ",
        "hashlane_jobs_finished_total{state=\"Cancel\"} ",
        "hashlane_callbacks_total{kind=\"url\",outcome=\"delivered\"} ",
        "hashlane_callbacks_total{kind=\"tdmq\",outcome=\"failed\"} ",
        "hashlane_hashed_bytes_total{algorithm=\"md5\"} ",
        "hashlane_lanes_busy ",
        "hashlane_queue_depth ",
        "hashlane_callbacks_due ",
        "hashlane_http_requests_total{route=\"submit_job\",status=\"200\"} ",
        "hashlane_http_request_seconds_bucket{route=\"submit_job\",le=\"0.05\"} ",
        "# HELP hashlane_jobs ",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_job_is_shown_with_what_became_of_its_callback() {
    let server = Server::start().await;
    let body =
        minimal("dir/a.txt").replace("</Request>", "<CallBack>http://example.com/hook?token=hush</CallBack></Request>");
    let id = submit(&server, &body).await;
    let shown = |reply: &Reply| serde_json::from_slice::<Value>(&reply.body).expect("JSON");
    let path = format!("/api/jobs/{id}");

    let reply = get(&server, &path).await;
    assert_eq!((reply.status, reply.header("Content-Type")), (200, Some("application/json")));
    let job = shown(&reply);
    assert_eq!(job["id"], id);
    assert_eq!(job["state"], "Submitted");
    assert_eq!(job["object"], "dir/a.txt");
    assert_eq!(job["created"], "2023-11-14T22:13:20+0000");
    assert_eq!(job["delivery"]["state"], "none");

    let lease = Duration::from_secs(30);
    let token = server.store.claim(Stage::Hash, 1, lease).await.expect("a claim").leases[0].token;
    let error = JobError::permanent(FailureCode::NotFound, "the object does not exist");
    server.store.settle(token, Outcome::Failed(error)).await.expect("settled");
    let token = server.store.claim(Stage::Deliver, 1, lease).await.expect("a claim").leases[0].token;
    let said = hashlane_job::Reply { said: "200 OK".to_owned(), status: Some(200), took: Duration::from_millis(12) };
    server.store.settle(token, Outcome::Delivered(said)).await.expect("settled");

    let reply = get(&server, &path).await;
    assert!(!reply.text().contains("hush"), "the address may hold a secret");
    let job = shown(&reply);
    assert_eq!(job["state"], "Failed");
    assert_eq!(job["error"]["code"], "not-found");
    assert_eq!(job["delivery"]["state"], "delivered");
    assert_eq!(job["delivery"]["attempts"], 1);
    assert_eq!(job["delivery"]["last"], "200 OK");
    assert_eq!(job["delivery"]["last_time"], "2023-11-14T22:13:20+0000");
    assert_eq!(job["delivery"]["target"]["kind"], "url");
}

#[tokio::test]
async fn unknown_jobs_pages_and_methods_are_told_so() {
    let server = Server::start().await;
    for id in ["f93984788066911ed89ed352d4d9d2084", "nonsense", ""] {
        let reply = get(&server, &format!("/api/jobs/{id}")).await;
        assert_eq!((reply.status, reply.header("Content-Type")), (404, Some("application/json")), "{id}");
        assert!(serde_json::from_slice::<Value>(&reply.body).is_ok_and(|body| body["error"].is_string()));
    }
    assert_eq!(get(&server, "/nothing").await.status, 404);
    let post = Ask::new("POST", "/healthz").host("localhost").send(server.admin).await;
    assert_eq!(post.status, 405);
}

#[tokio::test]
async fn a_name_that_a_foreign_page_could_use_is_refused() {
    let server = Server::start().await;
    for host in ["evil.example.com", "127.0.0.1.evil.example.com:8481", "localhost.evil.example.com"] {
        assert_eq!(Ask::get("/api/jobs/x").host(host).send(server.admin).await.status, 403, "{host}");
    }
    for host in ["localhost", "localhost:8481", "[::1]:8481", "192.0.2.1"] {
        assert_eq!(Ask::get("/healthz").host(host).send(server.admin).await.status, 200, "{host}");
    }
}
