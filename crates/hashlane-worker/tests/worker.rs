//! The worker with everything real around it: what becomes of jobs and their callbacks.

mod results;
mod world;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use hashlane_job::{
    AttemptOutcome, CallbackAddress, CallbackFormat, CallbackRequest, DeliveryState, FailureCode, JobState, MqMode,
    MqTarget, NewJob, Notify, NotifyAddress, Stage, event_id,
};
use hashlane_lanes::Algorithm;
use hashlane_store::{Cancelled, Replayed};
use hashlane_worker::Permission;
use world::{REGION, Receiver, Reply, World, soon};

const MD5_OF_ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

/// Rule W9.8.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_ends_with_its_digest_and_its_callback_arrives_exactly_once() {
    let world = World::create().await;
    let receiver = Receiver::start(Reply::Statuses(&[200])).await;
    let worker = world.start(|_, _| {});
    world.put("abc", b"abc");
    let id = world.submit_with_callback("abc", receiver.url(), None).await;

    let job = world.called_back(id).await;
    assert_eq!((job.state, job.progress), (JobState::Succeeded, 100));
    let facts = job.facts.expect("a job that succeeded has facts");
    assert_eq!(facts.digests[0].to_string(), MD5_OF_ABC);
    assert_eq!(facts.size_bytes, 3);
    assert_eq!((job.delivery.state, job.delivery.attempts), (DeliveryState::Delivered, 1));
    assert_eq!(job.delivery.last.as_deref(), Some("200 OK"));

    worker.stop().await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("content-type"), "application/xml");
    assert_eq!(requests[0].header("x-ci-job-id"), id.to_string());
    for part in ["<EventName>TaskFinish</EventName>", MD5_OF_ABC, &id.to_string(), REGION, "<State>Success</State>"] {
        assert!(requests[0].body.contains(part), "{part} in {}", requests[0].body);
    }
}

/// Rule W9.12.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_in_json_is_json() {
    let world = World::create().await;
    let receiver = Receiver::start(Reply::Statuses(&[204])).await;
    let worker = world.start(|_, _| {});
    world.put("abc", b"abc");
    let id = world.submit_with_callback("abc", receiver.url(), Some(CallbackFormat::Json)).await;
    world.called_back(id).await;
    let request = &receiver.requests()[0];
    assert_eq!(request.header("content-type"), "application/json");
    assert!(request.body.starts_with('{') && request.body.contains(MD5_OF_ABC), "{}", request.body);
    assert!(request.body.contains(r#""JobsDetail":{"#), "{}", request.body);
    worker.stop().await;

    let worker = world.start(|options, _| options.callback_json_array = true);
    let id = world.submit_with_callback("abc", receiver.url(), Some(CallbackFormat::Json)).await;
    world.called_back(id).await;
    let request = &receiver.requests()[1];
    assert!(request.body.contains(r#""JobsDetail":[{"#), "{}", request.body);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_algorithms_and_many_jobs_end_with_the_right_digests() {
    let world = World::create().await;
    let worker = world.start(|_, _| {});
    world.put("abc", b"abc");
    let mut jobs = Vec::new();
    for _ in 0..100 {
        for (algorithm, digest) in [
            (Algorithm::Md5, MD5_OF_ABC),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            jobs.push((world.submit(NewJob { algorithm, ..world.job("abc") }).await, digest));
        }
    }
    for (id, digest) in jobs {
        let job = world.ended(id).await;
        assert_eq!(job.facts.expect("it succeeded").digests[0].to_string(), digest);
        assert_eq!(job.delivery.state, DeliveryState::None);
    }
    worker.stop().await;
}

/// D8: the id of the event is constant, that of the attempt is fresh.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_says_500_twice_gets_the_third_attempt_of_the_same_event() {
    let world = World::create().await;
    let receiver = Receiver::start(Reply::Statuses(&[500, 500, 200])).await;
    let worker = world.start(|_, _| {});
    world.put("abc", b"abc");
    let id = world.submit_with_callback("abc", receiver.url(), None).await;
    let job = world.called_back(id).await;
    assert_eq!((job.delivery.state, job.delivery.attempts), (DeliveryState::Delivered, 3));
    worker.stop().await;

    let requests = receiver.requests();
    assert_eq!(requests.len(), 3);
    let event_ids: Vec<&str> = requests.iter().map(|request| request.header("x-ci-event-id")).collect();
    assert!(event_ids.iter().all(|event_id| *event_id == event_ids[0]), "{event_ids:?}");
    let mut request_ids: Vec<&str> = requests.iter().map(|request| request.header("x-ci-request-id")).collect();
    request_ids.sort_unstable();
    request_ids.dedup();
    assert_eq!(request_ids.len(), 3, "{request_ids:?}");
    assert!(requests.iter().all(|request| request.body == requests[0].body));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_nobody_takes_is_given_up_and_recorded_and_the_job_keeps_its_result() {
    let world = World::create().await;
    let receiver = Receiver::start(Reply::Statuses(&[503])).await;
    let worker = world.start(|options, _| options.delivery_attempts_max = 4);
    world.put("abc", b"abc");
    let id = world.submit_with_callback("abc", receiver.url(), None).await;
    let job = world.called_back(id).await;
    assert_eq!((job.delivery.state, job.delivery.attempts), (DeliveryState::Failed, 4));
    assert_eq!(job.delivery.last.as_deref(), Some("503 Service Unavailable"));
    assert_eq!(job.state, JobState::Succeeded);
    assert_eq!(receiver.requests().len(), 4);
    worker.stop().await;
}

/// D8, D10: a replay is the same event with the same body, and every attempt stands in the record.
/// Failure rule D10.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_was_given_up_and_is_replayed_is_the_same_event_and_stands_in_the_record() {
    let world = World::create().await;
    let receiver = Receiver::start(Reply::Statuses(&[503, 503, 200])).await;
    let worker = world.start(|options, _| options.delivery_attempts_max = 2);
    world.put("abc", b"abc");
    let id = world.submit_with_callback("abc", receiver.url(), None).await;
    assert_eq!(world.called_back(id).await.delivery.state, DeliveryState::Failed);
    let replayed = world.store.replay(vec![(world.bucket.clone(), id)], None).await;
    assert_eq!(replayed, Ok(vec![Replayed::Due]));
    world.until(id, |job| job.delivery.state == DeliveryState::Delivered).await;
    worker.stop().await;

    let requests = receiver.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.header("x-ci-event-id"), event_id(id));
        assert_eq!(request.body, requests[0].body);
    }
    let record = world.store.delivery_record(&world.bucket, id).await.expect("it is read").expect("it exists");
    let shown: Vec<_> = record.attempts.iter().map(|it| (it.number, it.outcome, it.status)).collect();
    let expected = [
        (1, AttemptOutcome::Retried, Some(503)),
        (2, AttemptOutcome::Failed, Some(503)),
        (1, AttemptOutcome::Delivered, Some(200)),
    ];
    assert_eq!(shown, expected);
    assert!(record.attempts.iter().all(|it| it.took.is_some_and(|took| took < Duration::from_secs(10))));
}

/// D7: 410 stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_asked_once() {
    let world = World::create().await;
    let receiver = Receiver::start(Reply::Statuses(&[410])).await;
    let worker = world.start(|_, _| {});
    world.put("abc", b"abc");
    let id = world.submit_with_callback("abc", receiver.url(), None).await;
    let job = world.called_back(id).await;
    assert_eq!((job.delivery.state, job.delivery.attempts), (DeliveryState::Failed, 1));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_address_is_a_recorded_failed_delivery_and_is_never_connected_to() {
    let world = World::create().await;
    let receiver = Receiver::start(Reply::Statuses(&[200])).await;
    let worker = world.start(|_, callback| callback.allow_networks.clear());
    world.put("abc", b"abc");
    let id = world.submit_with_callback("abc", receiver.url(), None).await;
    let job = world.called_back(id).await;
    assert_eq!(job.delivery.state, DeliveryState::Failed);
    let last = job.delivery.last.expect("the reason");
    assert!(last.contains("loopback") && last.contains("allow_networks"), "{last}");
    assert_eq!(receiver.requests().len(), 0);
    worker.stop().await;
}

/// Rule W9.13.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_queue_target_ends_as_a_recorded_failed_delivery_with_the_reason() {
    let world = World::create().await;
    let worker = world.start(|_, _| {});
    world.put("abc", b"abc");
    let queue = MqTarget { region: "gz".into(), mode: MqMode::Queue, name: "my-queue".into() };
    let callback = CallbackRequest { address: CallbackAddress::Mq(queue), format: None };
    let id = world.submit(NewJob { callback, ..world.job("abc") }).await;
    let job = world.called_back(id).await;
    assert_eq!((job.state, job.delivery.state), (JobState::Succeeded, DeliveryState::Failed));
    let last = job.delivery.last.expect("the reason");
    for part in ["no broker is configured", "gz", "[mq.gz]"] {
        assert!(last.contains(part), "{last}");
    }
    worker.stop().await;
}

/// Rules W9.1, W9.4.
#[tokio::test(flavor = "multi_thread")]
async fn the_queues_address_is_used_when_the_job_says_nothing_and_silence_is_silent() {
    let world = World::create().await;
    let receiver = Receiver::start(Reply::Statuses(&[200])).await;
    let mut queue = world.store.queues(&world.bucket).await.expect("the store answers").remove(0);
    queue.notify = Notify {
        on: true,
        on_task_finish: true,
        on_workflow_finish: false,
        format: CallbackFormat::Json,
        address: Some(NotifyAddress::Url(receiver.url())),
    };
    world.store.put_queue(queue).await.expect("the queue is stored");
    let worker = world.start(|_, _| {});
    world.put("abc", b"abc");
    let silent = CallbackRequest { address: CallbackAddress::Silent, format: None };
    let quiet = world.submit(NewJob { callback: silent, ..world.job("abc") }).await;
    let loud = world.submit(world.job("abc")).await;
    assert_eq!(world.called_back(loud).await.delivery.state, DeliveryState::Delivered);
    assert_eq!(world.ended(quiet).await.delivery.state, DeliveryState::None);
    worker.stop().await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("x-ci-job-id"), loud.to_string());
    assert_eq!(requests[0].header("content-type"), "application/json");
}

/// Rule W9.8.
/// Failure rules A10, B7.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_fails_with_its_code_and_a_callback_says_so() {
    let world = World::create().await;
    let receiver = Receiver::start(Reply::Statuses(&[200])).await;
    let worker = world.start(|_, _| {});
    let id = world.submit_with_callback("missing", receiver.url(), None).await;
    let job = world.called_back(id).await;
    assert_eq!(job.state, JobState::Failed);
    let error = job.error.expect("a failed job has a reason");
    assert_eq!(error.code, FailureCode::NotFound);
    assert!(!error.message.contains("/tmp"), "{}", error.message);
    assert_eq!((job.delivery.state, job.delivery.attempts), (DeliveryState::Delivered, 1));
    let body = &receiver.requests()[0].body;
    for part in ["<State>Failed</State>", "<Code>ResourceNotFound</Code>"] {
        assert!(body.contains(part), "{part} in {body}");
    }
    worker.stop().await;
}

/// Failure rule E3.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_key_lost_its_permission_fails_before_its_object_is_looked_at() {
    let world = World::create().await;
    world.put("abc", b"abc");
    let by = |key: &str, submitter: &str| NewJob { submitter: Some(submitter.into()), ..world.job(key) };
    let allowed = world.submit(by("abc", "AKIDstays")).await;
    // That it does not exist is not told either.
    let refused = [world.submit(by("abc", "AKIDgone")).await, world.submit(by("absent", "AKIDgone")).await];
    let worker = world.start(|options, _| {
        options.permission = Permission::asking(|job| job.submitter.as_deref() == Some("AKIDstays"));
    });
    assert_eq!(world.ended(allowed).await.state, JobState::Succeeded);
    for id in refused {
        let job = world.ended(id).await;
        let error = job.error.expect("it failed");
        assert_eq!((job.state, error.code), (JobState::Failed, FailureCode::Denied), "{error}");
        assert!(error.message.contains("may not use the object any more"), "{error}");
    }
    worker.stop().await;
}

/// Failure rule B2.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changes_while_it_is_read_is_tried_again_until_it_holds_still() {
    let world = World::create().await;
    world.put("restless", &vec![0; 8 << 20]);
    let path = world.path("restless");
    let calm = Arc::new(AtomicBool::new(false));
    let touching = std::thread::spawn({
        let calm = calm.clone();
        move || {
            let file = File::options().write(true).open(path).expect("the object");
            let mut modified = SystemTime::UNIX_EPOCH;
            while !calm.load(Ordering::SeqCst) {
                modified += Duration::from_secs(1);
                file.set_modified(modified).expect("the time can be set");
            }
        }
    });
    let worker = world.start(|_, _| {});
    // On a busy machine the object may hold still for as long as it is read; then the next job is tried.
    let (id, job) = loop {
        let id = world.submit(world.job("restless")).await;
        let job = world.until(id, |job| job.error.is_some() || job.state == JobState::Succeeded).await;
        if job.state != JobState::Succeeded {
            break (id, job);
        }
    };
    assert_eq!(job.state, JobState::Waiting);
    assert_eq!(job.error.expect("the reason of the last attempt").code, FailureCode::Changed);
    calm.store(true, Ordering::SeqCst);
    touching.join().expect("the thread ends");
    assert_eq!(world.ended(id).await.state, JobState::Succeeded);
    worker.stop().await;
}

/// D6.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_does_not_hold_up_the_callbacks_of_others() {
    let world = World::create().await;
    let hanging = Receiver::start(Reply::Hang).await;
    let healthy = Receiver::start(Reply::Statuses(&[200])).await;
    // Two slots: if the hanging receiver got both, nothing else would be delivered within the patience of this test.
    let worker = world.start(|options, callback| {
        options.deliveries_max = 2;
        options.grace = Duration::ZERO;
        callback.timeout = Duration::from_secs(600);
    });
    world.put("abc", b"abc");
    let mut stuck = Vec::new();
    for _ in 0..500 {
        stuck.push(world.submit_with_callback("abc", hanging.url(), None).await);
    }
    hanging.until_requests(1).await;
    for _ in 0..20 {
        let id = world.submit_with_callback("abc", healthy.url(), None).await;
        assert_eq!(world.called_back(id).await.delivery.attempts, 1);
    }
    for id in stuck {
        assert_eq!(world.ended(id).await.delivery.state, DeliveryState::Due);
    }
    assert_eq!(hanging.requests().len(), 1);
    soon("the stop", worker.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_stops_being_read_and_frees_its_slot() {
    let world = World::create().await;
    world.put_endless("endless");
    world.put("abc", b"abc");
    // The stop would wait for the reading for ever, if it went on.
    let worker = world.start(|options, _| options.grace = Duration::from_secs(3600));
    let id = world.submit(world.job("endless")).await;
    world.until(id, |job| job.state == JobState::Running).await;
    let cancelled = world.store.cancel(&world.bucket, id).await.expect("the store answers");
    assert_eq!(cancelled, Cancelled::Done);
    let other = world.submit(world.job("abc")).await;
    assert_eq!(world.ended(other).await.state, JobState::Succeeded);
    soon("the stop", worker.stop()).await;
    assert_eq!(world.get(id).await.state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_identical_jobs_run_at_once_and_leave_room_for_others() {
    let world = World::create().await;
    world.put_endless("endless");
    world.put("abc", b"abc");
    let worker = world.start(|options, _| options.grace = Duration::ZERO);
    assert!(world.engine.slots() < 500, "fewer slots than jobs");
    let mut jobs = Vec::new();
    for _ in 0..1_000 {
        jobs.push(world.submit(world.job("endless")).await);
    }
    for id in &jobs {
        world.until(*id, |job| job.state == JobState::Running).await;
    }
    let other = world.submit(world.job("abc")).await;
    assert_eq!(world.ended(other).await.state, JobState::Succeeded);
    for id in &jobs {
        world.store.cancel(&world.bucket, *id).await.expect("the store answers");
    }
    soon("the stop", worker.stop()).await;
    assert_eq!(world.get(jobs[999]).await.state, JobState::Cancelled);
}

/// Failure rule A24.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_running_jobs_back_without_charging_the_attempt() {
    let world = World::create().await;
    world.put_endless("endless");
    let worker = world.start(|options, _| options.grace = Duration::ZERO);
    let id = world.submit(world.job("endless")).await;
    world.until(id, |job| job.state == JobState::Running).await;
    soon("the stop", worker.stop()).await;
    assert_eq!(world.get(id).await.state, JobState::Waiting);
    let claimed = world.store.claim(Stage::Hash, 10, Duration::from_secs(30)).await.expect("the store answers");
    assert_eq!(claimed.leases.iter().map(|lease| (lease.token.job, lease.attempt)).collect::<Vec<_>>(), [(id, 1)]);
}

/// Failure rule A11.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_callbacks_that_wait_at_a_stop_are_taken_up_by_the_next_worker() {
    let world = World::create().await;
    let receiver = Receiver::start(Reply::Statuses(&[200])).await;
    world.put("abc", b"abc");
    let mut jobs = Vec::new();
    for _ in 0..200 {
        jobs.push(world.submit_with_callback("abc", receiver.url(), None).await);
    }
    for _ in 0..5 {
        let worker = world.start(|_, _| {});
        receiver.until_requests(receiver.requests().len() + 5).await;
        soon("the stop", worker.stop()).await;
    }
    let worker = world.start(|_, _| {});
    for id in &jobs {
        let job = world.called_back(*id).await;
        assert_eq!((job.state, job.delivery.state), (JobState::Succeeded, DeliveryState::Delivered));
    }
    worker.stop().await;
    // Stopping is no crash: what was sent was recorded.
    assert_eq!(receiver.requests().len(), jobs.len());
}

/// Rule W8.2.
#[tokio::test(flavor = "multi_thread")]
async fn the_digest_is_stored_at_the_object_before_the_job_succeeds() {
    let world = World::create().await;
    let worker = world.start(|_, _| {});
    world.put("abc", b"abc");
    let id = world.submit(NewJob { add_to_header: true, ..world.job("abc") }).await;
    let job = world.ended(id).await;
    // On a file system without extended attributes the job fails instead, and says so.
    match job.state {
        JobState::Succeeded => assert_eq!(job.facts.expect("facts").digests[0].to_string(), MD5_OF_ABC),
        _ => assert_eq!(job.error.expect("the reason").code, FailureCode::HeaderDenied),
    }
    worker.stop().await;
}

/// Failure rule A25.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_leave_when_their_retention_is_over() {
    let world = World::create().await;
    let worker = world.start(|options, _| options.retention = Duration::ZERO);
    world.put("abc", b"abc");
    let id = world.submit(world.job("abc")).await;
    soon("the deletion", async {
        let mut often = tokio::time::interval(Duration::from_millis(10));
        while !world.store.get(&world.bucket, &[id]).await.expect("the store answers").is_empty() {
            often.tick().await;
        }
    })
    .await;
    worker.stop().await;
}
