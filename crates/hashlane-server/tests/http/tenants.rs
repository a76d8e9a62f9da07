//! Tenants: nobody gets in without a key, and a key sees and touches nothing of another tenant, on any route with any identifier.

use hashlane_server::AccessKey;
use hashlane_wire::{Call, StorageOperation};

use crate::calls::{self, Names};
use crate::exchange::{Ask, Reply};
use crate::jobs::submit;
use crate::server::{BUCKET, NOW, OTHER_BUCKET, Server, bucket, full_key};
use crate::storage::{get, stored};

/// The tenant of the other bucket.
const OTHER: &str = "AKIDother";

/// What nobody has.
fn nothing() -> Names {
    Names {
        job: "f93984788066911ed89ed352d4d9d2084".into(),
        queue: "p00000000000040008000000000000000".into(),
        object: "absent".into(),
        upload: "0".repeat(42),
        source: format!("{OTHER_BUCKET}.cos.ap-chongqing.myqcloud.com/absent"),
    }
}

/// What the tenant of the first bucket has: a waiting job, its queue, an object and an upload with one part.
async fn belongings(server: &Server) -> Names {
    let object = "belongs-to-one".to_owned();
    stored(server, &format!("/{object}"), "abc").await;
    let begun = Ask::new("POST", &format!("/{object}?uploads")).signed().send(server.api).await.expect_ok();
    let upload = begun.split("<UploadId>").nth(1).and_then(|rest| rest.split('<').next()).expect("an id").to_owned();
    stored(server, &format!("/{object}?partNumber=1&uploadId={upload}"), "abc").await;
    let job = submit(server, &crate::jobs::minimal(&object)).await;
    let queue = server.store.queues(&bucket()).await.expect("queues")[0].id.to_string();
    let source = format!("{BUCKET}.cos.ap-chongqing.myqcloud.com/{object}");
    Names { job, queue, object, upload, source }
}

/// All that calls could change of it.
async fn state(server: &Server, names: &Names) -> String {
    let job = get(server, &format!("/file_jobs/{}", names.job)).await.text();
    let queues = server.store.queues(&bucket()).await.expect("queues");
    let object = get(server, &format!("/{}", names.object)).await;
    let parts = get(server, &format!("/{}?uploadId={}", names.object, names.upload)).await;
    let keys = get(server, "/?prefix=").await.text();
    let jobs = get(server, "/file_jobs?tag=FileHashCode").await.text();
    let jobs = jobs.split("</RequestId>").last();
    let object = (object.status, object.text(), object.header("ETag").map(str::to_owned));
    format!("{job} {queues:?} {object:?} {} {} {keys} {jobs:?}", parts.status, parts.text())
}

async fn start() -> Server {
    Server::start_with(|setup| {
        setup.options.keys.extend([
            AccessKey { buckets: vec!["other-*".into()], ..full_key(OTHER, "secret") },
            AccessKey { actions: vec![], ..full_key("AKIDnone", "secret") },
        ]);
    })
    .await
}

fn expect_denied(reply: &Reply, ask: &Ask) {
    let shown = format!("{} {} {:?}", ask.method, ask.target, reply);
    assert_eq!(reply.status, 403, "{shown}");
    reply.check_common();
    if ask.method == "HEAD" {
        assert!(reply.body.is_empty(), "{shown}");
    } else {
        assert_eq!(reply.error().2, "Access Denied.", "{shown}");
    }
}

/// Rule W2.12.
/// Failure rule C2.
#[tokio::test]
async fn every_call_there_is_is_closed_to_who_has_no_key_or_one_without_rights() {
    let server = start().await;
    let names = belongings(&server).await;
    let before = state(&server, &names).await;
    let hosts = hashlane_wire::HostRules { default_bucket: Some(bucket()), ..Default::default() };
    let calls = calls::all();
    assert!(calls.len() > 30, "{calls:?}");
    for call in calls {
        let ask = calls::ask(&call, BUCKET, &names);
        calls::check(&call, &ask, &hashlane_wire::address(&ask.headers[0].1, &hosts));
        for ask in [ask.clone(), ask.clone().header("Authorization", "")] {
            expect_denied(&ask.send(server.api).await, &ask);
        }
        let unknown = ask.clone().signed_by("AKIDnobody", "secret", NOW, NOW + 60).send(server.api).await;
        assert_eq!(unknown.status, 403, "{call:?}");
        // Who holds a key may be told that there is nothing to be done.
        if !call.action().is_empty() {
            let ask = ask.signed_by("AKIDnone", "secret", NOW, NOW + 60);
            expect_denied(&ask.send(server.api).await, &ask);
        }
    }
    assert_eq!(state(&server, &names).await, before);
}

/// Failure rule E3.
#[tokio::test]
async fn no_call_with_any_identifier_crosses_from_one_tenant_to_the_other() {
    let server = start().await;
    let names = belongings(&server).await;
    let before = state(&server, &names).await;
    let by_other = |ask: Ask| ask.signed_by(OTHER, "secret", NOW, NOW + 60);
    let known = [&names.job, &names.queue, &names.upload, &BUCKET.to_owned()];
    for call in calls::all() {
        // To the bucket of the one, with the key of the other: as if the bucket did not exist.
        let is_about_a_bucket =
            !matches!(call, Call::ListServices | Call::Storage { operation: StorageOperation::ListBuckets, .. });
        if is_about_a_bucket {
            let ask = by_other(calls::ask(&call, BUCKET, &names));
            let reply = ask.send(server.api).await;
            expect_denied(&reply, &ask);
            let ghost = by_other(calls::ask(&call, "ghost-1250000000", &names)).send(server.api).await;
            expect_denied(&ghost, &ask);
        }
        // To the own bucket, with each identifier of the one and with all of them: as if it did not exist.
        let mut mixed = vec![names.clone()];
        mixed.push(Names { job: names.job.clone(), ..nothing() });
        mixed.push(Names { queue: names.queue.clone(), ..nothing() });
        mixed.push(Names { upload: names.upload.clone(), ..nothing() });
        mixed.push(Names { source: names.source.clone(), ..nothing() });
        for mixed in mixed {
            let names_other = |text: &str| {
                // What the client itself said may come back.
                let said = calls::ask(&call, OTHER_BUCKET, &mixed);
                let said = format!("{} {} {:?}", said.target, String::from_utf8_lossy(&said.body), said.headers);
                known.iter().any(|known| text.contains(known.as_str()) && !said.contains(known.as_str()))
            };
            let reply = by_other(calls::ask(&call, OTHER_BUCKET, &mixed)).send(server.api).await;
            assert!(!names_other(&reply.text()), "{call:?} {}", reply.text());
            assert_ne!(reply.body, b"abc", "{call:?}");
            let absent = by_other(calls::ask(&call, OTHER_BUCKET, &nothing())).send(server.api).await;
            use StorageOperation::{CopyObject, CopyPart};
            let is_copy = matches!(call, Call::Storage { operation: CopyObject | CopyPart, .. });
            // A copy names another bucket, which is forbidden whether there is something or not.
            if is_copy && mixed.source == names.source {
                reply.expect_error(403, "AccessDenied");
            } else if !matches!(call, Call::CloseService) {
                // Closing names nothing, and is over after the first time.
                assert_eq!(reply.status, absent.status, "{call:?}");
            }
        }
    }
    assert_eq!(state(&server, &names).await, before);
}

/// Failure rule C12.
#[tokio::test]
async fn what_belongs_to_another_bucket_is_answered_like_what_does_not_exist() {
    let server = start().await;
    let names = belongings(&server).await;
    for call in [
        Call::DescribeJobs { ids: vec![] },
        Call::CancelJob { id: String::new() },
        Call::ListQueues,
        Call::UpdateQueue { id: String::new() },
        Call::Storage { key: None, operation: StorageOperation::ListParts },
        Call::Storage { key: None, operation: StorageOperation::UploadPart },
        Call::Storage { key: None, operation: StorageOperation::CompleteUpload },
        Call::Storage { key: None, operation: StorageOperation::AbortUpload },
    ] {
        // Neither words nor the order of headers tell the difference.
        let answer = async |names: &Names| {
            let ask = calls::ask(&call, OTHER_BUCKET, names).signed_by(OTHER, "secret", NOW, NOW + 60);
            let reply = ask.send(server.api).await;
            let mut text = format!("{} {:?} {}", reply.status, reply.headers, reply.text());
            for (name, value) in &reply.headers {
                if name.ends_with("-id") {
                    text = text.replace(value, "ID");
                }
            }
            for own in [&names.job, &names.queue, &names.upload, &names.object] {
                text = text.replace(own.as_str(), "NAME");
            }
            // Its date may be the next second.
            text.split_once("(\"Date\"").map_or(text.clone(), |(head, rest)| {
                format!("{head}{}", rest.split_once("GMT").map_or(rest, |(_, rest)| rest))
            })
        };
        let foreign = Names { object: nothing().object, ..names.clone() };
        let (foreign, absent) = (answer(&foreign).await, answer(&nothing()).await);
        let without_length = |text: &str| {
            text.split_once("Content-Length").map_or(text.to_owned(), |(head, rest)| {
                format!("{head}{}", rest.split_once(')').map_or(rest, |(_, rest)| rest))
            })
        };
        assert_eq!(without_length(&foreign), without_length(&absent), "{call:?}");
    }
}
