//! Cancelling over the wire (spec section 6): waiting and running jobs, on both paths, by whoever may.

use std::time::Duration;

use hashlane_job::{FailureCode, JobError, Outcome, Stage};
use hashlane_store::Settled;
use hashlane_wire::job_detail;

use crate::exchange::{Ask, Reply};
use crate::jobs::{minimal, submit};
use crate::server::{NOW, OTHER_HOST, Server, full_key};

async fn cancel(server: &Server, path: &str, id: &str) -> Reply {
    let ask = Ask::new("PUT", &format!("/{path}/{id}?cancel")).header("Content-Length", "0");
    ask.signed().send(server.api).await
}

async fn states(server: &Server, ids: &[&str]) -> Vec<(String, bool)> {
    let reply = Ask::get(&format!("/file_jobs/{}", ids.join(","))).signed().send(server.api).await;
    let (jobs, _) = job_detail::parse(reply.expect_ok().as_bytes()).expect("jobs");
    jobs.into_iter().map(|job| (job.state, job.end_time != "-")).collect()
}

/// Rules W6.6, W16.17.
#[tokio::test]
async fn a_waiting_job_is_cancelled_on_both_paths_and_twice_is_once() {
    let server = Server::start().await;
    for path in ["jobs", "file_jobs"] {
        let id = submit(&server, &minimal("a")).await;
        for _ in 0..2 {
            let reply = cancel(&server, path, &id).await;
            reply.check_common();
            assert_eq!((reply.status, reply.body.len()), (200, 0), "{path}");
            assert_eq!(reply.header("Content-Length"), Some("0"));
        }
        assert_eq!(states(&server, &[&id]).await, [("Cancel".to_owned(), true)]);
    }
    let left = server.store.claim(Stage::Hash, 10, Duration::from_secs(30)).await.expect("a claim");
    assert_eq!(left.leases.len(), 0);
}

/// Failure rule A12.
#[tokio::test]
async fn a_running_job_is_cancelled_and_its_worker_can_store_nothing() {
    let server = Server::start().await;
    let id = submit(&server, &minimal("a")).await;
    let lease = server.store.claim(Stage::Hash, 1, Duration::from_secs(30)).await.expect("a claim").leases.remove(0);
    assert_eq!(cancel(&server, "file_jobs", &id).await.status, 200);
    let error = JobError::permanent(FailureCode::NotFound, "the object does not exist");
    let late = server.store.settle(lease.token, Outcome::Failed(error)).await;
    assert_eq!(late, Ok(Settled::Lost));
    assert_eq!(states(&server, &[&id]).await, [("Cancel".to_owned(), true)]);
}

/// Rules W14.6, W14.10.
#[tokio::test]
async fn a_finished_job_and_an_unknown_one_cannot_be_cancelled() {
    let server = Server::start().await;
    let id = submit(&server, &minimal("a")).await;
    let lease = server.store.claim(Stage::Hash, 1, Duration::from_secs(30)).await.expect("a claim").leases.remove(0);
    let error = JobError::permanent(FailureCode::NotFound, "the object does not exist");
    server.store.settle(lease.token, Outcome::Failed(error)).await.expect("settled");
    let message = cancel(&server, "jobs", &id).await.expect_error(403, "AccessDenied");
    assert!(message.starts_with("operation forbidden"), "{message}");
    assert_eq!(states(&server, &[&id]).await[0].0, "Failed");

    cancel(&server, "jobs", "f93984788066911ed89ed352d4d9d2084").await.expect_error(400, "ResourceNotFound");
    let waiting = submit(&server, &minimal("b")).await;
    let elsewhere = Ask::new("PUT", &format!("/jobs/{waiting}?cancel")).host(OTHER_HOST).signed();
    elsewhere.send(server.api).await.expect_error(400, "ResourceNotFound");
    // On a CI host every id is one.
    let odd = Ask::new("PUT", "/jobs/none?cancel").host("demo-1250000000.ci.ap-chongqing.myqcloud.com").signed();
    odd.send(server.api).await.expect_error(400, "ResourceNotFound");
    assert_eq!(states(&server, &[&waiting]).await[0].0, "Submitted");
}

/// Rule W12.3.
#[tokio::test]
async fn either_documented_action_allows_to_cancel_and_no_other_does() {
    let server = Server::start_with(|setup| {
        for action in ["ci:CancelFileProcessJob", "ci:CancelMediaJob", "ci:CreateFileProcessJobs"] {
            let key = hashlane_server::AccessKey { actions: vec![action.into()], ..full_key(action, "secret") };
            setup.options.keys.push(key);
        }
    })
    .await;
    for (action, status) in
        [("ci:CreateFileProcessJobs", 403), ("ci:CancelFileProcessJob", 200), ("ci:CancelMediaJob", 200)]
    {
        let id = submit(&server, &minimal("a")).await;
        let ask = Ask::new("PUT", &format!("/jobs/{id}?cancel")).signed_by(action, "secret", NOW, NOW + 60);
        assert_eq!(ask.send(server.api).await.status, status, "{action}");
    }
}
