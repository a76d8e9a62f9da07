//! `/api/queues` of the admin listener: queues are made and bounded by whoever is no foreign page.

use serde_json::{Value, json};

use crate::exchange::{Ask, Reply};
use crate::server::{BUCKET, OTHER_BUCKET, QUEUE, Server, bucket};

fn write(server: &Server, method: &str, path: &str, body: &str) -> Ask {
    let ask = Ask::new(method, path).host(&server.admin.to_string());
    let ask = ask.header("Content-Type", "application/json").header("Content-Length", &body.len().to_string());
    Ask { body: body.into(), ..ask }
}

fn shown(reply: &Reply) -> Value {
    assert_eq!(reply.header("Content-Type"), Some("application/json"), "{reply:?}");
    serde_json::from_slice(&reply.body).expect("JSON")
}

async fn list(server: &Server) -> Vec<Value> {
    let reply = Ask::get("/api/queues").host(&server.admin.to_string()).send(server.admin).await;
    shown(&reply)["queues"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_queue_is_made_listed_and_used() {
    let server = Server::start().await;
    let body = json!({ "bucket": BUCKET, "name": "快-2", "max_size": 7, "max_concurrent": 3 }).to_string();
    let reply = write(&server, "POST", "/api/queues", &body).send(server.admin).await;
    let made = shown(&reply);
    assert_eq!((reply.status, &made["name"], &made["state"]), (201, &json!("快-2"), &json!("Active")));
    assert_eq!((&made["max_size"], &made["max_concurrent"]), (&json!(7), &json!(3)));
    assert_eq!(made["created"], "2023-11-14T22:13:20+0000");
    assert_eq!(made["notify"], json!({ "state": "Off", "event": "", "kind": null, "format": "xml" }));
    let queues = list(&server).await;
    assert_eq!(queues.len(), 3);
    assert_eq!(queues[2], made);

    let id = made["id"].as_str().expect("an id");
    let submitted = crate::jobs::minimal("a").replace("</Request>", &format!("<QueueId>{id}</QueueId></Request>"));
    Ask::submit(submitted).signed().send(server.api).await.expect_ok();

    // In a bucket whose service was never open, and with the bounds of the configuration.
    let body = json!({ "bucket": OTHER_BUCKET, "name": "q" }).to_string();
    let reply = write(&server, "POST", "/api/queues", &body).send(server.admin).await;
    assert_eq!((reply.status, &shown(&reply)["max_size"]), (201, &json!(10_000_000)));
    assert_eq!(list(&server).await.len(), 5);
}

#[tokio::test]
async fn bounds_are_changed_and_nothing_else() {
    let server = Server::start().await;
    let before = server.store.queues(&bucket()).await.expect("queues")[1].clone();
    let path = format!("/api/queues/{QUEUE}");
    let reply = write(&server, "PATCH", &path, "{\"max_concurrent\": 1}").send(server.admin).await;
    assert_eq!((reply.status, &shown(&reply)["max_concurrent"]), (200, &json!(1)));
    let reply = write(&server, "PATCH", &path, "{\"max_size\": 2}").send(server.admin).await;
    assert_eq!((&shown(&reply)["max_concurrent"], &shown(&reply)["max_size"]), (&json!(1), &json!(2)));
    let after = server.store.queues(&bucket()).await.expect("queues")[1].clone();
    let expected = hashlane_job::Queue { jobs_waiting_max: 2, jobs_running_max: 1, ..before };
    assert_eq!(after, expected);
}

#[tokio::test]
async fn what_cannot_be_done_is_told_and_changes_nothing() {
    let server = Server::start().await;
    let before = list(&server).await;
    let path = format!("/api/queues/{QUEUE}");
    let long = json!({ "bucket": BUCKET, "name": "q".repeat(200_000) }).to_string();
    for (method, path, body, status) in [
        ("POST", "/api/queues", "", 400),
        ("POST", "/api/queues", "[]", 400),
        ("POST", "/api/queues", "{\"name\": \"q\"}", 400),
        ("POST", "/api/queues", "{\"bucket\": \"demo-1250000000\", \"name\": \"a b\"}", 400),
        ("POST", "/api/queues", "{\"bucket\": \"demo-1250000000\", \"name\": \"\"}", 400),
        ("POST", "/api/queues", "{\"bucket\": \"demo-1250000000\", \"name\": \"q\", \"max\": 1}", 400),
        ("POST", "/api/queues", "{\"bucket\": \"demo-1250000000\", \"name\": \"q\", \"max_size\": 0}", 400),
        ("POST", "/api/queues", "{\"bucket\": \"demo-1250000000\", \"name\": \"q\", \"max_size\": -1}", 400),
        (
            "POST",
            "/api/queues",
            "{\"bucket\": \"demo-1250000000\", \"name\": \"q\", \"max_concurrent\": 1000000001}",
            400,
        ),
        ("POST", "/api/queues", "{\"bucket\": \"absent-1\", \"name\": \"q\"}", 404),
        ("POST", "/api/queues", &long, 413),
        ("PATCH", &path, "{}", 400),
        ("PATCH", &path, "{\"max_size\": \"many\"}", 400),
        ("PATCH", &path, "{\"name\": \"other\"}", 400),
        ("PATCH", "/api/queues/p00000000000040008000000000000000", "{\"max_size\": 1}", 404),
        ("PATCH", "/api/queues/nonsense", "{\"max_size\": 1}", 404),
    ] {
        let reply = write(&server, method, path, body).send(server.admin).await;
        let shown_body = &body[..body.len().min(100)];
        assert_eq!(reply.status, status, "{method} {path} {shown_body}: {}", reply.text());
        assert!(shown(&reply)["error"].is_string());
    }
    for (method, path) in
        [("DELETE", path.as_str()), ("PUT", "/api/queues"), ("POST", "/api/jobs/x"), ("PATCH", "/api/queues")]
    {
        assert_eq!(write(&server, method, path, "{}").send(server.admin).await.status, 405, "{method} {path}");
    }
    assert_eq!(list(&server).await, before);
}

#[tokio::test]
async fn a_page_of_another_site_can_change_nothing() {
    let server = Server::start().await;
    let before = list(&server).await;
    let body = "{\"max_size\": 1}";
    let path = format!("/api/queues/{QUEUE}");
    let own = format!("http://{}", server.admin);
    let with = |headers: &[(&str, &str)]| {
        let ask = Ask::new("PATCH", &path).host(&server.admin.to_string());
        let ask = ask.header("Content-Length", &body.len().to_string());
        let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        Ask { body: body.into(), ..ask }
    };
    for (headers, status) in [
        (&[] as &[(&str, &str)], 415),
        (&[("Content-Type", "text/plain")], 415),
        (&[("Content-Type", "application/x-www-form-urlencoded")], 415),
        (&[("Content-Type", "application/json"), ("Origin", "http://evil.example.com")], 403),
        (&[("Content-Type", "application/json"), ("Origin", "null")], 403),
        (&[("Content-Type", "application/json"), ("Origin", &format!("{own}.evil.example.com"))], 403),
        (&[("Content-Type", "application/json"), ("Origin", "http://127.0.0.1:1")], 403),
    ] {
        let reply = with(headers).send(server.admin).await;
        assert_eq!(reply.status, status, "{headers:?}");
    }
    let rebound = with(&[("Content-Type", "application/json")]).host("evil.example.com").send(server.admin).await;
    assert_eq!(rebound.status, 403);
    assert_eq!(list(&server).await, before);

    let own_page = with(&[("Content-Type", "application/json; charset=utf-8"), ("Origin", &own)]);
    assert_eq!(own_page.send(server.admin).await.status, 200);
}
