//! `/api/deliveries` of the admin listener: callbacks by state, their records, and their replay.

use std::time::Duration;

use hashlane_job::{FailureCode, JobError, Outcome, Stage, Timestamp};
use serde_json::{Value, json};

use crate::exchange::{Ask, Reply};
use crate::jobs::{minimal, submit};
use crate::server::{BUCKET, NOW, OTHER_BUCKET, Server};

const LEASE: Duration = Duration::from_secs(30);

fn shown(reply: &Reply) -> Value {
    assert_eq!(reply.header("Content-Type"), Some("application/json"), "{reply:?}");
    serde_json::from_slice(&reply.body).expect("JSON")
}

async fn get(server: &Server, path: &str) -> Reply {
    Ask::get(path).host(&server.admin.to_string()).send(server.admin).await
}

async fn replay(server: &Server, body: &Value) -> Reply {
    let body = body.to_string();
    let ask = Ask::new("POST", "/api/deliveries/replay").host(&server.admin.to_string());
    let ask = ask.header("Content-Type", "application/json").header("Content-Length", &body.len().to_string());
    Ask { body: body.into(), ..ask }.send(server.admin).await
}

/// A job that has failed, and whose callback is due.
async fn ended(server: &Server, key: &str) -> String {
    let body = minimal(key).replace("</Request>", "<CallBack>http://example.com/hook?token=hush</CallBack></Request>");
    let id = submit(server, &body).await;
    let token = server.store.claim(Stage::Hash, 1, LEASE).await.expect("a claim").leases[0].token;
    let error = JobError::permanent(FailureCode::NotFound, "the object does not exist");
    server.store.settle(token, Outcome::Failed(error)).await.expect("settled");
    id
}

fn said(text: &str, status: Option<u16>) -> hashlane_job::Reply {
    hashlane_job::Reply { said: text.into(), status, took: Duration::from_millis(12) }
}

async fn settle(server: &Server, outcome: Outcome) {
    let token = server.store.claim(Stage::Deliver, 1, LEASE).await.expect("a claim").leases[0].token;
    server.store.settle(token, outcome).await.expect("settled");
}

async fn listed(server: &Server, query: &str) -> Vec<String> {
    let reply = get(server, &format!("/api/deliveries{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.text());
    assert!(!reply.text().contains("hush"), "the address may hold a secret");
    let deliveries = shown(&reply)["deliveries"].as_array().expect("a list").clone();
    deliveries.iter().map(|delivery| delivery["id"].as_str().expect("an id").to_owned()).collect()
}

/// D10: a callback that was given up is seen in the job, found in a list, counted, and sent again by hand.
#[tokio::test]
async fn a_callback_that_was_given_up_is_seen_counted_and_replayed() {
    let server = Server::start().await;
    let id = ended(&server, "a").await;
    let pause = Duration::from_secs(5);
    settle(&server, Outcome::DeliverAgain { delay: pause, reply: said("503 Service Unavailable", Some(503)) }).await;
    server.clock.set(Timestamp::from_unix_seconds(NOW + 5));
    settle(&server, Outcome::DeliveryFailed(said("connection refused", None))).await;

    let job = shown(&get(&server, &format!("/api/jobs/{id}")).await);
    let delivery = &job["delivery"];
    assert_eq!((&delivery["state"], &delivery["callback_failed"]), (&json!("failed"), &json!(true)));
    assert_eq!(delivery["event_id"], format!("evt-{id}"));
    let expected = json!([
        { "attempt": 1, "outcome": "retried", "time": "2023-11-14T22:13:20+0000", "duration_ms": 12, "status": 503,
          "said": "503 Service Unavailable" },
        { "attempt": 2, "outcome": "failed", "time": "2023-11-14T22:13:25+0000", "duration_ms": 12, "status": null,
          "said": "connection refused" },
    ]);
    assert_eq!(delivery["record"], expected);
    assert_eq!(listed(&server, "?state=failed").await, [id.as_str()]);
    let metrics = get(&server, "/metrics").await.text();
    assert!(metrics.contains("hashlane_callbacks_undelivered 1"), "{metrics}");

    let reply = replay(&server, &json!({ "job": id })).await;
    assert_eq!((reply.status, shown(&reply)), (200, json!({ "job": id, "replayed": "due" })));
    let reply = replay(&server, &json!({ "job": id })).await;
    assert_eq!((reply.status, shown(&reply)), (200, json!({ "job": id, "replayed": "already-due" })));
    assert_eq!(listed(&server, "?state=failed").await, [""; 0]);
    assert_eq!(listed(&server, "?state=pending").await, [id.as_str()]);
    let job = shown(&get(&server, &format!("/api/jobs/{id}")).await);
    assert_eq!((&job["delivery"]["due_in_ms"], &job["delivery"]["callback_failed"]), (&json!(0), &json!(false)));
    assert_eq!(job["delivery"]["event_id"], format!("evt-{id}"));
    assert_eq!(job["delivery"]["record"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn deliveries_are_selected_by_state_bucket_and_time_and_replayed_page_by_page() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for (second, key) in (0..).zip(["a", "b", "c", "d", "e"]) {
        server.clock.set(Timestamp::from_unix_seconds(NOW + second));
        ids.push(ended(&server, key).await);
        settle(&server, Outcome::DeliveryFailed(said("500", Some(500)))).await;
    }
    ids.reverse();
    assert_eq!(listed(&server, "?state=failed").await, ids);
    assert_eq!(listed(&server, "").await, ids, "failed ones are what is asked for most");
    assert_eq!(listed(&server, &format!("?bucket={BUCKET}")).await, ids);
    assert_eq!(listed(&server, &format!("?bucket={OTHER_BUCKET}")).await, [""; 0]);
    assert_eq!(listed(&server, "?state=delivered").await, [""; 0]);
    let window = "since=2023-11-15T06:13:21%2B0800&until=2023-11-14T22:13:23Z";
    assert_eq!(listed(&server, &format!("?state=failed&{window}")).await, ids[1..4]);

    let mut body = json!({
        "state": "failed", "since": "2023-11-14T22:13:21Z", "until": "2023-11-14T22:13:23Z", "limit": 2,
    });
    let mut counts = Vec::new();
    loop {
        let reply = shown(&replay(&server, &body).await);
        counts.push(reply["replayed"].as_u64());
        if reply["next"].is_null() {
            break;
        }
        body["after"] = reply["next"].clone();
    }
    assert_eq!(counts, [Some(2), Some(1)]);
    assert_eq!(listed(&server, "?state=failed").await, [ids[0].as_str(), ids[4].as_str()]);
    settle(&server, Outcome::Delivered(said("200 OK", Some(200)))).await;
    assert_eq!(listed(&server, "?state=delivered").await.len(), 1);
    let page = shown(&get(&server, "/api/deliveries?state=pending&limit=1").await);
    assert_eq!((page["deliveries"].as_array().map(Vec::len), page["next"].is_string()), (Some(1), true));
}

#[tokio::test]
async fn what_cannot_be_listed_or_replayed_is_told_and_changes_nothing() {
    let server = Server::start().await;
    let waiting = submit(&server, &minimal("a")).await;
    let failed = ended_without_callback(&server).await;
    for (body, status) in [
        (json!({ "job": waiting }), 409),
        (json!({ "job": failed }), 409),
        (json!({ "job": "f93984788066911ed89ed352d4d9d2084" }), 404),
        (json!({ "job": "nonsense" }), 404),
        (json!({}), 400),
        (json!({ "job": failed, "state": "failed" }), 400),
        (json!({ "state": "pending" }), 400),
        (json!({ "state": "lost" }), 400),
        (json!({ "state": "failed", "since": "yesterday" }), 400),
        (json!({ "state": "failed", "after": "x" }), 400),
        (json!({ "state": "failed", "bucket": "absent-1" }), 404),
        (json!({ "state": "failed", "jobs": [] }), 400),
        (json!([]), 400),
    ] {
        let reply = replay(&server, &body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text());
        assert!(shown(&reply)["error"].is_string());
    }
    assert!(replay(&server, &json!({ "job": waiting })).await.text().contains("has not ended"));
    assert!(replay(&server, &json!({ "job": failed })).await.text().contains("has no callback"));
    for (query, status) in
        [("?state=lost", 400), ("?limit=many", 400), ("?State=failed", 400), ("?job=x", 400), ("?bucket=absent-1", 404)]
    {
        assert_eq!(get(&server, &format!("/api/deliveries{query}")).await.status, status, "{query}");
    }
    // A page of another site can ask for nothing to be sent.
    let ask = Ask::new("POST", "/api/deliveries/replay").host(&server.admin.to_string());
    let ask = ask.header("Content-Type", "text/plain").header("Content-Length", "18");
    let foreign = Ask { body: "{\"state\":\"failed\"}".into(), ..ask };
    assert_eq!(foreign.send(server.admin).await.status, 415);
    assert_eq!(server.store.counts().await.expect("counts").deliveries_due, 0);
}

async fn ended_without_callback(server: &Server) -> String {
    let leases = server.store.claim(Stage::Hash, 1, LEASE).await.expect("a claim").leases;
    let waiting = leases[0].token;
    server.store.settle(waiting, Outcome::GivenBack).await.expect("settled");
    let body = minimal("b").replace("</Operation>", "<JobLevel>2</JobLevel></Operation>");
    let id = submit(server, &body).await;
    let token = server.store.claim(Stage::Hash, 1, LEASE).await.expect("a claim").leases[0].token;
    let error = JobError::permanent(FailureCode::NotFound, "the object does not exist");
    server.store.settle(token, Outcome::Failed(error)).await.expect("settled");
    id
}
