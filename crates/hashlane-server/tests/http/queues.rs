//! Queues over the wire (spec section 4): listed, updated, paused, reactivated, full.

use std::time::Duration;

use hashlane_job::{CallbackFormat, Notify, NotifyAddress, Stage};
use hashlane_wire::job_detail;
use hashlane_wire::queue::{QueueDetail, QueueList};

use crate::exchange::{Ask, Reply};
use crate::jobs::{minimal, submit};
use crate::server::{BUCKET, OTHER_HOST, QUEUE, Server, bucket, full_key};

const UPDATE: &str = "<Request><Name>n</Name><State>Active</State><NotifyConfig/></Request>";

pub(crate) fn state(state: &str) -> String {
    UPDATE.replace("Active", state)
}

/// A request with a body, without a Content-Type, as the Python SDK sends it.
fn with_body(method: &str, target: &str, body: &str) -> Ask {
    let ask = Ask::new(method, target).header("Content-Length", &body.len().to_string());
    Ask { body: body.into(), ..ask }
}

pub(crate) async fn update(server: &Server, body: &str) -> Reply {
    with_body("PUT", &format!("/file_queue/{QUEUE}"), body).signed().send(server.api).await
}

async fn list(server: &Server, query: &str) -> QueueList {
    let reply = Ask::get(&format!("/file_queue?{query}")).signed().send(server.api).await;
    QueueList::parse(reply.expect_ok().as_bytes()).expect("queues")
}

async fn job_states(server: &Server, ids: &[String]) -> Vec<String> {
    let reply = Ask::get(&format!("/file_jobs/{}", ids.join(","))).signed().send(server.api).await;
    let (jobs, _) = job_detail::parse(reply.expect_ok().as_bytes()).expect("jobs");
    jobs.into_iter().map(|job| job.state).collect()
}

fn names(list: &QueueList) -> Vec<&str> {
    list.queues.iter().map(|queue| queue.name.as_str()).collect()
}

/// Rules W2.12, W4.1.
#[tokio::test]
async fn the_first_queue_of_a_bucket_is_as_documented() {
    let server = Server::start_with(|setup| setup.opened = false).await;
    let reply = Ask::get("/file_queue?state=All").signed().send(server.api).await;
    let text = reply.expect_ok();
    let id = reply.header("x-ci-request-id").expect("an id");
    assert!(text.contains(&format!("<Response><RequestId>{id}</RequestId><TotalCount>1</TotalCount>")), "{text}");
    let list = QueueList::parse(text.as_bytes()).expect("queues");
    let [queue] = &list.queues[..] else { panic!("one queue: {list:?}") };
    assert_eq!((queue.name.as_str(), queue.category.as_str()), ("queue-file-process-1", "FileProcessing"));
    assert_eq!((queue.state.as_str(), queue.notify.state.as_str()), ("Active", "Off"));
    assert_eq!((queue.max_size, queue.max_concurrent), (10_000_000, 10_000));
    assert_eq!(queue.created, "2023-11-15T06:13:20+0800");
    assert_eq!(queue.queue_id.len(), 33);
}

/// Rules W4.2, W4.3, W4.4, W4.5, W4.7, W4.8.
#[tokio::test]
async fn queues_are_listed_by_page_state_and_id() {
    let server = Server::start().await;
    let settings = |number| hashlane_store::QueueChange {
        name: Some(format!("q{number}")),
        paused: Some(number % 2 == 0),
        ..hashlane_store::QueueChange::default()
    };
    for number in 1..=21 {
        server.store.create_queue(&bucket(), settings(number)).await.expect("stored").expect("the service is open");
    }
    let first = list(&server, "pageNumber=&pageSize=").await;
    assert_eq!((first.total, first.page.number, first.page.size, first.queues.len()), (23, 1, 10, 10));
    let mut all = Vec::new();
    for number in 1..=4 {
        let page = list(&server, &format!("pageNumber={number}&pageSize=7")).await;
        assert_eq!((page.total, page.page.number, page.page.size), (23, number, 7));
        all.extend(page.queues.into_iter().map(|queue| queue.queue_id));
    }
    let whole = list(&server, "pageSize=100").await;
    let ids: Vec<String> = whole.queues.iter().map(|queue| queue.queue_id.clone()).collect();
    assert_eq!(all, ids);
    assert_eq!(list(&server, "pageNumber=5&pageSize=7").await.queues, []);

    assert_eq!(list(&server, "state=Paused").await.total, 10);
    assert_eq!(list(&server, "state=Active&pageSize=100").await.queues.len(), 13);
    assert_eq!(list(&server, "state=All").await.total, 23);
    assert_eq!(list(&server, "category=CateAll&pageSize=1").await.total, 23);

    // A queue in another state exists: it is not listed, and not missing either.
    let some = list(&server, &format!("queueIds={},nonsense,{},{QUEUE}&state=Active", ids[3], "p".repeat(33))).await;
    assert_eq!(names(&some), ["captured"]);
    assert_eq!(some.total, 1);
    assert_eq!(some.missing, ["nonsense".to_owned(), "p".repeat(33)]);
    let elsewhere = Ask::get(&format!("/file_queue?queueIds={QUEUE}")).host(OTHER_HOST).signed();
    let elsewhere = QueueList::parse(elsewhere.send(server.api).await.expect_ok().as_bytes()).expect("queues");
    assert_eq!((elsewhere.total, elsewhere.missing), (0, vec![QUEUE.to_owned()]));

    for query in ["pageNumber=0", "pageSize=0", "pageSize=101", "pageSize=x", "state=Idle"] {
        let reply = Ask::get(&format!("/file_queue?{query}")).signed().send(server.api).await;
        reply.expect_error(400, "InvalidArgument");
    }
}

/// Rules W4.10, W4.22, W4.23, W16.9.
#[tokio::test]
async fn an_update_replaces_name_state_and_notify_config_and_leaves_the_bounds() {
    let server = Server::start().await;
    let body = "<Request><Name>队列-1</Name><State>Paused</State><QueueID>other</QueueID><NotifyConfig><State>On</State>\
                <Event>TaskFinish,WorkflowFinish</Event><Type>Url</Type><Url>http://h/q?a=1&amp;b</Url>\
                <ResultFormat>JSON</ResultFormat></NotifyConfig></Request>";
    server.clock.advance(Duration::from_secs(60));
    for method in ["PUT", "POST"] {
        let reply = with_body(method, &format!("/file_queue/{QUEUE}"), body).signed().send(server.api).await;
        let queue = QueueDetail::parse_updated(reply.expect_ok().as_bytes()).expect("a queue");
        assert_eq!((queue.name.as_str(), queue.state.as_str()), ("队列-1", "Paused"));
        assert_eq!((queue.notify.event.as_str(), queue.notify.kind.as_str()), ("TaskFinish,WorkflowFinish", "Url"));
        assert_eq!((queue.notify.url.as_str(), queue.notify.format.as_str()), ("http://h/q?a=1&b", "JSON"));
        assert_eq!((queue.max_size, queue.max_concurrent), (10_000_000, 10_000));
        assert_eq!(queue.created, "2023-11-15T06:13:20+0800");
        assert_eq!(queue.updated, "2023-11-15T06:14:20+0800");
        assert_eq!(list(&server, &format!("queueIds={QUEUE}")).await.queues, [queue]);
    }
    update(&server, UPDATE).await.expect_ok();
    let queues = server.store.queues(&bucket()).await.expect("queues");
    assert_eq!(queues[1].notify, Notify::default(), "the whole NotifyConfig is replaced");
}

/// Rules W4.24, W14.7.
#[tokio::test]
async fn a_refused_update_changes_nothing() {
    let server = Server::start().await;
    let before = server.store.queues(&bucket()).await.expect("queues");
    let half_on = UPDATE.replace("<NotifyConfig/>", "<NotifyConfig><State>On</State></NotifyConfig>");
    for (body, code) in [
        ("", "MissingContent"),
        ("<Request>", "InvalidContent"),
        ("<Queue/>", "InvalidContent"),
        (&UPDATE.replace(">n<", "><"), "InvalidArgument"),
        (&state("Idle"), "InvalidArgument"),
        (&UPDATE.replace("<NotifyConfig/>", ""), "InvalidArgument"),
        (&half_on.replace("Active", "Paused"), "InvalidArgument"),
    ] {
        update(&server, body).await.expect_error(400, code);
    }
    let target = format!("/file_queue/{QUEUE}");
    let wrong_type = with_body("PUT", &target, UPDATE).header("Content-Type", "application/json").signed();
    wrong_type.send(server.api).await.expect_error(400, "InvalidContentType");
    let wrong_md5 = with_body("PUT", &target, UPDATE).header("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==").signed();
    wrong_md5.send(server.api).await.expect_error(400, "InvalidContent");

    let unknown = with_body("PUT", "/file_queue/p00000000000040008000000000000000", UPDATE).signed();
    unknown.send(server.api).await.expect_error(400, "QueueNotFound");
    let of_another_bucket = with_body("PUT", &target, UPDATE).host(OTHER_HOST).signed();
    of_another_bucket.send(server.api).await.expect_error(400, "QueueNotFound");
    let no_id = with_body("PUT", "/file_queue/first", UPDATE).host(&format!("{BUCKET}.ci.x.myqcloud.com")).signed();
    no_id.send(server.api).await.expect_error(400, "QueueNotFound");
    assert_eq!(server.store.queues(&bucket()).await.expect("queues"), before);
}

/// Rules W4.25, W5.10, W5.19.
#[tokio::test]
async fn pausing_holds_what_waits_and_reactivating_gives_it_back_in_order() {
    let server = Server::start().await;
    let body = |key: &str, level: u8| {
        let level = format!("</FileHashCodeConfig><JobLevel>{level}</JobLevel>");
        minimal(key)
            .replace("</FileHashCodeConfig>", &level)
            .replace("</Request>", &format!("<QueueId>{QUEUE}</QueueId></Request>"))
    };
    let mut ids = Vec::new();
    for (key, level) in [("runs", 0), ("a", 0), ("b", 1), ("c", 0), ("d", 2)] {
        ids.push(submit(&server, &body(key, level)).await);
        if key == "runs" {
            let claimed = server.store.claim(Stage::Hash, 1, Duration::from_secs(30)).await.expect("a claim");
            assert_eq!(claimed.leases.len(), 1);
        }
    }
    update(&server, &state("Paused")).await.expect_ok();
    assert_eq!(job_states(&server, &ids).await, ["Running", "Pause", "Pause", "Pause", "Pause"]);
    // Submitting to a paused queue is accepted; the answer says Submitted, the query says Pause.
    let reply = Ask::submit(body("e", 0)).signed().send(server.api).await;
    let (jobs, _) = job_detail::parse(reply.expect_ok().as_bytes()).expect("a job");
    assert_eq!(jobs[0].state, "Submitted");
    ids.push(jobs[0].job_id.clone());
    assert_eq!(job_states(&server, &ids[5..]).await, ["Pause"]);
    let claimed = server.store.claim(Stage::Hash, 10, Duration::from_secs(30)).await.expect("a claim");
    assert_eq!(claimed.leases.len(), 0);

    update(&server, &state("Active")).await.expect_ok();
    assert_eq!(job_states(&server, &ids[1..]).await, ["Submitted"; 5]);
    let claimed = server.store.claim(Stage::Hash, 10, Duration::from_secs(30)).await.expect("a claim");
    let keys: Vec<&str> = claimed.leases.iter().map(|lease| lease.job.request.object.key.as_str()).collect();
    assert_eq!(keys, ["d", "b", "a", "c", "e"], "the higher level first, then the older");
}

#[tokio::test]
async fn what_a_queue_says_of_callbacks_is_kept_for_its_jobs() {
    let server = Server::start().await;
    let notify = "<NotifyConfig><State>On</State><Event>TaskFinish</Event><Type>Url</Type><Url>http://h/</Url>\
                  <ResultFormat>JSON</ResultFormat></NotifyConfig>";
    update(&server, &UPDATE.replace("<NotifyConfig/>", notify)).await.expect_ok();
    let queues = server.store.queues(&bucket()).await.expect("queues");
    let expected = Notify {
        on: true,
        on_task_finish: true,
        on_workflow_finish: false,
        format: CallbackFormat::Json,
        address: Some(NotifyAddress::Url("http://h/".into())),
    };
    assert_eq!(queues[1].notify, expected);
}

/// Rule W12.5.
#[tokio::test]
async fn a_key_needs_the_action_of_each_queue_call() {
    let actions = ["ci:DescribeFileProcessQueues", "ci:UpdateFileProcessQueue"];
    let server = Server::start_with(|setup| {
        setup.options.keys = actions
            .iter()
            .enumerate()
            .map(|(number, action)| hashlane_server::AccessKey {
                actions: vec![(*action).into()],
                ..full_key(&format!("AKID{number}"), "secret")
            })
            .collect();
    })
    .await;
    for (number, allowed) in [(0, "GET"), (1, "PUT")] {
        for (method, target, body) in
            [("GET", "/file_queue?state=All".to_owned(), ""), ("PUT", format!("/file_queue/{QUEUE}"), UPDATE)]
        {
            let now = crate::server::NOW;
            let ask = with_body(method, &target, body).signed_by(&format!("AKID{number}"), "secret", now, now + 60);
            let reply = ask.send(server.api).await;
            match method == allowed {
                true => drop(reply.expect_ok()),
                false => drop(reply.expect_error(403, "AccessDenied")),
            }
        }
    }
}
